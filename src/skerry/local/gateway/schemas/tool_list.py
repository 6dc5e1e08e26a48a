"""Lists of tools given as they are: `toolSchema` of a Lambda target, `mcpToolSchema` of an MCP server.

Source: botocore's service model (`ToolDefinition`, `SchemaDefinition`) for the first, MCP's `tools/list`
result for the second.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from skerry.local.gateway.schemas.problem import SchemaError
from skerry.local.gateway.tools import MAX_PER_TARGET

Tools = Sequence[Mapping[str, Any]]

_TOOL = {"name": str, "description": str, "inputSchema": dict, "outputSchema": dict}
_SCHEMA = frozenset({"type", "properties", "required", "items", "description"})
_TYPES = frozenset({"string", "number", "object", "array", "boolean", "integer"})
_MAX_DEPTH = 64


def mcp_tools(text: str) -> Tools:
    """The tools of `mcpToolSchema`: the JSON of a `tools/list` result, or of its list alone."""
    tools = _list(text, "The target's mcpToolSchema")
    for tool in tools:
        if not isinstance(tool.get("name"), str) or not tool["name"]:
            raise SchemaError("A tool of the target's mcpToolSchema has no name.")
        if not isinstance(tool.get("inputSchema"), dict):
            raise SchemaError(
                f"The tool {tool['name'][:100]!r} of the target's mcpToolSchema has no inputSchema."
            )
    return tools


def lambda_tools(text: str) -> Tools:
    """The tools of a Lambda target's `toolSchema` in S3: JSON with the members of its inline form."""
    tools = _list(text, "The target's toolSchema")
    check_lambda(tools)
    return tools


def check_lambda(tools: Tools) -> None:
    """Raises SchemaError for what AWS's `ToolDefinition` does not know."""
    seen = set()
    for tool in tools:
        name = tool.get("name")
        if not isinstance(name, str) or not name:
            raise SchemaError("A tool of the target's toolSchema has no name.")
        where = f"The tool {name[:100]!r}"
        if name in seen:
            raise SchemaError(f"{where} is defined twice.")
        seen.add(name)
        for member, value in tool.items():
            if not isinstance(value, _TOOL.get(member, ())):
                raise SchemaError(
                    f"{where} has the member {member[:50]!r}, which is unknown or of a wrong type."
                )
        for member in ("description", "inputSchema"):
            if member not in tool:
                raise SchemaError(f"{where} has no {member}.")
        if tool["inputSchema"].get("type") != "object":
            raise SchemaError(f"{where}: the inputSchema must be of type object.")
        for member in ("inputSchema", "outputSchema"):
            if member in tool:
                _check_schema(tool[member], f"{where}: {member}", 0)


def _check_schema(schema: object, where: str, depth: int) -> None:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        raise SchemaError(f"{where} is no schema, or nested too deep.")
    unknown = sorted(set(schema) - _SCHEMA)
    if unknown:
        raise SchemaError(
            f"{where} uses {unknown[0][:50]!r}, which AgentCore does not know.",
            hint=f"It knows {', '.join(sorted(_SCHEMA))}.",
        )
    if not isinstance(kind := schema.get("type"), str) or kind not in _TYPES:
        raise SchemaError(
            f"{where} has no type that AgentCore knows.", hint=f"It knows {', '.join(sorted(_TYPES))}."
        )
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        raise SchemaError(f"{where}: properties must be an object.")
    for name, inner in properties.items():
        _check_schema(inner, f"{where}.{name[:50]}", depth + 1)
    if "items" in schema:
        _check_schema(schema["items"], f"{where}.items", depth + 1)
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise SchemaError(f"{where}: required must be a list of names.")


def _list(text: str, what: str) -> Tools:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as problem:
        raise SchemaError(f"{what} is not JSON: line {problem.lineno}: {problem.msg}.") from problem
    except (ValueError, RecursionError) as problem:
        raise SchemaError(f"{what} is not JSON that can be read.") from problem
    tools = value.get("tools") if isinstance(value, dict) else value
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise SchemaError(f"{what} holds no list of tools.")
    if len(tools) > MAX_PER_TARGET:
        raise SchemaError(f"{what} has {len(tools)} tools; {MAX_PER_TARGET} are allowed.")
    return tools
