"""Whether a gateway's role may have what the gateway needs, by the policies of IAM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.outgoing import TargetError
from skerry.local.iam import gateway_role
from skerry.local.ports.permissions import SERVICE_PRINCIPAL, Notes, Permissions
from skerry.local.ports.resources import Record, Resources

_PROVIDERS = {"OAUTH": "oauthCredentialProvider", "API_KEY": "apiKeyCredentialProvider"}


class RoleGrants:
    """Asks `permissions` for the roles of gateways. What decided is added to the `notes` of a call."""

    def __init__(self, permissions: Permissions, resources: Resources, table: Assumptions) -> None:
        self._permissions = permissions
        self._resources = resources
        self._table = table

    async def role(self, gateway: Record, notes: Notes) -> None:
        """Raises TargetError when AgentCore may not take the role."""
        role, source = str(gateway["roleArn"]), str(gateway["gatewayArn"])
        if why := await self._permissions.trusted(role, SERVICE_PRINCIPAL, source, notes):
            raise TargetError(why)

    async def credential(
        self, gateway: Record, kind: str, configuration: Mapping[str, Any], notes: Notes
    ) -> None:
        """Raises TargetError when the role may not have a target's credential of the vault.

        `kind` is the provider's type; for others than `OAUTH` and `API_KEY` nothing is asked.
        """
        if kind not in _PROVIDERS:
            return
        provider = str((configuration.get(_PROVIDERS[kind]) or {}).get("providerArn", ""))
        asks = gateway_role.credential_asks(
            gateway,
            kind,
            provider,
            self._resources.secret_arn(provider),
            whole=self._table.vault_asked_whole,
        )
        if why := await gateway_role.refusal(self._permissions, gateway, asks, notes):
            raise TargetError(
                f"No credential for the target: {why}",
                hint=f"Allow it to the gateway's role: {gateway['roleArn']}.",
            )

    async def engine(
        self, gateway: Record, action: Literal["AuthorizeAction", "PartiallyAuthorizeActions"], notes: Notes
    ) -> str:
        """Why the role may not ask the gateway's policy engine; "" when it may."""
        engine = str((gateway.get("policyEngineConfiguration") or {}).get("arn", ""))
        asks = gateway_role.engine_asks(engine, str(gateway["gatewayArn"]), (action,))
        return await gateway_role.refusal(self._permissions, gateway, asks, notes)
