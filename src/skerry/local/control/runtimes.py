"""Agent runtimes, their versions and their endpoints.

An update replaces the whole configuration and makes a new version; `DEFAULT` follows the newest one, other
endpoints stay where they were put. A version is READY when its code is there; when it cannot be had, the
version is CREATE_FAILED or UPDATE_FAILED with a `failureReason`, and `DEFAULT` stays at the version before.

Not known of AWS, and decided here: `DEFAULT` can be neither updated nor deleted, a version that an endpoint
serves cannot be deleted, deleting a runtime deletes its endpoints, and what failed may be updated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.errors import not_found
from skerry.local.control import rules
from skerry.local.control.identities import KIND as IDENTITY
from skerry.local.control.identities import identity_arn, own_identity
from skerry.local.control.lifecycle import Kind, writable
from skerry.local.control.operation import (
    ALNUM,
    Operation,
    Outcome,
    Request,
    conflict,
    fresh_id,
    page,
    tags_write,
    within_quota,
)
from skerry.local.ports.resources import Change, Record
from skerry.local.state.records import Write
from skerry.local.state.resources import Resources
from skerry.wire.arn import runtime_arn

DEFAULT_ENDPOINT = "DEFAULT"

_NOT_KEPT = ("clientToken", "tags", "agentRuntimeId")


def create(request: Request) -> Outcome:
    """CreateAgentRuntime: version 1 and the endpoint DEFAULT."""
    given = request.input
    rules.runtime(given, made=request.now)
    existing = request.resources.all("runtime")
    name = given["agentRuntimeName"]
    if any(record["agentRuntimeName"] == name for record in existing):
        raise conflict(f"An agent runtime named {name} already exists.")
    within_quota("runtime", len(existing))
    identifier = f"{name}-{fresh_id(ALNUM)}"
    arn = runtime_arn(request.place.region, request.place.account, identifier)
    identity = own_identity(request.place, identifier, request.now)
    fixed = {
        "agentRuntimeArn": arn,
        "agentRuntimeId": identifier,
        "agentRuntimeName": name,
        "createdAt": request.now,
        "workloadIdentityDetails": {"workloadIdentityArn": identity_arn(request.place, identifier)},
    }
    record = _version(fixed, given, "1", request.now, "CREATING")
    endpoint = _endpoint(arn, DEFAULT_ENDPOINT, "1", request.now)
    return Outcome(
        output=record,
        writes=[
            *_stored(record),
            *_stored_endpoint(identifier, endpoint),
            identity,
            *tags_write(arn, given.get("tags")),
        ],
        changes=[Change("runtime", "created", identifier, record)],
    )


def update(request: Request) -> Outcome:
    """UpdateAgentRuntime: what is left out is gone."""
    newest = _writable(request)
    given = request.input
    rules.runtime(given, made=newest["createdAt"])
    identifier = newest["agentRuntimeId"]
    within_quota("runtime-version", len(request.resources.below("runtime-version", identifier)))
    version = str(int(newest["agentRuntimeVersion"]) + 1)
    kept = ("agentRuntimeArn", "agentRuntimeId", "agentRuntimeName", "createdAt", "workloadIdentityDetails")
    record = _version({name: newest[name] for name in kept}, given, version, request.now, "UPDATING")
    default = request.find("runtime-endpoint", f"{identifier}/{DEFAULT_ENDPOINT}", "The DEFAULT endpoint")
    moved = {**default, "targetVersion": version, "lastUpdatedAt": request.now, "status": "UPDATING"}
    return Outcome(
        output=record,
        writes=[*_stored(record), *_stored_endpoint(identifier, moved)],
        changes=[Change("runtime", "updated", identifier, record)],
    )


def get(request: Request) -> Outcome:
    """GetAgentRuntime: the newest version, or the one asked for."""
    newest = _runtime(request)
    version = request.input.get("agentRuntimeVersion")
    return Outcome(newest if version is None else _of_version(request, newest["agentRuntimeId"], version))


def delete(request: Request) -> Outcome:
    """DeleteAgentRuntime: everything, or one version that nothing serves."""
    newest = _writable(request)
    identifier = newest["agentRuntimeId"]
    version = request.input.get("agentRuntimeVersion")
    if version is not None:
        return _delete_version(request, newest, version)
    return Outcome(
        output={"agentRuntimeId": identifier, "status": "DELETING"},
        writes=[Write("runtime", identifier, {**newest, "status": "DELETING"})],
        changes=[Change("runtime", "deleted", identifier, newest)],
    )


def _delete_version(request: Request, newest: Record, version: str) -> Outcome:
    identifier = newest["agentRuntimeId"]
    old = writable(_of_version(request, identifier, version), f"Version {version} of {identifier}")
    for endpoint in request.resources.below("runtime-endpoint", identifier):
        if version in (endpoint["liveVersion"], endpoint["targetVersion"]):
            raise conflict(f"Version {version} of {identifier} is served by the endpoint {endpoint['name']}.")
    return Outcome(
        output={"agentRuntimeId": identifier, "agentRuntimeVersion": version, "status": "DELETING"},
        writes=[Write("runtime-version", f"{identifier}/{version}", {**old, "status": "DELETING"})],
    )


def list_runtimes(request: Request) -> Outcome:
    """ListAgentRuntimes: the newest version of each."""
    items, more = page(request, request.resources.all("runtime"), key="agentRuntimeId")
    return Outcome({"agentRuntimes": [_listed(item) for item in items], **more})


def list_versions(request: Request) -> Outcome:
    """ListAgentRuntimeVersions, oldest first."""
    identifier = _runtime(request)["agentRuntimeId"]
    versions = request.resources.below("runtime-version", identifier)
    items, more = page(request, versions, key="agentRuntimeVersion")
    return Outcome({"agentRuntimes": [_listed(item) for item in items], **more})


def create_endpoint(request: Request) -> Outcome:
    """CreateAgentRuntimeEndpoint; without a version it serves the one that is newest now."""
    newest = _writable(request)
    given = request.input
    identifier, name = newest["agentRuntimeId"], given["name"]
    if request.resources.get("runtime-endpoint", f"{identifier}/{name}") is not None:
        raise conflict(f"An endpoint named {name} already exists for {identifier}.")
    within_quota("runtime-endpoint", len(request.resources.below("runtime-endpoint", identifier)))
    version = given.get("agentRuntimeVersion", newest["agentRuntimeVersion"])
    writable(_of_version(request, identifier, version), f"Version {version} of {identifier}")
    endpoint = _endpoint(newest["agentRuntimeArn"], name, version, request.now)
    if "description" in given:
        endpoint["description"] = given["description"]
    tags = tags_write(endpoint["agentRuntimeEndpointArn"], given.get("tags"))
    return Outcome(
        output={**endpoint, "agentRuntimeId": identifier, "endpointName": name},
        writes=[*_stored_endpoint(identifier, endpoint), *tags],
        changes=[Change("runtime", "updated", identifier, newest)],
    )


def get_endpoint(request: Request) -> Outcome:
    """GetAgentRuntimeEndpoint."""
    return Outcome(_found_endpoint(request))


def update_endpoint(request: Request) -> Outcome:
    """UpdateAgentRuntimeEndpoint: another version or description; what is left out stays."""
    endpoint = _found_endpoint(request)
    newest = _writable(request)
    given = request.input
    if endpoint["name"] == DEFAULT_ENDPOINT:
        raise conflict("The DEFAULT endpoint follows the newest version and cannot be updated.")
    writable(endpoint, f"The endpoint {endpoint['name']}")
    changed = {**endpoint, "lastUpdatedAt": request.now, "status": "UPDATING"}
    if "agentRuntimeVersion" in given:
        version = given["agentRuntimeVersion"]
        identifier = newest["agentRuntimeId"]
        writable(_of_version(request, identifier, version), f"Version {version} of {identifier}")
        changed["targetVersion"] = version
    if "description" in given:
        changed["description"] = given["description"]
    return Outcome(
        output=changed,
        writes=_stored_endpoint(newest["agentRuntimeId"], changed),
        changes=[Change("runtime", "updated", newest["agentRuntimeId"], newest)],
    )


def delete_endpoint(request: Request) -> Outcome:
    """DeleteAgentRuntimeEndpoint."""
    endpoint = _found_endpoint(request)
    newest = _writable(request)
    if endpoint["name"] == DEFAULT_ENDPOINT:
        raise conflict("The DEFAULT endpoint goes with its runtime and cannot be deleted by itself.")
    writable(endpoint, f"The endpoint {endpoint['name']}")
    identifier = newest["agentRuntimeId"]
    return Outcome(
        output={"agentRuntimeId": identifier, "endpointName": endpoint["name"], "status": "DELETING"},
        writes=_stored_endpoint(identifier, {**endpoint, "status": "DELETING"}),
        changes=[Change("runtime", "updated", identifier, newest)],
    )


def list_endpoints(request: Request) -> Outcome:
    """ListAgentRuntimeEndpoints, oldest first."""
    identifier = _runtime(request)["agentRuntimeId"]
    items, more = page(request, request.resources.below("runtime-endpoint", identifier), key="name")
    return Outcome({"runtimeEndpoints": items, **more})


OPERATIONS: Mapping[str, Operation] = {
    "CreateAgentRuntime": create,
    "UpdateAgentRuntime": update,
    "GetAgentRuntime": get,
    "DeleteAgentRuntime": delete,
    "ListAgentRuntimes": list_runtimes,
    "ListAgentRuntimeVersions": list_versions,
    "CreateAgentRuntimeEndpoint": create_endpoint,
    "GetAgentRuntimeEndpoint": get_endpoint,
    "UpdateAgentRuntimeEndpoint": update_endpoint,
    "DeleteAgentRuntimeEndpoint": delete_endpoint,
    "ListAgentRuntimeEndpoints": list_endpoints,
}


def _finish(resources: Resources, record: dict[str, Any], now: str) -> list[Write]:
    """The newest version has come to its end: its own record and DEFAULT follow."""
    identifier, version = record["agentRuntimeId"], record["agentRuntimeVersion"]
    writes = [Write("runtime-version", f"{identifier}/{version}", record)]
    default = resources.get("runtime-endpoint", f"{identifier}/{DEFAULT_ENDPOINT}")
    if default is not None:
        moved = {name: value for name, value in default.items() if name != "failureReason"}
        moved |= {"status": record["status"], "lastUpdatedAt": now}
        if record["status"] == "READY":
            moved |= {"liveVersion": version, "targetVersion": version}
        else:
            moved["failureReason"] = record["failureReason"]
        writes += _stored_endpoint(identifier, moved)
    return writes


def _gone(resources: Resources, record: Record) -> list[Write]:
    """What goes with a runtime: versions, endpoints, tags."""
    identifier = record["agentRuntimeId"]
    versions = resources.below("runtime-version", identifier)
    endpoints = resources.below("runtime-endpoint", identifier)
    arns = [record["agentRuntimeArn"], *(item["agentRuntimeEndpointArn"] for item in endpoints)]
    return [
        Write(IDENTITY, identifier, None),
        *(Write("runtime-version", f"{identifier}/{item['agentRuntimeVersion']}", None) for item in versions),
        *(Write("runtime-endpoint", f"{identifier}/{item['name']}", None) for item in endpoints),
        *(Write(kind, arn, None) for kind in ("tags", "resource-policy") for arn in arns),
    ]


def _finish_endpoint(resources: Resources, record: dict[str, Any], now: str) -> list[Write]:
    del resources, now
    record["liveVersion"] = record["targetVersion"]
    return []


_FAILED = {"CREATING": "CREATE_FAILED", "UPDATING": "UPDATE_FAILED"}

KINDS: Mapping[str, Kind] = {
    "runtime": Kind(failed=_FAILED, reason="failureReason", finish=_finish, gone=_gone),
    "runtime-version": Kind(failed={}, own=lambda record: record["status"] == "DELETING"),
    "runtime-endpoint": Kind(
        failed=_FAILED,
        reason="failureReason",
        own=lambda record: record["name"] != DEFAULT_ENDPOINT,
        finish=_finish_endpoint,
        gone=lambda _, record: [
            Write(kind, record["agentRuntimeEndpointArn"], None) for kind in ("tags", "resource-policy")
        ],
    ),
}
"""The newest version moves for the runtime, and DEFAULT with it."""


def _version(
    fixed: Mapping[str, Any], given: Mapping[str, Any], version: str, now: str, status: str
) -> dict[str, Any]:
    return {
        **{name: value for name, value in given.items() if name not in _NOT_KEPT},
        **fixed,
        "agentRuntimeVersion": version,
        "lastUpdatedAt": now,
        "status": status,
        "lifecycleConfiguration": rules.lifecycle(given),
    }


def _endpoint(arn: str, name: str, version: str, now: str) -> dict[str, Any]:
    return {
        "name": name,
        "id": f"{name}-{fresh_id(ALNUM)}",
        "agentRuntimeArn": arn,
        "agentRuntimeEndpointArn": f"{arn}/runtime-endpoint/{name}",
        "liveVersion": version,
        "targetVersion": version,
        "status": "CREATING",
        "createdAt": now,
        "lastUpdatedAt": now,
    }


def _stored(record: Record) -> list[Write]:
    identifier = record["agentRuntimeId"]
    return [
        Write("runtime", identifier, record),
        Write("runtime-version", f"{identifier}/{record['agentRuntimeVersion']}", record),
    ]


def _stored_endpoint(identifier: str, endpoint: Record) -> list[Write]:
    return [Write("runtime-endpoint", f"{identifier}/{endpoint['name']}", endpoint)]


def _listed(record: Record) -> Record:
    return {"description": "", **record}


def _runtime(request: Request) -> Record:
    identifier = request.input["agentRuntimeId"]
    return request.find("runtime", identifier, f"The agent runtime {identifier}")


def _writable(request: Request) -> Record:
    found = _runtime(request)
    return writable(found, f"The agent runtime {found['agentRuntimeId']}")


def _of_version(request: Request, identifier: str, version: str) -> Record:
    found = request.resources.get("runtime-version", f"{identifier}/{version}")
    if found is None:
        raise not_found(f"Version {version} of the agent runtime {identifier} was not found.")
    return found


def _found_endpoint(request: Request) -> Record:
    identifier, name = _runtime(request)["agentRuntimeId"], request.input["endpointName"]
    return request.find("runtime-endpoint", f"{identifier}/{name}", f"The endpoint {name} of {identifier}")
