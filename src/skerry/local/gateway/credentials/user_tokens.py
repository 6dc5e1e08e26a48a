"""OAUTH with AUTHORIZATION_CODE: a token of the person who calls, who agreed to that in a browser.

Sources: AWS developer guide, gateway outbound authorization, authorization code grant; botocore service model
bedrock-agentcore, GetResourceOauth2Token. The person is the issuer and subject of the caller's token. What
the gateway does for itself, listing a server, it does as a user that it makes up for the target; somebody
with access to the control plane agrees for that one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from skerry.errors import ServiceError
from skerry.local import users
from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.credentials.consents import Consent, Consents
from skerry.local.gateway.outgoing import Credential, Outgoing, TargetError
from skerry.local.ports.callers import Caller
from skerry.local.ports.resources import Authorization, Record
from skerry.local.ports.tokens import ResourceToken, TokenAsk

GRANT = "AUTHORIZATION_CODE"
_NAMED = ("audience", "resource")


class ConsentRequiredError(TargetError):
    """A target needs a token for which nobody has agreed yet.

    `authorization` is what has to be done, and `settled` waits for it.
    """

    def __init__(self, consent: Consent, user_id: str, settled: Callable[[], Awaitable[bool]]) -> None:
        super().__init__(
            "The target waits for an authorization by a person.",
            hint="GetGatewayTarget says where, in authorizationData; CompleteResourceTokenAuth ends it.",
        )
        self.authorization = Authorization(consent.url, user_id)
        self.settled = settled


class NoPersonError(TargetError):
    """A token of a person is needed, and the caller is none."""


class UserTokens:
    """Tokens of people for targets, from the vault by way of `consents`."""

    def __init__(self, consents: Consents, table: Assumptions) -> None:
        self._consents = consents
        self._table = table

    async def credential(self, call: Outgoing, oauth: Mapping[str, Any]) -> Credential:
        """The bearer token. Raises ConsentRequiredError, NoPersonError, TargetError."""
        ask = self.ask(call.gateway, call.target, call.caller, oauth)
        try:
            found = await self._consents.token(ask)
        except ServiceError as problem:
            raise TargetError(f"No token for the target: {problem.message}", hint=problem.hint) from problem
        if isinstance(found, Consent):
            settled = partial(self._consents.settled, found)
            raise ConsentRequiredError(found, target_user(call.gateway, call.target), settled)
        shown = {"grant": GRANT, **found.detail}
        bearer = {"authorization": f"Bearer {found.access_token}"}
        return Credential("jwt", found.identity, bearer, detail=shown)

    def refused(self, call: Outgoing, oauth: Mapping[str, Any], credential: Credential) -> None:
        """Drops a token that the target did not take."""
        token = credential.headers.get("authorization", "").removeprefix("Bearer ")
        ask = self.ask(call.gateway, call.target, call.caller, oauth)
        self._consents.refused(ask, ResourceToken(token, credential.identity))

    def ask(
        self, gateway: Record, target: Record, caller: Caller | None, oauth: Mapping[str, Any]
    ) -> TokenAsk:
        """What the vault is asked for: the target's token of `caller`, None for the gateway's own.

        `oauth` is the target's `oauthCredentialProvider`. Raises NoPersonError for a machine.
        """
        given = {str(name): str(value) for name, value in (oauth.get("customParameters") or {}).items()}
        named = {name: (given[name],) if given.get(name) else () for name in _NAMED}
        return TokenAsk(
            provider_arn=str(oauth.get("providerArn", "")),
            workload=str(gateway["gatewayId"]),
            flow="USER_FEDERATION",
            scopes=tuple(oauth.get("scopes") or ()),
            resources=named["resource"],
            audiences=named["audience"],
            custom_parameters=tuple(sorted((k, v) for k, v in given.items() if k not in _NAMED)),
            user=users.of_id(target_user(gateway, target)) if caller is None else self._person(caller),
            return_url=str(oauth.get("defaultReturnUrl") or ""),
        )

    def _person(self, caller: Caller) -> str:
        claims = caller.claims
        machine = claims.get("sub") in (None, "", claims.get("client_id"), claims.get("azp"))
        if (
            caller.kind != "jwt" or machine or not claims.get("iss")
        ):  # RFC 9068: a client's own token is its own
            raise NoPersonError(self._table.consent_machine)
        return users.of_claims(claims)


def target_user(gateway: Record, target: Record) -> str:
    """Who the gateway is when it acts for itself at a target: `userId` of its authorizationData."""
    return f"{gateway['gatewayId']}/{target.get('targetId', '')}"


def provider_of(target: Record) -> Mapping[str, Any] | None:
    """The `oauthCredentialProvider` of a target that acts for its callers; None for every other."""
    for configured in target.get("credentialProviderConfigurations") or ():
        oauth = (configured.get("credentialProvider") or {}).get("oauthCredentialProvider") or {}
        if configured.get("credentialProviderType") == "OAUTH" and oauth.get("grantType") == GRANT:
            found: Mapping[str, Any] = oauth
            return found
    return None
