"""One invocation, its outcome, and the texts in which Lambda reports how it went wrong."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import deque
from dataclasses import dataclass, field

MAX_PAYLOAD = 6 * 1024 * 1024
MAX_ASYNC_PAYLOAD = 1024 * 1024
MAX_RESPONSE = 6 * 1024 * 1024 + 100
"""Bytes of an event, of an asynchronous event, of a response. Source: Lambda developer guide, "Quotas"."""
TAIL = 4096
"""Bytes of log that X-Amz-Log-Result carries."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an invocation gave. `error` is the value of X-Amz-Function-Error, empty for success."""

    payload: bytes
    error: str = ""


@dataclass(slots=True, eq=False)
class Invocation:
    """An event on its way to a handler.

    `timeout` is in seconds. `delivered` is set when an environment has fetched the event; `outcome` is done
    when the handler has answered.
    """

    payload: bytes
    arn: str
    timeout: float
    client_context: str = ""
    trace: str = ""
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


def timed_out(invocation: Invocation) -> Outcome:
    """The handler did not answer in time."""
    text = f"RequestId: {invocation.id} Error: Task timed out after {invocation.timeout:.2f} seconds"
    return _fault("Sandbox.Timedout", text)


def init_timed_out(invocation: Invocation, seconds: float) -> Outcome:
    """The environment was not ready in time."""
    text = f"RequestId: {invocation.id} Error: Initialization timed out after {seconds:.2f} seconds"
    return _fault("Sandbox.Timedout", text)


def exited(invocation: Invocation, code: int) -> Outcome:
    """The process of the environment ended before it answered; a negative code is a signal."""
    if code == 0:
        how = "Runtime exited without providing a reason"
    else:
        how = f"Runtime exited with error: {_signal(-code) if code < 0 else f'exit status {code}'}"
    return _fault("Runtime.ExitError", f"RequestId: {invocation.id} Error: {how}")


def too_large(size: int) -> Outcome:
    """The response is larger than Lambda carries."""
    text = (
        f"Response payload size ({size} bytes) exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
    )
    return _fault("Function.ResponseSizeTooLarge", text)


def _fault(kind: str, text: str) -> Outcome:
    return Outcome(json.dumps({"errorType": kind, "errorMessage": text}).encode(), "Unhandled")


def _signal(number: int) -> str:
    names = {2: "interrupt", 6: "aborted", 9: "killed", 11: "segmentation fault", 15: "terminated"}
    return f"signal: {names.get(number, number)}"
