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
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from skerry.errors import ProgramError

if sys.platform != "win32":
    import fcntl

KEEP = 200
WIDTH = 16 * 1024
_CHUNK = 64 * 1024
_DRAIN = 1.0
_NODE = re.compile(r"Node\.js v[\d.]+")
_NEW_PROCESS_GROUP = 0x200  # CREATE_NEW_PROCESS_GROUP
_PIPE_SIZE = 1 << 20
_PR_SET_PDEATHSIG = 1


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
        """The last line that says something, or nothing: of a traceback, the exception.

        Node shows its own version last, and before it a paragraph that begins with the error.
        """
        said = "\n".join(line.strip() for line in self.lines).strip()
        *before, last = said.split("\n\n")
        if before and _NODE.fullmatch(last):
            return before[-1].strip().partition("\n")[0]
        return said.rpartition("\n")[2]

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


@dataclass(frozen=True, slots=True)
class Pipes:
    """The standard input and output of a program as byte pipes, read and written by the caller's protocols.

    `stdin` gets the transport to write to (`connection_made`) and is told when to pause; `stdout` gets the
    bytes as they come. So does `stderr`, which is output where none is given. Nothing is cut into lines and
    nothing is kept here. They close their transports themselves: what the program printed last may still be
    read after its end. On Windows `stdin` is not told when to pause.
    """

    stdin: asyncio.BaseProtocol
    stdout: asyncio.Protocol
    stderr: asyncio.Protocol | None = None


class Process:
    """A running program and its group. Made by `start`.

    `reader` and `writer` are its standard output and input where it was started with `control`.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        output: Output,
        *,
        reading: Sequence[asyncio.BaseTransport],
        control: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None,
    ) -> None:
        self.pid = process.pid
        self.output = output
        self.reader = control[0] if control is not None else None
        self.writer = control[1] if control is not None else None
        self._process = process
        self._reading = reading

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
        signal_group(self.pid, force=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN):
                await self.output.closed.wait()
        for transport in self._reading:
            transport.close()
        if self.writer is not None:
            self.writer.close()
        return code

    def signal(self, *, force: bool) -> None:
        """Asks the whole group to end, or with `force` ends it. Does nothing when it has ended."""
        if self.running:
            signal_group(self.pid, force=force)

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
    pipes: Pipes | None = None,
    bound: bool = False,
) -> Process:
    """Starts a program in a process group of its own, with exactly the environment given.

    Standard output and error are its output. With `control` or `pipes` its standard input and output belong
    to the caller instead and only standard error is output; else `stdin` may be a file descriptor. A `bound`
    program is killed when we are, whatever ends us (Linux; its own children are not). Raises ProgramError
    when the system cannot start it.
    """
    output = Output(on_line)
    try:
        if sys.platform == "win32":
            return await _start_windows(argv, cwd, env, output, control=control, pipes=pipes)
        if pipes is not None:
            return await _start_piped(argv, cwd, env, output, pipes=pipes, bound=bound)
        return await _start_posix(argv, cwd, env, output, control=control, stdin=stdin, bound=bound)
    except OSError as problem:
        raise ProgramError(
            f"{argv[0]} cannot be started: {problem.strerror or problem}.",
            hint=f"Is it installed, and does the folder {cwd} exist?",
        ) from problem


async def _start_posix(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    output: Output,
    *,
    control: bool,
    stdin: int,
    bound: bool,
) -> Process:
    """With pipes of our own: asyncio's would make `wait` wait for whoever else holds their other end."""
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as theirs:
        printed, prints = os.pipe()
        theirs.callback(os.close, prints)
        reading, _ = await loop.connect_read_pipe(lambda: output, os.fdopen(printed, "rb", buffering=0))
        ours = None
        stdout = prints
        if control:
            ours, other = socket.socketpair()
            theirs.callback(other.close)
            stdin = stdout = other.fileno()
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                cwd=cwd,
                env=dict(env),
                stdin=stdin,
                stdout=stdout,
                stderr=prints,
                start_new_session=True,
                preexec_fn=_die_with_parent() if bound else None,
            )
        except BaseException:
            reading.close()
            if ours is not None:
                ours.close()
            raise
    streams = await asyncio.open_connection(sock=ours) if ours is not None else None
    return Process(process, output, reading=[reading], control=streams)


async def _start_piped(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    output: Output,
    *,
    pipes: Pipes,
    bound: bool,
) -> Process:
    """Like `_start_posix`, with a pipe for each stream: some programs cannot use a socket as a file."""
    loop = asyncio.get_running_loop()
    ours: list[asyncio.BaseTransport] = []
    with contextlib.ExitStack() as theirs:

        def pipe(*, inwards: bool) -> tuple[int, IO[bytes]]:
            reads, writes = os.pipe()
            mine, given = (writes, reads) if inwards else (reads, writes)
            theirs.callback(os.close, given)
            return given, os.fdopen(mine, "wb" if inwards else "rb", buffering=0)

        try:
            prints, printed = pipe(inwards=False)
            said = pipes.stderr or output
            ours.append((await loop.connect_read_pipe(lambda: said, printed))[0])
            answers, answered = pipe(inwards=False)
            ours.append((await loop.connect_read_pipe(lambda: pipes.stdout, answered))[0])
            asks, asked = pipe(inwards=True)
            for end in (answers, asks):
                _widen(end)
            ours.append((await loop.connect_write_pipe(lambda: pipes.stdin, asked))[0])
            process = await asyncio.create_subprocess_exec(
                *argv,
                cwd=cwd,
                env=dict(env),
                stdin=asks,
                stdout=answers,
                stderr=prints,
                start_new_session=True,
                preexec_fn=_die_with_parent() if bound else None,
            )
        except BaseException:
            for transport in ours:
                transport.close()
            raise
    if pipes.stderr is not None:
        output.closed.set()  # there is none
        return Process(process, output, reading=[], control=None)
    return Process(process, output, reading=ours[:1], control=None)


def _widen(descriptor: int) -> None:
    """Makes a pipe hold more than 64 KiB: fewer wake-ups per large message. Linux; as far as it allows."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)


def _die_with_parent() -> Callable[[], None] | None:
    """What to run in the new process so that it is killed when its parent dies (Linux), else None.

    Source: prctl(2), PR_SET_PDEATHSIG. Everything is looked up here, before the fork.
    """
    if sys.platform != "linux":
        return None
    import ctypes

    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return bind


async def _start_windows(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    output: Output,
    *,
    control: bool,
    pipes: Pipes | None,
) -> Process:
    pipe = asyncio.subprocess.PIPE
    apart = control or pipes is not None
    process = await asyncio.create_subprocess_exec(
        *argv,
        cwd=cwd,
        env=dict(env),
        stdin=pipe if apart else subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe if apart else asyncio.subprocess.STDOUT,
        creationflags=_NEW_PROCESS_GROUP,
    )
    printed = process.stderr if apart else process.stdout
    assert printed is not None
    assert process.stdout is not None
    pumps: list[asyncio.BaseTransport] = []
    if pipes is not None and pipes.stderr is not None:
        pipes.stderr.connection_made(_Pump(asyncio.create_task(_pump(printed, pipes.stderr))))
        output.closed.set()  # there is none
    else:
        pumps.append(_Pump(asyncio.create_task(_pump(printed, output))))
    if pipes is not None:
        assert process.stdin is not None
        pipes.stdin.connection_made(process.stdin.transport)
        pipes.stdout.connection_made(_Pump(asyncio.create_task(_pump(process.stdout, pipes.stdout))))
    streams = (process.stdout, process.stdin) if control and process.stdin is not None else None
    return Process(process, output, reading=pumps, control=streams)


class _Pump(asyncio.BaseTransport):
    """A task that reads a pipe, closed like a transport."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        super().__init__()
        self._task = task

    def close(self) -> None:
        self._task.cancel()


async def _pump(stream: asyncio.StreamReader, output: asyncio.Protocol) -> None:
    while data := await stream.read(_CHUNK):
        output.data_received(data)
    output.connection_lost(None)


def signal_group(pid: int, *, force: bool) -> None:
    """Asks the group that `pid` leads to end, or with `force` ends it. Does nothing where there is none."""
    if sys.platform == "win32":
        argv = ["taskkill", "/T", "/PID", str(pid), *(["/F"] if force else [])]
        subprocess.run(argv, check=False, capture_output=True)  # noqa: S603
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL if force else signal.SIGTERM)
