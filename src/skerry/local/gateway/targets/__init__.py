"""Targets: one module per kind. A new kind is a module here and a line in `KINDS`."""

from __future__ import annotations

from skerry.local.gateway.outbound import Outbound
from skerry.local.gateway.outgoing import TargetError
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.gateway.targets.api_gateway import ApiGatewayTarget
from skerry.local.gateway.targets.base import Target
from skerry.local.gateway.targets.lambda_function import LambdaTarget
from skerry.local.gateway.targets.mcp_server import McpServerTarget
from skerry.local.gateway.targets.openapi_schema import OpenApiTarget
from skerry.local.gateway.targets.smithy_model import SmithyTarget
from skerry.local.ports.resources import Record
from skerry.local.ports.running import Clock

KINDS: dict[str, type[LambdaTarget | McpServerTarget | OpenApiTarget | SmithyTarget | ApiGatewayTarget]] = {
    "lambda": LambdaTarget,
    "mcpServer": McpServerTarget,
    "openApiSchema": OpenApiTarget,
    "smithyModel": SmithyTarget,
    "apiGateway": ApiGatewayTarget,
}


def connect(record: Record, outbound: Outbound, clock: Clock, settings: GatewaySettings) -> Target:
    """The target that a control-plane record describes; nothing is called yet.

    Raises TargetError for a kind that this plane does not serve.
    """
    configuration = (record.get("targetConfiguration") or {}).get("mcp") or {}
    for kind, target in KINDS.items():
        if kind in configuration:
            return target(record, configuration[kind], outbound, clock, settings)
    kinds = ", ".join(configuration) or "no MCP configuration"
    raise TargetError(
        f"Target {record.get('name', '?')!r} is of a kind that this gateway does not serve ({kinds}).",
        hint=f"Served are: {', '.join(KINDS)}.",
    )
