"""What happened on every hop: the newest in memory, all in a file that is bounded too.

The file holds one JSON object a line; at `FILE_LIMIT` bytes it becomes `NAME.1`, so that at most two
files are kept. It is written by a thread: recording only appends to a list in memory.
"""

from __future__ import annotations

import collections
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from skerry.errors import StateError
from skerry.local.state import private
from skerry.wire.hop import Hop, as_json, fits

KEPT = 10_000
WAITING = 10_000
FILE_LIMIT = 16 << 20

_log = logging.getLogger("skerry.local")


class HopRecorder:
    """Implements `ports.Recorder`. Without a file it keeps hops in memory only."""

    def __init__(self, path: Path | None = None, *, kept: int = KEPT, file_limit: int = FILE_LIMIT) -> None:
        self._hops: collections.deque[Hop] = collections.deque(maxlen=kept)
        self._path = path
        self._file_limit = file_limit
        self._waiting: queue.Queue[Hop | None] = queue.Queue(maxsize=WAITING)
        self._writer: threading.Thread | None = None
        self._listeners: list[Callable[[Hop], None]] = []

    def subscribe(self, listener: Callable[[Hop], None]) -> None:
        """Calls `listener` with every hop, where it is recorded: it may neither block nor raise."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Starts writing the file, when there is one."""
        if self._path is not None and self._writer is None:
            self._writer = threading.Thread(target=self._write, name="skerry-recorder", daemon=True)
            self._writer.start()

    def close(self) -> None:
        """Writes what is left and ends; safe to call twice."""
        writer, self._writer = self._writer, None
        if writer is not None:
            self._waiting.put(None)
            writer.join(5)

    def record(self, hop: Hop) -> None:
        """Never blocks and never raises. When the disk cannot keep up, the file misses hops."""
        self._hops.append(hop)
        for listener in self._listeners:
            listener(hop)
        if self._writer is not None:
            try:
                self._waiting.put_nowait(hop)
            except queue.Full:
                return

    def hops(
        self,
        *,
        session: str = "",
        trace: str = "",
        since: float = 0.0,
        limit: int = KEPT,
        looks: bool = True,
    ) -> list[Hop]:
        """The newest `limit` hops that fit, oldest first. `since` is seconds since the epoch.

        `looks` says whether those of the command line's own looking are among them.
        """
        found: list[Hop] = []
        for hop in reversed(self._hops):
            if len(found) >= limit:
                break
            if fits(hop, session=session, trace=trace, since=since, looks=looks):
                found.append(hop)
        found.reverse()
        return found

    def _write(self) -> None:
        assert self._path is not None
        try:
            for lines in self._batches():
                with private.appending(self._path) as file:
                    file.write(lines)
                    full = file.tell() >= self._file_limit
                if full:
                    self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        except (OSError, StateError) as error:
            _log.warning("hops are no longer written to %s: %s", self._path, error)
            while self._waiting.get() is not None:
                pass

    def _batches(self) -> Iterator[bytes]:
        """What has come in since the last write, as one piece of text."""
        while True:
            hops = [self._waiting.get()]
            while hops[-1] is not None and not self._waiting.empty() and len(hops) < 256:
                hops.append(self._waiting.get())
            lines = [as_json(hop) for hop in hops if hop]
            if lines:
                yield ("\n".join(lines) + "\n").encode("ascii")
            if hops[-1] is None:
                return
