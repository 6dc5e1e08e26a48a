"""Which types of CloudFormation are emulated, and which operations of the control plane make them.

A property lands on the member of the API of the same name (`properties.converted`); the few that do not are
listed here, and a test walks through every property of every type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from skerry.local.aws.cloudformation.schemas import PREFIX

Adapt = Callable[[Any], Any]


def _server_protocol(value: Any) -> Any:
    return {"serverProtocol": value}


def _optional(value: Any) -> Any:
    return {"optionalValue": value}


@dataclass(frozen=True, slots=True)
class Kind:
    """One type.

    `noun` is the resource in names of operations (`Create` + noun). `keys` are the members of the API that
    say which resource is meant, with the property that has their value. `unique` are the properties of which
    no two have the same below the same `parent` (a property), and `listing` the operation that lists them
    with the member of its answer; without one the keys alone tell. `arn` is the attribute under which it has
    tags. `adapted` are properties whose values differ between the two, `adapted_update` those of updates
    alone; `cleared` is what an update says of properties that a template has no more, where the API keeps
    what is left out; `attributes` those that the API's answers call otherwise.
    """

    noun: str
    keys: Mapping[str, str]
    unique: tuple[str, ...]
    listing: tuple[str, str] | None = None
    parent: str = ""
    arn: str = ""
    create: str = ""
    update: str = ""
    adapted: Mapping[str, Adapt] = field(default_factory=dict)
    adapted_update: Mapping[str, Adapt] = field(default_factory=dict)
    cleared: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def creates(self) -> str:
        """The operation that makes one."""
        return self.create or f"Create{self.noun}"

    @property
    def updates(self) -> str:
        """The operation that changes one."""
        return self.update or f"Update{self.noun}"

    @property
    def gets(self) -> str:
        """The operation that reads one."""
        return f"Get{self.noun}"

    @property
    def deletes(self) -> str:
        """The operation that removes one."""
        return f"Delete{self.noun}"


_GATEWAY = {"gatewayIdentifier": "GatewayIdentifier"}
_NAME = {"name": "Name"}
_DESCRIPTION: Mapping[str, Adapt] = {"Description": _optional}
_NO_DESCRIPTION: Mapping[str, Any] = {"Description": {}}

KINDS: Mapping[str, Kind] = {
    f"{PREFIX}Runtime": Kind(
        "AgentRuntime",
        {"agentRuntimeId": "AgentRuntimeId"},
        ("AgentRuntimeName",),
        ("ListAgentRuntimes", "agentRuntimes"),
        arn="AgentRuntimeArn",
        adapted={"ProtocolConfiguration": _server_protocol},
    ),
    f"{PREFIX}RuntimeEndpoint": Kind(
        "AgentRuntimeEndpoint",
        {"agentRuntimeId": "AgentRuntimeId", "endpointName": "Name"},
        ("Name",),
        arn="AgentRuntimeEndpointArn",
    ),
    f"{PREFIX}Gateway": Kind(
        "Gateway",
        _GATEWAY,
        ("Name",),
        ("ListGateways", "items"),
        arn="GatewayArn",
        attributes={"GatewayIdentifier": "gatewayId"},
    ),
    f"{PREFIX}GatewayTarget": Kind(
        "GatewayTarget",
        {**_GATEWAY, "targetId": "TargetId"},
        ("Name",),
        ("ListGatewayTargets", "items"),
        parent="GatewayIdentifier",
    ),
    f"{PREFIX}GatewayRateLimit": Kind(
        "GatewayRateLimit",
        {**_GATEWAY, "rateLimitId": "RateLimitId"},
        ("DimensionKeys",),
        ("ListGatewayRateLimits", "rateLimits"),
        parent="GatewayIdentifier",
    ),
    f"{PREFIX}GatewayRule": Kind(
        "GatewayRule",
        {**_GATEWAY, "ruleId": "RuleId"},
        ("Priority",),
        ("ListGatewayRules", "gatewayRules"),
        parent="GatewayIdentifier",
        cleared={"Conditions": []},
    ),
    f"{PREFIX}WorkloadIdentity": Kind("WorkloadIdentity", _NAME, ("Name",), arn="WorkloadIdentityArn"),
    f"{PREFIX}ApiKeyCredentialProvider": Kind(
        "ApiKeyCredentialProvider", _NAME, ("Name",), arn="CredentialProviderArn"
    ),
    f"{PREFIX}OAuth2CredentialProvider": Kind(
        "Oauth2CredentialProvider", _NAME, ("Name",), arn="CredentialProviderArn"
    ),
    f"{PREFIX}PolicyEngine": Kind(
        "PolicyEngine",
        {"policyEngineId": "PolicyEngineId"},
        ("Name",),
        ("ListPolicyEngines", "policyEngines"),
        arn="PolicyEngineArn",
        adapted_update=_DESCRIPTION,
        cleared=_NO_DESCRIPTION,
    ),
    f"{PREFIX}Policy": Kind(
        "Policy",
        {"policyEngineId": "PolicyEngineId", "policyId": "PolicyId"},
        ("Name",),
        ("ListPolicies", "policies"),
        parent="PolicyEngineId",
        adapted_update=_DESCRIPTION,
        cleared=_NO_DESCRIPTION,
    ),
    f"{PREFIX}ResourcePolicy": Kind(
        "ResourcePolicy",
        {"resourceArn": "ResourceArn"},
        ("ResourceArn",),
        create="PutResourcePolicy",
        update="PutResourcePolicy",
    ),
}
"""By the name of the type."""

REF: Mapping[str, tuple[str, ...]] = {f"{PREFIX}Runtime": ("AgentRuntimeId",)}
"""What `Ref` gives where AWS's sources differ; for all others it is the schema's primary identifier.

Of a runtime the schema (and the CDK, which is made from it) says the id, the template reference the ARN.
"""

PARENTS: Mapping[str, str] = {
    "GatewayIdentifier": f"{PREFIX}Gateway",
    "PolicyEngineId": f"{PREFIX}PolicyEngine",
}
"""The types of what the properties name that say below which resource another one is."""
