"""The endpoint: one ASGI application that hands each request to its plane.

It owns what the planes share (keys, records, recorder, the embedded cloud) and their life, from the first
to the last; `app.py` says which planes there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Protocol

import httpx2

from skerry.auth.http.guarded import Guard
from skerry.auth.http.outside import Outside
from skerry.auth.http.transport import Transport
from skerry.auth.moved_clock import clock_of
from skerry.errors import ServiceError, SkerryError
from skerry.local.api import service_model
from skerry.local.api.rest_json import cannot_parse, error_reply
from skerry.local.aws import seeds
from skerry.local.aws.fixtures.fixtures import Fixtures
from skerry.local.aws.plane import AwsPlane
from skerry.local.aws.process import AwsProcess
from skerry.local.clock import SystemClock
from skerry.local.control.plane import MODEL as CONTROL_MODEL
from skerry.local.control.plane import ControlPlane
from skerry.local.control.settings import ControlSettings
from skerry.local.http.asgi import Answer, ClientGoneError, send_reply
from skerry.local.http.authorities import PrivateAuthorities
from skerry.local.http.upstream import Upstream
from skerry.local.iam.access import DEVELOPER, Access, developer_key
from skerry.local.iam.inspection import iam_inspection
from skerry.local.iam.outbound_federation import Issuer, OutboundFederation
from skerry.local.iam.permissions import PermissionChecks
from skerry.local.iam.principals import Principals
from skerry.local.iam.web_identity import WebIdentities
from skerry.local.inspection import Inspect, InspectionPlane
from skerry.local.observability.cloudwatch import CloudWatch
from skerry.local.observability.exporter import SpanExporter
from skerry.local.observability.observer import Observer
from skerry.local.ports.asgi import Receive, Scope, Send
from skerry.local.ports.functions import LambdaRequests
from skerry.local.ports.running import Clock
from skerry.local.routing import PlaneName, plane_of
from skerry.local.state import private
from skerry.local.state.record_codec import SealedSecrets
from skerry.local.state.recorder import HopRecorder
from skerry.local.state.records import RecordStore
from skerry.local.state.resources import Place, Resources
from skerry.local.state.sealing import Sealer
from skerry.settings import LocalSettings

_access_log = logging.getLogger("skerry.access")
_log = logging.getLogger("skerry.local")

Plane = Callable[[Scope, Receive, Send], Awaitable[None]]


class StartedPlane(Protocol):
    """A plane with a life of its own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        ...

    async def start(self) -> None:
        """Gets ready to serve."""
        ...

    async def close(self) -> None:
        """Ends everything it started."""
        ...


class Endpoint:
    """The ASGI application. Use it between `start()` and `close()`, or let the lifespan protocol do so.

    `url` is the endpoint's own base URL, without a slash at its end. Raises StateError and
    ConfigurationError when the state directory or the settings cannot be used.
    """

    def __init__(self, settings: LocalSettings, *, url: str, clock: Clock | None = None) -> None:
        private.folder(settings.state)
        self.settings = settings
        self.url = url
        self.clock: Clock = clock or SystemClock()
        self.upstream = Upstream()
        self._http = httpx2.AsyncClient(trust_env=False)
        self.identity = Transport(self._http)
        """HTTP towards identity providers, for the planes that check tokens."""
        self.providers = Outside(self.identity, Guard())
        """HTTP towards the authorization servers of credential providers."""
        self.aws = AwsProcess(
            self.upstream,
            region=settings.region,
            inherited=settings.inherited,
            log=settings.state / "logs" / "aws.log",
        )
        self.authorities = PrivateAuthorities(
            self.aws.secret_text, self.aws.fetch_object, account=settings.account
        )
        self.developer = developer_key(settings.state / "credentials.json")
        self.access = Access(self.developer, account=settings.account, clock=self.clock, source=self.aws)
        self.recorder = HopRecorder(settings.state / "hops.jsonl")
        self.cloudwatch = CloudWatch(self.aws.observe, self.clock, place=(settings.account, settings.region))
        self._exporter = SpanExporter(settings.traces) if settings.traces.url else None
        if settings.traces.unusable:
            _log.warning("no spans are sent: %s", settings.traces.unusable)
        self.recorder.subscribe(Observer(self.cloudwatch, self._exporter).record)
        self.sealer = Sealer.of(settings.state)
        """Seals what is secret in the state directory."""
        self.resources = Resources(
            RecordStore(settings.state / "control.sqlite", SealedSecrets(self.sealer)),
            place=Place(settings.region, settings.account, url),
            clock=self.clock,
        )
        self._seeds = [call for path in settings.seeds for call in seeds.read(path)]
        self.permissions = PermissionChecks(
            Principals(self.aws, self.clock, self._seeds),
            self.resources,
            self.clock,
            policies=self.aws,
            region=settings.region,
            administrator=f"arn:aws:iam::{settings.account}:user/{DEVELOPER}",
            mode=settings.permissions,
        )
        self._inspected: dict[tuple[str, str], Inspect] = iam_inspection(self.permissions)
        shared: dict[str, Any] = {"access": self.access, "recorder": self.recorder, "clock": self.clock}
        self.control = ControlPlane(
            resources=self.resources, settings=_control(settings), permissions=self.permissions, **shared
        )
        self._planes: dict[PlaneName, Plane] = self._own_planes(shared)
        self._is_declared: Callable[[bytes], bool] = lambda _: False
        self._late: list[Callable[[], None]] = []
        self._warm: list[Callable[[], None]] = []
        self._started: list[StartedPlane] = []
        self._running = AsyncExitStack()

    def _own_planes(self, shared: Mapping[str, Any]) -> dict[PlaneName, Plane]:
        return {
            "inspection": InspectionPlane(
                access=self.access,
                recorder=self.recorder,
                health=self.health,
                more=self._inspected,
                permissions=self.permissions,
            ),
            "control": self.control,
            "aws": AwsPlane(
                process=self.aws,
                upstream=self.upstream,
                fixtures=self._fixtures(),
                permissions=self.permissions,
                web_identities=WebIdentities(
                    self.permissions.principals,
                    self.identity.fetch,
                    clock_of(self.settings.token_clock, self.clock),
                ),
                place=(self.settings.region, self.settings.account),
                flush=self.cloudwatch.flush,
                url=self.url,
                **shared,
            ),
        }

    def _fixtures(self) -> Fixtures:
        """Made-up data for what moto lacks; costs only where no seed brings costs of its own."""
        seeded = any(call.service == "moto-api" and "static/ce/" in call.operation for call in self._seeds)
        return Fixtures(
            account=self.settings.account,
            region=self.settings.region,
            clock=self.clock,
            without=frozenset({"ce"} if seeded else ()),
        )

    def federate(self, issuer: Issuer) -> None:
        """Gives STS the account's issuer of web identity tokens. Before `start`."""
        aws = self._planes["aws"]
        assert isinstance(aws, AwsPlane)
        aws.federation = OutboundFederation(self.permissions, issuer, self.clock)

    def run_functions(self, functions: LambdaRequests) -> None:
        """Gives the embedded cloud what runs its functions. Before `start`."""
        aws = self._planes["aws"]
        assert isinstance(aws, AwsPlane)
        aws.functions = functions

    def add(
        self,
        name: PlaneName,
        plane: StartedPlane,
        *,
        declared: Callable[[bytes], bool] | None = None,
        late: Callable[[], None] | None = None,
        warm: Callable[[], None] | None = None,
        inspect: Mapping[tuple[str, str], Inspect] | None = None,
    ) -> None:
        """Serves a plane under its routes; it starts and ends with the endpoint. Before `start`.

        `declared` tells which paths of Lambda's API the plane serves; `late` is called by `complete`,
        `warm` by `warm`; `inspect` are the plane's paths below `/_skerry/` by method and name.
        """
        self._inspected.update(inspect or {})
        self._planes[name] = plane
        self._started.append(plane)
        self._is_declared = declared or self._is_declared
        self._late += [late] if late else []
        self._warm += [warm] if warm else []

    async def start(self) -> None:
        """Starts everything. Raises SkerryError; what had started by then is ended."""
        async with AsyncExitStack() as starting:
            self.recorder.start()
            starting.callback(self.recorder.close)
            starting.push_async_callback(self._http.aclose)
            starting.push_async_callback(self.authorities.close)
            if self._exporter is not None:
                starting.push_async_callback(self._exporter.close)
                await self._exporter.start()
            await self.upstream.start()
            starting.push_async_callback(self.upstream.close)
            starting.push_async_callback(self.aws.stop)
            booting = asyncio.create_task(self.aws.start(self._seeds))  # meanwhile the rest gets ready
            starting.push_async_callback(_settle, booting)
            starting.push_async_callback(self.cloudwatch.close)
            await self.cloudwatch.start()
            starting.push_async_callback(self.resources.close)
            await self.resources.start()
            await asyncio.to_thread(service_model.load, CONTROL_MODEL)
            for plane in self._started:
                starting.push_async_callback(plane.close)
                await plane.start()
            await booting
            starting.push_async_callback(self.control.close)
            await self.control.start()
            self._running = starting.pop_all()

    async def close(self) -> None:
        """Ends everything, newest first; safe to call twice."""
        await self._running.aclose()

    async def seeded(self) -> None:
        """Returns when the embedded cloud holds its seeds; requests wait for that by themselves.

        Raises ProgramError when it ended before.
        """
        await self.aws.wait_seeded()

    def complete(self) -> None:
        """The rest of the stack is there: what refers to it may start.

        Quotas of the control plane hold from now on, for whoever uses the stack.
        """
        self.control.limit()
        for start in self._late:
            start()

    def warm(self) -> None:
        """Programs may be made ready ahead, also before anybody asks for them.

        Not before the stack is ready, because that would take the processor from what a person waits for.
        """
        for prepare in self._warm:
            prepare()

    def health(self) -> Mapping[str, Any]:
        """What `GET /_skerry/health` says."""
        aws = "ended" if not self.aws.running else "ready" if self.aws.seeded.is_set() else "seeding"
        return {
            "status": "ok" if self.aws.running else "degraded",
            "aws": aws,
            "region": self.settings.region,
            "account": self.settings.account,
            "runtimes": len(self.resources.all("runtime")),
            "gateways": len(self.resources.all("gateway")),
            "planes": sorted(self._planes),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request, or the life of the server."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await self._connect(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = Answer(send, scope)
        began = self.clock.monotonic()
        try:
            plane = plane_of(
                scope["raw_path"], scope["query_string"], scope["headers"], declared=self._is_declared
            )
            if not (scope["raw_path"] + scope["query_string"]).isascii():
                raise cannot_parse("Path and query must be percent-encoded.")
            serve = self._planes.get(plane)
            if serve is None:
                raise ServiceError("UnknownOperationException", 501, f"The {plane} plane does not run here.")
            await serve(scope, receive, answer.send)
        except ClientGoneError:
            answer.status = answer.status or 499
        except SkerryError as error:
            await self._fail(answer, error)
        except Exception:  # noqa: BLE001  (the outermost loop: one request must not show its traceback)
            _log.exception("%s %s failed", scope["method"], scope["raw_path"].decode("latin-1"))
            await self._fail(
                answer, ServiceError("InternalServerException", 500, "Internal error in skerry.")
            )
        _access_log.info(
            "%s %s %d %.1fms %s",
            scope["method"],
            scope["raw_path"].decode("latin-1"),
            answer.status,
            (self.clock.monotonic() - began) * 1000,
            answer.request_id,
        )

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket: agent runtimes have them, whatever else is asked for one says so in HTTP."""
        plane = plane_of(
            scope["raw_path"], scope["query_string"], scope["headers"], declared=self._is_declared
        )
        serve = self._planes.get("runtime") if plane == "runtime" else None
        began = self.clock.monotonic()
        try:
            if serve is None:
                refused = error_reply(
                    ServiceError("UnknownOperationException", 404, "There are no WebSockets here.")
                )
                start = {"status": refused.status, "headers": refused.headers}
                await send({"type": "websocket.http.response.start", **start})
                await send({"type": "websocket.http.response.body", "body": refused.body})
            else:
                await serve(scope, receive, send)
        except ClientGoneError:
            pass
        except Exception:  # noqa: BLE001  (the outermost loop, as for requests)
            _log.exception("WebSocket %s failed", scope["raw_path"].decode("latin-1"))
            with contextlib.suppress(ClientGoneError, RuntimeError):
                await send({"type": "websocket.close", "code": 1011, "reason": "Internal error in skerry."})
        _access_log.info(
            "WS %s %.1fms",
            scope["raw_path"].decode("latin-1"),
            (self.clock.monotonic() - began) * 1000,
        )

    async def _fail(self, answer: Answer, error: SkerryError) -> None:
        """An answer that has begun cannot be taken back: it ends unfinished, which closes the connection."""
        if answer.status == 0:
            known = isinstance(error, ServiceError)
            shaped = error if known else ServiceError("InternalServerException", 500, str(error))
            assert isinstance(shaped, ServiceError)
            await send_reply(answer.send, error_reply(shaped))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except SkerryError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})


def _control(settings: LocalSettings) -> ControlSettings:
    quotas = settings.quotas
    return ControlSettings(
        transition=settings.transition,
        writes=quotas.control_writes,
        reads=quotas.control_reads,
        target_operations=quotas.target_operations,
    )


async def _settle(task: asyncio.Task[None]) -> None:
    """Ends a task that may still run, or may have failed already."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, SkerryError):
        await task
