"""What a session is made of: credentials, folders, storage and a process, made in order and given back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from skerry.errors import ProgramError, ServiceError
from skerry.local.http.upstream import Upstream, UpstreamError
from skerry.local.ports.callers import Access
from skerry.local.ports.running import Output, Recorder
from skerry.local.runtime.hosts import launch
from skerry.local.runtime.hosts.versions import Versions
from skerry.local.runtime.sessions import health
from skerry.local.runtime.sessions.health import Health
from skerry.local.runtime.sessions.session import Session
from skerry.local.runtime.settings import RuntimeSettings
from skerry.local.runtime.storage import Storage
from skerry.local.runtime.texts import HEALTH
from skerry.wire.hop import decode

_AGAIN = 0.25
"""Seconds until a program that is not well yet is asked again while it begins."""
_LIMIT = 1 << 20
WARMUP = 120.0
"""Seconds for the warm-up hook: botocore service model, hooksConfiguration."""
log = logging.getLogger(__name__)
printed = logging.getLogger("skerry.runtime.output")


class Provision:
    """Starts and ends the compute of sessions; `on_ended` hears of a process that ended by itself.

    `output` keeps what the programs print.
    """

    def __init__(
        self,
        *,
        settings: RuntimeSettings,
        versions: Versions,
        access: Access,
        recorder: Recorder,
        upstream: Upstream,
        output: Output,
        on_ended: Callable[[Session], None],
    ) -> None:
        self._settings = settings
        self._versions = versions
        self._access = access
        self._recorder = recorder
        self._upstream = upstream
        self._output = output
        self._on_ended = on_ended
        self.storage = Storage(settings.state / launch.STORAGE, limit=settings.storage)

    async def start(self, session: Session) -> None:
        """Starts the program and waits until it listens and is well.

        Raises ServiceError (424 on its health), ProgramError, and what fetching the code raises; `end` gives
        back what was made by then.
        """
        settings, runtime = self._settings, session.runtime
        keep = self._output.stream(runtime.id, runtime.qualifier, session.id)

        def on_line(text: str) -> None:
            hop = decode(text)
            if hop is not None:
                self._recorder.record(hop)
            else:
                printed.info("%s %s: %s", runtime.name, session.id, text)
                keep(text)

        if runtime.absent:
            paths = ", ".join(runtime.absent)
            log.warning("%s: %s is not there: only session storage is emulated", runtime.name, paths)
        session.credentials = self._access.assume(runtime.role_arn, session.id)
        session.room = launch.Room.make(settings.state / launch.ROOMS)
        mounts = await self.storage.open(runtime, session.id) if runtime.mounts else {}
        process = session.process = await self._versions.take(runtime, on_line)
        process.ended.add_done_callback(lambda _: self._on_ended(session))
        if runtime.image:
            environment = launch.container_environment(runtime, settings, session.credentials)
            isolation = launch.volumes(session.room, mounts)
        else:
            environment = launch.environment(runtime, settings, session.credentials, session.room)
            isolation = session.isolation = launch.isolation(settings, session.room, mounts)
        address = await process.run(environment, settings.limits, isolation)
        session.base = address.base
        await self._wait_healthy(session)
        if runtime.warmup:
            await self._warm_up(session)

    async def probe(self, session: Session) -> Health:
        """Asks the program whether it is well."""
        return await health.probe(
            self._upstream, session.runtime, session.base, timeout=self._settings.probe_timeout
        )

    async def end(self, session: Session) -> int | None:
        """Ends the process and removes what was made for it but its storage; its exit code, if any."""
        process = session.process
        code = await process.stop(self._settings.grace) if process is not None else None
        if process is not None:
            self._versions.release(session.runtime)
        if session.credentials is not None:
            self._access.revoke(session.credentials)
        if session.room is not None:
            await asyncio.to_thread(session.room.remove)
        if session.runtime.mounts:
            await self.storage.close(session.runtime, session.id)
        return code

    async def _wait_healthy(self, session: Session) -> None:
        """Returns when the program is well; whoever called this bounds the time.

        Raises ServiceError (424) at once where asking again is of no use.
        """
        process = session.process
        while True:
            seen = await self.probe(session)
            session.heard = session.heard or seen.status > 0
            if process is None or process.ended.done():
                said = process.output.last() if process is not None else ""
                raise ProgramError("the program ended before it was well.", hint=said)
            if seen.healthy:
                return
            if seen.hopeless:
                raise ServiceError("RuntimeClientError", 424, HEALTH, hint=_why(session, seen))
            await asyncio.sleep(_AGAIN)

    async def _warm_up(self, session: Session) -> None:
        """Calls the warm-up hook. AWS does so once, when a version is built, and needs a 2xx within 120 s.

        Nothing is kept of a warmed-up process here, so every session is warmed up when it begins. Raises
        ServiceError (424).
        """
        path = session.runtime.warmup
        try:
            reply = await self._upstream.request("POST", session.base + path, read=WARMUP)
            await reply.read(_LIMIT)
            if 200 <= reply.status < 300:
                return
            said = f"answers {reply.status}"
        except UpstreamError as problem:
            said = f"fails: {problem}"
        raise ServiceError("RuntimeClientError", 424, HEALTH, hint=f"(The warm-up hook POST {path} {said})")


def _why(session: Session, seen: Health) -> str:
    path = session.runtime.path if session.runtime.protocol.health == "mcp" else "/ping"
    if seen.status in (401, 403):
        return f"({path} answers {seen.status}: the health check carries no token and must be let through.)"
    if seen.status in (404, 405) and path == "/ping":
        return f"(GET /ping answers {seen.status}: is it an MCP server without serverProtocol MCP?)"
    return f"({path} answers {seen.status}.)"
