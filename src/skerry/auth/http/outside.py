"""HTTP towards authorization servers that were configured by URL: guarded, but on this machine.

A development stack has servers of its own on loopback, and everything else is the public internet: who
configures a provider, or answers for one, must not choose what is asked in a private network.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from skerry.auth.discovery import is_loopback
from skerry.auth.http.guarded import Guard
from skerry.errors import GuardError, RemoteError

T = TypeVar("T")
Form = Mapping[str, str | Sequence[str]]
_HINTS = {
    "address": "Only public addresses and this machine are asked; a private network needs privateEndpoint.",
    "url": "It must be https at port 443, or on this machine.",
}


class Http(Protocol):
    """GET and form POST. `transport.Transport` is one without a guard."""

    async def fetch(self, url: str) -> bytes:
        """The body of a 200. Raises RemoteError."""
        ...

    async def post(self, url: str, form: Form, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body of a form POST. Raises RemoteError."""
        ...


class Outside:
    """GET and form POST; one instance belongs to one event loop."""

    def __init__(self, near: Http, guard: Guard) -> None:
        self._near = near
        self._guard = guard

    async def fetch(self, url: str) -> bytes:
        """The body of a 200; elsewhere JSON. Raises RemoteError."""
        if _is_near(url):
            return await self._near.fetch(url)
        return await _told(url, lambda: self._guard.fetch(url))

    async def post(self, url: str, form: Form, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body. Raises RemoteError when there is no answer, or none may be asked for."""
        if _is_near(url):
            return await self._near.post(url, form, headers)
        return await _told(url, lambda: self._guard.post(url, form, headers))


def _is_near(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


async def _told(url: str, ask: Callable[[], Awaitable[T]]) -> T:
    try:
        return await ask()
    except GuardError as problem:
        shown = url.partition("?")[0][:200]
        raise RemoteError(
            f"{shown} was not asked, or gave no answer that can be used: {problem.message}",
            hint=_HINTS.get(problem.reason, ""),
        ) from problem
