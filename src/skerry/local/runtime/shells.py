"""InvokeAgentRuntimeCommandShell: a terminal in the surroundings of a session, over a WebSocket.

A message is one byte, its channel, and a payload. Source: bedrock-agentcore SDK source (channels, STATUS,
close codes); AWS developer guide, interactive shells (10 of a runtime, 256 KB kept for who comes back).

A shell stays when its socket goes, until its session ends; who names it again by `shellId` gets what it
printed meanwhile. A second socket takes it from the first, which is closed with 4000.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skerry.errors import ProgramError, ServiceError, validation
from skerry.local.http.asgi import ClientGoneError
from skerry.local.http.frames import MAX_FRAME, TOO_BIG, Close
from skerry.local.ports.asgi import Receive, Send
from skerry.local.ports.running import Clock
from skerry.local.runtime import texts
from skerry.local.runtime.call import Call
from skerry.local.runtime.commands import argv
from skerry.local.runtime.hosts import launch
from skerry.local.runtime.sessions.session import Key, Session
from skerry.local.runtime.settings import RuntimeSettings
from skerry.local.runtime.sockets import Counted, Rate, Sockets, accept, chosen, close_client
from skerry.local.runtime.terminal import Terminal

STDIN, STDOUT, STDERR, STATUS, RESIZE, HEARTBEAT, CLOSE = 0, 1, 2, 3, 4, 5, 0xFF
MAX_SHELLS = 10
KEPT = 256 * 1024
KICKED = Close(4000, "kicked by new connection")
SHELL_ID = "X-Amzn-Bedrock-AgentCore-Shell-Id"
_SHELL_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,127}")
_BINARY = 2
_MAX_SIDE = 65535


def shell_id(given: str) -> str:
    """The name of a shell, a new one for none. Raises ServiceError (400) when it may not be one."""
    if given and _SHELL_ID.fullmatch(given) is None:
        problem = f"Member must satisfy regular expression pattern: {_SHELL_ID.pattern}"
        raise validation(texts.constraint("shellId", problem), ("shellId", problem))
    return given or str(uuid.uuid4())


def confirmation(identifier: str, *, reconnected: bool) -> dict[str, Any]:
    """The STATUS of a connection."""
    return _status("Success", {"shellId": identifier, "reconnected": reconnected})


def termination(code: int) -> dict[str, Any]:
    """The STATUS of a shell that ended with an exit code, negative for a signal."""
    if code == 0:
        return _status("Success", {})
    shown = code if code > 0 else 128 - code
    causes = [{"reason": "ExitCode", "message": str(shown)}]
    if code < 0:
        causes.append({"reason": "Signal", "message": str(-code)})
    return {
        **_status("Failure", {}),
        "reason": "NonZeroExitCode",
        "message": f"command terminated with exit code {shown}",
        "details": {"causes": causes},
    }


def window(payload: bytes) -> tuple[int, int] | None:
    """Width and height of a RESIZE; None for what is none."""
    try:
        size = json.loads(payload)
        sides = size["width"], size["height"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    good = all(
        isinstance(side, int) and not isinstance(side, bool) and 0 < side <= _MAX_SIDE for side in sides
    )
    return sides if good else None


@dataclass(eq=False, slots=True)
class _Attached:
    """The socket that shows a shell. `over` says how it is to be closed."""

    send: Send
    counted: Counted
    over: asyncio.Future[Close]

    async def message(self, channel: int, payload: bytes = b"") -> None:
        """Sends a message. Raises ClientGoneError, also when the socket is to be closed meanwhile.

        A client that does not read would hold the shell else, from whoever comes back to it.
        """
        self.counted.count(payload)
        data = bytes((channel,)) + payload
        sent = self.send({"type": "websocket.frame", "opcode": _BINARY, "data": data, "fin": True})
        sending = asyncio.ensure_future(sent)
        try:
            await asyncio.wait((sending, self.over), return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                raise ClientGoneError
            sending.result()
        finally:
            sending.cancel()

    def close(self, close: Close) -> None:
        if not self.over.done():
            self.over.set_result(close)


@dataclass(eq=False, slots=True)
class _Shell:
    """A shell. `newest` is the socket that has it or is about to, `attached` the one that is shown output."""

    terminal: Terminal
    kept: bytearray = field(default_factory=bytearray)
    newest: _Attached | None = None
    attached: _Attached | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def attach(self, socket: _Attached, status: Mapping[str, Any]) -> None:
        """Shows the shell on a socket, which first gets what was printed for nobody.

        Raises ClientGoneError, also when another socket takes it meanwhile.
        """
        if self.newest is not None:
            self.newest.close(KICKED)
        self.newest = socket
        async with self.turn:
            await socket.message(STATUS, json.dumps(status).encode())
            for start in range(0, len(self.kept), MAX_FRAME // 2):
                await socket.message(STDOUT, bytes(self.kept[start : start + MAX_FRAME // 2]))
            self.kept.clear()
            self.attached = socket

    def detach(self, socket: _Attached) -> None:
        """The socket is gone."""
        if self.attached is socket:
            self.attached = None
        if self.newest is socket:
            self.newest = None

    async def show(self, data: bytes) -> None:
        """Sends output to the socket, or keeps the newest of it."""
        async with self.turn:
            if self.attached is not None:
                try:
                    await self.attached.message(STDOUT, data)
                except ClientGoneError:
                    self.attached = None
                else:
                    return
            self.kept += data
            del self.kept[:-KEPT]

    async def last(self, channel: int, payload: bytes = b"") -> None:
        """The end: one more message, and the socket is closed in order."""
        if self.attached is not None:
            try:
                await self.attached.message(channel, payload)
            except ClientGoneError:
                return
            self.attached.close(Close(1000))


class Shells:
    """All shells of the plane."""

    def __init__(self, *, settings: RuntimeSettings, clock: Clock, sockets: Sockets) -> None:
        self._settings = settings
        self._clock = clock
        self._sockets = sockets
        self._shells: dict[tuple[Key, str], _Shell] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Lock()

    async def close(self) -> None:
        """Ends all shells."""
        await asyncio.gather(*(shell.terminal.close() for shell in list(self._shells.values())))
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def serve(
        self, call: Call, session: Session, folder: Path, *, identifier: str, receive: Receive, send: Send
    ) -> None:
        """Connects a client to the shell of that name, a new one where there is none.

        Raises ServiceError while the client is not accepted: 402 at the limit of shells, 424.
        """
        async with self._starting:  # two sockets that name a new shell at once get the same one
            shell = self._shells.get((session.key, identifier))
            reconnected = shell is not None
            shell = shell or await self._start(session, identifier, folder)
        over: asyncio.Future[Close] = asyncio.get_running_loop().create_future()
        socket = _Attached(send, Counted(call, "out", Rate(self._settings.socket_frames, self._clock)), over)
        own = [(SHELL_ID.lower().encode(), identifier.encode())]
        try:
            with self._sockets.live() as live:
                await send(accept(call, session, chosen(call, None), own))
                call.status, call.answered = 101, True
                try:
                    await shell.attach(socket, confirmation(identifier, reconnected=reconnected))
                    close = await self._until(call, shell, socket, receive, live.expired)
                except ClientGoneError:
                    if not over.done():
                        raise
                    close = over.result()
            call.detail["close"] = f"{close.code}"
            await close_client(send, close)
        except ClientGoneError:
            call.detail.setdefault("close", "1006")
        finally:
            socket.close(Close(1001))
            shell.detach(socket)

    async def _until(
        self, call: Call, shell: _Shell, socket: _Attached, receive: Receive, expired: asyncio.Event
    ) -> Close:
        """Takes what is typed until one side has enough; how the socket is to be closed."""
        typing = asyncio.create_task(self._type(call, shell, socket, receive))
        late = asyncio.create_task(expired.wait())
        tasks: tuple[asyncio.Future[Any], ...] = (typing, late)
        try:
            await asyncio.wait((*tasks, socket.over), return_when=asyncio.FIRST_COMPLETED)
            if socket.over.done():
                return socket.over.result()
            return typing.result() if typing.done() else Close(1008, texts.SOCKET_LIFETIME)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _type(self, call: Call, shell: _Shell, socket: _Attached, receive: Receive) -> Close:
        counted = Counted(call, "in", Rate(self._settings.socket_frames, self._clock))
        message = b""
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                raise ClientGoneError
            if event["type"] != "websocket.frame":
                continue
            await asyncio.sleep(counted.count(event["data"]))
            message += event["data"]
            if len(message) > MAX_FRAME:
                return Close(1009, TOO_BIG)
            if not event["fin"]:
                continue
            channel, payload = message[:1], message[1:]
            message = b""
            if channel == bytes((STDIN,)):
                await shell.terminal.write(payload)
            elif channel == bytes((RESIZE,)):
                size = window(payload)
                if size is not None:
                    shell.terminal.resize(*size)
            elif channel == bytes((HEARTBEAT,)):
                await socket.message(HEARTBEAT)
            elif channel == bytes((CLOSE,)):
                await shell.terminal.close()
                return Close(1000)

    async def _start(self, session: Session, identifier: str, folder: Path) -> _Shell:
        arn = session.runtime.arn
        if sum(key[0] == arn for key, _ in self._shells) >= MAX_SHELLS:
            raise ServiceError(
                "ServiceQuotaExceededException", 402, f"A runtime has at most {MAX_SHELLS} shells."
            )
        settings = self._settings
        assert session.credentials is not None
        assert session.room is not None
        environment = launch.environment(session.runtime, settings, session.credentials, session.room)
        program = shutil.which("bash", path=environment.get("PATH")) or "/bin/sh"
        try:
            terminal = await Terminal.start(
                launch.inside(argv(f"exec '{program}'", settings.limits), session.isolation),
                cwd=folder,
                env={"TERM": "xterm-256color", **environment},
            )
        except ProgramError as problem:
            raise ServiceError(
                "RuntimeClientError", 424, texts.received(502), hint=f"({problem})"
            ) from problem
        shell = self._shells[session.key, identifier] = _Shell(terminal)
        task = asyncio.create_task(self._live(session, identifier, shell))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return shell

    async def _live(self, session: Session, identifier: str, shell: _Shell) -> None:
        """Carries what a shell prints until it ends, or its session does."""
        assert session.process is not None
        printing = asyncio.create_task(_print(shell))
        ends: tuple[asyncio.Future[Any], ...] = (printing, session.process.ended)
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            ended = await shell.terminal.ended if printing.done() else None
            self._forget(session, identifier, shell)  # whoever comes from now on gets another one
            if ended is None:
                await shell.last(CLOSE)
            else:
                await shell.last(STATUS, json.dumps(termination(ended)).encode())
        finally:
            self._forget(session, identifier, shell)
            printing.cancel()
            await asyncio.gather(printing, return_exceptions=True)
            await shell.terminal.close()

    def _forget(self, session: Session, identifier: str, shell: _Shell) -> None:
        """Lets go of a shell, but not of the next one of that name."""
        if self._shells.get((session.key, identifier)) is shell:
            del self._shells[session.key, identifier]


async def _print(shell: _Shell) -> None:
    while data := await shell.terminal.read():
        await shell.show(data)


def _status(status: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "metadata": metadata, "status": status}
