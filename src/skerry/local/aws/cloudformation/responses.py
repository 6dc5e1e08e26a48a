"""Where the answers of custom resources arrive: each request has a URL of its own, that serves once.

A stack's thread waits here; the endpoint brings what was put at the URL, from a thread of its own.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from skerry.errors import SkerryError
from skerry.local.aws.cloudformation.acting import RESPONSE_LIMIT, RESPONSES

TOO_LONG = f"Response object is too long: it may have {RESPONSE_LIMIT} bytes."
_TOKEN_BYTES = 32


class Awaited:
    """An answer that somebody waits for: the first thing that settles it counts."""

    def __init__(self, stack_id: str, base: str) -> None:
        self.token = secrets.token_urlsafe(_TOKEN_BYTES)
        self.url = f"{base}{RESPONSES}{self.token}"
        self.stack_id = stack_id
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._found: bytes | SkerryError = b""

    def settle(self, found: bytes | SkerryError) -> bool:
        """What is put there, or why nothing will be; whether it counts."""
        with self._lock:
            if self._done.is_set():
                return False
            self._found = found
            self._done.set()
            return True

    def wait(self, seconds: float) -> bytes | None:
        """The answer, None when there is none in time. Raises what it was settled with."""
        self._done.wait(seconds)
        if isinstance(self._found, SkerryError):
            raise self._found
        return self._found if self._done.is_set() else None


_awaited: dict[str, Awaited] = {}
_guard = threading.Lock()


@contextmanager
def awaited(stack_id: str, base: str) -> Iterator[Awaited]:
    """An answer that can arrive as long as the block runs. `base` is the URL of the endpoint."""
    found = Awaited(stack_id, base)
    with _guard:
        _awaited[found.token] = found
    try:
        yield found
    finally:
        with _guard:
            _awaited.pop(found.token, None)


def arrive(token: str, body: str | None) -> bool:
    """Brings an answer, None for one that is too long; False when nobody waits for it, or has one already."""
    with _guard:
        waiting = _awaited.get(token)
    if waiting is None:
        return False
    from skerry.local.aws.cloudformation.custom import CustomResourceError  # late: it brings schemas

    return waiting.settle(CustomResourceError(TOO_LONG) if body is None else body.encode())


def give_up(stack_id: str, error: SkerryError) -> None:
    """Nothing of this stack is waited for any more."""
    with _guard:
        waiting = [item for item in _awaited.values() if item.stack_id == stack_id]
    for item in waiting:
        item.settle(error)
