"""The proxy's side towards the host: messages in, exactly one answer out for each request.

Any number of requests is in flight, each in a task of its own; what arrives for one is written at once, so
a slow call delays nobody. Source: MCP specification, base protocol and transports (stdio).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from skerry.errors import ProtocolError, SkerryError
from skerry.proxy.stdio import Writer
from skerry.relay.lines import Lines, Oversized, one_line
from skerry.relay.ports import RelayError, Server
from skerry.wire import jsonrpc
from skerry.wire.jsonrpc import Envelope

log = logging.getLogger(__name__)

_CANCELLED = "notifications/cancelled"
_IN_FLIGHT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontLimits:
    """`call` is the longest call in seconds, `message` the largest message of the host in bytes."""

    call: float = 3600.0
    message: int = jsonrpc.MAX_BODY


class Front:
    """Carries between a host and a server. Give it the host's bytes with `feed` and their end with `end`."""

    def __init__(
        self,
        server: Server,
        writer: Writer,
        limits: FrontLimits,
        *,
        greeted: Callable[[Envelope], None] | None = None,
    ) -> None:
        self._server = server
        self._writer = writer
        self._limits = limits
        self._greeted = greeted
        self._lines = Lines(limits.message)
        self._running: dict[bytes, asyncio.Task[None]] = {}
        self._cancelled: set[bytes] = set()
        self._others: set[asyncio.Task[None]] = set()
        self._asked: set[bytes] = set()
        self.ended = asyncio.Event()
        server.listen(self._emit)

    def feed(self, data: bytes) -> None:
        """Takes the next bytes of the host."""
        for line in self._lines.feed(data):
            self._line(line)

    def end(self) -> None:
        """The host has closed its side."""
        for line in self._lines.end():
            self._line(line)
        self.ended.set()

    async def finish(self) -> None:
        """Waits until everything in flight is answered."""
        while self._running or self._others:
            await asyncio.wait([*self._running.values(), *self._others])

    async def abandon(self) -> None:
        """Ends what is in flight; each request still gets its answer."""
        for task in [*self._running.values(), *self._others]:
            task.cancel()
        await self.finish()

    # ── one message ─────────────────────────────────────────────────────────────────────────────

    def _line(self, line: bytes | Oversized) -> None:
        if isinstance(line, Oversized):
            self._oversized(line)
            return
        try:
            message = jsonrpc.parse(line, max_size=self._limits.message)
        except jsonrpc.RpcError as problem:
            log.warning("the host sent something that is no message: %s", problem.message)
            if problem.raw_id != b"null" or problem.rpc_code == jsonrpc.INVALID_REQUEST:
                self._writer.write(one_line(problem.answer()))
            return
        if message.kind == "request":
            self._request(message)
        elif message.kind == "response":
            self._asked.discard(message.raw_id)
            self._spawn(self._delivered(self._server.respond(message)))
        else:
            if message.method == _CANCELLED:
                self._cancel(message)
            self._spawn(self._delivered(self._server.notify(message)))

    def _request(self, request: Envelope) -> None:
        if request.raw_id in self._running:
            text = "A request with this id is in flight already; its answer is still to come."
            self._writer.write(one_line(jsonrpc.error(request.raw_id, jsonrpc.INVALID_REQUEST, text)))
            return
        if len(self._running) >= _IN_FLIGHT:
            busy = RelayError("throttled", f"{_IN_FLIGHT} requests are in flight already.")
            self._writer.write(one_line(busy.answer(request.raw_id)))
            return
        if self._greeted is not None:
            self._greeted(request)
        task = asyncio.get_running_loop().create_task(self._serve(request))
        self._running[request.raw_id] = task

    async def _serve(self, request: Envelope) -> None:
        """Answers one request, whatever happens."""
        body = b""
        try:
            body = await self._answer(request)
        except asyncio.CancelledError:
            body = RelayError("closed", "The proxy was stopped before the answer came.").answer(
                request.raw_id
            )
            raise
        finally:
            del self._running[request.raw_id]
            if request.raw_id in self._cancelled:
                self._cancelled.discard(request.raw_id)  # a cancelled request gets no answer
            else:
                self._writer.write(one_line(body))
        await self._writer.drain()

    async def _answer(self, request: Envelope) -> bytes:
        try:
            async with asyncio.timeout(self._limits.call):
                answer = await self._server.call(request, self._emit)
            return answer.body
        except RelayError as problem:
            return problem.answer(request.raw_id)
        except TimeoutError:
            self._spawn(self._delivered(self._give_up(request)))
            text = f"{request.method} took longer than {self._limits.call:g} s and was given up."
            return RelayError("timeout", text, hint="Raise --call-timeout.").answer(request.raw_id)
        except SkerryError as problem:
            log.warning("%s [%s]", problem, problem.code)
            data = {"code": problem.code, "hint": problem.hint}
            return jsonrpc.error(request.raw_id, jsonrpc.INTERNAL_ERROR, str(problem), data)
        except Exception:  # the outermost frame of a request: a fault of ours must not leave it unanswered
            log.exception("a fault of skerry's own")
            text = "The proxy failed; its log has the details. This is a fault of skerry."
            return jsonrpc.error(request.raw_id, jsonrpc.INTERNAL_ERROR, text, {"code": SkerryError.code})

    async def _give_up(self, request: Envelope) -> None:
        """Tells the server that nobody waits any more."""
        params = {"requestId": request.id, "reason": "the call took too long"}
        await self._server.notify(jsonrpc.parse(jsonrpc.notification(_CANCELLED, params)))

    async def _emit(self, message: Envelope) -> None:
        if message.kind == "request" and len(self._asked) < _IN_FLIGHT:
            self._asked.add(message.raw_id)
        self._writer.write(one_line(message.body))
        await self._writer.drain()

    def _cancel(self, message: Envelope) -> None:
        identifier = message.params.get("requestId")
        if not isinstance(identifier, (str, int)):
            return
        raw_id = next((raw for raw in self._running if _same(raw, identifier)), None)
        if raw_id is not None:
            self._cancelled.add(raw_id)

    def _oversized(self, line: Oversized) -> None:
        limit = self._limits.message
        log.warning("a message of the host is larger than %d bytes", limit)
        raw_id = line.raw_id
        if raw_id in self._asked and b'"method"' not in line.prefix:  # the answer to a server's question
            self._asked.discard(raw_id)
            text = f"The client's answer has more than {limit} bytes."
            answer = jsonrpc.parse(jsonrpc.error(raw_id, jsonrpc.INTERNAL_ERROR, text))
            self._spawn(self._delivered(self._server.respond(answer)))
        elif raw_id is not None and raw_id not in self._running:
            problem = RelayError(
                "size", f"The message has more than {limit} bytes.", hint="Raise --max-message."
            )
            self._writer.write(one_line(problem.answer(raw_id)))

    async def _delivered(self, sending: object) -> None:
        """Sends what has no answer; the host hears nothing of a failure, the log does."""
        try:
            await sending  # type: ignore[misc]
        except SkerryError as problem:
            log.warning("a message of the host was not delivered: %s [%s]", problem, problem.code)

    def _spawn(self, work: object) -> None:
        task = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type,var-annotated]
        self._others.add(task)
        task.add_done_callback(self._others.discard)


def _same(raw_id: bytes, identifier: str | int) -> bool:
    """Whether an id as JSON is this value; ids compare as values, in whatever spelling."""
    if jsonrpc.encode_id(identifier) == raw_id:
        return True
    try:
        message = jsonrpc.parse(b'{"jsonrpc":"2.0","method":"m","id":' + raw_id + b"}")
    except ProtocolError:
        return False
    return type(message.id) is type(identifier) and message.id == identifier
