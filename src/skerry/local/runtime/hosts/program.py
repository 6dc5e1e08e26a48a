"""A program and the process of one session that runs it.

A `Host` (see `hosts.py`) makes `Started` processes: prepared, waiting for the order that says whose session
they are. `Started.run` gives the order.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from skerry.errors import ProgramError
from skerry.processes import Output

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
SURROUNDINGS = BOOTSTRAP.with_name("surroundings.py")

OnLine = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run: an entry file below a folder, by an interpreter, with the contract port it binds.

    `environment` is what every process of it starts with; it may hold secrets. `command` runs the entry in
    place of Python, and `read` are paths beside the folder that it is read from.
    """

    python: str
    folder: Path
    entry: Path
    port: int
    environment: Mapping[str, str] = field(repr=False)
    command: tuple[str, ...] = ()
    read: tuple[str, ...] = ()

    @property
    def starter(self) -> list[str]:
        """The command of a process that waits for its order. Python code is prepared by its own Python."""
        if self.command:
            return [sys.executable, "-I", "-S", str(SURROUNDINGS)]
        return [self.python, str(BOOTSTRAP), "single"]

    def order(self, skip: tuple[str, ...] = ()) -> dict[str, Any]:
        """The first message to the bootstrap; `skip` is not imported ahead."""
        order = {"entry": str(self.entry), "cwd": str(self.folder), "port": self.port, "skip": list(skip)}
        return {**order, "command": list(self.command), "read": list(self.read)} if self.command else order


@dataclass(frozen=True, slots=True)
class Address:
    """Where a program listens."""

    host: str
    port: int

    @property
    def base(self) -> str:
        """As the beginning of a URL."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


class Compute(Protocol):
    """What one session runs in: a process, or a container.

    `ended` is its exit code once it has ended with everything that it started.
    """

    pid: int
    output: Output
    ended: asyncio.Future[int]

    async def run(
        self,
        environment: Mapping[str, str],
        limits: Mapping[str, int],
        isolation: Mapping[str, Any] | None = None,
    ) -> Address:
        """Becomes the program of a session and returns where it listens. Raises ProgramError."""
        ...

    async def stop(self, grace: float) -> int:
        """Ends it: asks, waits up to `grace` seconds, then forces. Its exit code."""
        ...


class Started:
    """A process that waits to become the program of a session.

    `ended` is its exit code once it has ended with everything that it started. `send` takes a signal for
    its whole process group, `learn` what the program was seen to import before it listened.
    """

    def __init__(
        self,
        *,
        pid: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        output: Output,
        ended: asyncio.Future[int],
        send: Callable[[signal.Signals], None],
        learn: Callable[[list[str]], None] = lambda _: None,
    ) -> None:
        self.pid = pid
        self.output = output
        self.ended = ended
        self._reader = reader
        self._writer = writer
        self._send = send
        self._learn = learn
        ended.add_done_callback(lambda _: writer.close())

    async def run(
        self,
        environment: Mapping[str, str],
        limits: Mapping[str, int],
        isolation: Mapping[str, Any] | None = None,
    ) -> Address:
        """Becomes the program; returns when it listens on its contract port.

        `isolation` is an order to `sandbox.py`. Raises ProgramError when the program ends before it listens;
        its hint is what the program said last.
        """
        spec = {
            "environment": dict(environment),
            "limits": dict(limits),
            **({"isolation": dict(isolation)} if isolation else {}),
        }
        try:
            self._writer.write(message_line(spec))
            await self._writer.drain()
            report = await self._reader.readline()
        except ConnectionError:
            report = b""
        if not report:
            code = await asyncio.shield(self.ended)
            raise ProgramError(
                f"the program ended with exit code {code} before it listened on its port.",
                hint=self.output.last(),
            )
        data = json.loads(report)
        self._learn(data.get("imported", []))
        return Address(data["host"], data["port"])

    async def stop(self, grace: float) -> int:
        """Ends the process group: asks, waits up to `grace` seconds, then forces."""
        if grace > 0 and not self.ended.done():
            self._send(signal.SIGTERM)
            await asyncio.wait({self.ended}, timeout=grace)
        if not self.ended.done():
            if sys.platform == "win32":
                self._send(signal.SIGTERM)
            else:
                self._send(signal.SIGKILL)
        return await asyncio.shield(self.ended)


class Host(Protocol):
    """Makes processes for the sessions of one runtime version."""

    async def prepare(self) -> None:
        """Gets ready so that `take` is quick. Raises ProgramError."""
        ...

    async def take(self, on_line: OnLine) -> Compute:
        """Fresh compute, prepared; what it prints goes to `on_line`. Raises ProgramError."""
        ...

    async def close(self) -> None:
        """Ends every process made here."""
        ...


def message_line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"
