"""`private_key_jwt`: every rule of RFC 7523 has its negative, and strangers' clients work."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey
from mcp.client.auth.extensions.client_credentials import SignedJWTParameters

from skerry.auth.http.guarded import Guard
from skerry.auth.jwt.assertions import Expected, verify
from skerry.errors import TokenError
from skerry.idp import CLIENT_CREDENTIALS, Client
from skerry.idp.client_assertions import TYPE
from skerry.idp.clients.client_keys import ClientKeys
from tests.kit.assertions import client_claims, signed
from tests.kit.clock import FakeClock
from tests.kit.http_peer import Exchange, HttpPeer
from tests.kit.idp import DESK, Desk, with_client
from tests.kit.idp import desk as running_desk
from tests.kit.issuer import ec_key, rsa_key, segment

GRANT = {"grant_type": CLIENT_CREDENTIALS, "client_assertion_type": TYPE}


def signing_client(name: str, *keys: RSAKey | ECKey, **members: Any) -> Client:
    jwks = {"keys": [key.as_dict(private=False) for key in keys]}
    usual = {"token_endpoint_auth_method": "private_key_jwt", "audiences": ("desk-gateway",)}
    return Client(id=name, **{**usual, **({"jwks": jwks} if keys else {}), **members})


SIGNER = signing_client("signer", rsa_key("signer"), ec_key("signer-ec"))
OTHER = signing_client("other", rsa_key("other"))
ONLY_RS = signing_client("only-rs", rsa_key("only-rs"), token_endpoint_auth_signing_alg="RS256")
PUBLIC = Client(
    id="public", token_endpoint_auth_method="none", grants=(CLIENT_CREDENTIALS,), audiences=("desk-gateway",)
)
REALM = DESK
for each in (SIGNER, OTHER, ONLY_RS, PUBLIC):
    REALM = with_client(REALM, each)


class Signing:
    """The desk with clients that sign, and its clock."""

    def __init__(self, desk: Desk, clock: FakeClock) -> None:
        self.desk = desk
        self.clock = clock
        self.issuer = desk.idp.issuers["desk"]
        self.endpoint = desk.idp.token_endpoint("desk")

    def claims(self, client: str = "signer", **changes: Any) -> dict[str, Any]:
        return client_claims(client, self.issuer, self.clock.time(), **changes)

    def post(self, assertion: str, **form: str) -> httpx2.Response:
        return self.desk.http.post(self.endpoint, data={**GRANT, "client_assertion": assertion, **form})

    def ask(
        self, *, key: Any = None, header: dict[str, Any] | None = None, **changes: Any
    ) -> httpx2.Response:
        return self.post(signed(self.claims(**changes), key or rsa_key("signer"), header=header))


@pytest.fixture(scope="module")
def signing() -> Iterator[Signing]:
    clock = FakeClock()
    with running_desk(REALM, clock=clock) as desk:
        yield Signing(desk, clock)


def refused(answer: httpx2.Response) -> bool:
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), answer.text
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert "access_token" not in answer.json()
    return True


@pytest.mark.behaviour("IDP-KEY-METHOD")
def test_a_client_that_signs_gets_a_token(signing: Signing):
    answer = signing.ask()
    assert answer.status_code == 200, answer.text
    assert signing.desk.claims(answer.json()["access_token"])["client_id"] == "signer"
    assert signing.ask(aud=signing.endpoint).status_code == 200
    assert signing.ask(aud=[signing.issuer]).status_code == 200
    assert signing.ask(aud=[signing.issuer, signing.endpoint]).status_code == 200
    assert signing.ask(key=ec_key("signer-ec")).status_code == 200
    assert signing.ask(header={"alg": "RS256", "kid": None}).status_code == 200, (
        "no key id: every key is tried"
    )
    assert signing.ask(header={"typ": "JWT"}).status_code == 200
    assert signing.ask(header={"typ": "client-authentication+jwt"}).status_code == 200
    assert signing.post(signed(signing.claims(), rsa_key("signer")), client_id="signer").status_code == 200


WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "no iss": {"iss": None},
    "no sub": {"sub": None},
    "no aud": {"aud": None},
    "no exp": {"exp": None},
    "no iat": {"iat": None},
    "no jti": {"jti": None},
    "an empty jti": {"jti": ""},
    "a jti that is a number": {"jti": 5},
    "a long jti": {"jti": "x" * 257},
    "iss of another": {"iss": "other"},
    "sub of another": {"sub": "other"},
    "sub that is nobody": {"sub": "nobody", "iss": "nobody"},
    "sub of a client with a secret": {"sub": "chat", "iss": "chat"},
    "sub that is half a character": {"sub": "\ud800", "iss": "\ud800"},
    "sub of a public client": {"sub": "public", "iss": "public"},
    "aud of another server": {"aud": "https://idp.example/desk"},
    "aud that begins alike": {"aud": "ISSUER/"},
    "aud of the provider as a whole": {"aud": "http://127.0.0.1"},
    "aud for us and another": {"aud": ["ISSUER", "https://idp.example"]},
    "aud that is empty": {"aud": []},
    "aud that is a number": {"aud": 5},
    "aud with a list inside": {"aud": [["ISSUER"]]},
    "an end long ago": {"exp": 1},
    "an end just over": {"exp": "NOW", "shift": -30},
    "an end far ahead": {"exp": "NOW", "shift": 331},
    "an end that is text": {"exp": "1800000300"},
    "an end without end": {"exp": 1e300},
    "an end that is true": {"exp": True},
    "a beginning ahead": {"iat": "NOW", "shift": 31},
    "not before later": {"nbf": "NOW", "shift": 31},
}


@pytest.mark.behaviour("IDP-KEY-METHOD-CLAIMS")
@pytest.mark.parametrize("name", WRONG_CLAIMS)
def test_an_assertion_with_a_wrong_claim_is_refused(signing: Signing, name):
    changes = dict(WRONG_CLAIMS[name])
    shift = changes.pop("shift", 0)
    for claim, value in changes.items():
        if value == "NOW":
            changes[claim] = signing.clock.time() + shift
        elif value == "ISSUER/":
            changes[claim] = f"{signing.issuer}/"
        elif isinstance(value, list):
            changes[claim] = [signing.issuer if item == "ISSUER" else item for item in value]
    assert refused(signing.ask(**changes))


WRONG_HEADERS: dict[str, dict[str, Any]] = {
    "no algorithm": {"alg": None},
    "none": {"alg": "none"},
    "a shared key": {"alg": "HS256"},
    "another size": {"alg": "RS512"},
    "an algorithm of another key": {"alg": "ES256"},
    "a list": {"alg": ["RS256"]},
    "an unknown key": {"kid": "unknown"},
    "the key of another client": {"kid": "other"},
    "a key id that is a number": {"kid": 1},
    "a long key id": {"kid": "x" * 257},
    "an access token": {"typ": "at+jwt"},
    "an identity assertion": {"typ": "oauth-id-jag+jwt"},
    "an extension": {"crit": ["b64"], "b64": False},
    "its own key": {"jwk": rsa_key("attacker").as_dict(private=False), "kid": "attacker"},
    "a key elsewhere": {"jku": "http://127.0.0.1/jwks", "kid": "attacker"},
}


@pytest.mark.behaviour("IDP-KEY-METHOD-SIGNATURE")
@pytest.mark.parametrize("name", WRONG_HEADERS)
def test_an_assertion_with_a_wrong_header_is_refused(signing: Signing, name):
    key = rsa_key("attacker") if WRONG_HEADERS[name].get("kid") == "attacker" else None
    assert refused(signing.ask(header=WRONG_HEADERS[name], key=key))


@pytest.mark.behaviour("IDP-KEY-METHOD-SIGNATURE")
def test_an_assertion_signed_by_another_is_refused(signing: Signing):
    for key, kid in (
        (rsa_key("other"), "other"),
        (rsa_key("attacker"), "signer"),
        (rsa_key("attacker"), None),
    ):
        assert refused(signing.ask(key=key, header={"kid": kid}))
    good = signed(signing.claims(), rsa_key("signer"))
    head, body, proof = good.split(".")
    for bad in (
        f"{head}.{body}.",
        f"{head}.{body}",
        good + ".x",
        f"{head}.{body}.{proof[:-2]}AA",
        "x",
        "a.b.c",
    ):
        assert refused(signing.post(bad))
    unsigned = segment({"alg": "none"})
    assert refused(signing.post(f"{unsigned}.{body}."))
    assert refused(signing.post(f"{unsigned}.{body}.AA"))


@pytest.mark.behaviour("IDP-KEY-METHOD-SIGNATURE")
def test_the_registered_algorithm_is_the_only_one(signing: Signing):
    for algorithm, good in (("PS256", False), ("RS256", True)):
        claims = signing.claims("only-rs")
        answer = signing.post(signed(claims, rsa_key("only-rs"), header={"alg": algorithm}))
        assert (answer.status_code == 200) is good


@pytest.mark.behaviour("IDP-KEY-METHOD-ONCE")
def test_an_assertion_is_used_once(signing: Signing):
    assertion = signed(signing.claims(), rsa_key("signer"))
    assert signing.post(assertion).status_code == 200
    assert refused(signing.post(assertion))
    again = signing.claims(jti="the same")
    assert signing.post(signed(again, rsa_key("signer"))).status_code == 200
    assert refused(signing.ask(jti="the same")), "however new the rest is"
    other = signing.post(signed(signing.claims("other", jti="the same"), rsa_key("other")))
    assert other.status_code == 200, "another client may have the same"


@pytest.mark.behaviour("IDP-ONE-METHOD")
def test_one_request_has_one_method(signing: Signing):
    for extra, header in (
        ({"client_secret": "x"}, {}),
        ({}, {"authorization": "Basic c2lnbmVyOng="}),
        ({"client_secret": "x", "client_id": "signer"}, {}),
    ):
        form = {**GRANT, "client_assertion": signed(signing.claims(), rsa_key("signer")), **extra}
        answer = signing.desk.http.post(signing.endpoint, data=form, headers=header)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.behaviour("IDP-ONE-METHOD")
def test_a_client_is_taken_by_its_registered_method_only(signing: Signing):
    post = signing.desk.http.post
    grant = {"grant_type": CLIENT_CREDENTIALS}
    assert refused(post(signing.endpoint, data={**grant, "client_id": "signer"}))
    assert refused(post(signing.endpoint, data={**grant, "client_id": "signer", "client_secret": "x"}))
    assert refused(post(signing.endpoint, data={**grant, "client_id": "chat"})), "confidential, without proof"
    assert refused(post(signing.endpoint, data={**grant, "client_id": "public", "client_secret": "x"}))
    assert refused(signing.post(signed(signing.claims(), rsa_key("signer")), client_id="other"))
    form = {"client_assertion": signed(signing.claims(), rsa_key("signer"))}
    assert refused(post(signing.endpoint, data={**grant, **form}))
    assert refused(post(signing.endpoint, data={**grant, **form, "client_assertion_type": "jwt"}))


@pytest.mark.behaviour("IDP-PUBLIC")
def test_a_public_client_says_its_id_and_gets_nothing_for_that_alone(signing: Signing):
    form = {"grant_type": CLIENT_CREDENTIALS, "client_id": "public"}
    answer = signing.desk.http.post(signing.endpoint, data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.behaviour("IDP-PUBLIC")
def test_nobody_can_lock_a_client_without_a_secret_out(signing: Signing):
    for name in ("public", "signer"):
        form = {"grant_type": CLIENT_CREDENTIALS, "client_id": name, "client_secret": "wrong"}
        statuses = [signing.desk.http.post(signing.endpoint, data=form).status_code for _ in range(12)]
        assert statuses[-1] == 429
    assert signing.ask().status_code == 200
    answer = signing.desk.http.post(
        signing.endpoint, data={"grant_type": CLIENT_CREDENTIALS, "client_id": "public"}
    )
    assert answer.json()["error"] == "unauthorized_client"
    signing.clock.advance(60)


def test_no_assertion_is_logged(signing: Signing, caplog):
    assertion = signed(signing.claims(), rsa_key("signer"))
    with caplog.at_level(logging.DEBUG, "skerry"):
        signing.post(assertion)
        refused(signing.post(assertion))
    assert assertion.split(".")[1] not in caplog.text
    assert '"auth":"private_key_jwt"' in caplog.text


@pytest.mark.behaviour("IDP-KEY-METHOD-URI")
async def test_keys_at_a_place_are_fetched_and_followed_with_patience():
    keys = [rsa_key("one")]
    clock = FakeClock()

    async def serve(exchange: Exchange) -> None:
        listed = [key.as_dict(private=False) for key in keys]
        await exchange.answer(200, json.dumps({"keys": listed}).encode())

    async with HttpPeer(serve) as peer:
        client = signing_client("far", jwks_uri=f"{peer.url}/jwks")
        known = ClientKeys(Guard(loopback=[peer.url]), clock)
        assert len(await known.find(client, "one", "RS256")) == 1
        assert await known.find(client, "one", "ES256") == []
        keys[:] = [rsa_key("two")]
        assert await known.find(client, "two", "RS256") == []
        assert len(peer.requests) == 1, "not again within thirty seconds"
        clock.advance(30)
        assert len(await known.find(client, "two", "RS256")) == 1
        assert await known.find(client, "one", "RS256") == []
        assert len(peer.requests) == 2
    clock.advance(600)
    with pytest.raises(TokenError) as caught:
        await known.find(client, "two", "RS256")
    assert caught.value.reason == "unreachable", "keys that are too old count no more"


@pytest.mark.behaviour("IDP-KEY-METHOD-URI")
@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"keys": 5}', b'{"keys": {}}', b"[" * 20, b'{"keys": [1, {"kty": "RSA"}]}']
)
async def test_a_key_set_that_is_none_gives_no_key_and_no_other_error(body):
    async def serve(exchange: Exchange) -> None:
        await exchange.answer(200, body)

    async with HttpPeer(serve) as peer:
        known = ClientKeys(Guard(loopback=[peer.url]), FakeClock())
        try:
            assert await known.find(signing_client("far", jwks_uri=peer.url), "", "RS256") == []
        except TokenError as error:
            assert error.reason == "unreachable"


@pytest.mark.behaviour("IDP-KEY-METHOD-URI")
async def test_a_key_set_goes_through_the_guard():
    async def serve(exchange: Exchange) -> None:
        await exchange.answer(200, json.dumps({"keys": [rsa_key("far").as_dict(private=False)]}).encode())

    async with HttpPeer(serve) as peer:
        for origins, status in (((), 401), ((peer.url,), 200)):
            far = signing_client("far", jwks_uri=f"{peer.url}/jwks")
            realm = replace(with_client(DESK, far), loopback_origins=origins)
            with running_desk(realm) as desk:
                claims = client_claims("far", desk.idp.issuers["desk"], time.time())
                form = {**GRANT, "client_assertion": signed(claims, rsa_key("far"))}
                answer = await asyncio.to_thread(desk.http.post, desk.idp.token_endpoint("desk"), data=form)
                assert answer.status_code == status, answer.text
        assert len(peer.requests) == 1


@pytest.mark.behaviour("IDP-KEY-METHOD")
@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_authlib_s_client_signs_its_way_in(algorithm):
    key = RSAKey.import_key({k: v for k, v in rsa_key("authlib").as_dict(private=True).items() if k != "alg"})
    listed = {"keys": [key.as_dict(private=False)]}
    with running_desk(with_client(DESK, replace(SIGNER, id="authlib", jwks=listed))) as desk:
        endpoint = desk.idp.token_endpoint("desk")
        session = OAuth2Session("authlib", key, token_endpoint_auth_method="private_key_jwt")
        method = PrivateKeyJWT(endpoint, headers={"kid": key.kid}, alg=algorithm)
        session.register_client_auth_method(method)
        session.trust_env = False
        claims = {"exp": int(time.time()) + 120}
        method.claims = claims
        token = session.fetch_token(endpoint, grant_type="client_credentials")
        assert desk.claims(token["access_token"])["client_id"] == "authlib"
        session.close()


@pytest.mark.behaviour("IDP-KEY-METHOD")
async def test_the_mcp_sdk_signs_its_way_in():
    pem = rsa_key("mcp").as_pem(private=True).decode()
    client = signing_client("mcp", rsa_key("mcp"))
    with running_desk(with_client(DESK, client)) as desk:
        parameters = SignedJWTParameters(issuer="mcp", subject="mcp", signing_key=pem)
        assertion = await parameters.create_assertion_provider()(desk.idp.issuers["desk"])
        form = {**GRANT, "client_assertion": assertion}
        answer = await asyncio.to_thread(desk.http.post, desk.idp.token_endpoint("desk"), data=form)
        assert answer.status_code == 200, answer.text


EXPECTED = Expected(
    algorithms=("RS256", "ES256"), types=("", "jwt"), issuer="c", audiences=("a",), longest=300
)


@given(
    st.text("abcABC012-_.", max_size=60)
    | st.builds(
        lambda head, body: f"{segment(head)}.{segment(body)}.AAAA",
        st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit"]), st.sampled_from(["RS256", "none", "", 1, None, []])),
        st.dictionaries(
            st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "jti"]),
            st.sampled_from(["c", "a", ["a"], 1, 1.5, -1, True, None, 10**400, {}, "x" * 300]),
        ),
    )
)  # fmt: skip
async def test_any_assertion_ends_as_a_token_error(text):
    async def keys(_kid: str, _algorithm: str) -> list[RSAKey]:
        return [rsa_key("signer")]

    with pytest.raises(TokenError):
        await verify(text, EXPECTED, keys=keys, now=1_800_000_000.0)
