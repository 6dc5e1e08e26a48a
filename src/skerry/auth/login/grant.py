"""What a sign-in gave, and the request at the token endpoint that gives it.

Sources: RFC 6749 §4.1.3, §4.4 and §6, RFC 8707 (`resource`), OpenID Connect Core 1.0 §3.1.3.7 (an ID token
that came straight from the token endpoint).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from skerry.auth.bearer import claims_of
from skerry.auth.client_authentication import ClientIdentity, proven
from skerry.auth.discovery import Provider
from skerry.auth.oauth import granted
from skerry.auth.ports import Clock, Post
from skerry.errors import ConfigurationError, RemoteError, SkerryError


@dataclass(frozen=True, slots=True)
class Grant:
    """What a sign-in gave. `expires` is seconds since the epoch, None when it is not known.

    `issuer`, `client_id` and `resource` say whose token it is and for whom, `scopes` what was asked for and
    `granted` what the provider says that it gave, where it says so.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires: float | None = None
    identity: str = ""
    issuer: str = ""
    client_id: str = ""
    resource: str = ""
    audience: str = ""
    scopes: tuple[str, ...] = ()
    granted: tuple[str, ...] = ()

    def holds(self, until: float) -> bool:
        """Whether the access token still holds at a time, as far as is known."""
        return self.expires is None or self.expires > until

    def to_text(self) -> str:
        """For a token cache."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Grant | None:
        """What `to_text` gave; None for anything else."""
        try:
            data = json.loads(text)
            texts = [data[name] for name in _TEXTS]
            lists = [data[name] for name in _LISTS]
            expires = data["expires"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        if not all(isinstance(value, str) for value in texts) or not data["access_token"]:
            return None
        if not all(isinstance(value, list) and all(isinstance(i, str) for i in value) for value in lists):
            return None
        if not (expires is None or (isinstance(expires, int | float) and not isinstance(expires, bool))):
            return None
        fields: dict[str, Any] = dict(zip(_TEXTS, texts, strict=True))
        fields |= {name: tuple(value) for name, value in zip(_LISTS, lists, strict=True)}
        return cls(**fields, expires=expires)


_TEXTS = ("access_token", "refresh_token", "identity", "issuer", "client_id", "resource", "audience")
_LISTS = ("scopes", "granted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A client that asks one provider for tokens for one resource; `resource` "" names none."""

    provider: Provider
    identity: ClientIdentity
    post: Post
    clock: Clock
    resource: str = ""
    audience: str = ""

    async def token(self, form: Mapping[str, str]) -> dict[str, Any]:
        """A token endpoint's answer to a form.

        Raises OAuthError when it refuses, RemoteError, and ConfigurationError when there is no endpoint.
        """
        return granted(*await self.answer(form))

    async def answer(self, form: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body of the answer, whatever it is. Raises as `token` does."""
        endpoint = self.provider.token_endpoint
        if not endpoint:
            raise ConfigurationError("this identity provider gives no tokens: its metadata has no endpoint.")
        whole = {name: value for name, value in form.items() if value}
        if self.resource:
            whole["resource"] = self.resource
        whole, headers = proven(self.identity, self.provider, whole, now=self.clock.time())
        try:
            return await self.post(endpoint, whole, headers)
        except OSError as error:
            raise RemoteError("The token endpoint does not answer.") from error

    async def grant(
        self,
        form: Mapping[str, str],
        *,
        scopes: tuple[str, ...],
        nonce: str = "",
        before: Grant | None = None,
    ) -> Grant:
        """The grant that comes of a form; what a refresh does not send anew stays as it was `before`."""
        now = self.clock.time()
        data = await self.token(form)
        claims = claims_of(_text(data, "id_token"))
        if claims:
            self._check(claims, nonce)
        own = claims_of(data["access_token"])
        ends = own.get("exp")
        known = float(ends) if isinstance(ends, int | float) and not isinstance(ends, bool) else None
        found = Grant(
            data["access_token"],
            _text(data, "refresh_token"),
            now + data["expires_in"] if data["expires_in"] else known,
            _identity(claims) or _identity(own),
            self.provider.issuer,
            self.identity.client_id,
            self.resource,
            self.audience,
            scopes,
            tuple(_text(data, "scope").split()),
        )
        if before is None:
            told = found.identity or await self._told(found.access_token, claims or own)
            return replace(found, identity=told or _subject(claims) or _subject(own))
        return replace(
            found,
            refresh_token=found.refresh_token or before.refresh_token,
            identity=found.identity or before.identity,
            granted=found.granted or before.granted,
        )

    async def refreshed(self, grant: Grant) -> Grant:
        """A grant anew, with the provider's next refresh token when it rotates them.

        Raises OAuthError (`invalid_grant`: sign in again) or RemoteError.
        """
        form = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token}
        return await self.grant(form, scopes=grant.scopes, before=grant)

    async def for_itself(self, scopes: tuple[str, ...]) -> Grant:
        """A token for the client itself (RFC 6749 §4.4). Raises OAuthError or RemoteError."""
        form = {"grant_type": "client_credentials", "scope": " ".join(scopes), "audience": self.audience}
        return await self.grant(form, scopes=scopes)

    async def revoked(self, token: str) -> bool:
        """Whether the provider took a token back (RFC 7009). Raises RemoteError when it does not answer."""
        endpoint = self.provider.revocation_endpoint
        if not endpoint or not token:
            return False
        form, headers = proven(self.identity, self.provider, {"token": token}, now=self.clock.time())
        try:
            status, _body = await self.post(endpoint, form, headers)
        except OSError as error:
            raise RemoteError("The revocation endpoint does not answer.") from error
        return status == 200

    async def _told(self, token: str, claims: Mapping[str, Any]) -> str:
        """The name that the userinfo endpoint has (OpenID Connect Core 1.0 §5.3), for a name to show only.

        It must be of the subject of the token (§5.3.2); "" where it says nothing, as without `openid`.
        """
        endpoint = self.provider.userinfo_endpoint
        if not endpoint:
            return ""
        try:
            status, body = await self.post(endpoint, {}, {"Authorization": f"Bearer {token}"})
            found = json.loads(body) if status == 200 else {}
        except (SkerryError, OSError, ValueError, RecursionError):
            return ""
        if not isinstance(found, dict) or found.get("sub") != claims.get("sub", found.get("sub")):
            return ""
        return _identity(found)

    def _check(self, claims: Mapping[str, Any], nonce: str) -> None:
        """An ID token from the token endpoint itself: for this client, of this issuer, for this sign-in."""
        audience = claims.get("aud")
        ours = self.identity.client_id in (audience if isinstance(audience, list) else [audience])
        if claims.get("iss") != self.provider.issuer or not ours or (nonce and claims.get("nonce") != nonce):
            raise RemoteError(
                "the identity provider's ID token is not for this sign-in.",
                hint="Sign in again; should it happen twice, check --issuer and the client id.",
            )


_NAMES = ("email", "preferred_username", "upn", "username", "cognito:username", "name")


def _identity(claims: Mapping[str, Any]) -> str:
    """A name that people know somebody by, if the claims have one."""
    names = (claims.get(name) for name in _NAMES)
    return next((name for name in names if isinstance(name, str) and name), "")


def _subject(claims: Mapping[str, Any]) -> str:
    """The subject, and that it is that: it may be a number which nobody knows themselves by."""
    subject = _text(claims, "sub")
    return f"sub {subject}" if subject else ""


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""
