"""`cloudwatch_read_operations`: alarms, metrics and logs with content."""

import pytest

from skerry.errors import RemoteError, ServiceError
from tests.kit.estates.cloudwatch import GROUP, STREAM

OF = {"namespace": "Shop", "metric": "Errors", "dimensions": "FunctionName=orders"}


@pytest.fixture(scope="module")
def held(estate):
    return estate.need("cloudwatch")


@pytest.fixture(scope="module")
def watch(ask, held):
    return ask("cloudwatch")


def test_alarms_by_state(watch):
    (alarm,) = watch(operation="list_alarms", state="ALARM")["items"]
    assert (alarm["name"], alarm["state"], alarm["reason"]) == ("errors-high", "ALARM", "7.0 was over 5.0")
    assert (alarm["metric"], alarm["threshold"]) == ("Errors", 5.0)
    assert alarm["dimensions"] == ["FunctionName=orders"]
    every = watch(operation="list_alarms", prefix="errors-")["items"]
    assert {item["name"] for item in every} == {"errors-high", "errors-any"}
    assert watch(operation="list_alarms", state="INSUFFICIENT_DATA")["items"] == []


def test_one_alarm(watch):
    (alarm,) = watch(operation="describe_alarm", alarm="errors-high")["items"]
    assert (alarm["description"], alarm["period_seconds"]) == ("Orders fail.", 60)
    assert alarm["evaluation_periods"] == 2
    assert alarm["alarm_actions"] == ["arn:aws:sns:us-east-1:123456789012:alerts"]


@pytest.mark.behaviour("OPS-MISSING")
def test_an_alarm_that_is_not_there(watch):
    with pytest.raises(RemoteError, match=r"There is no alarm 'nope'\. .*list_alarms shows"):
        watch(operation="describe_alarm", alarm="nope")


def test_metrics(watch):
    (item,) = watch(operation="list_metrics", namespace="Shop")["items"]
    assert item == {"namespace": "Shop", "metric": "Errors", "dimensions": ["FunctionName=orders"]}
    assert watch(operation="list_metrics", **OF)["count"] == 1


def test_a_metric_over_time(watch, held):
    answer = watch(operation="get_metric", **OF, statistic="Sum", period_seconds=3600, since="3h")
    assert sum(item["value"] for item in answer["items"]) == 14.0
    assert {item["unit"] for item in answer["items"]} == {"Count"}
    times = [item["time"] for item in answer["items"]]
    assert times == sorted(times)
    highest = watch(operation="get_metric", **OF, statistic="Maximum", since="45m")["items"]
    assert [item["value"] for item in highest] == [7.0]
    assert watch(operation="get_metric", **OF, since="9h", until="6h")["items"] == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"dimensions": "orders"}, "looks like InstanceId=i-0123"),
        ({"period_seconds": 61}, "must be a multiple of 60"),
        ({"period_seconds": 60, "since": "30d"}, "gives more than 1440 points"),
        ({"statistic": "Median"}, "must be one of"),
    ],
)
def test_a_metric_asked_for_wrongly(watch, arguments, complaint):
    with pytest.raises(ServiceError, match=complaint):
        watch(operation="get_metric", **{**OF, **arguments})


def test_dashboards(watch):
    (item,) = watch(operation="list_dashboards", prefix="sh")["items"]
    assert item["name"] == "shop"


def test_log_groups(watch):
    found = {item["name"]: item for item in watch(operation="list_log_groups")["items"]}
    assert {GROUP, "/shop/web"} <= set(found)  # another service of the estate may have made its own
    assert (found[GROUP]["retention_days"], found["/shop/web"]["retention_days"]) == (14, "forever")
    only = watch(operation="list_log_groups", prefix=GROUP)["items"]
    assert [item["name"] for item in only] == [GROUP]


def test_log_streams(watch):
    items = watch(operation="list_log_streams", log_group=GROUP)["items"]
    assert {item["name"] for item in items} == {STREAM, "2026/two"}
    assert next(item for item in items if item["name"] == STREAM)["last_event"].endswith("+00:00")
    named = watch(operation="list_log_streams", log_group=GROUP, prefix="2026/t")["items"]
    assert [item["name"] for item in named] == ["2026/two"]


@pytest.mark.behaviour("OPS-PAGING")
@pytest.mark.parametrize("limit", [1, 5, 12, 50])
def test_the_newest_events_first_and_then_back(watch, limit):
    answers = [watch(operation="get_log_events", log_group=GROUP, log_stream=STREAM, limit=limit)]
    while answers[-1]["truncated"]:
        token = answers[-1]["next_token"]
        answers.append(
            watch(
                operation="get_log_events",
                log_group=GROUP,
                log_stream=STREAM,
                limit=limit,
                next_token=token,
            )
        )
    orders = [int(item["message"].split()[-1]) for answer in answers for item in answer["items"]]
    assert orders == list(range(11, -1, -1))


def test_events_with_a_pattern(watch):
    errors = watch(operation="filter_log_events", log_group=GROUP, pattern="ERROR")["items"]
    assert [item["message"] for item in errors] == ["ERROR order 0", "ERROR order 4", "ERROR order 8"]
    assert {item["stream"] for item in errors} == {STREAM}
    late = watch(operation="filter_log_events", log_group=GROUP, since="13m", log_stream=STREAM)["items"]
    assert 0 < len(late) < 12
    assert watch(operation="filter_log_events", log_group=GROUP, since="3h", until="2h")["items"] == []


@pytest.mark.behaviour("OPS-SPAN")
def test_the_last_hour_is_the_same_hour_on_every_page(estate, held):
    """The clock goes on between two pages; the second page still counts from when the first was asked."""
    from skerry.servers.aws_ops.registry import Registry
    from skerry.settings import AwsOpsSettings
    from tests.kit.clock import FakeClock

    clock = FakeClock(held["first_event"] / 1000 + 1200)
    registry = Registry(AwsOpsSettings.from_env(estate.environment), clock=clock.time)
    asked = {"operation": "filter_log_events", "log_group": GROUP, "limit": 5, "since": "1500s"}
    first = registry.call("cloudwatch_read_operations", asked)
    clock.advance(3600)
    second = registry.call("cloudwatch_read_operations", {**asked, "next_token": first["next_token"]})
    assert [item["message"].split()[-1] for item in second["items"]] == ["5", "6", "7", "8", "9"]


def test_a_query(watch):
    answer = watch(
        operation="query_logs", log_group=GROUP, query="fields @timestamp, @message | limit 3", since="2h"
    )
    (item,) = answer["items"]
    assert item["status"] == "Complete"
    assert [row["@message"].strip() for row in item["rows"]] == [
        "INFO order 11",
        "INFO order 10",
        "INFO order 9",
    ]
    (again,) = watch(operation="get_query_results", query_id=item["query_id"])["items"]
    assert again["rows"] == item["rows"]


@pytest.mark.behaviour("OPS-QUERY")
def test_a_query_is_bounded(watch):
    with pytest.raises(ServiceError, match="more than 7 days before until"):
        watch(operation="query_logs", log_group=GROUP, query="fields @message", since="8d")


def test_metric_filters(watch):
    (item,) = watch(operation="list_metric_filters", log_group=GROUP)["items"]
    assert (item["name"], item["pattern"]) == ("errors", "ERROR")
    assert item["metrics"] == [{"namespace": "Shop", "metric": "Errors", "value": "1"}]


@pytest.mark.behaviour("OPS-MISSING")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"operation": "filter_log_events", "log_group": "/no"}, "found no log group '/no'"),
        ({"operation": "list_log_streams", "log_group": "/no"}, "found no log group '/no'"),
        (
            {"operation": "get_log_events", "log_group": GROUP, "log_stream": "no"},
            f"found no log stream 'no' or no log group '{GROUP}'",
        ),
    ],
)
def test_a_log_that_is_not_there(watch, arguments, says):
    with pytest.raises(RemoteError) as caught:
        watch(**arguments)
    assert says in str(caught.value)
    assert "list_log_groups and list_log_streams show what there is." in str(caught.value)
