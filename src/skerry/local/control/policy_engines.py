"""Policy engines: each holds policies, and decides for the gateways that name it.

A record is ACTIVE once it is stored; only the answer to the call itself shows CREATING or UPDATING, as AWS's
does. Summaries are the same records without what a customer wrote.
"""

from __future__ import annotations

from collections.abc import Mapping

from skerry.local.control.operation import (
    LOWER,
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
from skerry.wire.arn import partition_of

PRIVATE = ("description", "statusReasons", "definition")
"""Members that summaries leave out."""


def create(request: Request) -> Outcome:
    """CreatePolicyEngine."""
    given = request.input
    name = given["name"]
    existing = request.resources.all("policy-engine")
    if any(record["name"] == name for record in existing):
        raise conflict(f"A policy engine named {name} already exists.")
    within_quota("policy-engine", len(existing))
    place = request.place
    identifier = f"{name}-{fresh_id(LOWER)}"
    partition = partition_of(place.region)
    arn = f"arn:{partition}:bedrock-agentcore:{place.region}:{place.account}:policy-engine/{identifier}"
    kept = {key: given[key] for key in ("description", "encryptionKeyArn") if key in given}
    record = {
        **kept,
        "policyEngineId": identifier,
        "policyEngineArn": arn,
        "name": name,
        "createdAt": request.now,
        "updatedAt": request.now,
        "status": "ACTIVE",
        "statusReasons": [],
    }
    return Outcome(
        output={**record, "status": "CREATING"},
        writes=[Write("policy-engine", identifier, record), *tags_write(arn, given.get("tags"))],
        changes=[Change("policy-engine", "created", identifier, record)],
    )


def update(request: Request) -> Outcome:
    """UpdatePolicyEngine: the description, the one thing that can change."""
    old = find_engine(request)
    record = {**described(old, request), "updatedAt": request.now}
    return Outcome(
        output={**record, "status": "UPDATING"},
        writes=[Write("policy-engine", old["policyEngineId"], record)],
        changes=[Change("policy-engine", "updated", old["policyEngineId"], record)],
    )


def get(request: Request) -> Outcome:
    """GetPolicyEngine."""
    return Outcome(find_engine(request))


def delete(request: Request) -> Outcome:
    """DeletePolicyEngine; its policies must be deleted first. Gateways that still name it deny every call."""
    old = find_engine(request)
    identifier = old["policyEngineId"]
    if request.resources.below("policy", identifier):
        raise conflict(f"The policy engine {identifier} has policies. Delete all its policies first.")
    return Outcome(
        output={**old, "status": "DELETING"},
        writes=[Write("policy-engine", identifier, None), Write("tags", old["policyEngineArn"], None)],
        changes=[Change("policy-engine", "deleted", identifier, old)],
    )


def list_engines(request: Request) -> Outcome:
    """ListPolicyEngines, oldest first."""
    items, more = page(request, request.resources.all("policy-engine"), key="policyEngineId")
    return Outcome({"policyEngines": items, **more})


def get_summary(request: Request) -> Outcome:
    """GetPolicyEngineSummary."""
    return Outcome(summary(find_engine(request)))


def list_summaries(request: Request) -> Outcome:
    """ListPolicyEngineSummaries, oldest first."""
    items, more = page(request, request.resources.all("policy-engine"), key="policyEngineId")
    return Outcome({"policyEngines": [summary(item) for item in items], **more})


OPERATIONS: Mapping[str, Operation] = {
    "CreatePolicyEngine": create,
    "UpdatePolicyEngine": update,
    "GetPolicyEngine": get,
    "DeletePolicyEngine": delete,
    "ListPolicyEngines": list_engines,
    "GetPolicyEngineSummary": get_summary,
    "ListPolicyEngineSummaries": list_summaries,
}


def find_engine(request: Request) -> Record:
    """The engine that a request names. Raises ResourceNotFoundException."""
    identifier = request.input["policyEngineId"]
    return request.find("policy-engine", identifier, f"The policy engine {identifier}")


def summary(record: Record) -> Record:
    """A record without what a customer wrote."""
    return {name: value for name, value in record.items() if name not in PRIVATE}


def described(old: Record, request: Request) -> dict[str, object]:
    """A record with the description of a PATCH: left out it stays, without a value it goes."""
    record = dict(old)
    if "description" in request.input:
        record.pop("description", None)
        wanted = request.input["description"].get("optionalValue")
        record |= {} if wanted is None else {"description": wanted}
    return record
