"""`[gateways.NAME]`: a gateway, its role, its targets, its policies and its rate limits.

The role has at first what the gateway itself needs. What its targets need comes in a policy of its own, made
after the runtimes: an agent is told its gateway's URL, so a gateway must not wait for its runtimes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from skerry.deploy.template import providers, roles
from skerry.deploy.template.authorizers import custom_jwt
from skerry.deploy.template.draft import PREFIX, Draft
from skerry.deploy.template.intrinsics import Expression, attribute, ref, sub
from skerry.deploy.template.references import References
from skerry.deploy.template.sources import Policy
from skerry.deploy.template.targets import Targets
from skerry.stack.declared.gateways import Gateway, protocol
from skerry.stack.declared.limits import grouped
from skerry.stack.declared.targets import is_http


def add(references: References, targets: Targets, gateway: Gateway, policies: Sequence[Policy]) -> None:
    """Adds a gateway with all that belongs to it."""
    declared, draft = references.declared, references.draft
    table, owner = f"[gateways.{gateway.name}]", ("Gateway", gateway.name)
    name = draft.ids.of(*owner)
    engine = _engine(draft, gateway, table) if policies else None
    protocols = {one.name: one.protocol for one in declared.runtimes.values()}
    tools = not any(is_http(target, protocols) for target in gateway.targets.values())
    mcp = _capitals(protocol(gateway))
    authorizer = None
    if gateway.authorizer.kind == "jwt":
        authorizer = custom_jwt(draft, references, gateway.authorizer, owner, table)
    draft.add(
        name,
        "AWS::BedrockAgentCore::Gateway",
        table,
        {
            "Name": sub(f"${{{PREFIX}}}{gateway.name}"),
            "Description": gateway.description[:200] or None,
            "RoleArn": _role(references, gateway, table, engine),
            "AuthorizerType": {"jwt": "CUSTOM_JWT", "iam": "AWS_IAM"}.get(gateway.authorizer.kind, "NONE"),
            "AuthorizerConfiguration": authorizer,
            "ProtocolType": "MCP" if tools else None,
            "ProtocolConfiguration": {"Mcp": mcp} if mcp else None,
            "ExceptionLevel": "DEBUG" if gateway.debug else None,
            "InterceptorConfigurations": _interceptors(references, gateway, table),
            "PolicyEngineConfiguration": {
                "Arn": attribute(engine, "PolicyEngineArn"),
                "Mode": gateway.policy_mode.upper(),
            }
            if engine
            else None,
        },
    )
    after = _access(references, gateway, table)
    made = [targets.add(gateway, target, after) for target in gateway.targets.values()]
    if engine:
        _policies(references, gateway, engine, policies, made)
    _limits(draft, gateway, table, name)
    draft.outputs[draft.ids.of(*owner, "Url")] = (
        f"URL of the gateway {gateway.name}",
        attribute(name, "GatewayUrl"),
    )
    draft.outputs[draft.ids.of(*owner, "Arn")] = (
        f"ARN of the gateway {gateway.name}",
        attribute(name, "GatewayArn"),
    )


def _role(references: References, gateway: Gateway, table: str, engine: str | None) -> Expression:
    policies: dict[str, list[roles.Statement]] = {}
    functions = list(dict.fromkeys(item.function for item in gateway.interceptors))
    if functions:
        arns = [references.function_arn(one, f"{table} interceptors") for one in functions]
        policies["interceptors"] = [roles.allow(["lambda:InvokeFunction"], arns)]
    if engine:
        arn = attribute(engine, "PolicyEngineArn")
        own = sub(
            "arn:${AWS::Partition}:bedrock-agentcore:${AWS::Region}:${AWS::AccountId}:"
            f"gateway/${{{PREFIX}}}{gateway.name.lower()}-*"
        )
        decide = ["bedrock-agentcore:AuthorizeAction", "bedrock-agentcore:PartiallyAuthorizeActions"]
        policies["decisions"] = [
            roles.allow(["bedrock-agentcore:GetPolicyEngine"], [arn]),
            roles.allow(decide, [arn, own]),
        ]
    return roles.role(
        references.draft,
        ("Gateway", gateway.name),
        table,
        trust=roles.agentcore_trust(f"gateway/${{{PREFIX}}}{gateway.name.lower()}-*"),
        policies=policies,
        what=f"the gateway {gateway.name}",
        programs=False,
    )


def _access(references: References, gateway: Gateway, table: str) -> tuple[str, ...]:
    """The policy for what is behind a gateway, which targets wait for: they are listed when they are made."""
    declared, draft = references.declared, references.draft
    statements = []
    signed = [
        target.runtime
        for target in gateway.targets.values()
        if target.runtime
        and target.credentials.kind in ("", "iam")
        and declared.runtimes[target.runtime].authorizer.kind == "iam"
    ]
    if signed:
        statements.append(roles.invoke_runtimes(draft, list(dict.fromkeys(signed))))
    functions = [target.function for target in gateway.targets.values() if target.function]
    if functions:
        arns = [references.function_arn(name, table) for name in dict.fromkeys(functions)]
        statements.append(roles.allow(["lambda:InvokeFunction"], arns))
    statements += providers.statements(draft, gateway)
    if not statements:
        return ()
    name = draft.ids.of("Gateway", gateway.name, "Access")
    draft.add(
        name,
        "AWS::IAM::Policy",
        table,
        {
            "PolicyName": "targets",
            "PolicyDocument": roles.document(statements),
            "Roles": [ref(draft.ids.of("Gateway", gateway.name, "Role"))],
        },
    )
    return (name,)


def _interceptors(references: References, gateway: Gateway, table: str) -> list[dict[str, Any]] | None:
    return [
        {
            "Interceptor": {
                "Lambda": {"Arn": references.function_arn(item.function, f"{table} interceptors")}
            },
            "InterceptionPoints": [item.point],
            "InputConfiguration": {"PassRequestHeaders": item.headers},
        }
        for item in gateway.interceptors
    ] or None


def _engine(draft: Draft, gateway: Gateway, table: str) -> str:
    name = draft.ids.of("Gateway", gateway.name, "PolicyEngine")
    plain = re.sub(r"[^A-Za-z0-9_]", "_", gateway.name)[:36]
    plain = plain if plain[:1].isalpha() else f"p_{plain}"[:36]
    draft.add(name, "AWS::BedrockAgentCore::PolicyEngine", table, {"Name": sub(f"${{{PREFIX}}}{plain}")})
    return name


def _policies(
    references: References,
    gateway: Gateway,
    engine: str,
    policies: Sequence[Policy],
    targets: Sequence[str],
) -> None:
    """A resource for each statement: after the targets, whose tools it names; forbids after permits.

    A forbid before there is any permit is refused: it would leave nothing.
    """
    draft, table = references.draft, f"[gateways.{gateway.name}]"
    permits: list[str] = []
    for policy in sorted(policies, key=lambda one: one.effect == "forbid"):
        name = draft.ids.of("Gateway", gateway.name, "Policy", policy.name)
        forbids = policy.effect == "forbid"
        draft.add(
            name,
            "AWS::BedrockAgentCore::Policy",
            table,
            {
                "PolicyEngineId": attribute(engine, "PolicyEngineId"),
                "Name": policy.name,
                "Definition": {"Cedar": {"Statement": references.value(policy.text, f"{table} policies")}},
            },
            [*targets, *(permits if forbids else ())],
        )
        if not forbids:
            permits.append(name)


def _limits(draft: Draft, gateway: Gateway, table: str, name: str) -> None:
    for number, (keys, entries) in enumerate(grouped(gateway.rate_limits).items(), 1):
        draft.add(
            draft.ids.of("Gateway", gateway.name, f"RateLimit{number}"),
            "AWS::BedrockAgentCore::GatewayRateLimit",
            table,
            {
                "GatewayIdentifier": attribute(name, "GatewayIdentifier"),
                "DimensionKeys": list(keys),
                "Entries": [_entry(entry) for entry in entries],
            },
        )


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"Dimensions": entry["dimensions"]}
    for key in ("requests", "connections"):
        if key in entry:
            found[key.capitalize()] = [
                {"Rate": rate["rate"], "Period": rate["period"]} for rate in entry[key]
            ]
    return found


def _capitals(value: Any) -> Any:
    """Members of the API as CloudFormation spells them: `searchType` is `SearchType`."""
    if isinstance(value, dict):
        return {f"{key[:1].upper()}{key[1:]}": _capitals(item) for key, item in value.items()}
    return value
