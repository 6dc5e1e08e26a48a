"""What the tokens of each dialect carry; access tokens over HTTP, ID tokens by the test helper."""

import json
from dataclasses import replace

import pytest

from skerry.idp.dialects import DIALECTS
from skerry.idp.issuance import Issuance, Stamp
from tests.kit.clock import FakeClock
from tests.kit.idp import POOL, Desk
from tests.kit.idp import desk as running_desk

NOW = 1_800_000_000


@pytest.fixture(scope="module")
def pool():
    with running_desk(POOL, clock=FakeClock()) as running:
        yield running


@pytest.mark.behaviour("IDP-COGNITO-ACCESS")
def test_a_cognito_access_token_names_its_client_and_no_audience(pool: Desk):
    token = pool.decoded(pool.token("chat", realm="pool"), "pool")
    assert token.header == {"alg": "RS256", "kid": token.header["kid"]}
    assert token.claims.pop("jti")
    assert token.claims == {
        "sub": "chat",
        "iss": pool.idp.issuers["pool"],
        "client_id": "chat",
        "token_use": "access",
        "version": 2,
        "scope": "desk/use desk/change",
        "auth_time": NOW,
        "iat": NOW,
        "exp": NOW + 3600,
        "tenant_id": "acme",
        "plan": {"name": "gold", "seats": 3},
    }


@pytest.mark.behaviour("IDP-COGNITO-RESOURCE")
def test_a_cognito_access_token_has_an_audience_when_a_resource_is_asked(pool: Desk):
    token = pool.token("chat", realm="pool", resource="https://api.example.com/mcp")
    assert pool.claims(token, "pool")["aud"] == "https://api.example.com/mcp"
    answer = pool.post(
        "chat", realm="pool", grant_type="client_credentials", resource="https://other.example/"
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


def test_a_cognito_client_needs_no_audience(pool: Desk):
    claims = pool.claims(pool.token("idle", realm="pool"), "pool")
    assert "aud" not in claims
    assert "scope" not in claims


@pytest.mark.behaviour("IDP-COGNITO-ISSUER")
def test_a_cognito_issuer_has_the_path_of_a_pool(pool: Desk):
    assert pool.idp.issuers["pool"] == f"{pool.idp.url}/us-east-1_pool"
    assert pool.idp.token_endpoint("pool") == f"{pool.idp.url}/pool.auth/oauth2/token"


@pytest.mark.behaviour("IDP-COGNITO-ID")
def test_a_cognito_id_token_has_the_client_as_audience(pool: Desk):
    token = pool.decoded(pool.idp.id_token("pool", "chat", claims={"email": "a@example.com"}), "pool")
    for generated in ("jti", "origin_jti", "event_id"):
        assert token.claims.pop(generated)
    assert token.claims == {
        "sub": "person-1",
        "iss": pool.idp.issuers["pool"],
        "aud": "chat",
        "token_use": "id",
        "cognito:username": "person",
        "email": "a@example.com",
        "auth_time": NOW,
        "iat": NOW,
        "exp": NOW + 3600,
    }


@pytest.mark.behaviour("IDP-COGNITO-USER")
def test_a_persons_cognito_access_token_has_a_username(pool: Desk):
    token = pool.idp.access_token("pool", "chat", subject="person-1", username="person")
    claims = pool.claims(token, "pool")
    assert (claims["sub"], claims["username"], claims["client_id"]) == ("person-1", "person", "chat")
    assert claims["origin_jti"]


def test_a_plain_id_token_is_no_access_token(desk: Desk):
    token = desk.decoded(desk.idp.id_token("desk", "chat"))
    assert token.header["typ"] == "JWT"
    assert (token.claims["aud"], token.claims["preferred_username"]) == ("chat", "person")
    assert "client_id" not in token.claims
    assert "scope" not in token.claims


def test_the_helper_makes_expired_tokens(desk: Desk):
    claims = desk.claims(desk.idp.access_token("desk", "chat", lifetime=-1))
    assert claims["exp"] == claims["iat"] - 1


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
def test_no_custom_claim_replaces_one_of_the_dialect(dialect):
    """Every claim that a dialect writes must be reserved, or a configuration could forge it."""
    issuance = Issuance(
        client_id="c",
        subject="s",
        audiences=("a",),
        scopes=("x",),
        lifetime=60,
        act={"sub": "c"},
        username="u",
    )
    stamp = Stamp("https://issuer", NOW, "id")
    for make in (dialect.access, dialect.identity):
        usual = make(issuance, stamp)
        forged = make(replace(issuance, claims=dict.fromkeys(usual, "forged")), stamp)
        assert "forged" not in json.dumps(forged)
        assert [name for name in usual if not dialect.is_reserved(name)] in ([], ["preferred_username"])
