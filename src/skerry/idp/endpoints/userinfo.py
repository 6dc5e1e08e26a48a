"""The userinfo endpoint (OpenID Connect Core section 5.3): who signed in, for a bearer of their token."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from skerry.auth.jwt import tokens
from skerry.auth.jwt.dialects import scopes
from skerry.errors import TokenError
from skerry.idp.endpoints.form_endpoint import NO_STORE, Trace, json_response, record
from skerry.idp.issuer import Issuer
from skerry.idp.kept import issued
from skerry.idp.oauth_errors import OAuthError
from skerry.idp.profile import OPENID, identity


class Userinfo:
    """The userinfo endpoint of one issuer: an access token with `openid`, in the Authorization header.

    It must be the one that came of the sign-in: what a backend got for it in exchange is for that backend,
    and a machine is nobody.
    """

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer

    async def __call__(self, request: Request) -> Response:
        clock = self._issuer.clock
        started, ticks = clock.time(), clock.monotonic()
        trace = Trace("userinfo", detail={"issuer": self._issuer.url})
        try:
            response = json_response(await self._claims(request, trace), headers=NO_STORE)
        except OAuthError as error:
            trace.detail["error"] = error.error or "no token"
            body = error.body() if error.error else {}
            response = json_response(body, status=error.status, headers={**NO_STORE, **error.headers})
        duration = (clock.monotonic() - ticks) * 1000
        record(trace, status=response.status_code, started=started, duration_ms=duration)
        return response

    async def _claims(self, request: Request, trace: Trace) -> dict[str, object]:
        if "access_token" in request.query_params:
            raise self._refusal(
                "invalid_request", 400, "Send the token in the Authorization header; URLs end up in logs."
            )
        try:
            token = tokens.bearer(request.headers.getlist("authorization"))
            claims = await self._issuer.own(token)
        except TokenError as error:
            if error.reason == "missing":  # a challenge without an error (RFC 6750 section 3.1)
                raise self._refusal("", 401, error.message) from error
            if error.reason == "request":  # more than one header
                raise self._refusal("invalid_request", 400, error.message) from error
            raise self._refusal("invalid_token", 401, error.message) from error
        trace.identity, trace.auth = f"{claims['sub']}@{self._issuer.url}", "jwt"
        if OPENID not in scopes(claims):
            raise self._refusal("insufficient_scope", 403, "The token lacks the scope openid.", scope=OPENID)
        if not await issued.is_of_sign_in(self._issuer.records, token):
            raise self._refusal("invalid_token", 401, "The token came of no sign-in, so it tells of nobody.")
        user = await self._issuer.directory.user_by_id(str(claims["sub"]))
        if user is None or not user.enabled:
            raise self._refusal("invalid_token", 401, "The token is of nobody who can sign in.")
        groups = {self._issuer.dialect.groups_claim: list(user.groups)} if user.groups else {}
        return {
            **identity(user, scopes(claims), dialect=self._issuer.dialect),
            **groups,
            "preferred_username": user.name,
            "sub": user.id,
        }

    def _refusal(self, error: str, status: int, message: str, *, scope: str = "") -> OAuthError:
        """With the challenge of RFC 6750 section 3."""
        described = OAuthError(error, message).body()
        members = {"realm": self._issuer.url, **(described if error else {}), "scope": scope}
        challenge = ", ".join(f'{name}="{value}"' for name, value in members.items() if value)
        return OAuthError(error, message, status=status, headers={"www-authenticate": f"Bearer {challenge}"})
