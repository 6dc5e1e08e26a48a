"""Execution roles with no more than what the file shows to be needed.

Sources: AgentCore developer guide, "Permissions for AgentCore Runtime", "Set up permissions for AgentCore
Gateway", "AgentCore Gateway and Policy IAM permissions"; Lambda developer guide, "execution role".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skerry.deploy.template.draft import PREFIX, Draft, Parameter
from skerry.deploy.template.intrinsics import Expression, attribute, ref, sub, when
from skerry.deploy.template.references import guardrail_arn, named
from skerry.stack.declared.declaration import Declaration

Statement = dict[str, Any]

_HERE = "${AWS::Region}:${AWS::AccountId}"
_CORE = f"arn:${{AWS::Partition}}:bedrock-agentcore:{_HERE}"
DIRECTORY = f"{_CORE}:workload-identity-directory/default"
VAULT = f"{_CORE}:token-vault/default"


def allow(actions: Sequence[str], resources: Sequence[Any], condition: Any = None) -> Statement:
    """A statement of a policy."""
    found: Statement = {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return found if condition is None else {**found, "Condition": condition}


def agentcore_trust(resource: str) -> Statement:
    """AgentCore may take the role for resources of this account such as `resource` (`runtime/*`) alone."""
    return _trust(
        "bedrock-agentcore.amazonaws.com",
        {
            "StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")},
            "ArnLike": {"aws:SourceArn": sub(f"{_CORE}:{resource}")},
        },
    )


def lambda_trust() -> Statement:
    """Lambda may take the role."""
    return _trust("lambda.amazonaws.com", None)


def document(statements: Sequence[Statement]) -> dict[str, Any]:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def role(
    draft: Draft,
    path: tuple[str, ...],
    table: str,
    *,
    trust: Statement,
    policies: Mapping[str, Sequence[Statement]],
    managed: Sequence[Any] = (),
    what: str,
    programs: bool = True,
) -> Expression:
    """A role; gives its ARN. That of a program has a parameter for more policies."""
    name = draft.ids.of(*path, "Role")
    draft.add(
        name,
        "AWS::IAM::Role",
        table,
        {
            "Description": f"Execution role of {what}."[:1000],
            "AssumeRolePolicyDocument": document([trust]),
            "ManagedPolicyArns": _managed(draft, path, table, managed, what) if programs else None,
            "Policies": [
                {"PolicyName": title, "PolicyDocument": document(statements)}
                for title, statements in policies.items()
                if statements
            ]
            or None,
        },
    )
    return attribute(name, "Arn")


def _managed(
    draft: Draft, path: tuple[str, ...], table: str, managed: Sequence[Any], what: str
) -> Expression:
    more = draft.ids.of(*path, "PolicyArns")
    reason = f"ARNs of further IAM policies for {what}, separated by commas: what its code needs of AWS"
    draft.parameter(more, Parameter(reason, table, ""))
    given = {"Fn::Split": [",", ref(more)]}
    if managed:
        given = {"Fn::Split": [",", {"Fn::Join": [",", [*managed, ref(more)]]}]}
    return when(draft.given(more), given, list(managed) or None)


def observed() -> list[Statement]:
    """Logs, traces and metrics of a runtime."""
    logs = f"arn:${{AWS::Partition}}:logs:{_HERE}:log-group:"
    runtimes = f"{logs}/aws/bedrock-agentcore/runtimes/*"
    tracing = ("PutTraceSegments", "PutTelemetryRecords", "GetSamplingRules", "GetSamplingTargets")
    return [
        allow(["logs:CreateLogGroup", "logs:DescribeLogStreams"], [sub(runtimes)]),
        allow(["logs:DescribeLogGroups"], [sub(f"{logs}*")]),
        allow(["logs:CreateLogStream", "logs:PutLogEvents"], [sub(f"{runtimes}:log-stream:*")]),
        allow([f"xray:{action}" for action in tracing], ["*"]),
        allow(
            ["cloudwatch:PutMetricData"],
            ["*"],
            {"StringEquals": {"cloudwatch:namespace": "bedrock-agentcore"}},
        ),
    ]


def workload_identity(name: str, *, people: bool) -> list[Statement]:
    """A runtime or gateway as a workload; `people`: also for those who call it."""
    actions = ["bedrock-agentcore:GetWorkloadAccessToken"]
    if people:
        actions += [f"{actions[0]}ForJWT", f"{actions[0]}ForUserId"]
    own = f"{DIRECTORY}/workload-identity/${{{PREFIX}}}{name}-*"
    return [allow(actions, [sub(DIRECTORY), sub(own)])]


def models() -> list[Statement]:
    """Amazon Bedrock's models and inference profiles."""
    return [
        allow(
            ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
            [
                sub("arn:${AWS::Partition}:bedrock:*::foundation-model/*"),
                sub(f"arn:${{AWS::Partition}}:bedrock:{_HERE}:inference-profile/*"),
                sub(f"arn:${{AWS::Partition}}:bedrock:{_HERE}:application-inference-profile/*"),
            ],
        )
    ]


def callees(declared: Declaration, draft: Draft, texts: Sequence[str]) -> list[Statement]:
    """What a program may call: gateways, runtimes, functions and guardrails that its environment names."""
    found = []
    if gateways := [name for name in named(texts, "gateways") if name in declared.gateways]:
        arns = [attribute(draft.ids.of("Gateway", name), "GatewayArn") for name in gateways]
        found.append(allow(["bedrock-agentcore:InvokeGateway"], arns))
    if runtimes := [name for name in named(texts, "runtimes") if name in declared.runtimes]:
        found.append(invoke_runtimes(draft, runtimes))
    for name in named(texts, "functions"):
        if name in declared.functions and not declared.functions[name].web:
            arn = attribute(draft.ids.of("Function", name), "Arn")
            found.append(allow(["lambda:InvokeFunction", "lambda:InvokeFunctionUrl"], [arn]))
    for name in named(texts, "guardrails"):
        identifier = draft.ids.of("Guardrail", name, "Id")
        if identifier in draft.parameters:
            found.append(allow(["bedrock:ApplyGuardrail"], [guardrail_arn(identifier)]))
    return found


def invoke_runtimes(draft: Draft, names: Sequence[str]) -> Statement:
    """Calls of runtimes, at every endpoint of theirs."""
    ids = [draft.ids.of("Runtime", name) for name in names]
    arns: list[Any] = []
    for one in ids:
        arns += [attribute(one, "AgentRuntimeArn"), sub(f"${{{one}.AgentRuntimeArn}}/*")]
    return allow(["bedrock-agentcore:InvokeAgentRuntime"], arns)


def _trust(service: str, condition: Any) -> Statement:
    found: Statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return found if condition is None else {**found, "Condition": condition}
