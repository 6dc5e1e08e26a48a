"""Dimensions as text, and the period that fits a span."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ServiceError
from skerry.servers.aws_ops.metrics import PERCENTILES, dimensions, points, statistics_of

NOW = 1_800_000_000.0
WORDS = st.text("abcdefgh/-_. :", min_size=1, max_size=12).filter(lambda text: text.strip() == text)


def test_dimensions():
    assert dimensions("InstanceId=i-1, Path = a=b ,") == [
        {"Name": "InstanceId", "Value": "i-1"},
        {"Name": "Path", "Value": "a=b"},
    ]


@pytest.mark.parametrize(
    "text", ["", ",", "orders", "=x", "Name=", "A=1,B", ",".join(f"D{n}=1" for n in range(31))]
)
def test_what_are_no_dimensions(text):
    with pytest.raises(ServiceError, match="'dimensions'"):
        dimensions(text)


@given(st.dictionaries(WORDS, WORDS, min_size=1, max_size=5))
def test_dimensions_come_back_as_they_went(wanted):
    text = ",".join(f"{name}={value}" for name, value in wanted.items())
    assert dimensions(text) == [{"Name": name, "Value": value} for name, value in wanted.items()]


@given(st.text(max_size=60))
def test_any_text_is_dimensions_or_refused_in_words(text):
    try:
        found = dimensions(text)
    except ServiceError as error:
        assert error.members["fieldList"][0]["name"] == "dimensions"
    else:
        assert all(item["Name"] and item["Value"] for item in found)


@pytest.mark.parametrize(
    ("since", "period"),
    [("1h", 60), ("3h", 300), ("1d", 900), ("3d", 3600), ("14d", 21_600), ("90d", 86_400)],
)
def test_a_period_that_fits(since, period):
    assert statistics_of({"since": since}, NOW)["Period"] == period


def test_percentiles_are_extended_statistics():
    for name in PERCENTILES:
        members = statistics_of({"statistic": name}, NOW)
        assert members["ExtendedStatistics"] == [name]
        assert "Statistics" not in members
    (point,) = points({"Datapoints": [{"Timestamp": 1, "ExtendedStatistics": {"p99": 8.5}, "Unit": "Count"}]})
    assert point == {"time": 1, "value": 8.5, "unit": "Count"}
