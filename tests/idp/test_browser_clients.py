"""Programs in a browser: what they may read from another origin, and what every address says to a wrong method."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, replace

import pytest

from skerry.idp.dialects import DIALECTS, Paths
from tests.kit.idp_people import HOME, Home, people

ORIGIN = "http://localhost:6274"
REALM = replace(
    HOME, registration="open", resources=("desk-gateway", "https://api.example.com/mcp", "accounts")
)
PUBLIC = ("discovery", "keys", "token", "register", "userinfo", "revoke")
PAGES = ("authorize", "login", "logout", "other_logout")
BESIDE = ("sign-in", "consent", "sign-out", "activate")


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with people(REALM) as running:
        yield running


def endpoints(home: Home) -> dict[str, str]:
    """The endpoints that the dialect has, by name."""
    found = {}
    for name in (*(item.name for item in fields(Paths)), "discovery"):
        with suppress(KeyError):
            found[name] = home.idp.endpoint("home", name)
    return found


def preflight(home: Home, url: str, method: str, headers: str = "content-type"):
    return home.http.options(
        url,
        headers={
            "origin": ORIGIN,
            "access-control-request-method": method,
            "access-control-request-headers": headers,
            "access-control-request-private-network": "true",
        },
    )


@pytest.mark.behaviour("IDP-CORS")
@pytest.mark.parametrize("name", PUBLIC)
def test_any_origin_may_ask_and_read_what_is_public(home: Home, name):
    url = home.idp.endpoint("home", name)
    method = "GET" if name in ("discovery", "keys", "userinfo") else "POST"
    before = preflight(home, url, method, "authorization,mcp-protocol-version,auth0-client")
    assert before.status_code == 204
    assert before.headers["access-control-allow-origin"] == "*"
    assert method in before.headers["access-control-allow-methods"].split(", ")
    assert before.headers["access-control-allow-headers"] == "authorization,mcp-protocol-version,auth0-client"
    answer = home.http.request(method, url, headers={"origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == "*"
    for found in (before, answer):
        assert "access-control-allow-credentials" not in found.headers
        assert "access-control-allow-private-network" not in found.headers
        assert "set-cookie" not in found.headers


@pytest.mark.behaviour("IDP-CORS")
def test_a_refusal_can_be_read_too(home: Home):
    token = home.http.post(
        home.idp.endpoint("home", "token"), data={"client_id": "app"}, headers={"origin": ORIGIN}
    )
    assert (token.status_code, token.headers["access-control-allow-origin"]) == (401, "*")
    who = home.http.get(home.idp.endpoint("home", "userinfo"), headers={"origin": ORIGIN})
    assert (who.status_code, who.headers["access-control-allow-origin"]) == (401, "*")
    assert "www-authenticate" in who.headers["access-control-expose-headers"]
    nothing = home.http.get(
        f"{home.idp.url}/.well-known/oauth-authorization-server", headers={"origin": ORIGIN}
    )
    assert (nothing.status_code, nothing.headers["access-control-allow-origin"]) == (404, "*")


@pytest.mark.behaviour("IDP-CORS")
def test_a_registration_is_looked_after_from_a_browser(home: Home):
    body = {"redirect_uris": ["http://127.0.0.1/cb"]}
    made = home.http.post(home.idp.endpoint("home", "register"), json=body, headers={"origin": ORIGIN})
    assert (made.status_code, made.headers["access-control-allow-origin"]) == (201, "*")
    place = made.json()["registration_client_uri"]
    assert (
        preflight(home, place, "DELETE", "authorization").headers["access-control-allow-methods"]
        == "GET, PUT, DELETE"
    )


@pytest.mark.behaviour("IDP-CORS")
@pytest.mark.parametrize("headers", ["x" * 2000, "a b", "evil\tx:1"])
def test_what_is_no_list_of_header_names_is_not_echoed(home: Home, headers):
    before = preflight(home, home.idp.endpoint("home", "token"), "POST", headers)
    assert (
        before.headers["access-control-allow-headers"] == "authorization, content-type, mcp-protocol-version"
    )


@pytest.mark.behaviour("IDP-CORS")
@pytest.mark.parametrize("dialect", ["oauth", "cognito", "auth0"])
def test_no_page_for_people_is_for_other_origins(dialect):
    with people(replace(REALM, dialect=dialect, clients={"app": REALM.clients["app"]})) as home:
        known = [url for name, url in endpoints(home).items() if name in PAGES]
        folder = home.idp.endpoint("home", "authorize").rpartition("/")[0]
        for url in (*known, *(f"{folder}/{page}" for page in BESIDE)):
            for answer in (
                preflight(home, url, "GET"),
                home.http.get(url, headers={"origin": ORIGIN}),
                home.http.post(url, headers={"origin": ORIGIN}),
            ):
                if answer.status_code != 404:
                    assert not [name for name in answer.headers if name.startswith("access-control-")], url
            assert preflight(home, url, "GET").status_code in (404, 405)


@pytest.mark.behaviour("IDP-METHODS")
@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "entra-v1"])
def test_a_wrong_method_is_told_the_right_ones(dialect):
    with people(replace(REALM, dialect=dialect, clients={"app": REALM.clients["app"]})) as home:
        known = endpoints(home)
        folder = home.idp.endpoint("home", "authorize").rpartition("/")[0]
        for url in (*known.values(), *(f"{folder}/{page}" for page in BESIDE)):
            for method in ("PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"):
                answer = home.http.request(method, url)
                assert answer.status_code < 500, (method, url)
                if answer.status_code == 404 or method in ("HEAD", "OPTIONS"):
                    continue
                assert answer.status_code == 405, (method, url)
                assert method not in answer.headers["allow"]
                assert answer.json()["error_description"].endswith(f"takes {answer.headers['allow']}.")
                assert answer.headers["cache-control"] == "no-store"
        assert home.http.head(known["token"]).status_code == 405
        assert home.http.options(known["token"]).headers["allow"] == "POST, OPTIONS"
