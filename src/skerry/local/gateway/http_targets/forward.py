"""A request to an HTTP target: sent on as bytes, its answer streamed back.

Bodies are kept as a whole only where a signature covers them, ours or the caller's; the payload quota bounds
both. A client that goes away ends the request at the target.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from skerry.errors import ConfigurationError
from skerry.local.access import role_session
from skerry.local.asgi import ClientGoneError
from skerry.local.body import Body
from skerry.local.gateway import credentials, propagation
from skerry.local.gateway.http_targets import headers
from skerry.local.gateway.http_targets.stickiness import session_of
from skerry.local.gateway.http_targets.target import HttpTarget, http_target
from skerry.local.gateway.outbound import Outbound
from skerry.local.gateway.outgoing import Outgoing, TargetError
from skerry.local.gateway.routes import Route, answer
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.gateway.urls import safe_path
from skerry.local.ports import Caller, Message, Record, Resources, Scope, Send
from skerry.local.upstream import Reply, UpstreamError
from skerry.wire.headers import TRACE

LOG = logging.getLogger("skerry.gateway")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to an HTTP target whose sender may call the gateway.

    `path` is the raw rest of the path after the target's name, `query` the raw query string; `headers` are
    the inbound pairs with lower-case names.
    """

    gateway: Record
    target: HttpTarget
    caller: Caller
    method: str
    path: str
    query: str = field(repr=False)
    headers: Sequence[tuple[str, str]] = field(repr=False)
    session: str = ""

    def header(self, name: str) -> str:
        """The first value of a header (lower-case name), or nothing."""
        return next((value for key, value in self.headers if key == name), "")

    @property
    def bearer(self) -> str:
        """The token that the request came with: proved by the gateway, or as sent when it lets all in."""
        if self.caller.kind != "anonymous":
            return self.caller.token
        kind, _, token = self.header("authorization").partition(" ")
        return token.strip() if kind.lower() == "bearer" else ""


class HttpTargets:
    """The HTTP targets of all gateways."""

    def __init__(self, *, resources: Resources, outbound: Outbound, settings: GatewaySettings) -> None:
        self._resources = resources
        self._outbound = outbound
        self._settings = settings
        self._extra = frozenset(settings.assumptions.http_request_headers)

    def find(self, gateway: Record, name: str) -> HttpTarget | None:
        """The HTTP target of this name; None when there is none, or it is one for MCP."""
        for record in self._resources.targets(str(gateway["gatewayId"])):
            if record["name"] == name:
                settings = self._settings
                return http_target(
                    record, endpoint=settings.endpoint, region=settings.region, table=settings.assumptions
                )
        return None

    def request(self, gateway: Record, found: Route, scope: Scope, caller: Caller) -> HttpRequest | None:
        """The request that a caller sends to the target of a route; None when there is no such target."""
        target = self.find(gateway, found.target)
        if target is None:
            return None
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        return HttpRequest(
            gateway=gateway,
            target=target,
            caller=caller,
            method=scope["method"],
            path=found.path,
            query=scope["query_string"].decode("latin-1"),
            headers=pairs,
            session=session_of(target.record, dict(reversed(pairs))) or role_session(caller.arn),
        )

    async def serve(self, request: HttpRequest, body: Body, send: Send) -> str:
        """Answers a request. The text is why the target failed, empty when it answered.

        Raises ServiceError for a request that cannot be sent, and ClientGoneError.

        Rate limits, rules and interceptors stand at its first line: the request and its target are known, the
        caller is proved, and nothing is sent.
        """
        _check_guards(request.gateway)
        outgoing = self._outgoing(request, await self._body(request, body))
        started = _Started(send)
        work = asyncio.create_task(self._forward(request, outgoing, started))
        gone = asyncio.create_task(body.gone())
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if body.problem is not None and not started.begun:
                raise body.problem
            if not work.done():
                raise ClientGoneError
            await work
        except TimeoutError:
            problem = TargetError(f"The target did not end its answer within {self._settings.call:g} s.")
            return await self._failed(request, problem, 504, started)
        except TargetError as problem:
            cause = problem.__cause__
            late = isinstance(cause, UpstreamError) and cause.reason == "timeout"
            status = 504 if late else self._settings.assumptions.http_failure_status
            return await self._failed(request, problem, status, started)
        finally:
            for task in (work, gone):
                task.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)
        return ""

    async def _forward(self, request: HttpRequest, outgoing: Outgoing, started: _Started) -> None:
        async with asyncio.timeout(self._settings.call), self._outbound.exchange(outgoing) as reply:
            await self._answer(request, reply, started)

    async def _answer(self, request: HttpRequest, reply: Reply, started: _Started) -> None:
        target = request.target.record
        passes = credentials.kind_of(target) == "JWT_PASSTHROUGH"
        pairs = headers.to_client(reply.headers, target, challenge=passes)
        await started.send({"type": "http.response.start", "status": reply.status, "headers": pairs})
        async for piece in reply:
            await started.send({"type": "http.response.body", "body": piece, "more_body": True})
        await started.send({"type": "http.response.body", "body": b""})

    async def _failed(
        self, request: HttpRequest, problem: TargetError, status: int, started: _Started
    ) -> str:
        """Tells the client. An answer that has begun ends unfinished, which closes the connection."""
        if not started.begun:
            debug = request.gateway.get("exceptionLevel") == "DEBUG"
            text = str(problem) if debug else self._settings.assumptions.internal_error
            body = json.dumps({"error": text, "success": False}).encode()
            await answer(started.send, status, body)
        return problem.message

    def _outgoing(self, request: HttpRequest, body: bytes | AsyncIterator[bytes]) -> Outgoing:
        target = request.target
        always, listed = headers.to_target(request.headers, target.record, extra=self._extra)
        if not isinstance(body, bytes) and (length := request.header("content-length")):
            always["content-length"] = length
        told = propagation.dropped_headers(request.headers, target.record)
        trace = {name: always.pop(name) for name in tuple(always) if name in TRACE}
        return Outgoing(
            gateway=request.gateway,
            target=target.record,
            url=target.url(safe_path(request.path), self._query(request)),
            body=body,
            headers=always,
            propagated=listed,
            trace=trace,
            dropped={name: why for name, why in told.items() if name not in always},
            caller=request.caller,
            bearer=request.bearer,
            session=request.session,
            service=target.service,
            region=target.region,
            method=request.method,
            operation=f"→ HTTP {request.method}",
        )

    def _query(self, request: HttpRequest) -> str:
        if self._settings.assumptions.http_query == "ALL":
            return request.query
        return urlencode(propagation.query_parameters(request.query, request.target.record))

    async def _body(self, request: HttpRequest, body: Body) -> bytes | AsyncIterator[bytes]:
        if credentials.signs(request.target.record):
            return await body.read()
        return await body.open()


def _check_guards(gateway: Record) -> None:
    """Raises ConfigurationError for what is configured to stop requests and does not stand in their way here.

    It holds for HTTP targets whatever MCP requests of the same gateway are checked by.
    """
    policy = gateway.get("policyEngineConfiguration") or {}
    guard = "interceptorConfigurations" if gateway.get("interceptorConfigurations") else ""
    if policy.get("mode") == "ENFORCE":
        guard = guard or "a policyEngineConfiguration with ENFORCE"
    if guard:
        raise ConfigurationError(
            f"The gateway has {guard}, which is not served for HTTP targets; nobody is let in past it.",
            hint="Leave it out locally, or give HTTP targets a gateway of their own.",
        )


class _Started:
    """`send` that remembers whether the answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def send(self, message: Message) -> None:
        self.begun = True
        await self._send(message)
