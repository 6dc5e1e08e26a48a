"""Whatever is sent to the endpoints for clients, the answer is an OAuth error or what was asked for; never a 5xx."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.idp import CLIENT_CREDENTIALS, TOKEN_EXCHANGE, Client
from skerry.idp.client_assertions import TYPE
from skerry.idp.id_jag import ID_JAG, ID_TOKEN
from skerry.idp.realms import JWT_BEARER
from tests.fuzz.effort import examples
from tests.kit.assertions import client_claims, signed
from tests.kit.idp import DESK, POOL, SECRETS, Desk, with_client
from tests.kit.idp import desk as running_desk
from tests.kit.issuer import rsa_key

SIGNER = Client(
    id="signer",
    grants=(CLIENT_CREDENTIALS, TOKEN_EXCHANGE, JWT_BEARER),
    token_endpoint_auth_method="private_key_jwt",
    audiences=("desk-gateway",),
    jwks={"keys": [rsa_key("signer").as_dict(private=False)]},
    id_jag_audiences={"pool": "chat"},
)
PUBLIC = Client(id="public", token_endpoint_auth_method="none")
REALM = replace(
    with_client(with_client(DESK, SIGNER), PUBLIC),
    registration="open",
    client_documents=True,
    lifetime=86_400,
)

ANY_TEXT = st.text(max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | ANY_TEXT | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=6,
)
CLIENTS = st.sampled_from(
    ["chat", "gateway", "signer", "public", "nobody", "", "https://127.0.0.1/c", "https://[::1]/", "https://a b/", "://"]
)  # fmt: skip
GRANTS = st.sampled_from(
    [CLIENT_CREDENTIALS, TOKEN_EXCHANGE, JWT_BEARER, "authorization_code", "refresh_token", "password", ""]
)


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with running_desk(REALM, POOL) as running:
        yield running


def is_answer(answer: httpx2.Response) -> None:
    assert answer.status_code < 500, answer.text
    assert answer.headers["cache-control"] == "no-store"
    if answer.status_code >= 400:
        assert set(answer.json()) == {"error", "error_description"}
        assert answer.status_code != 401 or "www-authenticate" in answer.headers


@given(st.data())
@examples(60)
def test_any_claims_and_headers_of_an_assertion(desk: Desk, data: st.DataObject):
    claims: dict[str, Any] = client_claims("signer", desk.idp.issuers["desk"], time.time())
    claims |= data.draw(st.dictionaries(st.sampled_from([*claims, "nbf", "x"]), JSON, max_size=3))
    header = data.draw(
        st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "b64", "x"]), JSON, max_size=2)
    )
    raw = json.dumps(claims).encode() if data.draw(st.booleans()) else data.draw(st.binary(max_size=60))
    form = {
        "grant_type": data.draw(GRANTS),
        "client_assertion_type": TYPE,
        "client_assertion": signed(raw, rsa_key("signer"), header=header),
    }
    is_answer(desk.http.post(desk.idp.token_endpoint("desk"), data=form))


@given(st.data())
@examples(100)
def test_any_form_of_any_client(desk: Desk, data: st.DataObject):
    names = ["client_id", "client_secret", "client_assertion", "client_assertion_type", "scope", "resource"]
    names += ["audience", "subject_token", "subject_token_type", "requested_token_type", "assertion", "code"]
    values = ANY_TEXT | st.sampled_from([TYPE, ID_JAG, ID_TOKEN, *SECRETS.values(), "a.b.c", "desk-gateway"])
    form = data.draw(st.dictionaries(st.sampled_from(names), values, max_size=6))
    form |= {"grant_type": data.draw(GRANTS), "client_id": data.draw(CLIENTS)}
    is_answer(desk.http.post(desk.idp.token_endpoint("desk"), data=form))


@given(st.data())
@examples(60)
def test_any_token_as_subject_or_assertion(desk: Desk, data: st.DataObject):
    issuer = desk.idp.issuers["desk"]
    claims: dict[str, Any] = {"iss": issuer, "sub": "ann", "aud": "signer", "iat": 1, "exp": 2_000_000_000}
    claims |= data.draw(
        st.dictionaries(st.sampled_from([*claims, "act", "may_act", "scope", "resource"]), JSON, max_size=3)
    )
    kid = desk.jwks()["keys"][0]["kid"]
    typ = data.draw(st.sampled_from(["at+jwt", "JWT", "oauth-id-jag+jwt", None]))
    token = signed(claims, rsa_key("signer"), header={"kid": kid, "typ": typ})
    form = {
        "grant_type": data.draw(GRANTS),
        "client_assertion_type": TYPE,
        "client_assertion": signed(client_claims("signer", issuer, time.time()), rsa_key("signer")),
        "subject_token": token,
        "assertion": token,
        "subject_token_type": data.draw(
            st.sampled_from([ID_TOKEN, "urn:ietf:params:oauth:token-type:access_token"])
        ),
        "requested_token_type": data.draw(st.sampled_from(["", ID_JAG])),
        "audience": data.draw(st.sampled_from([desk.idp.issuers["pool"], "x"])),
    }
    is_answer(desk.http.post(desk.idp.token_endpoint("desk"), data=form))


@given(st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()))
@examples(60)
def test_any_body_of_a_registration(desk: Desk, body: bytes):
    headers = {"content-type": "application/json"}
    is_answer(desk.http.post(f"{desk.idp.issuers['desk']}/oauth2/register", content=body, headers=headers))


@given(st.sampled_from(["GET", "PUT", "DELETE"]), ANY_TEXT, st.binary(max_size=40), JSON)
@examples(40)
def test_any_request_to_manage_a_registration(desk: Desk, method: str, client: str, token: bytes, body: Any):
    name = quote(client, safe="").replace(".", "%2E") or "x"
    place = f"{desk.idp.issuers['desk']}/oauth2/register/{name}"
    printable = bytes(byte for byte in token if byte > 32 and byte != 127)
    content = json.dumps(body).encode() if method == "PUT" else b""
    headers = {"authorization": b"Bearer x" + printable, "content-type": b"application/json"}
    is_answer(desk.http.request(method, place, headers=headers, content=content))
