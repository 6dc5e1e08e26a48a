"""Spans and times as people give them."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ServiceError
from skerry.servers.aws_ops.times import from_millis, moment, window

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
FIRST, LAST = dt.datetime.fromisoformat("2000-01-02"), dt.datetime.fromisoformat("2200-01-01")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", "2027-01-15T07:59:30+00:00"),
        ("90m", "2027-01-15T06:30:00+00:00"),
        ("3h", "2027-01-15T05:00:00+00:00"),
        ("3 hours ago", "2027-01-15T05:00:00+00:00"),
        ("90 mins", "2027-01-15T06:30:00+00:00"),
        ("1 week ago", "2027-01-08T08:00:00+00:00"),
        ("7D", "2027-01-08T08:00:00+00:00"),
        ("2w", "2027-01-01T08:00:00+00:00"),
        ("2026-10-31", "2026-10-31T00:00:00+00:00"),
        ("2026-10-31T08:00", "2026-10-31T08:00:00+00:00"),
        ("2026-10-31t08:00:00z", "2026-10-31T08:00:00+00:00"),
        ("2026-10-31T08:00:00+02:00", "2026-10-31T06:00:00+00:00"),
    ],
)
def test_a_time(text, expected):
    assert moment("since", text, NOW).isoformat() == expected


@pytest.mark.behaviour("OPS-SPAN")
@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2 months",
        "1mo",
        "3 hoursx",
        "1 ms",
        "3",
        "h",
        "-3h",
        "3y",
        "2026-13-01",
        "0001-01-01",
        "9999999h",
        "999999w",
        "\0",
    ],
)
def test_what_is_no_time(text):
    with pytest.raises(ServiceError, match="'since' is "):
        moment("since", text, NOW)


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_refused_in_words(text):
    try:
        found = moment("since", text, NOW)
    except ServiceError as error:
        assert error.members["fieldList"][0]["name"] == "since"
    else:
        assert found.tzinfo is dt.UTC


@given(st.datetimes(FIRST, LAST, timezones=st.just(dt.UTC)))
def test_iso_times_come_back_as_they_went(time):
    assert moment("since", time.isoformat(), NOW) == time


def test_a_window():
    start, end = window({}, NOW, "1h")
    assert (end - start, end.timestamp()) == (dt.timedelta(hours=1), NOW)
    start, end = window({"since": "2d", "until": "1d"}, NOW, "1h")
    assert end - start == dt.timedelta(days=1)
    with pytest.raises(ServiceError, match="is not before until"):
        window({"until": "2h"}, NOW, "1h")


def test_milliseconds():
    assert from_millis(NOW * 1000 + 5) == "2027-01-15T08:00:00.005+00:00"
    assert from_millis(None) == from_millis("x") == ""
