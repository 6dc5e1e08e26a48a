"""One `subscriptions/listen` at a modern server, kept open for a legacy client that knows nothing of it.

Source: MCP 2026-07-28, subscriptions; MCP 2025-11-25, list changes and resource updates. A filter cannot be
changed: a new one is opened, and the old one closed after the new one was acknowledged, so that a message
may come twice but not get lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from skerry.errors import ProtocolError, SkerryError
from skerry.relay.faces import translation
from skerry.relay.ports import Emit, RelayError, Server
from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope

log = logging.getLogger(__name__)

_PATIENCE = 5.0
_FINAL = frozenset({jsonrpc.METHOD_NOT_FOUND, jsonrpc.INVALID_PARAMS, jsonrpc.INVALID_REQUEST})


@dataclass(frozen=True, slots=True, kw_only=True)
class Persistence:
    """How a subscription is kept: seconds until it must be acknowledged, pauses before it is opened again.

    The last pause is repeated. `resources` bounds how many of them one client may follow.
    """

    acknowledged: float = 30.0
    pauses: tuple[float, ...] = (0.5, 2.0, 5.0, 15.0, 60.0)
    resources: int = 1000


class _Stream:
    """One open `subscriptions/listen`. `granted` is the filter that the server agreed to."""

    def __init__(self, server: Server, request: Envelope, deliver: Emit) -> None:
        self._server = server
        self._request = request
        self._deliver = deliver
        self.heard = False
        loop = asyncio.get_running_loop()
        self.granted: asyncio.Future[Mapping[str, Any]] = loop.create_future()
        self.granted.add_done_callback(_read)
        self.task = loop.create_task(self._run())

    async def close(self) -> None:
        """Ends it; nothing is delivered afterwards."""
        self.task.cancel()
        await asyncio.wait({self.task}, timeout=_PATIENCE)

    async def _run(self) -> None:
        problem = RelayError("closed", "The server ended the subscription.")
        try:
            response = await self._server.call(self._request, self._emit)
            said = translation.error_of(response)
            if said is not None:
                problem = RelayError("refused", said[1], rpc_code=said[0])
        except RelayError as failure:
            problem = failure
        except SkerryError as failure:
            problem = RelayError("failed", failure.message)
        finally:
            if not self.granted.done():
                self.granted.set_exception(problem)

    async def _emit(self, message: Envelope) -> None:
        if message.kind != "notification":
            return
        if message.method == eras.ACKNOWLEDGED:
            granted = message.params.get("notifications")
            if not self.granted.done():
                self.granted.set_result(granted if isinstance(granted, dict) else {})
        elif message.method == eras.CANCELLED:
            if message.params.get("requestId") == self._request.id:
                self.task.cancel()
        elif message.method in eras.CHANGES:
            self.heard = True
            with contextlib.suppress(ProtocolError):
                await self._deliver(translation.legacy_notification(message))


class Subscription:
    """What a legacy client follows at a modern server: its lists and the resources that it named.

    `opening` makes the request of a filter, under a new id.
    """

    def __init__(
        self,
        server: Server,
        opening: Callable[[Mapping[str, Any]], Envelope],
        deliver: Emit,
        *,
        persistence: Persistence,
        pause: Callable[[float], Awaitable[object]],
    ) -> None:
        self._server = server
        self._opening = opening
        self._deliver = deliver
        self._persistence = persistence
        self._pause = pause
        self._lists: dict[str, bool] = {}
        self._uris: dict[str, None] = {}
        self._stream: _Stream | None = None
        self._losses = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False

    def follow_lists(self, lists: Mapping[str, bool]) -> None:
        """Follows these lists from now on, as soon as the server lets us."""
        if lists and dict(lists) != self._lists:
            self._lists = dict(lists)
            self._keep(at_once=True)

    async def add(self, uri: str) -> None:
        """Follows a resource. Raises RelayError, with the code to answer, when that cannot be."""
        async with self._lock:
            if uri in self._uris:
                return
            if len(self._uris) >= self._persistence.resources:
                raise RelayError(
                    "policy",
                    f"{len(self._uris)} resources are followed; that is the limit.",
                    rpc_code=jsonrpc.INVALID_REQUEST,
                )
            wanted = {**self._uris, uri: None}
            granted = await self._open(self._lists, wanted)
            followed = granted.get("resourceSubscriptions")
            if not isinstance(followed, list) or uri not in followed:
                await self._reopen_without(uri)
                raise RelayError(
                    "refused",
                    "The server does not tell about changes of this resource.",
                    rpc_code=jsonrpc.INVALID_PARAMS if followed else jsonrpc.METHOD_NOT_FOUND,
                )
            self._uris = wanted

    async def remove(self, uri: str) -> None:
        """Follows a resource no more."""
        async with self._lock:
            if uri not in self._uris:
                return
            del self._uris[uri]
            with contextlib.suppress(RelayError):  # the keeper goes on trying
                await self._open(self._lists, self._uris)

    async def close(self) -> None:
        """Ends it."""
        self._closed = True
        keeper, self._keeper = self._keeper, None
        self._stream = None
        tasks = {*self._tasks, keeper} if keeper is not None else set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_PATIENCE)

    async def _reopen_without(self, uri: str) -> None:
        log.info("the server does not follow %s", uri)
        with contextlib.suppress(RelayError):
            await self._open(self._lists, self._uris)

    async def _open(self, lists: Mapping[str, bool], uris: Mapping[str, None]) -> Mapping[str, Any]:
        """Puts a stream with this filter in the place of the present one; what the server granted of it."""
        wanted: dict[str, Any] = dict(lists)
        if uris:
            wanted["resourceSubscriptions"] = list(uris)
        stream: _Stream | None = None
        granted: Mapping[str, Any] = {}
        if wanted:
            stream = _Stream(self._server, self._opening(wanted), self._deliver)
            self._tasks.add(stream.task)
            stream.task.add_done_callback(self._tasks.discard)
            try:
                async with asyncio.timeout(self._persistence.acknowledged):
                    granted = await asyncio.shield(stream.granted)
            except TimeoutError as late:
                raise RelayError("timeout", "The server did not acknowledge the subscription.") from late
            finally:
                if not stream.granted.done() or stream.granted.exception() is not None or self._closed:
                    stream.task.cancel()
        old, self._stream = self._stream, stream
        if old is not None:
            await old.close()
        if stream is not None:
            stream.task.add_done_callback(lambda _: self._lost(stream))
        return granted

    # ── when the server ends it ─────────────────────────────────────────────────────────────────

    def _lost(self, stream: _Stream) -> None:
        if stream is self._stream and not self._closed:
            self._stream = None
            self._losses = 1 if stream.heard else self._losses + 1
            self._keep(at_once=False)

    def _keep(self, *, at_once: bool) -> None:
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.get_running_loop().create_task(self._kept(at_once=at_once))

    async def _kept(self, *, at_once: bool) -> None:
        """Opens the stream until it is open, or until the server says that it never will be."""
        if not at_once:
            await self._rest()
        while True:
            try:
                async with self._lock:
                    if self._stream is not None and not at_once:
                        return  # opened by a change of the filter
                    granted = await self._open(self._lists, self._uris)
            except RelayError as problem:
                if problem.rpc_code in _FINAL:
                    log.info("the server has no subscriptions: %s", problem)
                    return
                log.info("the subscription is not open: %s", problem)
            else:
                if not at_once:
                    await self._catch_up(granted)
                return
            self._losses += 1
            await self._rest()

    async def _rest(self) -> None:
        pauses = self._persistence.pauses
        await self._pause(pauses[min(max(self._losses, 1), len(pauses)) - 1])

    async def _catch_up(self, granted: Mapping[str, Any]) -> None:
        """What changed while the stream was down is not known: the client should read it again."""
        for member, (_, method) in eras.LIST_CHANGES.items():
            if granted.get(member) is True:
                await self._deliver(jsonrpc.parse(jsonrpc.notification(method)))
        for uri in list(self._uris):
            await self._deliver(jsonrpc.parse(jsonrpc.notification(eras.UPDATED, {"uri": uri})))


def _read(future: asyncio.Future[Mapping[str, Any]]) -> None:
    if not future.cancelled():
        future.exception()
