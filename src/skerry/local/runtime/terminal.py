"""A program on a pseudo-terminal of its own, the leader of its session. POSIX only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from skerry.errors import ProgramError

if sys.platform != "win32":
    import fcntl
    import pty
    import termios

_PIECE = 32 * 1024
_SIZE = 24, 80
_GRACE = 0.5
_LAUNCH = (
    sys.executable,
    "-ISc",
    (
        "import fcntl, os, signal, sys, termios\n"
        "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "for name in ('SIGPIPE', 'SIGXFSZ'): signal.signal(getattr(signal, name), signal.SIG_DFL)\n"
        "os.execvp(sys.argv[1], sys.argv[1:])"
    ),
)
"""Takes the terminal as the controlling one. Not before the program, because uvloop is in no session then."""


class Terminal:
    """A running program and the other end of its terminal. Made by `start`.

    `ended` is its exit code, negative for a signal.
    """

    def __init__(self, process: asyncio.subprocess.Process, master: int) -> None:
        self.pid = process.pid
        self.ended = asyncio.create_task(process.wait())
        self._master = master
        self._loop = asyncio.get_running_loop()
        self._waiting: set[asyncio.Event] = set()

    @classmethod
    async def start(cls, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Terminal:
        """Starts a program. Raises ProgramError."""
        if sys.platform != "win32":
            master, slave = pty.openpty()
            try:
                os.set_blocking(master, False)
                fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", *_SIZE, 0, 0))
                process = await asyncio.create_subprocess_exec(
                    *_LAUNCH,
                    *argv,
                    cwd=cwd,
                    env=dict(env),
                    stdin=slave,
                    stdout=slave,
                    stderr=slave,
                    start_new_session=True,
                )
            except OSError as problem:
                os.close(master)
                raise ProgramError(
                    f"{argv[0]} cannot be started: {problem.strerror or problem}."
                ) from problem
            finally:
                os.close(slave)
            return cls(process, master)
        raise ProgramError("there are no pseudo-terminals on Windows.")

    async def read(self) -> bytes:
        """What the program prints next; nothing when nobody has the terminal open any more."""
        while self._master >= 0:
            try:
                return os.read(self._master, _PIECE)
            except BlockingIOError:
                await self._ready(self._loop.add_reader, self._loop.remove_reader)
            except OSError:  # Linux says EIO when the last program has closed it
                return b""
        return b""

    async def write(self, data: bytes) -> None:
        """Types; waits while the program does not read."""
        while data and self._master >= 0:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                await self._ready(self._loop.add_writer, self._loop.remove_writer)
            except OSError:
                return

    def resize(self, width: int, height: int) -> None:
        """Tells the program how large its window is."""
        if sys.platform != "win32" and self._master >= 0:
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    async def close(self) -> int:
        """Ends the program with its whole session; its exit code.

        It is told first: a shell passes SIGHUP on to its jobs, which have groups of their own.
        """
        if sys.platform != "win32" and self._master >= 0:
            self._signal(signal.SIGHUP)
            await asyncio.wait({self.ended}, timeout=_GRACE)
            self._signal(signal.SIGKILL)
            for pid in await asyncio.to_thread(_session, self.pid):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        code = await asyncio.shield(self.ended)
        master, self._master = self._master, -1
        if master >= 0:
            self._loop.remove_reader(master)
            self._loop.remove_writer(master)
            os.close(master)
        for waiting in self._waiting:
            waiting.set()
        return code

    def _signal(self, number: int) -> None:
        if sys.platform != "win32" and not self.ended.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    async def _ready(self, add: Callable[..., None], remove: Callable[[int], bool]) -> None:
        master, ready = self._master, asyncio.Event()
        add(master, ready.set)
        self._waiting.add(ready)
        try:
            await ready.wait()
        finally:
            self._waiting.discard(ready)
            if self._master == master:
                remove(master)


def _session(leader: int) -> list[int]:
    """The processes of a session; only Linux tells."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):
            # after the name: state, parent, group, session
            if int(entry.read_text().rpartition(")")[2].split()[3]) == leader:
                found.append(int(entry.parent.name))
    return found
