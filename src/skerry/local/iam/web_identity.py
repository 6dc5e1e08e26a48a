"""Who a web identity token is of, by the OIDC providers that IAM knows: AssumeRoleWithWebIdentity.

A token counts when its issuer is a provider of the role's account, its signature holds by the keys that the
issuer publishes, its time is not over, and it is meant for one of the provider's client ids. What the role's
trust policy says of `aud` and `sub` is decided afterwards, by the keys of `context`.

Keys are fetched from providers alone: whoever may CreateOpenIDConnectProvider says who is asked. Thumbprints
are not compared, and a provider on this machine may be http.

Source: STS API reference, AssumeRoleWithWebIdentity; IAM user guide, keys for OIDC federation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from skerry.auth.discovery import is_safe
from skerry.auth.iam.patterns import lower
from skerry.auth.jwt import tokens
from skerry.auth.jwt.dialects import Claims, audiences
from skerry.auth.ports import Fetch
from skerry.errors import ServiceError, SkerryError, TokenError
from skerry.local.iam.issuer_tokens import IssuerTokens
from skerry.local.iam.principals import Principals
from skerry.local.ports.callers import Caller
from skerry.local.ports.running import Clock

_TEXTS = ("sub", "email", "amr")
"""Claims that are condition keys under their own names."""


class WebIdentities:
    """Checks web identity tokens. `fetch` asks issuers, `clock` is that of tokens."""

    def __init__(self, principals: Principals, fetch: Fetch, clock: Clock) -> None:
        self._principals = principals
        self._fetch = fetch
        self._tokens = IssuerTokens(clock)

    async def caller(self, token: str, role_arn: str) -> Caller:
        """The person or workload of a token, for a role.

        Raises ServiceError (400) in the names of STS: InvalidIdentityToken, ExpiredTokenException,
        IDPCommunicationError.
        """
        parts = role_arn.split(":", 5)
        try:
            issuer = tokens.unverified_claims(token).get("iss")
            if not isinstance(issuer, str) or not is_safe(issuer):
                raise TokenError("issuer", "The issuer of the token is no https URL.")
            arn = f"arn:{parts[1]}:iam::{parts[4]}:oidc-provider/{name_of(issuer)}"
            clients = await self._principals.oidc_clients(arn)
            if clients is None:
                raise _invalid(f"No OpenIDConnect provider found in your account for {issuer}")
            claims = await self._tokens.verified(token, issuer, self._fetch)
        except TokenError as problem:
            name = {"expired": "ExpiredTokenException", "unreachable": "IDPCommunicationError"}
            raise ServiceError(
                name.get(problem.reason, "InvalidIdentityToken"),
                400,
                f"The web identity token does not hold: {problem.message}",
                hint=problem.hint,
            ) from problem
        except ServiceError:
            raise
        except SkerryError as problem:
            raise _invalid(problem.message) from problem
        if clients.isdisjoint(_audience(claims)):
            raise _invalid("Incorrect token audience: it is no client id of the OpenIDConnect provider")
        return Caller(kind="jwt", claims=claims, provider=arn)


def name_of(issuer: str) -> str:
    """An issuer as the ARN of its provider and condition keys name it: without the scheme."""
    parts = urlsplit(issuer)
    return parts.netloc + parts.path


def context(caller: Caller) -> Mapping[str, Sequence[str]]:
    """The condition keys of a web identity.

    `…:aud` is the claim `azp` where a token has one, and `…:oaud` then its `aud`.
    """
    claims, prefix = caller.claims, lower(name_of(str(caller.claims["iss"])))
    found = {f"{prefix}:aud": _audience(claims), "aws:federatedprovider": (caller.provider,)}
    if claims.get("azp"):
        found[f"{prefix}:oaud"] = tuple(audiences(claims))
    for name in _TEXTS:
        value = claims.get(name)
        values = value if isinstance(value, list) else [value]
        texts = tuple(item for item in values if isinstance(item, str) and item)
        if texts:
            found[f"{prefix}:{name}"] = texts
    return found


def _audience(claims: Claims) -> tuple[str, ...]:
    azp = claims.get("azp")
    return (azp,) if isinstance(azp, str) and azp else tuple(audiences(claims))


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidIdentityToken", 400, message)
