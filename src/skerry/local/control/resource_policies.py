"""Resource-based policies: stored with a runtime, an endpoint or a gateway, and gone with it."""

from __future__ import annotations

from collections.abc import Mapping

from skerry.errors import not_found
from skerry.local.control.operation import Operation, Outcome, Request
from skerry.local.iam.resource_policies import KIND, broken, statements
from skerry.local.state.records import Write

_ARN_MEMBERS = {
    "runtime": "agentRuntimeArn",
    "runtime-endpoint": "agentRuntimeEndpointArn",
    "gateway": "gatewayArn",
}
"""Kinds of resources that take a policy, and the member with their ARN."""


def put(request: Request) -> Outcome:
    """PutResourcePolicy: a policy takes the place of the one before."""
    arn, policy = _resource(request), request.input["policy"]
    for statement in statements(policy):
        if "Resource" not in statement.negated and not statement.about(arn, {}):
            raise broken(f"No Resource of a Statement is {arn}, so the Statement would have no effect.")
    return Outcome({"policy": policy}, [Write(KIND, arn, {"policy": policy})])


def get(request: Request) -> Outcome:
    """GetResourcePolicy."""
    arn = _resource(request)
    return Outcome(request.find(KIND, arn, f"The policy of {arn}"))


def delete(request: Request) -> Outcome:
    """DeleteResourcePolicy."""
    arn = _resource(request)
    request.find(KIND, arn, f"The policy of {arn}")
    return Outcome({}, [Write(KIND, arn, None)])


OPERATIONS: Mapping[str, Operation] = {
    "PutResourcePolicy": put,
    "GetResourcePolicy": get,
    "DeleteResourcePolicy": delete,
}


def _resource(request: Request) -> str:
    """The ARN of a resource that is there. Raises ResourceNotFoundException (404)."""
    arn = str(request.input["resourceArn"])
    for kind, member in _ARN_MEMBERS.items():
        if any(record[member] == arn for record in request.resources.all(kind)):
            return arn
    raise not_found(f"The resource {arn} was not found.")
