"""The registration endpoint (RFC 7591 section 3)."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import Response

from skerry.idp.endpoints.form_endpoint import NO_STORE, Trace, json_response
from skerry.idp.endpoints.traced import traced
from skerry.idp.issuer import Issuer
from skerry.idp.limits import SourceLimit
from skerry.idp.oauth_errors import bearer_refused, too_many
from skerry.idp.passwords import secret_digest
from skerry.idp.realms import SECRET_METHODS
from skerry.idp.registration import answers, initial_tokens
from skerry.idp.registration.answers import Shown

MOST = 1000
"""Registered clients of a realm; beyond that, one that is not in use makes room."""


class RegistrationEndpoint:
    """Takes new clients of one issuer; `limit` counts registrations by the address they come from."""

    def __init__(self, issuer: Issuer, limit: SourceLimit) -> None:
        self._issuer = issuer
        self._limit = limit

    async def __call__(self, request: Request) -> Response:
        trace = Trace("register", detail={"issuer": self._issuer.url})
        return await traced(request, trace, self._issuer.clock, self._register)

    async def _register(self, request: Request, trace: Trace) -> Response:
        issuer = self._issuer
        if issuer.realm.registration == "token":
            trace.auth = "bearer"
            if not await initial_tokens.is_good(issuer.records, answers.bearer(request)):
                raise bearer_refused("This initial access token is unknown or has ended.", sent=True)
        _, metadata = await answers.metadata(request, issuer)
        await self._make_room(request)
        client = metadata.client(secrets.token_urlsafe(16), issuer.realm)
        access_token = answers.new_secret()
        secret = answers.new_secret() if client.token_endpoint_auth_method in SECRET_METHODS else ""
        now = int(issuer.clock.time())
        client = answers.registered(client, metadata, token=secret_digest(access_token), issued_at=now)
        client = answers.with_secret(client, secret)
        ends = now + issuer.realm.registration_lifetime
        await issuer.directory.keep_client(client, expires=ends)
        trace.target = client.id
        content = answers.information(client, issuer, Shown(access_token, secret, ends))
        return json_response(content, status=201, headers=NO_STORE)

    async def _make_room(self, request: Request) -> None:
        """Raises OAuthError: 429 for a source that registers too often, 503 for too many clients in use."""
        seconds = self._limit.wait(request.client.host if request.client else "")
        if seconds:
            raise too_many("Too many registrations from one place. Wait.", seconds=seconds)
        if not await self._issuer.directory.make_room(MOST):
            raise too_many(
                f"There are {MOST} registered clients, and people let each of them do something. Remove one: "
                "DELETE at its registration_client_uri, or skerry idp clients remove ID."
            )
