"""A legacy server as the modern clients of one principal see it.

Source: MCP 2026-07-28 on one side, MCP 2025-11-25 on the other. Requests carry everything with them; behind
them stand sessions with a handshake (`session_pool`). A question that the server asks in the middle of a
call becomes a result, and the call waits (`parked`) for the client to come back with the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from skerry.errors import ProtocolError
from skerry.relay.faces import translation
from skerry.relay.faces.calls import Calls, Errands
from skerry.relay.faces.clock import Clock
from skerry.relay.faces.conversations import Asker, Conversations, invalid
from skerry.relay.faces.legacy_session import LegacySession, OpenLegacy, open_session
from skerry.relay.faces.listeners import Listener
from skerry.relay.faces.pages import Pages
from skerry.relay.faces.parked import Parked
from skerry.relay.faces.session_pool import Place, SessionPool
from skerry.relay.ports import Emit, RelayError
from skerry.wire import eras, jsonrpc
from skerry.wire.eras import Era
from skerry.wire.jsonrpc import Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Numbers of a modern face; times in seconds.

    `sessions` are kept at the server, each closed after `idle`; `handshake` is for opening one. Questions
    within `collect` of each other go to the client together. A retry waits for `page` until the server says
    that a page is done. A subscription names up to `resources`. Every `sweep` seconds what is over is ended.
    """

    sessions: int = 16
    idle: float = 300.0
    handshake: float = 60.0
    collect: float = 0.05
    page: float = 10.0
    resources: int = 256
    sweep: float = 5.0


class ModernFace:
    """A `Server` of the modern era for one principal, in front of what `open_legacy` opens.

    `parked` may be shared by the faces of several principals; `pause` waits a number of seconds.
    """

    era: Era = "modern"

    def __init__(
        self,
        open_legacy: OpenLegacy,
        *,
        principal: str = "",
        parked: Parked | None = None,
        bounds: Bounds | None = None,
        clock: Clock = time,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._open_legacy = open_legacy
        self._bounds = bounds or Bounds()
        self._calls = Calls()
        self._errands = Errands()
        self._pages = Pages(self._bounds.page)
        self._pool = SessionPool(
            self._opened, self._errands, clock=clock, bound=self._bounds.sessions, idle=self._bounds.idle
        )
        self._conversations = Conversations(
            self._pool,
            parked if parked is not None else Parked(clock),
            self._pages,
            self._errands,
            principal=principal,
            collect=self._bounds.collect,
            pause=pause,
        )
        self._subscribers: set[asyncio.Task[Any]] = set()
        self._janitor: asyncio.Task[None] | None = None
        self._closed = False

    def listen(self, deliver: Emit) -> None:
        """Does nothing: in this era everything belongs to a call."""

    async def call(self, request: Envelope, emit: Emit) -> Envelope:
        if self._janitor is None and not self._closed:
            self._janitor = asyncio.get_running_loop().create_task(self._swept())
        return await self._calls.run(request, self._answer(request, emit))

    async def notify(self, notification: Envelope) -> None:
        if notification.method == eras.CANCELLED:
            self._calls.cancel(notification.params.get("requestId"))

    async def respond(self, response: Envelope) -> None:
        """Does nothing: in this era a server asks nobody."""

    async def close(self) -> None:
        self._closed = True
        janitor, self._janitor = self._janitor, None
        if janitor is not None:
            janitor.cancel()
            await asyncio.wait({janitor})
        for session in self._pool.sessions():
            session.following.end()
        if self._subscribers:
            await asyncio.wait(set(self._subscribers), timeout=1.0)
        await self._calls.close()
        self._conversations.close()
        await self._errands.close()
        await self._pool.close()
        await self._errands.close()

    def sweep(self) -> None:
        """Ends what is over: parked calls that nobody came back for, sessions that nobody uses."""
        self._conversations.sweep()
        self._pool.sweep()

    async def _swept(self) -> None:
        while True:
            await asyncio.sleep(self._bounds.sweep)
            self.sweep()

    # ── requests ────────────────────────────────────────────────────────────────────────────────

    async def _answer(self, request: Envelope, emit: Emit) -> Envelope:
        method = request.method
        if method in eras.REMOVED or method.startswith("tasks/"):
            return translation.unknown(request)
        violation = eras.meta_violation(request, eras.MODERN_VERSIONS)
        if violation is not None:
            return translation.refused(request, violation.code, violation.message, violation.data or None)
        meta = eras.request_meta(request)
        level, info, token = (
            meta.get(name) for name in (eras.META_LOG_LEVEL, eras.META_CLIENT_INFO, "progressToken")
        )
        if level is not None and level not in eras.LOG_LEVELS:
            return invalid(request, f"The log level is one of {', '.join(eras.LOG_LEVELS)}.")
        asker = Asker(
            eras.kept_client_capabilities(meta[eras.META_CLIENT_CAPABILITIES], "modern"),
            info if isinstance(info, dict) else None,
            level,
            token if isinstance(token, (str, int)) and not isinstance(token, bool) else None,
            emit,
        )
        if method == "server/discover":
            return await self._discover(request, asker)
        if method == "subscriptions/listen":
            return await self._subscribe(request, asker)
        return await self._conversations.call(request, asker)

    async def _discover(self, request: Envelope, asker: Asker) -> Envelope:
        """Answered from a handshake; what the server said in it holds for all."""
        if self._pool.known is None:
            place = await self._pool.acquire(asker.capabilities, asker.info)
            self._pool.release(place)
        session = self._pool.known
        assert session is not None
        result: dict[str, Any] = {
            "resultType": "complete",
            "supportedVersions": list(eras.MODERN_VERSIONS),
            "capabilities": eras.to_modern_capabilities(session.capabilities),
            "ttlMs": 0,
            "cacheScope": "private",
        }
        if session.instructions is not None:
            result["instructions"] = session.instructions
        return translation.answered(request, translation.signed(result, session.info))

    # ── subscriptions ───────────────────────────────────────────────────────────────────────────

    async def _subscribe(self, request: Envelope, asker: Asker) -> Envelope:
        wanted = request.params.get("notifications")
        uris = wanted.get("resourceSubscriptions") or [] if isinstance(wanted, dict) else None
        if not isinstance(wanted, dict) or not isinstance(uris, list):
            return invalid(
                request, "params.notifications must be an object, its resourceSubscriptions a list."
            )
        if len(uris) > self._bounds.resources or not all(isinstance(uri, str) for uri in uris):
            return invalid(request, f"resourceSubscriptions are up to {self._bounds.resources} strings.")
        place = await self._pool.acquire(asker.capabilities, asker.info)
        session = place.session
        lists = {name: True for name in eras.list_changes(session.capabilities) if wanted.get(name) is True}
        listener = Listener([eras.LIST_CHANGES[name][1] for name in lists])
        task = asyncio.current_task()
        assert task is not None
        self._subscribers.add(task)
        try:
            granted = await session.following.add(listener, uris if _updates(session) else [])
            followed = {"resourceSubscriptions": granted} if granted else {}
            first = jsonrpc.notification(eras.ACKNOWLEDGED, {"notifications": {**lists, **followed}})
            await asker.emit(translation.tagged(jsonrpc.parse(first), request))
            while (message := await listener.next()) is not None:
                with contextlib.suppress(ProtocolError):
                    await asker.emit(translation.tagged(message, request))
            over = jsonrpc.notification(eras.CANCELLED, {"requestId": request.id})
            await asker.emit(translation.tagged(jsonrpc.parse(over), request))
            meta = {eras.META_SUBSCRIPTION_ID: request.id}
            result = translation.signed({"resultType": "complete", "_meta": meta}, session.info)
            return translation.answered(request, result)
        except RelayError as problem:
            self._pool.doubt(place, problem)
            raise
        finally:
            self._subscribers.discard(task)
            self._errands.run(self._left(place, listener))

    async def _left(self, place: Place, listener: Listener) -> None:
        try:
            await place.session.following.remove(listener)
        finally:
            self._pool.release(place)

    # ── sessions ────────────────────────────────────────────────────────────────────────────────

    async def _opened(self, capabilities: Mapping[str, Any], info: Mapping[str, Any] | None) -> LegacySession:
        return await open_session(
            self._open_legacy,
            capabilities,
            info,
            page_done=self._pages.complete,
            seconds=self._bounds.handshake,
        )


def _updates(session: LegacySession) -> bool:
    resources = session.capabilities.get("resources")
    return isinstance(resources, dict) and resources.get("subscribe") is True
