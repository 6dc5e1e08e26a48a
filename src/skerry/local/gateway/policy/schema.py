"""The Cedar schema of a gateway: one action per tool, in the group of its target.

`FUTURE` stands for tools that a gateway does not have yet: a policy for all actions must hold for them too.

Source: AWS developer guide, `policy-schema-constraints` and `policy-scope` (a target is a group of actions).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cedarpy import Schema

from skerry.local.gateway.policy.values import record_type
from skerry.local.gateway.policy.vocabulary import CALL_TOOL, MCP, NAMESPACE, PRINCIPALS, parents

FUTURE = "Any Future Tools"


def document(tools: Mapping[str, Mapping[str, Any]], groups: Iterable[str] = ()) -> dict[str, Any]:
    """The schema in Cedar's JSON. `tools` are input schemas by public name, `groups` names of targets."""
    identified = {"shape": {"type": "Record", "attributes": {"id": {"type": "String"}}}}
    actions: dict[str, Any] = {FUTURE: _action({}, CALL_TOOL), CALL_TOOL: _group(MCP), MCP: _group()}
    for group in (*groups, *(parents(name)[0] for name in tools)):
        actions.setdefault(group, _group(CALL_TOOL))
    for name, schema in tools.items():
        actions[name] = _action(schema, parents(name)[0])
    entities = {
        "OAuthUser": {**identified, "tags": {"type": "String"}},
        "IamEntity": identified,
        "Gateway": {},
        "Null": {},
    }
    return {NAMESPACE: {"entityTypes": entities, "actions": actions}}


def compiled(tools: Mapping[str, Mapping[str, Any]], groups: Iterable[str] = ()) -> Schema:
    """The schema, parsed. Raises ValueError."""
    return Schema.from_json_str(json.dumps(document(tools, groups)), release_gil=True)


def _action(schema: Mapping[str, Any], group: str) -> dict[str, Any]:
    context = {"input": {**record_type(schema), "required": True}}
    return {
        "memberOf": [{"id": group}],
        "appliesTo": {
            "principalTypes": list(PRINCIPALS),
            "resourceTypes": [f"{NAMESPACE}::Gateway"],
            "context": {"type": "Record", "attributes": context},
        },
    }


def _group(*above: str) -> dict[str, Any]:
    return {"memberOf": [{"id": name} for name in above]}
