"""Tags of runtimes, endpoints, gateways, policy engines, credential providers and workload identities."""

from __future__ import annotations

from collections.abc import Mapping

from skerry.errors import ServiceError, not_found
from skerry.local.control.operation import Operation, Outcome, Request
from skerry.local.ports.resources import Record
from skerry.local.state.records import Write

MAX_TAGS = 50

_ARN_MEMBERS = {
    "runtime": "agentRuntimeArn",
    "runtime-endpoint": "agentRuntimeEndpointArn",
    "gateway": "gatewayArn",
    "policy-engine": "policyEngineArn",
    "credential-provider": "credentialProviderArn",
    "api-key-provider": "credentialProviderArn",
    "workload-identity": "workloadIdentityArn",
}


def tag(request: Request) -> Outcome:
    """TagResource: adds and replaces."""
    arn, current = _tags(request)
    tags = {**current, **request.input["tags"]}
    if len(tags) > MAX_TAGS:
        raise ServiceError(
            "ServiceQuotaExceededException", 402, f"A resource can have at most {MAX_TAGS} tags."
        )
    return Outcome({}, [Write("tags", arn, tags)])


def untag(request: Request) -> Outcome:
    """UntagResource: keys that are not there are no error."""
    arn, current = _tags(request)
    left = {key: value for key, value in current.items() if key not in request.input["tagKeys"]}
    return Outcome({}, [Write("tags", arn, left or None)])


def list_tags(request: Request) -> Outcome:
    """ListTagsForResource."""
    return Outcome({"tags": _tags(request)[1]})


OPERATIONS: Mapping[str, Operation] = {
    "TagResource": tag,
    "UntagResource": untag,
    "ListTagsForResource": list_tags,
}


def _tags(request: Request) -> tuple[str, Record]:
    arn = request.input["resourceArn"]
    resources = request.resources
    if not any(
        record[member] == arn for kind, member in _ARN_MEMBERS.items() for record in resources.all(kind)
    ):
        raise not_found(f"The resource {arn} was not found.")
    return arn, resources.get("tags", arn) or {}
