"""Log groups, streams, events and queries of CloudWatch Logs, as fields that people read."""

from __future__ import annotations

from skerry.servers.aws_ops.arguments import Arguments, wrong_arguments
from skerry.servers.aws_ops.definition import DEFAULT_LIMIT, Item, Members
from skerry.servers.aws_ops.times import from_millis, window

MAX_QUERY_DAYS = 7
_LONG_AGO = "2006-03-01"  # before there were any logs
_UNFINISHED = ("Scheduled", "Running", "Unknown")


def period(arguments: Arguments, now: float) -> Members:
    """Start and end in milliseconds; the last hour when none is given."""
    start, end = window(arguments, now, "1h")
    return {"startTime": int(start.timestamp() * 1000), "endTime": int(end.timestamp() * 1000)}


def given_period(arguments: Arguments, now: float) -> Members:
    """Start and end in milliseconds, if either is given."""
    return period({"since": _LONG_AGO, **arguments}, now) if {"since", "until"} & set(arguments) else {}


def query(arguments: Arguments, now: float) -> Members:
    """The members of StartQuery. Raises ServiceError when the span is longer than seven days.

    A query costs by the bytes that it scans, so its span and its number of rows are bounded.
    """
    start, end = window(arguments, now, "1h")
    if (end - start).total_seconds() > MAX_QUERY_DAYS * 86_400:
        raise wrong_arguments([("since", f"is more than {MAX_QUERY_DAYS} days before until")])
    return {
        "startTime": int(start.timestamp()),
        "endTime": int(end.timestamp()),
        "limit": int(arguments.get("limit", DEFAULT_LIMIT)),
    }


def groups(answer: Members) -> list[Item]:
    """Log groups by name, size and how long they keep what they get."""
    return [
        {
            "name": item["logGroupName"],
            "stored_bytes": item.get("storedBytes"),
            "retention_days": item.get("retentionInDays", "forever"),
            "created": from_millis(item.get("creationTime")),
            "class": item.get("logGroupClass"),
            "kms_key": item.get("kmsKeyId"),
        }
        for item in answer["logGroups"]
    ]


def streams(answer: Members) -> list[Item]:
    """Log streams by name and the time of their last event."""
    return [
        {
            "name": item["logStreamName"],
            "last_event": from_millis(item.get("lastEventTimestamp")),
            "first_event": from_millis(item.get("firstEventTimestamp")),
            "created": from_millis(item.get("creationTime")),
        }
        for item in answer["logStreams"]
    ]


def events(answer: Members) -> list[Item]:
    """Events in the order of the service."""
    return [
        {
            "time": from_millis(item.get("timestamp")),
            "stream": item.get("logStreamName"),
            "message": str(item.get("message", "")).rstrip(),
        }
        for item in answer["events"]
    ]


def newest_first(answer: Members) -> list[Item]:
    """Events of one stream, the newest first."""
    return events({"events": list(reversed(answer["events"]))})


def unfinished(answer: Members) -> bool:
    """Whether a query still runs."""
    return answer.get("status") in _UNFINISHED


def results(answer: Members) -> Item:
    """Status, rows and cost of a query; each row by the names of its fields."""
    statistics = answer.get("statistics", {})
    return {
        "status": answer.get("status"),
        "rows": [
            {cell["field"]: cell.get("value") for cell in row if cell.get("field") != "@ptr"}
            for row in answer.get("results", [])
        ],
        "scanned_bytes": statistics.get("bytesScanned"),
        "matched_records": statistics.get("recordsMatched"),
    }
