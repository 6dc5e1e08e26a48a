"""One hop for each request in the log, for the recorder of the stack that runs the service."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skerry.agent.identity import Caller
from skerry.wire import trace
from skerry.wire.hop import Hop, encode

PART = "agent"
CALLER, SESSION = "skerry.caller", "skerry.session"
"""Where endpoints leave in the scope who calls, and which conversation it is about."""

_hops = logging.getLogger("skerry.hop")


class Hops:
    """ASGI middleware. `auth` is how callers prove themselves."""

    def __init__(self, app: ASGIApp, *, auth: str) -> None:
        self._app = app
        self._auth = {"token": "jwt", "iam": "sigv4"}.get(auth, "none")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands the request on and logs how it went; a health probe is no hop."""
        if scope["type"] != "http" or scope["path"] == "/health":
            await self._app(scope, receive, send)
            return
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        started, began = time.time(), time.monotonic()
        span = trace.of(scope["headers"])
        try:
            with trace.within(span):
                await self._app(scope, receive, watched)
        finally:
            caller: Caller | None = scope.get(CALLER)
            route = getattr(scope.get("route"), "path", "(no such path)")
            hop = Hop(
                part=PART,
                operation=f"{scope['method']} {route}",
                identity=caller.name.removeprefix("jwt:") if caller else "anonymous",
                auth=self._auth if caller else "none",
                status=status,
                started=started,
                duration_ms=1000 * (time.monotonic() - began),
                session=scope.get(SESSION, ""),
                **trace.members(span),
            )
            _hops.info(encode(hop))
