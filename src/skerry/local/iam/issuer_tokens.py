"""Tokens of whatever issuer is asked about, held against the keys that it publishes."""

from __future__ import annotations

from collections import OrderedDict

from skerry.auth.jwt import tokens
from skerry.auth.jwt.dialects import AWS_AUTHORIZER, Claims
from skerry.auth.jwt.keys import Keys
from skerry.auth.ports import Fetch
from skerry.errors import TokenError
from skerry.local.ports.running import Clock

ALGORITHMS = ("RS256", "ES256", "PS256")
MAX_ISSUERS = 64


class IssuerTokens:
    """Verifies tokens; the keys of the issuers seen last are kept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: OrderedDict[tuple[str, str, Fetch], Keys] = OrderedDict()

    async def verified(self, token: str, issuer: str, fetch: Fetch) -> Claims:
        """The claims of a token whose signature and times hold; the audience is the caller's business.

        Raises TokenError.
        """
        wrong: TokenError | None = None
        for algorithm in ALGORITHMS:
            try:
                return await tokens.verify(
                    token,
                    keys=self._of(issuer, algorithm, fetch),
                    issuer=issuer,
                    dialect=AWS_AUTHORIZER,
                    now=self._clock.time(),
                    audience=None,
                )
            except TokenError as problem:
                if problem.reason != "algorithm":  # which is found before anything is fetched
                    raise
                wrong = problem
        raise TokenError("algorithm", f"It is not signed with {', '.join(ALGORITHMS)}.") from wrong

    def _of(self, issuer: str, algorithm: str, fetch: Fetch) -> Keys:
        key = (issuer, algorithm, fetch)
        found = self._keys.get(key)
        if found is None:
            found = self._keys[key] = Keys.of_issuer(
                issuer, fetch=fetch, clock=self._clock, algorithm=algorithm
            )
            while len(self._keys) > MAX_ISSUERS * len(ALGORITHMS):
                self._keys.popitem(last=False)
        self._keys.move_to_end(key)
        return found
