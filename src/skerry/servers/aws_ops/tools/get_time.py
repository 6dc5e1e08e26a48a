"""`get_time`: the time where the tools run, in UTC and in a time zone of choice."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

from skerry.servers.aws_ops.arguments import Arguments, Parameter, Parameters, wrong_arguments
from skerry.servers.aws_ops.definition import PlainTool


def _time(arguments: Arguments, now: float) -> dict[str, Any]:
    name = str(arguments.get("timezone", "UTC"))
    try:
        zone: dt.tzinfo = dt.UTC if name == "UTC" else zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError
        text = f"'{name[:64]}' is no IANA time zone; it looks like Europe/Berlin"
        raise wrong_arguments([("timezone", text)]) from error
    utc = dt.datetime.fromtimestamp(int(now), dt.UTC)
    return {"utc": utc.isoformat(), "local": utc.astimezone(zone).isoformat(), "timezone": name}


TOOL = PlainTool(
    name="get_time",
    title="Current time",
    description="Tells what time and date it is now, in UTC and in a time zone.",
    arguments=Parameters(
        (Parameter(name="timezone", description="An IANA time zone such as Europe/Berlin.", max_length=64),)
    ),
    run=_time,
)
