"""Who may ask: HTTP Basic or the body, one of them, with the right secret, not too often."""

import base64
from urllib.parse import quote_plus

import pytest

from tests.kit.clock import FakeClock
from tests.kit.idp import DESK, SECRETS, Desk
from tests.kit.idp import desk as running_desk

GRANT = {"grant_type": "client_credentials"}


def basic(client: str, secret: str) -> str:
    """As RFC 6749 section 2.3.1 has it: both parts form-encoded before base64."""
    pair = f"{quote_plus(client)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def ask(desk: Desk, *authorization: str | bytes, **form: str):
    headers = [("authorization", value) for value in authorization]
    return desk.http.post(desk.idp.token_endpoint("desk"), data={**GRANT, **form}, headers=headers)


@pytest.mark.behaviour("IDP-CLIENT-AUTH")
def test_basic_and_body_both_prove_a_client(desk: Desk):
    assert ask(desk, basic("chat", SECRETS["chat"])).status_code == 200
    assert ask(desk, basic("chat", SECRETS["chat"]).replace("Basic", "bAsIc")).status_code == 200
    assert ask(desk, client_id="chat", client_secret=SECRETS["chat"]).status_code == 200
    assert ask(desk, basic("chat", SECRETS["chat"]), client_id="chat").status_code == 200


@pytest.mark.behaviour("IDP-INVALID-CLIENT")
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"client_id": "chat"},
        {"client_secret": SECRETS["chat"]},
        {"client_id": "chat", "client_secret": "wrong"},
        {"client_id": "chat", "client_secret": SECRETS["chat"] + "x"},
        {"client_id": "chat", "client_secret": SECRETS["gateway"]},
        {"client_id": "nobody", "client_secret": SECRETS["chat"]},
        {"client_id": "", "client_secret": ""},
        {"client_assertion": "a.b.c", "client_assertion_type": "x"},
    ],
)
def test_a_client_that_does_not_prove_itself_is_401(desk: Desk, form):
    answer = ask(desk, **form)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"] == f'Basic realm="{desk.idp.issuers["desk"]}"'
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.behaviour("IDP-INVALID-CLIENT")
@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"chat").decode(),
        "Basic " + base64.b64encode(b"chat:").decode(),
        "Basic " + base64.b64encode(b":secret").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b"%ff:x").decode(),
        "Basic " + base64.b64encode(b"chat:wrong").decode(),
        "Basic " + base64.b64encode(b"chat:wrong").decode().rstrip("="),
        "Bearer abc",
        "",
        b"Basic \xe9\xff",
    ],
)
def test_an_unusable_authorization_header_is_401_with_a_challenge(desk: Desk, header):
    answer = ask(desk, header)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.behaviour("IDP-ONE-AUTH-METHOD")
def test_two_ways_at_once_are_refused(desk: Desk):
    right = basic("chat", SECRETS["chat"])
    for answer in (
        ask(desk, right, client_id="chat", client_secret=SECRETS["chat"]),
        ask(desk, right, client_secret=SECRETS["chat"]),
        ask(desk, right, client_assertion="a.b.c"),
        ask(desk, right, client_id="gateway"),
        ask(desk, right, right),
    ):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.behaviour("IDP-ONE-AUTH-METHOD")
def test_a_client_with_a_registered_method_uses_no_other(desk: Desk):
    assert desk.post("post-only", **GRANT).status_code == 200
    answer = ask(desk, basic("post-only", SECRETS["post-only"]))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.behaviour("IDP-NO-QUERY")
def test_parameters_in_the_url_are_refused(desk: Desk):
    url = f"{desk.idp.token_endpoint('desk')}?client_secret=abc"
    answer = desk.http.post(url, data={**GRANT, "client_id": "chat", "client_secret": SECRETS["chat"]})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "abc" not in answer.text


def test_the_same_client_id_in_two_realms_is_two_clients(desk: Desk):
    token = desk.token("chat", realm="pool")
    assert desk.claims(token, "pool")["iss"] == desk.idp.issuers["pool"]
    assert desk.post("gateway", realm="pool", **GRANT).status_code == 401


@pytest.mark.behaviour("IDP-ATTEMPTS")
def test_after_ten_failures_a_client_waits():
    clock = FakeClock()
    with running_desk(DESK, clock=clock) as desk:
        for _ in range(10):
            assert desk.post("chat", secret="wrong", **GRANT).status_code == 401
        answer = desk.post("chat", **GRANT)
        assert (answer.status_code, answer.json()["error"]) == (429, "invalid_client")
        assert answer.headers["retry-after"] == "6"
        assert desk.post("gateway", **GRANT).status_code == 200, "another client is not affected"
        clock.advance(6)
        assert desk.post("chat", **GRANT).status_code == 200
