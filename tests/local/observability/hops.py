"""Hops of a runtime and of a gateway with a target, as the planes record them."""

from __future__ import annotations

from typing import Any

from skerry.wire.hop import Hop

NOW = 1_800_000_030.0
MINUTE = 1_800_000_000
RUNTIME = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/desk-0123456789"
GATEWAY = "arn:aws:bedrock-agentcore:us-east-1:123456789012:gateway/tools-0123456789"
TRACE, SERVER, CLIENT = "a" * 32, "b" * 16, "c" * 16


def hop(**more: Any) -> Hop:
    """A hop of a gateway, changed in what is given."""
    made: dict[str, Any] = {
        "part": "gateway",
        "operation": "tools/list",
        "identity": "ada@issuer",
        "auth": "jwt",
        "status": 200,
        "started": NOW,
        "duration_ms": 10.0,
        "target": "tools",
        "resource": GATEWAY,
        "trace": TRACE,
        "span": SERVER,
    }
    return Hop(**made | more)


def tool_call(name: str = "shop___find", **more: Any) -> Hop:
    """A tool call as the gateway served it."""
    return hop(operation="tools/call", target=name, detail={"gateway": "tools"}, first_ms=9.0, **more)


def to_target(name: str = "shop___find", **more: Any) -> Hop:
    """The request to a target for that call."""
    detail = {"tool": name, "target_type": "lambda"}
    made = {"operation": "→ lambda Invoke", "kind": "client", "span": CLIENT, "parent": SERVER}
    return hop(**made | {"target": "shop", "detail": detail, "duration_ms": 4.0} | more)


def invocation(**more: Any) -> Hop:
    """A call of an agent."""
    detail = {"qualifier": "DEFAULT", "start": "cold"}
    made = {"part": "runtime", "operation": "InvokeAgentRuntime", "target": "desk", "resource": RUNTIME}
    return hop(**made | {"detail": detail, "session": "s", "request": "r-1"} | more)
