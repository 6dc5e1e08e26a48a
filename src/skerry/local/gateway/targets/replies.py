"""What the answers of an MCP server hold, and what they mean."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from skerry.local.gateway.outgoing import TargetError
from skerry.local.http.upstream import Reply
from skerry.wire import eras, jsonrpc, sse
from skerry.wire.jsonrpc import Envelope

_RUNTIME_CLIENT_ERROR = -32010


class Reading:
    """The messages of an answer, a JSON body or an event stream.

    `last_id` is where a stream may be resumed, empty when it cannot be; `retry` the pause before, in seconds.
    """

    def __init__(self, reply: Reply, limit: int) -> None:
        self._reply = reply
        self._limit = limit
        self.last_id = ""
        self.retry = 1.0

    async def messages(self) -> AsyncGenerator[Envelope, None]:
        """Every message until the answer ends. Raises ProtocolError, UpstreamError."""
        if not is_stream(self._reply):
            body = await self._reply.read(self._limit)
            if body:
                yield jsonrpc.parse(body, max_size=self._limit)
            return
        decoder = sse.Decoder(max_event=self._limit)
        while piece := await self._reply.chunk():
            events = decoder.feed(piece)
            self.last_id = decoder.last_id
            if decoder.retry is not None:
                self.retry = decoder.retry / 1000
            for event in events:
                if event.event == "message" and event.data:
                    yield jsonrpc.parse(event.data, max_size=self._limit)


def is_stream(reply: Reply) -> bool:
    """Whether the answer is an event stream."""
    return reply.header("content-type").lower().startswith("text/event-stream")


def capabilities_of(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a server says it can do, in its answer to a greeting."""
    capabilities = result.get("capabilities")
    return capabilities if isinstance(capabilities, dict) else {}


def wrong_era(answer: Envelope, reply: Reply, era: eras.Era) -> bool:
    """Whether the server is another one than was found: it refuses the revision, or wants a session."""
    code = (answer.error or {}).get("code")
    if code == eras.UNSUPPORTED_VERSION:
        return True
    return era == "modern" and reply.status == 400 and code == jsonrpc.INVALID_REQUEST


def runtime_lost_session(answer: Envelope) -> bool:
    """Whether a runtime says, inside a 200, that its server answered 404: the session is gone there."""
    problem = answer.error or {}
    return problem.get("code") == _RUNTIME_CLIENT_ERROR and "(404)" in str(problem.get("message"))


def without_answer(reply: Reply) -> str:
    """For an answer without a response in it."""
    return f"The target ended its answer (HTTP {reply.status}) without a response."


def refused(status: int, body: bytes) -> TargetError:
    """For an answer that is no MCP: the gateway's credentials were not taken, or the server is broken."""
    return TargetError(refusal(status, body), refused=status == 401)


def refusal(status: int, body: bytes) -> str:
    """What a refusal says, for people: the message of a JSON-RPC or AWS error, if it is one."""
    said = ""
    try:
        value = json.loads(body[:100_000])
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        inner = value.get("error")
        found = inner.get("message") if isinstance(inner, dict) else value.get("message")
        said = f": {found[:500]}" if isinstance(found, str) else ""
    if status in (401, 403):
        return f"The target refused the gateway's credentials (HTTP {status}){said}"
    return f"The target answered HTTP {status}{said}"


def shown(problem: Mapping[str, Any]) -> str:
    """A JSON-RPC error for people."""
    return f"{str(problem.get('message'))[:500]} ({problem.get('code')})"
