"""Whatever is sent to the token endpoint: JSON, no-store, never a 5xx, never a secret."""

import json
import socket
from urllib.parse import quote_plus, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skerry.idp import TOKEN_EXCHANGE
from skerry.idp.form import MAX_BYTES
from skerry.idp.oauth_errors import OAuthError
from tests.fuzz.effort import scaled
from tests.kit.idp import SECRETS, Desk

ERRORS = {
    "invalid_request",
    "invalid_client",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
}
FORM = "application/x-www-form-urlencoded"
NAMES = st.sampled_from(
    ["grant_type", "scope", "resource", "audience", "subject_token", "subject_token_type", "client_id", "x"]
) | st.sampled_from(["client_secret", "requested_token_type", "actor_token", "client_assertion"])
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    [
        "client_credentials",
        TOKEN_EXCHANGE,
        "gateway",
        SECRETS["gateway"],
        "desk/use",
        "accounts",
        "https://api.example.com/backend",
        "urn:ietf:params:oauth:token-type:access_token",
        "a.b.c",
        "e30.e30.AA",
    ]
)
relaxed = settings(
    max_examples=scaled(50), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def sane(answer) -> bool:
    """An OAuth answer as it must be, success or error."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    if answer.status_code == 200:
        assert answer.json()["token_type"] == "Bearer"
        return True
    assert answer.status_code in {400, 401, 413, 429}
    body = answer.json()
    assert body["error"] in ERRORS
    description = body["error_description"]
    assert all(" " <= letter <= "~" and letter not in '"\\' for letter in description)
    assert not [secret for secret in SECRETS.values() if secret in description]
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
    return True


@relaxed
@given(st.lists(st.tuples(NAMES, VALUES), max_size=8))
def test_any_form_of_a_proved_client_is_answered(desk: Desk, pairs):
    body = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    answer = desk.http.post(
        desk.idp.token_endpoint("desk"),
        content=body,
        headers={"content-type": FORM},
        auth=(quote_plus("gateway"), quote_plus(SECRETS["gateway"])),
    )
    assert sane(answer)


@relaxed
@given(
    st.dictionaries(NAMES, VALUES, max_size=6),
    st.sampled_from(["client_credentials", TOKEN_EXCHANGE]),
)
def test_any_grant_request_is_answered(desk: Desk, form, grant):
    proof = {"client_id": "gateway", "client_secret": SECRETS["gateway"], "grant_type": grant}
    assert sane(desk.http.post(desk.idp.token_endpoint("desk"), data={**form, **proof}))


@pytest.mark.behaviour("IDP-NEVER-5XX")
@relaxed
@given(st.binary(max_size=200), st.sampled_from([FORM, "application/json", "", "x", FORM + "; charset=x"]))
def test_any_bytes_are_answered(desk: Desk, body, kind):
    answer = desk.http.post(desk.idp.token_endpoint("desk"), content=body, headers={"content-type": kind})
    assert sane(answer)
    assert answer.status_code != 200


@relaxed
@given(
    st.binary(max_size=60).map(lambda raw: bytes(byte for byte in raw if byte > 31 and byte != 127).strip())
)
def test_any_authorization_header_is_answered(desk: Desk, value):
    answer = desk.http.post(
        desk.idp.token_endpoint("pool"),
        data={"grant_type": "client_credentials"},
        headers=[(b"authorization", value)],
    )
    assert sane(answer)
    assert answer.status_code in {401, 429}


@pytest.mark.behaviour("IDP-NEVER-5XX")
@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_413(desk: Desk, declared):
    body = b"a=" + b"b" * MAX_BYTES
    content = body if declared else iter([body[:1000], body[1000:]])
    answer = desk.http.post(
        desk.idp.token_endpoint("desk"),
        content=content,
        headers={"content-type": FORM, "connection": "close"},
    )
    assert (answer.status_code, answer.json()["error"]) == (413, "invalid_request")
    assert sane(answer)


def test_the_largest_body_is_read(desk: Desk):
    proof = f"client_id=chat&client_secret={quote_plus(SECRETS['chat'])}&grant_type=client_credentials&x="
    body = proof + "y" * (MAX_BYTES - len(proof))
    answer = desk.http.post(desk.idp.token_endpoint("desk"), content=body, headers={"content-type": FORM})
    assert answer.status_code == 200


def test_a_caller_that_hangs_up_in_the_middle_leaves_the_server_well(desk: Desk):
    address = urlsplit(desk.idp.url)
    with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
        connection.sendall(
            b"POST /desk/oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: 100\r\n\r\ngrant_type"
        )
    assert desk.token()


def test_errors_are_json_with_the_members_of_the_rfc(desk: Desk):
    answer = desk.post("chat", grant_type="client_credentials", scope="one two")
    assert set(json.loads(answer.content)) == {"error", "error_description"}
    assert "desk/use, desk/change" in answer.json()["error_description"]


def test_a_description_has_only_the_characters_that_the_rfc_allows():
    body = OAuthError("invalid_request", 'a "quote", a \\, an é and a\nline ' + "x" * 1000).body()
    assert body["error_description"].startswith("a ?quote?, a ?, an ? and a?line xxx")
    assert len(body["error_description"]) == 400
