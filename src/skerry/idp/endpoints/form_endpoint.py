"""What the endpoints for clients have in common: a form comes in, its client proves itself, JSON goes out.

Token, revocation, introspection and device authorization endpoint (RFC 6749 section 3.2, RFC 7009, 7662,
8628). Whatever is sent, the answer is JSON with `Cache-Control: no-store`, and a wrong request is a 4xx.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from skerry.idp import form
from skerry.idp.client_authentication import ClientAuthentication
from skerry.idp.form import Form
from skerry.idp.issuer import Issuer
from skerry.idp.oauth_errors import OAuthError, invalid_request
from skerry.idp.realms import Client
from skerry.wire import session
from skerry.wire.context import SESSION_ID
from skerry.wire.hop import Hop, encode
from skerry.wire.trace import members

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}

LONGEST_ORIGIN = 256

_hops = logging.getLogger("skerry.hop")


@dataclass(slots=True)
class Trace:
    """What the recorder will be told, filled as it becomes known."""

    operation: str
    identity: str = "anonymous"
    auth: str = "none"
    target: str = ""
    detail: dict[str, str] = field(default_factory=dict)


class FormEndpoint:
    """One such endpoint of one issuer; an object of a subclass is what Starlette calls.

    A subclass has `operation`, its name in the recorder, and `answer`.
    """

    operation = ""

    def __init__(self, issuer: Issuer, *, authentication: ClientAuthentication) -> None:
        self.issuer = issuer
        self._authentication = authentication

    def admit(self, client: Client, source: str) -> None:
        """Raises OAuthError when a client asks too often from one source; here it may always ask."""

    async def answer(self, client: Client, asked: Form, trace: Trace) -> dict[str, Any] | None:
        """The members of the JSON answer, None for an empty one. Raises OAuthError."""
        raise NotImplementedError

    async def __call__(self, request: Request) -> Response:
        clock = self.issuer.clock
        started, ticks = clock.time(), clock.monotonic()
        trace = Trace(self.operation, detail={"issuer": self.issuer.url})
        try:
            content = await self._answer(request, trace)
            response = (
                Response(status_code=200, headers=NO_STORE)
                if content is None
                else json_response(content, headers=NO_STORE)
            )
        except OAuthError as error:
            trace.detail["error"] = error.error
            if error.note:
                trace.detail["note"] = error.note
            response = json_response(error.body(), status=error.status, headers={**NO_STORE, **error.headers})
        record(
            trace,
            status=response.status_code,
            session=_session(request),
            started=started,
            duration_ms=(clock.monotonic() - ticks) * 1000,
        )
        return response

    async def _answer(self, request: Request, trace: Trace) -> dict[str, Any] | None:
        if request.scope["query_string"]:
            raise invalid_request("Send all parameters in the form body; URLs end up in logs.")
        asked = form.parse(request.headers.get("content-type", ""), await read_body(request))
        client, method = await self._authentication.client(
            request.headers.getlist("authorization"), asked, source(request)
        )
        trace.identity, trace.auth = f"{client.id}@{self.issuer.url}", method
        self.admit(client, source(request))
        return await self.answer(client, asked, trace)


def record(trace: Trace, *, status: int, started: float, duration_ms: float, session: str = "") -> None:
    """Tells the recorder of one request; `started` is epoch seconds."""
    _hops.info(
        encode(
            Hop(
                part="idp",
                operation=trace.operation,
                identity=trace.identity,
                auth=trace.auth,
                status=status,
                session=session,
                started=started,
                duration_ms=duration_ms,
                target=trace.target,
                detail=trace.detail,
                **members(),
            )
        )
    )


def json_response(content: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`content` as compact JSON."""
    body = json.dumps(content, separators=(",", ":")).encode()
    return Response(body, status, headers=headers, media_type="application/json")


async def read_body(request: Request, *, limit: int = form.MAX_BYTES) -> bytes:
    """The body, read no further than `limit` bytes. Raises OAuthError (413) beyond it."""
    parts = bytearray()
    try:
        async for chunk in request.stream():
            parts += chunk
            if len(parts) > limit:
                raise invalid_request(f"The body is larger than {limit} bytes.", status=413)
    except ClientDisconnect as error:
        raise invalid_request("The body ended early.") from error
    return bytes(parts)


def source(request: Request) -> str:
    """Where a request comes from, for counting: an address, and the web origin of the page that sent it."""
    address = request.client.host if request.client else ""
    return f"{address} {request.headers.get('origin', '')[:LONGEST_ORIGIN]}"


def _session(request: Request) -> str:
    """The session that the caller says it asks for: a help to readers of the log, no proof."""
    claimed = request.headers.get(SESSION_ID, "")
    return claimed if session.problem(claimed) is None else ""
