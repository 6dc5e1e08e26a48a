"""An execution environment: one process with the handler loaded, one invocation at a time.

It has a process group, a Runtime API, temporary credentials and a folder for HOME and temporary files of its
own.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from skerry import processes
from skerry.auth.aws.sigv4 import Credentials
from skerry.errors import ServiceError, StateError
from skerry.local.functions import bootstrap
from skerry.local.functions.function import Function, variables
from skerry.local.functions.invocation import Invocation, Outcome, exited, init_timed_out, timed_out
from skerry.local.functions.log import EnvironmentLog, Run
from skerry.local.functions.memory import PeakMemory
from skerry.local.functions.runtime_api import RuntimeApi
from skerry.local.ports.callers import Access
from skerry.local.ports.monitoring import Monitor
from skerry.local.ports.running import Clock

GRACE = 0.3
"""Seconds between asking an environment to end and ending it."""


class StaleError(Exception):
    """An environment ended between two invocations: the event goes to another one."""


class Environment:
    """Usable after `start`. `on_end` is called once, when its process has ended."""

    def __init__(
        self,
        function: Function,
        *,
        access: Access,
        clock: Clock,
        monitor: Monitor,
        on_line: Callable[[str], None],
    ) -> None:
        self.function = function
        self.code_time = function.code_time()
        self.ready = asyncio.Event()
        self.idle = asyncio.Event()
        self.on_end: Callable[[], None] = lambda: None
        self._access = access
        self._clock = clock
        self._on_line = on_line
        self._log = EnvironmentLog(function, monitor=monitor, clock=clock, peak=self._peak)
        self._api = RuntimeApi(clock=clock, on_idle=self._asked, on_work=self._log.deliver)
        self._process: processes.Process | None = None
        self._memory: PeakMemory | None = None
        self._credentials: Credentials | None = None
        self._folder: Path | None = None
        self._alive: int | None = None
        self._ended: asyncio.Task[int] | None = None
        self._stopping = False

    @property
    def pid(self) -> int:
        """The process id, which is also that of the group; 0 before the start."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Whether it can take an invocation."""
        return self._ended is not None and not self._ended.done() and not self._stopping

    async def start(self) -> None:
        """Starts the process. It loads the handler while the first event may already be waiting.

        Raises ProgramError when the interpreter cannot be started, StateError when the state directory cannot
        be used.
        """
        function = self.function
        self._folder = _folder(function.plane.state)
        self._credentials = self._access.assume(function.role, function.name)
        stdin, self._alive = os.pipe()
        try:
            address = await self._api.start()
            self._log.started()
            self._process = await processes.start(
                function.command(),
                cwd=function.settings.path,
                env=variables(function, self._credentials, address, self._folder, self._log.name),
                on_line=self._printed,
                stdin=stdin,
            )
        finally:
            os.close(stdin)
            if self._process is None:
                await self._release()
        if not function.settings.web:  # of a server it would be the adapter's
            self._memory = PeakMemory(self._process.pid)
        self._ended = asyncio.create_task(self._watch(self._process))
        if self._stopping:  # the stack closed while the process was on its way
            await self.stop(grace=0)

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Runs one event; the environment can be used again when `running` is still true.

        Raises StaleError when it ended while it rested and the event was not delivered, and ServiceError
        (InvalidRuntimeException) when the interpreter has no awslambdaric.
        """
        assert self._ended is not None, "invoke before start"
        run = self._log.give(invocation)
        outcome = await self._outcome(run)
        self._log.answer(run, outcome)
        if not self.running:
            self._log.complete()
        return outcome

    async def _outcome(self, run: Run) -> Outcome:
        assert self._ended is not None
        invocation, used_before = run.invocation, self.ready.is_set()
        self.idle.clear()
        self._api.give(invocation)
        delivered = asyncio.create_task(invocation.delivered.wait())
        try:
            limit = self.function.plane.init
            await _first(delivered, self._ended, timeout=limit)
            if not delivered.done():
                if used_before and self._ended.done():
                    raise StaleError
                return await self._unready(run, limit)
        finally:
            delivered.cancel()
        await _first(invocation.outcome, self._ended, timeout=invocation.timeout)
        if invocation.outcome.done():
            return invocation.outcome.result()
        if not self._ended.done():
            self._log.stop(run)
            await self.stop(grace=0)
            return timed_out(invocation, self._clock.time())
        return exited(invocation, self._ended.result())

    async def settled(self, at_most: float = 1.0) -> None:
        """Waits until the process asks for work again: by then all that it printed has arrived.

        Then the log of the invocation is complete; so it is when the process takes too long to ask.
        """
        if self._ended is not None and self.running:
            waiting = asyncio.create_task(self.idle.wait())
            await _first(waiting, self._ended, timeout=at_most)
            waiting.cancel()
        self._log.complete()

    async def stop(self, grace: float = GRACE) -> None:
        """Ends the process with its whole group, and waits for it. Safe to call twice."""
        self._stopping = True
        if self._process is not None and self._ended is not None:
            await self._process.stop(grace)
            await self._ended

    async def _unready(self, run: Run, limit: float) -> Outcome:
        assert self._ended is not None
        invocation = run.invocation
        if not self._ended.done():
            self._log.stop(run)
            await self.stop(grace=0)
            return init_timed_out(invocation, self._clock.time(), limit)
        code = self._ended.result()
        if self._api.init_error:
            return Outcome(self._api.init_error, "Unhandled")
        if code == bootstrap.NO_RUNTIME:
            raise no_runtime(self.function.python)
        return exited(invocation, code)

    async def _watch(self, process: processes.Process) -> int:
        code = await process.wait()
        self._log.complete()
        await self._release()
        self.on_end()
        return code

    async def _release(self) -> None:
        await self._api.close()
        if self._memory is not None:
            self._memory.close()
        if self._credentials is not None:
            self._access.revoke(self._credentials)
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    def _asked(self) -> None:
        if not self.ready.is_set():
            self._log.ready()
        self._log.ask()
        self.ready.set()
        self.idle.set()

    def _printed(self, line: str) -> None:
        text = line.replace("\r", "\n")  # as the runtime client keeps the lines of one event together
        self._log.printed(text)
        for part in text.split("\n"):
            self._on_line(part)

    def _peak(self) -> int | None:
        return self._memory.megabytes() if self._memory is not None else None


async def _first(*things: asyncio.Future[Any], timeout: float) -> None:  # noqa: ASYNC109 - for asyncio.wait
    """Waits until one of them is done, at most `timeout` seconds."""
    await asyncio.wait(things, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)


def no_runtime(python: str) -> ServiceError:
    """The interpreter lacks AWS's runtime client."""
    if sys.platform == "win32":
        text = "Functions need awslambdaric, which AWS does not offer for Windows; use WSL or a container."
    else:
        text = f"awslambdaric is not installed in {python}; run: {python} -m pip install awslambdaric"
    return ServiceError("InvalidRuntimeException", 502, text, members={"Type": "User"})


def runtime_problem(function: Function) -> ServiceError | None:
    """Why a function cannot run at all. Another interpreter is only known when it runs."""
    own = not function.settings.web and not function.node and function.python == sys.executable
    if sys.platform == "win32" or (own and find_spec("awslambdaric") is None):
        return no_runtime(function.python)
    return None


def _folder(state: Path) -> Path:
    root = state / "functions"
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=root)).resolve()  # 0700
    except OSError as error:
        hint = "Check its permissions, or start with another --state directory."
        raise StateError(f"{root} cannot be used: {error.strerror}.", hint=hint) from error
