"""stdio framing: lines come out as they went in, however they arrive, and nothing unbounded is kept."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from skerry.relay.lines import Lines, Oversized, one_line
from tests.fuzz.effort import examples
from tests.fuzz.hostile import HOSTILE, IDS, JSON_VALUES, pieces, spelled

STREAMS = st.lists(st.one_of(HOSTILE, st.binary(max_size=20)), max_size=8).map(b"\n".join)


def plain(stream: bytes, limit: int) -> list[bytes | None]:
    """The lines of a whole stream, None for one that is too long; blank ones do not count."""
    lines = [line for line in stream.split(b"\n") if line.strip() or len(line) > limit]
    return [line if len(line) <= limit else None for line in lines]


def shown(lines: list[bytes | Oversized]) -> list[bytes | None]:
    return [None if isinstance(line, Oversized) else line for line in lines]


@examples(80)
@given(st.data(), STREAMS, st.sampled_from([1, 7, 40, 300, 1 << 20]))
def test_any_cut_gives_the_lines_of_the_whole_stream(data: st.DataObject, stream: bytes, limit: int) -> None:
    cut = data.draw(pieces(stream))
    lines = Lines(limit)
    found: list[bytes | Oversized] = []
    for piece in cut:
        found += lines.feed(piece)
        assert sum(map(len, lines._partial)) <= limit
    found += lines.end()
    assert shown(found) == plain(stream, limit)
    assert lines.end() == []


@examples(40)
@given(st.data(), IDS, JSON_VALUES, st.integers(1, 40))
def test_an_oversized_message_still_says_whose_it_is(
    data: st.DataObject, identifier: str | int, value: object, limit: int
) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": identifier, "method": "m", "params": {"v": value}}).encode()
    line = body + b" " * 6000
    lines = Lines(5000)
    found = [each for piece in data.draw(pieces(line)) for each in lines.feed(piece)] + lines.feed(b"\n")
    assert len(found) == 1
    assert isinstance(found[0], Oversized)
    assert len(found[0].prefix) <= 4096
    assert found[0].raw_id is not None
    assert json.loads(found[0].raw_id) == identifier
    assert lines.feed(b'{"next":1}\n') == [b'{"next":1}']


@examples(60)
@given(HOSTILE)
@example(b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}')
@example(b'{"jsonrpc":"2.0","id":1e3,"method":"ping"}')
@example(b'{"params":[],"id":"late"}')
def test_a_guessed_id_is_never_taken_from_inside_the_message(line: bytes) -> None:
    guessed = Oversized(line[:4096], line[-1024:]).raw_id
    if guessed is None:
        return
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return
    assert isinstance(message, dict)
    outer = json.loads(line, object_pairs_hook=list)
    assert json.loads(guessed) in [value for name, value in outer if name == "id"]


@examples(60)
@given(st.data(), JSON_VALUES)
def test_one_line_keeps_the_value(data: st.DataObject, value: object) -> None:
    body = data.draw(spelled({"value": value}))
    body = data.draw(st.sampled_from([body, body.replace(b"\n", b"\r\n"), b"\n" + body + b"\r\n"]))
    line = one_line(body)
    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    assert b"\r" not in line
    assert json.loads(line) == json.loads(body)
