"""Metrics and logs on their way into the embedded cloud.

Nothing is written while a call is served: sums and lines wait here until somebody reads logs or metrics, or
until there are many. The embedded cloud forgets everything when the stack ends, so that nothing is lost by
waiting, and whoever reads never sees less than all.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from skerry.errors import SkerryError
from skerry.local.observability import functions, metrics
from skerry.local.observability.calls import Call
from skerry.local.observability.functions import FunctionMonitor
from skerry.local.observability.lines import Lines
from skerry.local.observability.logs import RuntimeLogs
from skerry.local.observability.metrics import Metrics
from skerry.local.ports.running import Clock

Write = Callable[[bytes], Awaitable[None]]

_log = logging.getLogger("skerry.local")


class CloudWatch:
    """Keeps what is to be written, and writes it. Use it between `start()` and `close()`, on one event loop.

    `write` puts metrics and logs, as JSON, into the embedded cloud; it raises SkerryError when that does not
    take them. `place` is the account and the region that they are of.
    """

    def __init__(self, write: Write, clock: Clock, *, place: tuple[str, str]) -> None:
        self._write = write
        self._place = place
        self._due = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._writer: asyncio.Task[None] | None = None
        self._failing = False
        self._lines = Lines(clock, self._due.set)
        self.metrics = Metrics()
        self.logs = RuntimeLogs(clock, self._lines)
        self.functions = FunctionMonitor(clock, self._lines)

    async def start(self) -> None:
        """Begins to write whenever there is much."""
        self._writer = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends, without writing for an embedded cloud that ends too; safe to call twice."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writer

    def add(self, call: Call) -> None:
        """Counts a call. Never blocks and never raises."""
        self.metrics.add(call)
        if self.metrics.full:
            self._due.set()

    async def flush(self) -> None:
        """Returns when all that is known by now is written, or could not be.

        The log of a function that has just answered is waited for: its end comes after the answer.
        """
        await self.functions.settled()
        await self._flush()

    async def _flush(self) -> None:
        async with self._one_at_a_time:
            minutes, invoked = self.metrics.drain(), self.functions.drain()
            logs = self._lines.drain()
            if not minutes and not invoked and not logs:
                return
            try:
                await self._write(await asyncio.to_thread(self._encoded, minutes, invoked, logs))
            except SkerryError as error:
                if not self._failing:
                    _log.warning("the embedded cloud does not take metrics and logs: %s", error)
                self._failing = True
            else:
                self._failing = False

    def _encoded(
        self,
        minutes: Mapping[metrics.Key, metrics.Minute],
        invoked: Mapping[functions.Key, functions.Minute],
        logs: Sequence[Mapping[str, Any]],
    ) -> bytes:
        account, region = self._place
        sums = [*metrics.entries(minutes), *functions.entries(invoked)]
        given = {"account": account, "region": region, "metrics": sums, "logs": logs}
        return json.dumps(given, separators=(",", ":")).encode("ascii")

    async def _run(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            await self._flush()
