"""What AWS would refuse of a target's schema when the target is created or updated.

Schemas in S3 are read when the target is synchronised; of them only the location is checked here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.schemas import openapi, smithy, source, tool_list
from skerry.local.gateway.schemas.operation import Api
from skerry.local.gateway.schemas.problem import SchemaError
from skerry.local.gateway.tools import MAX_NAME
from skerry.wire.jsonrpc import encode
from skerry.wire.tool_names import SEPARATOR

_READERS: Mapping[str, Callable[[str, Assumptions], Api]] = {
    "openApiSchema": openapi.read,
    "smithyModel": smithy.read,
}


def problem(given: Mapping[str, Any], table: Assumptions | None = None) -> str | None:
    """What is wrong with the schema in the input of CreateGatewayTarget or UpdateGatewayTarget, or None.

    Takes up to seconds for a document of AWS's size: call it in a thread.
    """
    mcp = given.get("targetConfiguration", {}).get("mcp", {})
    try:
        for kind, configuration in mcp.items():
            _check(kind, configuration, given, table or Assumptions())
    except SchemaError as error:
        return str(error)
    return None


def _check(kind: str, configuration: Mapping[str, Any], given: Mapping[str, Any], table: Assumptions) -> None:
    member = {"lambda": "toolSchema", "mcpServer": "mcpToolSchema"}.get(kind)
    schema: Mapping[str, Any] = configuration.get(member, {}) if member else configuration
    if "s3" in schema:
        source.location(schema["s3"])
    inline = schema.get("inlinePayload")
    if inline is None:
        return
    if kind == "lambda":
        source.check_size(len(encode(inline)))
    elif kind == "mcpServer":
        tool_list.mcp_tools(source.inline_text(inline))
    elif kind in _READERS:
        api = _READERS[kind](source.inline_text(inline), table)
        _check_names(api, str(given.get("name", "")))
        _check_headers(api, given.get("metadataConfiguration", {}))


def _check_names(api: Api, target: str) -> None:
    for name in api.operations:
        size = len(f"{target}{SEPARATOR}{name}")
        if size > MAX_NAME:
            shown = f"{target}{SEPARATOR}{name[:40]}…"
            raise SchemaError(f"The tool name {shown} has {size} characters; {MAX_NAME} are allowed.")


def _check_headers(api: Api, metadata: Mapping[str, Any]) -> None:
    """Headers that the document declares cannot be on the allow-list too (`gateway-headers`)."""
    allowed = {str(name).lower() for name in metadata.get("allowedRequestHeaders", ())}
    for operation in api.operations.values() if allowed else ():
        for parameter in operation.parameters:
            if parameter.place == "header" and parameter.wire.lower() in allowed:
                raise SchemaError(
                    f"{operation.name} has the header parameter {parameter.wire}, which therefore cannot "
                    "be in metadataConfiguration.allowedRequestHeaders."
                )
