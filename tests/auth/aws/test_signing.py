"""The fast ways of signing give what the slow ones give."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from skerry.auth.aws import canonical, sigv4
from skerry.auth.aws.signing import Credentials, sign

BLANKS = " \t\r\n\f\v"


@given(st.text(alphabet=st.sampled_from([*BLANKS, "a", "é", "\u00a0", "\u3000", "\x1c"]), max_size=12))
@example("a  b")
@example("\ta")
def test_blanks_in_a_signed_header_are_made_one(value):
    expected = re.sub(f"[{BLANKS}]+", " ", value).strip(" ")
    assert canonical.header_lines(["x"], {"x": [value]}) == f"x:{expected}\n\nx\n".encode()


def test_a_host_header_of_the_request_is_the_one_that_is_signed():
    key = Credentials("AKIA", "secret")
    headers = {"Host": "front.example"}
    for _ in range(2):  # the URL is parsed once
        added = sign(
            "GET",
            "https://origin.example/a?b=c",
            headers,
            b"",
            credentials=key,
            region="r",
            service="s",
            now=1e9,
        )
        shown = sigv4.presented("GET", b"/a", b"b=c", [*headers.items(), *added.items()])
        sigv4.check(shown, b"", "secret", now=1e9)
