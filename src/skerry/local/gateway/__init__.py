"""The Gateway plane: MCP in front of Lambda functions and MCP servers."""

from skerry.local.gateway.plane import GatewayPlane
from skerry.local.gateway.settings import GatewaySettings

__all__ = ["GatewayPlane", "GatewaySettings"]
