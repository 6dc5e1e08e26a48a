"""InvokeAgentRuntimeCommand: one shell command in the surroundings of a session, its output as events.

Source: botocore service model (`contentStart`, `contentDelta`, `contentStop`; -1 is a platform error); AWS
developer guide, runtime quotas (64 KB an event, 100 MB in all). The command has the folder, HOME, environment
and limits of the session's program and a process group of its own, which ends with the command, with its
time, with its client, and with the session.
"""

from __future__ import annotations

import asyncio
import codecs
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from skerry.errors import ProgramError, ServiceError, validation
from skerry.local.api import eventstream
from skerry.local.http.asgi import ClientGoneError
from skerry.local.runtime import headers, texts
from skerry.local.runtime.call import Call
from skerry.local.runtime.hosts import launch
from skerry.local.runtime.sessions.session import Session
from skerry.local.runtime.settings import RuntimeSettings
from skerry.processes import Pipes, Process, start

MAX_COMMAND = 65536
MAX_TIMEOUT, DEFAULT_TIMEOUT = 3600, 300
PIECE = 10_000
"""Bytes of output in one event: with JSON's longest escapes still less than 64 KB."""
DRAIN = 1.0
"""Seconds of silence after the end of a command, after which nothing more is expected."""
PLATFORM_ERROR = -1
_ULIMIT: Mapping[str, tuple[str, int]] = {
    "RLIMIT_CORE": ("c", 512),
    "RLIMIT_CPU": ("t", 1),
    "RLIMIT_DATA": ("d", 1024),
    "RLIMIT_FSIZE": ("f", 512),
    "RLIMIT_NOFILE": ("n", 1),
    "RLIMIT_STACK": ("s", 1024),
}
"""Option of the shell's `ulimit` and the bytes of its unit (POSIX)."""

Outcome = Literal["ended", "timeout", "size", "session"]


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be run, for at most `timeout` seconds."""

    text: str
    timeout: int

    @classmethod
    def parse(cls, body: bytes) -> Command:
        """The command of a request body. Raises ServiceError (400) for what the model does not allow."""
        try:
            document: Any = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise validation('The body must be JSON like {"command": "ls", "timeout": 300}.')
        text, timeout = document.get("command"), document.get("timeout")
        if not isinstance(text, str) or not text:
            raise _invalid("command", "Member must have length greater than or equal to 1")
        if len(text) > MAX_COMMAND:
            raise _invalid("command", f"Member must have length less than or equal to {MAX_COMMAND}")
        if "\0" in text or _unencodable(text):
            raise _invalid("command", "Member must be text without NUL")
        if timeout is None:
            timeout = DEFAULT_TIMEOUT
        if not isinstance(timeout, int) or isinstance(timeout, bool) or not 1 <= timeout <= MAX_TIMEOUT:
            raise _invalid("timeout", f"Member must be a whole number from 1 to {MAX_TIMEOUT}")
        return cls(text, timeout)


def argv(command: str, limits: Mapping[str, int]) -> list[str]:
    """The shell that runs a command, with the limits of the session's program."""
    if sys.platform == "win32":
        return ["cmd", "/d", "/s", "/c", command]
    known = [(*_ULIMIT[name], value) for name, value in limits.items() if name in _ULIMIT]
    lowered = "".join(f"ulimit -{option} {value // unit} 2>/dev/null; " for option, unit, value in known)
    return ["/bin/sh", "-c", f'{lowered}exec /bin/sh -c "$1"', "sh", command]


class Commands:
    """Runs commands and streams what they print."""

    def __init__(self, settings: RuntimeSettings) -> None:
        self._settings = settings

    async def run(self, call: Call, command: Command, session: Session, folder: Path) -> None:
        """Answers a call with the events of its command. Raises ClientGoneError."""
        traced = headers.trace(call.scope["headers"])
        await call.begin(200, [(b"content-type", eventstream.CONTENT_TYPE.encode()), *traced])
        await call.write(_chunk({"contentStart": {}}), more=True)
        work = asyncio.create_task(self._run(call, command, session, folder))
        gone = asyncio.create_task(call.body.gone())
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise ClientGoneError
            last = work.result()
        finally:
            for task in (work, gone):
                task.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)
        await call.write(last, more=False)

    async def _run(self, call: Call, command: Command, session: Session, folder: Path) -> bytes:
        """The last event: how the command ended, or why it had to."""
        settings = self._settings
        assert session.credentials is not None
        assert session.room is not None
        environment = launch.environment(session.runtime, settings, session.credentials, session.room)
        streams = _Streams(call, settings.max_output)
        try:
            process = await start(
                launch.inside(argv(command.text, settings.limits), session.isolation),
                cwd=folder,
                env=environment,
                pipes=streams.pipes(),
                bound=True,
            )
        except ProgramError as problem:
            await streams.delta("stderr", f"{problem}\n")
            return _stop(call, PLATFORM_ERROR, "COMPLETED")
        streams.close_input()
        try:
            outcome, code = await _settle(process, streams, session, command.timeout)
        finally:
            process.signal(force=True)
            streams.close()
        if outcome == "timeout":
            return _stop(call, PLATFORM_ERROR, "TIMED_OUT")
        if outcome == "ended":
            return _stop(call, code if code >= 0 else 128 - code, "COMPLETED")
        call.detail["error"] = "runtimeClientError"
        text = texts.OUTPUT_SIZE if outcome == "size" else texts.SESSION_ENDED
        return eventstream.exception("runtimeClientError", text)


async def _settle(
    process: Process, streams: _Streams, session: Session, seconds: float
) -> tuple[Outcome, int]:
    """Carries output until the command or its reason to run is over; how that was, and its exit code."""
    assert session.process is not None
    work = asyncio.create_task(_carry(process, streams))
    try:
        async with asyncio.timeout(seconds):
            await asyncio.wait({work, session.process.ended}, return_when=asyncio.FIRST_COMPLETED)
        return ("ended", work.result()) if work.done() else ("session", PLATFORM_ERROR)
    except TimeoutError:
        return "timeout", PLATFORM_ERROR
    except _TooMuchError:
        return "size", PLATFORM_ERROR
    finally:
        process.signal(force=True)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await process.wait()


async def _carry(process: Process, streams: _Streams) -> int:
    """Output to its end; the exit code. What left the group may keep a pipe open: it is not waited for."""
    pending = {asyncio.create_task(streams.pump(name)) for name in ("stdout", "stderr")}
    ended = asyncio.create_task(process.wait())
    try:
        while pending:
            before = streams.size
            waiting = {*pending} if ended.done() else {*pending, ended}
            done, _ = await asyncio.wait(
                waiting, timeout=DRAIN if ended.done() else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done - {ended}:
                task.result()
            pending -= done
            if not done and streams.size == before and not streams.writing:
                break
        return await ended
    finally:
        for task in (*pending, ended):
            task.cancel()
        await asyncio.gather(*pending, ended, return_exceptions=True)


class _TooMuchError(Exception):
    """The command printed more than is allowed."""


class _Input(asyncio.Protocol):
    """The standard input of a command, which is empty. Closed when it is connected, not earlier."""

    _kept: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._kept = transport

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()


class _Streams:
    """Standard output and error of a command on their way to the client.

    Reading stops while the client does not read: the pipes are full then and the command waits.
    """

    def __init__(self, call: Call, limit: int) -> None:
        self._call = call
        self._limit = limit
        self.size = 0
        self.writing = 0
        self._readers = {name: asyncio.StreamReader(limit=4 * PIECE) for name in ("stdout", "stderr")}
        self._input = _Input()
        self._protocols = {name: _Kept(reader) for name, reader in self._readers.items()}

    def pipes(self) -> Pipes:
        return Pipes(self._input, self._protocols["stdout"], self._protocols["stderr"])

    def close_input(self) -> None:
        self._input.close()

    async def pump(self, name: str) -> None:
        """Carries one of them to its end."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while data := await self._readers[name].read(PIECE):
            self.size += len(data)
            self._call.detail["bytes_out"] = str(self.size)
            if self.size > self._limit:
                raise _TooMuchError
            await self.delta(name, decoder.decode(data))
        await self.delta(name, decoder.decode(b"", final=True))

    async def delta(self, name: str, text: str) -> None:
        if not text:
            return
        self.writing += 1
        await self._call.write(_chunk({"contentDelta": {name: text}}), more=True)
        self.writing -= 1

    def close(self) -> None:
        self._input.close()
        for protocol in self._protocols.values():
            protocol.close()


class _Kept(asyncio.StreamReaderProtocol):
    """Keeps the transport, so that it can be closed while somebody else still has the other end."""

    _kept: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._kept = transport
        super().connection_made(transport)

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()


def _chunk(members: Mapping[str, Any]) -> bytes:
    return eventstream.event("chunk", members)


def _stop(call: Call, code: int, status: str) -> bytes:
    call.detail |= {"exit_code": str(code), "status": status}
    return _chunk({"contentStop": {"exitCode": code, "status": status}})


def _invalid(member: str, problem: str) -> ServiceError:
    return validation(texts.constraint(member, problem), (member, problem))


def _unencodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
