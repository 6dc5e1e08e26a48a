"""The hosts of all runtime versions: made when first needed, kept while anything may still use them.

A version that is no longer current stays until its last session has ended, since ending a warm parent
ends its children.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.errors import ProgramError, ServiceError, SkerryError
from skerry.local.runtime.hosts import artifact, launch, nodejs
from skerry.local.runtime.hosts.artifact import FetchObject
from skerry.local.runtime.hosts.containers import ContainerHost
from skerry.local.runtime.hosts.engine import required
from skerry.local.runtime.hosts.hosts import open_host
from skerry.local.runtime.hosts.program import Compute, Host, OnLine
from skerry.local.runtime.record import NODE, Runtime
from skerry.local.runtime.settings import RuntimeSettings

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Version:
    opening: asyncio.Task[Host]
    sessions: int = 0
    retired: bool = False


class Versions:
    """Hosts by (runtime ARN, version)."""

    def __init__(self, settings: RuntimeSettings, fetch_object: FetchObject) -> None:
        self._settings = settings
        self._fetch_object = fetch_object
        self._versions: dict[tuple[str, str], _Version] = {}
        self._folders: dict[tuple[str, str], Path] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Semaphore(1)
        self._ending = False

    def warm(self, runtime: Runtime) -> None:
        """Prepares a version in the background, one after another: importing takes a whole processor.

        A failure is told to whoever needs the version; who needs one now does not wait for its turn.
        """
        self._spawn(self._warm(runtime, self._version(runtime)))

    async def locate(self, runtime: Runtime) -> None:
        """Returns when the code of a version is there.

        Raises ProgramError and what fetching the code raises.
        """
        await _opened(self._version(runtime))

    async def take(self, runtime: Runtime, on_line: OnLine) -> Compute:
        """A process for a new session of this version; give it back with `release`.

        Raises ProgramError and what fetching the code raises.
        """
        version = self._version(runtime)
        version.sessions += 1
        version.retired = False  # another endpoint may still serve it
        try:
            return await (await _opened(version)).take(on_line)
        except BaseException:
            self.release(runtime)
            raise

    def release(self, runtime: Runtime) -> None:
        """A session of this version has ended."""
        version = self._versions.get(runtime.key)
        if version is not None:
            version.sessions -= 1
            if version.retired and version.sessions <= 0:
                self._close(runtime.key)

    def retire(self, arn: str, current: str | None) -> None:
        """Lets go of every version of a runtime but `current`, as soon as it has no sessions."""
        for key, version in list(self._versions.items()):
            if key[0] == arn and key[1] != current:
                version.retired = True
                if version.sessions <= 0:
                    self._close(key)

    def folder(self, runtime: Runtime) -> Path:
        """Where the code of a version with live sessions is. Raises ServiceError (501) for a container."""
        if runtime.image:
            raise ServiceError(
                "UnknownOperationException",
                501,
                "Commands and shells in containers are not emulated here; use your engine's exec.",
            )
        return self._folders[runtime.key]

    def end_soon(self) -> None:
        """Nothing is prepared any more: what waits for its turn will not get one."""
        self._ending = True

    async def close(self) -> None:
        """Ends every process of every version."""
        self.end_soon()
        for key in list(self._versions):
            self._close(key)
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def _version(self, runtime: Runtime) -> _Version:
        version = self._versions.get(runtime.key)
        if version is not None and version.opening.done() and version.opening.exception() is not None:
            version = None  # what failed is tried again: the folder may be there now
        if version is None:
            version = self._versions[runtime.key] = _Version(asyncio.create_task(self._open(runtime)))
        return version

    async def _open(self, runtime: Runtime) -> Host:
        settings = self._settings
        if runtime.image:
            engine = required(settings.engine, settings.engine_environment)
            await asyncio.to_thread(launch.remember_engine, settings.state)
            return ContainerHost(engine, launch.image(runtime, settings))
        folder, entry = await artifact.locate(
            runtime.code(), fetch_object=self._fetch_object, store=settings.state / launch.CODE
        )
        self._folders[runtime.key] = folder
        node = ""
        if runtime.language == "NODE":
            named = runtime.environment.get(NODE) or settings.node
            node = await nodejs.find(named, launch.shared(runtime, settings))
        program = launch.program(runtime, folder, entry, settings, node=node)
        return open_host(program, mode=settings.mode, size=settings.pool_size)

    async def _warm(self, runtime: Runtime, version: _Version) -> None:
        try:
            async with self._turn:
                if not self._ending:
                    await (await _opened(version)).prepare()
        except SkerryError as problem:
            log.warning("runtime %s version %s: %s", runtime.name, runtime.version, problem)

    def _close(self, key: tuple[str, str]) -> None:
        version = self._versions.pop(key)
        self._folders.pop(key, None)
        self._spawn(self._end(version))

    async def _end(self, version: _Version) -> None:
        if not version.opening.done():
            version.opening.cancel()
        with contextlib.suppress(asyncio.CancelledError, SkerryError):
            await (await version.opening).close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _opened(version: _Version) -> Host:
    try:
        return await asyncio.shield(version.opening)
    except asyncio.CancelledError:
        if version.opening.cancelled():
            raise ProgramError("this version of the runtime is being ended.") from None
        raise
