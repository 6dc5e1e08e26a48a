"""JSON:API resource objects of what the estate holds."""

from __future__ import annotations

from collections import Counter
from typing import Any

from skerry.servers.terraform.standin.estate import (
    Estate,
    Organization,
    Output,
    Project,
    Run,
    StateVersion,
    Variable,
    Workspace,
    stamp,
)
from skerry.servers.terraform.standin.runs import CANCELABLE, FINAL

Document = dict[str, Any]

ROOT = "/api/v2"
_ALL = True
WORKSPACE_PERMISSIONS = (
    "can-create-state-versions", "can-destroy", "can-force-delete", "can-force-unlock", "can-lock",
    "can-manage-run-tasks", "can-manage-tags", "can-queue-apply", "can-queue-destroy", "can-queue-run",
    "can-read-settings", "can-read-state-versions", "can-read-variable", "can-unlock", "can-update",
    "can-update-variable",
)  # fmt: skip
RUN_PERMISSIONS = (
    "can-apply", "can-cancel", "can-comment", "can-discard", "can-force-cancel", "can-force-execute",
    "can-override-policy-check",
)  # fmt: skip


def resource(kind: str, identifier: str, attributes: Document, **more: Any) -> Document:
    """A resource object; `more` are `relationships` and `links`."""
    return {"id": identifier, "type": kind, "attributes": attributes, **more}


def one(kind: str, identifier: str) -> Document:
    """A relationship to one thing; an empty id is none."""
    return {"data": {"id": identifier, "type": kind} if identifier else None}


def organization(found: Organization) -> Document:
    """An organization."""
    attributes = {
        "name": found.name,
        "external-id": f"org-{found.name}",
        "email": found.email,
        "created-at": stamp(found.created),
        "default-execution-mode": "remote",
        "permissions": {"can-create-workspace": _ALL, "can-update": _ALL},
    }
    links = {"self": f"{ROOT}/organizations/{found.name}"}
    return resource("organizations", found.name, attributes, links=links)


def project(found: Project) -> Document:
    """A project."""
    return resource(
        "projects",
        found.id,
        {"name": found.name, "description": found.description},
        relationships={"organization": one("organizations", found.organization)},
        links={"self": f"{ROOT}/projects/{found.id}"},
    )


def workspace(found: Workspace, estate: Estate) -> Document:
    """A workspace."""
    latest = found.runs[-1] if found.runs else ""
    locked_by = "runs" if found.locked_by.startswith("run-") else "users"
    return resource(
        "workspaces",
        found.id,
        {
            "name": found.name,
            "description": found.description or None,
            "auto-apply": found.auto_apply,
            "allow-destroy-plan": True,
            "actions": {"is-destroyable": True},
            "created-at": stamp(found.created),
            "updated-at": stamp(found.updated),
            "latest-change-at": stamp(found.updated),
            "environment": "default",
            "execution-mode": found.execution_mode,
            "operations": found.execution_mode != "local",
            "file-triggers-enabled": False,
            "global-remote-state": False,
            "locked": bool(found.locked_by),
            "permissions": dict.fromkeys(WORKSPACE_PERMISSIONS, True),
            "queue-all-runs": False,
            "resource-count": len(found.resources),
            "source": "tfe-api",
            "speculative-enabled": True,
            "terraform-version": found.terraform_version,
            "trigger-prefixes": [],
            "vcs-repo": None,
            "vcs-repo-identifier": None,
            "working-directory": found.working_directory or None,
            "workspace-kpis-runs-count": len(found.runs) or None,
        },
        relationships={
            "organization": one("organizations", found.organization),
            "project": one("projects", found.project),
            "current-run": one("runs", latest if latest in estate.runs else ""),
            "latest-run": one("runs", latest if latest in estate.runs else ""),
            "current-state-version": one("state-versions", found.state.id if found.state else ""),
            "locked-by": one(locked_by, found.locked_by),
            "vars": {"data": [{"id": each, "type": "vars"} for each in found.variables]},
        },
        links={"self": f"{ROOT}/organizations/{found.organization}/workspaces/{found.name}"},
    )


def variable(found: Variable, of: Workspace) -> Document:
    """A variable; a sensitive value is null."""
    attributes = {
        "key": found.key,
        "value": None if found.sensitive else found.value,
        "description": found.description or None,
        "category": found.category,
        "hcl": found.hcl,
        "sensitive": found.sensitive,
    }
    return resource(
        "vars",
        found.id,
        attributes,
        relationships={"configurable": one("workspaces", of.id)},
        links={"self": f"{ROOT}/workspaces/{of.id}/vars/{found.id}"},
    )


def run(found: Run) -> Document:
    """A run."""
    return resource(
        "runs",
        found.id,
        {
            "actions": {
                "is-cancelable": found.status in CANCELABLE,
                "is-confirmable": found.status == "planned",
                "is-discardable": found.status == "planned",
                "is-force-cancelable": False,
            },
            "auto-apply": found.auto_apply,
            "canceled-at": stamp(found.times["canceled"]) if "canceled" in found.times else None,
            "created-at": stamp(found.created),
            "has-changes": bool(found.additions or found.changes or found.destructions),
            "is-destroy": found.is_destroy,
            "message": found.message,
            "permissions": dict.fromkeys(RUN_PERMISSIONS, True),
            "plan-only": found.plan_only,
            "refresh": True,
            "refresh-only": found.refresh_only,
            "replace-addrs": list(found.replaces) or None,
            "target-addrs": list(found.targets) or None,
            "source": "tfe-api",
            "status": found.status,
            "status-timestamps": {
                f"{name.replace('_', '-')}-at": stamp(at) for name, at in found.times.items()
            },
            "trigger-reason": "manual",
            "variables": [],
        },
        relationships={
            "workspace": one("workspaces", found.workspace),
            "plan": one("plans", found.plan),
            "apply": one("applies", found.apply),
            "created-by": one("users", found.by),
        },
        links={"self": f"{ROOT}/runs/{found.id}"},
    )


def _counts(found: Run, status: str, log: str) -> Document:
    return {
        "status": status,
        "log-read-url": log,
        "resource-additions": len(found.additions),
        "resource-changes": len(found.changes),
        "resource-destructions": len(found.destructions),
        "resource-imports": 0,
    }


def plan(found: Run, log: str) -> Document:
    """The plan of a run; `log` is the URL of its log."""
    if "planned" in found.times:
        status = "finished"
    else:
        status = {"planning": "running", "canceled": "canceled"}.get(found.status, "pending")
    attributes = _counts(found, status, log)
    attributes["has-changes"] = bool(found.additions or found.changes or found.destructions)
    attributes["generated-configuration"] = False
    links = {"self": f"{ROOT}/plans/{found.plan}"}
    return resource(
        "plans", found.plan, attributes, relationships={"state-versions": {"data": []}}, links=links
    )


def applied(found: Run, log: str) -> Document:
    """The apply of a run."""
    if found.status == "applied":
        status = "finished"
    elif found.status in FINAL:
        status = "canceled" if "confirmed" in found.times else "unreachable"
    else:
        status = {"applying": "running", "confirmed": "queued"}.get(found.status, "pending")
    links = {"self": f"{ROOT}/applies/{found.apply}"}
    return resource("applies", found.apply, _counts(found, status, log), links=links)


def state_version(found: StateVersion, version: str, log: str) -> Document:
    """A state version; `log` is the URL that its raw state would be at."""
    kinds = Counter(address.rpartition(".")[0] for address in found.resources)
    return resource(
        "state-versions",
        found.id,
        {
            "created-at": stamp(found.created),
            "size": 180 + 64 * len(found.resources),
            "hosted-state-download-url": log,
            "serial": found.serial,
            "state-version": 4,
            "status": "finalized",
            "terraform-version": version,
            "resources-processed": True,
            "modules": {"root": {kind.replace("_", "-"): count for kind, count in kinds.items()}},
            "providers": {},
            "resources": [
                {"name": address.rpartition(".")[2], "type": address.rpartition(".")[0], "count": 1,
                 "module": "root", "provider": _provider(address)}
                for address in found.resources
            ],
        },
        relationships={
            "run": one("runs", found.run),
            "workspace": one("workspaces", found.workspace),
            "outputs": {"data": [{"id": each.id, "type": "state-version-outputs"} for each in found.outputs]},
        },
        links={"self": f"{ROOT}/state-versions/{found.id}"},
    )  # fmt: skip


def output(found: Output, *, reveal: bool) -> Document:
    """An output; a sensitive one is null unless it is to be revealed."""
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    attributes = {
        "name": found.name,
        "sensitive": found.sensitive,
        "type": kinds.get(type(found.value), "string"),
        "value": found.value if reveal or not found.sensitive else None,
        "detailed-type": kinds.get(type(found.value), "string"),
    }
    links = {"self": f"{ROOT}/state-version-outputs/{found.id}"}
    return resource("state-version-outputs", found.id, attributes, links=links)


def module(found: Document, identifier: str) -> Document:
    """A module of an organization's registry."""
    path = f"{found['organization']}/registry-modules/private/{found['organization']}"
    return resource(
        "registry-modules",
        identifier,
        {
            "name": found["name"],
            "namespace": found["organization"],
            "provider": found["provider"],
            "registry-name": "private",
            "no-code": False,
            "status": "setup_complete",
            "publishing-mechanism": "git_tag",
            "version-statuses": [{"version": each, "status": "ok"} for each in reversed(found["versions"])],
            "created-at": found["created"],
            "updated-at": found["created"],
        },
        relationships={"organization": one("organizations", found["organization"])},
        links={"self": f"{ROOT}/organizations/{path}/{found['name']}/{found['provider']}"},
    )


def provider(found: Document, identifier: str) -> Document:
    """A provider of an organization's registry."""
    where = f"{found['organization']}/registry-providers/{found['registry']}/{found['namespace']}"
    return resource(
        "registry-providers",
        identifier,
        {
            "name": found["name"],
            "namespace": found["namespace"],
            "registry-name": found["registry"],
            "created-at": found["created"],
            "updated-at": found["created"],
            "permissions": {"can-delete": True},
        },
        relationships={"organization": one("organizations", found["organization"])},
        links={"self": f"{ROOT}/organizations/{where}/{found['name']}"},
    )


def provider_version(version: str, identifier: str, created: str) -> Document:
    """A version of a private provider."""
    attributes = {
        "version": version,
        "created-at": created,
        "updated-at": created,
        "key-id": "32966F3FB5AC1129",
        "protocols": ["5.0"],
        "permissions": {"can-delete": True, "can-upload-asset": True},
        "shasums-uploaded": True,
        "shasums-sig-uploaded": True,
    }
    return resource("registry-provider-versions", identifier, attributes)


def _provider(address: str) -> str:
    name = address.partition("_")[0]
    return f'provider["registry.terraform.io/hashicorp/{name}"]'
