"""Workload identities and the token vault.

Every runtime and gateway has an identity of its own, made and deleted with it; others are made by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.errors import not_found, validation
from skerry.local.control.operation import (
    Operation,
    Outcome,
    Request,
    conflict,
    page,
    tags_write,
    within_quota,
)
from skerry.local.ports.resources import Record
from skerry.local.state.records import Write
from skerry.local.state.resources import Place, Resources

KIND, VAULT_KIND = "workload-identity", "token-vault"
LIST_SIZE = 20
DIRECTORY, VAULT = "default", "default"
"""The account's only workload identity directory, and its only token vault."""


def identity_arn(place: Place, name: str) -> str:
    """The ARN of a workload identity."""
    return (
        f"arn:aws:bedrock-agentcore:{place.region}:{place.account}"
        f":workload-identity-directory/{DIRECTORY}/workload-identity/{name}"
    )


def own_identity(place: Place, name: str, now: str) -> Write:
    """The identity of a resource that is being made."""
    return Write(KIND, name, _record(place, name, (), now))


def missing(resources: Resources, now: str) -> list[Write]:
    """The identities of resources that an earlier skerry made without one."""
    return [
        own_identity(resources.place, key, now)
        for kind in ("gateway", "runtime")
        for key, _ in resources.items(kind)
        if resources.get(KIND, key) is None
    ]


def create(request: Request) -> Outcome:
    """CreateWorkloadIdentity."""
    given = request.input
    name = given["name"]
    if request.resources.get(KIND, name) is not None:
        raise conflict(f"A workload identity named {name} already exists.")
    within_quota(KIND, len(request.resources.all(KIND)))
    record = _record(request.place, name, given.get("allowedResourceOauth2ReturnUrls", ()), request.now)
    arn = record["workloadIdentityArn"]
    return Outcome(record, [Write(KIND, name, record), *tags_write(arn, given.get("tags"))])


def update(request: Request) -> Outcome:
    """UpdateWorkloadIdentity: the list of URLs is replaced."""
    old = _identity(request)
    record = {
        **old,
        "allowedResourceOauth2ReturnUrls": list(request.input.get("allowedResourceOauth2ReturnUrls", ())),
        "lastUpdatedTime": request.now,
    }
    return Outcome(record, [Write(KIND, old["name"], record)])


def get(request: Request) -> Outcome:
    """GetWorkloadIdentity."""
    return Outcome(_identity(request))


def delete(request: Request) -> Outcome:
    """DeleteWorkloadIdentity."""
    old = _identity(request)
    return Outcome({}, [Write(KIND, old["name"], None), Write("tags", old["workloadIdentityArn"], None)])


def list_identities(request: Request) -> Outcome:
    """ListWorkloadIdentities, oldest first."""
    items, more = page(request, request.resources.all(KIND), key="name", default_size=LIST_SIZE)
    return Outcome({"workloadIdentities": items, **more})


def get_vault(request: Request) -> Outcome:
    """GetTokenVault."""
    record = _vault(request)
    return Outcome(record, [Write(VAULT_KIND, VAULT, record)])


def set_key(request: Request) -> Outcome:
    """SetTokenVaultCMK: the key is noted; what the vault holds stays in the state file as it is."""
    _vault(request)
    configuration = request.input["kmsConfiguration"]
    own = configuration["keyType"] == "CustomerManagedKey"
    if own != ("kmsKeyArn" in configuration):
        message = f"{configuration['keyType']} {'needs' if own else 'takes no'} kmsKeyArn."
        raise validation(message, ("kmsConfiguration.kmsKeyArn", message))
    record = {
        "tokenVaultId": VAULT,
        "kmsConfiguration": dict(configuration),
        "lastModifiedDate": request.now,
    }
    return Outcome(record, [Write(VAULT_KIND, VAULT, record)])


OPERATIONS: Mapping[str, Operation] = {
    "CreateWorkloadIdentity": create,
    "UpdateWorkloadIdentity": update,
    "GetWorkloadIdentity": get,
    "DeleteWorkloadIdentity": delete,
    "ListWorkloadIdentities": list_identities,
    "GetTokenVault": get_vault,
    "SetTokenVaultCMK": set_key,
}


def _record(place: Place, name: str, urls: Any, now: str) -> dict[str, Any]:
    return {
        "name": name,
        "workloadIdentityArn": identity_arn(place, name),
        "allowedResourceOauth2ReturnUrls": list(urls),
        "createdTime": now,
        "lastUpdatedTime": now,
    }


def _identity(request: Request) -> Record:
    name = request.input["name"]
    return request.find(KIND, name, f"The workload identity {name}")


def _vault(request: Request) -> Record:
    """The vault; until somebody changes it, a service-managed key is what it has."""
    name = request.input.get("tokenVaultId", VAULT)
    if name != VAULT:
        raise not_found(f"The token vault {name} was not found.")
    managed = {"keyType": "ServiceManagedKey"}
    fresh = {"tokenVaultId": VAULT, "kmsConfiguration": managed, "lastModifiedDate": request.now}
    return request.resources.get(VAULT_KIND, VAULT) or fresh
