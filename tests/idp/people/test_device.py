"""Device codes: two codes, a page, a decision, and a device that polls politely or not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.idp.kept.device_codes import LETTERS, MOST, asked, decide, make, normal
from skerry.idp.kept.records import Database, Records
from skerry.idp.oauth_errors import OAuthError
from skerry.idp.realms import DEVICE_CODE
from tests.kit.clock import FakeClock
from tests.kit.idp_people import ANN, HOME, Home, Page, people


def started(home: Home, **wanted) -> dict:
    answer = home.post("device", "television", **wanted)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


def poll(home: Home, codes: dict, client: str = "television"):
    return home.post("token", client, grant_type=DEVICE_CODE, device_code=codes["device_code"])


def entered(home: Home, codes: dict, typed: str | None = None, *, browser=None) -> Page:
    """The consent page, after signing in and typing the code."""
    browser = browser or home.browser()
    page = browser.open(codes["verification_uri"])
    if "password" in page.form.names:
        page = browser.sign_in(page)
    return browser.press(page, user_code=codes["user_code"] if typed is None else typed)


@pytest.mark.behaviour("IDP-DEVICE")
def test_a_person_approves_a_device(home: Home, clock: FakeClock):
    codes = started(home, scope="openid desk/use")
    assert re.fullmatch(rf"[{LETTERS}]{{4}}-[{LETTERS}]{{4}}", codes["user_code"])
    assert (codes["expires_in"], codes["interval"]) == (600, 5)
    assert codes["verification_uri"] == f"{home.issuer()}/oauth2/activate"
    assert poll(home, codes).json()["error"] == "authorization_pending"
    browser = home.browser()
    page = entered(home, codes, codes["user_code"].lower().replace("-", " "), browser=browser)
    assert "Television" in page.text
    assert "<code>desk/use</code>" in page.text
    assert "Device connected" in browser.press(page, decision="approve").text
    clock.advance(5)
    tokens = poll(home, codes).json()
    assert home.desk.claims(tokens["access_token"], "home")["sub"] == ANN.id
    assert home.desk.claims(tokens["id_token"], "home")["aud"] == "television"
    assert home.refresh(tokens["refresh_token"], "television").status_code == 200
    assert poll(home, codes).json()["error"] == "invalid_grant"


@pytest.mark.behaviour("IDP-DEVICE")
def test_the_link_with_the_code_in_it_still_asks(home: Home):
    codes = started(home)
    browser = home.browser()
    page = browser.sign_in(browser.open(codes["verification_uri_complete"]))
    assert f'value="{codes["user_code"]}"' in page.text
    assert poll(home, codes).json()["error"] == "authorization_pending"
    page = browser.press(page, user_code=codes["user_code"])
    assert "Allow Television?" in page.text


@pytest.mark.behaviour("IDP-DEVICE-REFUSED")
def test_a_person_refuses_and_the_code_is_decided(home: Home, clock: FakeClock):
    codes = started(home)
    browser = home.browser()
    page = entered(home, codes, browser=browser)
    assert "Refused" in browser.press(page, decision="deny").text
    assert browser.press(page, decision="approve").status == 410
    assert poll(home, codes).json()["error"] == "access_denied"
    assert "unknown, expired or used" in entered(home, codes, browser=browser).text


@pytest.mark.behaviour("IDP-DEVICE-SLOW-DOWN")
def test_a_device_that_polls_too_fast_is_slowed_down(home: Home, clock: FakeClock):
    codes = started(home)
    assert poll(home, codes).json()["error"] == "authorization_pending"
    clock.advance(4)
    assert poll(home, codes).json()["error"] == "slow_down"
    clock.advance(9)
    assert poll(home, codes).json()["error"] == "slow_down"
    clock.advance(15)
    assert poll(home, codes).json()["error"] == "authorization_pending"


@pytest.mark.behaviour("IDP-DEVICE-EXPIRED")
def test_codes_expire(home: Home, clock: FakeClock):
    codes = started(home)
    browser = home.browser()
    page = entered(home, codes, browser=browser)
    clock.advance(600)
    assert poll(home, codes).json()["error"] == "expired_token"
    assert browser.press(page, decision="approve").status == 410
    clock.advance(600)
    assert poll(home, codes).json()["error"] == "invalid_grant"


@pytest.mark.behaviour("IDP-DEVICE-BOUND")
def test_a_device_code_is_its_clients_own(home: Home):
    codes = started(home)
    assert poll(home, codes, "app").json()["error"] == "unauthorized_client"
    assert home.post("device", "app").json()["error"] == "unauthorized_client"
    assert home.post("device", "television", client_secret="wrong").status_code == 401
    assert home.post("device", "television", scope="admin").json()["error"] == "invalid_scope"
    assert (
        home.post("device", "television", resource="https://x.example/").json()["error"] == "invalid_target"
    )
    browser = home.browser()
    browser.press(entered(home, codes, browser=browser), decision="approve")
    with_other = {"grant_type": DEVICE_CODE, "device_code": "x" * 43}
    assert home.post("token", "television", **with_other).json()["error"] == "invalid_grant"


@pytest.mark.behaviour("IDP-DEVICE-GUESSING")
def test_guessing_codes_is_slowed_down_per_person(home: Home, clock: FakeClock):
    codes = started(home)
    browser = home.browser()
    for _ in range(10):
        assert entered(home, codes, "BBBB-BBBB", browser=browser).status == 403
    limited = entered(home, codes, browser=browser)
    assert (limited.status, limited.answer.headers["retry-after"]) == (429, "6")
    clock.advance(6)
    assert "Allow Television?" in entered(home, codes, browser=browser).text


@pytest.mark.behaviour("IDP-CSRF")
def test_no_other_site_and_no_other_browser_can_approve_a_device(home: Home):
    codes = started(home)
    ann, bob = home.browser(), home.browser()
    page = entered(home, codes, browser=ann)
    bob.sign_in(bob.open(codes["verification_uri"]), "bob")
    assert bob.press(page, decision="approve").status == 403
    assert ann.press(page, decision="approve", changed={"csrf": ""}).status == 403
    assert ann.press(page, decision="approve", changed={"request": "BBBBBBBB"}).status == 403
    assert poll(home, codes).json()["error"] == "authorization_pending"


@pytest.mark.behaviour("IDP-DEVICE-SHOWN")
def test_a_device_whose_client_has_another_name_since_is_asked_about_again(clock: FakeClock):
    with people(replace(HOME, registration="open"), clock=clock) as home:
        metadata = {
            "client_name": "Television",
            "grant_types": [DEVICE_CODE],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
        }
        made = home.http.post(home.idp.endpoint("home", "register"), json=metadata).json()
        form = {"client_id": made["client_id"]}
        codes = home.http.post(home.idp.endpoint("home", "device"), data=form).json()
        browser = home.browser()
        page = entered(home, codes, browser=browser)
        assert "Allow Television?" in page.text
        changed = home.http.put(
            made["registration_client_uri"],
            json={**metadata, **form, "client_name": "Your bank"},
            headers={"authorization": f"Bearer {made['registration_access_token']}"},
        )
        assert changed.status_code == 200, changed.text
        assert browser.press(page, decision="approve").status == 403
        again = entered(home, codes, browser=browser)
        assert "Allow Your bank?" in again.text
        assert "Device connected" in browser.press(again, decision="approve").text


@given(st.text(max_size=80))
def test_a_typed_code_is_letters_whatever_was_typed(typed):
    found = normal(typed)
    assert set(found) <= set(LETTERS)
    assert normal(found) == found
    assert normal(f" {found.lower()}-") == found


@pytest.mark.behaviour("IDP-DEVICE-BOUNDED")
async def test_devices_that_wait_are_bounded(clock: FakeClock, tmp_path):
    database = Database(tmp_path / "records.sqlite", clock=clock.time)
    records = Records(database, "home")
    for number in range(MOST):
        await make(records, f"television-{number % 10}", (), ())
    with pytest.raises(OAuthError, match="Too many devices wait"):
        await make(records, "television", (), ())
    clock.advance(600)
    _, typed = await make(records, "television", (), ())
    wish = await asked(records, typed)
    assert wish is not None
    assert await decide(records, wish, "")
    assert await asked(records, typed) is None
    database.close()
