"""A browser is not sent to a place that only its owner vouches for, before somebody agreed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.idp_people import HOME, LOOPBACK, Browser, Home, Page, people

PHISH = "https://phish.example/login"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def home(clock: FakeClock) -> Iterator[Home]:
    with people(replace(HOME, registration="open"), clock=clock) as running:
        yield running


def registered(home: Home, uri: str = PHISH, **members: Any) -> str:
    metadata = {"client_name": "x", "redirect_uris": [uri], "token_endpoint_auth_method": "none", **members}
    answer = home.http.post(home.idp.endpoint("home", "register"), json=metadata)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["client_id"])


def asked(
    home: Home, client: str, uri: str = PHISH, *, browser: Browser | None = None, **changed: Any
) -> Page:
    return (browser or home.browser()).open(home.url(client, redirect_uri=uri, **changed))


MISTAKES: list[dict[str, Any]] = [
    {"response_type": "token"},
    {"prompt": "none"},
    {"scope": "nope"},
    {"code_challenge": None},
]


@pytest.mark.behaviour("IDP-REDIRECT-TRUST")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_link_with_a_mistake_ends_on_a_page_that_names_the_place(home: Home, mistake):
    page = asked(home, registered(home), **mistake)
    assert page.status == 400
    assert "Go on to <code>phish.example</code>" in page.text
    assert f'href="{PHISH}?error=' in page.text


@pytest.mark.behaviour("IDP-REDIRECT-TRUST")
def test_a_client_of_the_developer_or_on_this_machine_is_told(home: Home):
    assert (
        asked(home, "app", "https://app.example.com/callback", prompt="none").back["error"]
        == "login_required"
    )
    local = registered(home, LOOPBACK, application_type="native")
    assert asked(home, local, LOOPBACK, prompt="none").back["error"] == "login_required"


@pytest.mark.behaviour("IDP-REDIRECT-TRUST")
def test_once_somebody_agreed_the_client_is_told_and_who_refuses_sends_it_there(home: Home):
    client = registered(home)
    browser = home.browser()
    page = browser.sign_in(asked(home, client, browser=browser))
    assert browser.press(page, decision="deny").back["error"] == "access_denied"
    assert asked(home, client, prompt="none").status == 400, "a refusal is no agreement"
    browser.press(asked(home, client, browser=browser), decision="approve")
    assert asked(home, client, prompt="none").back["error"] == "login_required"


@pytest.mark.behaviour("IDP-REDIRECT-TRUST")
def test_an_agreement_is_to_the_client_as_it_was(home: Home):
    metadata = {"client_name": "x", "redirect_uris": [PHISH], "token_endpoint_auth_method": "none"}
    made = home.http.post(home.idp.endpoint("home", "register"), json=metadata).json()
    home.browser().code(client=made["client_id"], redirect_uri=PHISH)
    other = "https://other.example/login"
    changed = home.http.put(
        made["registration_client_uri"],
        json={**metadata, "redirect_uris": [PHISH, other], "client_id": made["client_id"]},
        headers={"authorization": f"Bearer {made['registration_access_token']}"},
    )
    assert changed.status_code == 200, changed.text
    assert asked(home, made["client_id"], other, prompt="none").status == 400


@pytest.mark.behaviour("IDP-REDIRECT-TRUST")
def test_nor_does_a_link_to_sign_out_lead_there(home: Home):
    client = registered(home, post_logout_redirect_uris=[PHISH])
    place = home.idp.endpoint("home", "logout")
    page = home.browser().open(f"{place}?client_id={client}&post_logout_redirect_uri={PHISH}&state=x")
    assert page.status == 400
    assert "Go on to <code>phish.example</code>" in page.text


@pytest.mark.behaviour("IDP-FRESH-LOGIN")
def test_a_sign_in_answers_its_request_for_minutes_only(home: Home, clock: FakeClock):
    browser, link = home.browser(), home.url(prompt="login")
    page = browser.sign_in(browser.open(link))
    clock.advance(299)
    assert "decision" in browser.open(link).form.names
    clock.advance(1)
    assert "password" in browser.open(link).form.names
    late = browser.press(page, decision="approve")
    assert late.status == 403, "the consent page that was left open is too old as well"
