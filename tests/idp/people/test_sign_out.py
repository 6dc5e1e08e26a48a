"""The way out in every dialect: who is asked, who is not, and where nobody is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.idp import Realm
from skerry.idp.dialects import DIALECTS
from tests.kit.clock import FakeClock
from tests.kit.idp_people import ANN, APP, BOB, CALLBACK, HOME, LOOPBACK, OTHER, Browser, Home, people

BYE = "https://app.example.com/bye"
LEAVER = replace(APP, post_logout_redirect_uris=(BYE, f"{BYE}?tab=1", "com.example.app:/bye"))
ELSEWHERE = replace(OTHER, post_logout_redirect_uris=("https://other.example.com/bye",))
REALM = Realm(
    name="home",
    clients={"app": LEAVER, "other": ELSEWHERE},
    users={user.name: user for user in (ANN, BOB)},
)

DOORS = {
    "oauth": ("logout", "/home/oauth2/logout", "post_logout_redirect_uri"),
    "cognito": ("logout", "/home.auth/logout", "logout_uri"),
    "okta": ("logout", "/home/oauth2/default/v1/logout", "post_logout_redirect_uri"),
    "entra": ("logout", "/oauth2/v2.0/logout", "post_logout_redirect_uri"),
    "auth0": ("logout", "/home/oidc/logout", "post_logout_redirect_uri"),
    "auth0-rfc9068": ("other_logout", "/home/v2/logout", "returnTo"),
}
"""Of each dialect: the endpoint, how its path ends, and its word for where people return to."""


@pytest.fixture
def home(clock: FakeClock):
    with people(REALM, clock=clock) as running:
        yield running


def signed_in(home: Home, name: str = "ann", **asked: Any) -> tuple[Browser, Mapping[str, Any]]:
    """A browser after a sign-in, and the tokens that came of it."""
    browser = home.browser()
    code = browser.code(name, scope="openid", **asked)
    return browser, home.redeem(code).json()


def leave(browser: Browser, endpoint: str = "logout", **asked: str | list[str]):
    place = browser.home.idp.endpoint("home", endpoint)
    return browser.open(str(browser.http.build_request("GET", place, params=asked).url))


def is_signed_in(browser: Browser) -> bool:
    return browser.open(browser.home.url(prompt="none")).back.get("error") != "login_required"


@pytest.mark.behaviour("IDP-LOGOUT-PLACES")
@pytest.mark.parametrize("dialect", DOORS)
def test_each_dialect_has_its_own_door_and_word_for_the_way_back(dialect):
    endpoint, path, word = DOORS[dialect]
    with people(replace(REALM, dialect=dialect)) as home:
        metadata = home.http.get(home.idp.discovery_url("home")).json()
        assert metadata["end_session_endpoint"] == home.idp.endpoint("home", "logout")
        assert home.idp.endpoint("home", endpoint).endswith(path)
        browser, _ = signed_in(home)
        asking = leave(browser, endpoint, **{"client_id": "app", word: BYE})
        assert asking.status == 200
        assert "<strong>Example App</strong> asks you to sign out" in asking.text
        assert "<code>app.example.com</code>" in asking.text
        assert is_signed_in(browser), "a link alone signs nobody out"
        assert browser.press(asking).location == BYE
        assert not is_signed_in(browser)
        refused = leave(browser, endpoint, **{"client_id": "app", word: "https://evil.example/"})
        assert (refused.status, refused.location) == (400, "")


@pytest.mark.behaviour("IDP-LOGOUT-PLACES")
def test_cognitos_way_out_may_lead_to_the_next_sign_in():
    with people(replace(REALM, dialect="cognito")) as home:
        browser, _ = signed_in(home)
        again = browser.press(leave(browser, **dict(home.query(scope="openid"))))
        assert "password" in again.form.names
        assert browser.sign_in(again, "bob").form.names >= {"decision"}


@pytest.mark.behaviour("IDP-LOGOUT-PLACES")
def test_entras_apps_return_to_any_of_their_redirect_uris():
    with people(replace(REALM, dialect="entra")) as home:
        browser, _ = signed_in(home)
        assert browser.press(leave(browser, post_logout_redirect_uri=CALLBACK)).location == CALLBACK
    with people(REALM) as home:
        assert leave(home.browser(), client_id="app", post_logout_redirect_uri=CALLBACK).status == 400


@pytest.mark.behaviour("IDP-LOGOUT-HINT")
@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "entra-v1"])
def test_an_id_token_of_who_is_signed_in_needs_no_question(dialect, clock: FakeClock):
    with people(replace(REALM, dialect=dialect), clock=clock) as home:
        browser, tokens = signed_in(home)
        clock.advance(REALM.lifetime + 1)  # clients keep an ID token for this, and it has expired by then
        asked = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": BYE, "state": "a &b"}
        assert leave(browser, **asked).location == f"{BYE}?state=a+%26b"
        assert not is_signed_in(browser)


@pytest.mark.behaviour("IDP-LOGOUT-HINT")
def test_any_other_hint_is_asked_about(home: Home):
    _, bobs = signed_in(home, "bob")
    browser, tokens = signed_in(home)
    forged = tokens["id_token"][:-8] + "AAAAAAAA"
    for hint in (bobs["id_token"], forged, tokens["access_token"], "x", "a.b.c"):
        page = leave(browser, id_token_hint=hint)
        assert (page.status, "Sign out?" in page.text) == (200, True)
        assert is_signed_in(browser)
    mixed = leave(browser, id_token_hint=tokens["id_token"], client_id="other")
    assert (mixed.status, "of another client" in mixed.text) == (400, True)
    assert is_signed_in(browser)


@pytest.mark.behaviour("IDP-LOGOUT-EXACT")
@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example.com/bye/",
        "https://app.example.com/bye?",
        "https://APP.example.com/bye",
        "https://app.example.com/bye#x",
        "https://app.example.com@evil.example/bye",
        "//evil.example",
        "/home/oauth2/authorize",
        "javascript:alert(1)",
        "https://other.example.com/bye",
        LOOPBACK,
        "https://app.example.com/bye\r\nx-evil: 1",
    ],
)
def test_nobody_is_sent_where_the_client_did_not_register(home: Home, uri):
    browser, tokens = signed_in(home)
    for asked in ({"client_id": "app"}, {"id_token_hint": tokens["id_token"]}):
        page = leave(browser, post_logout_redirect_uri=uri, **asked)
        assert (page.status, page.location, "x-evil" in page.answer.headers) == (400, "", False)
    assert is_signed_in(browser)


@pytest.mark.behaviour("IDP-LOGOUT-EXACT")
def test_what_is_registered_is_gone_to_as_it_is(home: Home):
    for uri, place in (
        (f"{BYE}?tab=1", f"{BYE}?tab=1&state=s"),
        ("com.example.app:/bye", "com.example.app:/bye?state=s"),
    ):
        page = leave(home.browser(), client_id="app", post_logout_redirect_uri=uri, state="s")
        assert page.location == place, "nobody is signed in, so there is nothing to ask"
    assert leave(home.browser(), post_logout_redirect_uri="https://other.example.com/bye").status == 303
    assert leave(home.browser(), client_id="nobody").status == 400
    assert leave(home.browser(), client_id=["app", "app"]).status == 400


@pytest.mark.behaviour("IDP-LOGOUT-EXACT")
def test_the_answer_of_the_form_may_go_there_and_nowhere_else(home: Home):
    browser, _ = signed_in(home)
    page = leave(browser, client_id="app", post_logout_redirect_uri=BYE)
    assert "form-action 'self' https://app.example.com;" in page.answer.headers["content-security-policy"]
    changed = page.form.fields["request"].replace("bye", "other")
    assert browser.press(page, changed={"request": changed}).status == 400
    elsewhere = leave(browser, client_id="other").form.fields["request"]
    assert browser.press(page, changed={"request": elsewhere}).status == 403
    assert is_signed_in(browser)


@pytest.mark.behaviour("IDP-LOGOUT-PLACES")
def test_a_client_may_post_its_wish(home: Home):
    browser, tokens = signed_in(home)
    place = home.idp.endpoint("home", "logout")
    form = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": BYE}
    answer = browser.http.post(place, data=form)
    assert (answer.status_code, browser.open(home.issuer("home") + "/").status) == (303, 404)
    assert (
        browser.open(place.removesuffix(answer.request.url.path) + answer.headers["location"]).location == BYE
    )
    assert browser.http.post(f"{place}?x=1", data=form).status_code == 400
    assert browser.http.post(place, content=b"a=\x00").status_code == 400


@pytest.mark.behaviour("IDP-LOGOUT-HINT")
def test_tokens_of_apps_outlive_the_way_out_and_an_unattended_realm_asks_nothing(home: Home):
    browser, tokens = signed_in(home)
    leave(browser, id_token_hint=tokens["id_token"])
    assert home.refresh(tokens["refresh_token"]).status_code == 200
    with people(replace(HOME, approve="ann", clients={"app": LEAVER})) as unattended:
        browser = unattended.browser()
        assert leave(browser, client_id="app", post_logout_redirect_uri=BYE).location == BYE


WORDS = (
    "client_id",
    "logout_uri",
    "post_logout_redirect_uri",
    "redirect_uri",
    "returnTo",
    "state",
    "id_token_hint",
)
VALUES = st.sampled_from(
    [BYE, "app", "other", CALLBACK, "https://evil.example/", "//evil.example", "\r\nx: y", "\x00"]
) | st.text(max_size=40)


@pytest.fixture(scope="module")
def doors() -> Iterator[Home]:
    realms = (replace(REALM, name="home"), replace(REALM, name="pool", dialect="cognito"))
    with people(*realms) as running:
        yield running


@pytest.mark.behaviour("IDP-LOGOUT-EXACT")
@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["home", "pool"]), st.lists(st.tuples(st.sampled_from(WORDS), VALUES), max_size=5))
def test_no_link_leads_anywhere_else(doors: Home, realm, asked):
    place = doors.idp.endpoint(realm, "logout")
    raw = urlencode([(name, value.encode("utf-8", "surrogatepass")) for name, value in asked])
    answer = doors.http.get(f"{place}?{raw}")
    while answer.headers.get("location", "").startswith(f"{urlsplit(place).path.rpartition('/')[0]}/"):
        answer = doors.http.get(f"{doors.idp.url}{answer.headers['location']}")
    location = answer.headers.get("location", "")
    assert answer.status_code in (200, 303, 400)
    assert not location or location.partition("?")[0] in (BYE, "https://other.example.com/bye", CALLBACK)
    assert "x" not in answer.headers
