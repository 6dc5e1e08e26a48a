"""A person signs in with a browser: authorization code with PKCE, and refreshing what came of it.

Sources: RFC 6749 §4.1 and §6, RFC 7636 (PKCE, S256 only), RFC 8252 (native apps), RFC 9207 (`iss`), OpenID
Connect Core 1.0 §3.1.3.7 (an ID token that came straight from the token endpoint). No HTTP client and no
browser of its own: `post` and `open_browser` are arguments.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from skerry.auth.bearer import claims_of
from skerry.auth.discovery import Provider
from skerry.auth.loopback import listening
from skerry.auth.oauth import OAuthError, basic, granted
from skerry.auth.ports import Clock, Post
from skerry.errors import RemoteError
from skerry.wire.shown import safe

TIMEOUT = 300.0
"""Seconds that a person has to sign in."""
Opener = Callable[[str], object]
"""Shows a URL to the person, in a browser or otherwise; runs in a thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserClient:
    """A client as it is registered with a provider. `port` 0: any, as RFC 8252 lets a client choose.

    A secret is for providers that give native apps one; it protects nothing on a person's machine.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    scope: str = "openid"
    audience: str = ""
    resource: str = ""
    port: int = 0

    @property
    def key(self) -> str:
        """What tokens of this client are kept by."""
        return f"{self.issuer}\n{self.client_id}\n{self.scope}\n{self.audience}\n{self.resource}"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a sign-in gave. `expires` is seconds since the epoch, None when it is not known."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires: float | None = None
    identity: str = ""

    def to_text(self) -> str:
        """For a token cache."""
        return json.dumps([self.access_token, self.refresh_token, self.expires, self.identity])

    @classmethod
    def from_text(cls, text: str) -> Grant | None:
        """What `to_text` gave; None for anything else."""
        try:
            access, refresh, expires, identity = json.loads(text)
        except (ValueError, TypeError, RecursionError):
            return None
        texts = all(isinstance(part, str) for part in (access, refresh, identity))
        if not texts or not access or not (expires is None or isinstance(expires, int | float)):
            return None
        return cls(access, refresh, expires, identity)


async def authorize(
    client: BrowserClient,
    provider: Provider,
    *,
    post: Post,
    open_browser: Opener,
    clock: Clock,
    timeout: float = TIMEOUT,  # noqa: ASYNC109  (seconds for a person)
) -> Grant:
    """Signs a person in. Raises OAuthError or RemoteError when that fails or nobody comes back."""
    verifier, state, nonce = secrets.token_urlsafe(64), secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    async with listening(state, port=client.port) as listener:
        url = _request(client, provider, listener.redirect_uri, verifier=verifier, state=state, nonce=nonce)
        opening = asyncio.create_task(asyncio.to_thread(open_browser, url))
        try:
            answer = await listener.answer(timeout)
        finally:
            if opening.done():
                opening.exception()
            else:
                opening.cancel()
    code = _code(answer, provider)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": listener.redirect_uri,
        "code_verifier": verifier,
    }
    return await _granted(client, provider, form, post=post, clock=clock, nonce=nonce)


async def refresh(
    client: BrowserClient, provider: Provider, grant: Grant, *, post: Post, clock: Clock
) -> Grant:
    """A grant anew, with the provider's next refresh token when it rotates them.

    Raises OAuthError (`invalid_grant`: sign in again) or RemoteError.
    """
    form = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token}
    if client.scope:
        form["scope"] = client.scope
    return await _granted(client, provider, form, post=post, clock=clock, before=grant)


def _request(
    client: BrowserClient, provider: Provider, redirect_uri: str, *, verifier: str, state: str, nonce: str
) -> str:
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    query = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect_uri,
        "scope": client.scope,
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii"),
        "code_challenge_method": "S256",
        "nonce": nonce if "openid" in client.scope.split() else "",
        "audience": client.audience,
        "resource": client.resource,
    }
    mark = "&" if urlsplit(provider.authorization_endpoint).query else "?"
    return f"{provider.authorization_endpoint}{mark}{urlencode({k: v for k, v in query.items() if v})}"


def _code(answer: Mapping[str, str], provider: Provider) -> str:
    """The code in a redirect whose state was right; its issuer is checked before all else."""
    issuer = answer.get("iss")
    if (issuer is None and provider.sends_iss) or (issuer is not None and issuer != provider.issuer):
        raise RemoteError(
            "the sign-in came back from another identity provider than the one that was asked.",
            hint="Sign in again; should it happen twice, ask the provider's administrator.",
        )
    if error := answer.get("error"):
        raise OAuthError(400, safe(error, 80), safe(answer.get("error_description", "")))
    if not (code := answer.get("code")):
        raise RemoteError("the sign-in came back without a code.", hint="Sign in again.")
    return code


async def _granted(
    client: BrowserClient,
    provider: Provider,
    form: dict[str, str],
    *,
    post: Post,
    clock: Clock,
    nonce: str = "",
    before: Grant | None = None,
) -> Grant:
    headers = {"Accept": "application/json"}
    if client.client_secret:
        headers["Authorization"] = basic(client.client_id, client.client_secret)
    else:
        form["client_id"] = client.client_id
    if client.resource:
        form["resource"] = client.resource
    now = clock.time()
    try:
        status, body = await post(provider.token_endpoint, form, headers)
    except OSError as error:
        raise RemoteError("The token endpoint does not answer.") from error
    data = granted(status, body)
    claims = claims_of(_text(data, "id_token"))
    if claims:
        _check(claims, client, nonce)
    life = data["expires_in"]
    own = claims_of(data["access_token"]).get("exp")
    ends = now + life if life else float(own) if isinstance(own, int | float) else None
    return Grant(
        data["access_token"],
        _text(data, "refresh_token") or (before.refresh_token if before else ""),
        ends,
        _identity(claims)
        or _identity(claims_of(data["access_token"]))
        or (before.identity if before else ""),
    )


def _check(claims: Mapping[str, Any], client: BrowserClient, nonce: str) -> None:
    """An ID token from the token endpoint itself: for this client, of this issuer, for this sign-in."""
    audience = claims.get("aud")
    for_us = client.client_id in (audience if isinstance(audience, list) else [audience])
    if claims.get("iss") != client.issuer or not for_us or (nonce and claims.get("nonce") != nonce):
        raise RemoteError(
            "the identity provider's ID token is not for this sign-in.",
            hint="Sign in again; should it happen twice, check --issuer and the client id.",
        )


def _identity(claims: Mapping[str, Any]) -> str:
    names = (claims.get(name) for name in ("email", "preferred_username", "sub"))
    return next((name for name in names if isinstance(name, str) and name), "")


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""
