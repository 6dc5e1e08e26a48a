"""The log of an environment: what its program prints, and Lambda's own lines START, END and REPORT around it.

The tail that `LogType=Tail` asks for and the events of CloudWatch Logs are the same texts, made here.

Source: Lambda developer guide, "Viewing CloudWatch logs for Lambda functions" (the lines and their members);
AWS's announcement that the INIT phase is billed (August 2025); `Status` is from field reports.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from skerry.local.functions.function import Function
from skerry.local.functions.invocation import Invocation, Outcome
from skerry.local.ports.monitoring import Monitor
from skerry.local.ports.running import Clock


@dataclass(slots=True, eq=False)
class Run:
    """An invocation in an environment: `began` on the monotonic clock, `started` since the epoch.

    `duration` and `init` are in milliseconds, `peak` in MB; what is None is not known.
    """

    invocation: Invocation
    began: float
    started: float
    told: bool = False
    duration: float | None = None
    init: float | None = None
    peak: int | None = None
    outcome: Outcome | None = None


class EnvironmentLog:
    """Takes the events of one environment in the order in which they come; nothing here waits.

    `name` is that of its log stream. `peak` tells the most memory that the program had, in MB, or None.
    """

    def __init__(
        self, function: Function, *, monitor: Monitor, clock: Clock, peak: Callable[[], int | None]
    ) -> None:
        today = datetime.fromtimestamp(clock.time(), UTC).strftime("%Y/%m/%d")
        self.name = f"{today}/[{function.version}]{secrets.token_hex(16)}"
        self._function = function
        self._monitor = monitor
        self._clock = clock
        self._peak = peak
        self._stream = monitor.stream(function.plane.region, function.log_group, self.name)
        self._initializing = clock.monotonic()
        self._init: float | None = None
        self._run: Run | None = None
        self._unfinished: Run | None = None

    def started(self) -> None:
        """The program starts."""
        self._initializing = self._clock.monotonic()

    def ready(self) -> None:
        """The program is ready for its first event: the next report says how long that took."""
        self._init = (self._clock.monotonic() - self._initializing) * 1000

    def printed(self, text: str) -> None:
        """What is one event: a line, or several that the runtime client wrote as one."""
        if self._run is not None:
            self._run.invocation.log.append(text)
        self._stream.add(text)

    def give(self, invocation: Invocation) -> Run:
        """What is printed from now on belongs to an invocation."""
        self._run = Run(invocation, self._clock.monotonic(), self._clock.time())
        return self._run

    def deliver(self) -> None:
        """The program has the event: before it can print."""
        if self._run is not None:
            self._run.began, self._run.started = self._clock.monotonic(), self._clock.time()
            self._run.init, self._init = self._init, None
            self._tell_start(self._run)

    def stop(self, run: Run) -> None:
        """The program is about to be ended in the middle of an invocation."""
        run.duration = (self._clock.monotonic() - run.began) * 1000
        run.peak = self._peak()

    def answer(self, run: Run, outcome: Outcome) -> None:
        """There is an outcome; a second one is ignored. The program may still print."""
        if run.outcome is not None:
            return
        run.outcome = outcome
        if run.duration is None:
            run.duration = (self._clock.monotonic() - run.began) * 1000
        self._tell_start(run)
        self._unfinished = run
        self._stream.expect()
        invoked = self._function.invoked(run.invocation.arn)
        self._monitor.ran(invoked, run.started, run.duration, failed=bool(outcome.error))

    def ask(self) -> None:
        """The program asks for work: all that it printed before has come."""
        run = self._run
        if run is not None and run.invocation.outcome.done():
            self.answer(run, run.invocation.outcome.result())
        self.complete()

    def complete(self) -> None:
        """Nothing more is to come of the invocation that was answered last; without one nothing happens."""
        run, self._unfinished = self._unfinished, None
        if run is None or run.outcome is None:
            return
        if run.peak is None:
            run.peak = self._peak()
        if run.outcome.log:
            self._tell(run, run.outcome.log)
        self._tell(run, f"END RequestId: {run.invocation.id}")
        self._tell(run, report(run, run.outcome, self._function.settings.memory))
        self._stream.complete()

    def _tell_start(self, run: Run) -> None:
        if not run.told:
            run.told = True
            self._tell(run, f"START RequestId: {run.invocation.id} Version: {self._function.version}")

    def _tell(self, run: Run, text: str) -> None:
        run.invocation.log.append(text)
        self._stream.add(text)


def report(run: Run, outcome: Outcome, memory: int) -> str:
    """The REPORT line of a run with an outcome; figures that are not known are not in it."""
    duration = run.duration or 0.0
    members = [
        f"REPORT RequestId: {run.invocation.id}",
        f"Duration: {duration:.2f} ms",
        f"Billed Duration: {math.ceil(duration + (run.init or 0.0))} ms",
        f"Memory Size: {memory} MB",
    ]
    if run.peak is not None:
        members.append(f"Max Memory Used: {run.peak} MB")
    if run.init is not None:
        members.append(f"Init Duration: {run.init:.2f} ms")
    members.append(f"Status: {outcome.status}" if outcome.status else "")
    return "\t".join(members)
