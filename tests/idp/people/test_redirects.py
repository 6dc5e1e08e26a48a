"""Redirect URIs as strings: what may be registered, and what a request may use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.idp.authorize.redirects import form_action, is_loopback, is_registered, place
from skerry.idp.clients.redirect_uris import problem

GOOD = [
    "https://app.example.com/callback",
    "https://app.example.com:8443/callback?tab=1",
    "http://127.0.0.1/callback",
    "http://127.0.0.1:3118/callback",
    "http://[::1]:3118/callback",
    "http://localhost:3118/callback",
    "com.example.app:/callback",
    "editor://plugin.example/oauth/callback",
]


@pytest.mark.parametrize("uri", GOOD)
def test_these_may_be_registered(uri):
    assert problem(uri) == ""
    assert is_registered(uri, GOOD)
    assert not set(form_action(uri)) & set(";,'\"\r\n")


@pytest.mark.behaviour("IDP-REDIRECT-REGISTERED")
@pytest.mark.parametrize(
    "uri",
    [
        "",
        "callback",
        "/callback",
        "//app.example.com/callback",
        "http://app.example.com/callback",
        "http://192.168.0.1/callback",
        "http://127.0.0.1.evil.example/callback",
        "https://",
        "https:///callback",
        "https://*.example.com/callback",
        "https://user@app.example.com/",
        "https://user:password@app.example.com/",
        "https://app.example.com/#fragment",
        "https://app.example.com/#",
        "https://app.example.com:0/",
        "https://app.example.com:99999/",
        "https://app.example.com/a b",
        "https://app.example.com/\r\nx",
        "https://app.example.com\\@evil.example/",
        "https://[::1/",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        "blob:https://app.example.com/x",
        "ws://app.example.com/",
        "https://exämple.com/",
        "https://app.example.com/" + "x" * 2048,
    ],
)
def test_these_may_not(uri):
    assert problem(uri)


@pytest.mark.behaviour("IDP-REDIRECT-EXACT")
@given(st.sampled_from(GOOD), st.text(max_size=6), st.integers(0, 60), st.integers(0, 3))
def test_any_other_string_is_not_registered_but_for_a_port_on_a_loopback_ip(uri, typed, at, gone):
    changed = uri[:at] + typed + uri[at + gone :]
    if is_registered(changed, [uri]) and changed != uri:
        assert changed.startswith(("http://127.0.0.1", "http://[::1]"))
        assert without_port(changed) == without_port(uri)


def without_port(uri: str) -> str:
    head, path = uri[: uri.index("/", 8)], uri[uri.index("/", 8) :]
    base, colon, port = head.rpartition(":")
    return (base if colon and port.isdigit() else head) + path


@pytest.mark.parametrize(
    ("uri", "shown", "local"),
    [
        ("https://app.example.com:8443/x", "app.example.com:8443", False),
        ("http://localhost:1/x", "localhost:1", True),
        ("http://[::1]:1/x", "[::1]:1", True),
        ("com.example.app:/x", "com.example.app:", False),
    ],
)
def test_where_a_uri_leads(uri, shown, local):
    assert (place(uri), is_loopback(uri)) == (shown, local)


@given(st.text(max_size=60) | st.text(max_size=30).map("https://".__add__))
def test_any_text_is_judged_without_failing(uri):
    assert isinstance(problem(uri), str)
    assert is_registered(uri, [uri])
    if not problem(uri):
        assert "\n" not in form_action(uri) + place(uri)
        assert ";" not in form_action(uri)
