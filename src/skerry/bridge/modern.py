"""A program of the modern era: one process for all clients, since no request depends on another.

Source: MCP 2026-07-28, stdio (requests of several conversations may interleave; the era is found with
`server/discover`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from skerry import __version__
from skerry.bridge.channel import Channel
from skerry.bridge.child import Child
from skerry.relay.ports import Emit, RelayError, nowhere
from skerry.wire import eras, jsonrpc
from skerry.wire.eras import Era
from skerry.wire.jsonrpc import Envelope

PROBE = 3.0
"""Seconds for a program to answer `server/discover`; who is silent longer is of the legacy era."""
START = 30.0
"""Seconds for a fresh process of a program that is known to be modern."""
_RECOGNISED = frozenset({eras.HEADER_MISMATCH, eras.MISSING_CLIENT_CAPABILITY, eras.UNSUPPORTED_VERSION})


class LegacyOnlyError(Exception):
    """The program does not speak the modern era."""


class ModernProgram:
    """The port `relay.ports.Server` over a process that is started when a call needs it."""

    era: Era = "modern"

    def __init__(
        self,
        start: Callable[[], Awaitable[Child]],
        retire: Callable[[Child], Awaitable[None]],
        *,
        probe: float = PROBE,
    ) -> None:
        self._start = start
        self._retire = retire
        self._probe = probe
        self._child: Child | None = None
        self._channel: Channel | None = None
        self._changing = asyncio.Lock()
        self._deliver: Emit | None = None
        self._known = False

    def listen(self, deliver: Emit) -> None:
        """See `Server.listen`."""
        self._deliver = deliver
        if self._channel is not None:
            self._channel.listen(deliver)

    async def call(self, request: Envelope, emit: Emit) -> Envelope:
        """See `Server.call`. Raises LegacyOnlyError when the program is not of this era."""
        return await (await self.channel()).call(request, emit)

    async def notify(self, notification: Envelope) -> None:
        """See `Server.notify`."""
        if self._channel is not None and self._channel.child.alive:
            await self._channel.notify(notification)

    async def respond(self, response: Envelope) -> None:
        """See `Server.respond`; there are no requests to respond to."""

    async def close(self) -> None:
        """Ends the process."""
        child, self._child, self._channel = self._child, None, None
        if child is not None:
            await self._retire(child)

    async def channel(self) -> Channel:
        """The channel to the living process. Raises LegacyOnlyError, RelayError."""
        channel = self._channel
        if channel is not None and channel.child.alive:
            return channel
        async with self._changing:
            channel = self._channel
            if channel is None or not channel.child.alive:
                child = await self._start()
                channel = child.channel()
                try:
                    await self._discover(channel)
                except LegacyOnlyError:
                    await self._retire(child)
                    if not self._known:
                        raise
                    raise RelayError(
                        "timeout", "The MCP server was started again and does not answer."
                    ) from None
                except BaseException:
                    await self._retire(child)
                    raise
                self._known = True
                if self._deliver is not None:
                    channel.listen(self._deliver)
                self._child, self._channel = child, channel
            return channel

    async def _discover(self, channel: Channel) -> None:
        params = eras.with_meta(
            {},
            version=eras.MODERN_VERSIONS[-1],
            capabilities={},
            client_info={"name": "skerry-bridge", "version": __version__},
        )
        request = jsonrpc.parse(jsonrpc.request("discover", "server/discover", params))
        try:
            async with asyncio.timeout(START if self._known else self._probe):
                answer = await channel.call(request, nowhere)
        except TimeoutError:
            raise LegacyOnlyError from None
        if answer.error is not None and answer.error.get("code") not in _RECOGNISED:
            raise LegacyOnlyError
        if answer.error is None and not _discovered(answer.result):
            raise LegacyOnlyError


def _discovered(result: object) -> bool:
    versions = result.get("supportedVersions") if isinstance(result, dict) else None
    return isinstance(versions, list) and any(version in eras.MODERN_VERSIONS for version in versions)
