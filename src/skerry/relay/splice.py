"""Members of `params` or `result` changed inside a message, every other value kept byte for byte.

A translated message has a few members more or less. Writing it anew would cost the time of a large result
and the exact digits of its numbers; here the values that stay are copied as they came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

from skerry.wire import jsonrpc

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def splice(
    body: bytes,
    member: Literal["params", "result"],
    known: Mapping[str, Any],
    put: Mapping[str, object],
    drop: Collection[str] = (),
) -> bytes:
    """The message with `put` in its object `member` and without `drop`.

    `body` is a message that `jsonrpc.parse` accepted and `known` the decoded object. Values of type bytes
    are put in as the JSON they are. A missing `params` is added. Raises ProtocolError for a value that JSON
    cannot carry.
    """
    gone = [name for name in (*put, *drop) if name in known]
    if not put and not gone:
        return body
    text = body.decode("utf-8")
    added = [jsonrpc.encode(name) + b":" + jsonrpc.encode(value) for name, value in put.items()]
    found = _object(text, member)
    if found is None:
        end = text.rindex("}")
        return b'%b,"%b":{%b}}' % (text[:end].encode(), member.encode(), b",".join(added))
    if not gone:  # what is there need not even be looked at
        if known:
            added.append(b"")
        return b"".join((text[: found + 1].encode(), b",".join(added), text[found + 1 :].encode()))
    unwanted = {*put, *drop}
    kept: list[str] = []
    end = found + 1
    for name, begin, _, end in _members(text, found):
        if name not in unwanted:
            kept.append(text[begin:end])
    close = text.index("}", end)
    pieces = [piece.encode() for piece in kept] + added
    return b"".join((text[: found + 1].encode(), b",".join(pieces), text[close:].encode()))


def _object(text: str, member: str) -> int | None:
    """Where the object of this name opens."""
    for name, _, start, _ in _members(text, text.index("{"), member):
        if name == member:
            return start
    return None


def _members(text: str, opening: int, last: str | None = None) -> Iterator[tuple[str, int, int, int]]:
    """The members of an object: name, where it begins, where its value begins, where that ends.

    The value of `last` is not looked at: its end is given as its beginning, and nothing follows.
    """
    at = _skip(text, opening + 1)
    while text[at] != "}":
        begin = at
        name, at = _DECODER.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        if name == last:
            yield name, begin, start, start
            return
        _, end = _DECODER.raw_decode(text, start)
        yield name, begin, start, end
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
