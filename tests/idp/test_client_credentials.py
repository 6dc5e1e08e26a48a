"""The client credentials grant, and the plain OAuth access token it gives."""

import pytest
from mcp.shared.auth import OAuthToken

from skerry.idp import Client
from tests.kit.clock import FakeClock
from tests.kit.idp import DESK, Desk, with_client
from tests.kit.idp import desk as running_desk

GRANT = {"grant_type": "client_credentials"}


@pytest.mark.behaviour("IDP-CC-RFC9068")
def test_a_token_has_the_claims_of_rfc_9068():
    clock = FakeClock()
    with running_desk(DESK, clock=clock) as desk:
        answer = desk.post("chat", **GRANT, audience="desk-runtime", scope="desk/use")
        token = desk.decoded(answer.json()["access_token"])
    assert token.header == {"alg": "RS256", "typ": "at+jwt", "kid": token.header["kid"]}
    jti = token.claims.pop("jti")
    assert len(jti) == 36
    assert token.claims == {
        "iss": desk.idp.issuers["desk"],
        "sub": "chat",
        "aud": "desk-runtime",
        "client_id": "chat",
        "iat": 1_800_000_000,
        "exp": 1_800_003_600,
        "scope": "desk/use",
        "tenant_id": "acme",
        "plan": {"name": "gold", "seats": 3},
    }


@pytest.mark.behaviour("IDP-TOKEN-NO-STORE")
def test_the_answer_is_what_rfc_6749_says(desk: Desk):
    answer = desk.post("chat", **GRANT)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
    found = OAuthToken.model_validate(answer.json())
    assert (found.token_type, found.expires_in, found.scope) == ("Bearer", 3600, "desk/use desk/change")


def test_every_token_has_an_id_of_its_own(desk: Desk):
    ids = {desk.claims(desk.token())["jti"] for _ in range(5)}
    assert len(ids) == 5


@pytest.mark.behaviour("IDP-CC-DEFAULT-AUDIENCE")
def test_without_a_target_the_token_is_for_the_default_audience_alone(desk: Desk):
    assert desk.claims(desk.token())["aud"] == "desk-gateway"


def test_a_declared_default_audience_goes_before_the_first():
    client = Client(id="chat", secret="s", audiences=("one", "two"), default_audience="two")
    with running_desk(with_client(DESK, client)) as desk:
        assert desk.claims(desk.token(client_secret="s"))["aud"] == "two"


def test_a_client_without_audiences_gets_no_token(desk: Desk):
    answer = desk.post("idle", **GRANT)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


def test_a_token_without_scopes_has_no_scope_claim(desk: Desk):
    answer = desk.post("gateway", **GRANT)
    assert "scope" not in answer.json()
    assert "scope" not in desk.claims(answer.json()["access_token"])


@pytest.mark.behaviour("IDP-RESOURCE")
@pytest.mark.parametrize("name", ["resource", "audience"])
def test_a_resource_chooses_the_audience(desk: Desk, name):
    token = desk.token(**{name: "https://api.example.com/mcp"})
    assert desk.claims(token)["aud"] == "https://api.example.com/mcp"


@pytest.mark.behaviour("IDP-RESOURCE")
def test_several_targets_give_a_list_without_doubles(desk: Desk):
    token = desk.token(
        resource="https://api.example.com/mcp", audience=["desk-runtime", "https://api.example.com/mcp"]
    )
    assert desk.claims(token)["aud"] == ["https://api.example.com/mcp", "desk-runtime"]


def test_scheme_and_host_of_a_resource_may_be_upper_case(desk: Desk):
    token = desk.token(resource="HTTPS://API.Example.com/mcp")
    assert desk.claims(token)["aud"] == "https://api.example.com/mcp"


@pytest.mark.behaviour("IDP-INVALID-TARGET")
@pytest.mark.parametrize(
    "target",
    [
        {"resource": "https://other.example.com/"},
        {"resource": "https://api.example.com/mcp/"},
        {"resource": "https://api.example.com/MCP"},
        {"resource": "https://api.example.com:443/mcp"},
        {"resource": "https://api.example.com/mcp#part"},
        {"resource": "desk-gateway"},
        {"resource": "//api.example.com/mcp"},
        {"resource": "https://[broken/mcp"},
        {"resource": "https://api.example.com/mcp é"},
        {"audience": "accounts"},
        {"audience": ["desk-gateway", "accounts"]},
        {"audience": "Desk-Gateway"},
    ],
)
def test_a_target_that_is_not_the_clients_is_invalid(desk: Desk, target):
    answer = desk.post("chat", **GRANT, **target)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


@pytest.mark.behaviour("IDP-INVALID-SCOPE")
@pytest.mark.parametrize(
    "scope",
    ["admin", "desk/use admin", "desk/use  desk/change", " desk/use", 'desk"use', "Desk/use", "desk/üse"],
)
def test_a_scope_that_is_not_the_clients_is_invalid(desk: Desk, scope):
    answer = desk.post("chat", **GRANT, scope=scope)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


def test_a_scope_asked_twice_is_given_once(desk: Desk):
    assert desk.claims(desk.token(scope="desk/use desk/use"))["scope"] == "desk/use"


@pytest.mark.behaviour("IDP-UNSUPPORTED-GRANT")
@pytest.mark.parametrize(
    "grant", ["password", "implicit", "Authorization_Code", "Client_Credentials", "x" * 500]
)
def test_a_grant_that_nobody_offers_is_unsupported(desk: Desk, grant):
    answer = desk.post("chat", grant_type=grant)
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def test_a_missing_grant_type_is_an_invalid_request(desk: Desk):
    answer = desk.post("chat")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.behaviour("IDP-UNAUTHORIZED-CLIENT")
def test_a_client_uses_only_its_grants(desk: Desk):
    answer = desk.post("accounts", **GRANT)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    assert desk.exchange("chat", desk.token()).json()["error"] == "unauthorized_client"


def test_a_configured_claim_never_replaces_one_of_the_protocol(desk: Desk):
    """Even when a realm was built in Python and its check was passed by."""
    token = desk.idp.access_token("desk", "chat", claims={"sub": "somebody", "aud": "other", "iss": "x"})
    claims = desk.claims(token)
    assert (claims["sub"], claims["aud"], claims["iss"]) == ("chat", "desk-gateway", desk.idp.issuers["desk"])
