"""Who the person of a JWT is: any issuer's, checked with the keys that this issuer publishes.

Whoever asks chooses the issuer, and an issuer vouches for its own people alone: a person is issuer and
subject together. So any issuer is taken whose metadata can be had over https, or from this machine; what
cannot be checked is refused. An application may hand on the tokens of strangers, who then choose what is
fetched: an issuer that nothing of the stack names is asked through a guard, on the public internet only.

Source: AgentCore developer guide, "Get workload access token": AWS checks signature and end, and takes `iss`
and `sub`. Kind and audience of the token are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from skerry.auth.discovery import is_loopback, is_safe
from skerry.auth.jwt import tokens
from skerry.auth.ports import Fetch
from skerry.errors import ServiceError, SkerryError, TokenError
from skerry.local.iam.issuer_tokens import IssuerTokens
from skerry.local.ports.callers import Caller
from skerry.local.ports.running import Clock
from skerry.local.ports.secrets import Authorities, Certificates, NoAuthorities


class UserTokens:
    """Checks tokens of people; the keys of the issuers seen last are kept.

    `fetch` asks issuers on this machine and those that the stack names, `strangers` all others. `named` tells
    by which private authorities the stack trusts an issuer, which `authorities` reach; None for a stranger.
    """

    def __init__(
        self,
        *,
        fetch: Fetch,
        clock: Clock,
        strangers: Fetch | None = None,
        named: Callable[[str], Certificates | None] = lambda _: None,
        authorities: Authorities | None = None,
    ) -> None:
        self._fetch = fetch
        self._strangers = strangers or fetch
        self._named = named
        self._authorities: Authorities = authorities or NoAuthorities()
        self._tokens = IssuerTokens(clock)

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
            claims = await self._tokens.verified(token, issuer, self._asking(issuer))
            return Caller(kind="jwt", claims=claims, token=token)
        except SkerryError as problem:
            raise ServiceError(
                "UnauthorizedException",
                401,
                f"The user token does not hold: {problem.message}",
                hint=problem.hint,
            ) from problem

    def _asking(self, issuer: str) -> Fetch:
        certificates = self._named(issuer)
        if certificates:
            return self._authorities.http(certificates).fetch
        near = certificates is not None or is_loopback(urlsplit(issuer).hostname or "")
        return self._fetch if near else self._strangers
