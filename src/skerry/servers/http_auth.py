"""A protected resource over HTTP: verifies bearer tokens, answers with RFC 6750 challenges.

Our own servers follow the RFC where AgentCore's authorizer differs from it: 401 for a token that is
missing or does not hold, 403 for a scope that it lacks, 400 for two credentials at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from skerry.auth import challenge, tokens
from skerry.auth.challenge import WELL_KNOWN, Challenge, ResourceMetadata
from skerry.auth.dialects import OAUTH, Claims, Dialect, scopes
from skerry.auth.keys import Keys
from skerry.errors import TokenError


class RefusedError(Exception):
    """A request without sufficient credentials; `response` is what to send. It never holds the token."""

    def __init__(self, response: JSONResponse) -> None:
        super().__init__(response.status_code)
        self.response = response


@dataclass(frozen=True, slots=True)
class ProtectedResource:
    """One resource: its `url` as clients type it, and whose tokens for which `audience` it takes.

    `scopes` are those that it may ask for. `keys` are the issuer's.
    """

    url: str
    issuer: str
    audience: str
    keys: Keys
    scopes: tuple[str, ...] = ()
    dialect: Dialect = OAUTH

    @property
    def metadata(self) -> ResourceMetadata:
        """The document of RFC 9728."""
        return ResourceMetadata(self.url, (self.issuer,), tuple(dict.fromkeys(filter(None, self.scopes))))

    @property
    def metadata_path(self) -> str:
        """The path of its metadata: the resource's own path behind the well-known part (RFC 9728 §3.1)."""
        return WELL_KNOWN + urlsplit(self.url).path.rstrip("/")

    async def verify(self, authorization: Sequence[str]) -> Claims:
        """The claims of the one bearer token among the `Authorization` headers. Raises TokenError."""
        return await tokens.verify(
            tokens.bearer(authorization),
            keys=self.keys,
            issuer=self.issuer,
            dialect=self.dialect,
            now=self.keys.clock.time(),
            audience=self.audience,
        )

    async def authorize(self, headers: Headers, scope: str = "") -> Claims:
        """The claims of a request that may use what needs `scope` (empty: no scope).

        Raises RefusedError.
        """
        authorization = headers.getlist("authorization")
        if len(authorization) > 1:
            raise self._refused(400, "invalid_request", "Send one Authorization header.", scope)
        try:
            claims = await self.verify(authorization)
        except TokenError as error:
            if error.reason == "unreachable":
                raise RefusedError(_answer(503, "temporarily_unavailable", str(error))) from error
            if error.reason == "missing":
                raise self._refused(401, "", str(error), scope) from error
            raise self._refused(401, "invalid_token", str(error), scope) from error
        if scope and scope not in scopes(claims):
            text = f"The token lacks the scope {scope}."
            raise self._refused(403, "insufficient_scope", text, scope)
        return claims

    def _refused(self, status: int, error: str, text: str, scope: str) -> RefusedError:
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(self.url))
        header = challenge.build(
            Challenge(
                error=error,
                description=text if error else "",
                scopes=(scope,) if scope else (),
                resource_metadata=origin + self.metadata_path,
            )
        )
        answer = _answer(status, error or "unauthorized", text)
        answer.headers["WWW-Authenticate"] = header
        return RefusedError(answer)


def _answer(status: int, error: str, message: str) -> JSONResponse:
    return JSONResponse(
        {"error": error, "message": message}, status_code=status, headers={"Cache-Control": "no-store"}
    )
