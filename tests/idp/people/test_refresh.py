"""Refresh tokens: each once, never wider, until the sign-in ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx2
import pytest

from skerry.auth.jwt.tokens import unverified_claims
from tests.kit.clock import FakeClock
from tests.kit.idp_people import APP, CLIENTS, HOME, Home, people


@pytest.mark.behaviour("IDP-REFRESH-ROTATION")
def test_each_refresh_token_is_good_once_and_gives_the_next(home: Home, clock: FakeClock):
    tokens = home.tokens(scope="openid desk/use", nonce="n-1")
    seen = {tokens["refresh_token"]}
    began = int(clock.time())
    for _ in range(3):
        clock.advance(60)
        tokens = home.refresh(tokens["refresh_token"]).json()
        assert tokens["refresh_token"] not in seen
        seen.add(tokens["refresh_token"])
        assert tokens["scope"] == "openid desk/use"
        identity = home.desk.claims(tokens["id_token"], "home")
        assert (identity["auth_time"], "nonce" in identity) == (began, False)


@pytest.mark.behaviour("IDP-REFRESH-REUSE")
def test_a_spent_refresh_token_ends_the_whole_sign_in(home: Home):
    first = home.tokens(scope="openid")
    bystander = home.tokens(scope="openid")
    second = home.refresh(first["refresh_token"]).json()
    stolen = home.refresh(first["refresh_token"])
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    assert home.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    for tokens in (first, second):
        assert home.introspect(tokens["access_token"]) == {"active": False}
    assert home.refresh(bystander["refresh_token"]).status_code == 200


@pytest.mark.behaviour("IDP-REFRESH-REUSE")
async def test_of_many_that_refresh_at_once_one_wins_and_the_sign_in_ends(home: Home):
    tokens = home.tokens()
    form = {
        "grant_type": "refresh_token",
        "refresh_token": tokens["refresh_token"],
        "client_id": "app",
        "client_secret": CLIENTS["app"].secret,
    }
    async with httpx2.AsyncClient(trust_env=False) as http:
        answers = await asyncio.gather(
            *(http.post(home.idp.token_endpoint("home"), data=form) for _ in range(10))
        )
    (winner,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert {answer.json()["error"] for answer in answers if answer.status_code != 200} == {"invalid_grant"}
    assert home.refresh(winner["refresh_token"]).json()["error"] == "invalid_grant"
    assert home.introspect(winner["access_token"]) == {"active": False}


@pytest.mark.behaviour("IDP-REFRESH-NARROWS")
def test_scope_and_resource_shrink_for_one_token_and_never_grow(home: Home):
    token = home.tokens(scope="openid desk/use")["refresh_token"]
    for wider in ({"scope": "openid desk/use desk/change"}, {"scope": "email"}):
        assert home.refresh(token, **wider).json()["error"] == "invalid_scope"
    assert home.refresh(token, resource="https://api.example.com/mcp").json()["error"] == "invalid_target"
    narrow = home.refresh(token, scope="desk/use").json()  # what was refused did not spend it
    assert (narrow["scope"], "id_token" in narrow) == ("desk/use", False)
    assert home.refresh(narrow["refresh_token"]).json()["scope"] == "openid desk/use"


@pytest.mark.behaviour("IDP-REFRESH-BOUND")
def test_another_client_can_neither_use_a_refresh_token_nor_spend_it(home: Home):
    token = home.tokens()["refresh_token"]
    assert home.refresh(token, "other").json()["error"] == "invalid_grant"
    assert home.refresh(token, "machine").json()["error"] == "unauthorized_client"
    assert home.refresh(token, client_secret="wrong").status_code == 401
    spent, token = token, home.refresh(token).json()["refresh_token"]
    assert home.refresh(spent, "other").json()["error"] == "invalid_grant"
    assert home.refresh(token).status_code == 200


@pytest.mark.behaviour("IDP-REFRESH-LIFETIME")
def test_a_sign_in_ends_after_its_time_however_often_it_was_refreshed(clock: FakeClock):
    with people(replace(HOME, refresh_lifetime=1000), clock=clock) as home:
        token = home.tokens()["refresh_token"]
        clock.advance(600)
        token = home.refresh(token).json()["refresh_token"]
        clock.advance(400)
        assert home.refresh(token).json()["error"] == "invalid_grant"


@pytest.mark.behaviour("IDP-REFRESH-OFFERED")
def test_who_gets_a_refresh_token():
    never = replace(APP, id="app", grants=("authorization_code",))
    asking = replace(OTHER_LIKE, scopes=(*APP.scopes, "offline_access"))
    with people(replace(HOME, clients={"app": never, "other": asking})) as home:
        assert "refresh_token" not in home.tokens("app")
        assert "refresh_token" not in home.tokens("other", scope="openid")
        assert home.tokens("other", scope="openid offline_access")["refresh_token"]


OTHER_LIKE = CLIENTS["other"]


def test_a_client_that_lost_a_scope_gets_the_rest(clock: FakeClock, tmp_path):
    with people(HOME, clock=clock, state=tmp_path) as home:
        token = home.tokens(scope="openid desk/use desk/change")["refresh_token"]
    fewer = replace(APP, scopes=("openid", "desk/use"))
    with people(replace(HOME, clients={**CLIENTS, "app": fewer}), clock=clock, state=tmp_path) as home:
        assert home.refresh(token).json()["scope"] == "openid desk/use"


def test_a_client_that_lost_a_resource_gets_no_token_for_it(clock: FakeClock, tmp_path):
    lost, left = APP.audiences
    with people(HOME, clock=clock, state=tmp_path) as home:
        both = home.tokens(audience=[lost, left])["refresh_token"]
        only = home.tokens(audience=lost)["refresh_token"]
    fewer = {**CLIENTS, "app": replace(APP, audiences=(left,))}
    with people(replace(HOME, clients=fewer), clock=clock, state=tmp_path) as home:
        claims = unverified_claims(home.refresh(both).json()["access_token"])
        assert claims["aud"] in (left, [left])
        assert home.refresh(only).json()["error"] == "invalid_target"


def test_a_restart_keeps_sign_ins(clock: FakeClock, tmp_path):
    with people(HOME, clock=clock, state=tmp_path) as home:
        token = home.tokens()["refresh_token"]
        assert token.encode() not in (tmp_path / "records.sqlite").read_bytes()
    with people(HOME, clock=clock, state=tmp_path) as home:
        assert home.refresh(token).status_code == 200
