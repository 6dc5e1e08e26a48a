"""Spans of hops, in OTLP's JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from skerry.local.observability.calls import Call, Calls
from skerry.local.observability.spans import document, span
from skerry.wire.hop import Hop
from tests.kit.collector import attributes, spans_of
from tests.local.observability.hops import (
    CLIENT,
    GATEWAY,
    NOW,
    SERVER,
    TRACE,
    hop,
    invocation,
    to_target,
    tool_call,
)


def one(made: Hop) -> dict[str, Any]:
    return span(Call(made))


@pytest.mark.behaviour("OBS-OTLP")
def test_ids_are_hex_numbers_of_64_bits_are_texts_and_kinds_are_numbers() -> None:
    made = one(tool_call(parent="d" * 16))
    assert (made["traceId"], made["spanId"], made["parentSpanId"]) == (TRACE, SERVER, "d" * 16)
    assert made["startTimeUnixNano"] == str(int(NOW * 1e9))
    assert int(made["endTimeUnixNano"]) - int(made["startTimeUnixNano"]) == 10_000_000
    assert {"key": "http.response.status_code", "value": {"intValue": "200"}} in made["attributes"]
    assert {"key": "latency_ms", "value": {"doubleValue": 10.0}} in made["attributes"]
    assert made["kind"] == 2
    assert "parentSpanId" not in one(hop())


@pytest.mark.behaviour("OBS-GATEWAY-SPANS")
def test_a_tool_call_is_a_server_span_and_a_client_span() -> None:
    calls = Calls()
    client, server = (span(calls.of(item)) for item in (to_target(), tool_call(request="r-9")))
    assert (client["kind"], client["spanId"], client["parentSpanId"]) == (3, CLIENT, SERVER)
    assert client["name"] == "AgentCore.Gateway.InvokeTool.shop___find"
    assert server["name"] == "AgentCore.Gateway.InvokeTool"
    known = attributes(server["attributes"])
    assert (known["latency_ms"], known["execute_tool_latency_ms"], known["overhead_latency_ms"]) == (10, 4, 6)
    assert (known["tool.name"], known["gateway.name"]) == ("shop___find", "tools")
    assert (known["gateway.id"], known["aws.request.id"]) == ("tools-0123456789", "r-9")
    assert attributes(client["attributes"])["target.type"] == "lambda"


@pytest.mark.behaviour("OBS-GATEWAY-SPANS")
@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("tools/list", "ListTools"),
        ("initialize", "Initialize"),
        ("notifications/initialized", "NotificationsInitialized"),
        ("prompts/get", "PromptsGet"),
        ("POST /orders/17", "InvokeHttp"),
    ],
)
def test_other_operations_are_a_server_span(operation: str, name: str) -> None:
    made = one(hop(operation=operation))
    assert (made["name"], made["kind"]) == (f"AgentCore.Gateway.{name}", 2)
    known = attributes(made["attributes"])
    assert known["gateway.name"] == "tools"
    assert "tool.name" not in known


@pytest.mark.behaviour("OBS-GATEWAY-SPANS")
def test_errors_have_their_kind_and_the_code_of_their_message() -> None:
    refused = one(hop(status=429, detail={"error": "too many", "code": "-32003"}))
    known = attributes(refused["attributes"])
    assert (known["error_type"], known["jsonrpc.error.code"]) == ("throttle", -32003)
    assert refused["status"] == {"code": 2, "message": "too many"}
    assert attributes(one(hop(status=502))["attributes"])["error_type"] == "system"
    assert attributes(one(invocation(status=404))["attributes"])["error_type"] == "user"
    assert one(to_target(status=0))["status"]["code"] == 2  # no answer came


@pytest.mark.behaviour("OBS-OTLP")
def test_spans_are_grouped_by_the_service_that_they_are_of() -> None:
    others = [
        hop(part="models", operation="Converse", resource=""),
        hop(part="identity", operation="GetX", resource=""),
    ]
    found = spans_of(json.loads(document([Call(item) for item in (invocation(), tool_call(), *others)])))
    assert [(item["service"], item["name"]) for item in found] == [
        ("desk.DEFAULT", "AgentCore.Runtime.Invoke"),
        ("tools-0123456789", "AgentCore.Gateway.InvokeTool"),
        ("skerry-models", "models Converse"),
        ("skerry-identity", "AgentCore.Identity.GetX"),
    ]
    assert found[1]["attributes"]["aws.resource.arn"] == GATEWAY


@pytest.mark.behaviour("OBS-OTLP")
def test_a_hop_that_knows_no_runtime_is_a_span_too() -> None:
    made = one(invocation(resource="", target="", status=403, detail={"error": "AccessDeniedException"}))
    assert made["name"] == "AgentCore.Runtime.Invoke"
    assert "aws.agent.id" not in attributes(made["attributes"])
