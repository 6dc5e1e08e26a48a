"""The pages as somebody hostile meets them: other sites, other browsers, frames, guessers; and as a person does."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import statistics
import time
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import cast

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skerry.idp.attempts import Attempts
from skerry.idp.authorize import forms
from skerry.idp.authorize.sign_in import AT_ONCE, WAITING, SignIn, Turns
from skerry.idp.issuer import Issuer
from skerry.idp.oauth_errors import OAuthError
from skerry.idp.realms import PUBLIC
from skerry.web_page import shown
from tests.kit.clock import FakeClock
from tests.kit.idp_people import (
    ANN,
    APP,
    BOB,
    CALLBACK,
    CLIENTS,
    HOME,
    LOOPBACK,
    PASSWORDS,
    Browser,
    Home,
    Page,
    people,
)


def at_consent(browser: Browser, **asked) -> Page:
    page = browser.sign_in(browser.open(browser.home.url(**asked)))
    assert "decision" in page.form.names, page.text
    return page


def pages(home: Home) -> dict[str, Page]:
    """One of each page."""
    browser = home.browser()
    sign_in = browser.open(home.url())
    return {
        "sign-in": sign_in,
        "wrong": browser.sign_in(sign_in, password="wrong"),
        "consent": at_consent(browser),
        "error": browser.open(home.url("nobody")),
        "stale": browser.press(at_consent(home.browser()), changed={"csrf": "x"}, decision="approve"),
        "sign-out": browser.open(f"{home.issuer()}/oauth2/sign-out"),
        "activate": browser.open(f"{home.issuer()}/oauth2/activate"),
    }


@pytest.mark.behaviour("IDP-PAGE-HEADERS")
def test_every_page_forbids_scripts_frames_and_referrers(home: Home):
    for name, page in pages(home).items():
        headers = page.answer.headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'", name
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'", name
        assert (headers["x-frame-options"], headers["referrer-policy"]) == ("DENY", "no-referrer"), name
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store"), name
        (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert policy["style-src"] == f"'sha256-{digest}'", name
        assert "<script" not in page.text
        assert "style=" not in page.text.replace("<style>", "")


@pytest.mark.behaviour("IDP-PAGE-HEADERS")
@pytest.mark.parametrize(
    ("client", "uri", "source"),
    [
        ("app", CALLBACK, "'self' https://app.example.com"),
        ("local", LOOPBACK, "'self' http://127.0.0.1:* http://localhost:*"),
        ("local", "http://localhost:9/callback", "'self' http://127.0.0.1:* http://localhost:*"),
        ("local", "http://[::1]:9/callback", "'self' http:"),
    ],
)
def test_a_form_may_lead_to_the_provider_and_to_where_the_answer_goes(home: Home, client, uri, source):
    browser = home.browser()
    first = browser.open(home.url(client, redirect_uri=uri))
    for page in (first, browser.sign_in(first)):
        policy = page.answer.headers["content-security-policy"]
        assert re.search("form-action ([^;]*);", policy)[1] == source


class Outline(HTMLParser):
    """What a screen reader goes by."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.labels: set[str] = set()
        self.inputs: list[dict[str, str | None]] = []
        self.language = ""
        self.ids: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        self.ids |= {given["id"]} if "id" in given else set()
        if tag == "html":
            self.language = given.get("lang", "")
        elif tag == "label":
            self.labels.add(given["for"])
        elif tag == "input" and given.get("type") != "hidden":
            self.inputs.append(given)
        elif tag == "a":
            self.links.append(given["href"])


@pytest.mark.behaviour("IDP-PAGE-ACCESSIBLE")
def test_every_page_can_be_read_and_used_without_seeing_it(home: Home):
    for name, page in pages(home).items():
        outline = Outline()
        outline.feed(page.text)
        assert outline.language == "en", name
        assert outline.tags.count("h1") == outline.tags.count("main") == outline.tags.count("title") == 1
        assert {field["id"] for field in outline.inputs} == outline.labels, name
        for field in outline.inputs:
            assert field["autocomplete"], name
            described = str(field.get("aria-describedby") or "").split()
            assert set(described) <= outline.ids
            assert ("aria-invalid" in field) == ("error" in described)
        assert {link[1:] for link in outline.links if link.startswith("#")} <= outline.ids, name
    wrong = pages(home)["wrong"].text
    assert 'role="alert"' in wrong
    assert "<title>Error: sign in</title>" in wrong


@pytest.mark.behaviour("IDP-SESSION-COOKIE")
def test_the_cookie_is_for_the_pages_of_one_realm_and_for_no_script(home: Home):
    browser = home.browser()
    sign_in = browser.open(home.url())
    answer = browser.http.post(
        f"{home.issuer()}/oauth2/sign-in",
        data={**sign_in.form.fields, "username": "ann", "password": PASSWORDS["ann"]},
    )
    for given_cookie in (sign_in.answer.headers["set-cookie"], answer.headers["set-cookie"]):
        value, *attributes = given_cookie.split("; ")
        assert re.fullmatch("skerry-home=[A-Za-z0-9_-]{43}", value)
        assert {item.lower() for item in attributes} == {"httponly", "samesite=lax", "path=/home/oauth2"}


@pytest.mark.behaviour("IDP-SESSION-FIXATION")
def test_a_session_id_planted_before_sign_in_is_worth_nothing_after_it(home: Home):
    victim, attacker = home.browser(), home.browser()
    attacker.open(home.url())
    planted = attacker.cookies()["skerry-home"]
    victim.http.cookies.set("skerry-home", planted, domain="127.0.0.1", path="/home/oauth2")
    victim.sign_in(victim.open(home.url()))
    assert victim.cookies()["skerry-home"] != planted
    assert "password" in attacker.open(home.url()).form.names
    assert attacker.open(home.url(prompt="none")).back["error"] == "login_required"


@pytest.mark.behaviour("IDP-SESSION-COOKIE")
def test_sessions_are_kept_by_their_digest_and_end(clock: FakeClock, tmp_path):
    with people(HOME, clock=clock, state=tmp_path) as home:
        browser = home.browser()
        browser.sign_in(browser.open(browser.home.url()))
        cookie = browser.cookies()["skerry-home"]
        assert all(cookie.encode() not in file.read_bytes() for file in tmp_path.iterdir())
        assert "decision" in browser.open(browser.home.url()).form.names
        clock.advance(8 * 3600)
        assert "password" in browser.open(browser.home.url()).form.names


@pytest.mark.behaviour("IDP-SESSION-COOKIE")
@pytest.mark.parametrize(
    "change", [{"enabled": False}, {"password_digest": BOB.password_digest}], ids=["disabled", "password"]
)
def test_a_session_ends_with_the_password_it_began_with(clock: FakeClock, tmp_path, change):
    with people(HOME, clock=clock, state=tmp_path) as home:
        browser = home.browser()
        assert browser.sign_in(browser.open(home.url("trusted"))).code
        cookie = browser.cookies()["skerry-home"]
    changed = replace(HOME, users={**HOME.users, "ann": replace(ANN, **change)})
    for realm, error in ((HOME, None), (changed, "login_required")):
        with people(realm, clock=clock, state=tmp_path) as home:
            browser = home.browser()
            browser.http.cookies.set("skerry-home", cookie, domain="127.0.0.1", path="/home/oauth2")
            assert browser.open(home.url("trusted", prompt="none")).back.get("error") == error


@pytest.mark.behaviour("IDP-CSRF")
@pytest.mark.parametrize(
    "changed",
    [
        {"csrf": ""},
        {"csrf": "0" * 64},
        {"csrf": "é"},
        {"request": "another"},
    ],
    ids=repr,
)
def test_consent_needs_the_form_that_this_browser_got_for_this_request(home: Home, changed):
    browser = home.browser()
    page = at_consent(browser)
    if "request" in changed:
        changed = {"request": home.url(scope="openid desk/change").partition("?")[2]}
    refused = browser.press(page, changed=changed, decision="approve")
    assert refused.status == 403
    assert refused.location == ""
    assert "decision" in browser.open(home.url()).form.names, "nothing was remembered"


@pytest.mark.behaviour("IDP-CSRF")
def test_the_form_of_one_browser_is_no_use_in_another(home: Home):
    ann, bob = home.browser(), home.browser()
    page = at_consent(ann)
    at_bob = bob.sign_in(bob.open(home.url()), "bob")
    assert bob.press(page, decision="approve").status == 403
    assert home.browser().press(page, decision="approve").status == 403
    mixed = {"request": page.form.fields["request"], "csrf": at_bob.form.fields["csrf"]}
    assert bob.press(at_bob, changed=mixed, decision="approve").status == 403


@pytest.mark.behaviour("IDP-CSRF")
def test_nobody_is_signed_in_by_another_site(home: Home):
    """Login CSRF: an attacker has their own form sent by the victim's browser."""
    attacker, victim = home.browser(), home.browser()
    page = attacker.open(home.url())
    again = victim.sign_in(page, "bob")
    assert again.status == 403
    assert "This form is too old" in again.text
    assert "password" in victim.open(home.url()).form.names


@pytest.mark.behaviour("IDP-CSRF")
def test_a_form_of_before_signing_out_is_stale(home: Home):
    browser = home.browser()
    page = at_consent(browser)
    out = browser.press(browser.open(f"{home.issuer()}/oauth2/sign-out"))
    assert "You are signed out" in out.text
    assert browser.press(page, decision="approve").status == 403
    assert "password" in browser.open(home.url()).form.names
    assert "Nobody is signed in" in browser.open(f"{home.issuer()}/oauth2/sign-out").text


@pytest.mark.behaviour("IDP-SIGN-OUT")
def test_a_link_alone_signs_nobody_out(home: Home):
    browser = home.browser()
    at_consent(browser)
    asking = browser.open(f"{home.issuer()}/oauth2/sign-out")
    assert browser.press(asking, changed={"csrf": "x"}).status == 403
    assert "decision" in browser.open(home.url()).form.names


@pytest.mark.behaviour("IDP-NO-ENUMERATION")
def test_an_unknown_name_and_a_wrong_password_look_the_same(home: Home, clock: FakeClock):
    seen = set()
    for name in ("ann", "nobody", "eve", "x" * 300):
        browser = home.browser()
        page = browser.sign_in(browser.open(home.url(state="s")), name, "wrong")
        text = re.sub(r'value="[^"]*"', "", page.text)
        seen.add((page.status, text, tuple(sorted(set(page.answer.headers) - {"content-length"}))))
    assert len(seen) == 1


@pytest.mark.behaviour("IDP-NO-ENUMERATION")
def test_an_unknown_name_has_to_wait_as_a_known_one_does(home: Home, clock: FakeClock):
    for name in ("ann", "nobody", "another"):
        browser = home.browser()
        page = browser.open(home.url())
        for _ in range(10):
            page = browser.sign_in(page, name, "wrong")
            assert page.status == 403
        limited = browser.sign_in(page, name)
        assert (limited.status, limited.answer.headers["retry-after"]) == (429, "6")
    assert "decision" in at_consent_of(home.browser(), "bob").form.names, "others need not wait"
    clock.advance(6)
    assert "decision" in at_consent_of(home.browser(), "ann").form.names


def at_consent_of(browser: Browser, name: str) -> Page:
    return browser.sign_in(browser.open(browser.home.url()), name)


@pytest.mark.behaviour("IDP-NO-ENUMERATION")
def test_an_unknown_name_takes_as_long_as_a_known_one(home: Home):
    """A ratio with room: what must not be is that an unknown name skips the password check (10 times faster)."""
    browser = home.browser()
    page = browser.sign_in(browser.open(home.url()), "warm-up", "wrong")
    times: dict[str, list[float]] = {"bob": [], "nobody": []}
    for _ in range(7):
        for name, found in times.items():
            began = time.perf_counter()
            browser.sign_in(page, name, "wrong")
            found.append(time.perf_counter() - began)
    known, unknown = (min(found) for found in times.values())
    assert 0.5 < known / unknown < 2, {name: statistics.median(found) for name, found in times.items()}


@pytest.mark.behaviour("IDP-CONSENT-PAGE")
def test_the_consent_page_says_who_asks_for_what_and_where_the_answer_goes(home: Home):
    page = at_consent(home.browser(), scope="openid profile desk/use", resource="https://api.example.com/mcp")
    for said in (
        "Allow Example App?",
        "signed in as <strong>ann</strong>",
        "know who you are <code>openid</code>",
        "see your profile, such as your name <code>profile</code>",
        "use <code>desk/use</code>",
        "<code>https://api.example.com/mcp</code>",
        "<code>app.example.com</code>",
        "Not you? Sign out",
    ):
        assert said in page.text
    assert "Any program on this machine" not in page.text


@pytest.mark.behaviour("IDP-CONSENT-LOOPBACK")
def test_a_client_that_only_answers_to_this_machine_has_a_warning(home: Home):
    page = at_consent(home.browser(), client="local")
    assert "Any program on this machine can ask in this name." in page.text
    assert "<code>127.0.0.1:9</code>" in page.text


@pytest.mark.behaviour("IDP-CONSENT-PAGE")
@pytest.mark.parametrize("source", ["registered", "document"])
def test_a_name_that_a_client_gave_itself_is_shown_as_such_and_harmless(source):
    name = '<script>alert(1)</script>\u202egnp.exe"\r\n' + "long " * 100
    client = replace(APP, name=name, source=source)
    with people(replace(HOME, clients={"app": client})) as home:
        page = at_consent(home.browser())
        assert "the name is its own claim" in page.text
        assert "<script" not in page.text
        assert "\u202e" not in page.text
        assert max(len(line) for line in page.text.splitlines() if "Allow" in line) < 300


@pytest.mark.behaviour("IDP-SIGN-IN-CLAIM")
@pytest.mark.parametrize("source", ["registered", "document", "file"])
def test_who_is_about_to_type_a_password_sees_that_a_name_is_a_client_s_own_claim(source):
    client = replace(APP, name="Your bank", source=source)
    page = forms.sign_in(forms.Form(action="/", query="", token=""), page="authorize", client=client, name="")
    text = bytes(page.body).decode()
    assert "<strong>Your bank</strong>" in text
    assert ("the name is its own claim" in text and f"<code>{APP.id}</code>" in text) is (source != "file")


@pytest.mark.behaviour("IDP-CONSENT-PAGE")
def test_the_host_of_a_client_s_document_is_shown_to_its_end():
    host = f"accounts.bank.example.{'a' * 60}.{'b' * 60}.other.example"
    client = replace(APP, id=f"https://{host}/{'c' * 400}", source="document")
    form = forms.Form(action="/consent", query="", token="")
    page = forms.consent(
        form, client=client, user="ann", scopes=(), resources=(), goes_to=CALLBACK, sign_out="/sign-out"
    )
    text = bytes(page.body).decode()
    assert f"<code>https://{host}/ccc" in text
    assert "c" * 121 not in text


@pytest.mark.behaviour("IDP-CLIENT-ORIGIN")
@pytest.mark.parametrize(
    ("source", "said"), [("added", "The developer who runs this provider added it"), ("configured", "")]
)
def test_a_client_of_the_developer_is_not_said_to_have_made_itself(source, said):
    with people(replace(HOME, clients={"app": replace(APP, source=source)})) as home:
        page = at_consent(home.browser())
        assert said in page.text
        assert "its own claim" not in page.text
        assert bool(said) is ("<code>app</code>" in page.text)


@pytest.mark.behaviour("IDP-CONSENT-DENIED")
def test_refusing_tells_the_client_and_is_not_remembered(home: Home):
    browser = home.browser()
    back = browser.press(at_consent(browser, state="s"), decision="deny").back
    assert (back["error"], back["state"], back["iss"]) == ("access_denied", "s", home.issuer())
    assert "code" not in back
    assert browser.press(at_consent_again(browser), decision="x").back["error"] == "access_denied"


def at_consent_again(browser: Browser) -> Page:
    page = browser.open(browser.home.url())
    assert "decision" in page.form.names
    return page


@pytest.mark.behaviour("IDP-CONSENT-REMEMBERED")
def test_consent_is_asked_once_for_the_same_and_again_for_more(home: Home):
    browser = home.browser()
    browser.code(scope="openid")
    assert browser.open(home.url(scope="openid")).code
    assert browser.open(home.url(scope="openid", prompt="none")).code
    more = browser.open(home.url(scope="openid desk/use", prompt="none"))
    assert more.back["error"] == "consent_required"
    other = browser.open(home.url(scope="openid", resource="https://api.example.com/mcp", prompt="none"))
    assert other.back["error"] == "consent_required"
    assert browser.open(home.url("other", scope="openid", prompt="none")).back["error"] == "consent_required"
    browser.code(scope="openid desk/use")
    assert browser.open(home.url(scope="openid desk/use", prompt="none")).code
    assert "decision" in browser.open(home.url(scope="openid", prompt="consent")).form.names
    bob = home.browser()
    assert "decision" in bob.sign_in(bob.open(home.url(scope="openid")), "bob").form.names


@pytest.mark.behaviour("IDP-CONSENT-REMEMBERED")
@pytest.mark.parametrize(
    "change",
    [
        {"name": "Another name"},
        {"redirect_uris": (CALLBACK, "https://evil.example/callback")},
        {"jwks_uri": "https://evil.example/keys"},
    ],
    ids=repr,
)
def test_a_client_that_changed_is_asked_for_again(clock: FakeClock, tmp_path, change):
    asked = {"scope": "openid", "prompt": "none"}
    with people(HOME, clock=clock, state=tmp_path) as home:
        browser = home.browser()
        browser.code(scope="openid")
        assert browser.open(home.url(**asked)).code
        cookie = browser.cookies()["skerry-home"]
    changed = replace(HOME, clients={**CLIENTS, "app": replace(APP, **change)})
    with people(changed, clock=clock, state=tmp_path) as home:
        browser = home.browser()
        browser.http.cookies.set("skerry-home", cookie, domain="127.0.0.1", path="/home/oauth2")
        assert browser.open(home.url(**asked)).back["error"] == "consent_required"


@pytest.mark.behaviour("IDP-CONSENT-ANYBODY")
def test_a_public_client_on_loopback_is_asked_for_each_time():
    anybody = replace(APP, secret="", token_endpoint_auth_method=PUBLIC, redirect_uris=(CALLBACK, LOOPBACK))
    with people(replace(HOME, clients={"app": anybody})) as home:
        browser = home.browser()
        browser.code(scope="openid")
        assert "decision" in browser.open(home.url(scope="openid")).form.names
        assert browser.open(home.url(scope="openid", prompt="none")).back["error"] == "consent_required"


@pytest.mark.behaviour("IDP-CONSENT-TRUSTED")
def test_a_trusted_client_needs_no_consent(home: Home):
    browser = home.browser()
    page = browser.sign_in(browser.open(home.url("trusted")))
    assert page.code
    assert browser.open(home.url("trusted", prompt="none")).code


@pytest.mark.behaviour("IDP-PROMPT")
def test_prompt_login_and_max_age_ask_for_the_password_again_once(home: Home, clock: FakeClock):
    browser = home.browser()
    browser.code(client="trusted")
    for prompt in ("login", "select_account"):
        asked = home.url("trusted", prompt=prompt)
        page = browser.open(asked)
        assert "password" in page.form.names
        assert browser.sign_in(page).code
        assert "password" in browser.open(asked).form.names, "the same link again is another sign-in"
    asked = home.url("trusted", max_age="60", scope="openid")
    clock.advance(60)
    assert browser.open(asked).code
    clock.advance(1)
    assert browser.open(home.url("trusted", max_age="60", prompt="none")).back["error"] == "login_required"
    page = browser.open(asked)
    assert "password" in page.form.names
    tokens = home.redeem(browser.sign_in(page).code, "trusted").json()
    assert home.desk.claims(tokens["id_token"], "home")["auth_time"] == int(clock.time())
    now = browser.open(home.url("trusted", max_age="0"))
    assert "password" in now.form.names, "as prompt=login"
    assert browser.sign_in(now).code
    clock.set_time(clock.time() - 7200)
    assert "password" in browser.open(asked).form.names, "a sign-in of the future is no fresh one"


@pytest.mark.behaviour("IDP-ID-TOKEN-HINT")
def test_an_id_token_says_who_must_be_signed_in(home: Home, clock: FakeClock):
    ann, bob = (home.tokens("trusted", name, scope="openid")["id_token"] for name in ("ann", "bob"))
    browser = home.browser()
    assert (
        browser.open(home.url("trusted", prompt="none", id_token_hint=ann)).back["error"] == "login_required"
    )
    browser.code("ann", client="trusted")
    clock.advance(HOME.lifetime + 1)
    assert browser.open(home.url("trusted", prompt="none", id_token_hint=ann)).code, (
        "an expired one still names"
    )
    assert (
        browser.open(home.url("trusted", prompt="none", id_token_hint=bob)).back["error"] == "login_required"
    )
    page = browser.open(home.url("trusted", id_token_hint=bob))
    assert "password" in page.form.names
    assert browser.sign_in(page, "ann").back["error"] == "login_required", "signed in, and still another"
    assert browser.sign_in(browser.open(home.url("trusted", id_token_hint=bob)), "bob").code


@pytest.mark.behaviour("IDP-ID-TOKEN-HINT")
def test_a_hint_that_does_not_hold_is_no_hint(home: Home):
    tokens = home.tokens("trusted", scope="openid")
    others = home.tokens("app", scope="openid")["id_token"]
    pool = home.http.get(home.idp.discovery_url("pool")).json()
    assert pool["issuer"] not in others
    browser = home.browser()
    browser.code("ann", client="trusted")
    for hint in (others, tokens["access_token"], tokens["id_token"][:-6] + "AAAAAA", "x"):
        assert browser.open(home.url("trusted", id_token_hint=hint)).back["error"] == "invalid_request"


@pytest.mark.behaviour("IDP-PROMPT")
def test_another_person_may_sign_in_at_prompt_login(home: Home):
    browser = home.browser()
    browser.code("ann", client="trusted")
    page = browser.open(home.url("trusted", prompt="login", scope="openid"))
    tokens = home.redeem(browser.sign_in(page, "bob").code, "trusted").json()
    assert home.desk.claims(tokens["id_token"], "home")["preferred_username"] == "bob"


def test_login_hint_fills_in_the_name(home: Home):
    page = home.browser().open(home.url(login_hint='bob" onfocus="alert(1)'))
    assert 'value="bob&quot; onfocus=&quot;alert(1)"' in page.text


@pytest.mark.behaviour("IDP-ISS")
def test_the_answer_names_its_issuer_so_that_a_mix_up_is_seen():
    """Two providers, one client of both: what comes back tells them apart byte for byte (RFC 9207)."""
    honest, evil = replace(HOME, name="honest"), replace(HOME, name="evil")
    with people(honest, evil) as both:
        seen = {}
        for realm in ("honest", "evil"):
            browser = both.browser()
            page = browser.sign_in(browser.open(both.url("trusted", realm=realm)))
            document = both.http.get(both.idp.discovery_url(realm)).json()
            assert document["authorization_response_iss_parameter_supported"] is True
            assert page.back["iss"] == document["issuer"] == both.issuer(realm)
            seen[realm] = page.code
        crossed = both.redeem(seen["honest"], "trusted", realm="evil")
        assert crossed.json()["error"] == "invalid_grant"
        assert both.redeem(seen["honest"], "trusted", realm="honest").status_code == 200


def test_a_session_of_one_realm_is_none_in_another():
    with people(replace(HOME, name="one"), replace(HOME, name="two")) as both:
        browser = both.browser()
        browser.sign_in(browser.open(both.url("trusted", realm="one")))
        assert "password" in browser.open(both.url("trusted", realm="two")).form.names


@given(st.text())
def test_what_a_client_says_of_itself_is_always_harmless(text):
    found = shown(text)
    assert not {"<", ">", '"', "\n", "\u202e", "\x1b"} & set(found)
    assert len(found) <= 120 * 6


@pytest.mark.behaviour("IDP-PAGE-HOST")
@pytest.mark.parametrize(
    "host", ["evil.example", "localhost", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example"]
)
def test_a_page_under_another_name_is_refused(home: Home, host):
    """DNS rebinding: the name is a stranger's, the address is ours."""
    for path in ("authorize", "sign-out", "activate"):
        query = home.url().partition("?")[2] if path == "authorize" else ""
        answer = home.http.get(f"{home.issuer()}/oauth2/{path}?{query}", headers={"host": host})
        assert (answer.status_code, "csrf" in answer.text) == (421, False)
        assert home.issuer() in answer.text


@pytest.mark.behaviour("IDP-SIGN-IN-BOUNDED")
async def test_a_flood_of_passwords_is_bounded_and_guesses_at_once_are_counted(home: Home):
    """Sixty at once for one name: no more than ten are looked at, and what cannot wait is told so."""
    page = home.browser().open(home.url())
    form = {**page.form.fields, "username": "ann", "password": "wrong"}
    cookies = {"cookie": page.answer.headers["set-cookie"].partition(";")[0]}
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
        answers = await asyncio.gather(
            *(http.post(f"{home.issuer()}/oauth2/sign-in", data=form, headers=cookies) for _ in range(60))
        )
        statuses = {answer.status_code for answer in answers}
        assert statuses <= {403, 429, 503}
        assert 503 in statuses
        right = await http.post(
            f"{home.issuer()}/oauth2/sign-in", data={**form, "password": PASSWORDS["ann"]}, headers=cookies
        )
    assert right.status_code == 429


@pytest.mark.behaviour("IDP-SIGN-IN-BOUNDED")
async def test_names_that_are_looked_up_wait_in_the_same_bound():
    """All of them ask before the first look-up comes back."""
    looked_up = asyncio.Event()
    asked: list[str] = []

    class Slow:
        async def user(self, name: str) -> None:
            asked.append(name)
            await looked_up.wait()

    issuer = SimpleNamespace(directory=Slow(), realm=HOME)
    sign_in = SignIn(cast(Issuer, issuer), Attempts(clock=lambda: 0.0), Turns())
    waiting = [asyncio.create_task(sign_in.user(f"nobody-{number}", "x")) for number in range(40)]
    await asyncio.sleep(0)
    assert len(asked) == AT_ONCE
    refused = [task for task in waiting if task.done()]
    assert len(refused) == 40 - AT_ONCE - WAITING
    assert all(isinstance(task.exception(), OAuthError) for task in refused)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=80))
def test_any_cookie_is_a_browser_that_nobody_signed_in_with(home: Home, value):
    for cookie in (value, f"skerry-home={value}"):
        answer = home.http.get(home.url(prompt="none"), headers={"cookie": cookie})
        assert "error=login_required" in answer.headers["location"]


def test_more_than_the_person_saw_is_not_agreed_to():
    """A client that registered itself changes its registration between the page and the answer."""
    with people(replace(HOME, registration="open")) as home:
        metadata = {
            "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": PUBLIC,
            "client_name": "Harmless",
        }
        url = f"{home.issuer()}/oauth2/register"
        browser = home.browser()
        made = browser.http.post(url, json={**metadata, "scope": "openid"}).json()
        page = at_consent(browser, client=made["client_id"], scope="", audience="desk-gateway")
        assert "desk/change" not in page.text
        token = {"authorization": f"Bearer {made['registration_access_token']}"}
        wider = {**metadata, "client_id": made["client_id"], "scope": "openid desk/use desk/change"}
        changed = browser.http.put(made["registration_client_uri"], json=wider, headers=token)
        assert changed.status_code == 200
        answer = browser.press(page, decision="approve")
        assert answer.status == 403
        assert "code=" not in answer.location


@pytest.mark.parametrize("query", ["x\r\nset-cookie: a=b", "\u2028", "user_code=\u00e9", "a" * 300, "a b"])
def test_a_link_of_a_device_that_is_none_leads_nowhere(home: Home, query):
    browser = home.browser()
    page = browser.open(f"{home.issuer()}/oauth2/activate")
    changed = {"request": query}
    for _ in range(2):
        page = browser.press(page, changed=changed, username="ann", password=PASSWORDS["ann"])
        assert page.status == 400, page.text
        page = browser.open(f"{home.issuer()}/oauth2/activate")
