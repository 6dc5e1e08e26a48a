"""`cost_explorer_read_operations`: what was spent on what, what will be, and what was out of the ordinary.

Every call of this API costs 0.01 USD on AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from skerry.servers.aws_ops.arguments import Arguments, Parameter, wrong_arguments
from skerry.servers.aws_ops.definition import Build, Item, Members, Missing, Operation, Paging, ServiceTool
from skerry.servers.aws_ops.periods import END, HORIZON, PERIOD, START, USES, future, past

_PAGES = Paging(size="", cursor="NextPageToken", next="NextPageToken")
_SIZED = Paging(maximum=1000, cursor="NextPageToken", next="NextPageToken")

# What people say, and the names that Cost Explorer has for it.
SERVICES: Mapping[str, tuple[str, ...]] = {
    "api gateway": ("Amazon API Gateway",),
    "apigateway": ("Amazon API Gateway",),
    "bedrock": ("Amazon Bedrock",),
    "cloudformation": ("AWS CloudFormation",),
    "cloudfront": ("Amazon CloudFront",),
    "cloudwatch": ("AmazonCloudWatch",),
    "dynamodb": ("Amazon DynamoDB",),
    "ebs": ("EC2 - Other",),
    "ec2": ("Amazon Elastic Compute Cloud - Compute", "EC2 - Other"),
    "ecr": ("Amazon EC2 Container Registry (ECR)",),
    "ecs": ("Amazon Elastic Container Service",),
    "eks": ("Amazon Elastic Container Service for Kubernetes",),
    "kms": ("AWS Key Management Service",),
    "lambda": ("AWS Lambda",),
    "rds": ("Amazon Relational Database Service",),
    "route53": ("Amazon Route 53",),
    "route 53": ("Amazon Route 53",),
    "s3": ("Amazon Simple Storage Service",),
    "sagemaker": ("Amazon SageMaker",),
    "ses": ("Amazon Simple Email Service",),
    "sns": ("Amazon Simple Notification Service",),
    "sqs": ("Amazon Simple Queue Service",),
    "tax": ("Tax",),
}
_DIMENSIONS: Mapping[str, str] = {
    "service": "SERVICE",
    "region": "REGION",
    "account": "LINKED_ACCOUNT",
    "usage_type": "USAGE_TYPE",
    "operation": "OPERATION",
    "instance_type": "INSTANCE_TYPE",
    "record_type": "RECORD_TYPE",
}
_METRICS: Mapping[str, str] = {
    "unblended": "UnblendedCost",
    "amortized": "AmortizedCost",
    "net": "NetUnblendedCost",
}
_FILTERS = ("service", "cost_region", "tag")
_COSTS = (*USES, *_FILTERS, "metric")


def _filter(arguments: Arguments) -> Members:
    """The expression for service, region and tag; none when none is given."""
    parts: list[dict[str, Any]] = []
    if "service" in arguments:
        named = str(arguments["service"])
        values = SERVICES.get(named.lower(), (named,))
        parts.append({"Dimensions": {"Key": "SERVICE", "Values": list(values)}})
    if "cost_region" in arguments:
        parts.append({"Dimensions": {"Key": "REGION", "Values": [arguments["cost_region"]]}})
    if "tag" in arguments:
        key, found, value = str(arguments["tag"]).partition("=")
        if not found:
            raise wrong_arguments([("tag", "is of the form key=value")])
        parts.append({"Tags": {"Key": key, "Values": [value]}})
    if not parts:
        return {}
    return {"Filter": parts[0] if len(parts) == 1 else {"And": parts}}


def _asked(granularity: str, *groups: dict[str, str]) -> Build:
    """GetCostAndUsage for the days and filters of the arguments."""

    def build(arguments: Arguments, now: float) -> Members:
        start, after = past(arguments, now)
        wanted = [*groups, *_groups(arguments)]
        return {
            "TimePeriod": {"Start": start.isoformat(), "End": after.isoformat()},
            "Granularity": str(arguments.get("granularity", granularity)).upper(),
            "Metrics": [_METRICS[str(arguments.get("metric", "unblended"))]],
            **({"GroupBy": wanted} if wanted else {}),
            **_filter(arguments),
        }

    return build


def _groups(arguments: Arguments) -> list[dict[str, str]]:
    groups = []
    if "group_by" in arguments:
        groups.append({"Type": "DIMENSION", "Key": _DIMENSIONS[str(arguments["group_by"])]})
    if "tag_key" in arguments:
        groups.append({"Type": "TAG", "Key": str(arguments["tag_key"])})
    return groups


def _money(metrics: Mapping[str, Any]) -> tuple[Decimal, str]:
    ((_, value),) = metrics.items()
    return Decimal(value["Amount"]), str(value["Unit"])


def _rounded(amount: Decimal) -> float:
    return float(round(amount, 4))


def _summed(name: str) -> Callable[[Members], list[Item]]:
    """One item for each group, over all months of the period, the dearest first, with its share."""

    def items(answer: Members) -> list[Item]:
        sums: dict[str, Decimal] = {}
        unit = "USD"
        for result in answer.get("ResultsByTime", []):
            for group in result["Groups"]:
                amount, unit = _money(group["Metrics"])
                sums[group["Keys"][0]] = sums.get(group["Keys"][0], Decimal()) + amount
        total = sum(sums.values(), Decimal())
        ranked = sorted(sums.items(), key=lambda pair: pair[1], reverse=True)
        span = answer.get("ResultsByTime") or [{"TimePeriod": {}}]
        return [
            {
                name: _value(key),
                "amount": _rounded(amount),
                "currency": unit,
                "share": f"{100 * amount / total:.1f} %" if total else "0.0 %",
                "from": span[0]["TimePeriod"].get("Start"),
                "until": span[-1]["TimePeriod"].get("End"),
            }
            for key, amount in ranked
        ]

    return items


def _value(key: str) -> str:
    """`team$storefront` as `storefront`; what has no such tag is said so."""
    name, found, value = key.partition("$")
    return (value or f"(no {name})") if found else key


def _by_time(answer: Members) -> list[Item]:
    """An item for each day or month, and for each group in it."""
    items: list[Item] = []
    for result in answer.get("ResultsByTime", []):
        when = {"from": result["TimePeriod"]["Start"], "until": result["TimePeriod"]["End"]}
        rows = [(group["Keys"], group["Metrics"]) for group in result["Groups"]] or (
            [([], result["Total"])] if result.get("Total") else []
        )
        for keys, metrics in rows:
            amount, unit = _money(metrics)
            group = {"group": ", ".join(map(_value, keys))} if keys else {}
            estimated = {"estimated": True} if result.get("Estimated") else {}
            items.append({**when, **group, "amount": _rounded(amount), "currency": unit, **estimated})
    return items


def _ahead(arguments: Arguments, now: float) -> Members:
    start, after = future(arguments, now)
    return {
        "TimePeriod": {"Start": start.isoformat(), "End": after.isoformat()},
        "Granularity": str(arguments.get("granularity", "monthly")).upper(),
        "Metric": "UNBLENDED_COST",
        "PredictionIntervalLevel": 80,
        **_filter(arguments),
    }


def _forecast(answer: Members) -> list[Item]:
    unit = answer.get("Total", {}).get("Unit", "USD")
    return [
        {
            "from": result["TimePeriod"]["Start"],
            "until": result["TimePeriod"]["End"],
            "amount": _rounded(Decimal(result["MeanValue"])),
            "low": _rounded(Decimal(result.get("PredictionIntervalLowerBound", result["MeanValue"]))),
            "high": _rounded(Decimal(result.get("PredictionIntervalUpperBound", result["MeanValue"]))),
            "currency": unit,
        }
        for result in answer.get("ForecastResultsByTime", [])
    ]


def _when(arguments: Arguments, now: float) -> Members:
    start, after = past(arguments, now)
    return {"TimePeriod": {"Start": start.isoformat(), "End": after.isoformat()}}


def _values_of(arguments: Arguments, now: float) -> Members:
    return {**_when(arguments, now), "Dimension": _DIMENSIONS[str(arguments["dimension"])]}


def _tags_of(arguments: Arguments, now: float) -> Members:
    key = {"TagKey": arguments["tag_key"]} if "tag_key" in arguments else {}
    return {**_when(arguments, now), **key}


def _unusual(arguments: Arguments, now: float) -> Members:
    start, after = past(arguments, now, "last_90_days")
    return {"DateInterval": {"StartDate": start.isoformat(), "EndDate": after.isoformat()}}


def _by(name: str, key: str, what: str) -> Operation:
    return Operation(
        name=f"costs_by_{name}",
        summary=f"what each {what} cost in a period, the dearest first",
        api="GetCostAndUsage",
        items=_summed(name),
        build=_asked("MONTHLY", {"Type": "DIMENSION", "Key": key}),
        uses=_COSTS,
        paging=_PAGES,
        scope="account",
    )


TOOL = ServiceTool(
    name="cost_explorer_read_operations",
    title="Cost Explorer: read",
    service="ce",
    subject="Reads AWS Cost Explorer: what was spent (costs, spend, bill) by service, region, account, usage "
    "type or tag, per month or day; the forecast; anomalies. On AWS each question costs 0.01 USD.",
    operations=(
        _by("service", "SERVICE", "service"),
        _by("region", "REGION", "region"),
        _by("account", "LINKED_ACCOUNT", "account"),
        _by("usage_type", "USAGE_TYPE", "usage type"),
        Operation(
            name="costs_by_tag",
            summary="what each value of a tag cost in a period, the dearest first",
            api="GetCostAndUsage",
            items=_summed("value"),
            build=_asked("MONTHLY"),
            uses=(*_COSTS, "tag_key"),
            requires=("tag_key",),
            paging=_PAGES,
            scope="account",
        ),
        Operation(
            name="get_costs",
            summary="the costs of each month or day of a period, altogether or in groups",
            api="GetCostAndUsage",
            items=_by_time,
            build=_asked("MONTHLY"),
            uses=(*_COSTS, "granularity", "group_by", "tag_key"),
            paging=_PAGES,
            scope="account",
        ),
        Operation(
            name="forecast_costs",
            summary="what the coming days or months will probably cost",
            api="GetCostForecast",
            items=_forecast,
            build=_ahead,
            uses=("horizon", "granularity", *_FILTERS),
            scope="account",
        ),
        Operation(
            name="list_anomalies",
            summary="unusual costs: when, which service, how much more than expected",
            api="GetAnomalies",
            items="Anomalies[].{from: AnomalyStartDate, until: AnomalyEndDate, service: DimensionValue, "
            "extra: Impact.TotalImpact, actual: Impact.TotalActualSpend, "
            "expected: Impact.TotalExpectedSpend, feedback: Feedback, "
            "causes: RootCauses[].{service: Service, region: Region, account: LinkedAccount, "
            "usage_type: UsageType}, id: AnomalyId}",
            build=_unusual,
            uses=USES,
            paging=Paging(maximum=100, cursor="NextPageToken", next="NextPageToken"),
            scope="account",
        ),
        Operation(
            name="list_dimension_values",
            summary="which services, regions, accounts or usage types had costs in a period",
            api="GetDimensionValues",
            items="DimensionValues[].{value: Value, description: Attributes.description}",
            build=_values_of,
            uses=(*USES, "dimension"),
            requires=("dimension",),
            paging=_SIZED,
            scope="account",
        ),
        Operation(
            name="list_tags",
            summary="which cost tags there are, or which values one of them has",
            api="GetTags",
            items="Tags[].{tag: @}",
            build=_tags_of,
            uses=(*USES, "tag_key"),
            paging=_SIZED,
            scope="account",
        ),
    ),
    parameters=(
        PERIOD,
        START,
        END,
        HORIZON,
        Parameter(
            name="service",
            description="Only this service: ec2, s3, or its name in Cost Explorer.",
            max_length=128,
        ),
        Parameter(
            name="cost_region", description="Only costs of this region, such as eu-west-1.", max_length=32
        ),
        Parameter(name="tag", description="Only what has this tag, as key=value.", max_length=385),
        Parameter(name="tag_key", description="The key of a cost allocation tag.", max_length=128),
        Parameter(
            name="granularity",
            description="Monthly when left out.",
            one_of=("monthly", "daily"),
        ),
        Parameter(name="group_by", description="How get_costs is divided up.", one_of=tuple(_DIMENSIONS)),
        Parameter(
            name="dimension", description="What list_dimension_values lists.", one_of=tuple(_DIMENSIONS)
        ),
        Parameter(
            name="metric",
            description="Which costs: unblended when left out; amortized spreads upfront payments.",
            one_of=tuple(_METRICS),
        ),
    ),
    missing=(
        Missing(
            code="DataUnavailableException",
            hint="Cost Explorer has no data for this; it may have to be enabled first, which takes a day.",
        ),
    ),
)
