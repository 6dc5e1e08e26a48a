"""One session at a legacy server, opened in the name of modern clients with the same capabilities.

Source: MCP 2025-11-25, lifecycle, logging, ping. Capabilities cannot change within a session, so there is
one for each set of them (`session_pool`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from skerry.errors import SkerryError
from skerry.relay.faces import translation
from skerry.relay.faces.listeners import Following
from skerry.relay.faces.long_call import LongCall
from skerry.relay.ports import RelayError, Server
from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope

log = logging.getLogger(__name__)

OpenLegacy = Callable[[], Awaitable[Server]]
"""Gives a fresh legacy server that nobody has initialized: an HTTP session to be, a child process."""

_INFO = {"name": "skerry", "version": "1"}
_PING = 5.0


class LegacySession:
    """A session after its handshake. `capabilities`, `info` and `instructions` are the server's.

    `page_done` hears of URL elicitations that are complete. What the server asks outside any call is refused:
    there is nobody to ask.
    """

    def __init__(self, server: Server, *, page_done: Callable[[object], None]) -> None:
        self.server = server
        self.capabilities: dict[str, Any] = {}
        self.info: dict[str, Any] | None = None
        self.instructions: str | None = None
        self.following = Following(self.ask)
        self._page_done = page_done
        self._calls: dict[LongCall, None] = {}
        self._tokens: set[object] = set()
        self._ids = itertools.count(1)
        self._level: str | None = None
        self._levelling = asyncio.Lock()
        server.listen(self._stray)

    async def open(self, capabilities: Mapping[str, Any], info: Mapping[str, Any] | None) -> None:
        """The handshake. Raises RelayError."""
        params = {
            "protocolVersion": eras.LEGACY_VERSIONS[-1],
            "capabilities": capabilities,
            "clientInfo": info if info is not None else _INFO,
        }
        response = await self.ask("initialize", params)
        problem = translation.error_of(response)
        if problem is not None:
            raise RelayError(
                "refused", f"The server refused the handshake: {problem[1]}", data={"cause": problem[0]}
            )
        result = translation.result_of(response)
        if result.get("protocolVersion") not in eras.LEGACY_VERSIONS:
            raise RelayError("refused", "The server wants a protocol version that does not exist.")
        declared, named, text = (result.get(name) for name in ("capabilities", "serverInfo", "instructions"))
        self.capabilities = declared if isinstance(declared, dict) else {}
        self.info = named if isinstance(named, dict) else None
        self.instructions = text if isinstance(text, str) else None
        await self.server.notify(jsonrpc.parse(jsonrpc.notification("notifications/initialized")))

    async def ask(self, method: str, params: Mapping[str, Any] | None = None) -> Envelope:
        """The response to a request of ours. Raises RelayError."""
        request = jsonrpc.parse(jsonrpc.request(next(self._ids), method, params))
        return await self.server.call(request, self._stray)

    def start(self, request: Envelope) -> LongCall:
        """Sends a modern client's request on. A progress token that another call uses is replaced."""
        token = eras.request_meta(request).get("progressToken")
        identifier = next(self._ids)
        fresh = None
        if isinstance(token, (str, int)):
            fresh = f"progress-{identifier}" if token in self._tokens else None
            self._tokens.add(fresh or token)
        sent = translation.legacy_request(request, identifier, fresh)
        call = LongCall(self.server, sent, self._changed)
        self._calls[call] = None

        def ended(_: object) -> None:
            self._calls.pop(call, None)
            self._tokens.discard(fresh or token)

        call.task.add_done_callback(ended)
        return call

    async def talkative(self, level: str | None) -> None:
        """Has the server send log messages from `level` on; what others want less of is filtered here."""
        if level is None or not isinstance(self.capabilities.get("logging"), dict):
            return
        async with self._levelling:
            if self._level is not None and eras.loud_enough(level, self._level):
                return
            try:
                response = await self.ask("logging/setLevel", {"level": level})
                if translation.error_of(response) is None:
                    self._level = level
            except RelayError as problem:
                log.info("the log level could not be set: %s", problem)

    async def recovered(self) -> bool:
        """Whether the server still answers, after a call broke off.

        What answers may be a process that was started again: what the session had set up there is set up
        again, and the listeners are told to look.
        """
        try:
            async with asyncio.timeout(_PING):
                await self.ask("ping")
                self._level = None
                await self.following.restore()
        except (SkerryError, TimeoutError):
            return False
        return True

    async def close(self) -> None:
        """Ends the session and what runs in it."""
        self.following.end()
        tasks = {call.task for call in self._calls}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_PING)
        with contextlib.suppress(SkerryError):
            await self.server.close()

    # ── what belongs to no call ─────────────────────────────────────────────────────────────────

    async def _stray(self, message: Envelope) -> None:
        if message.kind == "request":
            with contextlib.suppress(RelayError):
                await self._asked(message)
        elif message.kind != "notification":
            return
        elif message.method == eras.MESSAGE:
            for call in list(self._calls):
                if call.wants(message):
                    await call.take(message)
        elif message.method == eras.PROGRESS:
            for call in list(self._calls):
                if call.reports(message):
                    await call.take(message)
        else:
            await self._changed(message)

    async def _asked(self, question: Envelope) -> None:
        if question.method == "ping":
            await self.server.respond(translation.answered(question, {}))
        else:
            await self.server.respond(translation.unknown(question))

    async def _changed(self, message: Envelope) -> None:
        if message.method == eras.ELICITATION_COMPLETE:
            self._page_done(message.params.get("elicitationId"))
        elif message.method in eras.CHANGES:
            self.following.tell(message)


async def open_session(
    open_legacy: OpenLegacy,
    capabilities: Mapping[str, Any],
    info: Mapping[str, Any] | None,
    *,
    page_done: Callable[[object], None],
    seconds: float,
) -> LegacySession:
    """A session with these capabilities. Raises RelayError, after `seconds` too."""
    try:
        async with asyncio.timeout(seconds):
            server = await open_legacy()
            session = LegacySession(server, page_done=page_done)
            try:
                await session.open(capabilities, info)
            except (SkerryError, asyncio.CancelledError):
                await session.close()
                raise
            return session
    except TimeoutError as late:
        raise RelayError(
            "timeout", f"The server did not finish its handshake within {seconds:g} s."
        ) from late
    except RelayError:
        raise
    except SkerryError as problem:
        raise RelayError("unreachable", problem.message, hint=problem.hint) from problem
