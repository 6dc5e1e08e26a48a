"""What programs in a browser may read from pages of other origins (Fetch standard, "CORS protocol").

Metadata, keys, registration, tokens, userinfo and revocation: whoever asks there shows what it knows in the
request itself and never by a cookie, so any origin may read the answer, without credentials. The pages where
people sign in are for nobody else to read. A browser that asks whether a site of the open internet may reach
this machine (Private Network Access) is given no leave.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response

Endpoint = Callable[[Request], Awaitable[Response]]

ANY = {"access-control-allow-origin": "*"}

_USUAL = "authorization, content-type, mcp-protocol-version"
_HEADERS = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:[ \t]*,[ \t]*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*\Z")
_LONGEST = 1024
_MAX_AGE = "600"
_EXPOSED = "www-authenticate, retry-after"


def readable(endpoint: Endpoint, methods: Sequence[str]) -> Endpoint:
    """`endpoint`, whose answers every origin may read; it answers OPTIONS, preflights among them, itself."""

    async def serve(request: Request) -> Response:
        if request.method == "OPTIONS":
            return _options(request, methods)
        response = await endpoint(request)
        response.headers.update({**ANY, "access-control-expose-headers": _EXPOSED})
        return response

    return serve


def _options(request: Request, methods: Sequence[str]) -> Response:
    """What may be sent here: as every server says it (RFC 9110 section 9.3.7), and as a preflight asks."""
    response = Response(status_code=204, headers={"allow": ", ".join((*methods, "OPTIONS"))})
    if "origin" in request.headers:
        asked = request.headers.get("access-control-request-headers", "")
        fits = len(asked) <= _LONGEST and _HEADERS.match(asked)
        response.headers.update(
            {
                **ANY,
                "access-control-allow-methods": ", ".join(methods),
                "access-control-allow-headers": asked if fits else _USUAL,
                "access-control-max-age": _MAX_AGE,
                "vary": "access-control-request-headers",
            }
        )
    return response
