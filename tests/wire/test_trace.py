"""Trace contexts: what is read, what goes on, and what begins anew."""

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.wire import trace
from skerry.wire.trace import Span, begin, caller, mark, members, of, outgoing, parse, parse_amazon, within

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SENT = f"00-{TRACE}-{SPAN}-01"
AMAZON = f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={SPAN};Sampled=1"

ids = st.integers(min_value=1, max_value=2**64 - 1).map(lambda number: f"{number:016x}")
traces = st.integers(min_value=1, max_value=2**128 - 1).map(lambda number: f"{number:032x}")
flags = st.integers(min_value=0, max_value=255)


@pytest.mark.behaviour("TRACE-W3C")
@given(traces, ids, flags)
def test_a_child_is_in_the_trace_of_its_caller_with_a_span_of_its_own(trace_id, span_id, bits):
    child = begin(f"00-{trace_id}-{span_id}-{bits:02x}")
    assert (child.trace, child.parent) == (trace_id, span_id)
    assert child.id != span_id
    assert int(child.flags, 16) == bits & 0x03  # those that are defined
    read = parse(child.traceparent)
    assert read == Span(trace_id, child.id, "", child.flags)


@pytest.mark.behaviour("TRACE-W3C")
@given(st.text(max_size=80) | st.text("0123456789abcdef-", max_size=60))
def test_any_text_is_read_or_begins_a_trace(text):
    assert parse(text) is None or text.startswith(tuple("0123456789abcdef"))
    span = begin(text)
    assert parse(span.traceparent) is not None
    parse_amazon(text)
    parse_amazon(f"Root=1-{text}")


@pytest.mark.behaviour("TRACE-W3C")
@pytest.mark.parametrize(
    "bad",
    [
        "",
        SENT.upper(),
        f" {SENT}",
        f"{SENT}\n",
        f"{SENT}-more",
        f"{SENT},{SENT}",
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01more",
        f"01-{TRACE}-{SPAN}-01-{'x' * 500}",
    ],
)
def test_a_bad_traceparent_is_none(bad):
    assert parse(bad) is None
    assert begin(bad).trace != TRACE
    assert begin(bad).parent == ""


@pytest.mark.behaviour("TRACE-W3C")
def test_a_later_version_is_read_as_this_one():
    assert parse(f"01-{TRACE}-{SPAN}-09-whatever") == Span(TRACE, SPAN, "", "01")
    assert parse(f"cc-{TRACE}-{SPAN}-00") == Span(TRACE, SPAN, "", "00")


@given(traces, ids, st.booleans())
def test_the_header_of_aws_says_the_same(trace_id, span_id, sampled):
    known = parse_amazon(Span(trace_id, span_id).amazon(sampled=sampled))
    assert known == Span(trace_id, span_id, "", "01" if sampled else "00")


def test_what_the_header_of_aws_may_lack():
    assert parse_amazon(f"Sampled=?; Root=1-{TRACE[:8]}-{TRACE[8:]};Lineage=a:0") == Span(TRACE, "")
    assert begin(amazon=f"Root=1-{TRACE[:8]}-{TRACE[8:]}").parent == ""
    for bad in ("", "Root", f"Root=2-{TRACE[:8]}-{TRACE[8:]}", f"Parent={SPAN}", f"{AMAZON};{'x' * 500}"):
        assert parse_amazon(bad) is None


def test_traceparent_goes_before_the_header_of_aws_and_a_doubled_one_is_bad():
    other = f"00-{'a' * 32}-{'b' * 16}-00"
    pairs = [(b"host", b"x"), (b"x-amzn-trace-id", AMAZON.encode())]
    assert of(pairs).trace == TRACE
    assert of([*pairs, (b"traceparent", other.encode())]).trace == "a" * 32
    assert of([(b"traceparent", other.encode())] * 2).trace not in (TRACE, "a" * 32)
    assert of([(b"traceparent", b"\xff")]).parent == ""


def test_a_program_that_is_no_hop_passes_on_what_it_was_given():
    assert caller({"traceparent": SENT}) == Span(TRACE, SPAN)
    assert caller({"traceparent": "bad", "x-amzn-trace-id": AMAZON}) == Span(TRACE, SPAN)
    assert caller({}) is None


async def test_what_is_sent_stands_below_the_request_that_is_served():
    assert (outgoing(), members()) == ({}, {})
    span = begin(SENT)
    with within(span):
        assert outgoing() == {"traceparent": span.traceparent}
        assert members() == {"trace": TRACE, "span": span.id, "parent": SPAN}
        assert await asyncio.to_thread(outgoing) == outgoing()
        request = SimpleNamespace(headers={"traceparent": "of somebody else"})
        mark(request=request, event_name="before-send.s3.ListBuckets")
        assert request.headers == outgoing()
        with within(None):
            assert outgoing() == {}
    with within(Span(TRACE, "")):  # a trace whose caller did not name himself
        assert outgoing() == {}
    assert trace.CURRENT.get() is None


@pytest.mark.behaviour("TRACE-META")
@pytest.mark.parametrize(
    ("meta", "told"),
    [
        ({"traceparent": SENT}, {"traceparent": SENT}),
        (
            {"traceparent": SENT, "tracestate": "a=1", "baggage": "b=2,c=3", "other": "x"},
            {"traceparent": SENT, "tracestate": "a=1", "baggage": "b=2,c=3"},
        ),
        ({"traceparent": SENT, "tracestate": "a=1\r\nx: y", "baggage": "é"}, {"traceparent": SENT}),
        ({"traceparent": SENT, "tracestate": "a" * 513, "baggage": "b" * 8193}, {"traceparent": SENT}),
        ({"traceparent": SENT, "tracestate": ["a=1"], "baggage": ""}, {"traceparent": SENT}),
        ({"traceparent": f"{SENT}\n", "tracestate": "a=1"}, {}),
        ({"traceparent": [SENT]}, {}),
        ({"tracestate": "a=1", "baggage": "b=2"}, {}),
        ([SENT], {}),
        (None, {}),
    ],
)
def test_the_trace_of_a_message_is_told_as_headers(meta, told):
    assert trace.of_meta(meta) == told
