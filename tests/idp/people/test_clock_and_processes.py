"""What must happen once happens once: while the clock goes back, and in two processes on one file."""

from __future__ import annotations

import asyncio
import unicodedata
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from skerry.errors import ConfigurationError
from skerry.idp import User
from skerry.idp.keys import Keys
from skerry.idp.realm.checks import check_user
from tests.kit.clock import FakeClock
from tests.kit.idp_people import ANN, APP, CALLBACK, HOME, VERIFIER, Home, people

LEAD = 7200.0


@pytest.mark.behaviour("IDP-CLOCK-BACK")
def test_codes_and_refresh_tokens_of_a_future_that_was_taken_back_are_good_once(home: Home, clock: FakeClock):
    now = clock.time()
    clock.advance(LEAD)
    code, tokens = home.browser().code(scope="openid"), home.tokens(scope="openid")
    clock.set_time(now)
    first = home.redeem(code)
    assert first.status_code == 200
    assert home.redeem(code).json()["error"] == "invalid_grant"
    assert home.refresh(first.json()["refresh_token"]).status_code == 400, "a second use ends what came of it"
    again = home.refresh(tokens["refresh_token"])
    assert again.status_code == 200
    assert home.refresh(tokens["refresh_token"]).status_code == 400
    assert home.refresh(again.json()["refresh_token"]).status_code == 400
    assert home.introspect(tokens["access_token"]) == {"active": False}


@pytest.mark.behaviour("IDP-CLOCK-BACK")
def test_what_ended_meanwhile_does_not_come_back_when_it_was_swept_away(home: Home, clock: FakeClock):
    now, code = clock.time(), home.browser().code()
    clock.advance(LEAD)
    assert home.redeem(code).status_code == 400
    clock.set_time(now)
    assert home.redeem(code).json()["error"] == "invalid_grant"


@pytest.mark.behaviour("IDP-CLOCK-BACK")
def test_an_old_key_stays_published_for_its_whole_overlap():
    clock = FakeClock()
    keys = Keys(algorithm="ES256", file=None, overlap=600, clock=clock.time)
    keys.ring()
    now = clock.time()
    clock.advance(LEAD)
    keys.rotate()
    clock.set_time(now)
    assert len(keys.published()) == 2
    clock.set_time(now + LEAD + 599)
    assert len(keys.published()) == 2
    clock.set_time(now + LEAD + 600)
    assert len(keys.published()) == 1


@pytest.mark.behaviour("IDP-TWO-PROCESSES")
async def test_of_two_providers_on_one_directory_one_at_most_spends_a_code_or_a_refresh_token(tmp_path: Path):
    with people(HOME, state=tmp_path) as one, people(HOME, state=tmp_path) as two:
        proof = {"client_id": "app", "client_secret": APP.secret}
        refresh = {"grant_type": "refresh_token", "refresh_token": one.tokens()["refresh_token"], **proof}
        redeem = {
            "grant_type": "authorization_code",
            "code": two.browser().code(),
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            **proof,
        }
        endpoints = [home.idp.token_endpoint("home") for home in (one, two)] * 5
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
            for form in (refresh, redeem):
                answers = await asyncio.gather(*(http.post(place, data=form) for place in endpoints))
                won = [answer.json() for answer in answers if answer.status_code == 200]
                assert {answer.status_code for answer in answers} <= {200, 400}
                assert len(won) <= 1, (
                    "none, when the second use ends the sign-in before the first has its tokens"
                )
                for tokens in won:
                    assert two.refresh(tokens["refresh_token"]).status_code == 400, "used twice, so it ended"


@pytest.mark.behaviour("IDP-SIGN-IN-BOUNDED")
async def test_tokens_are_given_while_many_sign_in_at_two_realms():
    """More sign-ins than may wait, at two issuers: a token that is asked for after them comes before their last."""
    machines = {"app": APP, "machine": replace(APP, id="machine", secret="s", grants=("client_credentials",))}
    realms = [replace(HOME, name=name, clients=machines) for name in ("home", "pool")]
    with people(*realms) as home:
        pages = [
            (home.idp.endpoint(name, "authorize"), home.browser().open(home.url(realm=name)))
            for name in ("home", "pool")
        ]
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
            order: list[str] = []

            async def guess(number: int) -> int:
                place, page = pages[number % 2]
                form = {**page.form.fields, "username": f"nobody-{number}", "password": "wrong"}
                cookie = {"cookie": page.answer.headers["set-cookie"].partition(";")[0]}
                url = f"{place.rpartition('/')[0]}/sign-in"
                answer = await http.post(url, data=form, headers=cookie)
                order.append("guess")
                return answer.status_code

            async def ask() -> int:
                form = {"grant_type": "client_credentials", "client_id": "machine", "client_secret": "s"}
                answer = await http.post(home.idp.token_endpoint("home"), data=form)
                order.append("token")
                return answer.status_code

            guesses = [asyncio.create_task(guess(number)) for number in range(60)]
            await asyncio.wait(guesses, return_when=asyncio.FIRST_COMPLETED)
            assert await ask() == 200
            statuses = await asyncio.gather(*guesses)
    assert set(statuses) == {403, 503}
    assert statuses.count(403) <= 34, "two at a time and 32 waiting, of both issuers together"
    assert "guess" in order[order.index("token") :], "the token waited for every guess"


ACCENTED = unicodedata.normalize("NFC", "Zoë")


@pytest.mark.behaviour("IDP-NAMES")
def test_an_accent_may_be_typed_in_two_ways(clock: FakeClock):
    zoe = replace(ANN, name=ACCENTED, id="zoe")
    with people(replace(HOME, users={zoe.name: zoe}), clock=clock) as home:
        for form in ("NFC", "NFD"):
            browser = home.browser()
            name = unicodedata.normalize(form, ACCENTED)
            page = browser.press(browser.open(home.url()), username=name, password="the password of ann, +%&")
            assert "decision" in page.form.names, form
        browser = home.browser()
        page = browser.open(home.url())
        for number in range(10):
            name = unicodedata.normalize(("NFC", "NFD")[number % 2], ACCENTED)
            page = browser.press(page, username=name, password="wrong")
        assert browser.press(page, username=ACCENTED, password="x").status == 429, "counted as one name"


@pytest.mark.behaviour("IDP-NAMES")
@pytest.mark.parametrize(
    ("name", "usual"),
    [
        ("\uff41nn", "ann"),
        ("ann\u200b", "ann"),
        ("a\u202enn", "ann"),
        ("\ufb01nn", "finn"),
        (" ann", "ann"),
        ("ann\u00a0", "ann"),
        ("Zoe\u0308", "Zo\u00eb"),
    ],
)
def test_a_name_that_only_looks_like_another_is_refused(name, usual):
    with pytest.raises(ConfigurationError, match="looks like another") as refused:
        check_user(User(id="x", name=name), HOME)
    assert refused.value.hint == f"Write it as {usual}."
    check_user(User(id="x", name=usual), HOME)


@pytest.mark.parametrize("name", ["x" * 100_000, "\udcff", "a\x00b", "é" * 5000, "😀" * 300])
def test_a_name_of_any_kind_is_a_wrong_name(home: Home, name):
    page = home.browser().open(home.url())
    typed = "".join(f"%{byte:02x}" for byte in name.encode("utf-8", "surrogateescape"))
    fields = httpx2.QueryParams({**page.form.fields, "password": "x"})
    answer = home.http.post(
        f"{home.issuer()}/oauth2/sign-in",
        content=f"{fields}&username={typed}",
        headers={
            "content-type": "application/x-www-form-urlencoded",
            "cookie": page.answer.headers["set-cookie"].partition(";")[0],
        },
    )
    assert answer.status_code in (400, 403, 413)
