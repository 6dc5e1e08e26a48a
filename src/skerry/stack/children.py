"""The programs that a stack starts: the identity provider and the declared services.

A child says that it is ready with one JSON line on its standard output, `{"ready": true, …}`, and ends
when its standard input ends, so that nothing is left behind however the stack ends. What it prints
goes to a file below `logs/`; lines that are hops go to the recorder.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from skerry.errors import ProgramError
from skerry.local.state import private
from skerry.wire.hop import Hop, decode

READY_TIMEOUT = 30.0
STOP_TIMEOUT = 3.0
LINE_LIMIT = 1 << 20
# What a child needs of our environment to start at all; secrets of the caller's shell stay here.
INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TZ",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "USERPROFILE",
    "VIRTUAL_ENV",
    "PYTHONDONTWRITEBYTECODE",
)


class _Log(contextlib.ExitStack):
    """A child's log. A line that cannot be written is lost: the child must be heard on, or it would block."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = private.appending(path)
        self.callback(self._quietly, self._file.close)

    def write(self, line: bytes) -> None:
        self._quietly(lambda: (self._file.write(line), self._file.flush()))

    @staticmethod
    def _quietly(act: Callable[[], object]) -> None:
        with contextlib.suppress(OSError):
            act()


class Child:
    """A running program. Made by `start`; ended by `stop`, which is safe to call twice."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, log: Path, on_hop: Callable[[Hop], None]
    ) -> None:
        self.name = name
        self.process = process
        self._log = log
        self._on_hop = on_hop
        self._tail: collections.deque[str] = collections.deque(maxlen=20)
        self._ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        with _Log(self._log) as log:
            while True:
                try:
                    line = await self.process.stdout.readline()
                except ValueError:  # a line beyond the limit: the rest of it is dropped
                    continue
                if not line:
                    break
                text = line.decode("utf-8", "replace").rstrip()
                hop = decode(text)
                if hop is not None:
                    self._on_hop(hop)
                    continue
                log.write(line)
                self._tail.append(text)
                if not self._ready.done() and text.startswith('{"ready"'):
                    with contextlib.suppress(ValueError):
                        self._ready.set_result(json.loads(text))
        if not self._ready.done():
            code = await self.process.wait()
            last = next((line for line in reversed(self._tail) if line.strip()), "it printed nothing")
            self._ready.set_exception(
                ProgramError(
                    f"{self.name} ended with code {code} before it was ready: {last}",
                    hint=f"Its log: {self._log}",
                )
            )

    async def ready(self) -> dict[str, Any]:
        """What the child said of itself. Raises ProgramError when it ends or stays silent."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._ready), READY_TIMEOUT)
        except TimeoutError as error:
            raise ProgramError(
                f"{self.name} did not get ready within {READY_TIMEOUT:.0f} s.", hint=f"Its log: {self._log}"
            ) from error

    async def stop(self) -> None:
        """Ends the child and its whole process group."""
        # Nobody may be waiting: an end before the child was ready is then nobody's error.
        self._ready.add_done_callback(lambda ready: ready.cancelled() or ready.exception())
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), STOP_TIMEOUT)
            except TimeoutError:
                self._kill()
                await self.process.wait()
        self._kill()  # what the child itself started
        if self.process.stdin is not None:
            self.process.stdin.close()
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                self.process.kill()
            else:
                os.killpg(self.process.pid, signal.SIGKILL)


async def start(
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    inherited: Mapping[str, str],
    folder: Path,
    log: Path,
    on_hop: Callable[[Hop], None],
) -> Child:
    """Starts a program in a process group of its own. Raises ProgramError when it cannot start."""
    scrubbed = {key: value for key, value in inherited.items() if key.upper() in INHERITED}
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**scrubbed, "PYTHONUNBUFFERED": "1", **environment},
            cwd=folder,
            limit=LINE_LIMIT,
            start_new_session=sys.platform != "win32",
        )
    except OSError as error:
        raise ProgramError(
            f"{name} cannot be started: {error.strerror}: {command[0]}.",
            hint="Check its command in skerry.toml.",
        ) from error
    return Child(name, process, log, on_hop)
