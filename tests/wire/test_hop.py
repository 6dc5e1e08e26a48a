import json
from dataclasses import asdict, replace

import pytest
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


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "200"},
        {"started": "now"},
        {"started": float("nan")},
        {"duration_ms": float("inf")},
        {"duration_ms": -1},
        {"started": 1e300},
        {"detail": {"tool": 1}},
        {"detail": ["tool"]},
        {"span": 5},
        {"session": None},
    ],
    ids=str,
)
def test_what_no_hop_can_be_like_is_an_ordinary_line(wrong):
    assert decode("skerry-hop " + json.dumps(asdict(HOP) | wrong)) is None


def test_what_a_program_says_of_a_runtime_or_gateway_is_not_believed():
    told = replace(HOP, kind="client", resource="arn:aws:bedrock-agentcore:r:1:gateway/g", request="r")
    assert decode(encode(told)) == HOP
