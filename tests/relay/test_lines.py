"""The framing of stdio: lines however they arrive, and none that is larger than the limit."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.relay.lines import Lines, Oversized, one_line


def fed(lines: Lines, *pieces: bytes) -> list[bytes | Oversized]:
    found = [line for piece in pieces for line in lines.feed(piece)]
    return found + lines.end()


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({at for at in cuts if at < len(data)}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


BYTES = st.lists(st.sampled_from([b"\n", b"\r", b" ", b"a", b"{}", b"\xff", b"x" * 9]), max_size=30).map(
    b"".join
)


@given(BYTES, st.lists(st.integers(0, 200), max_size=8))
def test_lines_do_not_depend_on_how_the_bytes_arrive(data: bytes, cuts: list[int]):
    expected = [line for line in data.split(b"\n") if line.strip()]
    assert fed(Lines(1000), *cut(data, cuts)) == expected


@given(BYTES, st.lists(st.integers(0, 200), max_size=8), st.integers(1, 12))
def test_a_line_past_the_limit_is_known_but_not_kept(data: bytes, cuts: list[int], limit: int):
    pieces = data.split(b"\n")
    expected = [piece for piece in pieces if len(piece) > limit or piece.strip()]
    found = fed(Lines(limit), *cut(data, cuts))
    assert [isinstance(line, Oversized) for line in found] == [len(line) > limit for line in expected]
    for line, piece in zip(found, expected, strict=True):
        if isinstance(line, Oversized):
            assert piece.startswith(line.prefix)
            assert len(line.prefix) > 0
        else:
            assert line == piece


def test_an_endless_line_takes_no_memory():
    lines = Lines(1000)
    for _ in range(100):
        assert lines.feed(b"x" * 100_000) == []
    (found,) = lines.feed(b"\n")
    assert isinstance(found, Oversized)
    assert len(found.prefix) <= 4096
    assert lines.feed(b"after\n") == [b"after"]


def oversized(text: str) -> Oversized:
    (found,) = Lines(10).feed(text.encode() + b"\n")
    assert isinstance(found, Oversized)
    return found


@pytest.mark.parametrize(
    ("text", "raw_id"),
    [
        ('{"jsonrpc":"2.0","id":7,"method":"m"}', b"7"),
        ('{"jsonrpc" : "2.0" ,\t"id" : "a-\\"b" , "method":"m"}', b'"a-\\"b"'),
        ('{"id":-1,"jsonrpc":"2.0"}', b"-1"),
        ('{"method":"m","x":null,"y":true,"id":9007199254740993}', b"9007199254740993"),
        ('{"params":{"id":5},"id":6}', b"6"),
        ('{"method":"say \\"id\\":5,","params":1}', None),
        ('{"method":"notifications/x","params":{"id":5}}', None),
        ('[{"id":5,"method":"m"}]', None),
        ("x" * 40, None),
    ],
)
def test_the_id_of_an_oversized_message_is_its_own_or_unknown(text: str, raw_id: bytes | None):
    assert oversized(text).raw_id == raw_id


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.text(max_size=20))
VALUES = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.text(max_size=5), SCALARS, max_size=3)
)


@given(
    st.dictionaries(st.sampled_from(["jsonrpc", "method", "params", "id", "a"]), VALUES, min_size=1),
    st.booleans(),
)
def test_an_id_that_is_found_is_the_one_of_the_message(members: dict[str, object], ascii_only: bool):
    text = json.dumps(members, ensure_ascii=ascii_only)
    found = oversized(text + " " * 20).raw_id
    if found is not None:
        assert json.loads(found) == members["id"]


@given(
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    ),
    st.sampled_from([None, 0, 2, "\t"]),
    st.booleans(),
)
def test_one_line_is_the_same_json(value: object, indent: object, carriage: bool):
    text = json.dumps(value, indent=indent)  # type: ignore[arg-type]
    body = (text.replace("\n", "\r\n") if carriage else text).encode()
    line = one_line(body)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert b"\r" not in line
    assert json.loads(line) == value
