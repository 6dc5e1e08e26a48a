"""The functions plane: Lambda's Invoke and Function URLs for declared Python functions.

Source: service model of Lambda (2015-03-31); Lambda API reference, "Invoke".
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from skerry.errors import ServiceError, access_denied
from skerry.local.api import service_model
from skerry.local.api.rest_json import Reply, iso8601
from skerry.local.functions import names, urls
from skerry.local.functions.declared import Declared
from skerry.local.functions.environment import Environment, no_runtime
from skerry.local.functions.invocation import (
    MAX_ASYNC_PAYLOAD,
    MAX_PAYLOAD,
    Invocation,
    Outcome,
    Stream,
    traced_run,
)
from skerry.local.functions.names import LATEST, FunctionName
from skerry.local.functions.policies import OPERATIONS, PUBLISHED, FunctionPolicies, policy_name
from skerry.local.functions.pool import Pool
from skerry.local.functions.replies import error_reply, log_tail, not_found, request_id_header
from skerry.local.functions.requests import checked_event, client_context, read_event, session_of
from skerry.local.functions.settings import FunctionsSettings
from skerry.local.functions.streaming import Streams, send_events
from skerry.local.functions.url_door import UrlDoor, Visit
from skerry.local.functions.urls import Url, Urls
from skerry.local.http.asgi import ClientGoneError, send_reply, traced
from skerry.local.ports.asgi import Receive, Scope, Send
from skerry.local.ports.callers import Access, Caller
from skerry.local.ports.permissions import Notes, Permissions, Unrestricted
from skerry.local.ports.resources import Kept
from skerry.local.ports.running import Clock, Recorder
from skerry.wire import trace
from skerry.wire.arn import lambda_arn
from skerry.wire.hop import Hop

TYPES = ("RequestResponse", "Event", "DryRun")


@dataclass(slots=True)
class _Exchange:
    """One request on its way, and what the recorder will say of it."""

    headers: Mapping[str, str]
    started: float
    from_monotonic: float
    identity: str = "anonymous"
    target: str = ""
    session: str = ""
    operation: str = "Invoke"
    status: int = 0
    detail: dict[str, str] = field(default_factory=dict)
    iam: Notes = field(default_factory=list)


def _configured(raw_path: bytes) -> str | None:
    """The function whose URL or policy a path is about, or None for another path."""
    return urls.control_name(raw_path) or policy_name(raw_path)


class FunctionsPlane:
    """ASGI application for Invoke (streamed too), the operations of function URLs, and these themselves.

    Use it between `start()` and `close()`; `kept` keeps what AddPermission changed. Raises ConfigurationError
    for functions that cannot work.
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
    ) -> None:
        self._access = access
        self._permissions: Permissions = permissions or Unrestricted()
        self._policies = FunctionPolicies(settings.region, settings.account, kept)
        self._recorder = recorder
        self._clock = clock
        self._settings = settings
        self._pools: dict[str, Pool] = {}
        self._urls = Urls(settings, now=iso8601(clock.time()))
        self._streams = Streams()
        self._door = UrlDoor(
            self._urls,
            streams=self._streams,
            access=access,
            clock=clock,
            pool=lambda name: self._pools[name],
            problem=lambda name: self._runtime_problem(self._pools[name].declared),
            permit=self._permit_visit,
        )
        for name, function in settings.functions.items():
            function.check(name)
            arn = lambda_arn(settings.region, settings.account, name)
            declared = Declared(name=name, arn=arn, settings=function, plane=settings)
            self._pools[name] = Pool(declared, access=access, clock=clock)

    def names(self) -> Iterable[str]:
        """Names of the declared functions."""
        return self._pools.keys()

    def serves(self, raw_path: bytes) -> bool:
        """Whether a raw path invokes or asks of a declared function; any other is the embedded cloud's."""
        text = names.raw_name(raw_path) or _configured(raw_path)
        if text is None:
            return False
        try:
            return names.parse(text).name in self._pools
        except ServiceError:
            return False

    def environments(self, name: str) -> frozenset[Environment]:
        """The environments of a function that live now."""
        return self._pools[name].environments

    async def start(self) -> None:
        """Starts the warm environments, without waiting until they are ready."""
        self._start(late=False)

    def start_late(self) -> None:
        """Starts the warm environments of functions that had to wait for the rest of the stack."""
        self._start(late=True)

    def _start(self, *, late: bool) -> None:
        for pool in self._pools.values():
            if pool.declared.settings.late is late and self._runtime_problem(pool.declared) is None:
                pool.start()

    async def close(self) -> None:
        """Ends every environment."""
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))

    @traced
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        exchange = _Exchange(headers, self._clock.time(), self._clock.monotonic())
        if urls.asked(scope["raw_path"], headers.get("host", "")) is not None:
            await self._visit(exchange, scope, receive, send)
            return
        try:
            if _configured(scope["raw_path"]) is not None:
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
        exchange.status = reply.status
        self._record(exchange)  # before the caller can have the answer and ask for the hop
        await send_reply(send, reply)

    async def _visit(self, exchange: _Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        exchange.operation = "FunctionUrl"

        def complete(visit: Visit) -> None:
            exchange.identity, exchange.target = visit.identity, visit.target
            exchange.session = session_of(None, visit.identity)
            exchange.status, exchange.detail = visit.status or 499, visit.detail
            exchange.iam = visit.iam
            self._record(exchange)

        await self._door.serve(scope, receive, send, Visit(complete))

    async def _control(self, exchange: _Exchange, scope: Scope, receive: Receive) -> Reply:
        body = await read_event(receive)
        caller = await self._access.signed_by(scope, body, service="lambda")
        exchange.identity = caller.name
        model = await asyncio.to_thread(service_model.load, "lambda")
        match = model.match(scope["method"], scope["raw_path"])
        if match is None:
            raise ServiceError("UnknownOperationException", 404, "There is no such operation.")
        exchange.operation = match.operation.name
        name = names.parse(match.labels["FunctionName"])
        exchange.target = name.name
        asked = self._policies.operation(match.operation.name, name.name)
        await self._permissions.check(caller, [asked], exchange.iam)
        self._pool(name)
        now = iso8601(self._clock.time())
        if match.operation.name in OPERATIONS:
            reply = await self._policies.perform(match, scope["query_string"], scope["headers"], body)
            return Reply(reply.status, [*request_id_header(), *reply.headers], reply.body)
        reply = self._urls.perform(match, scope["query_string"], scope["headers"], body, now=now)
        return Reply(reply.status, [*request_id_header(), *reply.headers], reply.body)

    async def _streaming(self, exchange: _Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        pool, body = await self._asked(exchange, scope, receive)
        event = await checked_event(body, MAX_PAYLOAD)
        problem = self._runtime_problem(pool.declared)
        if problem is not None:
            raise problem
        context = client_context(exchange.headers.get("x-amz-client-context", ""))
        exchange.session = session_of(context, exchange.identity)
        invocation = self._invocation(exchange, pool, event, context)
        invocation.stream = Stream()

        def done(error: str) -> None:
            exchange.status = 200
            exchange.detail |= {"error": error} if error else {}
            self._record(exchange)

        async def passing(stream: Stream, running: asyncio.Task[Outcome]) -> None:
            await send_events(send, invocation, stream, running, done)

        if not await self._streams.run(pool, invocation, receive, passing):
            exchange.detail["client"] = "gone"
            exchange.status = 499
            self._record(exchange)

    async def _asked(self, exchange: _Exchange, scope: Scope, receive: Receive) -> tuple[Pool, bytes]:
        """The function that a signed request names, and the body."""
        body = await read_event(receive)
        caller = await self._access.signed_by(scope, body, service="lambda")
        exchange.identity = caller.name
        text = names.raw_name(scope["raw_path"])
        if text is None or scope["method"] != "POST":
            raise ServiceError("UnknownOperationException", 404, "Of Lambda skerry serves Invoke and URLs.")
        name = names.parse(text, scope["query_string"])
        exchange.target = name.name
        await self._permissions.check(caller, [self._policies.invoke(name.name)], exchange.iam)
        pool = self._pool(name)
        await self._take_role(pool.declared, exchange.iam)
        return pool, body

    async def _permit_visit(self, url: Url, caller: Caller, notes: Notes) -> None:
        """Whether a caller may use a Function URL. Raises ServiceError (403)."""
        asks = self._policies.url(url.function, auth=url.settings.auth)
        await self._permissions.check(caller, asks, notes)
        await self._take_role(self._pools[url.function].declared, notes)

    async def _take_role(self, declared: Declared, notes: Notes) -> None:
        """Raises AccessDeniedException (403) when Lambda may not take the execution role."""
        if await self._permissions.trusted(declared.role, PUBLISHED, declared.arn, notes):
            raise access_denied("The role defined for the function cannot be assumed by Lambda.")

    async def _serve(self, exchange: _Exchange, scope: Scope, receive: Receive) -> Reply:
        pool, body = await self._asked(exchange, scope, receive)
        kind = exchange.headers.get("x-amz-invocation-type") or "RequestResponse"
        exchange.detail["type"] = kind
        if kind not in TYPES:
            raise names.invalid(
                f"1 validation error detected: Value '{kind[:64]}' at 'invocationType' failed to satisfy "
                f"constraint: Member must satisfy enum value set: [{', '.join(TYPES)}]"
            )
        event = await checked_event(body, MAX_ASYNC_PAYLOAD if kind == "Event" else MAX_PAYLOAD)
        problem = self._runtime_problem(pool.declared)
        if problem is not None:
            raise problem
        if kind == "DryRun":
            return Reply(204, [*request_id_header(), (b"x-amz-executed-version", LATEST.encode())], b"")
        if kind == "Event":
            return self._later(exchange, pool, event)
        return await self._now(exchange, pool, event)

    async def _now(self, exchange: _Exchange, pool: Pool, event: bytes) -> Reply:
        context = client_context(exchange.headers.get("x-amz-client-context", ""))
        exchange.session = session_of(context, exchange.identity)
        tail = exchange.headers.get("x-amz-log-type", "None") == "Tail"
        invocation = self._invocation(exchange, pool, event, context)
        began = self._clock.monotonic()
        outcome = await pool.invoke(invocation, settle=tail)
        headers = [
            *request_id_header(invocation.id),
            (b"content-type", b"application/json"),
            (b"x-amz-executed-version", LATEST.encode()),
        ]
        if outcome.error:
            exchange.detail["error"] = outcome.error
            headers.append((b"x-amz-function-error", outcome.error.encode()))
        if tail:
            taken = (self._clock.monotonic() - began) * 1000
            headers.append((b"x-amz-log-result", log_tail(invocation, taken, pool.declared.settings.memory)))
        return Reply(200, headers, outcome.payload)

    def _later(self, exchange: _Exchange, pool: Pool, event: bytes) -> Reply:
        span = (trace.CURRENT.get() or trace.begin()).child()
        invocation = self._invocation(exchange, pool, event, None, span)
        exchange.session = session_of(None, exchange.identity)
        hop = _Exchange({}, self._clock.time(), self._clock.monotonic(), exchange.identity, exchange.target)
        hop.detail["type"] = "Event, run"

        def done(outcome: Outcome | ServiceError) -> None:
            hop.status = outcome.status if isinstance(outcome, ServiceError) else 200
            if isinstance(outcome, Outcome) and outcome.error:
                hop.detail["error"] = outcome.error
            self._record(hop, span)

        pool.enqueue(invocation, done)
        return Reply(
            202, [*request_id_header(invocation.id), (b"x-amz-executed-version", LATEST.encode())], b""
        )

    def _invocation(
        self,
        exchange: _Exchange,
        pool: Pool,
        event: bytes,
        context: Mapping[str, Any] | None,
        span: trace.Span | None = None,
    ) -> Invocation:
        span = span or trace.CURRENT.get() or trace.begin()
        return Invocation(
            payload=event,
            arn=pool.declared.arn,
            timeout=pool.declared.settings.timeout,
            # ASCII on one line: it travels as a header.
            client_context=json.dumps(context, separators=(",", ":")) if context is not None else "",
            trace=traced_run(span, exchange.headers.get(trace.AMAZON, "")),
        )

    def _pool(self, name: FunctionName) -> Pool:
        settings = self._settings
        if name.region and name.region != settings.region:
            raise not_found(
                f"Functions from '{name.region}' are not reachable in this region ('{settings.region}')"
            )
        pool = self._pools.get(name.name)
        other = name.account and name.account != settings.account
        if pool is None or other or name.qualifier not in ("", LATEST):
            account = name.account or settings.account
            arn = lambda_arn(settings.region, account, name.name, qualifier=name.qualifier)
            raise not_found(f"Function not found: {arn}")
        return pool

    def _runtime_problem(self, declared: Declared) -> ServiceError | None:
        """Why the function cannot run at all. Another interpreter is only known when it runs."""
        if sys.platform == "win32" or (
            not declared.settings.web
            and declared.python == sys.executable
            and find_spec("awslambdaric") is None
        ):
            return no_runtime(declared.python)
        return None

    def _record(self, exchange: _Exchange, span: trace.Span | None = None) -> None:
        self._recorder.record(
            Hop(
                part="functions",
                operation=exchange.operation,
                identity=exchange.identity,
                auth="none" if exchange.identity == "anonymous" else "sigv4",
                status=exchange.status,
                started=exchange.started,
                duration_ms=(self._clock.monotonic() - exchange.from_monotonic) * 1000,
                session=exchange.session,
                target=exchange.target,
                detail=exchange.detail,
                iam=exchange.iam,
                **trace.members(span),
            )
        )
