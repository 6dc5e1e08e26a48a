"""Each request's place in its caller's trace, for the hop that is recorded of it and for what it calls."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from skerry.wire import trace


class Spans:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands the request on with its span as the current one."""
        with trace.within(trace.of(scope.get("headers", ()))):
            await self._app(scope, receive, send)
