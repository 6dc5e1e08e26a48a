"""One MCP endpoint: a POST with its proof, sent again only where nothing ran, and what came back.

The eras differ in sessions and headers (`legacy_server`, `modern_server`); what they share is here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from skerry.errors import ProtocolError, SkerryError
from skerry.relay.http import HttpError, Pair, Pool, Reply, Url, recovery
from skerry.relay.ports import Emit, Proof, RelayError
from skerry.wire import jsonrpc, sse, trace
from skerry.wire.jsonrpc import Envelope
from skerry.wire.shown import safe

log = logging.getLogger(__name__)

_REFUSAL = 1 << 18
_THROTTLED = frozenset({409, 429})
_UNPROVEN = frozenset({400, 401, 403})  # AWS says some of it with a 400
_UNKNOWN = "Whether it ran is not known; it was not sent again."
_POST: tuple[Pair, ...] = (
    ("Content-Type", "application/json"),
    ("Accept", "application/json, text/event-stream"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a conversation.

    `silence` is the longest wait for the next byte and `call` the longest call, both in seconds; `message`
    is bytes; `attempts` counts the first one.
    """

    silence: float = 900.0
    call: float = 3600.0
    message: int = jsonrpc.MAX_BODY
    attempts: int = 5


class RefusedError(Exception):
    """An answer that is no success: status, headers (lower case), body, and the JSON-RPC error in it."""

    def __init__(
        self, status: int, headers: Mapping[str, str], body: bytes, answer: Envelope | None = None
    ) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.headers = headers
        self.body = body
        self.answer = answer


class EndedError(Exception):
    """An event stream ended before the response. `last_id` is where it may be resumed, `retry` in seconds."""

    def __init__(self, last_id: str, retry: float) -> None:
        super().__init__("the stream ended")
        self.last_id = last_id
        self.retry = retry


Explain = Callable[[int, bytes, Mapping[str, str]], SkerryError | None]
"""What a refusal means to a person, from its status, body and headers; None when that is not known."""


def _unexplained(status: int, body: bytes, headers: Mapping[str, str]) -> SkerryError | None:  # noqa: ARG001
    return None


def _always() -> bool:
    return True


@dataclass(slots=True)
class _Patience:
    """What is left of a request: attempts, time (of the loop's clock), and whether it is still wanted."""

    attempts: int
    until: float
    wanted: Callable[[], bool]
    used: int = 0


def _jitter() -> float:
    return os.urandom(1)[0] / 255


class Said:
    """An `Emit` that knows whether anything was said before the response."""

    __slots__ = ("_emit", "anything")

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self.anything = False

    async def __call__(self, message: Envelope) -> None:
        self.anything = True
        await self._emit(message)


class Endpoint:
    """The URL of an MCP server, how requests are proven there, and the headers that all of them carry.

    `headers` is asked for each request. `pause` waits between attempts; tests give their own.
    """

    def __init__(
        self,
        pool: Pool,
        url: str,
        proof: Proof,
        *,
        headers: Callable[[], Iterable[Pair]] = tuple,
        limits: Limits | None = None,
        explain: Explain = _unexplained,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.limits = limits or Limits()
        self._pool = pool
        self._text = url
        self._url = Url.parse(url)
        self._proof = proof
        self._headers = headers
        self._explain = explain
        self._pause = pause

    async def post(self, body: bytes, headers: Iterable[Pair]) -> Reply:
        """Sends a message. Raises RefusedError for a status that is no success, RelayError without one.

        A refusal for now (409, 429) and refused credentials are answered by sending again: neither ran.
        """
        return await self._send("POST", body, (*_POST, *headers), self._patience())

    async def get(self, headers: Iterable[Pair]) -> Reply:
        """Opens the stream for what belongs to no call. Raises RefusedError, RelayError."""
        accept = ("Accept", "text/event-stream")
        return await self._send("GET", b"", (accept, *headers), self._patience())

    async def delete(self, headers: Iterable[Pair]) -> None:
        """Ends a session. Raises RefusedError, RelayError."""
        (await self._send("DELETE", b"", headers, self._patience())).close()

    async def ask(
        self,
        request: Envelope,
        headers: Iterable[Pair],
        said: Said,
        *,
        patient: bool = False,
        wanted: Callable[[], bool] = _always,
    ) -> tuple[Envelope, Reply]:
        """The response to `request`, and the reply that carried it; what stands before it goes to `said`.

        AgentCore's "not now" inside a 200 is waited out like a 429, unless the request is no longer `wanted`
        then. `patient` allows any silence. The trace in the request's `_meta` is that of its headers, too.
        Raises RefusedError, RelayError, and EndedError for a stream that
        ended early.
        """
        headers = (*_POST, *headers, *trace.of_meta(request.params.get("_meta")).items())
        patience = self._patience(wanted)
        while True:
            reply = await self._send("POST", request.body, headers, patience)
            answer = await self.read(reply, request, said, patient=patient)
            if said.anything or not recovery.throttled(answer) or not await self._paused(patience, reply):
                return answer, reply

    async def read(self, reply: Reply, request: Envelope, emit: Emit, *, patient: bool = False) -> Envelope:
        """The response to `request` from a reply; what stands before it goes to `emit`."""
        silence = None if patient else self.limits.silence
        try:
            if reply.header("content-type").lower().startswith("text/event-stream"):
                return await self._streamed(reply, request, emit, silence)
            body = await reply.read(self.limits.message, silence)
            if not body:
                raise RelayError("closed", f"The server accepted {request.method} without answering it.")
            return _own(jsonrpc.parse(body, max_size=self.limits.message), request)
        except HttpError as problem:
            raise relayed(problem, request.method) from problem
        except sse.OversizedError as problem:
            reply.close()
            raise relayed(HttpError("size", problem.message)) from problem
        except ProtocolError as problem:
            reply.close()
            raise RelayError("failed", f"The server does not speak MCP: {problem.message}") from problem

    async def messages(self, reply: Reply, seen: Callable[[sse.Event], None], emit: Emit) -> None:
        """Everything on a stream that belongs to no call, until it ends. Raises HttpError, ProtocolError."""
        decoder = sse.Decoder(max_event=self.limits.message)
        while piece := await reply.chunk(None):
            for event in decoder.feed(piece):
                seen(event)
                if event.event == "message" and event.data:
                    await emit(jsonrpc.parse(event.data, max_size=self.limits.message))

    def outcome(self, refusal: RefusedError, request: Envelope) -> Envelope:
        """The server's own JSON-RPC error in a refusal. Raises RelayError where there is none."""
        own = refusal.answer.error if refusal.answer is not None else None
        explained = self._explain(refusal.status, refusal.body, refusal.headers)
        if explained is not None:
            code = own.get("code") if own is not None else None
            raise RelayError(
                "refused",
                explained.message,
                hint=explained.hint,
                rpc_code=code if isinstance(code, int) else jsonrpc.INTERNAL_ERROR,
                data={"status": refusal.status, "cause": explained.code},
            )
        if refusal.answer is not None and own is not None:
            return _own(refusal.answer, request)
        said = _said(refusal)
        data = {"status": refusal.status}
        if refusal.status in _THROTTLED:
            raise RelayError("throttled", f"The server is busy, several times in a row: {said}", data=data)
        if refusal.status >= 500:
            raise RelayError("failed", f"The server failed: {said} {_UNKNOWN}", data=data)
        raise RelayError("refused", f"The server refused the request: {said}", data=data)

    def _patience(self, wanted: Callable[[], bool] = _always) -> _Patience:
        until = asyncio.get_running_loop().time() + self.limits.call
        return _Patience(self.limits.attempts, until, wanted)

    async def _send(self, method: str, body: bytes, headers: Iterable[Pair], patience: _Patience) -> Reply:
        proven: set[int] = set()  # a 401 and then a 403 are two matters: a token, then a scope that it lacks
        while True:
            reply, sent = await self._once(method, body, headers)
            if reply.status < 300:
                return reply
            refusal = await _refusal(reply)
            if refusal.status in _UNPROVEN and refusal.status not in proven:
                proven.add(refusal.status)
                if await self._proof.refused(refusal.status, refusal.body, refusal.headers, sent):
                    continue
            if refusal.status not in _THROTTLED or not await self._paused(patience, reply):
                raise refusal

    async def _once(
        self, method: str, body: bytes, headers: Iterable[Pair]
    ) -> tuple[Reply, Mapping[str, str]]:
        pairs = [*headers, *self._headers()]
        added = await self._proof.headers(method, self._text, dict(pairs), body)
        pairs += added.items()
        try:
            silence = self.limits.silence
            return await self._pool.request(method, self._url, pairs, body, silence=silence), added
        except HttpError as problem:
            raise relayed(problem) from problem

    async def _paused(self, patience: _Patience, reply: Reply) -> bool:
        """Waits before the next attempt; False when there is none within the time of the call."""
        patience.used += 1
        seconds = recovery.pause(patience.used, reply.header("retry-after"), _jitter())
        left = patience.until - asyncio.get_running_loop().time()
        if patience.used >= patience.attempts or seconds >= left:
            return False
        log.info("the server is busy (HTTP %d); next attempt in %.2f s", reply.status, seconds)
        await self._pause(seconds)
        if not patience.wanted():
            raise RelayError("cancelled", "The request was cancelled before it ran.")
        return True

    async def _streamed(self, reply: Reply, request: Envelope, emit: Emit, silence: float | None) -> Envelope:
        decoder = sse.Decoder(max_event=self.limits.message)
        try:
            while piece := await reply.chunk(silence):
                for event in decoder.feed(piece):
                    if event.event != "message" or not event.data:
                        continue
                    message = jsonrpc.parse(event.data, max_size=self.limits.message)
                    if message.kind != "response":
                        await emit(message)
                    elif message.id == request.id or message.id is None:
                        reply.leave()
                        return _own(message, request)
        except HttpError as problem:
            if problem.reason != "closed" or not decoder.last_id:
                raise
        raise EndedError(decoder.last_id, (decoder.retry or 1000) / 1000)


def relayed(problem: HttpError, method: str = "") -> RelayError:
    """A failure of the connection as the client hears of it."""
    what = f" {_UNKNOWN}" if method in ("", "tools/call") else ""
    if problem.reason == "connect":
        return RelayError("unreachable", problem.message, hint=problem.hint)
    if problem.reason == "timeout":
        return RelayError("timeout", f"{problem.message}{what}", hint="Raise --read-timeout for slow tools.")
    if problem.reason == "size":
        return RelayError("size", problem.message, hint="Raise --max-message.")
    if problem.reason == "closed":
        return RelayError("closed", f"{problem.message}{what}")
    return RelayError("failed", f"{problem.message}{what}", hint=problem.hint)


def ended(method: str) -> RelayError:
    """For a stream that ended without a response."""
    what = f" {_UNKNOWN}" if method == "tools/call" else ""
    return RelayError("closed", f"The server ended its answer to {method} without a result.{what}")


def _own(answer: Envelope, request: Envelope) -> Envelope:
    """The response as one to `request`: errors may come under a null id, matched by their exchange."""
    if answer.kind != "response":
        raise ProtocolError("The body is no response.")
    if answer.id is None:
        return jsonrpc.parse(answer.with_id(request.raw_id))
    if answer.id != request.id:
        raise ProtocolError("The response has the id of another request.")
    return answer


async def _refusal(reply: Reply) -> RefusedError:
    try:
        body = await reply.read(_REFUSAL, 10.0)
    except HttpError:
        body = b""
    answer = None
    try:
        parsed = jsonrpc.parse(body) if body[:1] == b"{" else None
        answer = parsed if parsed is not None and parsed.kind == "response" else None
    except ProtocolError:
        pass
    return RefusedError(reply.status, dict(reversed(reply.headers)), body, answer)


def _said(refusal: RefusedError) -> str:
    """What a refusal says: its status, the AWS error type, the message of its body; never its headers."""
    kind = refusal.headers.get("x-amzn-errortype", "").partition(":")[0]
    try:
        value = json.loads(refusal.body)
    except (ValueError, RecursionError):
        value = None
    message = ""
    if isinstance(value, dict):
        kind = kind or str(value.get("__type", "")).rpartition("#")[2]
        found = value.get("message") or value.get("Message") or value.get("error_description")
        message = found if isinstance(found, str) else ""
    text = f"HTTP {refusal.status}"
    if kind:
        text += f" {kind[:80]}"
    if message:
        text += f": {message[:500]}"
    return safe(text, 600).rstrip(".") + "."
