"""The Lambda face: what a Gateway's Lambda target invokes.

The event is the bare arguments. The tool's name comes from
`context.client_context.custom["bedrockAgentCoreToolName"]` and from nowhere else: `target___tool`, split
at the first `___` (a target's name has no underscore). Source: AgentCore developer guide,
gateway-add-target-lambda.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from skerry.errors import ProtocolError, RemoteError, ServiceError
from skerry.servers.aws_ops.registry import Registry
from skerry.wire.context import REGION
from skerry.wire.tool_names import SEPARATOR

TOOL_NAME = "bedrockAgentCoreToolName"
HEADERS = "bedrockAgentCorePropagatedHeaders"
Handler = Callable[[Any, Any], dict[str, Any]]


def make_handler(registry: Registry) -> Handler:
    """The function that Lambda calls with event and context.

    A tool that cannot answer returns `{"error": one line, "code": …}`, because a Gateway replaces the
    text of a failed function by a general sentence; for a write, `needed` says what it would take. A
    call without a tool name is a mistake in the configuration and fails.
    """

    def handle(event: Any, context: Any) -> dict[str, Any]:
        try:
            return registry.call(tool_name(context), event, region=_client_region(context))
        except ServiceError as error:
            return {"error": str(error), "code": error.name, **_needed(error)}
        except RemoteError as error:
            return {"error": str(error), "code": error.code}

    return handle


def tool_name(context: Any) -> str:
    """The name behind the first `___`. Raises ProtocolError when the Gateway gave none."""
    name = _custom(context).get(TOOL_NAME)
    if not isinstance(name, str) or SEPARATOR not in name:
        raise ProtocolError(
            f"the client context has no {TOOL_NAME} of the form target{SEPARATOR}tool.",
            hint="A Gateway's Lambda target sends it; a call by hand needs a client context too.",
        )
    return name.partition(SEPARATOR)[2]


def _needed(error: ServiceError) -> dict[str, Any]:
    return {"needed": error.members["needed"]} if "needed" in error.members else {}


def _client_region(context: Any) -> str:
    """The header X-Client-Region, if the target's allow-list let it through; else empty."""
    headers = _custom(context).get(HEADERS)
    if not isinstance(headers, Mapping):
        return ""
    return next((str(value) for name, value in headers.items() if str(name).lower() == REGION.lower()), "")


def _custom(context: Any) -> Mapping[str, Any]:
    custom = getattr(getattr(context, "client_context", None), "custom", None)
    return custom if isinstance(custom, Mapping) else {}
