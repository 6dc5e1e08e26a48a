"""Spans on their way to a collector of the user's choice: OTLP over HTTP, in batches, beside what is served.

The JSON encoding is written here because nothing that is installed writes OTLP, and the SDK that would do it
makes spans of its own, takes a thread and its time at the start; what is needed of it is a document.

Source: OTLP specification 1.9, OTLP/HTTP: a server takes binary and JSON at the same URL; which responses may
be tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Iterable

import httpx2

from skerry.local.observability.calls import Call
from skerry.local.observability.spans import document, has_one
from skerry.settings.traces import TracesSettings

BATCH = 512
WAITING = 4096
"""Most spans that wait; of more, the oldest go."""
DELAY = 1.0
LONGEST_DELAY = 30.0
"""Seconds until a batch is sent that is not whole; and between attempts, at most."""
PATIENCE = 2.0
"""Seconds for what is left at the end."""
_AGAIN = frozenset({429, 502, 503, 504})

_log = logging.getLogger("skerry.local")


class SpanExporter:
    """Sends the spans of calls. Use it between `start()` and `close()`, on one event loop."""

    def __init__(
        self,
        settings: TracesSettings,
        *,
        batch: int = BATCH,
        waiting: int = WAITING,
        delay: float = DELAY,
    ) -> None:
        self._settings = settings
        self._http = httpx2.AsyncClient(trust_env=False, timeout=settings.timeout)
        self._batch = batch
        self._delay = delay
        self._waiting: deque[Call] = deque(maxlen=waiting)
        self._some = asyncio.Event()
        self._whole = asyncio.Event()
        self._closing = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None
        self._failing = False
        self.lost = 0
        """Spans that the collector will never see."""

    async def start(self) -> None:
        """Begins to send."""
        self._sender = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Sends what is left, as far as that goes within PATIENCE, and ends; safe to call twice."""
        sender, self._sender = self._sender, None
        if sender is None:
            return
        for event in (self._closing, self._some, self._whole):
            event.set()
        try:
            async with asyncio.timeout(PATIENCE):
                await sender  # the request that is on its way is heard to its end: spans are not sent twice
                while self._waiting and await self._send():
                    pass
        except TimeoutError:
            pass
        await self._http.aclose()
        self.lost += len(self._waiting)
        self._waiting.clear()
        if self.lost:
            _log.warning("%d spans did not reach the collector", self.lost)

    def add(self, call: Call) -> None:
        """Takes the span of a call, if it has one. Never blocks and never raises."""
        if not has_one(call.hop):
            return
        if len(self._waiting) == self._waiting.maxlen:
            self.lost += 1
        self._waiting.append(call)
        self._some.set()
        if len(self._waiting) >= self._batch:
            self._whole.set()

    async def _run(self) -> None:
        delay, hears = self._delay, True
        while not self._closing.is_set():
            await self._some.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for((self._whole if hears else self._closing).wait(), delay)
            hears = await self._send()
            delay = self._delay if hears else min(2 * delay, LONGEST_DELAY)

    async def _send(self) -> bool:
        """Sends the oldest that wait. False when that may go well another time; then they wait again."""
        calls = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
        if not calls:
            return True
        try:
            answer = await self._post(calls)
        except asyncio.CancelledError:
            self.lost += len(calls)
            raise
        again = not answer or answer in _AGAIN
        if again:
            self._back(calls)
        elif answer >= 300:
            self.lost += len(calls)
        if not self._waiting:
            self._some.clear()
        if len(self._waiting) < self._batch:
            self._whole.clear()
        self._tell(answer)
        return not again

    async def _post(self, calls: list[Call]) -> int:
        """The status of the answer, 0 where there is none."""
        body = await asyncio.to_thread(document, calls)
        headers = {**self._settings.headers, "content-type": "application/json"}
        try:
            reply = await self._http.post(self._settings.url, content=body, headers=headers)
        except httpx2.HTTPError:
            return 0
        return reply.status_code

    def _back(self, calls: Iterable[Call]) -> None:
        """To the head of what waits, as far as there is room."""
        found = list(calls)
        room = (self._waiting.maxlen or 0) - len(self._waiting)
        self.lost += max(len(found) - room, 0)
        self._waiting.extendleft(reversed(found[max(len(found) - room, 0) :]))

    def _tell(self, answer: int) -> None:
        """What the log says, when it changes. The URL is not in it: it may hold a key."""
        failing = not 200 <= answer < 300
        if failing and not self._failing:
            what = f"answers {answer}" if answer else "does not answer"
            _log.warning("the collector of spans (OTEL_EXPORTER_OTLP_ENDPOINT or [traces]) %s", what)
        elif self._failing and not failing:
            _log.warning("the collector of spans answers again")
        self._failing = failing
