"""What stands before an HTTP target: rules that choose it, rate limits, and interceptors around the request.

Source: AWS developer guide, gateway rules, rate limit enforcement, "Interceptors for HTTP targets". A gateway
without them pays one look for each. Interceptors see whole bodies, so nothing is streamed through them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from skerry.local.gateway.http_targets.request import HttpRequest
from skerry.local.gateway.interceptors import http
from skerry.local.gateway.limits import Limits
from skerry.local.gateway.limits.dimensions import Subject
from skerry.local.gateway.rules import route
from skerry.local.ports.callers import Caller
from skerry.local.ports.resources import Record, Resources

_BODY = "$.context.request.body."


class Controls:
    """Rules, rate limits and interceptors of every gateway, for HTTP targets."""

    def __init__(self, *, resources: Resources, limits: Limits, interceptors: http.HttpInterceptors) -> None:
        self._resources = resources
        self._limits = limits
        self._interceptors = interceptors

    def target_of(self, gateway: Record, path: str, caller: Caller, session: str) -> str:
        """The name of the target that the rules choose for a path below the gateway, "" when none does."""
        rules = self._resources.gateway_rules(str(gateway["gatewayId"]))
        if not rules:
            return ""
        draw = random.random()  # noqa: S311  (shares traffic, guards nothing)
        found = route(rules, path=path, principal=caller.arn, session=session, draw=draw)
        return "" if found is None else found.target

    def whole_body(self, gateway: Record) -> bool:
        """Whether something must see the body of a request before the target does."""
        if gateway.get("interceptorConfigurations"):
            return True
        return any(key.startswith(_BODY) for limit in self._limits.of(gateway) for key in limit.keys)

    def admitted(self, request: HttpRequest, body: object) -> AbstractContextManager[None]:
        """Counts a request for as long as the block takes. Raises ThrottledError when a limit refuses it.

        Limits stand before rules, so they count by the target that the path names.
        """
        if not self._limits.of(request.gateway):
            return nullcontext()
        subject = Subject(
            caller=request.caller,
            headers=request.headers,
            body=lambda: _json(body),
            target=request.named,
        )
        return self._limits.admitted(request.gateway, subject)

    async def before(
        self, request: HttpRequest, body: bytes
    ) -> tuple[http.HttpRequest, http.HttpResponse | None]:
        """The request as the REQUEST interceptor wants it, and its own answer if it gave one.

        Raises TargetError when the interceptor fails.
        """
        asked = http.HttpRequest(
            gateway=request.gateway,
            caller=request.caller,
            path=f"/{request.target.name}{request.path}",
            method=request.method,
            headers=request.headers,
            body=body,
            id=request.id,
            session=request.session,
            source_ip=request.source_ip,
        )
        return await self._interceptors.before(asked)

    async def after(
        self, asked: http.HttpRequest, status: int, pairs: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> http.HttpResponse:
        """The target's answer as the RESPONSE interceptor wants it. Raises TargetError when that fails."""
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]
        kind = next((value for name, value in headers if name == "content-type"), "")
        kept = tuple(pair for pair in headers if pair[0] not in ("content-type", "content-length"))
        response = http.HttpResponse(status=status, body=body, headers=kept, content_type=kind)
        return await self._interceptors.after(asked, response)


def _json(body: object) -> object:
    """The JSON of a whole body, None for anything else."""
    if not isinstance(body, bytes):
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
