"""What `skerry iam` asks the endpoint: a decision without a request, and the policies of a principal.

    POST /_skerry/iam/explain    {"principal", "action", "resource", "context"}
    POST /_skerry/iam/show       {"principal"}

Both need the action `skerry:iam-explain` or `skerry:iam-show`, which the developer's key has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from skerry.auth.iam import Policy
from skerry.auth.iam.patterns import lower
from skerry.errors import ServiceError, validation
from skerry.local.iam.permissions import PermissionChecks
from skerry.local.iam.principals import Known
from skerry.local.inspection import Inspect
from skerry.local.ports.callers import Caller
from skerry.local.ports.permissions import Ask
from skerry.wire.arn import is_arn, role_of


def iam_inspection(permissions: PermissionChecks) -> dict[tuple[str, str], Inspect]:
    """The paths below `/_skerry/` by method and name."""

    async def explain(body: bytes) -> object:
        given = _read(body, "principal", "action", "resource")
        context = {lower(key): _values(value) for key, value in dict(given.get("context") or {}).items()}
        ask = Ask(given["action"], given["resource"], context)
        found, known = await permissions.explain(_caller(given["principal"]), ask)
        return {
            "decision": found.reason,
            "by": found.by,
            "kind": found.kind,
            "policy": found.policy,
            "statement": found.statement,
            "in_iam": known.exists,
        }

    async def show(body: bytes) -> object:
        caller = _caller(_read(body, "principal")["principal"])
        return _shown(await permissions.principals.known(role_of(caller.arn) or caller.arn))

    return {("POST", "iam/explain"): explain, ("POST", "iam/show"): show}


def _caller(arn: str) -> Caller:
    """A principal by the ARN of a user, a role or a session of one. Raises ValidationException."""
    if not is_arn(arn):
        raise validation(
            f"{arn[:256]} is no ARN of a user, a role or an assumed role.", ("principal", "no ARN")
        )
    parts = arn.split(":", 5)
    kind, _, name = parts[5].partition("/")
    if kind == "role":
        session = f"arn:{parts[1]}:sts::{parts[4]}:assumed-role/{name.rpartition('/')[2]}/explained"
        return Caller(kind="iam", arn=session)
    if kind not in ("user", "assumed-role"):
        raise validation(f"{arn} is no user, role or assumed role.", ("principal", "another kind of ARN"))
    return Caller(kind="iam", arn=arn)


def _shown(known: Known) -> Mapping[str, Any]:
    return {
        "principal": known.arn,
        "in_iam": known.exists,
        "tags": dict(known.tags),
        "identity": [_policy(policy) for policy in known.identity],
        "boundary": None if known.boundary is None else _policy(known.boundary),
        "trust": None if known.trust is None else _policy(known.trust),
    }


def _policy(policy: Policy) -> Mapping[str, Any]:
    return {
        "name": policy.name,
        "problem": policy.broken,
        "statements": [
            {
                "label": statement.label,
                "effect": "Deny" if statement.deny else "Allow",
                "not": sorted(statement.negated),
                "principals": [f"{kind} {name}" for kind, name in statement.names.pairs]
                if statement.names
                else [],
                "actions": [pattern.text for pattern in statement.actions],
                "resources": [pattern.text for pattern in statement.resources],
                "conditions": [f"{item.operator} {item.key}" for item in statement.conditions],
            }
            for statement in policy.statements
        ],
    }


def _values(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    return tuple(str(item) for item in items)


def _read(body: bytes, *needed: str) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or not all(isinstance(given.get(name), str) for name in needed):
        raise validation(f"The body must be a JSON object with the texts {', '.join(needed)}.")
    if not isinstance(given.get("context") or {}, dict):
        raise ServiceError("ValidationException", 400, "context must be an object.")
    return given
