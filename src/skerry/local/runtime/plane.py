"""The Runtime data plane as an ASGI application: invoke an agent runtime, over HTTP or a WebSocket.

Control-plane records say what runs; this plane checks who calls, finds or begins the session, and carries
bytes between the client and the session's own process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from skerry.auth.jwt.keys import Fetch
from skerry.auth.moved_clock import clock_of
from skerry.errors import ServiceError, SkerryError, access_denied, not_found, validation
from skerry.local.http.asgi import ClientGoneError, traced
from skerry.local.http.body import Body
from skerry.local.http.upstream import Upstream
from skerry.local.ports.asgi import Receive, Scope, Send
from skerry.local.ports.callers import Access, Caller
from skerry.local.ports.permissions import SERVICE_PRINCIPAL, Ask, Permissions, Unrestricted
from skerry.local.ports.resources import Change, Record, Report, Resources, unreported
from skerry.local.ports.running import Clock, Output, Recorder, Unkept
from skerry.local.ports.secrets import Authorities, NoAuthorities
from skerry.local.ports.tokens import WorkloadTokens
from skerry.local.runtime import sockets, texts
from skerry.local.runtime.call import CLIENT_GONE, Call
from skerry.local.runtime.commands import Command, Commands
from skerry.local.runtime.envelopes import Answer
from skerry.local.runtime.hosts import launch
from skerry.local.runtime.hosts.artifact import FetchObject
from skerry.local.runtime.hosts.versions import Versions
from skerry.local.runtime.inbound import Inbound, RefusedError, presented
from skerry.local.runtime.record import Runtime
from skerry.local.runtime.relay import Relay
from skerry.local.runtime.request import Request
from skerry.local.runtime.sessions.sessions import Sessions
from skerry.local.runtime.settings import RuntimeSettings
from skerry.local.runtime.shells import Shells, shell_id
from skerry.local.runtime.sockets import Sockets
from skerry.local.runtime.streams import Streams
from skerry.wire.headers import IDENTITY_WAT

SWEEP_INTERVAL = 1.0
log = logging.getLogger(__name__)


class RuntimePlane:
    """ASGI application for `/runtimes/…`. Use it between `start()` and `close()`, on one event loop.

    `fetch_key` gets a discovery document or key set of a token issuer by URL, `fetch_object` an object of
    S3 (bucket, key, version id) for runtimes whose code is there; `authorities` trusts the private ones of
    issuers. `upstream` is the client towards the programs; the plane makes and closes its own when none is
    given. `report` hears whether the code of a runtime could be had, `permissions` knows the policies of
    runtimes and endpoints. `workload_tokens` are what programs get to show for whom they work,
    `output` keeps what they print.
    """

    def __init__(
        self,
        *,
        resources: Resources,
        access: Access,
        recorder: Recorder,
        clock: Clock,
        settings: RuntimeSettings,
        fetch_key: Fetch,
        fetch_object: FetchObject,
        authorities: Authorities | None = None,
        upstream: Upstream | None = None,
        report: Report = unreported,
        permissions: Permissions | None = None,
        workload_tokens: WorkloadTokens | None = None,
        output: Output | None = None,
    ) -> None:
        self._resources = resources
        self._workload_tokens = workload_tokens
        self._recorder = recorder
        self._clock = clock
        self._settings = settings
        self._report = report
        self._permissions: Permissions = permissions or Unrestricted()
        self._own_upstream = upstream is None
        self._upstream = upstream or Upstream()
        self._versions = Versions(settings, fetch_object)
        self.sessions = Sessions(
            settings=settings,
            versions=self._versions,
            access=access,
            recorder=recorder,
            clock=clock,
            upstream=self._upstream,
            output=output or Unkept(),
        )
        self.streams = Streams(settings.stream_lifetime, clock)
        self._relay = Relay(
            upstream=self._upstream, sessions=self.sessions, streams=self.streams, settings=settings
        )
        self._commands = Commands(settings)
        self._inbound = Inbound(
            access=access,
            fetch=fetch_key,
            authorities=authorities or NoAuthorities(),
            clock=clock_of(settings.token_clock, clock),
            endpoint=settings.endpoint,
            unknowns=settings.unknowns,
        )
        self._operations: Mapping[str, Callable[[Call, Request], Awaitable[None]]] = {
            "InvokeAgentRuntime": self._invoke,
            "InvokeAgentRuntimeCommand": self._command,
            "StopRuntimeSession": self._stop,
            "GetAgentCard": self._card,
            "GetRuntimeProtectedResourceMetadata": self._metadata,
        }
        self.sockets = Sockets(settings=settings, clock=clock)
        self._shells = Shells(settings=settings, clock=clock, sockets=self.sockets)
        self._ahead = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to watch lifetimes and the control plane; removes what a killed stack left behind."""
        if self._own_upstream:
            await self._upstream.start()
        await asyncio.to_thread(launch.prepare, self._settings)
        self._resources.subscribe(self._changed)
        self._sweeper = asyncio.create_task(self._sweep())

    async def close(self) -> None:
        """Ends every session with all its processes."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        self._versions.end_soon()
        await self._shells.close()
        await self.sessions.close()
        await self._versions.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._own_upstream:
            await self._upstream.close()

    def look_again(self) -> None:
        """Reports a runtime whose code was not there before, when it is there now."""
        for record in self._resources.all_runtimes():
            if str(record.get("status")).endswith("_FAILED"):
                runtime = Runtime.of(record, "DEFAULT")
                if _has_code(runtime):
                    self._spawn(self._prepare(runtime.id, runtime))

    def warm(self) -> None:
        """Prepares every runtime for its first session, and from now on each that is made or changed.

        Before, a runtime is prepared when its first session begins.
        """
        self._ahead = True
        for record in self._resources.all_runtimes():
            self._warm(Runtime.of(record, "DEFAULT"))

    def _warm(self, runtime: Runtime) -> None:
        if self._ahead and _has_code(runtime):
            self._versions.warm(runtime)

    @traced
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one HTTP request, or serves one WebSocket connection."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        body = Body(receive, self._settings.max_payload)
        call = Call(scope, send, body, clock=self._clock, recorder=self._recorder)
        await self._answer(call, lambda request: self._operations[request.operation](call, request))

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket: until it is accepted, whatever goes wrong is an HTTP answer."""
        body = Body(sockets.no_body, 0)
        shown = sockets.readable(scope)
        call = Call(shown, sockets.refusing(send), body, clock=self._clock, recorder=self._recorder)

        async def connect(request: Request) -> None:
            runtime = await self._authorized(call, request)
            is_shell = request.operation == "InvokeAgentRuntimeCommandShell"
            if is_shell:
                name = shell_id(request.shell_id)
            else:
                sockets.require_sockets(runtime)
            await self._take_role(call, runtime)
            session, cold = await self.sessions.enter(runtime, request.session_id())
            call.enter(session, cold=cold, leave=lambda: self.sessions.leave(session))
            call.runtime = session.runtime
            if is_shell:
                folder = self._versions.folder(session.runtime)
                await self._shells.serve(call, session, folder, identifier=name, receive=receive, send=send)
            else:
                await self.sockets.serve(call, request, session, receive, send)

        await self._answer(call, connect)

    async def _answer(self, call: Call, operate: Callable[[Request], Awaitable[None]]) -> None:
        try:
            call.request = request = Request.of(call.scope)
            await operate(request)
        except ClientGoneError:
            call.status = CLIENT_GONE
        except RefusedError as refused:
            await call.answer(refused.answer)
        except ServiceError as problem:
            if not call.answered:
                await call.fail(problem)
        finally:
            call.finish()

    # --- operations

    async def _invoke(self, call: Call, request: Request) -> None:
        runtime = await self._authorized(call, request)
        request.require_limits()
        mcp = runtime.protocol.name == "MCP"
        if mcp and not request.accepts_mcp():
            raise ServiceError("McpRequestUnacceptableException", 406, texts.ACCEPT)
        identifier = request.mcp_session_id() if mcp else None
        identifier = identifier or request.session_id()
        await self._take_role(call, runtime)
        session, cold = await self.sessions.enter(runtime, identifier)
        call.enter(session, cold=cold, leave=lambda: self.sessions.leave(session))
        call.runtime = session.runtime  # the version that the session began with
        await self._relay.invoke(call, request, session, await call.body.open())

    async def _command(self, call: Call, request: Request) -> None:
        runtime = await self._authorized(call, request)
        request.require_limits()
        command = Command.parse(await call.body.read())
        await self._take_role(call, runtime)
        session, cold = await self.sessions.enter(runtime, request.session_id())
        call.enter(session, cold=cold, leave=lambda: self.sessions.leave(session))
        call.runtime = session.runtime
        await self._commands.run(call, command, session, self._versions.folder(session.runtime))

    async def _stop(self, call: Call, request: Request) -> None:
        runtime = await self._authorized(call, request)
        await call.body.read()
        identifier = request.session_id() or request.mcp_session_id()
        if identifier is None:
            raise validation(
                texts.constraint("runtimeSessionId", "Member must not be null"),
                ("runtimeSessionId", "Member must not be null"),
            )
        call.session_id = identifier
        ended = await self.sessions.stop(runtime, identifier)
        call.detail["ended"] = "yes" if ended else "no"
        await call.answer(Answer(200, b"{}"))

    async def _card(self, call: Call, request: Request) -> None:
        runtime = await self._authorized(call, request)
        await self._take_role(call, runtime)
        session, cold = await self.sessions.enter(runtime, request.session_id())
        call.enter(session, cold=cold, leave=lambda: self.sessions.leave(session))
        call.runtime = session.runtime
        await self._relay.card(call, request, session)

    async def _metadata(self, call: Call, request: Request) -> None:
        request.require_account()
        call.runtime = runtime = self._runtime(request)
        document = await self._inbound.metadata(runtime)
        await call.answer(Answer(200, json.dumps(document).encode()))

    # --- what they share

    async def _authorized(self, call: Call, request: Request) -> Runtime:
        """The runtime of a call whose caller may call it. Raises ServiceError and RefusedError.

        Who cannot show anything does not learn whether a runtime exists.
        """
        request.require_account()
        record = self._record(request)
        if record is None:
            if presented(call.scope) == "signature":
                call.caller = await self._inbound.signer(call.scope, await call.body.read())
            elif not presented(call.scope):
                raise access_denied(texts.NO_TOKEN)
            raise not_found(texts.no_endpoint(request.qualifier, request.identifier))
        call.runtime = runtime = Runtime.of(record, request.qualifier)
        call.caller = await self._inbound.caller(runtime, call.scope, call.body)
        arns = (runtime.arn, f"{runtime.arn}/runtime-endpoint/{runtime.qualifier}")
        asks = [Ask(action, arn) for action in request.actions() for arn in arns]
        await self._permissions.check(call.caller, asks, call.iam)
        call.workload_token = self._workload_token(call, call.caller, runtime, request)
        if call.workload_token and self._workload_tokens is not None:
            call.return_url = self._workload_tokens.return_url(runtime.id)
        return runtime

    def _workload_token(self, call: Call, caller: Caller, runtime: Runtime, request: Request) -> str:
        """What the program shows for the person on whose behalf it is called; "" where nobody is named.

        Source: AWS developer guide, runtime OAuth. A bearer token names the person; only without one does the
        header of a caller who signed. A workload that calls shows its own token, which must hold. Raises
        ServiceError.
        """
        tokens = self._workload_tokens
        if tokens is None:
            return ""
        shown = request.header(IDENTITY_WAT)
        chain = tokens.chain(shown) if shown else ()
        if chain:
            call.detail["chain"] = " > ".join(chain)
        user_id = request.user_id() if caller.kind == "iam" else ""
        if not (caller.kind == "jwt" or user_id):
            return ""
        return tokens.issue(runtime.id, caller, user_id=user_id, chain=chain)

    async def _take_role(self, call: Call, runtime: Runtime) -> None:
        """Raises AccessDeniedException (403) when the service may not take the execution role."""
        if await self._permissions.trusted(runtime.role_arn, SERVICE_PRINCIPAL, runtime.arn, call.iam):
            raise access_denied(f"The execution role cannot be assumed by {SERVICE_PRINCIPAL}.")

    def _runtime(self, request: Request) -> Runtime:
        record = self._record(request)
        if record is None:
            raise not_found(texts.no_endpoint(request.qualifier, request.identifier))
        return Runtime.of(record, request.qualifier)

    def _record(self, request: Request) -> Record | None:
        if request.account_id and request.account_id != self._settings.account:
            return None
        return self._resources.runtime(request.identifier, request.qualifier)

    def _changed(self, change: Change) -> None:
        if change.kind != "runtime":
            return
        arn = change.record["agentRuntimeArn"]
        if change.action == "deleted":
            self._versions.retire(arn, None)
            self._spawn(self.sessions.end_runtime(arn))
            return
        runtime = Runtime.of(change.record, "DEFAULT")
        self._spawn(self._prepare(change.identifier, runtime))
        self._warm(runtime)
        self._versions.retire(arn, str(change.record["agentRuntimeVersion"]))

    async def _prepare(self, identifier: str, runtime: Runtime) -> None:
        """Fetches the code of a new version and reports what came of it."""
        try:
            await self._versions.locate(runtime)
        except SkerryError as problem:
            self._report(identifier, f"{problem} [{problem.code}]")
        else:
            self._report(identifier)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL)
            self.sockets.sweep()
            self.streams.sweep()
            await self.sessions.sweep()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _has_code(runtime: Runtime) -> bool:
    """Whether it is a program here, and no container."""
    return bool(runtime.artifact.get("codeConfiguration"))
