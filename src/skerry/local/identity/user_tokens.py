"""Who the person of a JWT is: any issuer's, checked with the keys that this issuer publishes.

Whoever asks chooses the issuer, and an issuer vouches for its own people alone: a person is issuer and
subject together. So any issuer is taken whose metadata can be had over https, or from this machine; what
cannot be checked is refused. An application may hand on the tokens of strangers, who then choose what is
fetched: an issuer that nothing of the stack names is asked through a guard, on the public internet only.

Source: AgentCore developer guide, "Get workload access token": AWS checks signature and end, and takes `iss`
and `sub`. Kind and audience of the token are not looked at.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import urlsplit

from skerry.auth import tokens
from skerry.auth.dialects import AWS_AUTHORIZER
from skerry.auth.discovery import is_loopback, is_safe
from skerry.auth.keys import Keys
from skerry.auth.ports import Fetch
from skerry.errors import ServiceError, SkerryError, TokenError
from skerry.local.ports import Caller, Clock

ALGORITHMS = ("RS256", "ES256", "PS256")
MAX_ISSUERS = 64


class UserTokens:
    """Checks tokens of people; the keys of the issuers seen last are kept.

    `fetch` asks issuers on this machine and those that `is_named` by the stack, `strangers` all others.
    """

    def __init__(
        self,
        *,
        fetch: Fetch,
        clock: Clock,
        strangers: Fetch | None = None,
        is_named: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._fetch = fetch
        self._strangers = strangers or fetch
        self._is_named = is_named
        self._clock = clock
        self._keys: OrderedDict[tuple[str, str, bool], Keys] = OrderedDict()

    async def caller(self, token: str) -> Caller:
        """The person, proved. Raises ServiceError (401)."""
        try:
            issuer = tokens.unverified_claims(token).get("iss")
            if not isinstance(issuer, str) or not is_safe(issuer):
                raise TokenError(
                    "issuer",
                    "The issuer of the token is no https URL.",
                    hint="Its keys could not be fetched safely; only on this machine http will do.",
                )
            return await self._verified(token, issuer)
        except SkerryError as problem:
            raise ServiceError(
                "UnauthorizedException",
                401,
                f"The user token does not hold: {problem.message}",
                hint=problem.hint,
            ) from problem

    async def _verified(self, token: str, issuer: str) -> Caller:
        wrong: TokenError | None = None
        for algorithm in ALGORITHMS:
            keys = self._of(issuer, algorithm)
            try:
                claims = await tokens.verify(
                    token,
                    keys=keys,
                    issuer=issuer,
                    dialect=AWS_AUTHORIZER,
                    now=self._clock.time(),
                    audience=None,
                )
            except TokenError as problem:
                if problem.reason != "algorithm":  # which is found before anything is fetched
                    raise
                wrong = problem
            else:
                return Caller(kind="jwt", claims=claims, token=token)
        raise TokenError("algorithm", f"It is not signed with {', '.join(ALGORITHMS)}.") from wrong

    def _of(self, issuer: str, algorithm: str) -> Keys:
        near = is_loopback(urlsplit(issuer).hostname or "") or self._is_named(issuer)
        key = (issuer, algorithm, near)
        found = self._keys.get(key)
        if found is None:
            found = Keys.of_issuer(
                issuer, fetch=self._fetch if near else self._strangers, clock=self._clock, algorithm=algorithm
            )
            self._keys[key] = found
            while len(self._keys) > MAX_ISSUERS * len(ALGORITHMS):
                self._keys.popitem(last=False)
        self._keys.move_to_end(key)
        return found
