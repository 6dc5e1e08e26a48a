"""Under which names the provider answers: those of this machine.

A page whose own name was pointed at this machine is of the same origin as whatever answers under that name,
so it would read the answers and register clients (DNS rebinding). The pages for people are stricter: they are
at their issuer's own name only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from skerry.auth.discovery import is_loopback
from skerry.idp.endpoints.form_endpoint import NO_STORE, json_response
from skerry.idp.oauth_errors import invalid_request

Endpoint = Callable[[Request], Awaitable[Response]]

CONTAINERS = "host.docker.internal"
"""How containers of the stack call this machine."""


def here(endpoint: Endpoint) -> Endpoint:
    """`endpoint`, for requests to a name of this machine; others are 421 (RFC 9110 section 15.5.20)."""

    async def serve(request: Request) -> Response:
        if is_here(request.headers.get("host", "")):
            return await endpoint(request)
        error = invalid_request("Call this provider by 127.0.0.1 or localhost.", status=421)
        return json_response(error.body(), status=error.status, headers=NO_STORE)

    return serve


def is_here(host: str) -> bool:
    """Whether a `Host` names this machine, with whatever port."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return False
    return is_loopback(name) or name == CONTAINERS
