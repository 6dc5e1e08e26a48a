"""Metrics of AgentCore, by the minute."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.local.observability.calls import Call, Calls
from skerry.local.observability.metrics import Metrics, entries
from skerry.wire.hop import Hop
from tests.local.observability.hops import GATEWAY, MINUTE, RUNTIME, hop, invocation, to_target, tool_call


def counted(*hops: Hop) -> list[dict[str, Any]]:
    calls, metrics = Calls(), Metrics()
    for item in hops:
        metrics.add(calls.of(item))
    found = entries(metrics.drain())
    assert entries(metrics.drain()) == []
    return found


def of(found: list[dict[str, Any]], metric: str, **dimensions: str) -> list[tuple[float, ...]]:
    return [
        (item["count"], item["sum"], item["least"], item["most"])
        for item in found
        if item["name"] == metric and item["dimensions"] == sorted(dimensions.items())
    ]


@pytest.mark.behaviour("OBS-RUNTIME-METRICS")
def test_errors_of_a_runtime_are_counted_by_their_status() -> None:
    statuses = (200, 200, 400, 424, 429, 500, 503)
    found = counted(*(invocation(status=status, detail={"qualifier": "v2"}) for status in statuses))
    one = {"Resource": RUNTIME, "Operation": "InvokeAgentRuntime", "Name": "desk::v2"}
    assert of(found, "Invocations", **one) == [(7, 7, 1, 1)]
    assert of(found, "UserErrors", **one) == [(7, 2, 0, 1)]
    assert of(found, "Throttles", **one) == [(7, 1, 0, 1)]
    assert of(found, "SystemErrors", **one) == [(7, 2, 0, 1)]
    assert of(found, "Sessions", **one) == []
    assert of(found, "Latency", **one) == [(7, 70.0, 10.0, 10.0)]
    assert {item["namespace"] for item in found} == {"AWS/Bedrock-AgentCore"}
    assert {(item["name"], item["unit"]) for item in found if item["name"] in ("Latency", "Invocations")} == {
        ("Latency", "Milliseconds"),
        ("Invocations", "Count"),
    }


@pytest.mark.behaviour("OBS-RUNTIME-METRICS")
def test_a_session_is_counted_when_it_begins() -> None:
    warm = invocation(detail={"qualifier": "DEFAULT", "start": "warm"})
    found = counted(invocation(), warm, warm)
    assert of(found, "Sessions", Resource=RUNTIME) == [(3, 1, 0, 1)]
    assert of(found, "Sessions") == [(3, 1, 0, 1)]


@pytest.mark.behaviour("OBS-GATEWAY-METRICS")
def test_latency_ends_where_the_answer_begins_and_duration_where_it_ends() -> None:
    found = counted(to_target(), tool_call(), to_target(duration_ms=2.0), tool_call())
    shared = {"Operation": "InvokeGateway", "Protocol": "MCP", "Method": "tools/call", "Resource": GATEWAY}
    for dimensions in (shared, {**shared, "Name": "shop___find"}, {"Resource": GATEWAY}):
        assert of(found, "Latency", **dimensions) == [(2, 18.0, 9.0, 9.0)]
        assert of(found, "Duration", **dimensions) == [(2, 20.0, 10.0, 10.0)]
        assert of(found, "TargetExecutionTime", **dimensions) == [(2, 6.0, 2.0, 4.0)]
    assert of(found, "TargetType", **shared, TargetType="LAMBDA") == [(2, 2, 1, 1)]


@pytest.mark.behaviour("OBS-DIMENSIONS")
def test_names_that_clients_make_up_are_no_dimension() -> None:
    found = counted(tool_call("no such tool"), hop(operation="made/up"), hop(operation="refused", status=401))
    values = {value for item in found for _, value in item["dimensions"]}
    assert values == {"InvokeGateway", "MCP", "tools/call", GATEWAY}
    assert of(found, "Invocations", Operation="InvokeGateway", Protocol="MCP", Resource=GATEWAY) == [
        (2, 2, 1, 1)
    ]
    assert sum(count for count, *_ in of(found, "UserErrors", Resource=GATEWAY)) == 3


@pytest.mark.behaviour("OBS-DIMENSIONS")
def test_a_request_to_an_http_target_has_one_method() -> None:
    found = counted(hop(operation="POST /orders/17"), hop(operation="GET /orders"))
    shared = {"Operation": "InvokeGateway", "Protocol": "HTTP", "Method": "InvokeHttp", "Resource": GATEWAY}
    assert of(found, "Invocations", **shared) == [(2, 2, 1, 1)]
    assert of(found, "Invocations", **shared, Name="InvokeHttp") == [(2, 2, 1, 1)]


def test_what_is_no_call_of_a_runtime_or_gateway_is_not_counted() -> None:
    others = (
        hop(resource=""),
        hop(operation="metadata"),
        invocation(operation="Ping"),
        to_target(),
        hop(part="aws", operation="s3:GET /", resource=""),
    )
    assert counted(*others) == []


def test_minutes_are_kept_apart_and_begin_whole() -> None:
    found = counted(hop(), hop(started=MINUTE + 59.9), hop(started=MINUTE + 60.0))
    invocations = [item for item in found if item["name"] == "Invocations" and len(item["dimensions"]) == 1]
    assert [(item["minute"], item["sum"]) for item in invocations] == [(MINUTE, 2), (MINUTE + 60, 1)]


@pytest.mark.behaviour("OBS-BOUNDED")
def test_many_kinds_of_calls_are_full() -> None:
    metrics = Metrics(enough=2)
    metrics.add(Call(hop()))
    metrics.add(Call(hop()))
    assert not metrics.full
    metrics.add(Call(invocation()))
    assert metrics.full
    metrics.drain()
    assert not metrics.full
