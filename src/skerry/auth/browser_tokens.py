"""Bearer tokens of a person who signs in with a browser: kept, and refreshed ahead of their end."""

from __future__ import annotations

from collections.abc import Callable

from skerry.auth.authorization_code import TIMEOUT, BrowserClient, Grant, Opener, authorize, refresh
from skerry.auth.bearer import AHEAD
from skerry.auth.bearer_sources import fetch_document, post_form
from skerry.auth.clock import SystemClock
from skerry.auth.discovery import Provider, provider
from skerry.auth.keeper import Lease
from skerry.auth.oauth import OAuthError
from skerry.auth.ports import Clock, Fetch, Origin, Post
from skerry.auth.token_cache import TokenCache
from skerry.errors import StateError, TokenError


class BrowserTokens:
    """Tokens for a person. `open_browser` is None where nobody can sign in: what is kept has to do then.

    `say` is told what the person has to know, such as that a browser opens.
    """

    def __init__(
        self,
        client: BrowserClient,
        cache: TokenCache,
        *,
        open_browser: Opener | None,
        say: Callable[[str], None] = lambda _text: None,
        post: Post | None = None,
        fetch: Fetch | None = None,
        clock: Clock | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self.client = client
        self.cache = cache
        self._open = open_browser
        self._say = say
        self._post = post or post_form
        self._fetch = fetch or fetch_document
        self._clock = clock or SystemClock()
        self._timeout = timeout
        self._provider: Provider | None = None
        self._grant: Grant | None = None
        self.origin = Origin("bearer", f"the sign-in at {client.issuer}", "Sign in again.")

    @property
    def grant(self) -> Grant | None:
        """What there is at present, also when it has ended; it is never fetched here."""
        return self._grant or self._read()

    def stale(self) -> bool:
        """What is kept changes only here."""
        return False

    async def get(self, anew: bool) -> Lease[str]:
        """A token: the kept one, a refreshed one, or that of a new sign-in.

        Raises TokenError (missing) when somebody has to sign in and nobody can, OAuthError, RemoteError.
        """
        grant = self.grant
        ahead = self._clock.time() + AHEAD
        if grant is None or anew or (grant.expires is not None and grant.expires <= ahead):
            grant = await self._refreshed(grant) or await self._signed_in()
        self._grant = grant
        return Lease(grant.access_token, self.origin, grant.expires)

    async def sign_in(self) -> Grant:
        """Signs in with a browser, whatever is kept. Raises as `get` does."""
        self._grant = await self._signed_in()
        return self._grant

    def sign_out(self) -> None:
        """Forgets the tokens. The provider's own session in the browser stays."""
        self._grant = None
        self.cache.drop(self.client.key)

    async def _refreshed(self, grant: Grant | None) -> Grant | None:
        """A refreshed grant; None when somebody has to sign in."""
        if grant is None or not grant.refresh_token:
            return None
        known = await self._at()
        try:
            found = await refresh(self.client, known, grant, post=self._post, clock=self._clock)
        except OAuthError as error:
            if error.error != "invalid_grant":
                raise
            return self._by_another(grant)
        self._keep(found)
        return found

    def _by_another(self, grant: Grant) -> Grant | None:
        """What another program got meanwhile with the same refresh token, which holds only once."""
        kept = self._read()
        ahead = self._clock.time() + AHEAD
        if kept is None or kept.access_token == grant.access_token:
            return None
        return kept if kept.expires is None or kept.expires > ahead else None

    async def _signed_in(self) -> Grant:
        if self._open is None:
            raise TokenError(
                "missing",
                f"nobody is signed in at {self.client.issuer}, and there is no terminal to do it at.",
                hint="Run skerry chat in a terminal once and sign in with /auth in.",
            )
        known = await self._at()
        self._say(f"Sign in with the browser that opens; {self.client.issuer} asks who you are.")
        found = await authorize(
            self.client,
            known,
            post=self._post,
            open_browser=self._open,
            clock=self._clock,
            timeout=self._timeout,
        )
        self._keep(found)
        return found

    async def _at(self) -> Provider:
        if self._provider is None:
            self._provider = await provider(self.client.issuer, fetch=self._fetch)
        return self._provider

    def _keep(self, grant: Grant) -> None:
        """Keeps it where that is possible; a full disk must not undo a sign-in."""
        try:
            self.cache.put(self.client.key, grant.to_text())
        except StateError as error:
            self._say(f"The sign-in holds for this program only: {error}")

    def _read(self) -> Grant | None:
        try:
            text = self.cache.get(self.client.key)
        except StateError as error:
            self._say(str(error))
            return None
        return Grant.from_text(text) if text else None
