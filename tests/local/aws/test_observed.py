"""Metrics and logs of AgentCore among moto's: found as CloudWatch finds them, and bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends
from moto.logs.models import logs_backends

from skerry.local.aws import observed

REGION = "eu-west-1"
GROUP = "/aws/bedrock-agentcore/runtimes/desk-0123456789-DEFAULT"


def minutes_ago(minutes: int) -> int:
    return int(datetime.now(UTC).timestamp()) // 60 * 60 - 60 * minutes


def metric(*dimensions: tuple[str, str], minute: int, value: float = 1.0, **more: Any) -> dict[str, Any]:
    figures = {"count": 1, "sum": value, "least": value, "most": value}
    named = {"namespace": "AWS/Bedrock-AgentCore", "name": "Latency", "unit": "Milliseconds"}
    return {**named, "minute": minute, "dimensions": [list(pair) for pair in dimensions], **figures, **more}


def write(account: str, *metrics: dict[str, Any], logs: Any = (), **bounds: int) -> None:
    observed.write({"account": account, "region": REGION, "metrics": metrics, "logs": logs}, **bounds)


def statistics(account: str, *dimensions: tuple[str, str], statistic: str = "Sum") -> list[Any]:
    backend: CloudWatchBackend = cloudwatch_backends[account][REGION]
    now = datetime.now(UTC).replace(tzinfo=None)
    found = backend.get_metric_statistics(
        "AWS/Bedrock-AgentCore",
        "Latency",
        now - timedelta(hours=3),
        now + timedelta(hours=1),
        86400,
        [statistic],
        dimensions=[{"Name": name, "Value": value} for name, value in dimensions],
        unit=None,
    )
    return [item.get_statistics_for_type(statistic) for item in found]


@pytest.mark.behaviour("OBS-DIMENSIONS")
def test_statistics_are_those_of_exactly_the_dimensions_that_are_asked_for() -> None:
    account, minute = "100000000001", minutes_ago(1)
    a, b = ("Resource", "r"), ("Operation", "o")
    write(
        account,
        metric(a, minute=minute, value=1),
        metric(a, b, minute=minute, value=10),
        metric(minute=minute, value=100),
    )
    assert statistics(account, a) == [1]
    assert statistics(account, a, b) == statistics(account, b, a) == [10]
    assert statistics(account) == [100]
    assert statistics(account, b) == []
    assert statistics("100000000009", a) == []


def test_what_others_put_is_found_as_before() -> None:
    account = "100000000002"
    write(account, metric(("Resource", "r"), minute=minutes_ago(1)))
    backend: CloudWatchBackend = cloudwatch_backends[account][REGION]
    value = {"MetricName": "Latency", "Value": 7.0, "Dimensions": [{"Name": "Mine", "Value": "m"}]}
    backend.put_metric_data("AWS/Bedrock-AgentCore", [value])
    assert statistics(account, ("Mine", "m")) == [7]
    assert statistics(account, ("Resource", "r")) == [1]


def test_a_minute_that_is_written_twice_is_added_up() -> None:
    account, minute, one = "100000000003", minutes_ago(1), ("Resource", "r")
    write(account, metric(one, minute=minute, value=4))
    write(account, metric(one, minute=minute, value=2), metric(one, minute=minute - 60, value=8))
    assert statistics(account, one) == [14]
    assert statistics(account, one, statistic="SampleCount") == [3]
    assert statistics(account, one, statistic="Minimum") == [2]
    assert statistics(account, one, statistic="Maximum") == [8]
    _, listed = cloudwatch_backends[account][REGION].list_metrics(
        None, "AWS/Bedrock-AgentCore", "Latency", []
    )
    assert len(listed) == 1


@pytest.mark.behaviour("OBS-BOUNDED")
def test_the_oldest_sums_streams_and_lines_go() -> None:
    account, one = "100000000004", ("Resource", "r")
    for minute in range(5, 0, -1):
        write(account, metric(one, minute=minutes_ago(minute)), sums=3)
    assert statistics(account, one) == [3]
    for number in range(4):
        lines = [[1000 * minutes_ago(1) + line, f"{number} {line}"] for line in range(5)]
        write(account, logs=[{"group": GROUP, "stream": f"s{number}", "events": lines}], streams=2, events=3)
    streams = logs_backends[account][REGION].groups[GROUP].streams
    assert list(streams) == ["s2", "s3"]
    assert [event.message for event in streams["s3"].events] == ["3 2", "3 3", "3 4"]


@pytest.mark.behaviour("OBS-LOG-GROUP")
def test_a_stream_without_lines_is_made() -> None:
    account = "100000000005"
    write(account, logs=[{"group": GROUP, "stream": "silent", "events": []}])
    assert list(logs_backends[account][REGION].groups[GROUP].streams) == ["silent"]


@pytest.mark.behaviour("LL-GROUP")
def test_what_has_a_region_of_its_own_is_there() -> None:
    account, minute = "100000000009", minutes_ago(1)
    own = {
        "region": "eu-north-1",
        "group": "/aws/lambda/f",
        "stream": "s",
        "events": [[minute * 1000, "one"]],
    }
    write(
        account, metric(minute=minute, region="eu-north-1"), logs=[own, {**own, "region": "", "group": "g"}]
    )
    assert list(logs_backends[account]["eu-north-1"].groups) == ["/aws/lambda/f"]
    assert list(logs_backends[account][REGION].groups) == ["g"]
    assert statistics(account) == []
    _, listed = cloudwatch_backends[account]["eu-north-1"].list_metrics(None, None, None, [])
    assert [found.name for found in listed] == ["Latency"]
