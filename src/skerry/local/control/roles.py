"""What is looked at in the role that a runtime or a gateway is given, besides iam:PassRole.

| operation | the role |
|---|---|
| all four | is of this account |
| CreateAgentRuntime, UpdateAgentRuntime | can be taken by AgentCore for the runtime |
| CreateGateway, UpdateGateway with a policy engine | can be taken, and may ask the engine |

Whether the role of a gateway without an engine can be taken is seen when the gateway first needs it: whether
AWS looks before is not known. What is being made has no id yet; its name and ten zeros stand for it.

Sources: IAM user guide, PassRole within one account; field reports of CreateAgentRuntime ("Role validation
failed") and of CreateGateway and UpdateGateway ("Access denied while calling GetPolicyEngine", in CloudTrail
a session of the gateway's role).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.errors import ServiceError, access_denied, validation
from skerry.local.iam import gateway_role
from skerry.local.ports.permissions import SERVICE_PRINCIPAL, Notes, Permissions
from skerry.local.ports.resources import Record
from skerry.local.state.resources import Place
from skerry.wire.arn import gateway_arn, runtime_arn

TAKERS = frozenset({"CreateGateway", "UpdateGateway", "CreateAgentRuntime", "UpdateAgentRuntime"})
"""Operations whose input has the role."""
_NEW = "0" * 10


async def check(
    name: str, given: Mapping[str, Any], place: Place, permissions: Permissions, notes: Notes
) -> None:
    """Raises ServiceError: AccessDeniedException (403) and ValidationException (400)."""
    if name not in TAKERS:
        return
    _check_account(str(given["roleArn"]), place)
    if name.endswith("AgentRuntime"):
        await _check_runtime(given, place, permissions, notes)
    elif given.get("policyEngineConfiguration"):
        await _check_engine(_gateway(given, place), permissions, notes)


def _check_account(role: str, place: Place) -> None:
    parts = role.split(":", 5)
    if parts[1] == "aws" and parts[4] == place.account:
        return
    raise access_denied(
        f"Cross-account pass role is not allowed. {role} is not of the account {place.account} of this stack."
    )


async def _check_runtime(
    given: Mapping[str, Any], place: Place, permissions: Permissions, notes: Notes
) -> None:
    identifier = given.get("agentRuntimeId", f"{given.get('agentRuntimeName')}-{_NEW}")
    source = runtime_arn(place.region, place.account, identifier)
    why = await permissions.trusted(str(given["roleArn"]), SERVICE_PRINCIPAL, source, notes)
    if why:
        raise validation(
            f"Role validation failed for '{given['roleArn']}'. Please verify that the role exists and "
            f"its trust policy allows assumption by this service. {why}",
            ("roleArn", why),
        )


async def _check_engine(gateway: Record, permissions: Permissions, notes: Notes) -> None:
    engine = str(gateway["policyEngineConfiguration"]["arn"])
    asks = gateway_role.engine_asks(engine, str(gateway["gatewayArn"]))
    if why := await gateway_role.refusal(permissions, gateway, asks, notes):
        raise _engine_refused(gateway, why)


def _engine_refused(gateway: Record, why: str) -> ServiceError:
    role = gateway["roleArn"]
    message = f"Access denied while checking the policy engine with the Gateway role {role}. {why}"
    return validation(message, ("policyEngineConfiguration", why))


def _gateway(given: Mapping[str, Any], place: Place) -> Record:
    """The gateway of an input as far as its role is concerned."""
    named = str(given.get("gatewayIdentifier", "")).rpartition("/")[2]
    identifier = named or f"{str(given['name']).lower()}-{_NEW}"
    arn = gateway_arn(place.region, place.account, identifier)
    return {**given, "gatewayId": identifier, "gatewayArn": arn}
