"""What a stack did, seen as on AWS: boto3 reads logs and metrics, a collector of OpenTelemetry gets spans."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.kit.collector import Collector, collector
from tests.kit.local_endpoint import ACCOUNT, REGION, ROLE, TIMEOUT, artifact, endpoint_process, settled
from tests.kit.runtime_plane import PROGRAMS
from tests.kit.smithy_ast import SCHEDULER
from tests.kit.traced import CALLER, SENT, TRACE, sending

SESSION = "a-session-of-the-observability-journey-0001"
TOOL = "scheduler___CreateScheduleGroup"
NAMESPACE = "AWS/Bedrock-AgentCore"


class Stack:
    """An endpoint with an agent and a gateway, and a collector that it sends its spans to."""

    def __init__(self, endpoint: Any, spans: Collector) -> None:
        self.endpoint, self.spans = endpoint, spans
        self.client = endpoint.client
        control = self.client("bedrock-agentcore-control")
        made = control.create_agent_runtime(
            agentRuntimeName="desk", roleArn=ROLE, agentRuntimeArtifact=artifact(str(PROGRAMS / "plain"))
        )
        self.runtime = settled(control.get_agent_runtime, agentRuntimeId=made["agentRuntimeId"])
        self.gateway = control.create_gateway(name="tools", roleArn=ROLE, authorizerType="AWS_IAM")
        control.create_gateway_target(
            gatewayIdentifier=self.gateway["gatewayId"],
            name="scheduler",
            targetConfiguration={"mcp": {"smithyModel": {"inlinePayload": json.dumps(SCHEDULER)}}},
            credentialProviderConfigurations=[{"credentialProviderType": "GATEWAY_IAM_ROLE"}],
        )
        self.group = f"/aws/bedrock-agentcore/runtimes/{self.runtime['agentRuntimeId']}-DEFAULT"

    def invoke(self, asked: dict[str, Any], *, session: str = SESSION, headers: Any = None) -> None:
        agent = sending(self.client("bedrock-agentcore"), headers or {})
        agent.invoke_agent_runtime(
            agentRuntimeArn=self.runtime["agentRuntimeArn"],
            runtimeSessionId=session,
            payload=json.dumps(asked).encode(),
        )["response"].read()

    def events(self, number: int, **wanted: Any) -> list[dict[str, Any]]:
        """The events of the agent's log group, as `aws logs tail` asks for them, when there are so many."""
        pages = self.client("logs").get_paginator("filter_log_events")
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            asked = pages.paginate(logGroupName=self.group, interleaved=True, **wanted)
            found = [event for page in asked for event in page["events"]]
            if len(found) >= number:  # a program's output comes by a way of its own, not with the answer
                return found
        raise AssertionError(f"{found} after {TIMEOUT} s")

    def statistic(self, metric: str, statistic: str, **dimensions: str) -> list[float]:
        """The datapoints of GetMetricStatistics over the last hour."""
        now = datetime.now(UTC)
        found = self.client("cloudwatch").get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7200,
            Statistics=[statistic],
        )
        return [point[statistic] for point in found["Datapoints"]]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with collector() as spans:
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": spans.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20x",
        }
        with endpoint_process(tmp_path_factory.mktemp("observed") / "state", more=variables) as endpoint:
            yield Stack(endpoint, spans)


@pytest.mark.behaviour("OBS-LOG-GROUP")
def test_boto3_reads_what_an_agent_printed(stack: Stack) -> None:
    before = int(time.time() * 1000)
    stack.invoke({"do": "print", "text": "first line"})
    stack.invoke({"do": "print", "text": "of another session"}, session=SESSION[::-1])
    found = {event["message"]: event for event in stack.events(2, startTime=before)}
    assert found.keys() == {"first line", "of another session"}
    day = datetime.now(UTC).strftime("%Y/%m/%d")
    assert found["first line"]["logStreamName"].startswith(f"{day}/[runtime-logs-{SESSION}]")
    assert before <= found["first line"]["timestamp"] <= time.time() * 1000
    only = stack.events(1, logStreamNamePrefix=f"{day}/[runtime-logs-{SESSION[::-1]}]")
    assert [event["message"] for event in only] == ["of another session"]
    none = stack.client("logs").filter_log_events(logGroupName=stack.group, logStreamNamePrefix="2001/")
    assert none["events"] == []


@pytest.mark.behaviour("OBS-RUNTIME-METRICS")
def test_boto3_reads_the_metrics_of_a_runtime(stack: Stack) -> None:
    arn = stack.runtime["agentRuntimeArn"]
    one = {"Resource": arn, "Operation": "InvokeAgentRuntime", "Name": "desk::DEFAULT"}
    (before,) = stack.statistic("Invocations", "Sum", **one) or [0.0]
    (sessions,) = stack.statistic("Sessions", "Sum", **one) or [0.0]
    session = "a-session-that-is-counted-once-0000000001"
    for _ in range(2):
        stack.invoke({"do": "about"}, session=session)
    with pytest.raises(ClientError, match="404"):
        stack.invoke({"do": "answer", "status": 404}, session=session)
    assert stack.statistic("Invocations", "Sum", **one) == [before + 3]
    assert stack.statistic("Sessions", "Sum", **one) == [sessions + 1]
    assert stack.statistic("UserErrors", "Sum", **one) == [1]
    assert stack.statistic("SystemErrors", "Sum", **one) == [0]
    assert stack.statistic("Throttles", "Sum", **one) == [0]
    assert stack.statistic("Latency", "SampleCount", **one) == [before + 3]
    assert 0 < stack.statistic("Latency", "Average", **one)[0] < TIMEOUT * 1000
    assert stack.statistic("Invocations", "Sum", Resource=arn) == [before + 3]
    assert stack.statistic("Invocations", "Sum") == [before + 3]


@pytest.mark.behaviour("OBS-GATEWAY-METRICS")
def test_boto3_reads_the_metrics_of_a_gateway(stack: Stack) -> None:
    arn = stack.gateway["gatewayArn"]
    made = stack.endpoint.tool(stack.gateway, TOOL, {"Name": "metrics"})
    assert made["isError"] is False
    shared = {"Operation": "InvokeGateway", "Protocol": "MCP", "Method": "tools/call", "Resource": arn}
    (calls,) = stack.statistic("Invocations", "Sum", **shared)
    stack.endpoint.tool(stack.gateway, TOOL, {"Name": "more metrics"})
    assert stack.statistic("Invocations", "Sum", **shared) == [calls + 1]
    assert stack.statistic("Invocations", "Sum", **shared, Name=TOOL) == [calls + 1]
    assert stack.statistic("Invocations", "Sum", Resource=arn, Operation="InvokeGateway") == []
    for metric in ("Latency", "Duration", "TargetExecutionTime"):
        assert stack.statistic(metric, "Maximum", **shared, Name=TOOL)[0] > 0
    spent = stack.statistic("TargetExecutionTime", "Average", **shared)[0]
    assert spent < stack.statistic("Duration", "Average", **shared)[0]
    assert stack.statistic("TargetType", "Sum", **shared, TargetType="SMITHY") == [calls + 1]
    query = {
        "Id": "q",
        "MetricStat": {
            "Metric": {
                "Namespace": NAMESPACE,
                "MetricName": "Invocations",
                "Dimensions": [{"Name": name, "Value": value} for name, value in reversed(shared.items())],
            },
            "Period": 86400,
            "Stat": "Sum",
        },
    }
    cloudwatch, now = stack.client("cloudwatch"), datetime.now(UTC)
    data = cloudwatch.get_metric_data(
        MetricDataQueries=[query], StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=1)
    )
    assert data["MetricDataResults"][0]["Values"] == [calls + 1]
    listed = cloudwatch.list_metrics(Namespace=NAMESPACE, MetricName="Duration")["Metrics"]
    combinations = [tuple(sorted(item["Name"] for item in metric["Dimensions"])) for metric in listed]
    assert len(combinations) == len(set(combinations))
    assert ("Method", "Name", "Operation", "Protocol", "Resource") in combinations


@pytest.mark.behaviour("OBS-GATEWAY-SPANS")
def test_a_collector_gets_both_spans_of_a_tool_call(stack: Stack) -> None:
    stack.endpoint.tool(stack.gateway, TOOL, {"Name": "spans"})
    client = stack.spans.span(name=f"AgentCore.Gateway.InvokeTool.{TOOL}", kind=3)
    server = stack.spans.span(spanId=client["parentSpanId"])
    assert (server["name"], server["kind"]) == ("AgentCore.Gateway.InvokeTool", 2)
    assert server["traceId"] == client["traceId"]
    assert server["status"] == {"code": 1}
    assert int(server["startTimeUnixNano"]) <= int(client["startTimeUnixNano"])
    identifier = stack.gateway["gatewayId"]
    assert server["service"] == client["service"] == identifier
    known = server["attributes"]
    for name, value in {
        "aws.operation.name": "InvokeGateway",
        "aws.resource.arn": stack.gateway["gatewayArn"],
        "aws.resource.type": "AWS::BedrockAgentCore::Gateway",
        "aws.xray.origin": "AWS::BedrockAgentCore::Gateway",
        "aws.region": REGION,
        "aws.account.id": ACCOUNT,
        "gateway.id": identifier,
        "gateway.name": "tools",
        "tool.name": TOOL,
        "http.response.status_code": 200,
    }.items():
        assert known[name] == value
    assert known["aws.request.id"]
    assert known["latency_ms"] == pytest.approx(
        known["overhead_latency_ms"] + known["execute_tool_latency_ms"], abs=0.01
    )
    assert client["attributes"]["target.type"] == "smithyModel"
    (_, headers), *_ = stack.spans.requests
    assert {path for path, _ in stack.spans.requests} == {"/v1/traces"}
    assert (headers["authorization"], headers["content-type"]) == ("Basic x", "application/json")


@pytest.mark.behaviour("OBS-RUNTIME-SPANS")
def test_a_collector_gets_the_span_of_an_invocation_in_its_callers_trace(stack: Stack) -> None:
    stack.invoke({"do": "about"}, headers=SENT)
    span = stack.spans.span(traceId=TRACE, parentSpanId=CALLER)
    assert (span["name"], span["kind"]) == ("AgentCore.Runtime.Invoke", 2)
    assert span["service"] == "desk.DEFAULT"
    known = span["attributes"]
    for name, value in {
        "aws.operation.name": "InvokeAgentRuntime",
        "aws.resource.arn": stack.runtime["agentRuntimeArn"],
        "aws.resource.type": "AWS::BedrockAgentCore::Runtime",
        "aws.agent.id": stack.runtime["agentRuntimeId"],
        "aws.endpoint.name": "DEFAULT",
        "aws.account.id": ACCOUNT,
        "aws.region": REGION,
        "session.id": SESSION,
    }.items():
        assert known[name] == value
    assert known["aws.request_id"]
    assert known["latency_ms"] > 0
    assert "error_type" not in known


@pytest.mark.behaviour("OBS-OFF")
def test_nothing_is_sent_unless_it_is_asked_for(tmp_path: Any) -> None:
    with collector() as spans:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": spans.url, "OTEL_TRACES_EXPORTER": "none"}
        with endpoint_process(tmp_path / "state", more=variables) as endpoint:
            endpoint.client("s3").list_buckets()
        assert spans.requests == []


@pytest.mark.behaviour("OBS-CLOSE")
def test_what_still_waits_is_sent_when_the_endpoint_ends(tmp_path: Any) -> None:
    with collector() as spans:
        with endpoint_process(
            tmp_path / "state", more={"OTEL_EXPORTER_OTLP_ENDPOINT": spans.url}
        ) as endpoint:
            sending(endpoint.client("s3"), SENT).list_buckets()
        assert spans.span(parentSpanId=CALLER)["name"] == "aws s3:GET /"
