"""A server that something must be found out for before its first message goes out.

A failure is the answer to that request, where the host shows it, and the next request tries again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from skerry.relay.ports import Emit, Server
from skerry.wire.eras import Era
from skerry.wire.jsonrpc import Envelope


class Prepared:
    """`server` after `prepare` has succeeded once; `prepare` raises SkerryError."""

    def __init__(self, server: Server, prepare: Callable[[], Awaitable[None]]) -> None:
        self._server = server
        self._prepare = prepare
        self._ready = False
        self._preparing = asyncio.Lock()

    @property
    def era(self) -> Era:
        """The era of the server behind."""
        return self._server.era

    def listen(self, deliver: Emit) -> None:
        self._server.listen(deliver)

    async def call(self, request: Envelope, emit: Emit) -> Envelope:
        if not self._ready:
            async with self._preparing:
                if not self._ready:
                    await self._prepare()
                    self._ready = True
        return await self._server.call(request, emit)

    async def notify(self, notification: Envelope) -> None:
        if self._ready:
            await self._server.notify(notification)

    async def respond(self, response: Envelope) -> None:
        if self._ready:
            await self._server.respond(response)

    async def close(self) -> None:
        await self._server.close()
