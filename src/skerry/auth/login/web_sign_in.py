"""A person signs in at an identity provider for a page of ours, which wants to know one thing: who it is.

Sources: RFC 6749 §4.1 (authorization code), RFC 7636 (PKCE, S256), RFC 9207 (`iss`), OpenID Connect Core 1.0
§3.1.3.7. A public client. The tokens are looked at and dropped; a code that a browser got elsewhere fits no
verifier here.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from skerry.auth import pkce
from skerry.auth.discovery import Provider
from skerry.auth.oauth import OAuthError, granted
from skerry.auth.ports import Post
from skerry.errors import ConfigurationError, RemoteError, TokenError
from skerry.wire.shown import safe

Verify = Callable[[str], Awaitable[Mapping[str, Any]]]
"""The claims of a token of the provider that is genuine and current, whoever it is for. Raises TokenError."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """One sign-in under way, at one provider; what it holds must not leave the server but in its URL."""

    provider: Provider
    client_id: str
    redirect_uri: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def url(self) -> str:
        """Where the browser goes.

        Raises ConfigurationError for a provider that signs nobody in, or that says it takes no S256. This is
        no MCP client: one whose metadata says nothing of PKCE, as Cognito's, gets the challenge all the same.
        """
        page = self.provider.authorization_endpoint
        if not page:
            raise ConfigurationError("The identity provider offers no sign-in with a browser.")
        if not pkce.is_taken(self.provider.pkce, assumed=True):
            raise ConfigurationError("The identity provider names code challenge methods, but not S256.")
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid",
            "state": self.state,
            "code_challenge": pkce.challenge(self.verifier),
            "code_challenge_method": "S256",
            "nonce": self.nonce,
        }
        return f"{page}{'&' if urlsplit(page).query else '?'}{urlencode(query)}"

    async def person(self, answer: Mapping[str, str], *, post: Post, verify: Verify) -> Mapping[str, Any]:
        """The claims of who signed in, `iss` and `sub` among them.

        `answer` is the query that the browser came back with; its `state` led here. Raises OAuthError for a
        refusal, RemoteError for an answer that is not for this sign-in, TokenError.
        """
        form = {
            "grant_type": "authorization_code",
            "code": self._code(answer),
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            "client_id": self.client_id,
        }
        try:
            status, body = await post(self.provider.token_endpoint, form, {"Accept": "application/json"})
        except OSError as error:
            raise RemoteError("The token endpoint does not answer.") from error
        return await self._claims(granted(status, body), verify)

    def _code(self, answer: Mapping[str, str]) -> str:
        """The issuer is looked at before all else: what another one says, errors too, means nothing."""
        issuer, provider = answer.get("iss"), self.provider
        if (issuer is None and provider.sends_iss) or (issuer is not None and issuer != provider.issuer):
            raise RemoteError("The sign-in came back from another identity provider than the one asked.")
        if error := answer.get("error"):
            raise OAuthError(400, safe(error, 80), safe(answer.get("error_description", "")))
        if not (code := answer.get("code")):
            raise RemoteError("The sign-in came back without a code.")
        return code

    async def _claims(self, data: Mapping[str, Any], verify: Verify) -> Mapping[str, Any]:
        """Those of the access token, whose subject is what resource servers see; else of the ID token."""
        try:
            return await verify(str(data["access_token"]))
        except TokenError as problem:
            if problem.reason != "malformed" or not isinstance(data.get("id_token"), str):
                raise
        claims = await verify(data["id_token"])
        audience = claims.get("aud")
        for_us = self.client_id in (audience if isinstance(audience, list) else [audience])
        if not for_us or claims.get("nonce") != self.nonce:
            raise RemoteError("The identity provider's ID token is not for this sign-in.")
        return claims
