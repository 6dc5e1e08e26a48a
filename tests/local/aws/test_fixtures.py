"""Made-up data in the place of moto's holes: labelled, computed from the question, following the clock."""

from __future__ import annotations

import datetime as dt
import tomllib
from decimal import Decimal
from importlib import resources

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from skerry.local.aws.fixtures import catalogue, costs
from skerry.local.aws.fixtures.asked import Asked
from skerry.local.aws.fixtures.fixtures import Fixtures
from skerry.local.iam.access import Signed
from skerry.local.ports.callers import Caller
from tests.kit.clock import FakeClock
from tests.kit.fixture_plane import NOW, OTHER, FixturePlane
from tests.kit.local_endpoint import ACCOUNT, client

TODAY = dt.date(2026, 12, 10)
NOVEMBER = {"Start": "2026-11-01", "End": "2026-12-01"}
BY_SERVICE = [{"Type": "DIMENSION", "Key": "SERVICE"}]


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    with FixturePlane(tmp_path_factory.mktemp("plane")).running() as running:
        yield running


@pytest.fixture
def bedrock(plane):
    return client("bedrock", plane.url)


@pytest.fixture
def ce(plane):
    return client("ce", plane.url)


def by_hand(start, end, wanted=lambda line: True):
    """What the lines cost, added up day by day from the file itself."""
    text = resources.files("skerry.local.aws.fixtures").joinpath("costs.toml").read_text(encoding="utf-8")
    file, total = tomllib.loads(text), Decimal()
    for line in filter(wanted, file["lines"]):
        day = start
        while day < end:
            amount = Decimal(line["amount"])
            if "day" in line:
                total += amount if day.day == line["day"] else 0
            else:
                factor = Decimal(str(file["months"][day.month - 1]))
                if day.weekday() in (5, 6):
                    factor *= Decimal(line.get("weekend", "1"))
                unusual = line.get("unusual")
                if unusual and unusual["from"] <= day.day <= unusual["to"]:
                    factor = max(factor, 1) * Decimal(unusual["factor"])
                total += amount * factor
            day += dt.timedelta(1)
    return total


def usage(ce, period, **more):
    asked = {"Granularity": "MONTHLY", "Metrics": ["UnblendedCost"], **more}
    return ce.get_cost_and_usage(TimePeriod=period, **asked)["ResultsByTime"]


def amounts(result):
    return {
        tuple(group["Keys"]): Decimal(group["Metrics"]["UnblendedCost"]["Amount"])
        for group in result["Groups"]
    }


def failure(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.behaviour("AWS-FIXTURE-LABEL")
def test_every_answer_says_that_it_is_made_up(bedrock, ce):
    for answer in (
        bedrock.list_foundation_models(),
        bedrock.get_guardrail(guardrailIdentifier="4u9rd8ra1l01"),
        ce.get_tags(TimePeriod=NOVEMBER),
        ce.get_cost_and_usage(TimePeriod=NOVEMBER, Granularity="DAILY", Metrics=["UnblendedCost"]),
    ):
        label = answer["ResponseMetadata"]["HTTPHeaders"]["x-skerry-fixture"]
        assert label.startswith("made-up")
        assert label.endswith("data of the embedded cloud")


@pytest.mark.behaviour("AWS-FIXTURE-COSTS")
def test_costs_by_service_are_right_in_sum(ce):
    (result,) = usage(ce, NOVEMBER, GroupBy=BY_SERVICE)
    found = amounts(result)
    start, end = dt.date(2026, 11, 1), dt.date(2026, 12, 1)
    assert float(sum(found.values())) == pytest.approx(float(by_hand(start, end)))
    for (service,), amount in found.items():
        expected = by_hand(start, end, lambda line, service=service: line["service"] == service)
        assert float(amount) == pytest.approx(float(expected)), service
    assert found[("Amazon Route 53",)] == 1
    assert found[("Tax",)] == Decimal("14.2")
    (whole,) = usage(ce, NOVEMBER)
    assert Decimal(whole["Total"]["UnblendedCost"]["Amount"]) == sum(found.values())
    assert (result["Estimated"], result["Total"]) == (False, {})


@pytest.mark.behaviour("AWS-FIXTURE-COSTS")
def test_a_month_in_figures(ce):
    """November by pencil: factor 1.12, 30 days of which nine are Saturday or Sunday."""
    (result,) = usage(ce, NOVEMBER, GroupBy=[{"Type": "DIMENSION", "Key": "USAGE_TYPE"}])
    found = amounts(result)
    assert found[("BoxUsage:m5.large",)] == Decimal("2.3040") * Decimal("1.12") * 30
    assert found[("Lambda-GB-Second",)] == Decimal("0.1917") * Decimal("1.12") * (21 + 9 * Decimal("1.2"))
    # The batch: 19 plain weekdays, none at weekends, nine times as much on the 17th and 18th.
    assert found[("BoxUsage:c5.xlarge",)] == Decimal("1.02") * Decimal("1.12") * (19 + 2 * 9)


@pytest.mark.behaviour("AWS-FIXTURE-COSTS")
@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ({"Dimensions": {"Key": "SERVICE", "Values": ["AWS Lambda"]}}, lambda line: line["service"] == "AWS Lambda"),
        ({"Dimensions": {"Key": "REGION", "Values": ["eu-west-1"]}}, lambda line: line["region"] == "eu-west-1"),
        ({"Tags": {"Key": "team", "Values": ["data"]}}, lambda line: line.get("tags", {}).get("team") == "data"),
        ({"Tags": {"Key": "team", "MatchOptions": ["ABSENT"]}}, lambda line: "tags" not in line),
        ({"Not": {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Tax"]}}}, lambda line: line["service"] != "Tax"),
        (
            {"And": [{"Dimensions": {"Key": "SERVICE", "Values": ["compute"], "MatchOptions": ["CONTAINS", "CASE_INSENSITIVE"]}},
                     {"Tags": {"Key": "team", "Values": ["storefront"]}}]},
            lambda line: "Compute" in line["service"] and line.get("tags", {}).get("team") == "storefront",
        ),
        (
            {"Or": [{"Dimensions": {"Key": "SERVICE", "Values": ["Tax"]}},
                    {"Dimensions": {"Key": "USAGE_TYPE", "Values": ["EBS"], "MatchOptions": ["STARTS_WITH"]}}]},
            lambda line: line["service"] == "Tax" or line["usage_type"].startswith("EBS"),
        ),
        ({"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": ["000000000000"]}}, lambda line: False),
    ],
)  # fmt: skip
def test_filters_are_computed(ce, expression, wanted):
    (result,) = usage(ce, NOVEMBER, Filter=expression)
    expected = by_hand(dt.date(2026, 11, 1), dt.date(2026, 12, 1), wanted)
    assert float(result["Total"]["UnblendedCost"]["Amount"]) == pytest.approx(float(expected))


@pytest.mark.behaviour("AWS-FIXTURE-COSTS")
def test_groups_of_two_and_by_tag(ce):
    groups = [{"Type": "TAG", "Key": "team"}, {"Type": "DIMENSION", "Key": "INSTANCE_TYPE"}]
    (result,) = usage(ce, NOVEMBER, GroupBy=groups)
    found = amounts(result)
    assert ("team$payments", "m5.large") in found
    assert ("team$", "NoInstanceType") in found
    assert float(sum(found.values())) == pytest.approx(
        float(by_hand(dt.date(2026, 11, 1), dt.date(2026, 12, 1)))
    )


def test_usage_has_a_unit_where_it_means_something(ce):
    (result,) = usage(ce, NOVEMBER, Metrics=["UsageQuantity"], GroupBy=BY_SERVICE)
    units = {group["Keys"][0]: group["Metrics"]["UsageQuantity"]["Unit"] for group in result["Groups"]}
    assert units["AWS Lambda"] == "Second"
    (whole,) = usage(ce, NOVEMBER, Metrics=["UsageQuantity"])
    assert whole["Total"]["UsageQuantity"]["Unit"] == "N/A"


dates = st.dates(dt.date(2025, 12, 1), dt.date(2026, 12, 20))


@given(dates, dates)
def test_days_and_months_add_up_to_the_same(one, other):
    start, end = min(one, other), max(one, other) + dt.timedelta(1)
    explorer = costs.cost_explorer()

    def total(granularity):
        period = {"Start": start.isoformat(), "End": end.isoformat()}
        asked = {"TimePeriod": period, "Granularity": granularity, "Metrics": ["UnblendedCost"]}
        answer = explorer.answer(Asked("GetCostAndUsage", asked, ACCOUNT, "us-east-1", NOW))
        results = answer["ResultsByTime"]
        spans = [(item["TimePeriod"]["Start"], item["TimePeriod"]["End"]) for item in results]
        assert spans[0][0] == start.isoformat()
        assert spans[-1][1] == end.isoformat()
        assert [first for first, _ in spans[1:]] == [last for _, last in spans[:-1]]
        return sum(Decimal(item["Total"]["UnblendedCost"]["Amount"]) for item in results)

    expected = float(by_hand(start, min(end, TODAY)))
    assert float(total("DAILY")) == pytest.approx(expected, abs=1e-6)
    assert float(total("MONTHLY")) == pytest.approx(expected, abs=1e-6)


@pytest.mark.behaviour("AWS-FIXTURE-CLOCK")
def test_the_data_follows_the_clock_and_the_past_stays(tmp_path):
    with FixturePlane(tmp_path).running() as plane:
        ce, bedrock = client("ce", plane.url), client("bedrock", plane.url)
        before = usage(ce, NOVEMBER, GroupBy=BY_SERVICE)
        (december,) = usage(ce, {"Start": "2026-12-01", "End": "2027-01-01"})
        assert december["Estimated"] is True
        (profile, *_) = bedrock.list_inference_profiles()["inferenceProfileSummaries"]
        plane.clock.advance(31 * 86_400)
        assert usage(ce, NOVEMBER, GroupBy=BY_SERVICE) == before
        (later,) = usage(ce, {"Start": "2026-12-01", "End": "2027-01-01"})
        assert later["Estimated"] is False
        expected = by_hand(dt.date(2026, 12, 1), dt.date(2027, 1, 1))
        assert float(later["Total"]["UnblendedCost"]["Amount"]) == pytest.approx(float(expected))
        (moved, *_) = bedrock.list_inference_profiles()["inferenceProfileSummaries"]
        assert moved["createdAt"] - profile["createdAt"] == dt.timedelta(31)


@pytest.mark.behaviour("AWS-FIXTURE-COSTS")
def test_the_forecast_is_of_the_last_four_weeks(ce):
    period = {"Start": "2026-12-14", "End": "2026-12-21"}  # a whole week
    answer = ce.get_cost_forecast(TimePeriod=period, Metric="UNBLENDED_COST", Granularity="DAILY")
    week = by_hand(TODAY - dt.timedelta(28), TODAY) / 4
    assert float(answer["Total"]["Amount"]) == pytest.approx(float(week))
    days = answer["ForecastResultsByTime"]
    assert len(days) == 7
    for day in days:
        low, mean, high = (
            float(day[name])
            for name in ("PredictionIntervalLowerBound", "MeanValue", "PredictionIntervalUpperBound")
        )
        assert 0 <= low < mean < high
    narrow = ce.get_cost_forecast(
        TimePeriod=period,
        Metric="UNBLENDED_COST",
        Granularity="MONTHLY",
        PredictionIntervalLevel=51,
        Filter={"Dimensions": {"Key": "SERVICE", "Values": ["AWS Lambda"]}},
    )
    assert float(narrow["Total"]["Amount"]) < float(answer["Total"]["Amount"])


@pytest.mark.behaviour("AWS-FIXTURE-COSTS")
def test_anomalies_are_the_days_that_cost_more(ce):
    interval = {"StartDate": "2026-10-01", "EndDate": "2026-12-10"}
    found = ce.get_anomalies(DateInterval=interval)["Anomalies"]
    assert [item["AnomalyStartDate"] for item in found] == ["2026-11-17", "2026-10-17"]
    november = found[0]
    assert november["Impact"]["TotalExpectedSpend"] == pytest.approx(2 * 1.02 * 1.12)
    assert november["Impact"]["TotalActualSpend"] == pytest.approx(2 * 1.02 * 1.12 * 9)
    assert november["RootCauses"][0]["UsageType"] == "BoxUsage:c5.xlarge"
    none = ce.get_anomalies(
        DateInterval=interval, TotalImpact={"NumericOperator": "GREATER_THAN", "StartValue": 1000}
    )
    assert none["Anomalies"] == []
    first = ce.get_anomalies(DateInterval=interval, MaxResults=1)
    rest = ce.get_anomalies(DateInterval=interval, MaxResults=1, NextPageToken=first["NextPageToken"])
    assert first["Anomalies"] + rest["Anomalies"] == found
    assert "NextPageToken" not in rest


@pytest.mark.behaviour("AWS-FIXTURE-COSTS")
def test_values_and_tags(ce):
    answer = ce.get_dimension_values(TimePeriod=NOVEMBER, Dimension="SERVICE", SearchString="amazon")
    services = [item["Value"] for item in answer["DimensionValues"]]
    assert services == sorted(services)
    assert "Amazon DynamoDB" in services
    assert "Tax" not in services
    assert answer["ReturnSize"] == answer["TotalSize"] == len(services)
    quiet = {"Start": "2026-11-02", "End": "2026-11-03"}
    values = ce.get_dimension_values(TimePeriod=quiet, Dimension="SERVICE")["DimensionValues"]
    assert "Tax" not in [item["Value"] for item in values], "the tax is due on the first"
    assert ce.get_tags(TimePeriod=NOVEMBER)["Tags"] == ["team"]
    assert ce.get_tags(TimePeriod=NOVEMBER, TagKey="team")["Tags"] == [
        "data",
        "desk",
        "payments",
        "storefront",
    ]


@pytest.mark.parametrize(
    ("operation", "parameters", "code", "says"),
    [
        ("get_cost_and_usage", {"TimePeriod": {"Start": "2026-12-01", "End": "2026-11-01"}, "Granularity": "MONTHLY", "Metrics": ["UnblendedCost"]}, "ValidationException", "before end date"),
        ("get_cost_and_usage", {"TimePeriod": {"Start": "2020-12-01", "End": "2026-11-01"}, "Granularity": "MONTHLY", "Metrics": ["UnblendedCost"]}, "ValidationException", "goes back beyond"),
        ("get_cost_and_usage", {"TimePeriod": {"Start": "2026-13-01", "End": "2026-11-01"}, "Granularity": "MONTHLY", "Metrics": ["UnblendedCost"]}, "ValidationException", "is no date|TimePeriod"),
        ("get_cost_and_usage", {"TimePeriod": NOVEMBER, "Granularity": "HOURLY", "Metrics": ["UnblendedCost"]}, "NotImplemented", "granularity HOURLY"),
        ("get_cost_and_usage", {"TimePeriod": NOVEMBER, "Granularity": "DAILY", "Metrics": ["NormalizedUsageAmount"]}, "NotImplemented", "NormalizedUsageAmount"),
        ("get_cost_and_usage", {"TimePeriod": NOVEMBER, "Granularity": "DAILY", "Metrics": ["UnblendedCost"], "GroupBy": [{"Type": "DIMENSION", "Key": "PLATFORM"}]}, "NotImplemented", "dimension PLATFORM"),
        ("get_cost_and_usage", {"TimePeriod": NOVEMBER, "Granularity": "DAILY", "Metrics": ["UnblendedCost"], "Filter": {"CostCategories": {"Key": "x", "Values": ["y"]}}}, "NotImplemented", "CostCategories"),
        ("get_cost_and_usage", {"TimePeriod": NOVEMBER, "Granularity": "DAILY", "Metrics": ["UnblendedCost"], "Filter": {}}, "ValidationException", "exactly one of"),
        ("get_cost_forecast", {"TimePeriod": NOVEMBER, "Granularity": "DAILY", "Metric": "UNBLENDED_COST"}, "ValidationException", "on or after today"),
        ("get_dimension_values", {"TimePeriod": NOVEMBER, "Dimension": "SERVICE", "NextPageToken": "x"}, "InvalidNextTokenException", "NextPageToken"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_and_not_ignored(ce, operation, parameters, code, says):
    found, message = failure(getattr(ce, operation), **parameters)
    assert found == code
    assert any(part in message for part in says.split("|")), message


@pytest.mark.behaviour("AWS-FIXTURE-BEDROCK")
def test_models_are_filtered(bedrock):
    every = bedrock.list_foundation_models()["modelSummaries"]
    amazon = bedrock.list_foundation_models(byProvider="Amazon", byOutputModality="TEXT")["modelSummaries"]
    assert {item["providerName"] for item in amazon} == {"Amazon"}
    assert 0 < len(amazon) < len(every)
    assert all("TEXT" in item["outputModalities"] for item in amazon)
    details = bedrock.get_foundation_model(modelIdentifier=amazon[0]["modelArn"])["modelDetails"]
    assert details["modelId"] == amazon[0]["modelId"]
    assert (
        failure(bedrock.get_foundation_model, modelIdentifier="amazon.none")[0] == "ResourceNotFoundException"
    )


@pytest.mark.behaviour("AWS-FIXTURE-BEDROCK")
def test_profiles_guardrails_and_throughputs(bedrock):
    first = bedrock.list_inference_profiles(maxResults=1)
    rest = bedrock.list_inference_profiles(maxResults=1, nextToken=first["nextToken"])
    names = [
        item["inferenceProfileId"] for page in (first, rest) for item in page["inferenceProfileSummaries"]
    ]
    assert len(set(names)) == 2
    profile = bedrock.get_inference_profile(inferenceProfileIdentifier=names[0])
    assert profile["createdAt"].tzinfo is not None
    guardrails = bedrock.list_guardrails()["guardrails"]
    assert [item["name"] for item in guardrails] == ["desk-answers", "shop-assistant"]
    one = bedrock.list_guardrails(guardrailIdentifier=guardrails[1]["id"])["guardrails"]
    assert [item["name"] for item in one] == ["shop-assistant"]
    (throughput,) = bedrock.list_provisioned_model_throughputs(nameContains="night")[
        "provisionedModelSummaries"
    ]
    assert throughput["status"] == "InService"
    assert (
        bedrock.list_provisioned_model_throughputs(statusEquals="Failed")["provisionedModelSummaries"] == []
    )
    code, message = failure(bedrock.list_provisioned_model_throughputs, sortOrder="Ascending")
    assert (code, "with sortOrder" in message) == ("NotImplemented", True)
    assert failure(bedrock.list_guardrails, nextToken="x")[0] == "ValidationException"


@pytest.mark.behaviour("AWS-FIXTURE-ACCOUNT")
def test_another_account_or_region_has_nothing_of_the_own(plane):
    theirs = client("bedrock", plane.url, OTHER)
    assert theirs.list_guardrails()["guardrails"] == []
    assert theirs.list_foundation_models()["modelSummaries"]
    assert client("bedrock", plane.url, region="eu-west-1").list_guardrails()["guardrails"] == []
    (result,) = usage(client("ce", plane.url, OTHER), NOVEMBER)
    assert Decimal(result["Total"]["UnblendedCost"]["Amount"]) == 0


@pytest.mark.parametrize(
    ("service", "without", "method", "path", "target", "answered"),
    [
        ("ce", (), "POST", b"/", b"AWSInsightsIndexService.GetTags", True),
        ("ce", ("ce",), "POST", b"/", b"AWSInsightsIndexService.GetTags", False),
        ("ce", (), "POST", b"/", b"AWSInsightsIndexService.ListTagsForResource", False),
        ("ce", (), "POST", b"/", b"", False),
        ("bedrock", ("ce",), "GET", b"/guardrails", b"", True),
        ("bedrock", (), "GET", b"/custom-models", b"", False),
        ("bedrock", (), "POST", b"/guardrails", b"", False),
        ("s3", (), "GET", b"/guardrails", b"", False),
    ],
)
def test_what_is_motos_stays_motos(service, without, method, path, target, answered):
    fixtures = Fixtures(account=ACCOUNT, region="us-east-1", clock=FakeClock(NOW), without=frozenset(without))
    scope = {"method": method, "raw_path": path, "query_string": b"", "headers": [(b"x-amz-target", target)]}
    caller = Caller(kind="iam", arn=f"arn:aws:iam::{ACCOUNT}:user/x")
    signed = Signed(caller, "AIDA", service, "us-east-1")
    body = b'{"TimePeriod": {"Start": "2026-11-01", "End": "2026-12-01"}}'
    assert (fixtures.answer(scope, body, signed) is not None) is answered


def test_the_files_hold_what_the_models_know():
    """Every row is an output that botocore's model has: no member is misspelt."""
    from skerry.local.api import service_model

    model = service_model.load("bedrock")
    source = catalogue.bedrock()
    for name in source.operations:
        asked = Asked(name, {}, ACCOUNT, "us-east-1", NOW)
        if name.startswith("List"):
            ((member, rows),) = source.answer(asked).items()
            shape = model.shape(model.operations[name].output["members"][member])
            item = model.shape(shape["member"])
            for row in rows:
                assert set(item.get("required", [])) <= set(row), name
