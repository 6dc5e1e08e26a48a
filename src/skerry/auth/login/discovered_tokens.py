"""Tokens for one resource, found out from the resource itself: the one way by which skerry signs people in.

    401 ─▶ sign_in (where, who, which scopes, how) ─▶ kept ─▶ refreshed, stepped up, given up

Source: MCP 2026-07-28, authorization. Everything is kept by resource and by issuer; an instance belongs to
one resource and may be used from one event loop after another, one call at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from skerry.auth.background import in_thread
from skerry.auth.bearer import AHEAD
from skerry.auth.challenge import Challenge
from skerry.auth.clock import SystemClock
from skerry.auth.discovery import is_safe
from skerry.auth.http.one_request import Http
from skerry.auth.http.reach import Reach
from skerry.auth.keeper import Lease
from skerry.auth.login import scope_selection
from skerry.auth.login.authorization_code import TIMEOUT
from skerry.auth.login.client_identity import Configured
from skerry.auth.login.grant import Grant
from skerry.auth.login.kept import Kept
from skerry.auth.login.sign_in import Means, Place, SignIn, named
from skerry.auth.oauth import OAuthError
from skerry.auth.ports import ALONE, Clock, Origin, Surroundings
from skerry.errors import RemoteError, SkerryError, StateError, TokenError
from skerry.wire.shown import safe
from skerry.wire.spelling import same

QUIET = 60.0
"""Seconds in which nobody is asked twice for the same, and a token that was just refreshed is final."""
STEPS = 3
"""Step-ups of one program: a server that always wants more is not followed for ever."""
SIGN_INS, WINDOW = 4, 600.0
"""How often a person is sent to sign in within so many seconds, whatever for: once, and for each step."""


class DiscoveredTokens:
    """A source of tokens for the resource at `url`.

    Where nobody can sign in (`surroundings`), what is kept has to do. `mcp` names the resource in every
    request, as MCP demands, even if it publishes no metadata. `name` is what the resource is called by in the
    stack on `state`; it is kept with the sign-in, which is found under any spelling of its URL. Raises
    ConfigurationError when what is configured contradicts itself.
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
        name: str = "",
        state: str = "",
    ) -> None:
        self.url = url.partition("#")[0]
        self._configured = configured
        self._kept = kept
        self._name = name, state
        self._say = surroundings.say
        self._clock = clock or SystemClock()
        reach = Reach(resource=self.url, issuer=configured.issuer, serving=surroundings.serving)
        means = Means(
            surroundings=surroundings,
            http=http or reach.http(),
            clock=self._clock,
            timeout=timeout,
            pause=pause,
        )
        self._sign_in = SignIn(self.url, configured, kept, means, mcp=mcp)
        self._grant: Grant | None = None
        self._asked: dict[tuple[str, tuple[str, ...]], float] = {}
        self._sent: list[float] = []
        self._renewed: tuple[str, float] = ("", 0.0)
        self._steps = 0
        shown = named(self.url)
        self.way_in = f"Run: skerry login {shown}"
        self.origin = Origin("bearer", f"the sign-in for {shown}", self.way_in)

    # What is at hand ----------------------------------------------------------------------------------

    @property
    def key(self) -> str:
        """The URL under which the sign-in is kept."""
        return self._kept.spelled(self.url)

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
        place = await self._place(challenge)
        return await self._signed_in(place, self._sign_in.first(place, challenge))

    def sign_out(self) -> bool:
        """Forgets the tokens; whether there were any. The provider's session in the browser stays."""
        self._grant = None
        return self._kept.drop(self.key)

    async def revoke(self) -> bool:
        """Whether the provider ended what is kept (RFC 7009); False too where it does not answer."""
        grant = self._grant or await self._read()
        if grant is None:
            return False
        try:
            asking = await self._sign_in.as_before(grant)
            return asking is not None and await asking.revoked(grant.refresh_token or grant.access_token)
        except SkerryError:
            return False

    # What a server answered ---------------------------------------------------------------------------

    async def answered(self, challenge: Challenge | None, *, refused: str) -> bool:
        """After a 401, or a 403 that wants more scopes: gets another token than `refused`, which was sent.

        False when there is nothing else to send. Raises as `get` does.
        """
        self._sign_in.check()
        kept = await self._read()
        if kept is not None and kept.access_token != refused and kept.holds(self._clock.time()):
            self._grant = kept  # somebody was faster: another request, or another program
            return True
        grant = self._grant or kept
        if challenge is not None and challenge.error == "insufficient_scope":
            return await self._stepped_up(grant, challenge)
        place = await self._place(challenge)
        same = grant is not None and grant.issuer == place.provider.issuer
        if grant is not None and same and not self._just_renewed(refused):
            renewed = await self._refreshed(grant)
            if renewed is not None:
                return True
        wanted = self._sign_in.first(place, challenge)
        last = self._asked.get((place.provider.issuer, wanted))
        if last is not None and self._clock.monotonic() - last <= QUIET:
            return False
        await self._signed_in(place, wanted)
        return True

    async def _stepped_up(self, grant: Grant | None, challenge: Challenge) -> bool:
        """Signs in for what was asked before and the challenge (MCP: the union), a few times at most."""
        if self._configured.machine:
            more = safe(" ".join(challenge.scopes)) or "unnamed"
            raise TokenError(
                "scope",
                f"the client '{safe(self._configured.client_id, 80)}' lacks a scope: {more}; it asked for "
                "itself, so asking again gives no more.",
                hint="Let the provider's administrator allow it, and give --scope.",
            )
        before = grant.scopes if grant is not None else ()
        if not challenge.scopes or set(challenge.scopes) <= set(before) or self._steps >= STEPS:
            return False
        place = await self._place(challenge)
        granted = grant.granted if grant is not None else ()
        if grant is None or grant.issuer != place.provider.issuer:
            before = granted = ()
        self._steps += 1
        await self._signed_in(place, scope_selection.union(before, granted, challenge.scopes))
        return True

    # Getting and keeping ------------------------------------------------------------------------------

    async def _place(self, challenge: Challenge | None) -> Place:
        return await self._sign_in.place(challenge, before=await self._issuer())

    async def _issuer(self) -> str:
        """Who the last tokens are from, whatever is configured now; "" without any."""
        if self._configured.machine:
            return ""
        if self._grant is not None:
            return self._grant.issuer
        return await in_thread(lambda: self._kept.issuer(self.key))

    async def _signed_in(self, place: Place, wanted: tuple[str, ...]) -> Grant:
        key, now = (place.provider.issuer, wanted), self._clock.monotonic()
        self._asked[key] = now
        self._send(now)
        try:
            await self._sign_in.follow(place, before=await self._issuer())
            grant = await self._sign_in.grant(place, wanted)
        except TokenError as error:
            if error.reason == "missing":  # nobody was asked, because nobody is here
                del self._asked[key]
                self._sent.pop()
            raise
        await self._keep(grant)
        return grant

    def _send(self, now: float) -> None:
        """Counts that a person is sent to sign in. Raises RemoteError when that was too often of late."""
        self._sent = [moment for moment in self._sent if now - moment < WINDOW]
        if len(self._sent) >= SIGN_INS and not self._configured.machine:
            raise RemoteError(
                f"{named(self.url)} asked for a sign-in once more, after {SIGN_INS} within "
                f"{WINDOW / 60:g} minutes; nobody was sent there again.",
                hint=f"Tell who runs it, for its tokens do not last. If you trust it: {self.way_in}",
            )
        self._sent.append(now)

    async def _refreshed(self, grant: Grant) -> Grant | None:
        """A refreshed grant, kept; None when somebody has to sign in. Raises OAuthError, RemoteError."""
        if self._configured.machine:
            found = await self._signed_in(await self._sign_in.place(None), grant.scopes)
        elif not grant.refresh_token:
            return None
        else:
            async with self._kept.alone(self.key):
                again = await self._refreshed_alone(grant)
            if again is None:
                return None
            found = again
        self._renewed = (found.access_token, self._clock.monotonic())
        return found

    async def _refreshed_alone(self, grant: Grant) -> Grant | None:
        """The same, while no other program does it: a refresh token holds only once."""
        kept = await self._read()
        if kept is not None and kept.refresh_token != grant.refresh_token:
            if kept.holds(self._clock.time() + AHEAD):
                self._grant = kept
                return kept  # another program was faster
            grant = kept
        asking = await self._sign_in.as_before(grant)
        if asking is None or not grant.refresh_token:
            return None
        try:
            found = await asking.refreshed(grant)
        except OAuthError as error:
            if error.error == "invalid_client":
                self._sign_in.forget(asking.provider)
            elif error.error != "invalid_grant":
                raise
            return None
        await self._keep(found)
        return found

    def _just_renewed(self, token: str) -> bool:
        return self._renewed[0] == token and self._clock.monotonic() - self._renewed[1] < QUIET

    def _just_asked(self, grant: Grant) -> bool:
        """Whether a client's token is new although it ends soon: its provider gives short ones."""
        last = self._asked.get((grant.issuer, grant.scopes))
        new = last is not None and self._clock.monotonic() - last < QUIET
        return self._configured.machine and new and grant.holds(self._clock.time())

    async def _keep(self, grant: Grant) -> None:
        """Keeps it where that is possible; a full disk must not undo a sign-in."""
        self._grant = grant
        if self._configured.machine:
            return  # it is had again for the asking
        try:
            name, state = self._name
            published = grant.resource if same(grant.resource, self.url) else ""
            await self._kept.keep(published or self.key, grant, name=name, state=state)
        except StateError as error:
            self._say(f"The sign-in holds for this program only: {error}")

    async def _read(self) -> Grant | None:
        """What is kept, when it is of what is configured."""
        wish = self._configured
        if wish.machine:
            return None
        try:
            grant = await self._kept.grant(self.key)
        except StateError as error:
            self._say(str(error))
            return None
        if grant is None or (wish.issuer and grant.issuer != wish.issuer):
            return None
        others = (wish.client_id, grant.client_id), (wish.audience, grant.audience)
        fits = all(asked in ("", given) for asked, given in others)
        return grant if fits and set(wish.scope.split()) <= set(grant.scopes) else None
