"""The token endpoint (RFC 6749 section 3.2): who asks, by which grant, and what comes back.

Whatever is sent, the answer is JSON with `Cache-Control: no-store`, and a wrong request is a 4xx.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from skerry.idp import clients, form
from skerry.idp.attempts import Attempts
from skerry.idp.clock import Clock
from skerry.idp.grants import GRANTS, Ask, Grant
from skerry.idp.issuance import Issuance
from skerry.idp.issuer import Issuer
from skerry.idp.oauth_errors import (
    OAuthError,
    invalid_request,
    unauthorized_client,
    unsupported_grant_type,
)
from skerry.wire import session
from skerry.wire.context import SESSION_ID
from skerry.wire.hop import Hop, encode

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}

_hops = logging.getLogger("skerry.hop")


@dataclass(slots=True)
class _Trace:
    """What the recorder will be told, filled as it becomes known."""

    operation: str = "token"
    identity: str = "anonymous"
    auth: str = "none"
    target: str = ""
    detail: dict[str, str] = field(default_factory=dict)


class TokenEndpoint:
    """The token endpoint of one issuer; an object of this class is the Starlette endpoint."""

    def __init__(self, issuer: Issuer, *, attempts: Attempts, clock: Clock) -> None:
        self._issuer = issuer
        self._attempts = attempts
        self._clock = clock

    async def __call__(self, request: Request) -> Response:
        started, ticks = self._clock.time(), self._clock.monotonic()
        trace = _Trace(detail={"issuer": self._issuer.url})
        try:
            answer = await self._answer(request, trace)
            response = json_response(answer, headers=NO_STORE)
        except OAuthError as error:
            trace.detail["error"] = error.error
            response = json_response(error.body(), status=error.status, headers={**NO_STORE, **error.headers})
        _hops.info(
            encode(
                Hop(
                    part="idp",
                    operation=trace.operation,
                    identity=trace.identity,
                    auth=trace.auth,
                    status=response.status_code,
                    session=_session(request),
                    started=started,
                    duration_ms=(self._clock.monotonic() - ticks) * 1000,
                    target=trace.target,
                    detail=trace.detail,
                )
            )
        )
        return response

    async def _answer(self, request: Request, trace: _Trace) -> dict[str, Any]:
        if request.scope["query_string"]:
            raise invalid_request("Send all parameters in the form body; URLs end up in logs.")
        asked = form.parse(request.headers.get("content-type", ""), await _body(request))
        found = clients.presented(request.headers.getlist("authorization"), asked, issuer=self._issuer.url)
        client = clients.authenticate(found, self._issuer.realm, self._attempts, issuer=self._issuer.url)
        trace.identity, trace.auth = f"{client.id}@{self._issuer.url}", found.method
        grant = self._grant(asked.required("grant_type"))
        trace.operation = grant.operation
        if grant.grant_type not in client.grants:
            raise unauthorized_client(f"This client may not use the grant {grant.grant_type}.")
        await self._issuer.ready()
        issuance = await grant.decide(Ask(client, asked, self._issuer))
        trace.target = " ".join(issuance.audiences)
        trace.detail |= {"subject": issuance.subject, "scope": " ".join(issuance.scopes)}
        return _success(self._issuer.access_token(issuance), issuance)

    def _grant(self, grant_type: str) -> Grant:
        for grant in GRANTS:
            if grant.grant_type == grant_type and grant_type in self._issuer.dialect.grants:
                return grant
        raise unsupported_grant_type(
            f"This issuer does not offer that grant; it has {', '.join(sorted(self._issuer.dialect.grants))}."
        )


def json_response(content: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`content` as compact JSON."""
    body = json.dumps(content, separators=(",", ":")).encode()
    return Response(body, status, headers=headers, media_type="application/json")


def _success(token: str, issuance: Issuance) -> dict[str, Any]:
    """The successful answer (RFC 6749 section 5.1, RFC 8693 section 2.2.1)."""
    answer: dict[str, Any] = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": issuance.lifetime,
    }
    if issuance.scopes:
        answer["scope"] = " ".join(issuance.scopes)
    if issuance.token_type:
        answer["issued_token_type"] = issuance.token_type
    return answer


def _session(request: Request) -> str:
    """The session that the caller says it asks for: a help to readers of the log, no proof."""
    claimed = request.headers.get(SESSION_ID, "")
    return claimed if session.problem(claimed) is None else ""


async def _body(request: Request) -> bytes:
    """The body, read no further than its limit. Raises OAuthError (413) beyond it."""
    parts = bytearray()
    try:
        async for chunk in request.stream():
            parts += chunk
            if len(parts) > form.MAX_BYTES:
                raise invalid_request(f"The body is larger than {form.MAX_BYTES} bytes.", status=413)
    except ClientDisconnect as error:
        raise invalid_request("The body ended early.") from error
    return bytes(parts)
