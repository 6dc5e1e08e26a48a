"""Pages from elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.wire.origins import foreign

OWN = "https://Tools.example.com:8443/mcp?x=1"


@pytest.mark.parametrize(
    ("origin", "is_foreign"),
    [
        (None, False),
        ("http://localhost", False),
        ("http://localhost:3000", False),
        ("https://127.0.0.1:8443", False),
        ("http://[::1]:1", False),
        ("https://tools.example.com:8443", False),
        ("https://tools.example.com", True),
        ("http://tools.example.com:8443", True),
        ("null", True),
        ("", True),
        ("https://evil.example", True),
        ("http://localhost.evil.example", True),
        ("http://localhost@evil.example", True),
        ("http://evil.example#http://localhost", True),
        ("http://127.0.0.1:80, http://evil.example", True),
        ("http://127.0.0.1:٣", True),
        ("http://localhost\n", True),
        ("file://", True),
    ],
)
def test_origins(origin, is_foreign):
    assert foreign(origin, OWN) is is_foreign


@given(st.text(), st.text())
def test_any_text_is_judged(origin, own):
    assert foreign(origin, own) in (True, False)
