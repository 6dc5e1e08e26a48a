"""Listens to a run in a thread, so that the page may be redrawn, clicked and left while the agent works.

Streamlit ends a running script at every click; whoever read the events in the script would lose them. The
agent works on the server in any case: a listener that loses its connection listens again from where it was.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from skerry.chat.backend import Backend, Event
from skerry.errors import SkerryError

ATTEMPTS = 4
FIRST_DELAY = 0.3
LAST = ("RUN_FINISHED", "RUN_ERROR")
GONE = "UNKNOWN_RUN"


@dataclass(frozen=True, slots=True)
class Heard:
    """An event and when it came, by a clock that only grows; None for what came from the server's buffer."""

    event: Event
    at: float | None


class Listener:
    """Reads the events of one run. `heard` only grows; all else is for the thread that draws to read.

    `begin` asks, answers or attaches. When the connection breaks and the run is known, the listener attaches
    again, at first after `delay` seconds. `gone` says that the server does not know the run any more: the
    conversation has its result. `problem` is why nothing more will come.
    """

    def __init__(
        self,
        backend: Backend,
        conversation: str,
        begin: Callable[[], Generator[Event]],
        *,
        run: str = "",
        clock: Callable[[], float] = time.monotonic,
        delay: float = FIRST_DELAY,
    ) -> None:
        self.run = run
        self.heard: list[Heard] = []
        self.problem: SkerryError | None = None
        self.gone = False
        self.breaks = 0
        self._backend = backend
        self._conversation = conversation
        self._begin = begin
        self._clock = clock
        self._delay = delay
        self._live = not run
        self._stopped = threading.Event()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._afterwards: list[Callable[[], object]] = []
        self._thread = threading.Thread(target=self._listen, name="skerry-web-listener", daemon=True)

    def start(self) -> Listener:
        """Begins to listen."""
        self._thread.start()
        return self

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self._over.is_set()

    def beyond(self, count: int) -> Sequence[Heard]:
        """The events after the first `count`."""
        return self.heard[count:]

    def wait(self, timeout: float) -> bool:
        """Waits for the end; whether it came."""
        return self._over.wait(timeout)

    def stop(self, then: Callable[[], object] | None = None) -> None:
        """Stops listening at the next event, and calls `then` when that is done; the run itself goes on."""
        with self._lock:
            self._stopped.set()
            if then is not None and not self.over:
                self._afterwards.append(then)
                return
        if then is not None:
            then()

    def _listen(self) -> None:
        try:
            begin, delay = self._begin, self._delay
            while True:
                try:
                    if self._read(begin):
                        return
                    lost: SkerryError | None = None
                except SkerryError as error:
                    lost = error
                if lost is None and not self.run and self.heard:
                    return  # an agent of another kind: its answer ends with its stream
                self.breaks += 1
                if self._stopped.is_set():
                    return
                if not self.run or self.breaks >= ATTEMPTS:
                    self.problem = lost or SkerryError(
                        "the agent's answer ended in the middle.",
                        hint="Open the conversation again to see what was kept.",
                    )
                    return
                self._stopped.wait(delay)
                begin, delay = self._again, 2 * delay
        finally:
            with self._lock:
                self._over.set()
            for each in self._afterwards:
                each()

    def _again(self) -> Generator[Event]:
        return self._backend.attach(self._conversation, self.run, after=len(self.heard))

    def _read(self, begin: Callable[[], Generator[Event]]) -> bool:
        """Reads one stream. Returns whether that was the end of the run."""
        events = begin()
        try:
            for event in events:
                if self._stopped.is_set():
                    return True
                kind = event.get("type")
                if kind == "RUN_ERROR" and event.get("code") == GONE:
                    self.gone = True
                    return True
                if kind == "RUN_STARTED":
                    self.run = str(event.get("runId", ""))
                self.heard.append(Heard(event, self._clock() if self._live else None))
                if kind in LAST:
                    return True
        finally:
            events.close()
        return False
