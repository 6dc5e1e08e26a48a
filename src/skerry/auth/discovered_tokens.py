"""Tokens for one resource, found out from the resource itself: the one way by which skerry signs people in.

    401 ─▶ protected_resource (RFC 9728) ─▶ discovery (RFC 8414) ─▶ client_identity ─▶ scopes
        ─▶ authorization_code │ device_code │ client credentials ─▶ kept, refreshed, stepped up

Source: MCP 2026-07-28, authorization. Everything is kept by resource and by issuer; an instance belongs to
one resource and may be used from one event loop after another, one call at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from skerry.auth import device_code, scopes
from skerry.auth.authorization_code import TIMEOUT, CodeRequest, authorize
from skerry.auth.bearer import AHEAD
from skerry.auth.challenge import Challenge
from skerry.auth.client_identity import Clients, Configured
from skerry.auth.clock import SystemClock
from skerry.auth.discovery import Provider, is_safe, provider
from skerry.auth.grant import Asking, Grant
from skerry.auth.keeper import Lease
from skerry.auth.kept import Kept
from skerry.auth.oauth import OAuthError
from skerry.auth.one_request import Http
from skerry.auth.ports import ALONE, Clock, Origin, Surroundings
from skerry.auth.protected_resource import described
from skerry.errors import ConfigurationError, SkerryError, StateError, TokenError
from skerry.wire.shown import safe

QUIET = 60.0
"""Seconds in which nobody is asked twice for the same, and a token that was just refreshed is final."""
STEPS = 3
"""Step-ups of one program: a server that always wants more is not followed for ever."""
_DEVICE_REDIRECT = "http://127.0.0.1/callback"


@dataclass(frozen=True, slots=True)
class _Place:
    """Who gives tokens for the resource, by what name the resource is asked for, and its scopes."""

    provider: Provider
    resource: str
    scopes: tuple[str, ...] = ()


class DiscoveredTokens:
    """A source of tokens for the resource at `url`.

    Where nobody can sign in (`surroundings`), what is kept has to do. `mcp` names the resource in every
    request, as MCP demands, even if it publishes no metadata. A client secret or key needs an issuer, so
    that a server cannot have it sent to whom it likes: ConfigurationError.
    """

    def __init__(
        self,
        url: str,
        configured: Configured,
        kept: Kept,
        *,
        surroundings: Surroundings = ALONE,
        http: Http | None = None,
        clock: Clock | None = None,
        timeout: float = TIMEOUT,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
        mcp: bool = True,
    ) -> None:
        self.url = url.partition("#")[0]
        self._configured = configured
        self._kept = kept
        self._around = surroundings
        self._http = http or Http()
        self._clock = clock or SystemClock()
        self._timeout = timeout
        self._pause = pause
        self._mcp = mcp
        self._clients = Clients(configured, kept, post=self._http.post_bytes, clock=self._clock)
        self._grant: Grant | None = None
        self._asked: dict[tuple[str, tuple[str, ...]], float] = {}
        self._renewed: tuple[str, float] = ("", 0.0)
        self._told: Challenge | None = None
        self._steps = 0
        shown = safe(self.url, 120)
        self.way_in = f"Run: skerry login {shown}"
        self.origin = Origin("bearer", f"the sign-in for {shown}", self.way_in)
        if (configured.client_secret or configured.client_key) and not configured.issuer:
            raise ConfigurationError(
                "a client secret or key is sent to one identity provider alone, and none is named.",
                hint="Give --issuer URL.",
            )

    # What is at hand ----------------------------------------------------------------------------------

    @property
    def grant(self) -> Grant | None:
        """The grant of this program, if there is one already."""
        return self._grant

    def stale(self) -> bool:
        """What is kept changes only here."""
        return False

    async def ready(self) -> str:
        """The token at hand, refreshed ahead of its end; "" when somebody has to sign in.

        Raises RemoteError when it has ended and the provider does not answer.
        """
        grant = self._grant or await self._read()
        self._grant = grant
        if grant is None or not is_safe(self.url):
            return ""
        now = self._clock.time()
        if grant.holds(now + AHEAD):
            return grant.access_token
        try:
            renewed = None if self._just_asked(grant) else await self._refreshed(grant)
        except SkerryError:
            if not grant.holds(now):
                raise
            return grant.access_token  # it still holds: nobody has to know yet
        if renewed is not None:
            return renewed.access_token
        return grant.access_token if grant.holds(now) else ""

    async def get(self, anew: bool) -> Lease[str]:
        """A token, at hand or by a sign-in at once; `anew` when the last one was refused.

        Raises TokenError (missing) when somebody has to sign in and nobody can, OAuthError, RemoteError.
        """
        token = await self.ready()
        if anew and token:
            await self.answered(None, refused=token)
        elif not token:
            await self.sign_in()
        grant = self._grant
        assert grant is not None
        return Lease(grant.access_token, self.origin, grant.expires)

    async def sign_in(self, challenge: Challenge | None = None) -> Grant:
        """Signs in, whatever is kept. Raises as `get` does."""
        place = await self._found(challenge)
        return await self._signed_in(place, self._first(place, challenge))

    def sign_out(self) -> bool:
        """Forgets the tokens; whether there were any. The provider's session in the browser stays."""
        self._grant = None
        return self._kept.drop(self.url)

    # What a server answered ---------------------------------------------------------------------------

    async def answered(self, challenge: Challenge | None, *, refused: str) -> bool:
        """After a 401, or a 403 that wants more scopes: gets another token than `refused`, which was sent.

        False when there is nothing else to send. Raises as `get` does.
        """
        self._check_url()
        kept = await self._read()
        if kept is not None and kept.access_token != refused and kept.holds(self._clock.time()):
            self._grant = kept  # somebody was faster: another request, or another program
            return True
        grant = self._grant or kept
        if challenge is not None and challenge.error == "insufficient_scope":
            return await self._stepped_up(grant, challenge)
        place = await self._found(challenge)
        same = grant is not None and grant.issuer == place.provider.issuer
        if grant is not None and same and not self._just_renewed(refused):
            renewed = await self._refreshed(grant)
            if renewed is not None:
                return True
        wanted = self._first(place, challenge)
        if not self._may_ask(place, wanted):
            return False
        await self._signed_in(place, wanted)
        return True

    async def _stepped_up(self, grant: Grant | None, challenge: Challenge) -> bool:
        """Signs in for what was asked before and the challenge (MCP: the union), a few times at most."""
        more = " ".join(challenge.scopes)
        if self._configured.machine:
            raise TokenError(
                "scope",
                f"the client '{safe(self._configured.client_id, 80)}' lacks a scope: "
                f"{safe(more) or 'unnamed'}; it asked for itself, so asking again gives no more.",
                hint="Let the provider's administrator allow it, and give --scope.",
            )
        before = grant.scopes if grant is not None else ()
        if not challenge.scopes or set(challenge.scopes) <= set(before) or self._steps >= STEPS:
            return False
        place = await self._found(challenge)
        if grant is None or grant.issuer != place.provider.issuer:
            before = ()
        wanted = scopes.union(before, grant.granted if grant is not None and before else (), challenge.scopes)
        self._steps += 1
        await self._signed_in(place, wanted)
        return True

    # Finding out --------------------------------------------------------------------------------------

    async def _found(self, challenge: Challenge | None) -> _Place:
        self._check_url()
        self._told = challenge = challenge or self._told
        wanted = self._configured.issuer
        known = None
        if challenge is not None or self._mcp or not wanted:
            known = await described(self.url, challenge, fetch=self._http.fetch)
        if known is None:
            if not wanted:
                raise TokenError(
                    "missing",
                    f"{safe(self.url, 120)} wants a token and does not say where one signs in (RFC 9728).",
                    hint="Give --issuer URL, or a token: --token-command, --token-file, SKERRY_TOKEN.",
                )
            return _Place(await provider(wanted, fetch=self._http.fetch), self.url if self._mcp else "")
        if wanted and wanted not in known.authorization_servers:
            raise ConfigurationError(
                f"{safe(self.url, 120)} takes tokens of {safe(', '.join(known.authorization_servers))}, "
                f"not of {wanted}: what is configured is not sent there.",
                hint="Did its identity provider change? Give the new --issuer and the client there.",
            )
        issuer = wanted or known.authorization_servers[0]
        return _Place(await provider(issuer, fetch=self._http.fetch), known.resource, known.scopes_supported)

    def _check_url(self) -> None:
        if not is_safe(self.url):
            raise ConfigurationError(
                "a token is not sent to a URL without TLS on another machine.", hint="Use https."
            )

    def _first(self, place: _Place, challenge: Challenge | None) -> tuple[str, ...]:
        chosen = scopes.first(
            challenged=challenge.scopes if challenge is not None else (),
            supported=place.scopes,
            configured=self._configured.scope,
        )
        if self._configured.machine:
            return chosen
        return scopes.lasting(chosen, place.provider.scopes)

    def _may_ask(self, place: _Place, wanted: tuple[str, ...]) -> bool:
        last = self._asked.get((place.provider.issuer, wanted))
        return last is None or self._clock.monotonic() - last > QUIET

    # Getting ------------------------------------------------------------------------------------------

    async def _signed_in(self, place: _Place, wanted: tuple[str, ...]) -> Grant:
        self._asked[place.provider.issuer, wanted] = self._clock.monotonic()
        try:
            grant = await self._asked_for(place, wanted)
        except OAuthError as error:
            if error.error == "invalid_client":
                self._clients.forget(place.provider)
            raise
        await self._keep(grant)
        return grant

    async def _asked_for(self, place: _Place, wanted: tuple[str, ...]) -> Grant:
        wish, around = self._configured, self._around
        if wish.machine:
            return await (await self._asking(place, wanted)).for_itself(wanted)
        if around.device:
            asking = await self._asking(place, wanted)
            return await device_code.sign_in(asking, wanted, say=around.say, pause=self._pause)
        if around.open_browser is None:
            raise TokenError(
                "missing",
                f"nobody is signed in for {safe(self.url, 120)}, and nobody is here to do it.",
                hint=self.way_in,
            )
        request = CodeRequest(
            scopes=wanted,
            resource=place.resource,
            audience=wish.audience,
            port=await self._clients.port(place.provider),
            fixed=bool(wish.redirect_port),
            assume_pkce=wish.assume_pkce,
        )
        around.say(f"Sign in with the browser that opens; {place.provider.issuer} asks who you are.")
        return await authorize(
            place.provider,
            request,
            lambda redirect: self._clients.identity(place.provider, redirect_uri=redirect, scopes=wanted),
            post=self._http.post,
            open_browser=around.open_browser,
            clock=self._clock,
            timeout=self._timeout,
        )

    async def _asking(self, place: _Place, wanted: tuple[str, ...]) -> Asking:
        identity = await self._clients.identity(
            place.provider, redirect_uri=_DEVICE_REDIRECT, scopes=wanted, device=self._around.device
        )
        return Asking(
            provider=place.provider,
            identity=identity,
            post=self._http.post,
            clock=self._clock,
            resource=place.resource,
            audience=self._configured.audience,
        )

    async def _refreshed(self, grant: Grant) -> Grant | None:
        """A refreshed grant, kept; None when somebody has to sign in. Raises OAuthError, RemoteError."""
        if self._configured.machine:
            found = await self._signed_in(await self._found(None), grant.scopes)
            self._renewed = (found.access_token, self._clock.monotonic())
            return found
        if not grant.refresh_token:
            return None
        async with self._kept.alone(self.url):
            kept = await self._read()
            if kept is not None and kept.refresh_token != grant.refresh_token:
                if kept.holds(self._clock.time() + AHEAD):
                    self._grant = kept
                    return kept  # another program did it, and the old refresh token holds no more
                grant = kept
            at = await provider(grant.issuer, fetch=self._http.fetch)
            identity = await self._clients.same(at, grant.client_id)
            if identity is None or not grant.refresh_token:
                return None
            asking = Asking(
                provider=at,
                identity=identity,
                post=self._http.post,
                clock=self._clock,
                resource=grant.resource,
            )
            try:
                found = await asking.refreshed(grant)
            except OAuthError as error:
                if error.error == "invalid_client":
                    self._clients.forget(at)
                elif error.error != "invalid_grant":
                    raise
                return None
            await self._keep(found)
        self._renewed = (found.access_token, self._clock.monotonic())
        return found

    def _just_renewed(self, token: str) -> bool:
        return self._renewed[0] == token and self._clock.monotonic() - self._renewed[1] < QUIET

    def _just_asked(self, grant: Grant) -> bool:
        """Whether a client's token is new although it ends soon: its provider gives short ones."""
        last = self._asked.get((grant.issuer, grant.scopes))
        new = last is not None and self._clock.monotonic() - last < QUIET
        return self._configured.machine and new and grant.holds(self._clock.time())

    # Keeping ------------------------------------------------------------------------------------------

    async def _keep(self, grant: Grant) -> None:
        """Keeps it where that is possible; a full disk must not undo a sign-in."""
        self._grant = grant
        if self._configured.machine:
            return  # it is had again for the asking
        try:
            await self._kept.keep(self.url, grant)
        except StateError as error:
            self._around.say(f"The sign-in holds for this program only: {error}")

    async def _read(self) -> Grant | None:
        """What is kept, when it is of what is configured."""
        wish = self._configured
        if wish.machine:
            return None
        try:
            grant = await self._kept.grant(self.url)
        except StateError as error:
            self._around.say(str(error))
            return None
        if grant is None or (wish.issuer and grant.issuer != wish.issuer):
            return None
        others = (wish.client_id, grant.client_id), (wish.audience, grant.audience)
        fits = all(asked in ("", given) for asked, given in others)
        return grant if fits and set(wish.scope.split()) <= set(grant.scopes) else None
