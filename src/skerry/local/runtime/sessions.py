"""Runtime sessions: made on first use, one isolated process group each, ended when their time is over.

    provisioning ──▶ ready ──▶ ending ──▶ (gone; the id stays valid and begins anew)

While a session is provisioned or torn down, another request to it is a RetryableConflictException, as in
AWS. A session ends when it was idle, when it is too old, when it is stopped, when its runtime is deleted,
or when its program ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from skerry.errors import ProgramError, ServiceError, SkerryError
from skerry.local.ports import Access, Clock, Recorder
from skerry.local.runtime import health, launch
from skerry.local.runtime.lifetime import due, keeps_alive
from skerry.local.runtime.record import Runtime
from skerry.local.runtime.session import Key, Session
from skerry.local.runtime.settings import RuntimeSettings
from skerry.local.runtime.texts import BUSY, HEALTH, initialization
from skerry.local.runtime.versions import Versions
from skerry.local.upstream import Upstream
from skerry.wire import session as session_id
from skerry.wire.hop import decode

log = logging.getLogger(__name__)
printed = logging.getLogger("skerry.runtime.output")


class Sessions:
    """All live sessions of the stack."""

    def __init__(
        self,
        *,
        settings: RuntimeSettings,
        versions: Versions,
        access: Access,
        recorder: Recorder,
        clock: Clock,
        upstream: Upstream,
    ) -> None:
        self._settings = settings
        self._versions = versions
        self._access = access
        self._recorder = recorder
        self._clock = clock
        self._upstream = upstream
        self._sessions: dict[Key, Session] = {}
        self._aliases: dict[Key, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # --- what a request does

    def find(self, runtime: Runtime, identifier: str) -> Session | None:
        """The live session with this id, or with this Mcp-Session-Id of its server's choosing."""
        key = (runtime.arn, runtime.qualifier, identifier)
        return self._sessions.get(key) or self._aliases.get(key)

    async def enter(self, runtime: Runtime, identifier: str | None) -> tuple[Session, bool]:
        """The session to call, provisioned, and whether it began cold. Pair it with `leave`.

        Without `identifier` a session with an id of its own begins. Raises ServiceError: 402 at the limit
        of live sessions, 409 while the session changes, 424 when its program does not come up.
        """
        session = None if identifier is None else self.find(runtime, identifier)
        cold = session is None
        if session is None:
            session = self._begin(runtime, identifier)
            await self._booted(session)
        elif session.state == "provisioning" and self._settings.unknowns.wait_for_start:
            await self._booted(session)
        if session.state != "ready":
            raise _busy()
        session.in_flight += 1
        session.calls += 1
        session.used = self._clock.monotonic()
        return session, cold

    def leave(self, session: Session) -> None:
        """The request is over."""
        session.in_flight -= 1
        session.used = self._clock.monotonic()

    def alias(self, session: Session, identifier: str) -> None:
        """Lets an id that the session's MCP server chose name the session too."""
        if identifier != session.id and len(session.aliases) < 16:
            session.aliases.add(identifier)
            self._aliases[(*session.key[:2], identifier)] = session

    async def stop(self, runtime: Runtime, identifier: str) -> bool:
        """Ends a session; False when there is none. Raises ServiceError (409) while it changes."""
        session = self.find(runtime, identifier)
        if session is None:
            return False
        if session.state != "ready":
            raise _busy()
        await self.end(session, "stopped")
        return True

    # --- what time and the control plane do

    async def sweep(self) -> None:
        """Ends sessions whose time is over. To be called about once a second."""
        now = self._clock.monotonic()
        ready = [session for session in self._sessions.values() if session.state == "ready"]
        await asyncio.gather(*(self._judge(session, now) for session in ready))

    async def end_runtime(self, arn: str) -> None:
        """Ends every session of a deleted runtime."""
        doomed = [session for session in self._sessions.values() if session.runtime.arn == arn]
        await asyncio.gather(*(self.end(session, "runtime deleted") for session in doomed))

    async def end(self, session: Session, reason: str) -> None:
        """Ends a session with all its processes; safe to call more than once."""
        if session.ending is None:
            session.state = "ending"
            session.ending = self._spawn(self._end(session, reason))
        await asyncio.shield(session.ending)

    async def close(self) -> None:
        """Ends all sessions."""
        await asyncio.gather(*(self.end(session, "shutdown") for session in list(self._sessions.values())))
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- how

    def _begin(self, runtime: Runtime, identifier: str | None) -> Session:
        if len(self._sessions) >= self._settings.sessions:
            self._make_room()
        now = self._clock.monotonic()
        valid = identifier is not None and session_id.problem(identifier) is None
        own_id = identifier if identifier is not None and valid else session_id.new()
        session = Session(own_id, runtime, started=now, used=now, named=identifier is not None)
        self._sessions[session.key] = session
        if identifier is not None:
            self.alias(session, identifier)
        session.boot = self._spawn(self._provision(session))
        return session

    async def _booted(self, session: Session) -> None:
        """Waits until it is provisioned; who waits may go away without stopping that."""
        boot = session.boot
        assert boot is not None
        try:
            await asyncio.shield(boot)
        except asyncio.CancelledError:
            if boot.cancelled():  # ended meanwhile: stopped, deleted, or the stack goes down
                raise _busy() from None
            raise

    def _make_room(self) -> None:
        """Ends the longest idle session that was called once, by nobody who named it; else refuses."""
        idle = [
            session
            for session in self._sessions.values()
            if session.state == "ready" and not session.in_flight and not session.named and session.calls == 1
        ]
        if not idle:
            raise ServiceError(
                "ServiceQuotaExceededException",
                402,
                f"The limit of {self._settings.sessions} active sessions (maxVms) is reached.",
                hint="Stop sessions with StopRuntimeSession, or lower idleRuntimeSessionTimeout.",
            )
        self._spawn(self.end(min(idle, key=lambda session: session.used), "room for another"))

    async def _provision(self, session: Session) -> None:
        timeout = self._settings.initialization_timeout
        try:
            async with asyncio.timeout(timeout):
                await self._start(session)
        except (SkerryError, TimeoutError, OSError) as problem:
            output = session.process.output if session.process is not None else None
            tail = list(output.lines)[-20:] if output is not None else []
            log.warning("session %s of %s did not start: %s", session.id, session.runtime.name, problem)
            for text in tail:
                log.warning("session %s: %s", session.id, text)
            session.boot = None  # this task, which `end` must not wait for
            await self.end(session, "did not start")
            if isinstance(problem, ServiceError):
                raise
            hint = _why(problem, output.last() if output is not None else "", timeout)
            raise ServiceError("RuntimeClientError", 424, initialization(timeout), hint=hint) from problem
        session.state = "ready"
        session.used = self._clock.monotonic()

    async def _start(self, session: Session) -> None:
        settings, runtime = self._settings, session.runtime

        def on_line(text: str) -> None:
            hop = decode(text)
            if hop is not None:
                self._recorder.record(hop)
            else:
                printed.info("%s %s: %s", runtime.name, session.id, text)

        session.credentials = self._access.assume(runtime.role_arn, session.id)
        session.room = launch.Room.make(settings.state / launch.ROOMS)
        process = session.process = await self._versions.take(runtime, on_line)
        process.ended.add_done_callback(lambda _: self._ended(session))
        environment = launch.environment(runtime, settings, session.credentials, session.room)
        address = await process.run(environment, settings.limits)
        session.base = address.base
        seen = await health.probe(self._upstream, runtime, session.base, timeout=settings.probe_timeout)
        if process.ended.done():
            raise ProgramError("the program ended while it was asked for its health.")
        if not seen.healthy:
            raise ServiceError("RuntimeClientError", 424, HEALTH)

    def _ended(self, session: Session) -> None:
        """The program ended by itself."""
        if session.state == "ready":
            log.warning("the program of session %s of %s ended", session.id, session.runtime.name)
            self._spawn(self.end(session, "program ended"))

    async def _end(self, session: Session, reason: str) -> None:
        if (
            session.boot is not None
            and not session.boot.done()
            and asyncio.current_task() is not session.boot
        ):
            session.boot.cancel()
            await asyncio.wait({session.boot})
        process = session.process
        code = await process.stop(self._settings.grace) if process is not None else None
        if process is not None:
            self._versions.release(session.runtime)
        if session.credentials is not None:
            self._access.revoke(session.credentials)
        if session.room is not None:
            await asyncio.to_thread(session.room.remove)
        self._sessions.pop(session.key, None)
        for identifier in session.aliases:
            self._aliases.pop((*session.key[:2], identifier), None)
        log.info("session %s of %s ended: %s (exit code %s)", session.id, session.runtime.name, reason, code)

    async def _judge(self, session: Session, now: float) -> None:
        verdict = due(session, now)
        if verdict == "lifetime":
            await self.end(session, "maximum lifetime")
        if verdict != "idle" or now - session.probed < self._settings.probe_interval:
            return
        session.probed = now
        seen = await health.probe(
            self._upstream, session.runtime, session.base, timeout=self._settings.probe_timeout
        )
        if session.state == "ready" and not session.in_flight and session.used <= now:
            wall = self._clock.time()
            if not keeps_alive(session, seen, wall, needs_time=self._settings.unknowns.busy_needs_time):
                await self.end(session, "idle" if seen.healthy else "unhealthy")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _busy() -> ServiceError:
    return ServiceError("RetryableConflictException", 409, BUSY)


def _why(problem: BaseException, last: str, timeout: float) -> str:
    if isinstance(problem, TimeoutError):
        said = f" It said last: {last}" if last else ""
        return f"(The program did not listen on its contract port within {timeout:g} s.{said})"
    if isinstance(problem, ProgramError):
        return f"({problem})"
    return f"({type(problem).__name__}: {problem})"
