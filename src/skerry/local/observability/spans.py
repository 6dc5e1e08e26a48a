"""Hops as spans of OpenTelemetry, in the JSON encoding of OTLP.

Sources: OTLP specification 1.9, JSON Protobuf encoding (ids are hex, 64-bit numbers are strings, enumerations
are numbers); AWS developer guide, span attributes of runtimes and gateways. Their names are from field
reports: the guide does not have them. What is skerry's own begins with `skerry.`.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from skerry.local.observability.calls import Call
from skerry.wire.hop import Hop

_KINDS = {"server": 2, "client": 3}
_OK, _ERROR = 1, 2
_NAMES = {
    "tools/call": "InvokeTool",
    "tools/list": "ListTools",
    "initialize": "Initialize",
    "notifications/initialized": "NotificationsInitialized",
}
_RUNTIME, _GATEWAY = "AWS::BedrockAgentCore::Runtime", "AWS::BedrockAgentCore::Gateway"
_SHOWN = 300
_TRACE, _SPAN = re.compile("[0-9a-f]{32}"), re.compile("[0-9a-f]{16}")
_SCOPE = {"name": "skerry"}

Value = str | int | float


def has_one(hop: Hop) -> bool:
    """Whether a hop has the ids of a span; a collector refuses all of a request for one that is none."""
    parent = not hop.parent or _SPAN.fullmatch(hop.parent) is not None
    return parent and _TRACE.fullmatch(hop.trace) is not None and _SPAN.fullmatch(hop.span) is not None


def document(calls: Iterable[Call]) -> bytes:
    """The body of an export request, an `ExportTraceServiceRequest`: spans by the service they are of."""
    spans: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for call in calls:
        spans[_service(call.hop)].append(span(call))
    groups = [
        {
            "resource": {"attributes": list(_encoded({"service.name": service}))},
            "scopeSpans": [{"scope": _SCOPE, "spans": found}],
        }
        for service, found in spans.items()
    ]
    return json.dumps({"resourceSpans": groups}, separators=(",", ":")).encode("ascii")


def span(call: Call) -> dict[str, Any]:
    """One span."""
    hop = call.hop
    began = int(hop.started * 1e9)
    failed = hop.status >= 400 or hop.status == 0 or "error" in hop.detail
    status: dict[str, Any] = {"code": _ERROR if failed else _OK}
    if failed and hop.detail.get("error"):
        status["message"] = hop.detail["error"][:_SHOWN]
    made: dict[str, Any] = {
        "traceId": hop.trace,
        "spanId": hop.span,
        "name": _name(call),
        "kind": _KINDS[hop.kind],
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(began + int(hop.duration_ms * 1e6)),
        "attributes": list(_encoded(_attributes(call))),
        "status": status,
    }
    if hop.parent:
        made["parentSpanId"] = hop.parent
    return made


def _name(call: Call) -> str:
    hop = call.hop
    if hop.part == "runtime":
        return f"AgentCore.Runtime.{hop.operation.removesuffix('AgentRuntime')}"
    if hop.part == "identity":
        return f"AgentCore.Identity.{hop.operation}"
    return f"AgentCore.Gateway.{_step(call)}" if hop.part == "gateway" else f"{hop.part} {hop.operation}"


def _step(call: Call) -> str:
    """What a gateway does, as the last part of a span's name."""
    hop = call.hop
    if hop.kind == "client":
        return f"InvokeTool.{call.tool}" if call.tool else hop.operation.removeprefix("→ ")
    if " /" in hop.operation:
        return "InvokeHttp"
    words = hop.operation.replace("/", " ").split()
    return _NAMES.get(hop.operation) or "".join(word[:1].upper() + word[1:] for word in words)


def _service(hop: Hop) -> str:
    """Who it is of: a runtime's endpoint and a gateway's id, as on AWS; else the part of the stack."""
    identifier = hop.resource.rpartition("/")[2]
    if hop.part == "runtime" and identifier:
        return f"{hop.target}.{hop.detail.get('qualifier', 'DEFAULT')}"
    return identifier or f"skerry-{hop.part}"


def _attributes(call: Call) -> Iterator[tuple[str, Value]]:
    hop = call.hop
    yield "aws.span.kind", hop.kind.upper()
    if hop.resource:
        yield from _of_resource(hop)
    if hop.part == "gateway":
        yield from _of_gateway(call)
    elif hop.part == "runtime":
        yield from _of_runtime(hop)
    if hop.session:
        yield "session.id", hop.session
    if hop.status:
        yield "http.response.status_code", hop.status
    if error := _error_type(hop):
        yield "error_type", error
    yield "skerry.operation", hop.operation
    yield "skerry.identity", hop.identity
    yield "skerry.auth", hop.auth
    for name, value in hop.detail.items():
        yield f"skerry.{name}", value


def _of_resource(hop: Hop) -> Iterator[tuple[str, Value]]:
    _, _, _, region, account, _ = hop.resource.split(":", 5)
    kind = _RUNTIME if hop.part == "runtime" else _GATEWAY
    yield "aws.resource.arn", hop.resource
    yield "aws.resource.type", kind
    yield "aws.xray.origin", kind
    yield "aws.region", region
    yield "aws.account.id", account


def _of_runtime(hop: Hop) -> Iterator[tuple[str, Value]]:
    yield "aws.operation.name", hop.operation
    yield "latency_ms", round(hop.duration_ms, 3)
    if hop.request:
        yield "aws.request_id", hop.request
    if hop.resource:
        yield "aws.agent.id", hop.resource.rpartition("/")[2]
        yield "aws.endpoint.name", hop.detail.get("qualifier", "DEFAULT")


def _of_gateway(call: Call) -> Iterator[tuple[str, Value]]:
    hop = call.hop
    yield "aws.operation.name", "InvokeGateway"
    yield "latency_ms", round(hop.duration_ms, 3)
    if hop.resource:
        yield "gateway.id", hop.resource.rpartition("/")[2]
    if hop.kind == "client":
        yield "target.name", hop.target
        if call.target_type:
            yield "target.type", call.target_type
        if call.tool:
            yield "tool.name", call.tool
        return
    yield "overhead_latency_ms", round(max(hop.duration_ms - call.target_ms, 0.0), 3)
    if call.target_ms:
        yield "execute_tool_latency_ms", round(call.target_ms, 3)
    yield "gateway.name", hop.detail.get("gateway") or hop.target
    if hop.operation == "tools/call" and "gateway" in hop.detail:
        yield "tool.name", hop.target
    if hop.request:
        yield "aws.request.id", hop.request
    if (code := hop.detail.get("code", "")).removeprefix("-").isdecimal():
        yield "jsonrpc.error.code", int(code)


def _error_type(hop: Hop) -> str:
    """What kind of error a hop ended in, as AWS's spans say it; "" for none."""
    if hop.status == 429:
        return "throttle"
    return "system" if hop.status >= 500 else "user" if hop.status >= 400 else ""


def _encoded(attributes: Mapping[str, Value] | Iterator[tuple[str, Value]]) -> Iterator[dict[str, Any]]:
    pairs = attributes.items() if isinstance(attributes, Mapping) else attributes
    for key, value in pairs:
        if isinstance(value, str):
            yield {"key": key, "value": {"stringValue": value}}
        elif isinstance(value, int):
            yield {"key": key, "value": {"intValue": str(value)}}
        else:
            yield {"key": key, "value": {"doubleValue": value}}
