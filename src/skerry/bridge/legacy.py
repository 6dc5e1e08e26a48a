"""A program of the legacy era and its handshake, kept so that a fresh process can take over.

Source: MCP up to 2025-11-25, lifecycle. One client has the program for itself, or several share it; the
handshake is then the first client's, and the others get its answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from skerry.bridge.channel import Channel
from skerry.bridge.child import Child
from skerry.relay.ports import Emit, RelayError, nowhere
from skerry.wire import jsonrpc
from skerry.wire.eras import Era
from skerry.wire.jsonrpc import Envelope

HANDSHAKE = 30.0
"""Seconds for a fresh process to answer the handshake that is repeated for it."""
_INITIALIZED = jsonrpc.parse(jsonrpc.notification("notifications/initialized"))


class LegacyProgram:
    """The process of one session, or of all: started when a call needs it, again when it has died.

    `start` gives a fresh process, `retire` ends one.
    """

    def __init__(
        self, start: Callable[[], Awaitable[Child]], retire: Callable[[Child], Awaitable[None]]
    ) -> None:
        self._start = start
        self._retire = retire
        self._child: Child | None = None
        self._changing = asyncio.Lock()
        self._initialize: Envelope | None = None
        self._welcome: Any = None
        self._initialized = False
        self._closed = False

    def seat(self) -> Seat:
        """One client's place."""
        return Seat(self)

    async def initialize(self, seat: Seat, request: Envelope, emit: Emit) -> Envelope:
        """The answer to `initialize`: the program's, or the kept one when it has had its handshake."""
        if self._initialize is None:
            async with self._changing:
                if self._initialize is None:
                    channel = seat.take(await self._fresh())
                    response = await channel.call(request, emit)
                    if response.error is None:
                        self._initialize, self._welcome = request, response.result
                    return response
        return jsonrpc.parse(jsonrpc.response(request.raw_id, self._welcome))

    async def initialized(self, seat: Seat, notification: Envelope) -> None:
        """Passes `notifications/initialized` on, once per process."""
        if not self._initialized:
            self._initialized = True
            await seat.take(await self.child()).notify(notification)

    async def child(self) -> Child:
        """The living process, with its handshake done as far as the client has come. Raises RelayError."""
        child = self._child
        if child is not None and child.alive:
            return child
        async with self._changing:
            child = self._child
            if child is None or not child.alive:
                child = await self._fresh()
                if self._initialize is not None:
                    await self._repeat(child, self._initialize)
            return child

    @property
    def living(self) -> Child | None:
        """The process if it runs."""
        return self._child if self._child is not None and self._child.alive else None

    async def close(self) -> None:
        """Ends the process."""
        self._closed = True
        child, self._child = self._child, None
        if child is not None:
            await self._retire(child)

    async def _fresh(self) -> Child:
        child = self.living or await self._start()
        if self._closed:
            await self._retire(child)
            raise RelayError("closed", "The session ended.")
        self._child = child
        return child

    async def _repeat(self, child: Child, initialize: Envelope) -> None:
        channel = child.channel()
        try:
            async with asyncio.timeout(HANDSHAKE):
                answer = await channel.call(initialize, nowhere)
            if answer.error is not None:
                raise RelayError("failed", "The MCP server was started again and refused the handshake.")
            if self._initialized:
                await channel.notify(_INITIALIZED)
        except TimeoutError:
            await self._retire(child)
            raise RelayError(
                "timeout", f"The MCP server was started again and did not answer within {HANDSHAKE:g} s."
            ) from None
        finally:
            await channel.close()


class Seat:
    """One client of a legacy program: the port `relay.ports.Server`, which outlives processes."""

    era: Era = "legacy"

    def __init__(self, program: LegacyProgram) -> None:
        self._program = program
        self._channel: Channel | None = None
        self._deliver: Emit | None = None

    def take(self, child: Child) -> Channel:
        """The channel of this client to a process."""
        if self._channel is None or self._channel.child is not child:
            self._channel = child.channel()
            if self._deliver is not None:
                self._channel.listen(self._deliver)
        return self._channel

    def listen(self, deliver: Emit) -> None:
        """See `Server.listen`."""
        self._deliver = deliver
        if self._channel is not None:
            self._channel.listen(deliver)

    async def call(self, request: Envelope, emit: Emit) -> Envelope:
        """See `Server.call`."""
        if request.method == "initialize":
            return await self._program.initialize(self, request, emit)
        return await self.take(await self._program.child()).call(request, emit)

    async def notify(self, notification: Envelope) -> None:
        """See `Server.notify`. What speaks of a process that has died is dropped."""
        if notification.method == "notifications/initialized":
            await self._program.initialized(self, notification)
        elif (child := self._program.living) is not None:
            await self.take(child).notify(notification)

    async def respond(self, response: Envelope) -> None:
        """See `Server.respond`."""
        if self._channel is not None and self._channel.child.alive:
            await self._channel.respond(response)

    async def close(self) -> None:
        """The client is gone; the program is ended by whoever owns it."""
        if self._channel is not None:
            await self._channel.close()
