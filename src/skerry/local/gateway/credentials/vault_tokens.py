"""OAUTH by way of the token vault: for providers whose client has no secret, or that say how to exchange.

The vault signs what proves the client, with a key in KMS or as the gateway's role, and keeps the tokens.
Sources: botocore service model bedrock-agentcore-control, `CustomOauth2ProviderConfigInput`; AWS developer
guide, client authentication methods and on-behalf-of token exchange.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.errors import ServiceError
from skerry.local import users
from skerry.local.gateway.credentials.role import RoleCredentials
from skerry.local.gateway.outgoing import Credential, Outgoing, TargetError
from skerry.local.ports.resources import Record
from skerry.local.ports.tokens import ResourceToken, ResourceTokens, TokenAsk

_WITHOUT_SECRET = ("PRIVATE_KEY_JWT", "AWS_IAM_ID_TOKEN_JWT")
_NAMED = ("audience", "resource")


def is_asked(record: Record, grant: str) -> bool:
    """Whether tokens of a provider come from the vault."""
    configuration = record.get("configuration") or {}
    exchanges = grant == "TOKEN_EXCHANGE" and bool(configuration.get("onBehalfOfTokenExchangeConfig"))
    return exchanges or configuration.get("clientAuthenticationMethod") in _WITHOUT_SECRET


class VaultTokens:
    """Tokens of providers for a gateway itself, or exchanged for that of its caller."""

    def __init__(self, tokens: ResourceTokens, role: RoleCredentials) -> None:
        self._tokens = tokens
        self._role = role

    async def credential(self, call: Outgoing, oauth: Mapping[str, Any], grant: str) -> Credential:
        """The bearer token. `oauth` is the target's `oauthCredentialProvider`. Raises TargetError."""
        ask = self._ask(call, oauth, grant)
        try:
            found = await self._tokens.token(ask)
        except ServiceError as problem:
            raise TargetError(f"No token for the target: {problem.message}", hint=problem.hint) from problem
        if not isinstance(found, ResourceToken):  # only people have to agree to anything
            raise TargetError("No token for the target: the vault wants a consent for a machine.")
        sent = "CLIENT_CREDENTIALS" if ask.flow == "M2M" else "TOKEN_EXCHANGE"
        detail = {"grant": sent, "audience": " ".join(ask.audiences or ask.resources)}
        return Credential(
            "jwt", found.identity, {"authorization": f"Bearer {found.access_token}"}, detail=detail
        )

    def refused(self, call: Outgoing, oauth: Mapping[str, Any], grant: str, credential: Credential) -> None:
        """Drops a token that the target did not take."""
        token = credential.headers.get("authorization", "").removeprefix("Bearer ")
        self._tokens.refused(self._ask(call, oauth, grant), ResourceToken(token, credential.identity))

    def _ask(self, call: Outgoing, oauth: Mapping[str, Any], grant: str) -> TokenAsk:
        exchanges = grant == "TOKEN_EXCHANGE" and call.caller is not None
        caller = call.caller if exchanges else None
        if caller is not None and not (caller.kind == "jwt" and caller.token):
            raise TargetError(
                "TOKEN_EXCHANGE needs the bearer token of a caller, and this one has none.",
                hint="Give the gateway a CUSTOM_JWT authorizer, or the target CLIENT_CREDENTIALS.",
            )
        given = {str(name): str(value) for name, value in (oauth.get("customParameters") or {}).items()}
        named = {name: (given[name],) if given.get(name) else () for name in _NAMED}
        own = grant == "TOKEN_EXCHANGE" and not exchanges  # parameters of an exchange fit no other grant
        custom = () if own else tuple(sorted((k, v) for k, v in given.items() if k not in _NAMED))
        return TokenAsk(
            provider_arn=str(oauth.get("providerArn", "")),
            workload=str(call.gateway["gatewayId"]),
            flow="M2M" if caller is None else "ON_BEHALF_OF_TOKEN_EXCHANGE",
            scopes=tuple(oauth.get("scopes") or ()),
            resources=named["resource"],
            audiences=named["audience"],
            custom_parameters=custom,
            user="" if caller is None else users.of_claims(caller.claims),
            user_token="" if caller is None else caller.token,
            principal=self._role.principal(call.gateway),
        )
