"""One client's session at a gateway: what it runs, listens to and keeps until it ends.

Source: MCP 2025-11-25, session management. What a session needs only while something happens in it is made
when it happens, so that an idle one is a row of a table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from skerry.relay.faces.calls import Errands
from skerry.relay.faces.listeners import Listener
from skerry.relay.faces.questions import Questions
from skerry.wire.jsonrpc import Envelope

T = TypeVar("T")
Leave = Callable[[], Awaitable[None]]


@dataclass(slots=True, eq=False)
class _Activity:
    """What a session has once something happens in it."""

    questions: Questions | None = None
    running: dict[str | int, asyncio.Task[None]] = field(default_factory=dict)
    leaving: dict[object, Leave] = field(default_factory=dict)
    kept: dict[object, Any] = field(default_factory=dict)
    listener: Listener | None = None


@dataclass(slots=True, eq=False)
class ClientSession:
    """One client's session. `until` is the clock's monotonic second at which it is over.

    `capabilities` are those of ASKABLE that the client declared, `owner` is the identity it is bound to.
    """

    id: str
    gateway_id: str
    owner: str
    until: float
    capabilities: Mapping[str, Any]
    _activity: _Activity | None = None

    @property
    def _active(self) -> _Activity:
        if self._activity is None:
            self._activity = _Activity()
        return self._activity

    @property
    def questions(self) -> Questions:
        """What the client is being asked."""
        active = self._active
        if active.questions is None:
            active.questions = Questions()
        return active.questions

    def answer(self, response: Envelope) -> bool:
        """Takes the client's response; False when nothing was asked under its id."""
        asked = self._activity.questions if self._activity is not None else None
        return asked is not None and asked.answer(response)

    async def run(self, identifier: str | int, work: Coroutine[Any, Any, None]) -> bool:
        """Does the work of a request; False when the client cancelled it or the session ended first."""
        running = self._active.running
        task = asyncio.ensure_future(work)
        running[identifier] = task
        try:
            await asyncio.wait({task})
        finally:
            if running.get(identifier) is task:
                del running[identifier]
            if not task.done():
                task.cancel()
        if task.cancelled():
            return False
        task.result()
        return True

    async def cancel(self, identifier: object) -> None:
        """`notifications/cancelled`: ends the request of this id, if it runs."""
        if self._activity is None or not isinstance(identifier, str | int):
            return
        task = self._activity.running.get(identifier)
        if task is not None:
            if self._activity.questions is not None:
                await self._activity.questions.withdraw(identifier)
            task.cancel()

    def listen(self, listener: Listener) -> None:
        """The session's stream for what belongs to no request; an older one ends."""
        activity = self._active
        if activity.listener is not None:
            activity.listener.end()
        activity.listener = listener

    def unlisten(self, listener: Listener) -> None:
        """The stream is closed."""
        if self._activity is not None and self._activity.listener is listener:
            self._activity.listener = None

    def tell(self, message: Envelope) -> None:
        """Says on the session's stream, if there is one, what belongs to no request."""
        if self._activity is not None and self._activity.listener is not None:
            self._activity.listener.take(message)

    def kept(self, key: object, make: Callable[[], T]) -> T:
        """What `make` made when it was first asked for under this key."""
        active = self._active
        if key not in active.kept:
            active.kept[key] = make()
        found: T = active.kept[key]
        return found

    def on_end(self, key: object, leave: Leave) -> None:
        """Has `leave` awaited when the session ends; once for each key."""
        self._active.leaving.setdefault(key, leave)

    def end(self, errands: Errands) -> None:
        """Ends what runs, listens or is kept for the session."""
        activity, self._activity = self._activity, None
        if activity is None:
            return
        for task in activity.running.values():
            task.cancel()
        if activity.listener is not None:
            activity.listener.end()
        for leave in activity.leaving.values():
            errands.run(_left(leave))


async def _left(leave: Leave) -> None:
    await leave()
