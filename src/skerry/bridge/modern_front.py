"""Clients of the modern era over HTTP: no sessions, everything in the request.

Source: MCP 2026-07-28, Streamable HTTP.
"""

from __future__ import annotations

import contextlib

from skerry.bridge.exchange import Exchange, reply
from skerry.bridge.health import Health
from skerry.bridge.parameters import Parameters
from skerry.bridge.post import Post
from skerry.bridge.programs import Programs
from skerry.relay.ports import RelayError, nowhere
from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope


class ModernFront:
    """Serves the posts of modern clients."""

    def __init__(self, programs: Programs, health: Health) -> None:
        self._programs = programs
        self._health = health
        self._parameters = Parameters()

    async def serve(self, post: Post) -> None:
        """Answers one post. Raises RpcError (400) for what clients of this era do not send."""
        message = post.message
        if message.kind == "response":
            raise jsonrpc.RpcError(jsonrpc.INVALID_REQUEST, "Clients send no responses in this revision.")
        if message.kind == "notification":  # to cancel is to close the stream; nothing else is left to say
            await reply(post.send, 202, b"")
            return
        headers = post.headers
        if post.contract == "http":  # the data plane passes few headers on: what is missing, the body says
            repeated = eras.standard_headers(message)
            headers = {**{name.lower(): value for name, value in repeated.items()}, **headers}
        wrong = eras.modern_violation(headers, message, eras.MODERN_VERSIONS)
        if wrong is not None:
            data = dict(wrong.data) or None
            await self._refuse(post, wrong.status, wrong.code, wrong.message, data)
            return
        if message.method in eras.REMOVED:
            text = f"{message.method} is not served in this revision."
            await self._refuse(post, 404, jsonrpc.METHOD_NOT_FOUND, text)
            return
        header = await self._contradiction(post)
        if header is not None:
            text = f"The header {header} does not say what the arguments say."
            await self._refuse(post, 400, eras.HEADER_MISMATCH, text)
            return
        exchange = Exchange(
            post.send,
            post.receive,
            era="modern",
            streams=post.streams,
            elsewhere=nowhere,
            relayed=post.relayed,
        )
        # A subscription stays open for as long as the client likes: that alone is no use.
        listens = message.method == "subscriptions/listen"
        with contextlib.nullcontext() if listens else self._health.busy():
            await exchange.answer(message, self._call(message, exchange))

    async def _call(self, message: Envelope, exchange: Exchange) -> Envelope:
        return await (await self._programs.modern()).call(message, exchange.emit)

    async def _contradiction(self, post: Post) -> str | None:
        """The `Mcp-Param-*` header that is wrong; the Runtime passes none on, so none is missed then."""
        if post.message.method != "tools/call" or post.relayed or post.contract == "http":
            return None
        with contextlib.suppress(RelayError):  # the call itself will meet the same trouble and say so
            server = await self._programs.modern()
            if not self._programs.translated:  # a legacy program knows of no such headers
                return await self._parameters.contradiction(post.message, post.headers, server)
        return None

    async def _refuse(self, post: Post, status: int, code: int, text: str, data: object = None) -> None:
        body = jsonrpc.error(post.raw_id, code, text, data)
        await reply(post.send, 200 if post.relayed else status, body)
