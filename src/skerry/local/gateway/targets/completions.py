"""Word of a legacy server that a page is done, for the client session that was told to open it (-32042).

Source: MCP 2025-11-25, elicitation in URL mode (`notifications/elicitation/complete`, which is optional). It
comes on the GET stream of the server's session, which is opened for this alone; a word before that is missed.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress

from skerry.local.gateway.client_session import ClientSession
from skerry.local.gateway.outgoing import TargetError
from skerry.local.gateway.targets.asks import Ask
from skerry.local.gateway.targets.dialogue import Dialogue
from skerry.wire import eras
from skerry.wire.jsonrpc import Envelope

LIFE = 600.0
_MOST = 256
_PAGES = 16


class Completions:
    """Listens at one server for `seconds` after each such error, on one stream for each client session."""

    def __init__(self, dialogue: Dialogue, *, seconds: float = LIFE) -> None:
        self._dialogue = dialogue
        self._seconds = seconds
        self._wanted: dict[str, set[str]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def expect(self, ask: Ask, answer: Envelope, client: ClientSession) -> None:
        """Begins to listen when an answer is the error that names pages."""
        found = _elicitations(answer)
        if not found:
            return
        if ask.identity in self._tasks:
            self._wanted[ask.identity] |= found
        elif len(self._tasks) < _MOST:
            self._wanted[ask.identity] = found
            task = asyncio.get_running_loop().create_task(self._listen(ask, client))
            self._tasks[ask.identity] = task
            task.add_done_callback(lambda _: self._over(ask.identity))

    async def close(self) -> None:
        """Listens no more."""
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _listen(self, ask: Ask, client: ClientSession) -> None:
        wanted = self._wanted[ask.identity]
        with suppress(TargetError, TimeoutError):
            async with (
                asyncio.timeout(self._seconds),
                aclosing(self._dialogue.changes(ask)) as messages,
            ):
                async for message in messages:
                    identifier = message.params.get("elicitationId")
                    if message.method == eras.ELICITATION_COMPLETE and identifier in wanted:
                        wanted.discard(identifier)
                        client.tell(message)
                    if not wanted:
                        return

    def _over(self, identity: str) -> None:
        self._tasks.pop(identity, None)
        self._wanted.pop(identity, None)


def _elicitations(answer: Envelope) -> set[str]:
    """The ids of the pages that an error names; none for any other answer."""
    error = answer.error or {}
    if error.get("code") != eras.URL_ELICITATION_REQUIRED:
        return set()
    data = error.get("data")
    listed = data.get("elicitations") if isinstance(data, dict) else None
    items = listed[:_PAGES] if isinstance(listed, list) else []
    ids = (item.get("elicitationId") for item in items if isinstance(item, dict))
    return {found for found in ids if isinstance(found, str)}
