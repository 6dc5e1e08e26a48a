"""`cloudwatch_read_operations`: metrics, alarms and logs.

Two services of AWS: `cloudwatch` and `logs`. Masked data in logs stays masked: `unmask` is never sent.
"""

from __future__ import annotations

from skerry.servers.aws_ops import loglines, metrics
from skerry.servers.aws_ops.arguments import Arguments, Parameter
from skerry.servers.aws_ops.definition import (
    Detail,
    Members,
    Missing,
    Operation,
    Paging,
    ServiceTool,
    alone,
    listed,
    member,
)
from skerry.servers.aws_ops.times import SINCE, UNTIL, window

_ALARMS = Paging(size="MaxRecords", maximum=100)
_LOGS = Paging(size="limit", maximum=50, cursor="nextToken", next="nextToken")
_SPAN = ("since", "until")
_GROUP = {"log_group": member("logGroupName")}
_METRIC = {
    "namespace": member("Namespace"),
    "metric": member("MetricName"),
    "dimensions": lambda value: {"Dimensions": metrics.dimensions(str(value))},
}
_ALARM = (
    "name: AlarmName, state: StateValue, reason: StateReason, since: StateTransitionedTimestamp || "
    "StateUpdatedTimestamp, metric: MetricName, namespace: Namespace, "
    "dimensions: Dimensions[].join('=', [Name, Value]), statistic: Statistic || ExtendedStatistic, "
    "comparison: ComparisonOperator, threshold: Threshold, rule: AlarmRule"
)


def _history(arguments: Arguments, now: float) -> Members:
    start, end = window(arguments, now, "7d")
    return {"StartDate": start, "EndDate": end}


def _streams(arguments: Arguments, _now: float) -> Members:
    """By their last event, unless a prefix is given: the service takes only one of both."""
    if "prefix" in arguments:
        return {"logStreamNamePrefix": arguments["prefix"]}
    return {"orderBy": "LastEventTime", "descending": True}


TOOL = ServiceTool(
    name="cloudwatch_read_operations",
    title="CloudWatch: read",
    service="cloudwatch",
    subject="Reads Amazon CloudWatch: metrics (CPU, errors, latency over time), alarms and their history, "
    "dashboards, and logs: groups, streams, events, errors, Logs Insights queries.",
    operations=(
        Operation(
            name="list_alarms",
            summary="alarms with state (OK, ALARM, INSUFFICIENT_DATA), metric, threshold and reason",
            api="DescribeAlarms",
            items=f"[MetricAlarms, CompositeAlarms][].{{{_ALARM}}}",
            always={"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]},
            sends={"state": member("StateValue"), "prefix": member("AlarmNamePrefix")},
            paging=_ALARMS,
        ),
        Operation(
            name="describe_alarm",
            summary="one alarm's rule, periods and actions",
            api="DescribeAlarms",
            items=f"[MetricAlarms, CompositeAlarms][].{{{_ALARM}, description: AlarmDescription, "
            "period_seconds: Period, evaluation_periods: EvaluationPeriods, "
            "datapoints: DatapointsToAlarm, missing_data: TreatMissingData, "
            "actions_enabled: ActionsEnabled, alarm_actions: AlarmActions, ok_actions: OKActions, "
            "no_data_actions: InsufficientDataActions, changed: AlarmConfigurationUpdatedTimestamp, "
            "arn: AlarmArn}",
            always={"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]},
            sends={"alarm": alone("AlarmNames")},
            requires=("alarm",),
            nothing="Check the name and the region; list_alarms shows what there is.",
        ),
        Operation(
            name="list_alarm_history",
            summary="when alarms changed their state and why, newest first; the last week when left out",
            api="DescribeAlarmHistory",
            items="AlarmHistoryItems[].{time: Timestamp, alarm: AlarmName, type: HistoryItemType, "
            "summary: HistorySummary}",
            always={"ScanBy": "TimestampDescending", "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]},
            sends={"alarm": member("AlarmName")},
            build=_history,
            uses=_SPAN,
            paging=_ALARMS,
        ),
        Operation(
            name="list_metrics",
            summary="which metrics there are, by namespace, name and dimensions",
            api="ListMetrics",
            items="Metrics[].{namespace: Namespace, metric: MetricName, "
            "dimensions: Dimensions[].join('=', [Name, Value])}",
            sends=_METRIC,
            paging=Paging(size=""),
        ),
        Operation(
            name="get_metric",
            summary="values of a metric over time; the last three hours when left out",
            api="GetMetricStatistics",
            items=metrics.points,
            sends=_METRIC,
            requires=("namespace", "metric"),
            build=metrics.statistics_of,
            uses=(*_SPAN, "statistic", "period_seconds"),
        ),
        Operation(
            name="list_dashboards",
            summary="dashboards by name and last change",
            api="ListDashboards",
            items="DashboardEntries[].{name: DashboardName, changed: LastModified, bytes: Size}",
            sends={"prefix": member("DashboardNamePrefix")},
            paging=Paging(size=""),
        ),
        Operation(
            name="list_log_groups",
            summary="log groups with size and retention",
            service="logs",
            api="DescribeLogGroups",
            items=loglines.groups,
            sends={"prefix": member("logGroupNamePrefix")},
            paging=_LOGS,
        ),
        Operation(
            name="list_log_streams",
            summary="streams of a log group, the last written first",
            service="logs",
            api="DescribeLogStreams",
            items=loglines.streams,
            sends=_GROUP,
            requires=("log_group",),
            build=_streams,
            uses=("prefix",),
            paging=_LOGS,
        ),
        Operation(
            name="get_log_events",
            summary="the newest events of one log stream, going back",
            service="logs",
            api="GetLogEvents",
            items=loglines.newest_first,
            always={"startFromHead": False},
            sends={**_GROUP, "log_stream": member("logStreamName")},
            requires=("log_stream", "log_group"),
            build=loglines.given_period,
            uses=_SPAN,
            paging=Paging(
                size="limit", maximum=1000, cursor="nextToken", next="nextBackwardToken", repeats=True
            ),
        ),
        Operation(
            name="filter_log_events",
            summary="events of a log group, with a pattern such as ERROR; the last hour when left out",
            service="logs",
            api="FilterLogEvents",
            items=loglines.events,
            sends={
                **_GROUP,
                "log_stream": alone("logStreamNames"),
                "pattern": member("filterPattern"),
            },
            requires=("log_group",),
            build=loglines.period,
            uses=_SPAN,
            paging=Paging(size="limit", maximum=1000, cursor="nextToken", next="nextToken"),
        ),
        Operation(
            name="query_logs",
            summary="runs a Logs Insights query over log groups and waits some seconds for its rows",
            service="logs",
            api="StartQuery",
            items="[{query_id: queryId}]",
            sends={"log_group": listed("logGroupNames"), "query": member("queryString")},
            requires=("log_group", "query"),
            build=loglines.query,
            uses=_SPAN,
            details=(
                Detail(
                    api="GetQueryResults",
                    fields=loglines.results,
                    takes={"queryId": "query_id"},
                    again=loglines.unfinished,
                ),
            ),
        ),
        Operation(
            name="get_query_results",
            summary="rows of a Logs Insights query that took longer",
            service="logs",
            api="GetQueryResults",
            items=lambda answer: [loglines.results(answer)],
            sends={"query_id": member("queryId")},
            requires=("query_id",),
            echo=("query_id",),
        ),
        Operation(
            name="list_metric_filters",
            summary="which patterns in logs are counted as metrics",
            service="logs",
            api="DescribeMetricFilters",
            items="metricFilters[].{name: filterName, log_group: logGroupName, pattern: filterPattern, "
            "metrics: metricTransformations[].{namespace: metricNamespace, metric: metricName, "
            "value: metricValue}}",
            sends=_GROUP,
            paging=_LOGS,
        ),
    ),
    parameters=(
        Parameter(
            name="state",
            description="Only alarms in this state.",
            one_of=("OK", "ALARM", "INSUFFICIENT_DATA"),
        ),
        Parameter(name="alarm", description="The name of an alarm.", max_length=255),
        Parameter(name="prefix", description="Only names that begin with this.", max_length=512),
        Parameter(
            name="namespace",
            description="A namespace of metrics such as AWS/EC2 or AWS/Lambda.",
            max_length=255,
        ),
        Parameter(name="metric", description="A metric such as CPUUtilization or Errors.", max_length=255),
        Parameter(
            name="dimensions",
            description="What the metric is about, as InstanceId=i-0123 or FunctionName=orders, several "
            "separated by commas.",
        ),
        Parameter(
            name="statistic",
            description="How values of a period are put together; Average when left out.",
            one_of=(*metrics.STATISTICS, *metrics.PERCENTILES),
        ),
        Parameter(
            name="period_seconds",
            description="Seconds for each value, a multiple of 60; fits the span when left out.",
            kind="integer",
            minimum=60,
            maximum=86_400,
        ),
        Parameter(
            name="log_group",
            description="The name of a log group such as /aws/lambda/orders; for query_logs several, "
            "separated by commas.",
            max_length=2048,
        ),
        Parameter(name="log_stream", description="The name of a log stream.", max_length=512),
        Parameter(
            name="pattern", description='A filter pattern such as ERROR or "timed out".', max_length=1024
        ),
        Parameter(
            name="query",
            description="A Logs Insights query such as: fields @timestamp, @message | filter @message like "
            "/ERROR/ | sort @timestamp desc.",
            max_length=10_000,
        ),
        Parameter(name="query_id", description="The query_id of a query_logs answer.", max_length=256),
        SINCE,
        UNTIL,
    ),
    missing=(
        Missing(
            code="ResourceNotFoundException",
            hint="Check the names and the region; list_log_groups and list_log_streams show what there is.",
        ),
        Missing(
            code="ResourceNotFound",
            hint="Check the names and the region; list_alarms shows what there is.",
        ),
    ),
)
