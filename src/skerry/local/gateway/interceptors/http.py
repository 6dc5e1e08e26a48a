"""Interceptors around a request to an HTTP target: bodies in base64, one buffered response.

Source: AWS developer guide, `gateway-interceptors-types`, "Interceptors for HTTP targets".
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from skerry.local.gateway import propagation
from skerry.local.gateway.interceptors import payloads
from skerry.local.gateway.interceptors.calls import Calls, configuration, passes_headers, without_body
from skerry.local.gateway.interceptors.payloads import NewResponse
from skerry.local.gateway.invoke import client_context
from skerry.local.gateway.outgoing import Outgoing
from skerry.local.ports.callers import Caller
from skerry.local.ports.resources import Record
from skerry.wire.arn import Arn
from skerry.wire.jsonrpc import encode


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request for an HTTP target.

    `path` is that below the gateway, `headers` are pairs with lower-case names; `injected` are those that the
    REQUEST interceptor set. `id` is the request's own, `source_ip` empty when it is not known.
    """

    gateway: Record
    caller: Caller
    path: str
    method: str
    headers: Sequence[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)
    id: str
    session: str = ""
    source_ip: str = ""
    injected: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """The whole response of an HTTP target, `headers` without its content type."""

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    headers: Sequence[tuple[str, str]] = ()
    content_type: str = "application/json"


class HttpInterceptors:
    """The interceptors of every gateway, for HTTP targets."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def before(self, request: HttpRequest) -> tuple[HttpRequest, HttpResponse | None]:
        """The request as the REQUEST interceptor wants it, and the response if it gave one itself.

        After such a response the RESPONSE interceptor is not asked. Raises TargetError when the interceptor
        fails.
        """
        configured = configuration(request.gateway, "REQUEST")
        if configured is None:
            return request, None
        told: dict[str, object] = {"path": request.path, "httpMethod": request.method}
        if passes_headers(configured):
            told["headers"] = payloads.joined(request.headers)
        told["body"] = _base64(request.body)
        call = _call(request, {"gatewayRequest": encode(told)})
        said = await self._calls.ask("REQUEST", configured, call, "http")
        if said.response is not None:
            return request, _changed(HttpResponse(), said.response)
        if said.request is None:
            return request, None
        new = said.request
        body = request.body if new.body is None else new.body
        kept = [pair for pair in request.headers if pair[0] not in new.headers]
        headers = [*kept, *new.headers.items()]
        return replace(request, body=body, headers=headers, injected=new.headers), None

    async def after(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """The response as the RESPONSE interceptor wants it. Raises TargetError when that fails."""
        configured = configuration(request.gateway, "RESPONSE")
        if configured is None:
            return response
        told = {
            "statusCode": response.status,
            "headers": None,
            "body": None if without_body(configured) else _base64(response.body),
            "contentType": response.content_type,
        }
        call = _call(request, {"gatewayRequest": b"null", "gatewayResponse": encode(told)})
        said = await self._calls.ask("RESPONSE", configured, call, "http")
        return response if said.response is None else _changed(response, said.response)


def _call(request: HttpRequest, members: Mapping[str, bytes]) -> Outgoing:
    arn = str(request.gateway["gatewayArn"])
    custom = {
        "GATEWAY_ARN": arn,
        "GATEWAY_ACCOUNT_ID": Arn.parse(arn).account,
        "REQUEST_ID": request.id,
    }
    if request.source_ip:
        custom["SOURCE_IP"] = request.source_ip
    return Outgoing(
        gateway=request.gateway,
        target={},
        body=payloads.event(members, "http"),
        headers=client_context(custom),
        trace=propagation.trace_headers(request.headers),
        caller=request.caller,
        session=request.session,
    )


def _changed(response: HttpResponse, new: NewResponse) -> HttpResponse:
    """The response with what the interceptor gave in place of what it was."""
    return HttpResponse(
        status=response.status if new.status is None else new.status,
        body=response.body if new.body is None else new.body,
        headers=tuple({**payloads.joined(response.headers), **new.headers}.items()),
        content_type=response.content_type if new.content_type is None else new.content_type,
    )


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode("ascii")
