"""Metrics, alarms and logs of CloudWatch."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from typing import Any

GROUP, STREAM = "/aws/lambda/orders", "2026/one"


def fill(client: Callable[..., Any]) -> dict[str, Any]:
    """Two alarms, one of them on, a metric of the last hours, and a log group with twelve events."""
    watch, logs = client("cloudwatch"), client("logs")
    now = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)
    dimensions = [{"Name": "FunctionName", "Value": "orders"}]
    for name, threshold, description in (("errors-high", 5.0, "Orders fail."), ("errors-any", 0.0, "Any.")):
        watch.put_metric_alarm(
            AlarmName=name,
            AlarmDescription=description,
            Namespace="Shop",
            MetricName="Errors",
            Dimensions=dimensions,
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=2,
            Threshold=threshold,
            ComparisonOperator="GreaterThanThreshold",
            AlarmActions=["arn:aws:sns:us-east-1:123456789012:alerts"],
        )
    watch.set_alarm_state(AlarmName="errors-high", StateValue="ALARM", StateReason="7.0 was over 5.0")
    watch.set_alarm_state(AlarmName="errors-any", StateValue="OK", StateReason="quiet")
    watch.put_metric_data(
        Namespace="Shop",
        MetricData=[
            {
                "MetricName": "Errors",
                "Dimensions": dimensions,
                "Timestamp": now - dt.timedelta(minutes=minutes),
                "Value": value,
                "Unit": "Count",
            }
            for minutes, value in ((90, 1.0), (60, 2.0), (58, 4.0), (30, 7.0))
        ],
    )
    body = json.dumps({"widgets": []})
    watch.put_dashboard(DashboardName="shop", DashboardBody=body)
    logs.create_log_group(logGroupName=GROUP)
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=14)
    logs.create_log_group(logGroupName="/shop/web")
    millis = int(time.time() * 1000)
    for stream in (STREAM, "2026/two"):
        logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    logs.put_log_events(
        logGroupName=GROUP,
        logStreamName=STREAM,
        logEvents=[
            {"timestamp": millis - 60_000 * (20 - number), "message": f"{level(number)} order {number}\n"}
            for number in range(12)
        ],
    )
    logs.put_metric_filter(
        logGroupName=GROUP,
        filterName="errors",
        filterPattern="ERROR",
        metricTransformations=[{"metricName": "Errors", "metricNamespace": "Shop", "metricValue": "1"}],
    )
    return {"now": now, "first_event": millis - 60_000 * 20}


def level(number: int) -> str:
    """Every fourth event is an error."""
    return "INFO" if number % 4 else "ERROR"
