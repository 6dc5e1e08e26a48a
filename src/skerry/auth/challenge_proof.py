"""The proof of a client that gets its token when the server asks for one: a 401, or a 403 that wants scopes.

It loads what a sign-in needs only then, so that a program starts without it. Source: MCP 2026-07-28,
authorization; RFC 6750 §3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from skerry.auth.ports import Origin
from skerry.errors import ProtocolError

if TYPE_CHECKING:
    from skerry.auth.challenge import Challenge
    from skerry.auth.login.discovered_tokens import DiscoveredTokens


class ChallengeProof:
    """Sends the token at hand, and nothing without one. `make` gives the source when it is first needed."""

    def __init__(self, make: Callable[[], DiscoveredTokens]) -> None:
        self._make = make
        self._made: DiscoveredTokens | None = None
        self._turn: asyncio.Task[bool] | None = None
        self.turns = 0
        """How often there was something new to send; a sign-in may take longer than a request waits."""

    @property
    def tokens(self) -> DiscoveredTokens:
        """The source. Raises ConfigurationError when what is configured contradicts itself."""
        if self._made is None:
            self._made = self._make()
        return self._made

    @property
    def origin(self) -> Origin:
        """The sign-in, in general until there is one."""
        return self._made.origin if self._made is not None else Origin("bearer", "the sign-in")

    async def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:  # noqa: ARG002
        """The `Authorization` header, if there is a token. Raises RemoteError when it has ended for good."""
        if self._turn is not None and not self._turn.done():
            await self._waited(self._turn)
        token = await self.tokens.ready()
        return {"Authorization": f"Bearer {token}"} if token else {}

    async def refused(
        self,
        status: int,
        body: bytes,
        headers: Mapping[str, str],
        sent: Mapping[str, str] | None = None,
    ) -> bool:
        """Gets a token that the server may take. One request at a time asks; the others get its answer.

        Raises what says why there is none: nobody is signed in, the provider refuses, a scope is lacking.
        """
        shown = (sent or {}).get("Authorization", "")
        refused = shown.removeprefix("Bearer ") if shown.startswith("Bearer ") else ""
        if not _concerns(status, body, headers, refused):
            return False
        while self._turn is not None and not self._turn.done() and self._here(self._turn):
            await self._waited(self._turn)
        challenge = read_challenge(headers)
        turn = asyncio.get_running_loop().create_task(self._answered(challenge, refused))
        self._turn = turn
        turn.add_done_callback(_seen)
        return await asyncio.shield(turn)

    async def _answered(self, challenge: Challenge | None, refused: str) -> bool:
        found = await self.tokens.answered(challenge, refused=refused)
        self.turns += found
        return found

    @staticmethod
    def _here(turn: asyncio.Task[bool]) -> bool:
        return turn.get_loop() is asyncio.get_running_loop()

    async def _waited(self, turn: asyncio.Task[bool]) -> None:
        """Waits for a sign-in of another request; how it ended is that one's matter."""
        if self._here(turn):
            await asyncio.wait([turn])


def _concerns(status: int, body: bytes, headers: Mapping[str, str], refused: str) -> bool:
    """Whether an answer wants another token, or one at all."""
    if status == 401:
        return True
    from skerry.auth import answers  # late: most proxies are never refused

    reason = answers.reason(status, body, headers, "bearer" if refused else "none")
    if refused:
        return reason == "insufficient" or reason in answers.RENEWABLE_TOKEN
    return reason in ("missing", "crossed")


def read_challenge(headers: Mapping[str, str]) -> Challenge | None:
    """The Bearer challenge of an answer (names of headers in lower case); None without a usable one."""
    from skerry.auth import challenge

    try:
        return challenge.parse(headers.get("www-authenticate", ""))
    except ProtocolError:
        return None


def _seen(task: asyncio.Task[bool]) -> None:
    if not task.cancelled():
        task.exception()  # every waiter may be gone; an error must not be reported as never seen
