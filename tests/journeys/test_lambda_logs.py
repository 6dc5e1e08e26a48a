"""What functions print and how their invocations went, as boto3 reads it from a whole stack."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.journeys.running import Running, up
from tests.kit.iam import ACCOUNT, role, session, trust
from tests.kit.lambda_code import zipped

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no functions on Windows")

CODE = """
import time

def handler(event, context):
    print("for", event["who"])
    if event.get("sleep"):
        time.sleep(event["sleep"])
    if event.get("wrong"):
        raise ValueError("no such order")
    print()
    print("two\\nlines")
    return [context.log_group_name, context.log_stream_name]
"""
DECLARED = """
[functions.orders]
path = "."
handler = "app.handler"
"""
ONCE = Config(retries={"total_max_attempts": 1})
LAMBDA = {"Service": "lambda.amazonaws.com"}


class Aws:
    """Boto3 at a stack."""

    def __init__(self, stack: Running) -> None:
        self.stack = stack
        self.environment = stack.environment()
        self.session = session(self.environment)

    def client(self, service: str, **options: Any) -> Any:
        return self.session.client(service, endpoint_url=self.environment["AWS_ENDPOINT_URL"], **options)

    def invoke(self, name: str, event: Any, **options: Any) -> tuple[str, Any]:
        """The id of the request, and what came back."""
        answer = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event), **options)
        return answer["ResponseMetadata"]["RequestId"], json.load(answer["Payload"])

    def messages(self, group: str, **wanted: Any) -> list[str]:
        found = self.client("logs").filter_log_events(logGroupName=group, **wanted)
        return [event["message"] for event in found["events"]]

    def statistic(self, metric: str, statistic: str, **dimensions: str) -> list[float]:
        now = datetime.now(UTC)
        found = self.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7200,
            Statistics=[statistic],
        )
        return [point[statistic] for point in found["Datapoints"]]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    folder: Path = tmp_path_factory.mktemp("functions")
    (folder / "app.py").write_text(CODE)
    (folder / "skerry.toml").write_text(DECLARED)
    with up(folder) as stack:
        yield Aws(stack)


def deploy(aws: Aws, name: str, **members: Any) -> None:
    aws.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="app.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/writes-no-logs",
        Code={"ZipFile": zipped(app=CODE)},
        **members,
    )


@pytest.fixture(scope="module")
def deployed(aws: Aws) -> str:
    """A function whose role may do nothing, with a version and an alias."""
    role(aws.client("iam"), "writes-no-logs", trust(LAMBDA))
    deploy(aws, "deployed", Publish=True, Timeout=20)
    aws.client("lambda").create_alias(FunctionName="deployed", Name="live", FunctionVersion="1")
    return "deployed"


@pytest.mark.behaviour("LL-GROUP")
@pytest.mark.behaviour("LL-STREAM")
@pytest.mark.behaviour("LL-LINES")
@pytest.mark.behaviour("LL-REPORT")
@pytest.mark.behaviour("LL-FRESH")
@pytest.mark.behaviour("LL-METRICS")
@pytest.mark.behaviour("LL-CONCURRENT")
@pytest.mark.behaviour("LL-COMMAND")
def test_what_a_declared_function_prints(aws: Aws) -> None:
    group = "/aws/lambda/orders"
    with pytest.raises(ClientError, match="log group does not exist"):
        aws.messages(group)
    request, (told_group, stream) = aws.invoke("orders", {"who": "ann"})
    assert told_group == group
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
    messages = aws.messages(group, logStreamNames=[stream])
    assert messages[:-1] == [
        f"START RequestId: {request} Version: $LATEST\n",
        "for ann\n",
        "\n",
        "two\n",
        "lines\n",
        f"END RequestId: {request}\n",
    ]
    assert messages[-1].startswith(f"REPORT RequestId: {request}\tDuration: ")
    assert messages[-1].endswith(" ms\t\n")
    assert "\tInit Duration: " in messages[-1]
    assert ("\tMax Memory Used: " in messages[-1]) is (sys.platform == "linux")
    failed, value = aws.invoke("orders", {"who": "bob", "wrong": True})
    assert value["errorType"] == "ValueError"
    (told,) = [text for text in aws.messages(group) if "no such order" in text]
    assert told.startswith("[ERROR] ValueError: no such order\nTraceback (most recent call last):\n")
    assert aws.messages(group, filterPattern="REPORT")[-1].startswith(f"REPORT RequestId: {failed}\t")
    by_name = {"FunctionName": "orders"}
    assert aws.statistic("Invocations", "Sum", **by_name) == [2]
    assert aws.statistic("Errors", "Sum", **by_name) == [1]
    assert aws.statistic("Throttles", "Sum", **by_name) == [0]
    assert aws.statistic("Duration", "SampleCount", **by_name) == [2]
    assert 0 < aws.statistic("Duration", "Average", **by_name)[0] < 60_000
    assert aws.statistic("ConcurrentExecutions", "Maximum", **by_name) == [1]
    assert aws.statistic("Invocations", "Sum", **by_name, Resource="orders") == [2]
    shown = aws.stack.skerry("logs", "orders", "--json")
    printed = [line.partition("orders: ")[2] for line in json.loads(shown.stdout)["orders"]]
    assert printed[0] == "for ann"
    assert "[ERROR] ValueError: no such order" in printed
    assert not any(line.startswith(("START", "REPORT")) for line in printed)


@pytest.mark.behaviour("LL-PERMISSION")
@pytest.mark.behaviour("LL-DIMENSIONS")
def test_a_version_of_a_deployed_function_has_streams_and_figures_of_its_own(aws: Aws, deployed: str) -> None:
    latest, (group, of_latest) = aws.invoke(deployed, {"who": "ann"})
    version, (_, of_version) = aws.invoke(deployed, {"who": "bob"}, Qualifier="live")
    assert group == "/aws/lambda/deployed"
    assert ("[$LATEST]" in of_latest, "[1]" in of_version) == (True, True)
    start = f"START RequestId: {version} Version: 1\n"
    assert aws.messages(group, logStreamNames=[of_version])[0] == start
    assert latest in aws.messages(group, logStreamNames=[of_latest])[0]
    by_name = {"FunctionName": deployed}
    assert aws.statistic("Invocations", "Sum", **by_name) == [2]
    assert aws.statistic("Invocations", "Sum", **by_name, Resource="deployed:live") == [1]
    assert aws.statistic("Invocations", "Sum", **by_name, Resource="deployed") == [1]
    assert aws.statistic("Invocations", "Sum")[0] >= 2
    assert "for bob" in aws.stack.skerry("logs", deployed).stdout


@pytest.mark.behaviour("LL-ENDED")
def test_a_timeout_is_in_the_log(aws: Aws, deployed: str) -> None:
    deploy(aws, "slow", Timeout=1)
    request, value = aws.invoke("slow", {"who": "ann", "sleep": 60})
    assert value["errorType"] == "Sandbox.Timedout"
    start, printed, told, end, report = aws.messages("/aws/lambda/slow")
    assert (start, printed) == (f"START RequestId: {request} Version: $LATEST\n", "for ann\n")
    assert told.endswith(f" {request} Task timed out after 1.00 seconds\n")
    assert end == f"END RequestId: {request}\n"
    assert report.endswith("\tStatus: timeout\n")
    assert aws.statistic("Errors", "Sum", FunctionName="slow") == [1]


@pytest.mark.behaviour("LL-METRICS")
def test_a_refused_invocation_is_a_throttle(aws: Aws, deployed: str) -> None:
    deploy(aws, "reserved")
    aws.client("lambda").put_function_concurrency(FunctionName="reserved", ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError, match="Rate Exceeded"):
        aws.client("lambda", config=ONCE).invoke(FunctionName="reserved")
    assert aws.statistic("Throttles", "Sum", FunctionName="reserved") == [1]
    assert aws.statistic("Invocations", "Sum", FunctionName="reserved") == []
