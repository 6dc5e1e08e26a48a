"""A request to an HTTP target: sent on as bytes, its answer streamed back.

Bodies are kept as a whole only where a signature covers them, ours or the caller's; the payload quota bounds
both. A client that goes away ends the request at the target.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from urllib.parse import urlencode

from skerry.errors import ConfigurationError
from skerry.local.gateway import credentials, propagation
from skerry.local.gateway.http_targets import headers
from skerry.local.gateway.http_targets.controls import Controls
from skerry.local.gateway.http_targets.request import HttpRequest
from skerry.local.gateway.http_targets.stickiness import session_of
from skerry.local.gateway.http_targets.target import HttpTarget, http_target
from skerry.local.gateway.limits.enforcement import ThrottledError
from skerry.local.gateway.outbound import Outbound
from skerry.local.gateway.outgoing import Outgoing, TargetError
from skerry.local.gateway.policy import decisions
from skerry.local.gateway.routes import Route, answer
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.gateway.urls import safe_path
from skerry.local.http.asgi import ClientGoneError
from skerry.local.http.body import Body
from skerry.local.http.upstream import Reply, UpstreamError
from skerry.local.iam.access import role_session
from skerry.local.ports.asgi import Message, Scope, Send
from skerry.local.ports.callers import Caller
from skerry.local.ports.resources import Record, Resources
from skerry.wire.headers import TRACE


class HttpTargets:
    """The HTTP targets of all gateways."""

    def __init__(
        self, *, resources: Resources, controls: Controls, outbound: Outbound, settings: GatewaySettings
    ) -> None:
        self._resources = resources
        self._controls = controls
        self._outbound = outbound
        self._settings = settings
        self._extra = frozenset(settings.assumptions.http_request_headers)

    def serves(self, gateway: Record, name: str) -> bool:
        """Whether a path may lead to a target: by its name, or by a rule for paths of no target."""
        return self.find(gateway, name) is not None or bool(
            self._resources.gateway_rules(str(gateway["gatewayId"]))
        )

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
        """The request that a caller sends to the target of a route, or to the one that a rule chooses.

        None when there is no such target.
        """
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        first = dict(reversed(pairs))
        target = self.find(gateway, found.target)
        named = target.name if target else ""
        session = session_of(target.record if target else {}, first)
        chosen = self._controls.target_of(gateway, f"/{found.target}{found.path}", caller, session)
        if chosen and chosen != found.target:
            target = self.find(gateway, chosen)
        if target is None:
            return None
        return HttpRequest(
            gateway=gateway,
            target=target,
            caller=caller,
            method=scope["method"],
            path=found.path,
            query=scope["query_string"].decode("latin-1"),
            headers=pairs,
            session=session or role_session(caller.arn),
            id=scope.get("skerry.request_id") or str(uuid.uuid4()),
            source_ip=(scope.get("client") or ("",))[0],
            named=named,
        )

    async def serve(self, request: HttpRequest, body: Body, send: Send) -> str:
        """Answers a request. The text is why the target failed, empty when it answered.

        Raises ServiceError for a request that cannot be sent, and ClientGoneError.

        The order is that of AWS: rate limits, the REQUEST interceptor, the target with its credential, the
        RESPONSE interceptor. Rules chose the target when the request was made.
        """
        _check_guards(request.gateway)
        content = await self._body(request, body)
        try:
            with self._controls.admitted(request, content):
                return await self._answered(request, body, content, send)
        except ThrottledError as problem:
            status, throttled = problem.http()
            await answer(send, status, throttled)
            return problem.message

    async def _answered(
        self, request: HttpRequest, body: Body, content: bytes | AsyncIterator[bytes], send: Send
    ) -> str:
        started = _Started(send)
        if isinstance(content, bytes) and request.gateway.get("interceptorConfigurations"):
            work = asyncio.create_task(self._intercepted(request, content, started))
        else:
            work = asyncio.create_task(self._forward(request, self._outgoing(request, content), started))
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

    async def _intercepted(self, request: HttpRequest, body: bytes, started: _Started) -> None:
        """Both interceptors around a whole request and its whole answer."""
        async with asyncio.timeout(self._settings.call):
            asked, response = await self._controls.before(request, body)
            if response is None:
                changed = replace(request, headers=asked.headers)
                outgoing = self._outgoing(changed, asked.body, asked.injected)
                async with self._outbound.exchange(outgoing) as reply:
                    content = await reply.read(self._settings.payload)
                    pairs = self._to_client(request, reply)
                    status = reply.status
                response = await self._controls.after(asked, status, pairs, content)
        kind = response.content_type or "application/octet-stream"
        await answer(started.send, response.status, response.body, response.headers, kind=kind)

    async def _answer(self, request: HttpRequest, reply: Reply, started: _Started) -> None:
        pairs = self._to_client(request, reply)
        await started.send({"type": "http.response.start", "status": reply.status, "headers": pairs})
        async for piece in reply:
            await started.send({"type": "http.response.body", "body": piece, "more_body": True})
        await started.send({"type": "http.response.body", "body": b""})

    def _to_client(self, request: HttpRequest, reply: Reply) -> list[tuple[bytes, bytes]]:
        target = request.target.record
        passes = credentials.kind_of(target) == "JWT_PASSTHROUGH"
        secret = credentials.key_parameter(target, self._settings.assumptions)
        return headers.to_client(reply.headers, target, challenge=passes, secret=secret)

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

    def _outgoing(
        self,
        request: HttpRequest,
        body: bytes | AsyncIterator[bytes],
        injected: Mapping[str, str] | None = None,
    ) -> Outgoing:
        """What is sent; `injected` are headers that the REQUEST interceptor set."""
        target = request.target
        always, listed = headers.to_target(
            request.headers, target.record, extra=self._extra, injected=injected
        )
        if not isinstance(body, bytes) and (length := request.header("content-length")):
            always["content-length"] = length
        told = propagation.dropped_headers(request.headers, target.record, injected)
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
            authorization=(injected or {}).get("authorization", ""),
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
        if credentials.signs(request.target.record) or self._controls.whole_body(request.gateway):
            return await body.read()
        return await body.open()


def _check_guards(gateway: Record) -> None:
    """Raises ConfigurationError for what is configured to stop requests and does not stand in their way here.

    It holds for HTTP targets whatever MCP requests of the same gateway are checked by.
    """
    if decisions.enforced(gateway.get("policyEngineConfiguration")):
        raise ConfigurationError(
            "The gateway's policy engine is not asked about HTTP targets yet; nobody is let in past ENFORCE.",
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
