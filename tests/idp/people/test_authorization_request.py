"""What the authorization endpoint takes, what it says to the client, and what it shows to nobody but the person."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.auth.pkce import challenge
from skerry.idp import Realm
from skerry.idp.authorize.request import LONGEST
from tests.fuzz.effort import scaled
from tests.kit.idp_people import APP, CALLBACK, HOME, LOOPBACK, VERIFIER, Home, people


@pytest.fixture(scope="module")
def home():
    with people() as running:
        yield running


def shown(home: Home, **changed) -> httpx2.Response:
    return home.http.get(home.url(**changed))


@pytest.mark.behaviour("IDP-AUTHORIZE-PAGE-ERROR")
@pytest.mark.parametrize(
    "changed",
    [
        {"client": "nobody"},
        {"client_id": None},
        {"client_id": ["app", "app"]},
        {"client_id": ["app", "other"]},
        {"redirect_uri": None},
        {"redirect_uri": ""},
        {"redirect_uri": [CALLBACK, CALLBACK]},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": CALLBACK + "x"},
        {"redirect_uri": CALLBACK + "?x=1"},
        {"redirect_uri": CALLBACK + "#x"},
        {"redirect_uri": CALLBACK + "/../evil"},
        {"redirect_uri": "https://app.example.com/x/../callback"},
        {"redirect_uri": "https://app.example.com:443/callback"},
        {"redirect_uri": "https://app.example.com:8443/callback"},
        {"redirect_uri": "https://APP.example.com/callback"},
        {"redirect_uri": "HTTPS://app.example.com/callback"},
        {"redirect_uri": "http://app.example.com/callback"},
        {"redirect_uri": "https://app.example.com.evil.example/callback"},
        {"redirect_uri": "https://app.example.com@evil.example/callback"},
        {"redirect_uri": "https://user@app.example.com/callback"},
        {"redirect_uri": "https://evil.example\\@app.example.com/callback"},
        {"redirect_uri": "https://app.example.com/%63allback"},
        {"redirect_uri": "//app.example.com/callback"},
        {"redirect_uri": "/callback"},
        {"redirect_uri": " " + CALLBACK},
        {"redirect_uri": CALLBACK + "\r\nset-cookie: x=1"},
        {"redirect_uri": "javascript:alert(1)//" + CALLBACK},
        {"redirect_uri": "data:text/html,x"},
        {"redirect_uri": "http://localhost:9/callback"},
        {"redirect_uri": "http://localhost/callback"},
        {"redirect_uri": "http://127.0.0.2:9/callback"},
        {"redirect_uri": "http://127.1:9/callback"},
        {"redirect_uri": "http://2130706433:9/callback"},
        {"redirect_uri": "http://127.0.0.1:9/callback/"},
        {"redirect_uri": "http://127.0.0.1:9/other"},
        {"redirect_uri": "http://127.0.0.1:9@evil.example/callback"},
        {"redirect_uri": "http://127.0.0.1.evil.example:9/callback"},
        {"redirect_uri": "http://127.0.0.1:99999/callback"},
        {"redirect_uri": "http://127.0.0.1:0/callback"},
        {"redirect_uri": "https://127.0.0.1:9/callback"},
        {"redirect_uri": "http://[::1]:9/callback"},
        {"client": "local", "redirect_uri": "http://localhost:10/callback"},
        {"client": "local", "redirect_uri": "http://localhost/callback"},
        {"client": "local", "redirect_uri": "http://[::1]:1/other"},
        {"client": "local", "redirect_uri": "http://[::ffff:127.0.0.1]:9/callback"},
    ],
    ids=repr,
)
def test_an_unknown_client_or_redirect_uri_is_a_page_and_never_a_redirect(home, changed):
    answer = shown(home, **changed)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/html")
    assert "location" not in answer.headers
    assert "evil" not in answer.text
    assert 'role="status"' in answer.text
    assert (
        home.http.post(f"{home.issuer()}/oauth2/authorize", data=_form(home, changed)).status_code == 400
    ), "by POST too"


def _form(home: Home, changed) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in home.query(**changed):
        found.setdefault(name, []).append(value)
    return found


@pytest.mark.behaviour("IDP-REDIRECT-EXACT")
@pytest.mark.parametrize(
    ("client", "uri"),
    [
        ("app", CALLBACK),
        ("app", "https://app.example.com/other?tab=1"),
        ("app", LOOPBACK),
        ("app", "http://127.0.0.1/callback"),
        ("app", "http://127.0.0.1:1/callback"),
        ("app", "http://127.0.0.1:65535/callback"),
        ("local", "http://[::1]/callback"),
        ("local", "http://[::1]:4711/callback"),
        ("local", "http://localhost:9/callback"),
    ],
)
def test_a_registered_redirect_uri_is_taken_and_only_the_port_of_a_loopback_ip_is_free(home, client, uri):
    page = home.browser().open(home.url(client, redirect_uri=uri, prompt="none"))
    assert page.location.startswith(uri + ("&" if "?" in uri else "?") + "error=login_required")


S256 = challenge(VERIFIER)


@pytest.mark.behaviour("IDP-AUTHORIZE-ERRORS")
@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": ["code", "code"]}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": [S256, S256]}, "invalid_request"),
        ({"code_challenge": S256 + "="}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "+" * 43}, "invalid_request"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"scope": "openid  profile"}, "invalid_scope"),
        ({"scope": 'a"b'}, "invalid_scope"),
        ({"scope": ["openid", "profile"]}, "invalid_request"),
        ({"resource": "https://other.example/"}, "invalid_target"),
        ({"resource": "desk-gateway#x"}, "invalid_target"),
        ({"resource": ["https://api.example.com/mcp", "https://other.example/"]}, "invalid_target"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"max_age": "1" * 30}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"request_uri": "https://evil.example/"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"id_token_hint": "e30.e30.AA"}, "invalid_request"),
        ({"nonce": ["a", "b"]}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"client": "machine"}, "unauthorized_client"),
        ({"client": "machine", "response_type": "token"}, "unauthorized_client"),
    ],
    ids=repr,
)
def test_every_other_mistake_goes_back_to_the_client_with_state_and_issuer(home, changed, error):
    answer = shown(home, state="s t&a=te", **changed)
    assert answer.status_code == 303, answer.text
    place, _, query = answer.headers["location"].partition("?")
    back = parse_qs(query, strict_parsing=True)
    assert place == CALLBACK
    assert (back.pop("error"), back.pop("state"), back.pop("iss")) == ([error], ["s t&a=te"], [home.issuer()])
    assert len(back.pop("error_description")) == 1
    assert not back


@pytest.mark.behaviour("IDP-AUTHORIZE-ERRORS")
def test_a_state_that_stands_twice_is_an_error_without_state(home):
    back = dict(parse_qsl(urlsplit(shown(home, state=["a", "b"]).headers["location"]).query))
    assert (back["error"], "state" in back) == ("invalid_request", False)


def test_a_redirect_uri_with_a_query_keeps_it(home):
    answer = shown(home, redirect_uri="https://app.example.com/other?tab=1", scope="admin")
    assert answer.headers["location"].startswith("https://app.example.com/other?tab=1&error=invalid_scope&")


def test_a_request_that_is_too_long_or_no_query_is_a_page(home):
    for raw in ("&x=" + "y" * LONGEST, "&x=%ff", "&" * 70 + "a=1&" * 70):
        answer = home.http.get(home.url() + raw)
        assert (answer.status_code, "location" in answer.headers) == (400, False), raw[:20]


def test_post_goes_on_as_get_so_that_the_cookie_comes_along(home):
    query = home.query()
    answer = home.http.post(f"{home.issuer()}/oauth2/authorize", data=dict(query))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/home/oauth2/authorize?")
    assert dict(parse_qsl(urlsplit(answer.headers["location"]).query)) == dict(query)
    both = home.http.post(home.url(), data=dict(query))
    assert both.status_code == 400


NAMES = st.sampled_from(
    [
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "state",
        "resource",
        "prompt",
        "code_challenge",
        "code_challenge_method",
        "nonce",
        "max_age",
        "login_hint",
        "request",
        "x",
    ]
)
VALUES = st.text(max_size=30) | st.sampled_from(
    [
        "app",
        "nobody",
        CALLBACK,
        LOOPBACK,
        "code",
        "query",
        "openid",
        "desk/use",
        S256,
        "S256",
        "plain",
        "none",
        "login",
        "0",
        "3600",
        "desk-gateway",
        "https://evil.example/",
        "\r\nx: y",
        "<script>",
    ]
)


@pytest.mark.behaviour("IDP-NO-OPEN-REDIRECT")
@settings(max_examples=scaled(80))
@given(st.lists(st.tuples(NAMES, VALUES), max_size=12), st.booleans())
def test_whatever_is_asked_nobody_is_sent_to_a_place_that_no_client_registered(home, pairs, usual):
    """Every answer is a page without scripts, or a redirect to the client's own URI that names the issuer."""
    given_pairs = [*home.query(), *pairs] if usual else pairs
    answer = home.http.get(
        f"{home.issuer()}/oauth2/authorize", params=[(n, v) for n, v in given_pairs if _encodable(v)]
    )
    assert answer.status_code in (200, 303, 400)
    if answer.status_code == 303:
        place, _, query = answer.headers["location"].partition("?")
        assert place in (CALLBACK, LOOPBACK)
        back = dict(parse_qsl(query))
        assert back["iss"] == home.issuer()
        assert "code" not in back
    else:
        assert "<script" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.behaviour("IDP-NOBODY-PAGE")
def test_a_realm_without_people_says_how_to_add_one():
    with people(Realm(name="empty", clients={"app": APP})) as empty:
        answer = empty.http.get(empty.url(realm="empty"))
        assert answer.status_code == 503
        assert "skerry idp users add ann --realm empty" in answer.text
        assert "[realms.empty.users.ann]" in answer.text
        back = empty.browser().open(empty.url(realm="empty", prompt="none")).back
        assert back["error"] == "login_required"


@pytest.mark.behaviour("IDP-APPROVE")
def test_a_realm_that_approves_gives_a_code_without_a_page_and_says_so_at_start(caplog):
    with people(replace(HOME, approve="ann")) as home:
        for prompt in (None, "login", "consent", "none"):
            code = Browserless.code(home, prompt=prompt)
            tokens = home.redeem(code).json()
            assert home.desk.claims(tokens["id_token"], "home")["sub"] == "subject-of-ann"
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "realm home approves every sign-in as ann without asking" in warning


class Browserless:
    """A program that follows a link, and nothing else."""

    @staticmethod
    def code(home: Home, **asked) -> str:
        return str(
            dict(parse_qsl(urlsplit(home.http.get(home.url(**asked)).headers["location"]).query))["code"]
        )
