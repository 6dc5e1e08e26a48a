"""From a code to tokens: what is in them, and what a code is bound to."""

from __future__ import annotations

import asyncio
import base64

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.auth.pkce import challenge
from skerry.idp.kept.granted import GRANTED
from skerry.idp.kept.records import Database, Records
from tests.kit.clock import FakeClock
from tests.kit.idp_people import ANN, CALLBACK, CLIENTS, LOOPBACK, VERIFIER, Home, people


@pytest.fixture(scope="module")
def shared_home():
    with people(clock=FakeClock()) as running:
        yield running


@pytest.mark.behaviour("IDP-CODE-GRANT")
def test_a_person_signs_in_and_the_client_gets_tokens_of_theirs(home: Home, clock: FakeClock):
    code = home.browser().code(scope="openid email desk/use", nonce="n-1")
    clock.advance(5)
    answer = home.redeem(code)
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3600)
    assert tokens["scope"] == "openid email desk/use"
    access = home.desk.decoded(tokens["access_token"], "home")
    now = int(clock.time())
    assert access.header["typ"] == "at+jwt"
    assert access.claims.pop("jti")
    assert access.claims == {
        "iss": home.issuer(),
        "sub": ANN.id,
        "aud": "desk-gateway",
        "client_id": "app",
        "scope": "openid email desk/use",
        "groups": ["operators"],
        "plan": "gold",
        "iat": now,
        "exp": now + 3600,
    }
    identity = home.desk.decoded(tokens["id_token"], "home")
    assert identity.header["typ"] == "JWT"
    assert identity.claims == {
        "iss": home.issuer(),
        "sub": ANN.id,
        "aud": "app",
        "nonce": "n-1",
        "auth_time": now - 5,
        "iat": now,
        "exp": now + 3600,
        "preferred_username": "ann",
        "email": "ann@example.com",
        "email_verified": True,
        "groups": ["operators"],
        "tenant_id": "acme",
        "plan": "gold",
    }


@pytest.mark.behaviour("IDP-CODE-COGNITO")
def test_the_cognito_dialect_writes_the_same_sign_in_its_own_way(home: Home):
    tokens = home.tokens(realm="pool", scope="openid desk/use")
    access = home.desk.claims(tokens["access_token"], "pool")
    identity = home.desk.claims(tokens["id_token"], "pool")
    assert (access["token_use"], access["client_id"], access["username"]) == ("access", "app", "ann")
    assert "aud" not in access
    assert access["cognito:groups"] == identity["cognito:groups"] == ["operators"]
    assert (identity["token_use"], identity["aud"], identity["cognito:username"]) == ("id", "app", "ann")
    assert "nonce" not in identity
    assert home.refresh(tokens["refresh_token"], realm="pool").status_code == 200


@pytest.mark.behaviour("IDP-ID-TOKEN-SCOPES")
def test_scopes_say_what_is_told_of_a_person(shared_home: Home):
    tokens = shared_home.tokens(scope="desk/use")
    assert "id_token" not in tokens
    assert shared_home.userinfo(tokens["access_token"]).status_code == 403
    tokens = shared_home.tokens(scope="openid")
    claims = shared_home.desk.claims(tokens["id_token"], "home")
    assert {"email", "name"} & set(claims) == set()
    told = shared_home.userinfo(tokens["access_token"]).json()
    assert told == {
        "sub": ANN.id,
        "preferred_username": "ann",
        "groups": ["operators"],
        "tenant_id": "acme",
    }
    tokens = shared_home.tokens(scope="openid profile email")
    assert shared_home.desk.claims(tokens["id_token"], "home")["name"] == "Ann Example"
    assert shared_home.userinfo(tokens["access_token"]).json()["email"] == "ann@example.com"


@pytest.mark.behaviour("IDP-CODE-ONCE")
def test_a_code_is_good_once_and_a_second_use_revokes_what_came_of_the_first(home: Home, clock: FakeClock):
    code = home.browser().code(scope="openid")
    tokens = home.redeem(code).json()
    clock.advance(3000)  # long after the code itself is over
    assert home.introspect(tokens["access_token"])["active"] is True
    again = home.redeem(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert home.introspect(tokens["access_token"]) == {"active": False}
    assert home.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert home.userinfo(tokens["access_token"]).status_code == 401


@pytest.mark.behaviour("IDP-CODE-ONCE")
async def test_of_many_that_redeem_a_code_at_once_one_gets_tokens_and_they_are_revoked(home: Home):
    code = home.browser().code()
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "client_id": "app",
        "client_secret": CLIENTS["app"].secret,
    }
    async with httpx2.AsyncClient(trust_env=False) as http:
        answers = await asyncio.gather(
            *(http.post(home.idp.token_endpoint("home"), data=form) for _ in range(8))
        )
    good = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(good) <= 1
    assert {answer.json()["error"] for answer in answers if answer.status_code != 200} == {"invalid_grant"}
    assert [home.introspect(tokens["access_token"]) for tokens in good] in ([], [{"active": False}])


@pytest.mark.behaviour("IDP-CODE-LIFETIME")
def test_a_code_lives_a_minute(home: Home, clock: FakeClock):
    browser = home.browser()
    early, late = browser.code(), browser.code()
    clock.advance(59)
    assert home.redeem(early).status_code == 200
    clock.advance(1)
    assert home.redeem(late).json()["error"] == "invalid_grant"


@pytest.mark.behaviour("IDP-CODE-LIFETIME")
async def test_what_nobody_redeems_leaves_nothing_behind(clock: FakeClock, tmp_path):
    with people(clock=clock, state=tmp_path) as home:
        browser = home.browser()
        kept = home.redeem(browser.code()).json()
        browser.code()
        records = Records(Database(tmp_path / "records.sqlite", clock=clock.time), "home")
        assert len(await records.all(GRANTED)) == 2
        clock.advance(70)
        assert len(await records.all(GRANTED)) == 1
        clock.advance(30 * 86_400 - 70 - 1)
        assert home.refresh(kept["refresh_token"]).status_code == 200
        records.database.close()


@pytest.mark.behaviour("IDP-CODE-BOUND")
@pytest.mark.parametrize(
    ("client", "changed", "error"),
    [
        ("other", {}, "invalid_grant"),
        ("trusted", {}, "invalid_grant"),
        ("app", {"redirect_uri": LOOPBACK}, "invalid_grant"),
        ("app", {"redirect_uri": CALLBACK + "/"}, "invalid_grant"),
        ("app", {"redirect_uri": None}, "invalid_request"),
        ("app", {"code_verifier": None}, "invalid_request"),
        ("app", {"code_verifier": "w" * 43}, "invalid_grant"),
        ("app", {"code_verifier": "v" * 42}, "invalid_request"),
        ("app", {"code_verifier": "v" * 129}, "invalid_request"),
        ("app", {"code_verifier": "v" * 42 + "+"}, "invalid_request"),
        ("app", {"code_verifier": challenge(VERIFIER)}, "invalid_grant"),
        ("app", {"code": None}, "invalid_request"),
        ("app", {"code": "x" * 43}, "invalid_grant"),
        ("app", {"resource": "https://api.example.com/mcp"}, "invalid_target"),
        ("app", {"resource": "https://evil.example/"}, "invalid_target"),
        ("app", {"scope": "openid desk/change"}, "invalid_scope"),
        ("machine", {}, "unauthorized_client"),
    ],
    ids=repr,
)
def test_a_code_is_bound_to_client_redirect_uri_verifier_and_what_was_granted(
    shared_home: Home, client, changed, error
):
    code = shared_home.browser().code(scope="openid", audience="desk-gateway")
    answer = shared_home.redeem(code, client, **changed)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.behaviour("IDP-CODE-BOUND")
def test_another_client_can_neither_use_a_code_nor_spend_it(home: Home):
    code = home.browser().code()
    assert home.redeem(code, "other").json()["error"] == "invalid_grant"
    tokens = home.redeem(code).json()
    assert home.redeem(code, "other").json()["error"] == "invalid_grant"
    assert home.introspect(tokens["access_token"])["active"] is True


@pytest.mark.behaviour("IDP-CODE-BOUND")
def test_a_client_without_its_secret_gets_nothing_for_a_code(home: Home):
    code = home.browser().code()
    assert home.redeem(code, client_secret=None).status_code == 401
    assert home.redeem(code, client_secret="wrong").status_code == 401
    assert home.redeem(code).status_code == 200


@pytest.mark.behaviour("IDP-CODE-RESOURCES")
def test_several_resources_are_granted_and_a_token_may_be_for_one_of_them(shared_home: Home):
    both = ["desk-gateway", "https://api.example.com/mcp"]
    tokens = shared_home.tokens(audience="desk-gateway", resource="https://api.example.com/mcp")
    assert shared_home.desk.claims(tokens["access_token"], "home")["aud"] == both[::-1]
    narrowed = shared_home.refresh(tokens["refresh_token"], resource="https://API.example.com/mcp").json()
    assert shared_home.desk.claims(narrowed["access_token"], "home")["aud"] == "https://api.example.com/mcp"


@settings(max_examples=60)
@given(
    st.binary(min_size=32, max_size=96).map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="))
)
def test_any_verifier_of_the_right_form_redeems_the_code_of_its_challenge(shared_home: Home, verifier):
    browser = shared_home.browsers[-1] if shared_home.browsers else shared_home.browser()
    code = browser.code(client="trusted", code_challenge=challenge(verifier))
    answer = shared_home.redeem(code, "trusted", code_verifier=verifier)
    assert answer.status_code == 200, answer.text


@pytest.mark.behaviour("IDP-PERSON-GONE")
def test_nothing_comes_of_a_grant_whose_person_is_gone(clock: FakeClock):
    from dataclasses import replace

    from tests.kit.idp_people import HOME

    with people(replace(HOME, users={}), clock=clock) as home:
        issuer = home.idp._provider.issuers["home"]
        run(home, issuer.directory.keep_user(ANN))
        tokens = home.tokens(scope="openid")
        code = home.browser().code(scope="openid")
        run(home, issuer.directory.keep_user(replace(ANN, enabled=False)))
        for answer in (home.redeem(code), home.refresh(tokens["refresh_token"])):
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert home.userinfo(tokens["access_token"]).status_code == 401


def run(home: Home, work):
    """Runs a coroutine on the records of a running provider, which have a thread of their own."""
    return asyncio.run(work)
