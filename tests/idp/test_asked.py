"""Audiences that stand for every URL below one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.idp.asked import match

BELOW = "http://127.0.0.1:4000/gateway/*"


@pytest.mark.behaviour("IDP-AUDIENCE-BELOW")
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:4000/gateway/one/mcp", "http://127.0.0.1:4000/gateway/one?qualifier=DEFAULT"]
)
def test_a_url_below_is_itself(url: str):
    assert match(url, ("other", BELOW)) == url


@pytest.mark.behaviour("IDP-AUDIENCE-BELOW")
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4000/gateway",
        "http://127.0.0.1:4000/gateway/",
        "http://127.0.0.1:4000/gateway/*",
        "http://127.0.0.1:4000/gatewayx/one",
        "http://127.0.0.1:4000/gateway/../runtimes/one",
        "http://127.0.0.1:4000/gateway/%2e%2E/runtimes/one",
        "http://127.0.0.1:4000/gateway/..\\runtimes",
        "http://127.0.0.1:4001/gateway/one",
        "https://127.0.0.1:4000/gateway/one",
        "http://evil@127.0.0.1:4000/gateway/one",
        "http://127.0.0.1:4000@evil.example/gateway/one",
        "urn:one",
        "",
    ],
)
def test_what_is_not_below_is_not(url: str):
    assert match(url, (BELOW,)) is None or url == BELOW


@given(st.text(max_size=60))
def test_nothing_is_below_but_what_begins_with_it(text: str):
    for target in (text, "http://127.0.0.1:4000/gateway/" + text):
        found = match(target, (BELOW, "plain"))
        assert found in (None, "plain", BELOW) or found.startswith("http://127.0.0.1:4000/gateway/")
