"""Sessions of a runtime whose artifact is a container image: one container each, by a container engine.

Source: AWS developer guide, runtime service contract (ports, linux/arm64) and quotas (2 vCPU, 8 GB). The
container gets its contract port published at a free port of the loopback, no new privileges, bounded memory,
processors and processes, and its session storage as a volume. Its disk can be written to and goes with it,
as in AWS.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.errors import ProgramError
from skerry.local.runtime.hosts.engine import LABEL, Engine
from skerry.local.runtime.hosts.program import Address, OnLine
from skerry.processes import Output, Process

PROCESSORS = 2
ARCHITECTURE = "arm64"
HOST = "host.docker.internal"
"""The name by which a container finds this machine."""
_VARIABLES = "environment"
_PATIENCE = 10.0
"""Seconds for an engine to end a container that was killed."""
_OWN = ("PATH", "HOME", "XDG_RUNTIME_DIR", "DOCKER_", "CONTAINER", "LD_")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What to run, and how bounded. `memory` in MiB; `stack` names this stack in the labels of containers."""

    uri: str
    port: int
    memory: int
    processes: int
    stack: str


class ContainerHost:
    """Makes containers of one runtime version. Implements Host."""

    def __init__(self, engine: Engine, image: Image) -> None:
        self._engine = engine
        self._image = image
        self._fetching: asyncio.Task[None] | None = None
        self._all: set[Container] = set()

    async def prepare(self) -> None:
        """Fetches the image where it is not there yet. Raises ProgramError."""
        if self._fetching is None or (self._fetching.done() and self._fetching.exception() is not None):
            self._fetching = asyncio.create_task(self._fetch())
        await asyncio.shield(self._fetching)

    async def take(self, on_line: OnLine) -> Container:
        """A container that is not started yet."""
        await self.prepare()
        made = Container(self._engine, self._image, on_line)
        self._all.add(made)
        made.ended.add_done_callback(lambda _: self._all.discard(made))
        return made

    async def close(self) -> None:
        """Removes every container."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait({self._fetching})
        await asyncio.gather(*(made.stop(0) for made in list(self._all)))

    async def _fetch(self) -> None:
        describe = ("image", "inspect", "--format", "{{.Architecture}}", self._image.uri)
        try:
            architecture = await self._engine.tell(*describe)
        except ProgramError:
            log.info("fetching the image %s", self._image.uri)
            await self._engine.tell("pull", "--quiet", self._image.uri)
            architecture = await self._engine.tell(*describe)
        if architecture.strip() != ARCHITECTURE:
            log.warning(
                "the image %s is for %s; AWS runs linux/%s only",
                self._image.uri,
                architecture.strip() or "an unknown processor",
                ARCHITECTURE,
            )


class Container:
    """A container of one session. Implements Compute; its `pid` is not known here and 0."""

    def __init__(self, engine: Engine, image: Image, on_line: OnLine) -> None:
        self._engine = engine
        self._image = image
        self._name = f"skerry-{secrets.token_hex(8)}"
        self._started = False
        self._logs: Process | None = None
        self._waiting: asyncio.Task[None] | None = None
        self._on_line = on_line
        self.pid = 0
        self.output = Output(on_line)
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(
        self,
        environment: Mapping[str, str],
        limits: Mapping[str, int],
        isolation: Mapping[str, Any] | None = None,
    ) -> Address:
        """Starts it; returns when it runs, which may be before its program listens. Raises ProgramError.

        Of `limits` the number of open files is its own; `isolation` has the folder `room` of the session and
        its `mounts`.
        """
        wanted = isolation or {}
        arguments, more = self._arguments(environment, Path(wanted["room"]), wanted.get("mounts", {}))
        files = limits.get("RLIMIT_NOFILE")
        if files:
            arguments += ["--ulimit", f"nofile={files}:{files}"]
        self._started = True
        try:
            await self._engine.tell(*arguments, self._image.uri, more=more)
        finally:
            (Path(wanted["room"]) / _VARIABLES).unlink(missing_ok=True)
        self._logs = await self._engine.start(["logs", "--follow", self._name], on_line=self._say, bound=True)
        self._waiting = asyncio.create_task(self._wait())
        published = await self._engine.tell("port", self._name, f"{self._image.port}/tcp")
        return address(published)

    async def stop(self, grace: float) -> int:
        """Ends and removes it: asks, waits up to `grace` seconds, then forces. Its exit code."""
        if self._waiting is None:
            if self._started:  # it may be there although the command to start it did not end
                await self._remove()
            self._end(-9)
            return self.ended.result()
        if grace > 0 and not self.ended.done():
            with contextlib.suppress(ProgramError):
                await self._engine.tell("kill", "--signal", "TERM", self._name)
            await asyncio.wait({self.ended}, timeout=grace)
        if not self.ended.done():
            with contextlib.suppress(ProgramError):
                await self._engine.tell("kill", self._name)
        await asyncio.wait({self.ended}, timeout=_PATIENCE)
        if not self.ended.done():
            log.warning("the container engine does not end %s", self._name)
            self._waiting.cancel()
            self._end(-9)
        await self._remove()
        return self.ended.result()

    def _arguments(
        self, environment: Mapping[str, str], room: Path, mounts: Mapping[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        """The command without the image, and the variables that it takes from its own environment."""
        listed = {name: value for name, value in environment.items() if "\n" not in value}
        more = {name: value for name, value in environment.items() if "\n" in value}
        for name in more:
            if name.startswith(_OWN):
                raise ProgramError(
                    f"the environment variable {name} of a container cannot have several lines."
                )
        file = room / _VARIABLES
        file.touch(mode=0o600)
        file.write_text("".join(f"{name}={value}\n" for name, value in listed.items()))
        arguments = ["run", "--detach", "--name", self._name, "--label", f"{LABEL}={self._image.stack}"]
        arguments += ["--publish", f"127.0.0.1::{self._image.port}", "--add-host", f"{HOST}:host-gateway"]
        arguments += ["--env-file", str(file), *(word for name in more for word in ("--env", name))]
        arguments += ["--memory", f"{self._image.memory}m", "--cpus", str(PROCESSORS)]
        arguments += ["--pids-limit", str(self._image.processes), "--security-opt", "no-new-privileges"]
        arguments += [word for path, folder in mounts.items() for word in ("--volume", f"{folder}:{path}")]
        return arguments, more

    def _say(self, text: str) -> None:
        self.output.lines.append(text)
        self._on_line(text)

    async def _wait(self) -> None:
        """Waits for its end, and for what it printed by then."""
        try:
            code = int((await self._engine.tell("wait", self._name)).split()[-1])
        except (ProgramError, ValueError, IndexError):
            code = -9  # removed, or the engine is gone
        if self._logs is not None:
            await self._logs.wait()
        self._end(code)

    def _end(self, code: int) -> None:
        if not self.ended.done():
            self.ended.set_result(code)

    async def _remove(self) -> None:
        with contextlib.suppress(ProgramError):
            await self._engine.tell("rm", "--force", self._name)


def address(published: str) -> Address:
    """The address in what `port` prints, `127.0.0.1:49153`. Raises ProgramError for anything else."""
    for line in published.splitlines():
        host, _, port = line.strip().rpartition(":")
        if host == "127.0.0.1" and port.isascii() and port.isdigit() and 0 < int(port) < 65536:
            return Address(host, int(port))
    raise ProgramError(f"the container engine did not publish a port of the loopback: {published[:200]!r}.")
