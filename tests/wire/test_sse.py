import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ProtocolError
from skerry.wire import sse
from skerry.wire.sse import Decoder, Event

STREAM = (
    b"\xef\xbb\xbf: hello\r\n"
    b"data: one\ndata:two\rdata\r\n\r\n"
    b'event: message\nid: 7\nretry: 250\ndata:  {"a": 1}\n\n'
    b"data: four\r\ndata: five\r\n\r\n"
    b"event: lost\n\n"
    b"id\ndata: third\n\n"
    b"id: 8\0\nretry: soon\nnothing: here\ndata: \xff\n\r"
    b"data: never ended\n"
)
EVENTS = [
    Event("message", b"one\ntwo\n"),
    Event("message", b' {"a": 1}', "7", 250),
    Event("message", b"four\nfive", "7"),
    Event("message", b"third", ""),
    Event("message", b"\xff"),
]


def reference(stream: bytes) -> list[Event]:
    """The standard's algorithm on a whole stream at once, as plainly as it can be said."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events, data, name, last_id, retry = [], [], "", "", None
    for line in text.split(b"\n")[:-1]:
        if line == b"":
            if data:
                events.append(Event(name or "message", b"\n".join(data), last_id, retry))
            data, name, retry = [], "", None
            continue
        field, colon, value = line.partition(b":")
        if colon and value[:1] == b" ":
            value = value[1:]
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
        elif field == b"id" and b"\0" not in value:
            last_id = value.decode("utf-8", "replace")
        elif field == b"retry" and value and set(value) <= set(b"0123456789") and len(value) <= 12:
            retry = int(value)
    return events


def decode(*chunks: bytes) -> list[Event]:
    decoder = Decoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)]


def test_the_rules_of_the_standard():
    assert decode(STREAM) == EVENTS == reference(STREAM)


def test_every_cut_gives_the_same_events():
    for at in range(len(STREAM) + 1):
        assert decode(STREAM[:at], STREAM[at:]) == EVENTS, at
    assert decode(*(bytes([byte]) for byte in STREAM)) == EVENTS


lines = st.lists(
    st.sampled_from(
        [
            b"data",
            b"data:",
            b"data: a",
            b"event: x",
            b"id: 1",
            b"id",
            b"retry: 5",
            b": c",
            b":",
            b"",
            b"\xef\xbb\xbf",
        ]
    )
    | st.binary(max_size=8),
    max_size=12,
)
streams = st.builds(
    lambda parts, ends: b"".join(part + end for part, end in zip(parts, ends, strict=False)),
    lines,
    st.lists(
        st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n"]), min_size=12, max_size=12
    ),
)


@given(streams, st.lists(st.integers(0, 200), max_size=8))
def test_any_stream_cut_anywhere_is_read_like_the_reference(stream, cuts):
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert decode(*(stream[a:b] for a, b in pairwise(bounds))) == reference(stream)


@given(
    st.binary(max_size=60),
    st.none() | st.text("aé ", min_size=1, max_size=9),
    st.none() | st.text("7ü-", max_size=9),
    st.none() | st.integers(0, 10**9),
)
def test_what_is_encoded_is_decoded(data, name, identifier, retry):
    raw = sse.encode(data, event=name, id=identifier, retry=retry)
    normal = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert decode(sse.comment("keep\nalive"), raw) == [
        Event(name or "message", normal, identifier or "", retry)
    ]


def test_text_and_comments():
    assert sse.encode("ü") == b"data: \xc3\xbc\n\n"
    assert sse.encode("a\r\nb") == b"data: a\ndata: b\n\n"
    assert sse.encode(b"") == b"data: \n\n"
    assert sse.comment() == b":\n\n"
    assert decode(sse.comment("data: x\n\ndata: y")) == []
    assert decode(b"data: \xc3\xbc\xff\n\n")[0].text == "ü�"


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b"])
def test_names_and_ids_cannot_break_out_of_their_line(bad):
    with pytest.raises(ProtocolError):
        sse.encode("x", event=bad)
    with pytest.raises(ProtocolError):
        sse.encode("x", id=bad)


def test_id_and_retry_are_kept_without_an_event():
    decoder = Decoder()
    assert decoder.feed(b"id: 5\nretry: 100\n\n") == []
    assert (decoder.last_id, decoder.retry) == ("5", 100)
    assert decoder.feed(b"data: x\n\n") == [Event("message", b"x", "5", None)]


@pytest.mark.parametrize(
    "endless",
    [b"data: x\n", b"x" * 10, b": comment ", b"event: a\n", b"id: 1\n"],
    ids=lambda piece: piece.decode(),
)
def test_an_event_that_never_ends_is_given_up(endless):
    decoder = Decoder(max_event=1000)

    def feed_for_ever():
        for _ in range(1000):
            decoder.feed(endless)

    with pytest.raises(ProtocolError, match="larger than 1000 bytes"):
        feed_for_ever()
    with pytest.raises(ProtocolError, match="given up"):
        decoder.feed(b"data: fine\n\n")


def test_an_event_up_to_the_limit_is_taken_however_it_is_cut():
    line = b"data: " + b"x" * 990
    decoder = Decoder(max_event=len(line) + 1)
    for at in range(0, len(line), 7):
        assert decoder.feed(line[at : at + 7]) == []
    assert decoder.feed(b"\n\n") == [Event("message", b"x" * 990)]


def test_the_limit_is_per_event_and_not_per_stream():
    decoder = Decoder(max_event=100)
    assert sum(len(decoder.feed(b"data: " + b"x" * 80 + b"\n\n: c\n")) for _ in range(1000)) == 1000


def test_one_long_event_in_small_pieces_takes_linear_time():
    def seconds(pieces: int) -> float:
        decoder = Decoder(max_event=50_000_000)
        started = time.perf_counter()
        for _ in range(pieces):
            decoder.feed(b"x" * 10)
        assert decoder.feed(b"\n\n") == []
        return time.perf_counter() - started

    seconds(1000)
    # 16 times the input; quadratic work would take 256 times as long.
    assert seconds(160_000) < 100 * max(seconds(10_000), 0.001)
