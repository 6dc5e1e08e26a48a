"""GATEWAY_IAM_ROLE: requests signed with the gateway's service role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.local.gateway.credentials import signature
from skerry.local.gateway.outgoing import Credential, Outgoing, TargetError
from skerry.local.ports import SERVICE_PRINCIPAL, Access, Clock, Credentials, Permissions
from skerry.wire.arn import Arn

KIND = "GATEWAY_IAM_ROLE"


class RoleCredentials:
    """Signs as a gateway's role; `region` is that of the gateways."""

    def __init__(self, *, access: Access, clock: Clock, region: str, permissions: Permissions) -> None:
        self._access = access
        self._permissions = permissions
        self._clock = clock
        self._region = region
        self._roles: dict[tuple[str, str], Credentials] = {}

    async def credential(self, call: Outgoing, configuration: Mapping[str, Any]) -> Credential:
        """A signature with the gateway's role. Raises TargetError."""
        service = signature.service_of(call, configuration, KIND)
        gateway_id, role = str(call.gateway["gatewayId"]), str(call.gateway["roleArn"])
        source = str(call.gateway["gatewayArn"])
        if why := await self._permissions.trusted(role, SERVICE_PRINCIPAL, source, []):
            raise TargetError(why)
        credentials = self._roles.get((gateway_id, role))
        name = f"gateway-{gateway_id}"[:64]
        if credentials is None:
            credentials = self._roles[gateway_id, role] = self._access.assume(role, name)
        headers = signature.headers(
            call,
            configuration,
            credentials=credentials,
            service=service,
            region=self._region,
            now=self._clock.time(),
        )
        return Credential("sigv4", _assumed(role, name), headers, detail={"service": service})

    def close(self) -> None:
        """Ends the temporary credentials of every gateway."""
        while self._roles:
            self._access.revoke(self._roles.popitem()[1])

    def forget(self, gateway_id: str, *, but: str) -> None:
        """Ends the temporary credentials of a gateway, except those of the role `but`."""
        for key in [key for key in self._roles if key[0] == gateway_id and key[1] != but]:
            self._access.revoke(self._roles.pop(key))


def _assumed(role: str, session_name: str) -> str:
    """The principal that calls with a role's temporary credentials."""
    arn = Arn.parse(role)
    name = arn.resource.rpartition("/")[2]
    return f"arn:{arn.partition}:sts::{arn.account}:assumed-role/{name}/{session_name}"
