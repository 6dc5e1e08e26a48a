"""Programs as process groups: start one, read what it prints, end it with all that it started.

POSIX gives every program a session and process group of its own, so that one signal reaches its
children too. Windows gives it a process group and ends the tree with `taskkill`; that branch is not
checked by tests.
"""

from __future__ import annotations

import asyncio
import codecs
import collections
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from skerry.errors import ProgramError

KEEP = 200
WIDTH = 16 * 1024
_CHUNK = 64 * 1024
_DRAIN = 1.0


class Output(asyncio.Protocol):
    """What a program prints, line by line, bounded in both directions.

    The last `keep` lines stay in `lines`; a line is cut after `width` characters. Each line is given to
    `on_line` without its end. It is also the protocol of a read pipe: `loop.connect_read_pipe`.
    """

    def __init__(
        self, on_line: Callable[[str], None] | None = None, *, keep: int = KEEP, width: int = WIDTH
    ) -> None:
        self.lines: collections.deque[str] = collections.deque(maxlen=keep)
        self.closed = asyncio.Event()
        self._on_line = on_line
        self._width = width
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._partial = ""
        self._cut = False

    def data_received(self, data: bytes) -> None:
        """Takes the next piece, wherever it was cut."""
        text = self._decoder.decode(data)
        *complete, rest = text.split("\n")
        for piece in complete:
            self._add(piece)
            self._finish()
        self._add(rest)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's signature)
        """The program closed its end: what is left over becomes the last line."""
        self._add(self._decoder.decode(b"", final=True))
        if self._partial:
            self._finish()
        self.closed.set()

    def last(self) -> str:
        """The last line that says something, or nothing: of a traceback, the exception."""
        return next((line.strip() for line in reversed(self.lines) if line.strip()), "")

    def _add(self, piece: str) -> None:
        room = self._width - len(self._partial)
        self._cut = self._cut or len(piece) > room
        self._partial += piece[: max(room, 0)]

    def _finish(self) -> None:
        line = self._partial.rstrip("\r") + ("…" if self._cut else "")
        self._partial, self._cut = "", False
        self.lines.append(line)
        if self._on_line is not None:
            self._on_line(line)


class Process:
    """A running program and its group. Made by `start`.

    `reader` and `writer` are its standard output and input where it was started with `control`.
    """

    def __init__(self, process: asyncio.subprocess.Process, output: Output, *, control: bool) -> None:
        self.pid = process.pid
        self.output = output
        self.reader = process.stdout if control else None
        self.writer = process.stdin if control else None
        self._process = process
        self._pump = asyncio.create_task(_pump(process.stderr if control else process.stdout, output))

    @property
    def running(self) -> bool:
        """Whether the program itself has not ended yet."""
        return self._process.returncode is None

    async def wait(self) -> int:
        """Waits for its end, then ends what it left behind; returns the exit code, negative for a signal.

        What it printed has been read when this returns, unless something outside its group keeps the
        pipe open for more than a second.
        """
        code = await self._process.wait()
        _signal_group(self.pid, force=True)
        await asyncio.wait({self._pump}, timeout=_DRAIN)
        self._pump.cancel()
        return code

    def signal(self, *, force: bool) -> None:
        """Asks the whole group to end, or with `force` ends it. Does nothing when it has ended."""
        if self.running:
            _signal_group(self.pid, force=force)

    async def stop(self, grace: float = 3.0) -> int:
        """Ends the group: asks, waits up to `grace` seconds, then forces. Returns the exit code."""
        self.signal(force=False)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._process.wait()
        self.signal(force=True)
        return await self.wait()


async def start(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    on_line: Callable[[str], None] | None = None,
    control: bool = False,
    stdin: int = subprocess.DEVNULL,
) -> Process:
    """Starts a program in a process group of its own, with exactly the environment given.

    Standard output and error are its output. With `control` its standard input and output belong to the
    caller instead and only standard error is output; else `stdin` may be a file descriptor. Raises
    ProgramError when the system cannot start it.
    """
    group = {"creationflags": 0x200} if sys.platform == "win32" else {"start_new_session": True}
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=cwd,
            env=dict(env),
            stdin=asyncio.subprocess.PIPE if control else stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE if control else asyncio.subprocess.STDOUT,
            **group,
        )
    except OSError as problem:
        raise ProgramError(
            f"{argv[0]} cannot be started: {problem.strerror or problem}.",
            hint=f"Is it installed, and does the folder {cwd} exist?",
        ) from problem
    return Process(process, Output(on_line), control=control)


async def _pump(stream: asyncio.StreamReader | None, output: Output) -> None:
    assert stream is not None
    while data := await stream.read(_CHUNK):
        output.data_received(data)
    output.connection_lost(None)


def _signal_group(pid: int, *, force: bool) -> None:
    if sys.platform == "win32":
        argv = ["taskkill", "/T", "/PID", str(pid), *(["/F"] if force else [])]
        subprocess.run(argv, check=False, capture_output=True)  # noqa: S603
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL if force else signal.SIGTERM)
