"""Starts processes of the program: not too many, and not again and again when it only crashes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

from skerry.bridge.child import Child, Program
from skerry.errors import ProgramError
from skerry.relay.ports import RelayError
from skerry.wire.eras import Era

log = logging.getLogger(__name__)

LOOP = 3
"""Ends in a row, without anything answered in between, that make a crash loop."""
YOUNG = 10.0
"""Seconds: a program that nobody has called and that ends sooner cannot serve."""
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 30.0
PATIENT = 2.0
"""Seconds that a call waits for the next start; a longer pause is an error at once."""


class Launcher:
    """The processes of one program.

    `make_room` may end one that is idle when there are `max_children`; it says whether it did.
    """

    def __init__(
        self,
        program: Program,
        *,
        max_children: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.program = program
        self.make_room: Callable[[], Awaitable[bool]] | None = None
        self._max = max_children
        self._now = now
        self._children: dict[Child, asyncio.Task[None]] = {}
        self._starting = 0
        self._ends = 0
        self._not_before = 0.0
        self._said = ""
        self._closed = False
        self._spare: Child | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def trouble(self) -> str:
        """Why the program cannot serve, empty while it can."""
        return self._said if self._ends >= LOOP else ""

    @property
    def count(self) -> int:
        """Processes that run or start."""
        return len(self._children) + self._starting

    async def start(self, era: Era) -> Child:
        """A fresh process, which `retire` or `close` ends.

        Raises RelayError: `throttled` when there are too many, `unreachable` when it cannot be started, or
        crashes again and again.
        """
        spare, self._spare = self._spare, None
        if spare is not None and spare.alive:
            spare.era = era  # it has read nothing yet
            return spare
        await self._pause()
        while self.count >= self._max:
            if self.make_room is None or not await self.make_room():
                raise RelayError(
                    "throttled",
                    f"{self._max} processes of {self.program.name} run, as many as --max-children allows.",
                    hint="End sessions that are no longer used (DELETE), or allow more.",
                )
        if self._closed:
            raise RelayError("unreachable", "The bridge is shutting down.")
        return await self._launch(era)

    async def warm(self) -> None:
        """Starts a process ahead of the first client, so that a program that cannot serve is known.

        One that ends before anybody has called it is started again, until it is a crash loop; that goes on
        after this returns.
        """
        with contextlib.suppress(RelayError):
            spare = self._spare = await self._launch("legacy")
            task = asyncio.create_task(self._keep_warm(spare))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _keep_warm(self, spare: Child) -> None:
        with contextlib.suppress(RelayError):
            while True:
                await asyncio.shield(self._children[spare])
                if self._closed or self._spare is not spare:
                    return
                self._spare = None
                if self._now() - spare.started > YOUNG or self.trouble:
                    return
                await self._pause()
                spare = self._spare = await self._launch("legacy")

    async def _launch(self, era: Era) -> Child:
        self._starting += 1
        try:
            child = await Child.start(self.program, era, on_served=self._served)
        except ProgramError as problem:
            self._ends = max(self._ends + 1, LOOP)
            self._said = problem.message
            self._delay()
            raise RelayError("unreachable", problem.message, hint=problem.hint) from problem
        finally:
            self._starting -= 1
        self._children[child] = watcher = asyncio.create_task(self._watch(child))
        self._tasks.add(watcher)
        watcher.add_done_callback(self._tasks.discard)
        return child

    async def retire(self, child: Child) -> None:
        """Ends a process; this is no crash."""
        await child.close()

    async def close(self) -> None:
        """Ends all processes, at the same time."""
        self._closed = True
        self._spare = None
        await asyncio.gather(*(child.close() for child in list(self._children)))
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _pause(self) -> None:
        wait = self._not_before - self._now()
        if wait > PATIENT:
            raise RelayError(
                "unreachable",
                f"{self._said}. It ended {self._ends} times in a row; the next start is in {wait:.0f} s.",
                hint="Start its command by hand to see why it ends.",
            )
        if wait > 0:
            await asyncio.sleep(wait)

    def _served(self) -> None:
        self._ends = 0
        self._not_before = 0.0
        self._said = ""

    async def _watch(self, child: Child) -> None:
        await asyncio.shield(child.ended)
        del self._children[child]
        unused = not child.called
        if child.closing or (unused and self._now() - child.started > YOUNG):
            return
        self._ends = 1 if child.served else self._ends + 1
        self._said = child.last_words()
        if self._ends > 1:
            self._delay()
        if self._ends == LOOP:
            log.error("%s. That was the %d. time in a row: it cannot serve", self._said, self._ends)

    def _delay(self) -> None:
        pause = min(FIRST_PAUSE * 2.0 ** min(self._ends, 10), LONGEST_PAUSE)
        self._not_before = self._now() + pause
