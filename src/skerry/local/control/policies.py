"""Policies: one Cedar statement each.

What is no policy is refused at once (400). What does not fit the tools of the gateways, or makes the engine
decide everything alone (not checked with IGNORE_ALL_FINDINGS), is stored with CREATE_FAILED and the reasons,
as AWS does, and takes part in no decision; an update that fails leaves the statement as it was, with
UPDATE_FAILED. The control plane asks the gateways for these findings before it performs the operation.

Generated policies need a language model and Dogwood is AWS's own language: both are refused with 501.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.errors import ServiceError, validation
from skerry.local.control.operation import (
    LOWER,
    Operation,
    Outcome,
    Request,
    conflict,
    fresh_id,
    not_emulated,
    page,
    within_quota,
)
from skerry.local.control.policy_engines import described, find_engine, summary
from skerry.local.ports.resources import Change, PolicyFindings, PolicyProposal, Record
from skerry.local.state.records import Write
from skerry.local.state.resources import Resources

GENERATIONS = (
    "StartPolicyGeneration",
    "GetPolicyGeneration",
    "GetPolicyGenerationSummary",
    "ListPolicyGenerations",
    "ListPolicyGenerationSummaries",
    "ListPolicyGenerationAssets",
)


def proposal(name: str, given: Mapping[str, Any], resources: Resources) -> PolicyProposal | None:
    """What the gateways should be asked before an operation is performed; None when there is nothing to ask.

    An update without a definition is about the statement that is there.
    """
    if name not in ("CreatePolicy", "UpdatePolicy"):
        return None
    engine_id, policy_id = given["policyEngineId"], given.get("policyId", "")
    engine = resources.get("policy-engine", engine_id)
    old = resources.get("policy", f"{engine_id}/{policy_id}") or {}
    definition = given.get("definition") or old.get("definition") or {}
    statement = next((item["statement"] for item in definition.values() if "statement" in item), None)
    if engine is None or statement is None:
        return None
    return PolicyProposal(
        engine_arn=engine["policyEngineArn"],
        statement=statement,
        policy_id=policy_id,
        semantic=given.get("validationMode") != "IGNORE_ALL_FINDINGS"
        and given.get("enforcementMode", old.get("enforcementMode")) != "LOG_ONLY",
    )


def create(request: Request) -> Outcome:
    """CreatePolicy."""
    given = request.input
    engine = find_engine(request)
    found = _findings(request, given["definition"])
    name = given["name"]
    if any(record["name"] == name for record in request.resources.all("policy")):
        raise conflict(f"A policy named {name} already exists.")
    within_quota("policy", len(request.resources.below("policy", engine["policyEngineId"])))
    identifier = f"{name}-{fresh_id(LOWER)}"
    record = {
        **({"description": given["description"]} if "description" in given else {}),
        "policyId": identifier,
        "policyArn": f"{engine['policyEngineArn']}/policy/{identifier}",
        "policyEngineId": engine["policyEngineId"],
        "name": name,
        "definition": given["definition"],
        "enforcementMode": given.get("enforcementMode", "ACTIVE"),
        "createdAt": request.now,
        "updatedAt": request.now,
        "status": "CREATE_FAILED" if found.reasons else "ACTIVE",
        "statusReasons": list(found.reasons),
    }
    return Outcome(
        output={**record, "status": "CREATING", "statusReasons": []},
        writes=[Write("policy", _key(record), record)],
        changes=[Change("policy", "created", identifier, record)],
    )


def update(request: Request) -> Outcome:
    """UpdatePolicy: only what is given changes. The statement is checked again in any case."""
    given = request.input
    old = _policy(request)
    found = _findings(request, given.get("definition") or old["definition"])
    checked = {"updatedAt": request.now, "statusReasons": list(found.reasons)}
    if found.reasons:
        # A policy that was never created stays so: its statement has not been in force.
        status = "CREATE_FAILED" if old["status"] == "CREATE_FAILED" else "UPDATE_FAILED"
        record = {**old, **checked, "status": status}
    else:
        changed = {key: given[key] for key in ("definition", "enforcementMode") if key in given}
        record = {**described(old, request), **changed, **checked, "status": "ACTIVE"}
    return Outcome(
        output={**record, "status": "UPDATING", "statusReasons": []},
        writes=[Write("policy", _key(record), record)],
        changes=[Change("policy", "updated", old["policyId"], record)],
    )


def get(request: Request) -> Outcome:
    """GetPolicy."""
    return Outcome(_policy(request))


def delete(request: Request) -> Outcome:
    """DeletePolicy."""
    old = _policy(request)
    return Outcome(
        output={**old, "status": "DELETING"},
        writes=[Write("policy", _key(old), None)],
        changes=[Change("policy", "deleted", old["policyId"], old)],
    )


def list_policies(request: Request) -> Outcome:
    """ListPolicies, oldest first; of one gateway those whose statement names it."""
    items, more = _listed(request)
    return Outcome({"policies": items, **more})


def get_summary(request: Request) -> Outcome:
    """GetPolicySummary."""
    return Outcome(summary(_policy(request)))


def list_summaries(request: Request) -> Outcome:
    """ListPolicySummaries, oldest first."""
    items, more = _listed(request)
    return Outcome({"policies": [summary(item) for item in items], **more})


def generation(request: Request) -> Outcome:
    """StartPolicyGeneration and what reads its results."""
    del request
    raise ServiceError(
        "UnknownOperationException",
        501,
        "Policies are not generated from plain language by skerry: that needs AWS's own model.",
        hint="Write the Cedar statement and give it to CreatePolicy.",
    )


OPERATIONS: Mapping[str, Operation] = {
    "CreatePolicy": create,
    "UpdatePolicy": update,
    "GetPolicy": get,
    "DeletePolicy": delete,
    "ListPolicies": list_policies,
    "GetPolicySummary": get_summary,
    "ListPolicySummaries": list_summaries,
    **dict.fromkeys(GENERATIONS, generation),
}


def _findings(request: Request, definition: Mapping[str, Any]) -> PolicyFindings:
    """What the gateways found. Raises ValidationException, and 501 for what is not emulated."""
    if "policyGeneration" in definition:
        raise not_emulated("A policy from a policy generation")
    found = request.policy_findings
    if found is None:
        raise not_emulated("A policy without a gateway plane")
    if found.unsupported:
        raise not_emulated(f"This policy ({found.unsupported})")
    if found.refusal:
        raise validation(found.refusal, ("definition", found.refusal))
    return found


def _policy(request: Request) -> Record:
    engine, policy = request.input["policyEngineId"], request.input["policyId"]
    find_engine(request)
    return request.find("policy", f"{engine}/{policy}", f"The policy {policy} of {engine}")


def _listed(request: Request) -> tuple[list[Record], dict[str, str]]:
    records = request.resources.below("policy", find_engine(request)["policyEngineId"])
    scope = request.input.get("targetResourceScope")
    if scope is not None:
        named = f'AgentCore::Gateway::"{scope}"'
        records = [item for item in records if named in str(item["definition"])]
    return page(request, records, key="policyId")


def _key(record: Record) -> str:
    return f"{record['policyEngineId']}/{record['policyId']}"
