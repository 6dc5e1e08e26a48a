"""Consents that people were asked for and have not finished yet: who asks the same meanwhile shares one.

Source: botocore service model bedrock-agentcore, GetResourceOauth2Token (`sessionUri`, `sessionStatus`); AWS
developer guide: the session of a consent lives 10 minutes. Tokens are the vault's and never kept here.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from weakref import WeakValueDictionary

from skerry.errors import ServiceError
from skerry.local.ports.running import Clock
from skerry.local.ports.tokens import ResourceToken, ResourceTokens, TokenAsk

LIFE = 600.0
"""Seconds for which a consent may be finished."""


@dataclass(frozen=True, slots=True, eq=False)
class Consent:
    """A consent that was asked for. `ask` finds out what became of it, `url` is where the person agrees.

    `name` stands for it in front of clients: random, and nothing can be read from it. `until` is of the
    monotonic clock.
    """

    ask: TokenAsk
    url: str = field(repr=False)
    until: float
    forced: bool = False
    name: str = field(default_factory=lambda: secrets.token_urlsafe(24))


class Consents:
    """Asks the vault for tokens, and remembers at most `limit` consents; beyond that the oldest is forgotten.

    `poll` is the pause in seconds between two looks at one that is waited for. A consent that returns to
    `own_page` has a `custom_state`, which only the browser in which it was given brings there: the session's
    URI stands in the link, and so is known to whoever passes the link on.
    """

    def __init__(
        self, tokens: ResourceTokens, clock: Clock, *, poll: float, own_page: str = "", limit: int = 1024
    ) -> None:
        self._tokens = tokens
        self._clock = clock
        self._poll = poll
        self._own_page = own_page
        self._limit = limit
        self._open: OrderedDict[TokenAsk, Consent] = OrderedDict()
        self._names: dict[str, Consent] = {}
        self._locks: WeakValueDictionary[TokenAsk, asyncio.Lock] = WeakValueDictionary()

    async def token(self, ask: TokenAsk) -> ResourceToken | Consent:
        """A good token, or the consent that it needs: the one under way, if that can still be finished.

        What is asked for by force is a consent of its own, and ends with the first such ask that finds it
        given. Raises ServiceError as the vault does.
        """
        key = replace(ask, session_uri="")
        async with self._locks.setdefault(key, asyncio.Lock()):
            known = self._open.get(key)
            if known is not None:
                found = await self.outcome(known)
                if found == "open":
                    return known
                self.forget(known)
                if isinstance(found, ResourceToken):
                    return found
            return await self._begun(key)

    async def outcome(self, consent: Consent) -> ResourceToken | str:
        """What became of a consent: the token, `open`, or `over` for one refused, forgotten or too old."""
        if self._clock.monotonic() >= consent.until:
            return "over"
        try:
            found = await self._tokens.token(consent.ask)
        except ServiceError as problem:
            if problem.status >= 500:
                raise
            return "over"  # the vault does not know the session any more
        if isinstance(found, ResourceToken):
            return found
        same = found.session_uri == consent.ask.session_uri and found.status == "IN_PROGRESS"
        return "open" if same else "over"

    async def settled(self, consent: Consent, seconds: float = LIFE) -> bool:
        """Waits, so long at most, until a consent is given (True), or is not open any more."""
        ends = self._clock.monotonic() + seconds
        while True:
            found = await self.outcome(consent)
            if found != "open" or self._clock.monotonic() >= ends:
                return isinstance(found, ResourceToken)
            await asyncio.sleep(self._poll)

    async def complete(self, consent: Consent) -> None:
        """Binds a consent to the person who asked for it. Raises ServiceError (403) when that cannot be."""
        await self._tokens.complete(consent.ask.session_uri, consent.ask.user)

    def named(self, name: str) -> Consent | None:
        """The consent of this name that can still be finished."""
        found = self._names.get(name)
        return found if found is not None and self._clock.monotonic() < found.until else None

    def forget(self, consent: Consent) -> None:
        """Nobody goes on with a consent: who asks next is asked anew."""
        self._names.pop(consent.name, None)
        key = replace(consent.ask, session_uri="", custom_state="", force=consent.forced)
        if self._open.get(key) is consent:
            del self._open[key]

    def refused(self, ask: TokenAsk, token: ResourceToken) -> None:
        """The target did not take a token."""
        self._tokens.refused(ask, token)

    async def _begun(self, key: TokenAsk) -> ResourceToken | Consent:
        """The token, or a new consent."""
        bound = bool(key.return_url) and key.return_url == self._own_page
        ask = replace(key, custom_state=secrets.token_urlsafe(24)) if bound else key
        asked = await self._tokens.token(ask)
        if isinstance(asked, ResourceToken):
            return asked
        until = self._clock.monotonic() + LIFE
        pending = replace(ask, session_uri=asked.session_uri, force=False)
        consent = Consent(pending, asked.authorization_url, until, ask.force)
        self._open[key] = self._names[consent.name] = consent
        while len(self._open) > self._limit:
            self.forget(next(iter(self._open.values())))
        return consent
