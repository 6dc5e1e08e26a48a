"""Links that a person is asked to open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.wire.links import MAX_LINK, link


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://example.com/a?b=c#d", "example.com"),
        ("HTTPS://Example.COM:8443/", "example.com"),
        ("http://127.0.0.1:4700/connect/x", "127.0.0.1"),
        ("http://localhost:1/", "localhost"),
        ("http://[::1]:4700/", "::1"),
        ("https://example.com./", "example.com"),
    ],
)
def test_what_may_be_opened(url: str, host: str) -> None:
    found = link(url)
    assert (found.host, found.problem, found.reads) == (host, "", "")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "http://example.com/",
        "http://127.0.0.1.example.com/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://169.254.169.254/",
        "ftp://example.com/",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https:///nowhere",
        "https://",
        "https://good.example@evil.example/",
        "https://evil.example\\@good.example/",
        "https://exa mple.com/",
        "https://example.com/\n",
        "https://\u0430pple.example/",
        "https://example.com:port/",
        "https://[::1/",
        "https://example.com/" + "x" * MAX_LINK,
    ],
)
def test_what_must_not(url: str) -> None:
    found = link(url)
    assert found.problem
    assert found.lines()[-1].startswith("Not opened: ")


def test_a_link_can_be_copied_and_its_host_is_named() -> None:
    assert link("https://example.com/example.com").lines() == [
        "https://example.com/example.com",
        "It leads to: example.com",
    ]


@pytest.mark.parametrize(
    ("host", "reads"),
    [("xn--pple-43d.example", "\u0430pple.example"), ("a.xn--mnchen-3ya.example", "a.m\u00fcnchen.example")],
)
def test_punycode_is_read_out(host: str, reads: str) -> None:
    found = link(f"https://{host}/")
    assert (found.reads, found.problem) == (reads, "")
    assert "Punycode" in found.lines()[-1]


def test_punycode_that_is_none_is_shown_as_it_is() -> None:
    assert link("https://xn--0.example/").reads


@given(st.one_of(st.text(max_size=60), st.text(max_size=40).map(lambda text: f"https://{text}")))
def test_any_text_is_a_link_or_is_not_opened_and_shown_without_tricks(url: str) -> None:
    found = link(url)
    shown = "\n".join(found.lines())
    assert all(char.isprintable() or char == "\n" for char in shown)
    if not found.problem:
        assert found.host
        assert url.isascii()
        assert url.lower().startswith(("https://", "http://"))
