"""A stdio MCP server as a process: many calls of many clients over one pair of pipes.

Every call gets a number of its own towards the program, so that ids of different clients never meet; the
client's id comes back on the answer. Nothing here waits for the program: lines to it are written or queued
(`stdin`), lines from it are handed out as they come (`routing`, `lane`). Source: MCP, transports (stdio).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from skerry import processes
from skerry.bridge import routing
from skerry.bridge.calls import Call, Suspects
from skerry.bridge.channel import Channel
from skerry.bridge.hearing import Hearing
from skerry.bridge.lane import Gate, Lane
from skerry.bridge.stdin import Stdin
from skerry.bridge.stdout import Stdout
from skerry.relay.lines import one_line
from skerry.relay.ports import RelayError
from skerry.wire import jsonrpc
from skerry.wire.eras import Era
from skerry.wire.jsonrpc import Envelope

log = logging.getLogger(__name__)

MAX_CALLS = 4096
"""Calls in flight per program."""
EOF_GRACE = 1.0
"""Seconds for a program to end by itself after its input has ended."""
TERM_GRACE = 1.5
"""Seconds between SIGTERM and SIGKILL."""
CANCEL_GRACE = 5.0
"""Seconds that a cancelled call may still take to answer."""
_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run: `call_timeout` is seconds per call, `max_message` bytes per line."""

    argv: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    call_timeout: float = 900.0
    max_message: int = jsonrpc.MAX_BODY

    @property
    def name(self) -> str:
        """How it is called in messages: without its arguments, which may be private."""
        return Path(self.argv[0]).name


class Child:
    """A running program of one era. Made by `start`, ended by `close`.

    `ended` is done when the process is gone, with its exit code. `served` says whether it has answered
    anything but its handshake; `on_served` is called the first time.
    """

    def __init__(self, program: Program, era: Era, *, on_served: Callable[[], None]) -> None:
        self.program = program
        self.era = era
        self.started = time.monotonic()
        self.served = False
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.calls: dict[int, Call] = {}
        self.tokens: dict[routing.Key, Call] = {}
        self.channels: list[Channel] = []
        self.suspects = Suspects(self.calls)
        self._on_served = on_served
        self._numbers = itertools.count(1)
        self._hearing = Hearing(self, name=program.name, max_message=program.max_message)
        self._output = Stdout(self._hearing.received, self._output_ended)
        self._stdin = Stdin(limit=program.max_message, on_lost=self._input_lost)
        self.gate = Gate(self._output.pause, self._output.resume)
        self._process: processes.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._closing = False
        self._called = False

    @classmethod
    async def start(cls, program: Program, era: Era, *, on_served: Callable[[], None]) -> Child:
        """Starts the program. Raises ProgramError."""
        child = cls(program, era, on_served=on_served)
        child._process = await processes.start(
            program.argv,
            cwd=program.folder,
            env=program.environment,
            on_line=child._said,
            pipes=processes.Pipes(child._stdin, child._output),
            bound=True,
        )
        child._watch = asyncio.create_task(child._wait(child._process))
        log.info("%s started (pid %d, %s)", program.name, child._process.pid, era)
        return child

    @property
    def alive(self) -> bool:
        """Whether calls can be made."""
        return not self.ended.done() and not self._closing

    @property
    def closing(self) -> bool:
        """Whether it was ended from here."""
        return self._closing

    @property
    def called(self) -> bool:
        """Whether anybody has called it."""
        return self._called

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def channel(self) -> Channel:
        """One client's view of the program."""
        channel = Channel(self)
        self.channels.append(channel)
        return channel

    def leave(self, channel: Channel) -> None:
        """The client of a channel is gone: its calls end."""
        if channel in self.channels:
            self.channels.remove(channel)
        for number, call in list(self.calls.items()):
            if call.channel is channel:
                self.finish(number, RelayError("closed", "The session ended."))
                self.tell_cancelled(call)

    def serves(self) -> None:
        """It has answered more than a handshake."""
        if not self.served:
            self.served = True
            self._on_served()

    # ── towards the program ──────────────────────────────────────────────────────────────────────

    def begin(self, channel: Channel, request: Envelope) -> Call:
        """Sends a request. Raises RelayError when that cannot be done."""
        if self.ended.done():
            raise self._obituary(sent=False)
        if len(self.calls) >= MAX_CALLS:
            raise RelayError("throttled", f"{len(self.calls)} calls are in flight.", hint="Try again later.")
        number = next(self._numbers)
        token = routing.progress_token(request)
        sent = request
        call = Call(channel=channel, request=request, number=number, lane=Lane(self.gate), token=token)
        if token is not None:
            if routing.key(token) in self.tokens:  # two clients chose the same one
                call.token_sent = f"skerry-{number}"
                sent = routing.with_token(request, call.token_sent)
            self.tokens[routing.key(call.token_sent or token)] = call
        try:
            call.parcel = self._stdin.write(one_line(sent.with_id(number)))
        except RelayError:
            self._forget_token(call)
            raise
        self.calls[number] = call
        self._called = True
        if request.method != "subscriptions/listen":
            loop = asyncio.get_running_loop()
            call.timer = loop.call_later(self.program.call_timeout, self._expired, number)
        return call

    def send(self, message: bytes) -> None:
        """Sends a notification or a response. Raises RelayError when that cannot be done."""
        if self.ended.done():
            raise self._obituary(sent=False)
        self._stdin.write(one_line(message))

    def abandon(self, call: Call) -> None:
        """Nobody waits for the answer of a call any more: a modern program is told to stop."""
        call.lane.drop()
        if self.calls.pop(call.number, None) is None:
            return
        self._settle(call)
        if self.era == "modern":
            self.tell_cancelled(call)

    def tell_cancelled(self, call: Call, reason: str = "") -> None:
        """Tells the program to stop a call, unless it never got it."""
        if self.ended.done() or (call.parcel is not None and self._stdin.withdraw(call.parcel)):
            return
        params = {"requestId": call.number, **({"reason": reason} if reason else {})}
        with contextlib.suppress(RelayError):  # it does not even read
            self._stdin.write(jsonrpc.notification("notifications/cancelled", params) + b"\n")

    def cancel(self, channel: Channel, notification: Envelope) -> None:
        """Passes a client's `notifications/cancelled` on, under the number that the program knows."""
        wanted = routing.key(notification.params.get("requestId"))
        for call in reversed(self.calls.values()):
            if call.channel is channel and routing.key(call.request.id) == wanted:
                break
        else:
            return  # already answered: that is allowed, and nothing is left to do
        if call.parcel is not None and self._stdin.withdraw(call.parcel):
            self.finish(call.number, RelayError("cancelled", "The call was cancelled."))
            return
        params = {**notification.params, "requestId": call.number}
        self.send(jsonrpc.notification("notifications/cancelled", params))
        if call.timer is not None:
            call.timer.cancel()
        loop = asyncio.get_running_loop()
        call.timer = loop.call_later(CANCEL_GRACE, self._cancelled, call.number)

    # ── ends ─────────────────────────────────────────────────────────────────────────────────────

    def finish(self, number: int, answer: Envelope | RelayError) -> None:
        """Ends a call with its answer; does nothing when it has one."""
        call = self.calls.pop(number, None)
        if call is None:
            return
        self._settle(call)
        call.answer = answer
        call.lane.end()

    def _settle(self, call: Call) -> None:
        if call.timer is not None:
            call.timer.cancel()
        self._forget_token(call)
        for number, error in self.suspects.without(call.number):
            asyncio.get_running_loop().call_soon(self.finish, number, error)

    def _forget_token(self, call: Call) -> None:
        if call.token is not None:
            self.tokens.pop(routing.key(call.token_sent or call.token), None)

    def _expired(self, number: int) -> None:
        call = self.calls.get(number)
        if call is None:
            return
        limit = self.program.call_timeout
        self.finish(
            number,
            RelayError(
                "timeout",
                f"The MCP server did not answer within {limit:g} s.",
                hint="It was told to stop. --call-timeout sets the limit.",
            ),
        )
        self.tell_cancelled(call, "timed out")

    def _cancelled(self, number: int) -> None:
        self.finish(number, RelayError("cancelled", "The call was cancelled."))

    def _said(self, line: str) -> None:
        log.info("%s: %s", self.program.name, line)

    def _output_ended(self) -> None:
        self._hearing.ended()
        if self._process is not None:
            self._process.signal(force=True)  # it can never answer again

    def _input_lost(self) -> None:
        if not self._closing and self._process is not None:
            process = self._process
            asyncio.get_running_loop().call_later(EOF_GRACE, lambda: process.signal(force=True))

    async def _wait(self, process: processes.Process) -> None:
        code = await process.wait()
        self._output.resume()
        with contextlib.suppress(TimeoutError):  # what it said last may still be on the way
            async with asyncio.timeout(EOF_GRACE):
                await self._output.closed.wait()
        self._output.close()
        self._stdin.close()
        self.ended.set_result(code)
        if not self._closing:
            log.warning("%s ended by itself with %s; it said last: %s", *self._epitaph())
        for number, call in list(self.calls.items()):
            unsent = call.parcel is not None and bool(call.parcel.line)
            self.finish(number, self._obituary(sent=not unsent))
        for channel in self.channels:
            channel.mail.end()

    def _epitaph(self) -> tuple[str, str, str]:
        code = self.ended.result()
        how = f"exit code {code}"
        if code < 0:
            with contextlib.suppress(ValueError):
                how = signal.Signals(-code).name
        assert self._process is not None
        return self.program.name, how, self._process.output.last()[:_SHOWN] or "nothing"

    def last_words(self) -> str:
        """How it ended, for a person."""
        name, how, said = self._epitaph()
        return f"{name} ended with {how}; it said last: {said}"

    def _obituary(self, *, sent: bool) -> RelayError:
        if self._closing:
            return RelayError("closed" if sent else "unreachable", "The MCP server was ended.")
        _, how, said = self._epitaph()
        data = {"exit": how, "stderr": said}
        return RelayError(
            "closed" if sent else "unreachable",
            f"{self.last_words()}.",
            hint="The next call starts it again." + (" Whether this one ran is not known." if sent else ""),
            data=data,
        )

    async def close(self) -> None:
        """Ends the program and all that it started: end of input, then SIGTERM, then SIGKILL."""
        if self._process is None or self._watch is None:
            return
        self._closing = True
        self._stdin.close()
        if not self.ended.done():
            await asyncio.wait({self._watch}, timeout=EOF_GRACE)
        if not self._watch.done():
            self._process.signal(force=False)
            await asyncio.wait({self._watch}, timeout=TERM_GRACE)
        if not self._watch.done():
            self._process.signal(force=True)
        await self._watch
        for channel in self.channels:
            channel.shut()
