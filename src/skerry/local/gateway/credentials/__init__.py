"""Outbound credentials: what the gateway shows to a target in place of the caller's token.

Source: AWS developer guide, gateway outbound authorization. One module per kind of provider. The caller's own
token goes to the token endpoint of an exchange, and to HTTP targets with JWT_PASSTHROUGH: to no MCP target.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from skerry.auth.http.outside import Http
from skerry.auth.moved_clock import clock_of
from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.credentials import api_key, external, passthrough, role
from skerry.local.gateway.credentials.caller import CallerCredentials
from skerry.local.gateway.credentials.consents import Consents
from skerry.local.gateway.credentials.grants import RoleGrants
from skerry.local.gateway.credentials.oauth import OAuthCredentials
from skerry.local.gateway.credentials.own_stack import OwnStack
from skerry.local.gateway.credentials.role import RoleCredentials
from skerry.local.gateway.credentials.source import Source
from skerry.local.gateway.credentials.user_tokens import UserTokens, provider_of
from skerry.local.gateway.credentials.vault_tokens import VaultTokens
from skerry.local.gateway.outgoing import Credential, Outgoing, TargetError
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.http.reach import Reach
from skerry.local.ports.callers import Access
from skerry.local.ports.permissions import Notes, Unrestricted
from skerry.local.ports.resources import Record, Resources
from skerry.local.ports.running import Clock
from skerry.local.ports.secrets import Authorities, FetchSecret, NoAuthorities
from skerry.local.ports.tokens import NoResourceTokens, ResourceTokens

_SIGNING = frozenset({"GATEWAY_IAM_ROLE", "CALLER_IAM_CREDENTIALS"})


class OutboundCredentials:
    """Finds the credential that a target's configuration asks for.

    Temporary credentials are made once per gateway and role, or once per caller, and end with `close`;
    tokens are kept until shortly before their end. `transport` is HTTP towards the authorization servers of
    credential providers, `private` and `authorities` towards those that `Reach` tells apart.
    """

    def __init__(
        self,
        *,
        resources: Resources,
        access: Access,
        transport: Http,
        clock: Clock,
        settings: GatewaySettings,
        users: UserTokens | None = None,
        resource_tokens: ResourceTokens | None = None,
        fetch_secret: FetchSecret = external.none,
        private: Http | None = None,
        authorities: Authorities | None = None,
        grants: RoleGrants | None = None,
    ) -> None:
        region, table = settings.region, settings.assumptions
        self._resources = resources
        self._table = table
        self._source = Source(access.workloads, settings.endpoint)
        self._own = OwnStack(settings.endpoint, table.runtime_paths)
        self._role = RoleCredentials(access=access, clock=clock, region=region)
        self._grants = grants or RoleGrants(Unrestricted(), resources, table)
        self._caller = CallerCredentials(access=access, clock=clock, region=region)
        self._fetch_secret = fetch_secret
        tokens = resource_tokens or NoResourceTokens()
        self._users = users or UserTokens(Consents(tokens, clock, poll=settings.consent_poll), table)
        self._oauth = OAuthCredentials(
            resources=resources,
            reach=Reach(transport, private or transport, authorities or NoAuthorities()),
            clock=clock_of(settings.token_clock, clock),
            table=table,
            vault=VaultTokens(tokens, self._role),
            fetch_secret=fetch_secret,
        )
        self._kinds: dict[str, Callable[[Outgoing, Mapping[str, Any]], Awaitable[Credential]]] = {
            "GATEWAY_IAM_ROLE": self._role.credential,
            "OAUTH": self._bearer,
            "API_KEY": self._api_key,
            "CALLER_IAM_CREDENTIALS": self._caller.credential,
            "JWT_PASSTHROUGH": passthrough.credential,
        }

    async def authenticate(self, call: Outgoing, notes: Notes) -> Credential:
        """The credential for one request. Raises TargetError when it cannot be had.

        `notes` gets what the gateway's role was asked for and what decided. What the REQUEST interceptor set
        counts before everything configured (AWS developer guide, header propagation).
        """
        if call.authorization:
            return Credential("none", "interceptor", {"authorization": call.authorization})
        kind, configuration = _configured(call.target)
        if kind == role.KIND or (not kind and call.service):
            await self._grants.role(call.gateway, notes)
        if not kind:
            return await self._role.credential(call, {}) if call.service else Credential()
        find = self._kinds.get(kind)
        if find is None:
            raise TargetError(
                f"The credential provider type {kind} is not served by this gateway.",
                hint=f"Served are: {', '.join(self._kinds)}, or none.",
            )
        await self._grants.credential(call.gateway, kind, configuration, notes)
        credential = await find(call, configuration)
        if kind == role.KIND:  # a caller's own credentials may do what the caller may
            self._own.check(call, credential.headers)
        stamped = kind == "OAUTH" or (kind == "JWT_PASSTHROUGH" and self._table.passthrough_names_gateway)
        stamp = self._source.headers(call) if stamped else {}
        return replace(credential, headers={**credential.headers, **stamp}) if stamp else credential

    def close(self) -> None:
        """Ends all temporary credentials and forgets the tokens."""
        self._role.close()
        self._caller.close()
        self._oauth.close()

    def forget(self, gateway_id: str, *, but: str = "") -> None:
        """Ends the temporary credentials of a gateway, except those of the role `but`."""
        self._role.forget(gateway_id, but=but)

    def refused(self, call: Outgoing, credential: Credential) -> None:
        """Drops a token that the target did not take, so that the next call gets a new one."""
        kind, configuration = _configured(call.target)
        if call.authorization:
            return
        if (oauth := provider_of(call.target)) is not None:
            self._users.refused(call, oauth, credential)
        elif kind == "OAUTH":
            self._oauth.refused(call, configuration, credential)

    async def _bearer(self, call: Outgoing, configuration: Mapping[str, Any]) -> Credential:
        if (oauth := provider_of(call.target)) is not None:
            return await self._users.credential(call, oauth)
        return await self._oauth.credential(call, configuration)

    async def _api_key(self, call: Outgoing, configuration: Mapping[str, Any]) -> Credential:
        del call
        return await api_key.credential(configuration, self._resources, self._fetch_secret, self._table)


def signs(target: Record) -> bool:
    """Whether requests to a target are signed, so that their body must be there as a whole."""
    return _configured(target)[0] in _SIGNING


def kind_of(target: Record) -> str:
    """The credential provider type of a target, "" for none."""
    return _configured(target)[0]


def key_parameter(target: Record, table: Assumptions) -> str:
    """The query parameter in which a target gets its API key, "" for none."""
    kind, configuration = _configured(target)
    return api_key.parameter(configuration, table) if kind == "API_KEY" else ""


def _configured(target: Record) -> tuple[str, Mapping[str, Any]]:
    """The credential provider type of a target, "" for none, and the provider's configuration."""
    for configured in target.get("credentialProviderConfigurations") or ():
        found: Mapping[str, Any] = configured.get("credentialProvider") or {}
        return str(configured.get("credentialProviderType")), found
    return "", {}
