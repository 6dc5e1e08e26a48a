"""A modern server as one client of the legacy era sees it.

Source: MCP 2025-11-25 (lifecycle, logging, resources) on one side, MCP 2026-07-28 on the other. What the
client says once in its handshake is said to the server in every request; what the server wants to know
(`rounds`) and what changes there (`subscription`) reaches the client in the forms that it knows.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from skerry.errors import ProtocolError
from skerry.relay.faces import translation
from skerry.relay.faces.calls import Calls
from skerry.relay.faces.clock import Clock
from skerry.relay.faces.questions import Questions
from skerry.relay.faces.rounds import Patience, Rounds
from skerry.relay.faces.subscription import Persistence, Subscription
from skerry.relay.faces.translation import LegacyClient
from skerry.relay.ports import Emit, RelayError, Server, nowhere
from skerry.wire import eras, jsonrpc
from skerry.wire.eras import Era
from skerry.wire.jsonrpc import Envelope

log = logging.getLogger(__name__)

_KEPT_BACK = frozenset(
    {
        "notifications/initialized",
        "notifications/roots/list_changed",
        "notifications/tasks/status",
        eras.PROGRESS,
    }
)


class LegacyFace:
    """A `Server` of the legacy era for one client session, in front of `server`, a modern one.

    `shared` means that other faces use `server` too: it is neither listened to nor closed here. A client
    that sets no log level gets messages from `log_level` on, as it is used to; None for none. `pause` waits
    a number of seconds.
    """

    era: Era = "legacy"

    def __init__(
        self,
        server: Server,
        *,
        shared: bool = False,
        log_level: str | None = "info",
        patience: Patience | None = None,
        persistence: Persistence | None = None,
        clock: Clock = time,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._server = server
        self._shared = shared
        self._log_level = log_level
        self._client: LegacyClient | None = None
        self._deliver: Emit | None = None
        self._prefix = os.urandom(6).hex()
        self._counter = itertools.count(1)
        self._calls = Calls()
        self._questions = Questions()
        self._rounds = Rounds(
            server, self._questions, self._new_id, patience=patience or Patience(), clock=clock, pause=pause
        )
        self._subscription = Subscription(
            server, self._opening, self._pass, persistence=persistence or Persistence(), pause=pause
        )
        if not shared:
            server.listen(self._stray)

    def listen(self, deliver: Emit) -> None:
        self._deliver = deliver

    async def call(self, request: Envelope, emit: Emit) -> Envelope:
        if request.method == "ping":
            return translation.answered(request, {})
        return await self._calls.run(request, self._answer(request, emit))

    async def notify(self, notification: Envelope) -> None:
        if notification.method == eras.CANCELLED:
            identifier = notification.params.get("requestId")
            await self._questions.withdraw(identifier)
            self._calls.cancel(identifier)
        elif notification.method == "notifications/initialized":
            if self._client is not None:
                self._subscription.follow_lists(eras.list_changes(self._client.server_capabilities))
        elif notification.method not in _KEPT_BACK:
            await self._server.notify(notification)

    async def respond(self, response: Envelope) -> None:
        self._questions.answer(response)

    async def close(self) -> None:
        await self._calls.close()
        await self._subscription.close()
        if not self._shared:
            await self._server.close()

    async def _answer(self, request: Envelope, emit: Emit) -> Envelope:
        method = request.method
        if method == "initialize":
            return await self._initialize(request)
        if self._client is None:
            return translation.refused(
                request, jsonrpc.INVALID_REQUEST, "The session is not initialized; send initialize first."
            )
        if method == "logging/setLevel":
            return self._set_level(request, self._client)
        if method in ("resources/subscribe", "resources/unsubscribe"):
            return await self._follow(request, self._client)
        if method in eras.MODERN_ONLY or method.startswith("tasks/"):
            return translation.unknown(request)
        return await self._rounds.call(request, self._client, emit)

    # ── the handshake ───────────────────────────────────────────────────────────────────────────

    async def _initialize(self, request: Envelope) -> Envelope:
        """The answer made of `server/discover`; the client is known from now on."""
        declared, info = request.params.get("capabilities"), request.params.get("clientInfo")
        client = LegacyClient(
            eras.MODERN_VERSIONS[-1],
            eras.kept_client_capabilities(declared if isinstance(declared, dict) else {}, "legacy"),
            info if isinstance(info, dict) else None,
            self._log_level,
        )
        response = await self._server.call(self._request("server/discover", {}, client), nowhere)
        if translation.error_of(response) is not None:
            return translation.carried(response, request)
        found = translation.result_of(response)
        client.version = _version(found)
        capabilities = found.get("capabilities")
        client.server_capabilities = capabilities if isinstance(capabilities, dict) else {}
        self._client = client
        result: dict[str, Any] = {
            "protocolVersion": eras.negotiate(request.params.get("protocolVersion"), eras.LEGACY_VERSIONS),
            "capabilities": eras.to_legacy_capabilities(client.server_capabilities),
            "serverInfo": _server_info(found),
        }
        if isinstance(found.get("instructions"), str):
            result["instructions"] = found["instructions"]
        return translation.answered(request, result)

    def _set_level(self, request: Envelope, client: LegacyClient) -> Envelope:
        level = request.params.get("level")
        if not isinstance(level, str) or level not in eras.LOG_LEVELS:
            return translation.refused(
                request, jsonrpc.INVALID_PARAMS, f"The level is one of {', '.join(eras.LOG_LEVELS)}."
            )
        client.log_level = level
        return translation.answered(request, {})

    # ── changes ─────────────────────────────────────────────────────────────────────────────────

    async def _follow(self, request: Envelope, client: LegacyClient) -> Envelope:
        uri = request.params.get("uri")
        if not isinstance(client.server_capabilities.get("resources"), dict):
            return translation.unknown(request)
        if not isinstance(uri, str):
            return translation.refused(request, jsonrpc.INVALID_PARAMS, "params.uri must be a string.")
        if request.method == "resources/unsubscribe":
            await self._subscription.remove(uri)
        else:
            await self._subscription.add(uri)
        return translation.answered(request, {})

    def _new_id(self) -> str:
        """An id that no other face uses at the same server."""
        return f"{self._prefix}-{next(self._counter)}"

    def _opening(self, wanted: Mapping[str, Any]) -> Envelope:
        assert self._client is not None
        return self._request("subscriptions/listen", {"notifications": wanted}, self._client)

    def _request(self, method: str, params: dict[str, Any], client: LegacyClient) -> Envelope:
        bare = jsonrpc.parse(jsonrpc.request(0, method, params))
        return translation.modern_request(bare, self._new_id(), client, {})

    async def _pass(self, message: Envelope) -> None:
        if self._deliver is not None:
            await self._deliver(message)

    async def _stray(self, message: Envelope) -> None:
        """What the server says outside of any call, which it should not."""
        level = self._client.log_level if self._client is not None else None
        wanted = message.method in eras.CHANGES or (
            message.method == eras.MESSAGE
            and level is not None
            and eras.loud_enough(message.params.get("level"), level)
        )
        if message.kind != "notification" or self._client is None or not wanted:
            return
        try:
            translated = translation.legacy_notification(message)
        except ProtocolError as problem:
            log.info("dropped %s: %s", message.method, problem.message)
            return
        await self._pass(translated)


def _version(found: Mapping[str, Any]) -> str:
    """The version to speak with a server that answered `server/discover` like this."""
    supported = found.get("supportedVersions")
    for version in reversed(eras.MODERN_VERSIONS):
        if not isinstance(supported, list) or version in supported:
            return version
    raise RelayError(
        "refused",
        "The server serves none of the protocol versions that can be translated.",
        hint=f"Known are {', '.join(eras.MODERN_VERSIONS)}.",
    )


def _server_info(found: Mapping[str, Any]) -> dict[str, Any]:
    """The name of the server; the handshake needs one even where it gives none."""
    meta = found.get("_meta")
    info = meta.get(eras.META_SERVER_INFO) if isinstance(meta, dict) else None
    return {"name": "unnamed", "version": "0", **(info if isinstance(info, dict) else {})}
