"""GATEWAY_IAM_ROLE: requests signed with the gateway's service role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.auth.aws.sigv4 import Credentials
from skerry.local.gateway.credentials import signature
from skerry.local.gateway.outgoing import Credential, Outgoing
from skerry.local.ports.callers import Access
from skerry.local.ports.resources import Record
from skerry.local.ports.running import Clock
from skerry.wire.arn import Arn

KIND = "GATEWAY_IAM_ROLE"


class RoleCredentials:
    """Signs as a gateway's role; `region` is that of the gateways."""

    def __init__(self, *, access: Access, clock: Clock, region: str) -> None:
        self._access = access
        self._clock = clock
        self._region = region
        self._roles: dict[tuple[str, str], Credentials] = {}

    async def credential(self, call: Outgoing, configuration: Mapping[str, Any]) -> Credential:
        """A signature with the gateway's role. Raises TargetError."""
        service = signature.service_of(call, configuration, KIND)
        gateway_id, role = str(call.gateway["gatewayId"]), str(call.gateway["roleArn"])
        credentials = self._roles.get((gateway_id, role))
        name = _session(call.gateway)
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
        return Credential("sigv4", self.principal(call.gateway), headers, detail={"service": service})

    @staticmethod
    def principal(gateway: Record) -> str:
        """The ARN of who calls with the credentials of a gateway's role."""
        arn = Arn.parse(str(gateway["roleArn"]))
        name = arn.resource.rpartition("/")[2]
        return f"arn:{arn.partition}:sts::{arn.account}:assumed-role/{name}/{_session(gateway)}"

    def close(self) -> None:
        """Ends the temporary credentials of every gateway."""
        while self._roles:
            self._access.revoke(self._roles.popitem()[1])

    def forget(self, gateway_id: str, *, but: str) -> None:
        """Ends the temporary credentials of a gateway, except those of the role `but`."""
        for key in [key for key in self._roles if key[0] == gateway_id and key[1] != but]:
            self._access.revoke(self._roles.pop(key))


def _session(gateway: Record) -> str:
    """The name of the session in which a gateway has its role."""
    return f"gateway-{gateway['gatewayId']}"[:64]
