"""The environments of one function: started ahead, reused, as many as invocations need, ended when idle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from skerry.errors import ConfigurationError, ProgramError, ServiceError, StateError
from skerry.local.functions.environment import Environment, StaleError
from skerry.local.functions.function import Function
from skerry.local.functions.invocation import Invocation, Outcome
from skerry.local.ports.callers import Access
from skerry.local.ports.monitoring import Monitor, Unmonitored
from skerry.local.ports.running import Clock

_LOG = logging.getLogger("skerry.functions")
_OUTPUT = logging.getLogger("skerry.functions.output")
"""What functions print; `skerry logs NAME` finds it by this name."""


class Pool:
    """Use it between `start()` and `close()`; `monitor` is told what its environments do."""

    def __init__(
        self, function: Function, *, access: Access, clock: Clock, monitor: Monitor | None = None
    ) -> None:
        self.function = function
        self._monitor = monitor or Unmonitored()
        self._access = access
        self._clock = clock
        self._idle: list[Environment] = []
        self._all: set[Environment] = set()
        self._timers: dict[Environment, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._places = asyncio.Semaphore(function.plane.environments)
        self._invocations = 0
        self._queued = 0
        self._held = 0
        self._over = asyncio.Event()
        self._closing = False

    @property
    def environments(self) -> frozenset[Environment]:
        """The environments that live."""
        return frozenset(self._all)

    def start(self) -> None:
        """Starts the environments that are kept warm, without waiting for them."""
        self._refill()

    async def close(self) -> None:
        """Ends every environment and drops queued events."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for timer in self._timers.values():
            timer.cancel()
        await asyncio.gather(*(environment.stop() for environment in list(self._all)))

    def hold(self) -> None:
        """Somebody is about to invoke: `retire` waits for its `release`."""
        self._held += 1

    def release(self) -> None:
        """The end of a `hold`."""
        self._held -= 1
        self._over.set()

    async def retire(self) -> None:
        """Ends what rests at once, and everything when the invocations that run or wait are over."""
        resting, self._idle = self._idle, []
        for environment in resting:
            self._background(environment.stop())
        while self._held or self._invocations or self._queued:
            self._over.clear()
            await self._over.wait()
        await self.close()

    async def invoke(self, invocation: Invocation, *, settle: bool = False) -> Outcome:
        """Runs one event; with `settle` its log is complete when this returns.

        It waits where every environment that may run does: AWS would start another. Raises ServiceError:
        TooManyRequestsException when `concurrency` invocations run or wait already.
        """
        if self._invocations >= self.function.plane.concurrency:
            self._monitor.throttled(self.function.invoked(invocation.arn))
            raise ServiceError(
                "TooManyRequestsException",
                429,
                "Rate Exceeded.",
                members={"Type": "User", "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"},
            )
        self._invocations += 1
        try:
            async with self._places:
                return await self._run(invocation, settle=settle)
        finally:
            self._invocations -= 1
            self._over.set()

    def enqueue(self, invocation: Invocation, done: Callable[[Outcome | ServiceError], None]) -> None:
        """Runs one event when there is a place for it. Raises ServiceError when the queue is full."""
        if self._queued >= self.function.plane.queue:
            self._monitor.throttled(self.function.invoked(invocation.arn))
            raise ServiceError(
                "TooManyRequestsException",
                429,
                "Rate Exceeded.",
                members={"Type": "User", "Reason": "CallerRateLimitExceeded"},
            )
        self._queued += 1
        self._background(self._later(invocation, done))

    async def _later(self, invocation: Invocation, done: Callable[[Outcome | ServiceError], None]) -> None:
        try:
            async with self._places:
                done(await self._run(invocation, settle=False))
        except ServiceError as error:
            done(error)
        finally:
            self._queued -= 1
            self._over.set()

    async def _run(self, invocation: Invocation, *, settle: bool) -> Outcome:
        with self._monitor.executing(self.function.invoked(invocation.arn)):
            while True:
                try:
                    return await self._run_in(await self._take(), invocation, settle=settle)
                except StaleError:
                    continue

    async def _run_in(self, environment: Environment, invocation: Invocation, *, settle: bool) -> Outcome:
        finished = False
        try:
            outcome = await environment.invoke(invocation)
            if settle:
                await environment.settled()
            finished = True
        finally:
            if not finished:  # cancelled in the middle: the handler may still run
                await environment.stop(grace=0)
        self._give_back(environment)
        return outcome

    async def _take(self) -> Environment:
        code_time = self.function.code_time()
        while self._idle:
            environment = self._idle.pop()
            timer = self._timers.pop(environment, None)
            if timer is not None:
                timer.cancel()
            if environment.running and environment.code_time == code_time:
                return environment
            self._background(environment.stop())
        return await self._new()

    async def _new(self) -> Environment:
        environment = Environment(
            self.function,
            access=self._access,
            clock=self._clock,
            monitor=self._monitor,
            on_line=self._printed,
        )
        environment.on_end = lambda: self._gone(environment)
        self._all.add(environment)
        started = False
        try:
            await environment.start()
            started = True
        except ProgramError as error:
            raise ServiceError(
                "InvalidRuntimeException", 502, str(error), members={"Type": "User"}
            ) from error
        except (ConfigurationError, StateError) as error:
            raise ServiceError("ServiceException", 500, str(error), members={"Type": "Service"}) from error
        finally:
            if not started:
                self._all.discard(environment)
        return environment

    def _give_back(self, environment: Environment) -> None:
        if not environment.running:
            if environment.ready.is_set():
                self._refill()
            return
        self._idle.append(environment)
        if len(self._idle) > self.function.warm:
            # The one that rested longest goes first; the last used is the next used.
            for resting in self._idle[: -self.function.warm or None]:
                if resting not in self._timers:
                    self._timers[resting] = asyncio.get_running_loop().call_later(
                        self.function.plane.idle, self._expire, resting
                    )

    def _expire(self, environment: Environment) -> None:
        self._timers.pop(environment, None)
        if environment in self._idle and len(self._idle) > self.function.warm:
            self._idle.remove(environment)
            self._background(environment.stop())

    def _refill(self) -> None:
        for _ in range(self.function.warm - len(self._all)):
            self._background(self._warm())

    async def _warm(self) -> None:
        try:
            environment = await self._new()
        except ServiceError as error:
            _LOG.warning("%s: no environment could be started ahead: %s", self.function.name, error)
            return
        self._idle.append(environment)

    def _gone(self, environment: Environment) -> None:
        self._all.discard(environment)
        if environment in self._idle:
            self._idle.remove(environment)
        timer = self._timers.pop(environment, None)
        if timer is not None:
            timer.cancel()

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        if self._closing:
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _printed(self, line: str) -> None:
        _OUTPUT.info("%s: %s", self.function.name, line)
