"""Runtime sessions: made on first use, one isolated process group each, ended when their time is over.

    provisioning ──▶ ready ──▶ ending ──▶ (gone; the id stays valid and begins anew)

While a session is provisioned or torn down, another request to it is a RetryableConflictException, as in
AWS. A session ends when it was idle, when it is too old, when it is stopped, when its runtime is deleted,
or when its program ends.
"""

from __future__ import annotations

import asyncio
import collections
import logging
from collections.abc import Coroutine
from typing import Any

from skerry.errors import ProgramError, ServiceError, SkerryError
from skerry.local.http.upstream import Upstream
from skerry.local.ports.callers import Access
from skerry.local.ports.running import Clock, Output, Recorder
from skerry.local.rate import rate
from skerry.local.runtime.hosts.versions import Versions
from skerry.local.runtime.record import Runtime
from skerry.local.runtime.sessions import lifetime
from skerry.local.runtime.sessions.moved import MovedClock
from skerry.local.runtime.sessions.provision import WARMUP, Provision
from skerry.local.runtime.sessions.session import Key, Session
from skerry.local.runtime.settings import RuntimeSettings
from skerry.local.runtime.texts import BUSY, HEALTH, initialization
from skerry.wire import session as session_id
from skerry.wire.hop import Hop

ALIASES = 16
_TAIL = 20
_REMEMBERED = 50
log = logging.getLogger(__name__)


class Sessions:
    """All live sessions of the stack. `ended` are the latest that ended, oldest first, as `listing` shows."""

    def __init__(
        self,
        *,
        settings: RuntimeSettings,
        versions: Versions,
        access: Access,
        recorder: Recorder,
        clock: Clock,
        upstream: Upstream,
        output: Output,
    ) -> None:
        self._settings = settings
        self._recorder = recorder
        self._clock = MovedClock(clock)
        self._wall = clock
        self._provision = Provision(
            settings=settings,
            versions=versions,
            access=access,
            recorder=recorder,
            upstream=upstream,
            output=output,
            on_ended=self._ended,
        )
        self._requests = rate(settings.requests, "requests", self._clock)
        self._new = rate(settings.new_sessions, "new sessions", self._clock)
        self._sessions: dict[Key, Session] = {}
        self._aliases: dict[Key, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.ended: collections.deque[dict[str, Any]] = collections.deque(maxlen=_REMEMBERED)

    # --- what a request does

    def find(self, runtime: Runtime, identifier: str) -> Session | None:
        """The live session with this id, or with this Mcp-Session-Id of its server's choosing."""
        key = (runtime.arn, runtime.qualifier, identifier)
        return self._sessions.get(key) or self._aliases.get(key)

    async def enter(self, runtime: Runtime, identifier: str | None) -> tuple[Session, bool]:
        """The session to call, provisioned, and whether it began cold. Pair it with `leave`.

        Without `identifier` a session with an id of its own begins. Raises ServiceError: 402 at the limit
        of live sessions, 409 while the session changes, 424 when its program does not come up, 429 where
        there are too many requests or new sessions a second.
        """
        if self._requests is not None:
            self._requests.take()
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
        """Lets an id that the session's MCP server chose name the session too; of many the newest.

        One that names another live session stays that one's: no program takes over another's requests.
        """
        key = (*session.key[:2], identifier)
        if identifier == session.id or identifier in session.aliases:
            return
        if key in self._sessions or key in self._aliases:
            log.warning("session %s: its program chose the id of another session", session.id)
            return
        if len(session.aliases) >= ALIASES:
            oldest = next(iter(session.aliases))
            del session.aliases[oldest]
            self._aliases.pop((*session.key[:2], oldest), None)
        session.aliases[identifier] = None
        self._aliases[key] = session

    async def stop(self, runtime: Runtime, identifier: str) -> bool:
        """Ends a session; False when there is none. Raises ServiceError (409) while it changes."""
        session = self.find(runtime, identifier)
        if session is None:
            return False
        if session.state != "ready":
            raise _busy()
        await self.end(session, "stopped")
        return True

    # --- what time, people and the control plane do

    async def sweep(self) -> None:
        """Ends sessions whose time is over. To be called about once a second."""
        now = self._clock.monotonic()
        known = list(self._sessions.values())
        for session in known:
            if session.process is None and session.runtime.image:
                session.started = now  # while its image is fetched its time has not begun
            # `limit` raises TimeoutError in the task that provisions the session.
            if session.limit is not None and now - session.started >= self._patience(session.runtime):
                session.limit.reschedule(asyncio.get_running_loop().time())
                session.limit = None
        await asyncio.gather(*(self._judge(session, now) for session in known if session.state == "ready"))

    async def advance(self, seconds: float) -> None:
        """Moves the clock of all sessions forward and ends those whose time is over then."""
        self._clock.advance(seconds)
        await self.sweep()

    @property
    def moved(self) -> float:
        """The seconds by which the clock of the sessions was moved."""
        return self._clock.moved

    def listing(self) -> list[dict[str, Any]]:
        """The live sessions, oldest first, with ages in seconds; no AWS operation shows them."""
        now = self._clock.monotonic()
        return [_shown(session, now) for session in self._sessions.values()]

    async def end_runtime(self, arn: str) -> None:
        """Ends every session of a deleted runtime and removes their storage."""
        doomed = [session for session in self._sessions.values() if session.runtime.arn == arn]
        await asyncio.gather(*(self.end(session, "runtime deleted") for session in doomed))
        await self._provision.storage.forget(arn.rpartition("/")[2])

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
        if self._new is not None:
            self._new.take()
        if len(self._sessions) >= self._settings.sessions:
            self._make_room()
        now = self._clock.monotonic()
        valid = identifier is not None and session_id.problem(identifier) is None
        own_id = identifier if identifier is not None and valid else session_id.new()
        session = Session(own_id, runtime, started=now, used=now, named=identifier is not None)
        self._sessions[session.key] = session
        if identifier is not None:
            self.alias(session, identifier)
        session.boot = self._spawn(self._boot(session))
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

    async def _boot(self, session: Session) -> None:
        """Provisions a session. Raises ServiceError (424 for what the program did or did not do)."""
        try:
            async with asyncio.timeout(None) as session.limit:
                await self._provision.start(session)
        except (SkerryError, TimeoutError, OSError) as problem:
            session.boot = None  # this task, which `end` must not wait for
            await self.end(session, "did not start")
            self._tell_tail(session, problem)
            last = session.process.output.last() if session.process is not None else ""
            if isinstance(problem, ServiceError):
                raise
            listened = session.base and (session.heard or not session.runtime.image)
            if isinstance(problem, TimeoutError) and listened:
                raise ServiceError("RuntimeClientError", 424, HEALTH) from problem
            patience = self._patience(session.runtime)
            hint = _why(problem, last, patience)
            raise ServiceError("RuntimeClientError", 424, initialization(patience), hint=hint) from problem
        finally:
            session.limit = None
        session.state = "ready"
        session.used = self._clock.monotonic()

    def _tell_tail(self, session: Session, problem: BaseException) -> None:
        """Writes to the log why a session did not start, and what its program said last."""
        lines = list(session.process.output.lines)[-_TAIL:] if session.process is not None else []
        log.warning(
            "session %s of %s did not start: %s",
            session.id,
            session.runtime.name,
            str(problem) or "its time was over",
        )
        for text in lines:
            log.warning("session %s: %s", session.id, text)

    def _patience(self, runtime: Runtime) -> float:
        """The seconds in which a session of this runtime must be well, and warmed up where it has a hook."""
        settings = self._settings
        known = (
            settings.container_initialization_timeout if runtime.image else settings.initialization_timeout
        )
        return known + (WARMUP if runtime.warmup else 0)

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
        code = await self._provision.end(session)
        self._sessions.pop(session.key, None)
        for identifier in session.aliases:
            self._aliases.pop((*session.key[:2], identifier), None)
        self.ended.append({**_shown(session, self._clock.monotonic()), "state": "ended", "reason": reason})
        log.info("session %s of %s ended: %s (exit code %s)", session.id, session.runtime.name, reason, code)

    async def _judge(self, session: Session, now: float) -> None:
        verdict = lifetime.due(session, now)
        if verdict == "lifetime":
            await self.end(session, "maximum lifetime")
        if verdict != "idle" or now - session.probed < self._settings.probe_interval:
            return
        session.probed = now
        seen = await self._provision.probe(session)
        if session.state == "ready" and not session.in_flight and session.used <= now:
            age = None if seen.updated is None else self._clock.since(seen.updated)
            alive = lifetime.keeps_alive(session, seen, age, self._settings.unknowns)
            if not alive:
                await self.end(session, "idle" if seen.healthy else "unhealthy")
            elif warning := lifetime.warning(session, seen):
                self._warn(session, warning)

    def _warn(self, session: Session, warning: str) -> None:
        """A warning on a session's answer to a ping, in the log and as a hop."""
        log.warning("session %s of %s: %s", session.id, session.runtime.name, warning)
        self._recorder.record(
            Hop(
                part="runtime",
                operation="Ping",
                identity="anonymous",
                auth="none",
                status=200,
                started=self._wall.time(),
                duration_ms=0.0,
                session=session.id,
                target=session.runtime.name,
                detail={"warning": warning},
            )
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _busy() -> ServiceError:
    return ServiceError("RetryableConflictException", 409, BUSY)


def _shown(session: Session, now: float) -> dict[str, Any]:
    runtime = session.runtime
    return {
        "session": session.id,
        "runtime": runtime.name,
        "endpoint": runtime.qualifier,
        "version": runtime.version,
        "state": session.state,
        "calls": session.calls,
        "in_flight": session.in_flight,
        "age": round(now - session.started, 1),
        "idle": 0.0 if session.in_flight else round(now - session.used, 1),
        "idle_timeout": runtime.idle_timeout,
        "max_lifetime": runtime.max_lifetime,
        "pid": session.process.pid if session.process is not None else 0,
    }


def _why(problem: BaseException, last: str, timeout: float) -> str:
    if isinstance(problem, TimeoutError):
        said = f" It said last: {last}" if last else ""
        return f"(The program did not listen on its contract port within {timeout:g} s.{said})"
    if isinstance(problem, ProgramError):
        return f"({problem} [{problem.code}])"
    return f"({type(problem).__name__}: {problem})"
