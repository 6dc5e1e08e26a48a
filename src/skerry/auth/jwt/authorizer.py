"""AgentCore's customJWTAuthorizer: who may call a runtime or a gateway with a bearer token.

Source: AWS developer guide, inbound authorization, and the service model of `bedrock-agentcore-control`.
Every configured check must hold. As in AWS the kind of token is decided by the configuration alone: with
`allowedClients` only access tokens can pass, because ID tokens have no `client_id`; with `allowedAudience`
alone an ID token whose `aud` matches passes too, which is weak and the choice of who configures it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skerry.auth.jwt import tokens
from skerry.auth.jwt.dialects import AWS_AUTHORIZER, Claims, audiences, scopes
from skerry.auth.jwt.keys import Keys
from skerry.errors import ConfigurationError, TokenError

_OPERATORS = {"STRING": {"EQUALS"}, "STRING_ARRAY": {"CONTAINS", "CONTAINS_ANY"}}
_UNSUPPORTED = ("allowedWorkloadConfiguration",)


class JwtAuthorizer:
    """The checks of one customJWTAuthorizer configuration, AWS's dictionary as Create takes it.

    `keys` are those of its `discoveryUrl`, and know how that is reached (privateEndpoint,
    certificateConfigurations). Raises ConfigurationError for a rule that is not known here, since
    leaving out a rule would let callers in.
    """

    def __init__(
        self, configuration: Mapping[str, Any], keys: Keys, *, leeway: float = tokens.LEEWAY
    ) -> None:
        for name in _UNSUPPORTED:
            if configuration.get(name):
                raise ConfigurationError(f"customJWTAuthorizer.{name} is not emulated; leave it out locally.")
        self._keys = keys
        self._leeway = leeway
        self._audience = _names(configuration, "allowedAudience")
        self._clients = _names(configuration, "allowedClients")
        self._scopes = _names(configuration, "allowedScopes")
        self._claims = [_ClaimRule(rule) for rule in configuration.get("customClaims") or ()]
        self._advertised: Mapping[str, str] = configuration.get("advertisedScopeMapping") or {}

    @property
    def advertised_scopes(self) -> tuple[str, ...]:
        """What challenges and metadata call the allowed scopes, in the order of the configuration."""
        return tuple(self._advertised.get(scope, scope) for scope in self._scopes or ())

    async def issuer(self) -> str:
        """The issuer whose tokens are taken. Raises TokenError (unreachable)."""
        return await self._keys.issuer()

    async def authorize(self, authorization: str | Sequence[str] | None) -> Claims:
        """The claims of the caller's token, given the `Authorization` header or the list of all of them.

        Raises TokenError with the reasons of `tokens.verify`, and missing, audience, client, scope, claim.
        """
        claims = await self.genuine(tokens.bearer(authorization))
        self.check(claims)
        return claims

    async def genuine(self, token: str) -> Claims:
        """The claims of a token of this issuer that holds now, whoever it is for. Raises TokenError."""
        return await tokens.verify(
            token,
            keys=self._keys,
            issuer=await self._keys.issuer(),
            dialect=AWS_AUTHORIZER,
            now=self._keys.clock.time(),
            audience=None,
            leeway=self._leeway,
        )

    def check(self, claims: Claims) -> None:
        """The configured rules on verified claims. Raises TokenError: audience, client, scope, claim."""
        if self._audience is not None and not audiences(claims) & set(self._audience):
            raise TokenError(
                "audience",
                "Claim 'aud' value mismatch with configuration.",
                hint="A Cognito access token has no 'aud': use allowedClients for it."
                if "aud" not in claims
                else "",
            )
        if self._clients is not None and claims.get("client_id") not in self._clients:
            raise TokenError(
                "client",
                "Claim 'client_id' value mismatch with configuration.",
                hint=""
                if "client_id" in claims
                else "The token has no 'client_id'; an ID token never has one.",
            )
        if self._scopes is not None and not scopes(claims) & set(self._scopes):
            raise TokenError(
                "scope", "Authorization denied", hint=f"The token needs one of: {' '.join(self._scopes)}"
            )
        for rule in self._claims:
            if not rule.holds(claims):
                raise TokenError("claim", "Authorization denied", hint=f"Claim '{rule.name}' does not match.")


class _ClaimRule:
    """One entry of `customClaims`: EQUALS on a string, CONTAINS or CONTAINS_ANY on a list of strings."""

    def __init__(self, rule: Mapping[str, Any]) -> None:
        try:
            self.name: str = rule["inboundTokenClaimName"]
            kind = rule["inboundTokenClaimValueType"]
            match = rule["authorizingClaimMatchValue"]
            self._operator: str = match["claimMatchOperator"]
            value = match["claimMatchValue"]
            wanted = "matchValueStringList" if self._operator == "CONTAINS_ANY" else "matchValueString"
            expected = value[wanted]
        except (KeyError, TypeError) as error:
            raise ConfigurationError("A rule of customClaims lacks a member.") from error
        if self._operator not in _OPERATORS.get(str(kind), ()):
            raise ConfigurationError(f"customClaims: the operator {self._operator} does not fit {kind}.")
        self._expected: list[str] = list(expected) if isinstance(expected, list) else [expected]

    def holds(self, claims: Claims) -> bool:
        value = claims.get(self.name)
        if self._operator == "EQUALS":
            return isinstance(value, str) and value == self._expected[0]
        return isinstance(value, list) and any(item in value for item in self._expected)


def _names(configuration: Mapping[str, Any], member: str) -> tuple[str, ...] | None:
    """The configured list, or None when there is no such rule; an empty list is a rule that nothing fits."""
    value = configuration.get(member)
    return None if value is None else tuple(value)
