"""The stand-in as a Starlette application: who calls, how often, and what goes where."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from skerry.auth.jwt.keys import Clock
from skerry.servers.terraform.standin import executions, registry, seed, workspaces
from skerry.servers.terraform.standin.calls import Call, Handler
from skerry.servers.terraform.standin.documents import ROOT
from skerry.servers.terraform.standin.estate import Estate
from skerry.servers.terraform.standin.problems import ProblemError, not_found
from skerry.servers.terraform.standin.runs import Runs

PART = "terraform-standin"
API_VERSION = "2.6"


@dataclass(slots=True)
class Standin:
    """The API over an estate.

    `tokens` maps a bearer token to the user who has it. `rate` is how many calls a user may make in one
    second; 0 means any number.
    """

    estate: Estate
    runs: Runs
    tokens: Mapping[str, str] = field(repr=False)
    clock: Clock
    tables: seed.Table = field(repr=False)
    rate: int = 30
    _window: dict[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, tables: seed.Table, *, tokens: Mapping[str, str], clock: Clock, step: float = 1.0, rate: int = 30
    ) -> Standin:
        """A stand-in that holds what `tables` say. Raises ConfigurationError."""
        estate = Estate(clock.time)
        seed.fill(estate, tables)
        return cls(estate, Runs(estate, step), tokens, clock, tables, rate)

    def app(self) -> Starlette:
        """The ASGI application. It answers only to the names of loopback (against DNS rebinding)."""
        public = registry.public_routes(
            self.tables.get("public_modules", []), self.tables.get("public_providers", [])
        )
        return Starlette(
            routes=[
                Route("/health", self._health),
                Route("/archive/object/{secret}", self._archived),
                Route(f"{ROOT}/ping", self._ping),
                *public,
                *(
                    self._route(method, path, handler)
                    for group in (workspaces.ROUTES, executions.ROUTES, registry.ROUTES)
                    for method, path, handler in group
                ),
            ],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
            exception_handlers={HTTPException: _http_error, Exception: _server_error},
        )

    def _route(self, method: str, path: str, handler: Handler) -> Route:
        """A route that needs a token: token, rate, then `handler` on runs that are up to date."""

        async def endpoint(request: Request) -> Response:
            count = 0
            try:
                user = self._user(request)
                count = self._counted(user)
                if self.rate and count > self.rate:
                    raise ProblemError(429, "Too many requests", "You have exceeded the API's rate limit.")
                self.runs.catch_up()
                response = await handler(Call(request, user, self.estate, self.runs))
            except ProblemError as error:
                response = error.response()
            response.headers["TFP-API-Version"] = API_VERSION
            if self.rate:
                response.headers["X-RateLimit-Limit"] = str(self.rate)
                response.headers["X-RateLimit-Remaining"] = str(max(0, self.rate - count))
                response.headers["X-RateLimit-Reset"] = "1.0"
            if response.status_code == 429:
                response.headers["Retry-After"] = "1"
            return response

        return Route(ROOT + path, endpoint, methods=[method])

    def _user(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        found = ""
        for known, user in self.tokens.items():
            if hmac.compare_digest(known.encode(), token.strip().encode()):
                found = user
        if scheme.lower() != "bearer" or not found:
            raise ProblemError(401, "unauthorized")
        return found

    def _counted(self, user: str) -> int:
        """The number of this call within its second."""
        second = int(self.clock.time())
        before, count = self._window.get(user, (second, 0))
        count = count + 1 if before == second else 1
        self._window[user] = (second, count)
        return count

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok", "stands-in-for": "the HCP Terraform API"})

    async def _ping(self, _: Request) -> Response:
        return Response(status_code=204, headers={"TFP-API-Version": API_VERSION})

    async def _archived(self, request: Request) -> Response:
        self.runs.catch_up()
        try:
            return executions.archived(self.estate, str(request.path_params["secret"]))
        except ProblemError as error:
            return error.response()


async def _http_error(_: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code != 404:
        return ProblemError(error.status_code, "method not allowed").response()
    return not_found().response()


async def _server_error(_: Request, _error: Exception) -> Response:
    """A defect of ours; the process logs it, the caller learns nothing of it."""
    return ProblemError(500, "internal server error").response()
