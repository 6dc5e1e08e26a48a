"""Which URIs may come from a template, and how long a hostile one keeps the endpoint busy."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.local.gateway.uri_templates import MAX_EXPRESSIONS, MAX_URI, matches

PIECES = st.lists(st.sampled_from(["a", "b", "ab", "/", ".", "?", "{x}", "{y}", "{+z}", "{z*}"]), max_size=8)


@pytest.mark.parametrize(
    ("template", "uri", "fits"),
    [
        ("note://by/{name}", "note://by/me", True),
        ("note://by/{name}", "note://by/me/too", False),
        ("note://by/{name}", "other://by/me", False),
        ("file:///{path*}", "file:///a/b", True),
        ("file:///{+path}", "file:///a/b", True),
        ("a.b://{x}", "aXb://y", False),
    ],
)
def test_a_template_fits_the_uris_it_can_make(template: str, uri: str, fits: bool) -> None:
    assert matches(template, uri) is fits


@given(pieces=PIECES, uri=st.text("ab/.?#", max_size=12))
def test_it_says_what_a_regular_expression_would(pieces: list[str], uri: str) -> None:
    forms = {"{x}": "[^/?#]+", "{y}": "[^/?#]+", "{+z}": ".*", "{z*}": ".*"}
    pattern = "".join(forms.get(piece) or re.escape(piece) for piece in pieces)
    assert matches("".join(pieces), uri) is bool(re.fullmatch(pattern, uri))


@pytest.mark.behaviour("GW-TEMPLATE-TIME")
@pytest.mark.parametrize("template", ["file://{path*}.{ext}", "file://{a}" + ".{+b}" * 31 + "x", "{x}" * 32])
def test_hostile_uris_take_milliseconds(template: str) -> None:
    began = time.process_time()
    assert not matches(template, "file://" + "." * (MAX_URI - 8) + "/")
    assert time.process_time() - began < 1


def test_what_is_longer_than_anybody_needs_matches_nothing() -> None:
    assert matches("file://{+x}", "file://" + "a" * (MAX_URI - 7))
    assert not matches("file://{+x}", "file://" + "a" * MAX_URI)
    assert matches("{x}" * MAX_EXPRESSIONS, "a" * MAX_EXPRESSIONS)
    assert not matches("{x}" * (MAX_EXPRESSIONS + 1), "a" * MAX_EXPRESSIONS * 2)
