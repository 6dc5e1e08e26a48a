"""A person signs in with a browser: authorization code with PKCE.

Sources: RFC 6749 §4.1, RFC 7636 (PKCE, S256 only), RFC 8252 (native apps), RFC 8707 (`resource`), RFC 9207
(`iss`), MCP 2026-07-28, authorization. No HTTP client and no browser of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from skerry.auth import pkce
from skerry.auth.client_authentication import ClientIdentity
from skerry.auth.discovery import Provider, is_safe
from skerry.auth.login.grant import Asking, Grant
from skerry.auth.login.loopback import ANYWHERE, Listener, WayBack, listening
from skerry.auth.login.scope_selection import OFFLINE
from skerry.auth.oauth import OAuthError
from skerry.auth.ports import Clock, Opener, Post
from skerry.errors import ConfigurationError, PortInUseError, RemoteError
from skerry.wire.shown import safe

TIMEOUT = 300.0
"""Seconds that a person has to sign in."""

Identify = Callable[[str], Awaitable[ClientIdentity]]
"""Who the client is at the provider, for the redirect URI that it uses this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRequest:
    """What is asked of a person's provider.

    `back` is the redirect on this machine. `assume_pkce` trusts a provider to do PKCE that does not say so.
    """

    scopes: tuple[str, ...] = ()
    resource: str = ""
    audience: str = ""
    back: WayBack = ANYWHERE
    assume_pkce: bool = False


async def authorize(
    provider: Provider,
    request: CodeRequest,
    identify: Identify,
    *,
    post: Post,
    open_browser: Opener,
    clock: Clock,
    timeout: float = TIMEOUT,  # noqa: ASYNC109  (seconds for a person)
) -> Grant:
    """Signs a person in. Raises OAuthError or RemoteError when that fails or nobody comes back.

    Raises ConfigurationError before anything is opened when the provider signs nobody in, or does not name
    PKCE's S256 (MCP: a client must refuse then).
    """
    _check(provider, request)
    verifier, state, nonce = secrets.token_urlsafe(64), secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    async with _listener(state, request.back) as listener:
        identity = await identify(listener.redirect_uri)
        query = {
            "response_type": "code",
            "client_id": identity.client_id,
            "redirect_uri": listener.redirect_uri,
            "scope": " ".join(request.scopes),
            "state": state,
            "code_challenge": pkce.challenge(verifier),
            "code_challenge_method": "S256",
            "nonce": nonce if "openid" in request.scopes else "",
            # OpenID Connect Core §11: without it a provider ignores offline_access.
            "prompt": "consent" if OFFLINE in request.scopes else "",
            "audience": request.audience,
            "resource": request.resource,
        }
        answer = await _shown(listener, _url(provider, query), open_browser, timeout)
    form = {
        "grant_type": "authorization_code",
        "code": _code(answer, provider),
        "redirect_uri": listener.redirect_uri,
        "code_verifier": verifier,
    }
    asking = Asking(
        provider=provider,
        identity=identity,
        post=post,
        clock=clock,
        resource=request.resource,
        audience=request.audience,
    )
    return await asking.grant(form, scopes=request.scopes, nonce=query["nonce"])


def _check(provider: Provider, request: CodeRequest) -> None:
    if not provider.authorization_endpoint:
        raise ConfigurationError(
            "this identity provider offers no sign-in with a browser.",
            hint="Use client credentials (--client-secret-file), --device, or another --issuer.",
        )
    if pkce.is_taken(provider.pkce, assumed=request.assume_pkce):
        return
    raise ConfigurationError(
        "the identity provider does not say that it does PKCE with S256, so nobody is sent there.",
        hint="Does it all the same, as Cognito and Entra do? Then give --assume-pkce."
        if not provider.pkce
        else "Its metadata must name S256 in code_challenge_methods_supported.",
    )


@contextlib.asynccontextmanager
async def _listener(state: str, back: WayBack) -> AsyncIterator[Listener]:
    async with contextlib.AsyncExitStack() as stack:
        try:
            listener = await stack.enter_async_context(listening(state, port=back.port, path=back.path))
        except PortInUseError:
            if back.fixed:
                raise
            listener = await stack.enter_async_context(listening(state, path=back.path))
        yield listener


def _url(provider: Provider, query: Mapping[str, str]) -> str:
    """The page to open: https, or on this machine, whatever the metadata said (MCP: no other scheme)."""
    endpoint = provider.authorization_endpoint
    if not is_safe(endpoint):
        raise RemoteError(
            "the identity provider's sign-in page is neither https nor on this machine; it was not opened.",
            hint="Its metadata is not to be believed; tell who runs it.",
        )
    mark = "&" if urlsplit(endpoint).query else "?"
    return f"{endpoint}{mark}{urlencode({name: value for name, value in query.items() if value})}"


async def _shown(
    listener: Listener,
    url: str,
    open_browser: Opener,
    timeout: float,  # noqa: ASYNC109
) -> Mapping[str, str]:
    """The parameters of the redirect that comes back after the page was opened."""
    opening = asyncio.create_task(asyncio.to_thread(open_browser, url))
    try:
        return await listener.answer(timeout)
    finally:
        if opening.done():
            opening.exception()
        else:
            opening.cancel()


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
