"""Interceptors around an MCP request: asks them and applies what they say.

An interceptor that fails lets nothing past it: the request is answered with the failure. What AWS answers
then is not known.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from skerry.errors import ProtocolError
from skerry.local.gateway import propagation
from skerry.local.gateway.interceptors import payloads
from skerry.local.gateway.interceptors.calls import Calls, configuration, passes_headers, without_body
from skerry.local.gateway.interceptors.payloads import NewRequest, NewResponse, Seen
from skerry.local.gateway.messages import Relayed, Request, failed
from skerry.local.gateway.outgoing import Outgoing, TargetError
from skerry.local.gateway.settings import GatewaySettings
from skerry.wire import jsonrpc, sse

_BODILESS = (204, 205, 304)


class Interceptors:
    """The interceptors of every gateway, for its MCP endpoint."""

    def __init__(self, calls: Calls, settings: GatewaySettings) -> None:
        self._calls = calls
        self._settings = settings

    async def before(self, request: Request) -> tuple[Request, Relayed | None]:
        """The request as the REQUEST interceptor wants it, and the answer if it gave one itself.

        Raises TargetError when the interceptor fails or returns no interceptor output.
        """
        configured = configuration(request.gateway, "REQUEST")
        if configured is None:
            return request, None
        call = _call(request, _request_members(request, configured))
        said = await self._calls.ask("REQUEST", configured, call)
        if said.response is not None:
            return request, _changed(Relayed(), said.response)
        return (request if said.request is None else self._rewritten(request, said.request)), None

    async def after(self, request: Request, reply: Relayed) -> Relayed:
        """The answer as the RESPONSE interceptor wants it; `request` is what the client sent.

        Raises TargetError like `before`; a stream that has begun ends with the failure instead.
        """
        configured = configuration(request.gateway, "RESPONSE")
        if configured is None:
            return reply
        if reply.stream is not None:
            return await self._streamed(request, configured, reply, reply.stream)
        headers = {"content-type": "application/json", **payloads.joined(reply.headers)}
        seen = Seen(body=reply.body, status=reply.status, headers=headers)
        said = await self._see(request, configured, seen)
        return reply if said is None else _changed(reply, said)

    async def _streamed(
        self,
        request: Request,
        configured: Mapping[str, Any],
        reply: Relayed,
        stream: AsyncGenerator[bytes, None],
    ) -> Relayed:
        """A stream each of whose results and questions went through the interceptor.

        Only what the client gets first can still change status and headers.
        """
        head = _Head(reply)
        events = self._events(request, configured, head, stream)
        try:
            first = await anext(events, b"")
        except BaseException:
            await events.aclose()
            raise
        head.sent = True
        return replace(head.reply, stream=_after_first(first, events))

    async def _events(
        self,
        request: Request,
        configured: Mapping[str, Any],
        head: _Head,
        stream: AsyncGenerator[bytes, None],
    ) -> AsyncGenerator[bytes, None]:
        decoder = sse.Decoder(max_event=2 * self._settings.payload)
        async with aclosing(stream):
            async for piece in stream:
                if piece.startswith(b":"):  # a comment that keeps the connection open
                    yield piece
                    continue
                try:
                    events = decoder.feed(piece)
                    for event in events:
                        data = await self._event(request, configured, head, event.data)
                        yield sse.encode(data, event=event.event, id=event.id or None)
                except (TargetError, ProtocolError) as problem:
                    reply = failed(request, _as_target_error(problem), self._settings.assumptions)
                    yield sse.encode(reply.body, event="message")
                    return

    async def _event(
        self, request: Request, configured: Mapping[str, Any], head: _Head, data: bytes
    ) -> bytes:
        """One message of a stream as the client gets it; notifications pass by."""
        if not data or jsonrpc.parse(data, max_size=self._settings.payload).kind == "notification":
            return data
        seen = Seen(body=data, streaming=True)
        if not head.sent:
            headers = {"content-type": "text/event-stream", **payloads.joined(head.reply.headers)}
            seen = replace(seen, status=head.reply.status, headers=headers)
        said = await self._see(request, configured, seen)
        if said is None:
            return data
        if not head.sent:
            head.reply = _changed(head.reply, replace(said, body=None))
        return data if said.body is None else said.body

    async def _see(self, request: Request, configured: Mapping[str, Any], seen: Seen) -> NewResponse | None:
        if without_body(configured):
            seen = replace(seen, body=None)
        members = {**_request_members(request, configured), **payloads.mcp_response(seen)}
        return (await self._calls.ask("RESPONSE", configured, _call(request, members))).response

    def _rewritten(self, request: Request, new: NewRequest) -> Request:
        """The request that goes on, under the id that the client waits for."""
        message = request.message
        if new.body is not None:
            try:
                found = jsonrpc.parse(new.body, max_size=self._settings.payload)
                message = found.under(request.message)
            except ProtocolError as problem:
                text = f"The REQUEST interceptor's body is no JSON-RPC request: {problem.message}"
                raise TargetError(text) from problem
            if message.kind != "request":
                raise TargetError("The REQUEST interceptor's body is no JSON-RPC request.")
        kept = [pair for pair in request.headers if pair[0] not in new.headers]
        return replace(request, message=message, headers=[*kept, *new.headers.items()], injected=new.headers)


@dataclass(slots=True)
class _Head:
    """Status and headers of a stream, which can change until they are sent."""

    reply: Relayed
    sent: bool = False


def _request_members(request: Request, configured: Mapping[str, Any]) -> dict[str, bytes]:
    headers = payloads.joined(request.headers) if passes_headers(configured) else None
    return payloads.mcp_request(request.message, headers)


def _call(request: Request, members: Mapping[str, bytes]) -> Outgoing:
    return Outgoing(
        gateway=request.gateway,
        target={},
        body=payloads.event(members),
        trace=propagation.trace_headers(request.headers),
        caller=request.caller,
        session=request.session,
    )


def _changed(reply: Relayed, new: NewResponse) -> Relayed:
    """The reply with what the interceptor gave in place of what it was."""
    headers = {**payloads.joined(reply.headers), **new.headers}
    status = reply.status if new.status is None else new.status
    body = reply.body if new.body is None else new.body
    if status in _BODILESS:
        body = b""
    return replace(reply, status=status, headers=list(headers.items()), body=body)


def _as_target_error(problem: Exception) -> TargetError:
    return problem if isinstance(problem, TargetError) else TargetError(str(problem))


async def _after_first(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield first
        async for piece in rest:
            yield piece
