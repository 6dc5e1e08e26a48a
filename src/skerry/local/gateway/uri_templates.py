"""Whether a URI may come from a template of a server, in time that its length bounds.

`{x}` stands for one segment, the other forms of RFC 6570 (`{+x}`, `{x*}`, `{?x}` …) for anything. Both come
from strangers, the template from a target and the URI from a client, so nothing here backtracks: the
positions that a piece of the template can end at are found from those of the piece before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_URI = 8192
"""Characters of a URI that templates are held against; a longer one comes from none."""
MAX_EXPRESSIONS = 32
"""Expressions of a template; one with more has no URIs."""

_EXPRESSION = re.compile(r"\{([^{}]*)\}")
_SEPARATOR = re.compile(r"[/?#]")
_OPERATORS = frozenset("+#./;?&")


def matches(template: str, uri: str) -> bool:
    """Whether `uri` may be one of `template`'s."""
    pieces = _EXPRESSION.split(template)
    if len(uri) > MAX_URI or len(pieces) > 2 * MAX_EXPRESSIONS + 1:
        return False
    ends = [0]
    for index, piece in enumerate(pieces):
        if not ends:
            return False
        if index % 2 == 0:
            ends = [end + len(piece) for end in ends if uri.startswith(piece, end)]
        elif piece[:1] in _OPERATORS or "*" in piece:
            ends = list(range(ends[0], len(uri) + 1))
        else:
            ends = list(_segments(uri, ends))
    return bool(ends) and ends[-1] == len(uri)


def _segments(uri: str, begins: list[int]) -> Iterator[int]:
    """Where a segment of one character or more can end that begins at one of the positions, ascending."""
    last = 0
    for begin in begins:
        if begin < last:  # inside the segment of an earlier one, whose ends are given already
            continue
        separator = _SEPARATOR.search(uri, begin)
        stop = separator.start() if separator else len(uri)
        yield from range(begin + 1, stop + 1)
        last = stop
