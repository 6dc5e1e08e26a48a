"""Requests to CloudFormation of whom policies bind: what a stack is made of needs permissions too.

CloudFormation acts as who calls it, or as the service role that it was given. Which actions each resource
needs is not known here, so they are asked for as everything in the resource's service; what a template does
not tell, as everything there is. Resources of AgentCore are made by calls of its control plane as whoever
acts, and custom ones by calls of their functions, which ask for the very actions.

Source: CloudFormation user guide, "Control access with AWS Identity and Access Management", "CloudFormation
service role".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from skerry.errors import ServiceError
from skerry.local.iam.assume_role import Form
from skerry.local.iam.permissions import PermissionChecks
from skerry.local.iam.principals import session_of
from skerry.local.ports.callers import Caller
from skerry.local.ports.permissions import Ask, Notes

SERVICE = "cloudformation.amazonaws.com"
Describe = Callable[[Mapping[str, str]], Awaitable[Mapping[str, Any]]]
"""`aws.stacks.described`, in the process of the embedded cloud."""

_MAKERS = frozenset({"CreateStack", "UpdateStack", "DeleteStack", "ExecuteChangeSet"})
_PLAIN = ("Describe", "List", "Get", "Validate", "Estimate", "CreateChangeSet", "DeleteChangeSet")
"""Beginnings of operations that make nothing."""
_UPDATES = frozenset({"SetStackPolicy", "UpdateTerminationProtection", "CancelUpdateStack"})
_PREFIXES: Mapping[str, str] = {
    "apigatewayv2": "apigateway",
    "applicationautoscaling": "application-autoscaling",
    "bedrockagentcore": "bedrock-agentcore",
    "certificatemanager": "acm",
    "cognito": "cognito-idp",
    "efs": "elasticfilesystem",
    "elasticloadbalancingv2": "elasticloadbalancing",
    "elasticsearch": "es",
    "emr": "elasticmapreduce",
    "kinesisfirehose": "firehose",
    "msk": "kafka",
    "opensearchservice": "es",
    "stepfunctions": "states",
}
"""Services in the names of types whose actions have another prefix."""
_ASKED_LATER = frozenset({"bedrock-agentcore:*", "lambda:InvokeFunction", "cdk:*"})
"""Of services whose plane is told who acts and asks for each action itself, and a type that makes nothing."""
_EVERYTHING = Ask("*", "*", vague=True)


class StackRequests:
    """Decides on requests to CloudFormation, after their own action was allowed."""

    def __init__(self, permissions: PermissionChecks, describe: Describe) -> None:
        self._permissions = permissions
        self._describe = describe

    async def acting(
        self, caller: Caller, given: Form, place: tuple[str, str], notes: Notes
    ) -> Caller | None:
        """As whom the resources of a stack are made; None when the request makes none.

        Raises ValidationError (400) for a role that is not to be had.
        """
        operation = given.get("Action", "")
        if operation not in _MAKERS:
            return None
        found = await self._described(operation, given, place)
        return await self._acting(caller, given.get("RoleARN", "") or found["role"], given, place, notes)

    async def permit(self, caller: Caller, given: Form, place: tuple[str, str], notes: Notes) -> None:
        """Raises AccessDeniedException (403), and ValidationError (400) for a role that is not to be had."""
        operation, role = given.get("Action", ""), given.get("RoleARN", "")
        if role:
            passed = {"iam:passedtoservice": (SERVICE,)}
            await self._permissions.check(caller, [Ask("iam:PassRole", role, passed)], notes)
        if "TemplateURL" in given:
            await self._permissions.check(caller, [Ask("s3:GetObject", "arn:aws:s3:::*", vague=True)], notes)
        found: Mapping[str, Any] = {"types": [], "role": "", "stack": ""}
        if operation in _MAKERS or "ChangeSetName" in given:
            found = await self._described(operation, given, place)
        if "ChangeSetName" in given and found["stack"]:  # it is found by its name, whatever stack was named
            arn = f"arn:aws:cloudformation:{place[0]}:{place[1]}:stack/{found['stack']}/*"
            await self._permissions.check(caller, [Ask(f"cloudformation:{operation}", arn)], notes)
        if operation.startswith(_PLAIN) or operation in _UPDATES:
            return
        types = found["types"] if operation in _MAKERS and "TemplateURL" not in given else None
        asks = (
            [_EVERYTHING]
            if types is None
            else list(
                {ask.action: ask for ask in map(_ask, types) if ask.action not in _ASKED_LATER}.values()
            )
        )
        who = await self._acting(caller, role or found["role"], given, place, notes)
        await self._permissions.check(who, asks, notes)

    async def _described(self, operation: str, given: Form, place: tuple[str, str]) -> Mapping[str, Any]:
        asked = {"region": place[0], "account": place[1], "template": given.get("TemplateBody", "")}
        asked["change_set"] = given.get("ChangeSetName", "")
        asked["stack"] = "" if operation == "CreateStack" else given.get("StackName", "")
        return await self._describe(asked)

    async def _acting(
        self, caller: Caller, role: str, given: Form, place: tuple[str, str], notes: Notes
    ) -> Caller:
        """Who makes the resources: the caller, or a service role that IAM has and that trusts the service."""
        if not role or not await self._permissions.is_in_iam(role):
            return caller
        name = given.get("StackName", "").rpartition("/")[2]
        source = f"arn:aws:cloudformation:{place[0]}:{place[1]}:stack/{name}"
        if await self._permissions.trusted(role, SERVICE, source, notes):
            raise ServiceError("ValidationError", 400, f"Role {role} is invalid or cannot be assumed")
        return session_of(role, "AWSCloudFormation")


def _ask(kind: str) -> Ask:
    """The permission for resources of a type, such as `AWS::S3::Bucket`."""
    if kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource":
        return Ask("lambda:InvokeFunction", "*", vague=True)
    parts = kind.split("::")
    if len(parts) != 3 or parts[0] != "AWS" or parts[1] == "CloudFormation":
        return _EVERYTHING
    service = parts[1].lower()
    return Ask(f"{_PREFIXES.get(service, service)}:*", "*", vague=True)
