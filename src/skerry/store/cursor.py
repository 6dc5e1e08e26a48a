"""Where a page of conversations ended, as opaque text that is good for one owner only."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import NamedTuple

from skerry.store.records import CursorError


class Position(NamedTuple):
    """The last conversation of a page: when it was written to, and its id."""

    updated: float
    id: str


def write(owner: str, position: Position) -> str:
    """A cursor of `owner` for what comes after `position`."""
    text = json.dumps([_mark(owner), *position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def read(owner: str, cursor: str) -> Position:
    """The position in a cursor. Raises CursorError for another owner's, and for what is none."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True)
        mark, updated, identifier = json.loads(text)
        identifier.encode()  # half of a surrogate pair is in no id
        whole = isinstance(updated, int | float) and isinstance(identifier, str)
    except (ValueError, TypeError, AttributeError, RecursionError):  # ValueError: of base64, UTF-8, JSON
        whole = False
    if not whole or not 0 <= updated < 1e12 or mark != _mark(owner):
        raise CursorError(
            "the cursor is not one of this list.", hint="Begin again without a cursor; do not change it."
        )
    return Position(float(updated), identifier)


def _mark(owner: str) -> str:
    return hashlib.sha256(b"conversations of " + owner.encode()).hexdigest()[:16]
