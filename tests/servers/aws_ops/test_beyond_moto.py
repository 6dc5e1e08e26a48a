"""Operations that moto lacks, against a labelled stand-in that answers in the service's wire format."""

import json
import os

import pytest

from skerry.errors import RemoteError
from skerry.servers.aws_ops.registry import Registry
from skerry.settings import AwsOpsSettings
from tests.kit.aws_fixtures import LABEL, Error, standing_in
from tests.kit.aws_fixtures.operations import ANSWERS, SECRET

PRINCIPAL = "arn:aws:iam::111122223333:role/reader"


@pytest.fixture(scope="module")
def fake():
    with standing_in(dict(ANSWERS)) as found, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in found.environment.items():
            patch.setenv(name, value)
        yield found


@pytest.fixture(scope="module")
def waited():
    """The pauses of the tools, in seconds; nobody really waits."""
    return []


@pytest.fixture(scope="module")
def ask(fake, waited):
    registry = Registry(AwsOpsSettings.from_env(fake.environment), sleep=waited.append)
    return lambda tool, **arguments: registry.call(f"{tool}_read_operations", arguments)


def test_it_says_that_it_is_a_fixture(ask):
    assert ask("lambda", operation="get_account_settings")["source"] == LABEL


def test_limits_of_lambda(ask):
    (item,) = ask("lambda", operation="get_account_settings")["items"]
    assert (item["concurrency_limit"], item["unreserved_concurrency"], item["functions"]) == (1000, 900, 12)


def test_drift_without_the_values(ask, fake):
    answer = ask("cloudformation", operation="list_drifted_resources", stack="shop")
    (item,) = answer["items"]
    assert (item["name"], item["drift"]) == ("Events", "MODIFIED")
    assert item["properties"] == [{"path": "/Key", "difference": "NOT_EQUAL"}]
    assert SECRET not in json.dumps(answer)
    asked = next(given for _, name, given in fake.calls if name == "DescribeStackResourceDrifts")
    assert asked["StackName"] == "shop"


def test_whether_an_action_is_allowed(ask):
    answer = ask(
        "iam", operation="check_permission", principal_arn=PRINCIPAL, action="s3:GetObject, s3:PutObject"
    )
    assert [(item["action"], item["decision"]) for item in answer["items"]] == [
        ("s3:GetObject", "allowed"),
        ("s3:PutObject", "implicitDeny"),
    ]
    assert answer["items"][0]["because"] == ["read-reports"]
    nobody = PRINCIPAL.replace("reader", "nobody")
    with pytest.raises(RemoteError, match="found no principal arn"):
        ask("iam", operation="check_permission", principal_arn=nobody, action="s3:GetObject")


def test_pending_maintenance(ask):
    (item,) = ask("rds", operation="list_pending_maintenance")["items"]
    assert item["resource"].endswith(":db:orders")
    assert item["actions"][0]["action"] == "system-update"


def test_history_of_alarms(ask, fake):
    (item,) = ask("cloudwatch", operation="list_alarm_history", alarm="errors-high", since="2d")["items"]
    assert (item["alarm"], item["summary"]) == ("errors-high", "Alarm updated from OK to ALARM")
    asked = next(given for _, name, given in fake.calls if name == "DescribeAlarmHistory")
    assert asked["EndDate"] - asked["StartDate"] == pytest.approx(2 * 86_400)


def test_what_moto_lacks_of_eks(ask):
    addons = ask("eks", operation="list_addons", cluster="shop")
    assert [(item["name"], item["status"]) for item in addons["items"]] == [
        ("coredns", "ACTIVE"),
        ("vpc-cni", "DEGRADED"),
    ]
    assert addons["items"][1]["issues"] == [{"code": "AccessDenied", "message": "no role"}]
    assert SECRET not in json.dumps(addons)
    (entry,) = ask("eks", operation="list_access_entries", cluster="shop")["items"]
    assert entry["principal"].endswith(":role/admin")
    (insight,) = ask("eks", operation="list_insights", cluster="shop")["items"]
    assert (insight["status"], insight["version"]) == ("WARNING", "1.34")


@pytest.mark.behaviour("OPS-QUERY")
def test_a_query_that_takes_its_time(ask, fake, waited):
    """Running twice, then complete: the tool waits, and shows the rows."""
    row = [{"field": "@message", "value": "late"}, {"field": "@ptr", "value": "x"}]
    running = {"status": "Running", "results": []}
    done = {
        "status": "Complete",
        "results": [row],
        "statistics": {"bytesScanned": 9.0, "recordsMatched": 1.0},
    }
    fake.answers[("logs", "StartQuery")] = {"queryId": "q-1"}
    fake.answers[("logs", "GetQueryResults")] = [running, dict(running), done]
    (item,) = ask("cloudwatch", operation="query_logs", log_group="/a, /b", query="fields @message")["items"]
    assert (item["status"], item["rows"], item["scanned_bytes"]) == ("Complete", [{"@message": "late"}], 9.0)
    assert len(waited) == 2
    asked = next(given for _, name, given in fake.calls if name == "StartQuery")
    assert asked["logGroupNames"] == ["/a", "/b"]
    assert (asked["limit"], asked["endTime"] - asked["startTime"]) == (50, 3600)


@pytest.mark.behaviour("OPS-QUERY")
def test_a_query_that_takes_too_long_can_be_asked_again(ask, fake, waited):
    waited.clear()
    fake.answers[("logs", "StartQuery")] = {"queryId": "q-2"}
    fake.answers[("logs", "GetQueryResults")] = {"status": "Running", "results": []}
    (item,) = ask("cloudwatch", operation="query_logs", log_group="/a", query="fields @message")["items"]
    assert item == {"query_id": "q-2", "status": "Running"}
    assert 5 <= sum(waited) <= 15


@pytest.mark.behaviour("OPS-MISSING")
def test_a_name_that_is_in_one_region_is_not_reported_missing_in_the_others(ask, fake):
    gone = Error("ResourceNotFoundException", "Function not found", 404)
    here = {"FunctionName": "orders", "FunctionArn": "arn:x", "Runtime": "python3.12"}
    arguments = {"operation": "get_function_policy", "function": "orders", "region": "us-east-1,eu-west-1"}
    fake.answers[("lambda", "GetPolicy")] = {"Policy": "{}"}
    fake.answers[("lambda", "GetFunctionConfiguration")] = [here, gone]
    answer = ask("lambda", **arguments)
    assert (answer["count"], "problems" in answer) == (1, False)
    fake.answers[("lambda", "GetFunctionConfiguration")] = gone
    with pytest.raises(RemoteError, match="found no function 'orders'"):
        ask("lambda", **arguments)
    denied = Error("AccessDeniedException", "no", 403)
    fake.answers[("lambda", "GetFunctionConfiguration")] = [gone, denied]
    with pytest.raises(RemoteError, match="is denied"):
        ask("lambda", **arguments)


@pytest.mark.behaviour("OPS-BOUNDED")
def test_pages_without_any_event_end_with_a_token_and_not_never(ask, fake):
    """A filter over a large log gives page after page with nothing in it."""
    fake.answers[("logs", "FilterLogEvents")] = {"events": [], "nextToken": "on"}
    before = len(fake.calls)
    answer = ask("cloudwatch", operation="filter_log_events", log_group="/a", pattern="never")
    assert (answer["items"], answer["truncated"]) == ([], True)
    assert answer["next_token"]
    assert len(fake.calls) - before <= 21


@pytest.mark.behaviour("OPS-NOECHO")
def test_a_stack_whose_template_may_not_be_read_shows_no_value(ask, fake):
    stack = {
        "StackName": "shop",
        "StackStatus": "CREATE_COMPLETE",
        "CreationTime": "2026-11-01T12:00:00Z",
        "Parameters": [{"ParameterKey": "Key", "ParameterValue": SECRET}],
        "Outputs": [{"OutputKey": "Link", "OutputValue": SECRET}],
    }
    fake.answers[("cloudformation", "DescribeStacks")] = {"Stacks": [stack]}
    fake.answers[("cloudformation", "GetTemplate")] = Error("AccessDenied", "not you", 403)
    answer = ask("cloudformation", operation="describe_stack", stack="shop")
    assert SECRET not in json.dumps(answer)
    assert [part["name"] for part in answer["items"][0]["outputs"]] == ["Link"]


@pytest.mark.behaviour("OPS-ERRORS")
@pytest.mark.parametrize(
    ("tool", "service", "api", "arguments"),
    [
        ("lambda", "lambda", "ListFunctions", {"operation": "list_functions"}),
        ("cloudformation", "cloudformation", "ListStacks", {"operation": "list_stacks"}),
        ("iam", "iam", "ListUsers", {"operation": "list_users"}),
        ("rds", "rds", "DescribeDBInstances", {"operation": "list_instances"}),
        ("cloudwatch", "monitoring", "DescribeAlarms", {"operation": "list_alarms"}),
        ("cloudwatch", "logs", "DescribeLogGroups", {"operation": "list_log_groups"}),
        ("ecs", "ecs", "ListClusters", {"operation": "list_clusters"}),
        ("eks", "eks", "ListClusters", {"operation": "list_clusters"}),
        ("sns", "sns", "ListTopics", {"operation": "list_topics"}),
        ("sqs", "sqs", "ListQueues", {"operation": "list_queues"}),
    ],
)
@pytest.mark.parametrize(
    ("code", "status", "says"),
    [
        ("AccessDeniedException", 403, "is denied (AccessDeniedException). Grant this action"),
        ("ThrottlingException", 400, "is throttled (ThrottlingException). Wait a minute"),
        ("ExpiredTokenException", 403, "the login has expired (ExpiredTokenException). Log in again"),
        ("UnrecognizedClientException", 403, "is not possible in this region"),
    ],
)
def test_each_service_refuses_in_one_line(ask, fake, tool, service, api, arguments, code, status, says):
    fake.answers[(service, api)] = Error(code, "because", status)
    with pytest.raises(RemoteError) as caught:
        ask(tool, **arguments)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_report_that_does_not_exist_is_not_made(ask, fake):
    fake.answers[("iam", "GetCredentialReport")] = Error("ReportNotPresent", "none", 410)
    with pytest.raises(RemoteError, match="aws iam generate-credential-report"):
        ask("iam", operation="list_credentials_last_used")
    assert "GenerateCredentialReport" not in {name for _, name, _ in fake.calls}
