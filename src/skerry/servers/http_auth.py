"""A protected resource over HTTP: verifies bearer tokens, answers with RFC 6750 challenges.

Our own servers follow the RFC where AgentCore's authorizer differs from it: 401 for a token that is
missing or does not hold, 403 for scopes that it lacks and for pages from elsewhere, 400 for a request whose
credentials are malformed, doubled, or in its query.

Sources: RFC 6750 §2 and §3, RFC 9728 §3, MCP 2026-07-28 (authorization; transports, security warning).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from skerry.auth import challenge
from skerry.auth.challenge import WELL_KNOWN, Challenge, ResourceMetadata
from skerry.auth.jwt import tokens
from skerry.auth.jwt.dialects import OAUTH, Claims, Dialect, scopes
from skerry.auth.jwt.keys import Keys
from skerry.auth.jwt.scopes import Hierarchy, shown
from skerry.errors import TokenError
from skerry.wire import origins

_CREDENTIALS = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)
_FLAT = Hierarchy()
_log = logging.getLogger("skerry.servers.auth")


class RefusedError(Exception):
    """A request without sufficient credentials; `response` is what to send. It never holds the token."""

    def __init__(self, response: JSONResponse) -> None:
        super().__init__(response.status_code)
        self.response = response


@dataclass(frozen=True, slots=True)
class ProtectedResource:
    """One resource: its `url` as clients type it, and whose tokens for which `audience` it takes.

    `scopes` are those that it may ask for, `hierarchy` says which of them include others. `keys` are the
    issuer's. `clients` are those whose tokens it takes in a dialect without audience (Cognito).
    """

    url: str
    issuer: str
    audience: str
    keys: Keys
    scopes: tuple[str, ...] = ()
    dialect: Dialect = OAUTH
    hierarchy: Hierarchy = _FLAT
    clients: tuple[str, ...] = ()

    @property
    def metadata(self) -> ResourceMetadata:
        """The document of RFC 9728; its `resource` is `url`, byte for byte."""
        return ResourceMetadata(self.url, (self.issuer,), shown(self.scopes))

    @property
    def metadata_path(self) -> str:
        """The path of its metadata: the resource's own path behind the well-known part (RFC 9728 §3.1)."""
        return WELL_KNOWN + urlsplit(self.url).path.rstrip("/")

    @property
    def metadata_url(self) -> str:
        """Where the metadata stands, for challenges; a query of the resource's URL stays (RFC 9728 §3.1)."""
        parts = urlsplit(self.url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{parts.scheme}://{parts.netloc}{self.metadata_path}{query}"

    async def verify(self, authorization: Sequence[str]) -> Claims:
        """The claims of the one bearer token among the `Authorization` headers. Raises TokenError."""
        return await self.verify_token(tokens.bearer(authorization))

    async def verify_token(self, token: str) -> Claims:
        """The claims of a token that is genuine, current and for this resource. Raises TokenError."""
        return await tokens.verify(
            token,
            keys=self.keys,
            issuer=self.issuer,
            dialect=self.dialect,
            now=self.keys.clock.time(),
            audience=self.audience,
            clients=self.clients,
        )

    async def authorize(self, headers: Headers, *needed: str, query: str = "") -> Claims:
        """The claims of a request that may use what needs all of these scopes.

        `query` is the raw query of the request. Raises RefusedError.
        """
        claims = await self.authenticate(headers, *needed, query=query)
        self.require(claims, *needed)
        return claims

    async def authenticate(self, headers: Headers, *needed: str, query: str = "") -> Claims:
        """The claims of a request's token, whatever its scopes are; a challenge names the `needed` ones.

        Raises RefusedError: 403 for a page from elsewhere, 400, 401, and 503 when the issuer does not answer.
        """
        if any(origins.foreign(origin, self.url) for origin in headers.getlist("origin")):
            raise RefusedError(
                _answer(403, "forbidden_origin", "Web pages of other origins may not call this.")
            )
        token = self._presented(headers, query, needed)
        try:
            return await self.verify_token(token)
        except TokenError as error:
            if error.reason == "unreachable":
                raise RefusedError(_answer(503, "temporarily_unavailable", str(error))) from error
            _note(token, error)
            raise self.refusal(401, "invalid_token", str(error), needed) from error

    def require(self, claims: Claims, *needed: str) -> None:
        """Raises RefusedError (403) that names all the scopes of an operation when the token lacks one."""
        if missing := self.hierarchy.missing(needed, scopes(claims)):
            text = f"The token lacks the scope {' '.join(missing)}."
            raise self.refusal(403, "insufficient_scope", text, needed)

    def _presented(self, headers: Headers, query: str, needed: Sequence[str]) -> str:
        """The token in the one `Authorization` header; nothing is looked for in a body."""
        given = headers.getlist("authorization")
        if len(given) > 1:
            raise self.refusal(400, "invalid_request", "Send one Authorization header.", needed)
        if any(unquote_plus(part.partition("=")[0]) == "access_token" for part in query.split("&")):
            text = "A token in the query is refused: URLs are logged. Send it in the Authorization header."
            raise self.refusal(400, "invalid_request", text, needed)
        if not given or given[0].partition(" ")[0].lower() != "bearer":
            raise self.refusal(401, "", "Send a bearer token in the Authorization header.", needed)
        found = _CREDENTIALS.fullmatch(given[0])
        if found is None:
            text = "The Authorization header is not 'Bearer' and one token."
            raise self.refusal(400, "invalid_request", text, needed)
        return found[1]

    def refusal(self, status: int, error: str, text: str, needed: Sequence[str]) -> RefusedError:
        """A refusal with a challenge; `error` is RFC 6750's, empty when nothing was sent."""
        header = challenge.build(
            Challenge(
                error=error,
                description=text if error else "",
                scopes=tuple(needed),
                resource_metadata=self.metadata_url,
            )
        )
        answer = _answer(status, error or "unauthorized", text)
        answer.headers["WWW-Authenticate"] = header
        return RefusedError(answer)


def _answer(status: int, error: str, message: str) -> JSONResponse:
    return JSONResponse(
        {"error": error, "message": message}, status_code=status, headers={"Cache-Control": "no-store"}
    )


def _note(token: str, error: TokenError) -> None:
    """One line in the log: why, and what helps to find the token where it was made; never the token."""
    said = "".join(f" {name}={value}" for name, value in tokens.marks(token).items())
    _log.info("token refused: %s%s", error.reason, said)
