"""The inventory of AgentCore's contract holds together, and what is kept of it does not get less."""

import pytest

from tests.contracts.coverage import GOAL, Fact, facts, problems, share

FLOOR = {"runtime": GOAL, "gateway": 0.88}
"""The share of what AWS publishes that is kept. A gateway is below GOAL: `make parity` lists what is left."""


def fact(**members):
    return Fact(**{"plane": "p", "section": "s", "text": "t", "mark": "M", "by": ("RT-BOTO3",)} | members)


def test_the_inventory_has_no_problems():
    assert list(problems(facts())) == []


@pytest.mark.parametrize("plane", FLOOR)
def test_no_less_is_kept_than_before(plane):
    found = share(row for row in facts() if row.plane == plane)
    assert found.binding_total > 300
    assert found.ratio >= FLOOR[plane]


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"mark": "X"}, "unknown mark"),
        ({"by": ()}, "needs either"),
        ({"left": "why"}, "needs either"),
        ({"by": ("NO-SUCH-ROW",)}, "no behaviour NO-SUCH-ROW"),
        ({"by": ("RT-FIRST-5XX",)}, "proves nothing"),
        ({"text": ""}, "0 characters"),
        ({"text": "x" * 141}, "141 characters"),
    ],
)
def test_what_is_wrong_with_a_fact_is_said(members, text):
    (found,) = problems([fact(**members)])
    assert text in found


def test_a_fact_stands_once_in_a_section():
    (found,) = problems([fact(), fact(), fact(section="other")])
    assert "twice" in found


def test_only_what_aws_publishes_counts_for_the_share():
    found = share(
        [fact(), fact(mark="F"), fact(mark="D", by=(), left="why"), fact(mark="I", by=(), left="why")]
    )
    assert (found.binding, found.binding_total, found.promised, found.total) == (1, 2, 2, 4)
    assert found.ratio == 0.5
