"""A request while it is served: what becomes known of it for its hop, and how it ends before its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field

from skerry.local.gateway.inbound import ANONYMOUS
from skerry.local.gateway.routes import answer
from skerry.local.iam.access import role_session
from skerry.local.ports.asgi import Message, Receive, Send
from skerry.local.ports.callers import Caller
from skerry.local.ports.permissions import Notes
from skerry.local.ports.running import Clock
from skerry.wire import jsonrpc, trace
from skerry.wire.hop import Hop

CLIENT_CLOSED = 499
_AUTH = {"iam": "sigv4", "jwt": "jwt", "anonymous": "none"}


@dataclass(slots=True)
class Seen:
    """What becomes known of a request while it is served, for its hop.

    `resource` is the ARN of the gateway, `request` the id of the request, and `answered` when its answer
    began, on a monotonic clock.
    """

    operation: str = "request"
    caller: Caller = ANONYMOUS
    status: int = 0
    session: str = ""
    target: str = ""
    detail: dict[str, str] = field(default_factory=dict)
    iam: Notes = field(default_factory=list)
    resource: str = ""
    request: str = ""
    answered: float = 0.0

    def hop(self, started: float, began: float, ended: float) -> Hop:
        """What the recorder keeps of it; it `started` on the wall clock, `began` and `ended` on the other."""
        return Hop(
            part="gateway",
            operation=self.operation,
            identity=self.caller.name,
            auth=_AUTH[self.caller.kind],
            status=self.status,
            started=started,
            duration_ms=1000 * (ended - began),
            session=self.session,
            target=self.target,
            detail=self.detail,
            iam=self.iam,
            resource=self.resource,
            request=self.request,
            first_ms=1000 * (self.answered - began) if self.answered else 0.0,
            **trace.members(),
        )


def watched(send: Send, seen: Seen, clock: Clock) -> Send:
    """`send` that notes the status, and when it was sent."""

    async def watch(message: Message) -> None:
        if message["type"] == "http.response.start":
            seen.status, seen.answered = message["status"], clock.monotonic()
        await send(message)

    return watch


async def while_connected(work: Coroutine[None, None, None], receive: Receive, seen: Seen) -> None:
    """Does the work unless the client closes the connection, which in the modern era cancels its request."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(receive())
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            seen.status = CLIENT_CLOSED
            seen.detail["error"] = "cancelled by the client"
            return
        await task
    finally:
        for unfinished in (task, gone):
            if not unfinished.done():
                unfinished.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def ended(message: jsonrpc.Envelope, send: Send, seen: Seen) -> None:
    """The end of an answer that a client of the handshake era cancelled, or whose session ended."""
    seen.detail["error"] = "cancelled by the client"
    if seen.status:  # its event stream has begun
        await send({"type": "http.response.body", "body": b""})
        return
    await answer(
        send, 200, jsonrpc.error(message.raw_id, jsonrpc.INTERNAL_ERROR, "The request was cancelled.")
    )


def session_name(sent: str, caller: Caller) -> str:
    """The session a request belongs to: what the client says, else the name in its role's credentials."""
    if sent:
        return sent[:256] if sent.isprintable() else ""
    return role_session(caller.arn)
