"""Every operation of `cost_explorer_read_operations` on the labelled data of the embedded cloud."""

import pytest

from skerry.errors import RemoteError, ServiceError
from skerry.servers.aws_ops.table import render


@pytest.fixture(scope="module")
def costs(made_up):
    return lambda **arguments: made_up.call("cost_explorer_read_operations", arguments)


def total(answer):
    return sum(item["amount"] for item in answer["items"])


@pytest.mark.behaviour("OPS-COSTS")
def test_costs_by_service_last_month(costs):
    answer = costs(operation="costs_by_service")
    items = {item["service"]: item for item in answer["items"]}
    assert (answer["region"], answer["account"]) == ("global", "123456789012")
    assert items["Tax"]["amount"] == 14.2
    assert {(item["from"], item["until"]) for item in answer["items"]} == {("2026-11-01", "2026-12-01")}
    sorted_amounts = sorted((item["amount"] for item in answer["items"]), reverse=True)
    assert [item["amount"] for item in answer["items"]] == sorted_amounts
    (whole,) = costs(operation="get_costs", period="last_month")["items"]
    assert total(answer) == pytest.approx(whole["amount"], abs=0.001)
    shares = sum(float(item["share"].removesuffix(" %")) for item in answer["items"])
    assert shares == pytest.approx(100, abs=0.6)
    assert answer == costs(operation="costs_by_service", period="last_month")
    assert answer["items"] == costs(operation="costs_by_service", start="2026-11")["items"]


@pytest.mark.behaviour("OPS-SOURCE")
def test_an_answer_from_made_up_data_says_so(costs):
    answer = costs(operation="costs_by_service")
    assert answer["source"] == "made-up ce data of the embedded cloud"
    assert "Source: made-up ce data of the embedded cloud." in render(answer)


@pytest.mark.behaviour("OPS-COSTS")
def test_every_division_has_the_same_sum(costs):
    whole = total(costs(operation="get_costs", period="last_3_months"))
    for answer in (
        costs(operation="costs_by_service", period="last_3_months"),
        costs(operation="costs_by_region", period="last_3_months"),
        costs(operation="costs_by_account", period="last_3_months"),
        costs(operation="costs_by_usage_type", period="last_3_months"),
        costs(operation="costs_by_tag", tag_key="team", period="last_3_months"),
        costs(operation="get_costs", granularity="daily", period="last_3_months", limit=200),
        costs(operation="get_costs", group_by="service", period="last_3_months"),
    ):
        assert total(answer) == pytest.approx(whole, abs=0.02)
        assert answer["count"] > 0
        assert not answer["truncated"]


def test_values_of_a_tag(costs):
    items = {item["value"]: item for item in costs(operation="costs_by_tag", tag_key="team")["items"]}
    assert set(items) == {"storefront", "payments", "data", "desk", "(no team)"}


@pytest.mark.behaviour("OPS-COSTS")
def test_filters(costs):
    ec2 = costs(operation="costs_by_service", service="EC2")
    assert {item["service"] for item in ec2["items"]} == {
        "Amazon Elastic Compute Cloud - Compute",
        "EC2 - Other",
    }
    named = costs(operation="costs_by_service", service="AWS Lambda")
    assert [item["service"] for item in named["items"]] == ["AWS Lambda"]
    europe = costs(operation="costs_by_service", cost_region="eu-west-1", tag="team=storefront")
    assert [item["service"] for item in europe["items"]] == ["Amazon Elastic Compute Cloud - Compute"]
    assert costs(operation="costs_by_service", metric="amortized")["count"] > 5
    with pytest.raises(ServiceError, match="'tag' is of the form key=value"):
        costs(operation="get_costs", tag="team")


def test_costs_of_days(costs):
    answer = costs(operation="get_costs", start="2026-11-17", end="2026-11-19", granularity="daily")
    assert [item["from"] for item in answer["items"]] == ["2026-11-17", "2026-11-18", "2026-11-19"]
    first, second, third = (item["amount"] for item in answer["items"])
    assert first == second > third, "the batch ran for two days"
    assert "estimated" in costs(operation="get_costs", period="this_month")["items"][0]


def test_days_go_on(costs):
    arguments = {"operation": "get_costs", "period": "last_90_days", "granularity": "daily", "limit": 40}
    answers = [costs(**arguments)]
    while answers[-1]["truncated"]:
        answers.append(costs(**arguments, next_token=answers[-1]["next_token"]))
    days = [item["from"] for answer in answers for item in answer["items"]]
    assert len(days) == len(set(days)) == 90


def test_the_forecast(costs):
    answer = costs(operation="forecast_costs")
    (month,) = answer["items"]
    assert (month["from"], month["until"]) == ("2027-01-01", "2027-02-01")
    assert 0 < month["low"] < month["amount"] < month["high"]
    days = costs(operation="forecast_costs", horizon="next_7_days", granularity="daily", service="lambda")
    assert len(days["items"]) == 7
    rest = costs(operation="forecast_costs", horizon="rest_of_month")["items"]
    assert (rest[0]["from"], rest[0]["until"]) == ("2026-12-10", "2027-01-01")


def test_anomalies(costs):
    items = costs(operation="list_anomalies")["items"]
    assert [item["from"] for item in items] == ["2026-11-17", "2026-10-17", "2026-09-17"]
    assert items[0]["extra"] == pytest.approx(items[0]["actual"] - items[0]["expected"])
    assert items[0]["causes"][0]["usage_type"] == "BoxUsage:c5.xlarge"
    assert costs(operation="list_anomalies", period="last_7_days")["items"] == []


def test_values_and_tags(costs):
    values = [item["value"] for item in costs(operation="list_dimension_values", dimension="region")["items"]]
    assert values == ["NoRegion", "eu-west-1", "global", "us-east-1"]
    assert [item["tag"] for item in costs(operation="list_tags")["items"]] == ["team"]
    assert len(costs(operation="list_tags", tag_key="team")["items"]) == 4


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"start": "2026-11-31"}, "'start' is no day"),
        ({"start": "2026-13"}, "'start' is no day"),
        ({"end": "2026-11-01"}, "'end' needs start"),
        ({"start": "2026-11-02", "end": "2026-11-01"}, "'end' is before start"),
        ({"start": "2026-11-02", "period": "today"}, "'period' cannot be given together"),
        ({"period": "last_decade"}, "must be one of today"),
    ],
)
def test_a_period_that_is_none(costs, arguments, says):
    with pytest.raises(ServiceError, match=says):
        costs(operation="get_costs", **arguments)


@pytest.mark.behaviour("OPS-COSTS")
def test_a_period_means_the_same_days_on_every_page(plane, costs):
    arguments = {"operation": "get_costs", "period": "last_30_days", "granularity": "daily", "limit": 20}
    first = costs(**arguments)
    plane.clock.advance(86_400)
    try:
        rest = costs(**arguments, next_token=first["next_token"])
    finally:
        plane.clock.set_time(plane.clock.time() - 86_400)
    days = [item["from"] for item in first["items"] + rest["items"]]
    assert len(days) == len(set(days)) == 30


@pytest.mark.behaviour("OPS-ERRORS")
def test_costs_from_before_there_was_data(costs):
    with pytest.raises(RemoteError, match="goes back beyond 400 days"):
        costs(operation="get_costs", start="2020-01-01", end="2020-02-01")
