"""One request of the models plane on its way: what is sent, and what the recorder will say of it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from skerry.local.api.rest_json import Reply
from skerry.local.http.asgi import ClientGoneError, send_reply
from skerry.local.models.events import Event
from skerry.local.models.guardrails.assess import Outcome
from skerry.local.ports.asgi import Receive, Send
from skerry.local.ports.permissions import Notes


@dataclass(slots=True)
class Exchange:
    """One request. `on_end` is called once, before the caller can have the whole answer."""

    send: Send
    on_end: Callable[[Exchange], None]
    started: float
    from_monotonic: float
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    operation: str = "?"
    model_id: str = ""
    identity: str = "anonymous"
    status: int = 0
    tools: list[str] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    iam: Notes = field(default_factory=list)
    ended: bool = False

    async def begin(self, content_type: str) -> None:
        """Sends the head of an answer in pieces."""
        self.status = 200
        headers = [
            (b"content-type", content_type.encode()),
            (b"x-amzn-requestid", self.request_id.encode()),
        ]
        await self.send({"type": "http.response.start", "status": 200, "headers": headers})

    async def piece(self, data: bytes) -> None:
        """Sends a piece of an answer."""
        await self.send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self) -> None:
        """Sends the end of an answer in pieces."""
        self.end()
        await self.send({"type": "http.response.body", "body": b""})

    async def reply(self, reply: Reply) -> None:
        """Sends a whole answer."""
        self.status = reply.status
        self.end()
        headers = [*reply.headers, (b"x-amzn-requestid", self.request_id.encode())]
        await send_reply(self.send, Reply(reply.status, headers, reply.body))

    def end(self) -> None:
        """Records the hop, once: before the caller can have the whole answer and ask for the hop."""
        if not self.ended:
            self.ended = True
            self.on_end(self)

    def note(self, event: Event) -> None:
        """Remembers which tools the answer calls."""
        if event[0] == "contentBlockStart":
            self.tools.append(event[1]["start"]["toolUse"]["name"])


async def while_connected(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Does `work` until it is done or the caller is gone. Raises what `work` raises, and ClientGoneError."""
    doing = asyncio.create_task(work)
    watching = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({doing, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ClientGoneError
        doing.result()
    finally:
        doing.cancel()
        watching.cancel()
        await asyncio.gather(doing, watching, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
