"""How a Terraform token reaches a session without passing through a model: an HTTP endpoint beside MCP.

    PUT    /session/terraform-token    {"token": "…"}   keeps it for the caller's session
    GET    /session/terraform-token                     whether there is one, never which
    DELETE /session/terraform-token                     forgets it

The caller proves who they are with the same bearer token as for the tools, and names the session in
`X-Session-ID`. The token is never echoed, logged, or part of an error.
"""

from __future__ import annotations

import json
import re

from fastmcp import FastMCP
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from skerry.errors import ProtocolError, StateError
from skerry.servers.caller import Caller
from skerry.servers.http_auth import ProtectedResource, RefusedError
from skerry.servers.terraform.desk import Desk
from skerry.servers.terraform.state import Session
from skerry.wire.context import SESSION_ID, ClientContext

PATH = "/session/terraform-token"
MAX_BODY = 4096
NO_STORE = {"Cache-Control": "no-store"}
_TOKEN = re.compile(r"[!-~]{8,1024}")


class _ProblemError(Exception):
    """An answer that is an error: HTTP status, stable code, one sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def add_token_door(server: FastMCP, desk: Desk, resource: ProtectedResource) -> None:
    """Adds the endpoint to a server that is reached over HTTP."""

    async def door(request: Request) -> Response:
        try:
            session = await _session(request, desk, resource)
            if request.method == "PUT":
                await session.set_token(await _token(request))
            elif request.method == "DELETE":
                await session.forget_token()
            else:
                stored = bool(await session.token())
                return JSONResponse({"stored": stored}, headers=NO_STORE)
        except RefusedError as error:
            return error.response
        except _ProblemError as error:
            return _answer(error)
        except StateError as error:
            return _answer(_ProblemError(503, "state_error", str(error)))
        return Response(status_code=204, headers=NO_STORE)

    server.custom_route(PATH, methods=["PUT", "GET", "DELETE"])(door)


async def _session(request: Request, desk: Desk, resource: ProtectedResource) -> Session:
    query = request.scope["query_string"].decode("latin-1")
    claims = await resource.authorize(request.headers, query=query)
    caller = Caller(str(claims["sub"]), str(claims["iss"]))
    try:
        context = ClientContext.from_headers(request.headers, now=desk.clock.time())
    except ProtocolError as error:
        raise _ProblemError(400, "invalid_request", str(error)) from error
    session = desk.sessions.of(caller, context.session_id)
    if session is None:
        raise _ProblemError(
            400, "no_session", f"Name the session in {SESSION_ID}: a token is kept for one session."
        )
    return session


async def _token(request: Request) -> str:
    """The token in the body. Raises _ProblemError; reads no more than 4 KB."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise _ProblemError(413, "too_large", f"The body has at most {MAX_BODY} bytes.")
    try:
        data = json.loads(bytes(body))
    except (ValueError, RecursionError) as error:
        raise _ProblemError(400, "invalid_request", 'The body is {"token": "…"}.') from error
    token = data.get("token") if isinstance(data, dict) and set(data) == {"token"} else None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise _ProblemError(
            400,
            "invalid_request",
            "A token has 8 to 1024 printable characters without blanks.",
        )
    return token


def _answer(error: _ProblemError) -> Response:
    return JSONResponse(
        {"error": error.code, "message": error.message}, status_code=error.status, headers=NO_STORE
    )
