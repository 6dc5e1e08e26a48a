"""What a request is for Cedar: principal, action, resource and the entities around them.

Source: AWS developer guide, `policy-schema-constraints`, `policy-scope`; that claims which are no text become
their JSON is a field report, and the type of callers without identity is inferred.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from skerry.local.ports.callers import Caller
from skerry.wire.tool_names import SEPARATOR

NAMESPACE = "AgentCore"
OAUTH_USER = f"{NAMESPACE}::OAuthUser"
IAM_ENTITY = f"{NAMESPACE}::IamEntity"
ANONYMOUS = f"{NAMESPACE}::Anonymous"
GATEWAY = f"{NAMESPACE}::Gateway"
ACTION = f"{NAMESPACE}::Action"
NULL = f"{NAMESPACE}::Null"
PRINCIPALS = (IAM_ENTITY, OAUTH_USER)
CALL_TOOL, MCP = "CallTool", "Mcp"

Entity = dict[str, Any]


def uid(kind: str, name: str) -> dict[str, str]:
    """An entity's id, in Cedar's JSON."""
    return {"type": kind, "id": name}


def principal(caller: Caller) -> Entity:
    """The entity of a caller.

    A bearer token's claims are tags, all of them text. Of an assumed role the session is left out. A caller
    without identity has a type of its own, so that a policy for users never admits it.
    """
    if caller.kind == "jwt":
        name = str(caller.claims.get("sub", ""))
        tags = {claim: _tag(value) for claim, value in caller.claims.items()}
        return {"uid": uid(OAUTH_USER, name), "attrs": {"id": name}, "parents": [], "tags": tags}
    if caller.kind == "iam":
        arn = _without_session(caller.arn)
        return {"uid": uid(IAM_ENTITY, arn), "attrs": {"id": arn}, "parents": []}
    return {"uid": uid(ANONYMOUS, "anonymous"), "attrs": {}, "parents": []}


def parents(action: str) -> tuple[str, ...]:
    """The groups of an action, nearest first: its target, all tools, all of MCP."""
    target, separator, _ = action.partition(SEPARATOR)
    own_group = separator and target and target not in (CALL_TOOL, MCP)
    return (target, CALL_TOOL, MCP) if own_group else (CALL_TOOL, MCP)


def action_entities(actions: Iterable[str]) -> list[Entity]:
    """The entities of actions and of their groups, each once."""
    above: dict[str, tuple[str, ...]] = {}
    for action in actions:
        chain = (action, *parents(action))
        for number, name in enumerate(chain):
            above.setdefault(name, chain[number + 1 : number + 2])
    return [
        {"uid": uid(ACTION, name), "attrs": {}, "parents": [uid(ACTION, parent) for parent in nearest]}
        for name, nearest in above.items()
    ]


def request(who: Mapping[str, Any], action: str, gateway_arn: str, context: str) -> dict[str, Any]:
    """A request for Cedar; `context` is JSON."""
    return {
        "principal": who["uid"],
        "action": uid(ACTION, action),
        "resource": uid(GATEWAY, gateway_arn),
        "context": context,
    }


def _tag(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _without_session(arn: str) -> str:
    head, separator, role = arn.partition(":assumed-role/")
    return f"{head}{separator}{role.split('/')[0]}"
