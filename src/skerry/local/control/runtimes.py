"""Agent runtimes, their versions and their endpoints.

An update replaces the whole configuration and makes a new version; `DEFAULT` follows the newest one, other
endpoints stay where they were put. AWS reports CREATING and UPDATING and is READY a little later; a record
here is READY once it is stored, so only the answer to the call itself shows the status in between.

Not known of AWS, and decided here: `DEFAULT` can be neither updated nor deleted, a version that an endpoint
serves cannot be deleted, and deleting a runtime deletes its endpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.errors import not_found
from skerry.local.control import rules
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
from skerry.local.ports import Change, Record
from skerry.local.records import Write
from skerry.wire.arn import runtime_arn

DEFAULT_ENDPOINT = "DEFAULT"

_NOT_KEPT = ("clientToken", "tags", "agentRuntimeId")


def create(request: Request) -> Outcome:
    """CreateAgentRuntime: version 1 and the endpoint DEFAULT."""
    given = request.input
    rules.runtime(given, creating=True)
    existing = request.resources.all("runtime")
    name = given["agentRuntimeName"]
    if any(record["agentRuntimeName"] == name for record in existing):
        raise conflict(f"An agent runtime named {name} already exists.")
    within_quota("runtime", len(existing))
    identifier = f"{name}-{fresh_id(ALNUM)}"
    arn = runtime_arn(request.place.region, request.place.account, identifier)
    identity = (
        f"arn:aws:bedrock-agentcore:{request.place.region}:{request.place.account}"
        f":workload-identity-directory/default/workload-identity/{identifier}"
    )
    fixed = {
        "agentRuntimeArn": arn,
        "agentRuntimeId": identifier,
        "agentRuntimeName": name,
        "createdAt": request.now,
        "workloadIdentityDetails": {"workloadIdentityArn": identity},
    }
    record = _version(fixed, given, "1", request.now)
    endpoint = _endpoint(arn, DEFAULT_ENDPOINT, "1", request.now)
    return Outcome(
        output={**record, "status": "CREATING"},
        writes=[
            *_stored(record),
            *_stored_endpoint(identifier, endpoint),
            *tags_write(arn, given.get("tags")),
        ],
        changes=[Change("runtime", "created", identifier, record)],
    )


def update(request: Request) -> Outcome:
    """UpdateAgentRuntime: what is left out is gone."""
    newest = _runtime(request)
    given = request.input
    rules.runtime(given, creating=False)
    identifier = newest["agentRuntimeId"]
    within_quota("runtime-version", len(request.resources.below("runtime-version", identifier)))
    version = str(int(newest["agentRuntimeVersion"]) + 1)
    kept = ("agentRuntimeArn", "agentRuntimeId", "agentRuntimeName", "createdAt", "workloadIdentityDetails")
    record = _version({name: newest[name] for name in kept}, given, version, request.now)
    default = request.find("runtime-endpoint", f"{identifier}/{DEFAULT_ENDPOINT}", "The DEFAULT endpoint")
    moved = {**default, "liveVersion": version, "targetVersion": version, "lastUpdatedAt": request.now}
    return Outcome(
        output={**record, "status": "UPDATING"},
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
    newest = _runtime(request)
    identifier = newest["agentRuntimeId"]
    version = request.input.get("agentRuntimeVersion")
    if version is not None:
        return _delete_version(request, newest, version)
    arns = [newest["agentRuntimeArn"]]
    versions = request.resources.below("runtime-version", identifier)
    endpoints = request.resources.below("runtime-endpoint", identifier)
    arns.extend(record["agentRuntimeEndpointArn"] for record in endpoints)
    writes = [
        Write("runtime", identifier, None),
        *(Write("runtime-version", f"{identifier}/{item['agentRuntimeVersion']}", None) for item in versions),
        *(Write("runtime-endpoint", f"{identifier}/{item['name']}", None) for item in endpoints),
        *(Write("tags", arn, None) for arn in arns),
    ]
    return Outcome(
        output={"agentRuntimeId": identifier, "status": "DELETING"},
        writes=writes,
        changes=[Change("runtime", "deleted", identifier, newest)],
    )


def _delete_version(request: Request, newest: Record, version: str) -> Outcome:
    identifier = newest["agentRuntimeId"]
    _of_version(request, identifier, version)
    for endpoint in request.resources.below("runtime-endpoint", identifier):
        if endpoint["liveVersion"] == version:
            raise conflict(f"Version {version} of {identifier} is served by the endpoint {endpoint['name']}.")
    return Outcome(
        output={"agentRuntimeId": identifier, "agentRuntimeVersion": version, "status": "DELETING"},
        writes=[Write("runtime-version", f"{identifier}/{version}", None)],
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
    newest = _runtime(request)
    given = request.input
    identifier, name = newest["agentRuntimeId"], given["name"]
    if request.resources.get("runtime-endpoint", f"{identifier}/{name}") is not None:
        raise conflict(f"An endpoint named {name} already exists for {identifier}.")
    within_quota("runtime-endpoint", len(request.resources.below("runtime-endpoint", identifier)))
    version = given.get("agentRuntimeVersion", newest["agentRuntimeVersion"])
    _of_version(request, identifier, version)
    endpoint = _endpoint(newest["agentRuntimeArn"], name, version, request.now)
    if "description" in given:
        endpoint["description"] = given["description"]
    tags = tags_write(endpoint["agentRuntimeEndpointArn"], given.get("tags"))
    return Outcome(
        output={**endpoint, "agentRuntimeId": identifier, "endpointName": name, "status": "CREATING"},
        writes=[*_stored_endpoint(identifier, endpoint), *tags],
        changes=[Change("runtime", "updated", identifier, newest)],
    )


def get_endpoint(request: Request) -> Outcome:
    """GetAgentRuntimeEndpoint."""
    return Outcome(_found_endpoint(request))


def update_endpoint(request: Request) -> Outcome:
    """UpdateAgentRuntimeEndpoint: another version or description; what is left out stays."""
    endpoint = _found_endpoint(request)
    newest = _runtime(request)
    given = request.input
    if endpoint["name"] == DEFAULT_ENDPOINT:
        raise conflict("The DEFAULT endpoint follows the newest version and cannot be updated.")
    changed = {**endpoint, "lastUpdatedAt": request.now}
    if "agentRuntimeVersion" in given:
        version = given["agentRuntimeVersion"]
        _of_version(request, newest["agentRuntimeId"], version)
        changed |= {"liveVersion": version, "targetVersion": version}
    if "description" in given:
        changed["description"] = given["description"]
    return Outcome(
        output={**changed, "status": "UPDATING"},
        writes=_stored_endpoint(newest["agentRuntimeId"], changed),
        changes=[Change("runtime", "updated", newest["agentRuntimeId"], newest)],
    )


def delete_endpoint(request: Request) -> Outcome:
    """DeleteAgentRuntimeEndpoint."""
    endpoint = _found_endpoint(request)
    newest = _runtime(request)
    if endpoint["name"] == DEFAULT_ENDPOINT:
        raise conflict("The DEFAULT endpoint goes with its runtime and cannot be deleted by itself.")
    identifier = newest["agentRuntimeId"]
    return Outcome(
        output={"agentRuntimeId": identifier, "endpointName": endpoint["name"], "status": "DELETING"},
        writes=[
            Write("runtime-endpoint", f"{identifier}/{endpoint['name']}", None),
            Write("tags", endpoint["agentRuntimeEndpointArn"], None),
        ],
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


def _version(fixed: Mapping[str, Any], given: Mapping[str, Any], version: str, now: str) -> dict[str, Any]:
    return {
        **{name: value for name, value in given.items() if name not in _NOT_KEPT},
        **fixed,
        "agentRuntimeVersion": version,
        "lastUpdatedAt": now,
        "status": "READY",
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
        "status": "READY",
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


def _of_version(request: Request, identifier: str, version: str) -> Record:
    found = request.resources.get("runtime-version", f"{identifier}/{version}")
    if found is None:
        raise not_found(f"Version {version} of the agent runtime {identifier} was not found.")
    return found


def _found_endpoint(request: Request) -> Record:
    identifier, name = _runtime(request)["agentRuntimeId"], request.input["endpointName"]
    return request.find("runtime-endpoint", f"{identifier}/{name}", f"The endpoint {name} of {identifier}")
