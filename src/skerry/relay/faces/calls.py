"""Calls in flight: each in a task of its own, so that who asked can be told apart from who cancels."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import weakref
from collections.abc import Coroutine, Mapping
from typing import Any

from skerry.errors import SkerryError
from skerry.relay.ports import RelayError
from skerry.wire.jsonrpc import Envelope

log = logging.getLogger(__name__)

_PATIENCE = 5.0
_ROUND = frozenset({"_meta", "inputResponses", "requestState"})


class Calls:
    """The calls of one face by the id that its client gave them."""

    def __init__(self) -> None:
        self._running: dict[str | int, asyncio.Task[Envelope]] = {}
        self._all: set[asyncio.Task[Envelope]] = set()
        self._cancelled: weakref.WeakSet[asyncio.Task[Envelope]] = weakref.WeakSet()
        self._closed = False

    async def run(self, request: Envelope, work: Coroutine[Any, Any, Envelope]) -> Envelope:
        """The response that `work` gives. Raises RelayError (`cancelled`, `closed`) when it is ended here.

        Cancelling the task that waits here cancels `work`. Whatever is wrong with a message ends as
        RelayError too.
        """
        if self._closed:
            work.close()
            raise RelayError("closed", "The connection to the server is closed.")
        task = asyncio.get_running_loop().create_task(work)
        self._all.add(task)
        task.add_done_callback(self._ended)
        if request.id is not None:
            self._running[request.id] = task
        try:
            await asyncio.wait({task})
        finally:
            if request.id is not None and self._running.get(request.id) is task:
                del self._running[request.id]
            if not task.done():
                task.cancel()
        return self._outcome(request, task)

    def cancel(self, identifier: object) -> bool:
        """Ends the call with this id, if there is one."""
        if not isinstance(identifier, (str, int)) or isinstance(identifier, bool):
            return False
        task = self._running.get(identifier)
        if task is None or task.done():
            return False
        self._cancelled.add(task)
        task.cancel()
        return True

    async def close(self) -> None:
        """Ends every call, and waits a moment until it has ended."""
        self._closed = True
        for task in self._all:
            task.cancel()
        if self._all:
            await asyncio.wait(set(self._all), timeout=_PATIENCE)

    def _outcome(self, request: Envelope, task: asyncio.Task[Envelope]) -> Envelope:
        if task.cancelled():
            if task in self._cancelled:
                raise RelayError("cancelled", f"{request.method} was cancelled.")
            raise RelayError("closed", f"The connection was closed before {request.method} was answered.")
        try:
            return task.result()
        except RelayError:
            raise
        except SkerryError as problem:
            raise RelayError("failed", problem.message, hint=problem.hint) from problem

    def _ended(self, task: asyncio.Task[Envelope]) -> None:
        self._all.discard(task)
        if not task.cancelled():
            task.exception()  # read, even when nobody waits any more


class Errands:
    """What is done for nobody in particular, such as telling a server that nobody waits any more."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, work: Coroutine[Any, Any, None], seconds: float = _PATIENCE) -> asyncio.Task[None]:
        """Does `work` by and by, for so long at most. What is wrong with the other side is logged."""
        task = asyncio.get_running_loop().create_task(_tried(work, seconds))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Waits for what is being done, a moment for all of it."""
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=_PATIENCE)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=_PATIENCE)


async def _tried(work: Coroutine[Any, Any, None], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except (SkerryError, TimeoutError) as problem:
        log.info("an errand failed: %s", str(problem) or "it took too long")


def call_digest(principal: str, request: Envelope) -> str:
    """What tells a call from another: who makes it, its method, its parameters without those of a round."""
    params: Mapping[str, Any] = {name: value for name, value in request.params.items() if name not in _ROUND}
    text = json.dumps([principal, request.method, params], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
