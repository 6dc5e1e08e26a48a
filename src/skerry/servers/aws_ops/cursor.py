"""`next_token` of a tool: where reading stopped, in every region that has more.

It is our own, because one answer may span regions, and may stop inside a page of the service. It is
bound to the operation and its arguments, and checked as input that anybody can write.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skerry.servers.aws_ops.arguments import wrong_arguments

MAX_LENGTH = 16_384
_MAX_POSITIONS = 100
_LAST_SECOND = 32_503_680_000  # the year 3000
_PLACE = re.compile(r"[a-z0-9-]{1,32}")
_FREE = frozenset({"limit", "next_token"})


@dataclass(frozen=True, slots=True)
class Position:
    """The next page of one region: the service's own token, and how many of its items are done.

    `asked` is when the question was first asked, in epoch seconds, where its answer depends on the
    time: "the last hour" is the same hour on every page.
    """

    region: str
    token: str = ""
    done: int = 0
    asked: int = 0


def digest(operation: str, arguments: Mapping[str, Any]) -> str:
    """What a cursor is bound to: the operation and all arguments but `limit` and `next_token`."""
    bound = {name: value for name, value in sorted(arguments.items()) if name not in _FREE}
    text = json.dumps([operation, bound], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def encode(positions: list[Position], bound: str) -> str:
    """The positions as one opaque string of URL-safe characters."""
    data = [bound, [[item.region, item.token, item.done, item.asked] for item in positions]]
    return base64.urlsafe_b64encode(json.dumps(data, separators=(",", ":")).encode()).decode().rstrip("=")


def decode(token: str, bound: str) -> list[Position]:
    """The positions of a token that `encode` made for the same operation and arguments.

    Raises ServiceError (ValidationException) for anything else.
    """
    data = _json(token)
    if not isinstance(data, list) or len(data) != 2 or not isinstance(data[1], list):
        raise _wrong("is not one that this tool gave")
    if data[0] != bound:
        raise _wrong("belongs to another question; leave it out, or repeat the same arguments")
    if not 0 < len(data[1]) <= _MAX_POSITIONS:
        raise _wrong("is not one that this tool gave")
    return [_position(item) for item in data[1]]


def joined(words: list[str]) -> str:
    """Several members of a service's cursor as one token."""
    return json.dumps(words, separators=(",", ":"))


def parts(token: str, count: int) -> list[str]:
    """The members that `joined` made one. Raises ServiceError (ValidationException) for anything else."""
    try:
        words = json.loads(token)
    except (ValueError, RecursionError) as error:
        raise _wrong("is not one that this tool gave") from error
    if not isinstance(words, list) or len(words) != count or not all(isinstance(x, str) for x in words):
        raise _wrong("is not one that this tool gave")
    return words


def _json(token: str) -> Any:
    if len(token) > MAX_LENGTH:
        raise _wrong("is too long")
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _wrong("is not one that this tool gave") from error


def _position(item: object) -> Position:
    match item:
        case [str(region), str(token), int(done), int(asked)] if bool not in (type(done), type(asked)):
            if _PLACE.fullmatch(region) and 0 <= done <= 1_000_000 and 0 <= asked <= _LAST_SECOND:
                return Position(region, token, done, asked)
    raise _wrong("is not one that this tool gave")


def _wrong(problem: str) -> Exception:
    return wrong_arguments([("next_token", problem)])
