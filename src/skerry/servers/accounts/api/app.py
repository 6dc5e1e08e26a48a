"""The routes of the accounts API, as a Starlette application.

    GET  /health                            open
    GET  /generate-token                    compatibility; off unless the settings say so
    GET  /.well-known/oauth-protected-resource
    GET  /activity                          payments per month, of all accounts of the tenant
    GET  /accounts/{id}                     holder, e-mail address, day of opening
    GET  /accounts/{id}/email
    PUT  /accounts/{id}/email               {"email": "…"}; Idempotency-Key: an approval, used once
    GET  /accounts/{id}/activity
    GET  /accounts/{id}/changes             who changed what, the latest first

Everything but the first three needs a bearer token for this API. The tenant is a claim of that token;
headers such as X-TENANT-ID and X-JWT-TOKEN mean nothing here, unless `compatibility` is on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from skerry.auth.challenge import WELL_KNOWN
from skerry.auth.jwt.keys import Clock
from skerry.auth.jwt.tokens import unverified_claims
from skerry.auth.oauth import TokenSource
from skerry.errors import RemoteError
from skerry.servers.accounts.api import compatibility, reading
from skerry.servers.accounts.api.caller import Caller
from skerry.servers.accounts.api.reading import ProblemError
from skerry.servers.accounts.api.store import ApprovalUsedError, Author, Store
from skerry.servers.http_auth import ProtectedResource, RefusedError
from skerry.settings import AccountsApiSettings
from skerry.wire import trace
from skerry.wire.hop import Hop

PART = "accounts-api"
NO_STORE = {"Cache-Control": "no-store"}

Handler = Callable[[Request, Caller], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class AccountsApi:
    """The application's collaborators.

    `record` takes a hop for every request to an account; `source` gets tokens for /generate-token and is
    None where that is off.
    """

    store: Store
    resource: ProtectedResource
    settings: AccountsApiSettings
    clock: Clock
    record: Callable[[Hop], None]
    source: TokenSource | None = None

    def app(self) -> Starlette:
        """The ASGI application. It answers only to the names of loopback (against DNS rebinding)."""
        read, write = (self.settings.read_scope,), (self.settings.write_scope,)
        return Starlette(
            routes=[
                Route("/health", self._health),
                Route("/generate-token", self._generate_token),
                Route(WELL_KNOWN, self._metadata),
                self._route("/activity", "GET", "activity", read, self._tenant_activity),
                self._route("/accounts/{id}", "GET", "account", read, self._account),
                self._route("/accounts/{id}/email", "GET", "email", read, self._email),
                self._route("/accounts/{id}/email", "PUT", "email", (*read, *write), self._set_email),
                self._route("/accounts/{id}/activity", "GET", "activity", read, self._activity),
                self._route("/accounts/{id}/changes", "GET", "changes", read, self._changes),
            ],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
            exception_handlers={HTTPException: _http_error, Exception: _server_error},
        )

    def _route(self, path: str, method: str, noun: str, scopes: Sequence[str], handler: Handler) -> Route:
        """A protected route: token, scopes, tenant, then `handler`; a hop whatever comes of it."""

        async def endpoint(request: Request) -> Response:
            times = self.clock.time(), self.clock.monotonic()
            caller: Caller | None = None
            try:
                caller = await self._caller(request, scopes)
                self._check_tenant(request, caller)
                response = await handler(request, caller)
            except RefusedError as error:
                response = error.response
            except ProblemError as error:
                response = _problem(error)
            self._record(f"{method} {noun}", request, caller, response, times)
            return response

        return Route(path, endpoint, methods=[method])

    async def _caller(self, request: Request, scopes: Sequence[str]) -> Caller:
        """Whose call it is. Raises RefusedError and ProblemError."""
        headers, query = request.headers, request.scope["query_string"].decode("latin-1")
        if self.settings.compatibility_headers:
            headers = compatibility.credentials(headers)
        claims = await self.resource.authorize(headers, *scopes, query=query)
        if self.settings.compatibility_headers and not compatibility.exchanged(headers, claims):
            text = f"{compatibility.TOKEN} takes exchanged tokens only."
            raise self.resource.refusal(401, "invalid_token", text, scopes)
        return Caller.of(claims, tenant_claim=self.settings.tenant_claim)

    def _check_tenant(self, request: Request, caller: Caller) -> None:
        """Raises ProblemError (403) for a caller without tenant, or whose header names another."""
        if not caller.tenant:
            raise ProblemError(403, "no_tenant", f"The token has no claim {self.settings.tenant_claim}.")
        if self.settings.compatibility_headers:
            compatibility.check_tenant(request.headers, caller.tenant)

    def _record(
        self,
        operation: str,
        request: Request,
        caller: Caller | None,
        answer: Response,
        times: tuple[float, float],
    ) -> None:
        detail = {}
        if caller is not None:
            detail = {"tenant": caller.tenant, "client": caller.client, "act": " < ".join(caller.actors)}
        self.record(
            Hop(
                part=PART,
                operation=operation,
                identity=caller.name if caller else "anonymous",
                auth="jwt" if caller else "none",
                status=answer.status_code,
                started=times[0],
                duration_ms=(self.clock.monotonic() - times[1]) * 1000,
                session=reading.session(request),
                target=self.settings.audience,
                detail=detail,
                **trace.members(trace.of_mapping(request.headers)),
            )
        )

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _metadata(self, _: Request) -> Response:
        return JSONResponse(self.resource.metadata.document())

    async def _generate_token(self, _: Request) -> Response:
        if self.source is None:
            text = "GET /generate-token is off. Ask the identity provider for a token: skerry token."
            return _problem(ProblemError(404, "not_found", text))
        try:
            token = await self.source.client_credentials(audience=self.settings.audience)
        except RemoteError as error:
            return _problem(ProblemError(502, "no_token", str(error)))
        lifetime = int(unverified_claims(token)["exp"] - self.resource.keys.clock.time())
        body = {"token": token, "token_type": "Bearer", "expires_in": lifetime}
        return JSONResponse(body, headers=NO_STORE)

    async def _account(self, request: Request, caller: Caller) -> Response:
        identifier = reading.identifier(request)
        found = await _thread(self.store.account, caller.tenant, identifier)
        if found is None:
            raise _no_account(identifier)
        members = {"id": found.id, "holder": found.holder, "email": found.email, "opened": found.opened}
        return JSONResponse(members, headers=NO_STORE)

    async def _email(self, request: Request, caller: Caller) -> Response:
        identifier = reading.identifier(request)
        found = await _thread(self.store.account, caller.tenant, identifier)
        if found is None:
            raise _no_account(identifier)
        return JSONResponse({"id": found.id, "email": found.email}, headers=NO_STORE)

    async def _set_email(self, request: Request, caller: Caller) -> Response:
        identifier = reading.identifier(request)
        email = await reading.new_email(request)
        author = Author(caller.subject, caller.actors, caller.client, reading.approval(request))

        def change() -> str | None:
            return self.store.set_email(caller.tenant, identifier, email, author=author, at=self.clock.time())

        try:
            old = await anyio.to_thread.run_sync(change)
        except ApprovalUsedError as error:
            text = "This confirmation was used before; nothing was changed."
            raise ProblemError(409, "approval_used", text) from error
        if old is None:
            raise _no_account(identifier)
        return JSONResponse(
            {"id": identifier, "email": email, "previous": old, "changed": old != email}, headers=NO_STORE
        )

    async def _activity(self, request: Request, caller: Caller) -> Response:
        identifier = reading.identifier(request)
        if await _thread(self.store.account, caller.tenant, identifier) is None:
            raise _no_account(identifier)
        points = await _thread(self.store.activity, caller.tenant, identifier)
        return _points(caller.tenant, points)

    async def _tenant_activity(self, _: Request, caller: Caller) -> Response:
        return _points(caller.tenant, await _thread(self.store.activity, caller.tenant))

    async def _changes(self, request: Request, caller: Caller) -> Response:
        identifier = reading.identifier(request)
        if await _thread(self.store.account, caller.tenant, identifier) is None:
            raise _no_account(identifier)
        found = await _thread(self.store.changes, caller.tenant, identifier)
        return JSONResponse({"changes": found}, headers=NO_STORE)


async def _thread(call: Callable[..., Any], *arguments: Any) -> Any:
    return await anyio.to_thread.run_sync(call, *arguments)


def _points(tenant: str, points: list[tuple[str, int]]) -> Response:
    listed = [{"month": month, "payments": count} for month, count in points]
    return JSONResponse({"tenant": tenant, "activity": listed}, headers=NO_STORE)


def _no_account(identifier: str) -> ProblemError:
    """The same answer for an account of another tenant as for one that nobody has."""
    return ProblemError(404, "not_found", f"There is no account {identifier}.")


def _problem(error: ProblemError) -> JSONResponse:
    return JSONResponse(
        {"error": error.code, "message": error.message}, status_code=error.status, headers=NO_STORE
    )


async def _http_error(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    code = "not_found" if status == 404 else "invalid_request"
    return JSONResponse(
        {"error": code, "message": f"{HTTPStatus(status).phrase}."}, status_code=status, headers=headers
    )


async def _server_error(_: Request, _error: Exception) -> Response:
    """A defect of ours; the process logs it, the caller learns nothing of it."""
    return JSONResponse({"error": "server_error", "message": "Try again."}, status_code=500)
