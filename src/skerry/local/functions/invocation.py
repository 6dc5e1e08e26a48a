"""One invocation, its outcome, and the texts in which Lambda reports how it went wrong."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

from skerry.wire import trace

MAX_PAYLOAD = 6 * 1024 * 1024
MAX_ASYNC_PAYLOAD = 1024 * 1024
MAX_RESPONSE = 6 * 1024 * 1024 + 100
"""Bytes of an event, of an asynchronous event, of a response. Source: Lambda developer guide, "Quotas"."""
MAX_STREAM = 200 * 1024 * 1024
"""Bytes of a streamed response. Source: Lambda developer guide, "Response streaming"."""
_HELD = 256 * 1024
TAIL = 4096
"""Bytes of log that X-Amz-Log-Result carries."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an invocation gave. `error` is the value of X-Amz-Function-Error, empty for success.

    Of what Lambda itself ended, `log` is its line in the function's log, `status` that of the REPORT.
    """

    payload: bytes
    error: str = ""
    log: str = ""
    status: str = ""


class Stream:
    """An answer on its way, piece by piece. Who writes waits while who reads is behind.

    `begun` is set with the first of it, or never: handlers may answer as a whole.
    """

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.content_type = ""
        self.error = ""
        self.size = 0
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._readable = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._ended = False
        self._unread = False

    def begin(self, content_type: str) -> None:
        """The handler starts to answer."""
        self.content_type = content_type
        self.begun.set()

    async def write(self, piece: bytes) -> bool:
        """Adds a piece; False when that is more than an answer may have, and then the stream has ended."""
        self.size += len(piece)
        if self.size > MAX_STREAM:
            self.end("Function.ResponseSizeTooLarge")
            return False
        if not self._unread and not self._ended:
            self._pieces.append(piece)
            self._held += len(piece)
            self._readable.set()
            if self._held > _HELD:
                self._room.clear()
                await self._room.wait()
        return True

    def end(self, error: str = "") -> None:
        """Nothing more comes; `error` says that it should have. A second end is ignored."""
        if not self._ended:
            self._ended = True
            self.error = error
            self._readable.set()
            self._room.set()

    def leave(self) -> None:
        """Nobody reads any more; the handler goes on as if somebody did."""
        self._unread = True
        self._pieces.clear()
        self._room.set()

    async def read(self) -> bytes | None:
        """The next piece, None at the end; then `error` tells whether it was complete."""
        while not self._pieces:
            if self._ended:
                return None
            self._readable.clear()
            await self._readable.wait()
        piece = self._pieces.popleft()
        self._held -= len(piece)
        self._room.set()
        return piece


@dataclass(slots=True, eq=False)
class Invocation:
    """An event on its way to a handler.

    `timeout` is in seconds. `delivered` is set when an environment has fetched the event; `outcome` is done
    when the handler has answered. With `stream` an answer that is streamed goes there and the outcome is
    empty; without it is collected. `trace` is what the program is told of its place in a trace. `log` is the
    end of what was logged of it.
    """

    payload: bytes
    arn: str
    timeout: float
    client_context: str = ""
    trace: str = ""
    stream: Stream | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    delivered: asyncio.Event = field(default_factory=asyncio.Event)
    outcome: asyncio.Future[Outcome] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    log: deque[str] = field(default_factory=lambda: deque(maxlen=200))

    def finish(self, outcome: Outcome) -> None:
        """Sets the outcome; a second one is ignored."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)


def traced_run(span: trace.Span, asked: str = "") -> str:
    """What `_X_AMZN_TRACE_ID` says of a run, which boto3 in a function sends on with everything it calls.

    `asked` is the X-Amzn-Trace-Id of the request. Without one Lambda samples nothing unless it is told to
    trace actively, which functions here are not.
    """
    caller = trace.parse_amazon(asked)
    return span.amazon(sampled=caller is not None and caller.flags == "01")


def timed_out(invocation: Invocation, now: float) -> Outcome:
    """The handler did not answer in time; `now` is in seconds since the epoch."""
    return _too_slow(invocation, now, f"Task timed out after {invocation.timeout:.2f} seconds")


def init_timed_out(invocation: Invocation, now: float, seconds: float) -> Outcome:
    """The environment was not ready in so many seconds; `now` is in seconds since the epoch."""
    return _too_slow(invocation, now, f"Initialization timed out after {seconds:.2f} seconds")


def exited(invocation: Invocation, code: int) -> Outcome:
    """The process of the environment ended before it answered; a negative code is a signal."""
    if code == 0:
        how = "Runtime exited without providing a reason"
    else:
        how = f"Runtime exited with error: {_signal(-code) if code < 0 else f'exit status {code}'}"
    kind, text = "Runtime.ExitError", f"RequestId: {invocation.id} Error: {how}"
    return _fault(kind, text, log=f"{text}\n{kind}", status=f"error\tError Type: {kind}")


def too_large(size: int) -> Outcome:
    """The response is larger than Lambda carries."""
    text = (
        f"Response payload size ({size} bytes) exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
    )
    return _fault("Function.ResponseSizeTooLarge", text)


def _too_slow(invocation: Invocation, now: float, what: str) -> Outcome:
    stamp = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    text = f"RequestId: {invocation.id} Error: {what}"
    return _fault("Sandbox.Timedout", text, log=f"{stamp} {invocation.id} {what}", status="timeout")


def _fault(kind: str, text: str, *, log: str = "", status: str = "") -> Outcome:
    payload = json.dumps({"errorType": kind, "errorMessage": text}).encode()
    return Outcome(payload, "Unhandled", log, status)


def _signal(number: int) -> str:
    names = {2: "interrupt", 6: "aborted", 9: "killed", 11: "segmentation fault", 15: "terminated"}
    return f"signal: {names.get(number, number)}"
