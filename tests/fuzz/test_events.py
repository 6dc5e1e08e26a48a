"""The SSE decoder against the standard's algorithm written as plainly as it can be said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ProtocolError
from skerry.wire import sse
from skerry.wire.sse import Decoder, Event
from tests.fuzz.effort import examples
from tests.fuzz.hostile import HOSTILE, pieces

FIELDS = st.sampled_from(
    [
        b"data",
        b"data:",
        b"data: ",
        b"event: ",
        b"event:x",
        b"id: ",
        b"id",
        b"retry: ",
        b"retry:12",
        b":",
        b": c",
    ]
)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n", b"\n\r"])
TAILS = st.one_of(HOSTILE, st.binary(max_size=12), st.sampled_from([b"", b"\0", b"7", b"\xef\xbb\xbf"]))
STREAMS = st.builds(
    lambda mark, parts: mark + b"".join(field + tail + end for field, tail, end in parts),
    st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"\xef\xbb"]),
    st.lists(st.tuples(FIELDS, TAILS, ENDS), max_size=8),
)


def lines_of(stream: bytes) -> list[bytes]:
    text = stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return text.split(b"\n")[:-1]


def reference(stream: bytes) -> list[Event]:
    events: list[Event] = []
    data: list[bytes] = []
    name, last_id, retry = "", "", None
    for line in lines_of(stream.removeprefix(b"\xef\xbb\xbf")):
        if not line:
            if data:
                events.append(Event(name or "message", b"\n".join(data), last_id, retry))
            data, name, retry = [], "", None
            continue
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
        elif field == b"id" and b"\0" not in value:
            last_id = value.decode("utf-8", "replace")
        elif (
            field == b"retry" and value and all(byte in b"0123456789" for byte in value) and len(value) <= 12
        ):
            retry = int(value)
    return events


def largest(stream: bytes) -> int:
    """Bytes of the largest event, its unfinished successor and comments included."""
    sizes, size = [0], 0
    for line in [*lines_of(stream + b"\n"), b""]:
        size = 0 if not line else size + len(line) + 1
        sizes.append(size)
    return max(sizes)


@examples(100)
@given(st.data(), STREAMS)
def test_any_cut_gives_the_events_of_the_standard(data: st.DataObject, stream: bytes) -> None:
    decoder = Decoder()
    found = [event for piece in data.draw(pieces(stream)) for event in decoder.feed(piece)]
    assert found == reference(stream)


@examples(60)
@given(st.data(), STREAMS, st.integers(1, 60))
def test_what_is_kept_is_bounded_and_within_the_bound_nothing_is_lost(
    data: st.DataObject, stream: bytes, limit: int
) -> None:
    decoder = Decoder(max_event=limit)
    found: list[Event] = []
    try:
        for piece in data.draw(pieces(stream)):
            found += decoder.feed(piece)
            kept = sum(map(len, decoder._partial)) + sum(map(len, decoder._data))
            assert kept <= limit
    except ProtocolError:
        assert largest(stream) > limit
        assert found == reference(stream)[: len(found)]
        for piece in (b"", b"data: more\n\n"):
            try:
                assert decoder.feed(piece) == []
            except ProtocolError:
                continue
            assert not piece
        return
    assert found == reference(stream)


@examples(40)
@given(st.data(), st.integers(20, 60), st.binary(min_size=61, max_size=90))
def test_an_event_past_the_limit_always_ends_the_stream(
    data: st.DataObject, limit: int, content: bytes
) -> None:
    decoder = Decoder(max_event=limit)
    stream = b"data: " + content.replace(b"\n", b"x").replace(b"\r", b"x") + b"\n\n"
    failed = False
    for piece in data.draw(pieces(stream)):
        try:
            assert decoder.feed(piece) == []
        except ProtocolError:
            failed = True
    assert failed


@examples(60)
@given(st.data(), st.lists(st.binary(max_size=40), max_size=5), st.text(max_size=8))
def test_what_is_encoded_is_decoded(data: st.DataObject, payloads: list[bytes], name: str) -> None:
    clean = "".join(mark for mark in name if mark not in "\r\n\0")
    clean = clean.encode("utf-8", "replace").decode()
    stream = b"".join(
        sse.comment("still here") + sse.encode(payload, event=clean or None, id=clean) for payload in payloads
    )
    decoder = Decoder()
    found = [event for piece in data.draw(pieces(stream)) for event in decoder.feed(piece)]
    ends = [payload.replace(b"\r\n", b"\n").replace(b"\r", b"\n") for payload in payloads]
    assert found == [Event(clean or "message", each, clean) for each in ends]
