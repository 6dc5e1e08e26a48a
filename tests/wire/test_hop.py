from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from skerry.wire.hop import Hop, decode, encode

HOP = Hop(
    "gateway", "tools/call", "sub@issuer", "jwt", 200, 1.5, 2.5, "s" * 36, "accounts", {"tool": "get_email"}
)


def test_a_hop_survives_a_log_line():
    line = encode(HOP)
    assert "\n" not in line
    assert decode(f"2026-11-21 INFO skerry.hop: {line}") == HOP


@given(st.text(), st.dictionaries(st.text(), st.text(), max_size=3))
def test_any_text_in_a_hop_stays_on_one_line_and_comes_back(text, detail):
    hop = replace(HOP, identity=text, detail=detail)
    assert len(encode(hop).splitlines()) == 1
    assert decode(encode(hop)) == hop


def test_a_line_of_before_hops_had_traces_is_read():
    assert decode('skerry-hop {"part":"idp","operation":"o","identity":"i","auth":"none","status":200,'
                  '"started":1,"duration_ms":2}') == Hop("idp", "o", "i", "none", 200, 1, 2)  # fmt: skip


@given(st.text())
def test_other_lines_are_no_hops(text):
    assert decode(text) is None or "skerry-hop " in text
    decode("skerry-hop " + text)
