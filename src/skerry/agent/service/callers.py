"""Who calls the service: a bearer token that holds, or the signature that Lambda has checked.

Identity is in headers only. Nothing of it is kept beyond the request but in the caller that it makes.
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

from skerry.agent.errors import AgentError
from skerry.agent.identity import Caller
from skerry.agent.service.hops import CALLER
from skerry.agent.service.refusals import UnauthorizedError
from skerry.auth.discovery import is_loopback
from skerry.auth.jwt import tokens
from skerry.auth.jwt.dialects import DIALECTS
from skerry.auth.jwt.keys import Keys
from skerry.auth.moved_clock import clock_of
from skerry.auth.ports import Fetch
from skerry.errors import ConfigurationError, TokenError
from skerry.settings import ServiceSettings
from skerry.store.limits import MAX_OWNER

REQUEST_CONTEXT = "x-amzn-request-context"
"""What the Lambda web adapter adds: the request context of the Function URL, with who signed."""
MAX_CONTEXT = 16_384
LOOPBACK = ("127.0.0.1", "::1")
NOBODY = Caller("local")


class Callers:
    """Tells callers apart as the settings say. Raises ConfigurationError for settings that cannot work."""

    def __init__(self, settings: ServiceSettings, *, fetch: Fetch) -> None:
        self._settings = settings
        if settings.auth not in ("token", "iam", "none"):
            raise ConfigurationError(
                f"SKERRY_SERVICE_AUTH is {settings.auth!r}.", hint="Use token, iam or none."
            )
        if settings.auth == "none" and settings.host not in LOOPBACK:
            raise ConfigurationError(
                f"SKERRY_SERVICE_AUTH=none would let everybody in who reaches {settings.host}.",
                hint="It is for 127.0.0.1 only; use token or iam.",
            )
        if settings.auth == "token" and not settings.issuer:
            raise ConfigurationError(
                "nobody is named whose tokens to take.", hint="Set SKERRY_SERVICE_ISSUER to the issuer's URL."
            )
        if settings.dialect not in DIALECTS:
            raise ConfigurationError(
                f"SKERRY_SERVICE_DIALECT is {settings.dialect!r}.", hint=f"Use one of: {', '.join(DIALECTS)}."
            )
        tokens_by = clock_of(settings.agent.token_clock, time)
        self._keys = (
            Keys.of_issuer(settings.issuer, fetch=fetch, clock=tokens_by)
            if settings.auth == "token"
            else None
        )

    async def __call__(self, request: Request) -> Caller:
        """The caller of a request. Raises AgentError: UNAUTHORIZED, ACCESS_DENIED, VALIDATION_ERROR."""
        found = NOBODY
        if self._settings.auth == "none":
            _check_host(request.headers.getlist("host"))
        elif self._settings.auth == "iam":
            found = _signed(request.headers.getlist(REQUEST_CONTEXT))
        elif self._settings.auth == "token":
            try:
                found = await self._bearer(request.headers.getlist("authorization"))
            except TokenError as problem:
                if problem.reason == "request":  # RFC 6750 §3.1: 400, it says nothing about a token
                    raise AgentError("VALIDATION_ERROR", problem.message, hint=problem.hint) from problem
                raise UnauthorizedError(problem) from problem
        request.scope[CALLER] = found
        return found

    async def _bearer(self, authorization: list[str]) -> Caller:
        assert self._keys is not None
        settings, token = self._settings, tokens.bearer(authorization)
        claims = await tokens.verify(
            token,
            keys=self._keys,
            issuer=settings.issuer,
            dialect=DIALECTS[settings.dialect],
            now=time.time(),
            audience=settings.audience,
            clients=settings.clients,
        )
        return Caller(f"jwt:{claims['sub']}@{claims['iss']}", token)


def _check_host(hosts: list[str]) -> None:
    """Where nobody proves who he is, no name of elsewhere is served that points here (DNS rebinding).

    Raises AgentError ACCESS_DENIED.
    """
    try:
        (host,) = hosts
        here = is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        here = False
    if not here:
        raise AgentError(
            "ACCESS_DENIED",
            "without authentication the service answers for 127.0.0.1 and localhost only.",
            hint="Call it by one of these, or set SKERRY_SERVICE_AUTH=token.",
        )


def _signed(contexts: list[str]) -> Caller:
    """The caller whose signature Lambda has checked, from the request context of a Function URL."""
    try:
        (context,) = contexts
        data: Any = json.loads(context) if len(context) <= MAX_CONTEXT else None
        arn = data["authorizer"]["iam"]["userArn"]
    except (ValueError, KeyError, TypeError, RecursionError):
        arn = None
    if not isinstance(arn, str) or not arn.startswith("arn:") or len(arn) > MAX_OWNER:
        raise AgentError(
            "UNAUTHORIZED",
            "the request has no signature that Lambda checked.",
            hint="Sign it for lambda, and let the Function URL have AuthType AWS_IAM.",
        )
    return Caller(arn)
