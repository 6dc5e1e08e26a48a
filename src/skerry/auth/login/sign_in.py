"""One sign-in for one resource: who gives tokens for it, who this client is there, and how it gets one.

    protected_resource (RFC 9728) ─▶ discovery (RFC 8414) ─▶ client_identity ─▶ scopes
        ─▶ authorization_code │ device_code │ client credentials

When one is needed, and what is kept of it, is the matter of `discovered_tokens`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from shlex import quote
from urllib.parse import urlsplit

from skerry.auth.background import in_thread
from skerry.auth.challenge import Challenge
from skerry.auth.client_authentication import ClientIdentity
from skerry.auth.discovery import Provider, is_safe, provider, same_origin
from skerry.auth.http.one_request import Http
from skerry.auth.login import device_code, scope_selection
from skerry.auth.login.authorization_code import TIMEOUT, CodeRequest, authorize
from skerry.auth.login.client_identity import Clients, Configured
from skerry.auth.login.grant import Asking, Grant
from skerry.auth.login.kept import Kept
from skerry.auth.login.loopback import path_of
from skerry.auth.login.protected_resource import described
from skerry.auth.oauth import OAuthError
from skerry.auth.ports import Clock, Surroundings
from skerry.errors import ConfigurationError, TokenError
from skerry.wire.shown import clean


@dataclass(frozen=True, slots=True)
class Place:
    """Who gives tokens for a resource, by what name the resource is asked for, and its scopes."""

    provider: Provider
    resource: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a sign-in works with. `timeout` is a person's, in seconds; `pause` waits between questions."""

    surroundings: Surroundings
    http: Http
    clock: Clock
    timeout: float = TIMEOUT
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep


class SignIn:
    """Sign-ins for the resource at `url`. `mcp`: the resource is named in every request, as MCP demands.

    Raises ConfigurationError for a client secret or key without an issuer: a server must not have it sent to
    whom it likes.
    """

    def __init__(self, url: str, configured: Configured, kept: Kept, means: Means, *, mcp: bool) -> None:
        self._url = url
        self._configured = configured
        self._means = means
        self._mcp = mcp
        self._clients = Clients(configured, kept, post=means.http.post_bytes, clock=means.clock)
        self._told: Challenge | None = None
        if (configured.client_secret or configured.client_key) and not configured.issuer:
            raise ConfigurationError(
                "a client secret or key is sent to one identity provider alone, and none is named.",
                hint="Give --issuer URL.",
            )

    def check(self) -> None:
        """Raises ConfigurationError for a URL that no token may be sent to."""
        if not is_safe(self._url):
            raise ConfigurationError(
                "a token is not sent to a URL without TLS on another machine.", hint="Use https."
            )

    async def place(self, challenge: Challenge | None, *, before: str = "") -> Place:
        """Where tokens for the resource are from, by its challenge, its metadata, or what is configured.

        Where several issuers are named it is the one that they were from `before`, else the first.

        Raises TokenError (missing) when nothing says it, ConfigurationError when what is configured belongs
        elsewhere, RemoteError and ProtocolError for documents that must not be used.
        """
        self.check()
        self._told = challenge = challenge or self._told
        wanted, fetch = self._configured.issuer, self._means.http.fetch
        known = None
        if challenge is not None or self._mcp or not wanted:
            known = await described(self._url, challenge, fetch=fetch)
        shown = named(self._url)
        if known is None:
            if not wanted:
                raise TokenError(
                    "missing",
                    f"{shown} wants a token and does not say where one signs in (RFC 9728).",
                    hint="Give --issuer URL, or a token: --token-command, --token-file, SKERRY_TOKEN.",
                )
            return Place(await provider(wanted, fetch=fetch), self._url if self._mcp else "")
        if wanted and wanted not in known.authorization_servers:
            raise ConfigurationError(
                f"{shown} takes tokens of {clean(', '.join(known.authorization_servers))[:300]}, "
                f"not of {wanted}: what is configured is not sent there.",
                hint="Did its identity provider change? Give the new --issuer and the client there.",
            )
        stays = before in known.authorization_servers
        issuer = wanted or (before if stays else known.authorization_servers[0])
        return Place(await provider(issuer, fetch=fetch), known.resource, known.scopes_supported)

    async def follow(self, place: Place, *, before: str) -> None:
        """Asks the person before tokens come from somebody else than `before`; who gave --issuer has agreed.

        Raises TokenError (issuer) when they do not agree, or nobody can be asked.
        """
        now = place.provider.issuer
        if before in ("", now) or self._configured.issuer:
            return
        shown, old, new = named(self._url), clean(before)[:300], clean(now)[:300]
        said = f"until now {shown} took tokens of {old}; now it names {new}."
        question = f"{said[0].upper()}{said[1:]}\nWas that to be expected, and do you sign in there? [y/N] "
        if not await in_thread(lambda: self._means.surroundings.agree(question)):
            raise TokenError(
                "issuer",
                f"{said} Nobody agreed to sign in there, and nothing was sent there.",
                hint=f"Was that to be expected? Then run: skerry login {shown} --issuer {quote(new)}",
            )

    def first(self, place: Place, challenge: Challenge | None) -> tuple[str, ...]:
        """The scopes of a first sign-in."""
        chosen = scope_selection.first(
            challenged=challenge.scopes if challenge is not None else (),
            supported=place.scopes,
            configured=self._configured.scope,
        )
        return chosen if self._configured.machine else scope_selection.lasting(chosen, place.provider.scopes)

    async def grant(self, place: Place, wanted: tuple[str, ...]) -> Grant:
        """A new grant: the client's own, or a person's by browser or by code.

        Raises TokenError (missing) when nobody is here to sign in, OAuthError, RemoteError and
        ConfigurationError.
        """
        try:
            return await self._grant(place, wanted)
        except OAuthError as error:
            if error.error == "invalid_client":
                self.forget(place.provider)
            raise

    def forget(self, at: Provider) -> None:
        """Drops the registration of this client with a provider that does not know it any more."""
        self._clients.forget(at)

    async def as_before(self, grant: Grant) -> Asking | None:
        """The client that a grant was given to, at its provider; None when this is another client now."""
        at = await provider(grant.issuer, fetch=self._means.http.fetch)
        identity = await self._clients.same(at, grant.client_id)
        return self._asking(at, identity, grant.resource, grant.audience) if identity is not None else None

    async def _grant(self, place: Place, wanted: tuple[str, ...]) -> Grant:
        around = self._means.surroundings
        if self._configured.machine or around.device:
            identity = await self._clients.identity(
                place.provider,
                redirect_uri=f"http://127.0.0.1{path_of(place.provider.issuer)}",
                scopes=wanted,
                device=around.device,
            )
            asking = self._asking(place.provider, identity, place.resource, self._configured.audience)
            if self._configured.machine:
                return await asking.for_itself(wanted)
            return await device_code.sign_in(asking, wanted, say=around.say, pause=self._means.pause)
        if around.open_browser is None:
            shown = named(self._url)
            raise TokenError(
                "missing",
                f"nobody is signed in for {shown}, and nobody is here to do it.",
                hint=f"Run: skerry login {shown}",
            )
        return await self._by_browser(place, wanted)

    async def _by_browser(self, place: Place, wanted: tuple[str, ...]) -> Grant:
        wish, means = self._configured, self._means
        request = CodeRequest(
            scopes=wanted,
            resource=place.resource,
            audience=wish.audience,
            back=await self._clients.way_back(place.provider),
            assume_pkce=wish.assume_pkce,
        )
        around = means.surroundings
        await means.http.check(place.provider.authorization_endpoint)

        def shown(page: str) -> None:
            around.say(_asks(place.provider))
            if around.open_browser is not None:
                around.open_browser(page)

        return await authorize(
            place.provider,
            request,
            lambda redirect: self._clients.identity(place.provider, redirect_uri=redirect, scopes=wanted),
            post=means.http.post,
            open_browser=shown,
            clock=means.clock,
            timeout=means.timeout,
        )

    def _asking(self, at: Provider, identity: ClientIdentity, resource: str, audience: str) -> Asking:
        return Asking(
            provider=at,
            identity=identity,
            post=self._means.http.post,
            clock=self._means.clock,
            resource=resource,
            audience=audience,
        )


def _asks(provider: Provider) -> str:
    """Who asks, and where when that is elsewhere: a page of somebody else's is how providers are mixed up."""
    issuer, page = clean(provider.issuer), provider.authorization_endpoint
    if same_origin(issuer, page):
        return f"Sign in with a browser; {issuer} asks who you are."
    return (
        f"Sign in with a browser. {issuer} says that its page is at another place: {urlsplit(page).netloc}. "
        "Sign in there only if you know that the two belong together."
    )


def named(url: str) -> str:
    """A resource's URL for people: whole, so that a command takes it, but without user and password."""
    place, at, _ = url.partition("//")[2].partition("/")[0].rpartition("@")
    return clean(url.replace(f"{place}{at}", "", 1) if at else url)
