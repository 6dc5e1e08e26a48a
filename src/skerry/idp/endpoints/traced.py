"""Every answer of an endpoint is one line for the recorder, and an OAuth error is JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from skerry.idp.clock import Clock
from skerry.idp.endpoints.form_endpoint import NO_STORE, Trace, json_response, record
from skerry.idp.oauth_errors import OAuthError


async def traced(
    request: Request, trace: Trace, clock: Clock, work: Callable[[Request, Trace], Awaitable[Response]]
) -> Response:
    """The answer of `work`, or the one of the OAuthError that it raises."""
    started, ticks = clock.time(), clock.monotonic()
    try:
        response = await work(request, trace)
    except OAuthError as error:
        trace.detail["error"] = error.error
        response = json_response(error.body(), status=error.status, headers={**NO_STORE, **error.headers})
    duration_ms = (clock.monotonic() - ticks) * 1000
    record(trace, status=response.status_code, started=started, duration_ms=duration_ms)
    return response
