"""The functions plane: Lambda's Invoke and Function URLs, of declared functions and of deployed ones.

Declared ones are in skerry.toml; deployed ones are kept by the embedded cloud, which performs all operations
on them but those that are served here.

Source: service model of Lambda (2015-03-31); Lambda API reference, "Invoke".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from skerry.errors import ServiceError, access_denied
from skerry.local.api import service_model
from skerry.local.api.rest_json import Reply, iso8601
from skerry.local.functions import configurations, names, urls
from skerry.local.functions.admission import Admission
from skerry.local.functions.deployed import DeployedFunctions
from skerry.local.functions.deployment import Deployed
from skerry.local.functions.environment import Environment, runtime_problem
from skerry.local.functions.exchange import Exchange
from skerry.local.functions.function import Function
from skerry.local.functions.invocation import (
    MAX_ASYNC_PAYLOAD,
    MAX_PAYLOAD,
    Invocation,
    Outcome,
    Stream,
    traced_run,
)
from skerry.local.functions.names import FunctionName
from skerry.local.functions.operations import Call, Operations, check_place, region_of
from skerry.local.functions.policies import PUBLISHED, FunctionPolicies, policy_name
from skerry.local.functions.pool import Pool
from skerry.local.functions.replies import error_reply, log_tail, request_id_header
from skerry.local.functions.requests import checked_event, client_context, read_event, session_of
from skerry.local.functions.settings import FunctionsSettings
from skerry.local.functions.streaming import Streams, send_events
from skerry.local.functions.url_door import UrlDoor, Visit
from skerry.local.functions.urls import Url, Urls
from skerry.local.http.asgi import ClientGoneError, send_reply, traced
from skerry.local.ports.asgi import Receive, Scope, Send
from skerry.local.ports.callers import Access, Caller
from skerry.local.ports.functions import FunctionSource, Narrow
from skerry.local.ports.monitoring import Monitor, Unmonitored
from skerry.local.ports.permissions import Notes, Permissions, Unrestricted
from skerry.local.ports.resources import Kept
from skerry.local.ports.running import Clock, Recorder
from skerry.wire import trace
from skerry.wire.arn import lambda_arn

TYPES = ("RequestResponse", "Event", "DryRun")


def _served(raw_path: bytes) -> str | None:
    """The function that a path of this plane's own operations is about, or None for another path."""
    return names.raw_name(raw_path) or urls.control_name(raw_path) or policy_name(raw_path)


class FunctionsPlane:
    """ASGI application for Invoke (streamed too), the operations of function URLs, and these themselves.

    Implements `ports.LambdaRequests`.

    Use it between `start()` and `close()`; `kept` keeps what AddPermission changed, `source` the deployed
    functions: without one there are none. `monitor` keeps what functions print. Raises ConfigurationError for
    functions that cannot work.
    """

    def __init__(
        self,
        *,
        access: Access,
        recorder: Recorder,
        clock: Clock,
        settings: FunctionsSettings,
        permissions: Permissions | None = None,
        kept: Kept | None = None,
        source: FunctionSource | None = None,
        monitor: Monitor | None = None,
    ) -> None:
        self._access = access
        self._permissions: Permissions = permissions or Unrestricted()
        self._policies = FunctionPolicies(settings.region, settings.account, kept)
        self._recorder = recorder
        self._clock = clock
        self._settings = settings
        self._pools: dict[str, Pool] = {}
        self._urls = Urls(settings, now=iso8601(clock.time()))
        monitor = monitor or Unmonitored()
        self._streams = Streams()
        self._door = UrlDoor(
            self._urls,
            streams=self._streams,
            access=access,
            clock=clock,
            region=settings.region,
            enter=self._enter,
        )
        self._source = source
        self._deployed = DeployedFunctions(
            source,
            settings=settings,
            access=access,
            clock=clock,
            monitor=monitor,
            on_gone=self._urls.forget,
        )
        self._operations = Operations(
            settings,
            self._permissions,
            declared=self._policies,
            deployed=self._deployed,
            urls=self._urls,
            clock=clock,
        )
        for name, function in settings.functions.items():
            function.check(name)
            arn = lambda_arn(settings.region, settings.account, name)
            declared = Function(name=name, arn=arn, settings=function, plane=settings)
            self._pools[name] = Pool(declared, access=access, clock=clock, monitor=monitor)
        self._admission = Admission(
            {name: pool.function for name, pool in self._pools.items()},
            self._permissions,
            place=(settings.region, settings.account),
            since=clock.time(),
        )

    def names(self) -> Iterable[str]:
        """Names of the declared functions."""
        return self._pools.keys()

    def serves(self, raw_path: bytes) -> bool:
        """Whether a raw path is that of an operation that is served here; others are the embedded cloud's."""
        text = _served(raw_path)
        if text is not None and self._source is not None:
            return True
        text = text or configurations.shown_name(raw_path)
        if text is None:
            return False
        try:
            return names.parse(unquote(text)).name in self._pools
        except ServiceError:
            return False

    def environments(self, name: str) -> frozenset[Environment]:
        """The environments of a function that live now."""
        pool = self._pools.get(name)
        return frozenset(self._deployed.environments(name)) if pool is None else pool.environments

    async def admit(
        self, scope: Scope, body: bytes, caller: Caller, region: str, notes: Notes
    ) -> Narrow | None:
        """What there is to say of a request that the embedded cloud performs: see `admission`."""
        return await self._admission.admit(scope, body, caller, region, notes)

    def changed(self) -> None:
        """Deployed functions may have been changed or deleted. Never blocks."""
        self._deployed.changed()

    async def start(self) -> None:
        """Starts the warm environments, without waiting until they are ready."""
        await self._deployed.start()
        self._start(late=False)

    def start_late(self) -> None:
        """Starts the warm environments of functions that had to wait for the rest of the stack."""
        self._start(late=True)

    def _start(self, *, late: bool) -> None:
        for pool in self._pools.values():
            if pool.function.settings.late is late and runtime_problem(pool.function) is None:
                pool.start()

    async def close(self) -> None:
        """Ends every environment."""
        await asyncio.gather(self._deployed.close(), *(pool.close() for pool in self._pools.values()))

    @traced
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        exchange = Exchange(headers, self._clock.time(), self._clock.monotonic())
        if urls.asked(scope["raw_path"], headers.get("host", "")) is not None:
            await self._visit(exchange, scope, receive, send)
            return
        try:
            if names.raw_name(scope["raw_path"]) is None:
                reply = await self._control(exchange, scope, receive)
            elif names.is_streaming(scope["raw_path"]):
                exchange.operation = "InvokeWithResponseStream"
                await self._streaming(exchange, scope, receive, send)
                return
            else:
                reply = await self._serve(exchange, scope, receive)
        except ServiceError as error:
            reply = error_reply(error)
        except ClientGoneError:
            return
        finally:
            exchange.release()
        exchange.status = reply.status
        self._record(exchange)  # before the caller can have the answer and ask for the hop
        await send_reply(send, reply)

    async def _visit(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        exchange.operation = "FunctionUrl"

        def complete(visit: Visit) -> None:
            exchange.identity, exchange.target = visit.identity, visit.target
            exchange.session = session_of(None, visit.identity)
            exchange.status, exchange.detail = visit.status or 499, visit.detail
            exchange.iam = visit.iam
            self._record(exchange)

        await self._door.serve(scope, receive, send, Visit(complete))

    async def _control(self, exchange: Exchange, scope: Scope, receive: Receive) -> Reply:
        body = await read_event(receive)
        caller = await self._access.signed_by(scope, body, service="lambda")
        exchange.identity = caller.name
        model = await asyncio.to_thread(service_model.load, "lambda")
        match = model.match(scope["method"], scope["raw_path"])
        if match is None:
            raise ServiceError("UnknownOperationException", 404, "There is no such operation.")
        exchange.operation = match.operation.name
        name = names.parse(match.labels["FunctionName"], scope["query_string"])
        exchange.target = name.name
        call = Call(match, name, caller, scope, body, exchange.iam)
        reply = await self._operations.perform(call, self._pools.get(name.name))
        return Reply(reply.status, [*request_id_header(), *reply.headers], reply.body)

    async def _streaming(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        pool, body = await self._asked(exchange, scope, receive)
        event = await checked_event(body, MAX_PAYLOAD)
        _require_runtime(pool)
        context = client_context(exchange.headers.get("x-amz-client-context", ""))
        exchange.session = session_of(context, exchange.identity)
        invocation = self._invocation(exchange, pool, event, context)
        invocation.stream = Stream()

        def done(error: str) -> None:
            exchange.status = 200
            exchange.detail |= {"error": error} if error else {}
            self._record(exchange)

        async def passing(stream: Stream, running: asyncio.Task[Outcome]) -> None:
            await send_events(send, invocation, stream, running, done, version=pool.function.version)

        if not await self._streams.run(pool, invocation, receive, passing):
            exchange.detail["client"] = "gone"
            exchange.status = 499
            self._record(exchange)

    async def _asked(self, exchange: Exchange, scope: Scope, receive: Receive) -> tuple[Pool, bytes]:
        """The function that a signed request names, and the body."""
        body = await read_event(receive)
        caller = await self._access.signed_by(scope, body, service="lambda")
        exchange.identity = caller.name
        text = names.raw_name(scope["raw_path"])
        if text is None or scope["method"] != "POST":
            raise ServiceError("UnknownOperationException", 404, "Of Lambda skerry serves Invoke and URLs.")
        name = names.parse(text, scope["query_string"])
        exchange.target = name.name
        pool = self._pools.get(name.name)
        if pool is None:
            found = await self._deployed.find(name, region_of(caller, self._settings))
            await self._permissions.check(caller, [found.policies.invoke(found.resource)], exchange.iam)
            return exchange.hold(await self._deployed_pool(found, exchange.iam), found.arn), body
        await self._permissions.check(caller, [self._policies.invoke(name.name)], exchange.iam)
        check_place(name, self._settings)
        await self._take_role(pool.function.role, pool.function.arn, exchange.iam)
        pool.hold()
        return exchange.hold(pool, pool.function.arn), body

    async def _deployed_pool(self, found: Deployed, notes: Notes) -> Pool:
        """The environments of a deployed function, held."""
        await self._take_role(str(found.configuration()["role"]), found.function, notes)
        return await self._deployed.pool(found)

    async def _enter(self, url: Url, caller: Caller, notes: Notes) -> Pool:
        """The environments for a visit to a Function URL, held. Raises ServiceError."""
        pool, auth = self._pools.get(url.function), url.settings.auth
        if pool is None:
            found = await self._deployed.find(FunctionName(url.function), self._settings.region)
            if found.id != self._urls.owner(url.function):
                raise access_denied("The function of this URL is not there any more.")
            await self._permissions.check(caller, found.policies.url(found.name, auth=auth), notes)
            pool = await self._deployed_pool(found, notes)
        else:
            await self._permissions.check(caller, self._policies.url(url.function, auth=auth), notes)
            await self._take_role(pool.function.role, pool.function.arn, notes)
            pool.hold()
        try:
            _require_runtime(pool)
        except ServiceError:
            pool.release()
            raise
        return pool

    async def _take_role(self, role: str, arn: str, notes: Notes) -> None:
        """Raises AccessDeniedException (403) when Lambda may not take the execution role."""
        if await self._permissions.trusted(role, PUBLISHED, arn, notes):
            raise access_denied("The role defined for the function cannot be assumed by Lambda.")

    async def _serve(self, exchange: Exchange, scope: Scope, receive: Receive) -> Reply:
        pool, body = await self._asked(exchange, scope, receive)
        kind = exchange.headers.get("x-amz-invocation-type") or "RequestResponse"
        exchange.detail["type"] = kind
        if kind not in TYPES:
            raise names.invalid(
                f"1 validation error detected: Value '{kind[:64]}' at 'invocationType' failed to satisfy "
                f"constraint: Member must satisfy enum value set: [{', '.join(TYPES)}]"
            )
        event = await checked_event(body, MAX_ASYNC_PAYLOAD if kind == "Event" else MAX_PAYLOAD)
        _require_runtime(pool)
        if kind == "DryRun":
            return Reply(204, [*request_id_header(), _executed(pool)], b"")
        if kind == "Event":
            return self._later(exchange, pool, event)
        return await self._now(exchange, pool, event)

    async def _now(self, exchange: Exchange, pool: Pool, event: bytes) -> Reply:
        context = client_context(exchange.headers.get("x-amz-client-context", ""))
        exchange.session = session_of(context, exchange.identity)
        tail = exchange.headers.get("x-amz-log-type", "None") == "Tail"
        invocation = self._invocation(exchange, pool, event, context)
        outcome = await pool.invoke(invocation, settle=tail)
        headers = [
            *request_id_header(invocation.id),
            (b"content-type", b"application/json"),
            _executed(pool),
        ]
        if outcome.error:
            exchange.detail["error"] = outcome.error
            headers.append((b"x-amz-function-error", outcome.error.encode()))
        if tail:
            headers.append((b"x-amz-log-result", log_tail(invocation)))
        return Reply(200, headers, outcome.payload)

    def _later(self, exchange: Exchange, pool: Pool, event: bytes) -> Reply:
        span = (trace.CURRENT.get() or trace.begin()).child()
        invocation = self._invocation(exchange, pool, event, None, span)
        exchange.session = session_of(None, exchange.identity)
        hop = Exchange({}, self._clock.time(), self._clock.monotonic(), exchange.identity, exchange.target)
        hop.detail["type"] = "Event, run"

        def done(outcome: Outcome | ServiceError) -> None:
            hop.status = outcome.status if isinstance(outcome, ServiceError) else 200
            if isinstance(outcome, Outcome) and outcome.error:
                hop.detail["error"] = outcome.error
            self._record(hop, span)

        pool.enqueue(invocation, done)
        return Reply(202, [*request_id_header(invocation.id), _executed(pool)], b"")

    def _invocation(
        self,
        exchange: Exchange,
        pool: Pool,
        event: bytes,
        context: Mapping[str, Any] | None,
        span: trace.Span | None = None,
    ) -> Invocation:
        span = span or trace.CURRENT.get() or trace.begin()
        return Invocation(
            payload=event,
            arn=exchange.arn,
            timeout=pool.function.settings.timeout,
            # ASCII on one line: it travels as a header.
            client_context=json.dumps(context, separators=(",", ":")) if context is not None else "",
            trace=traced_run(span, exchange.headers.get(trace.AMAZON, "")),
        )

    def _record(self, exchange: Exchange, span: trace.Span | None = None) -> None:
        self._recorder.record(exchange.hop(self._clock.monotonic(), span))


def _require_runtime(pool: Pool) -> None:
    problem = runtime_problem(pool.function)
    if problem is not None:
        raise problem


def _executed(pool: Pool) -> tuple[bytes, bytes]:
    return (b"x-amz-executed-version", pool.function.version.encode())
