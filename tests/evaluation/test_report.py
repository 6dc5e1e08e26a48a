"""The figures of `skerry eval` as a person sees them."""

from __future__ import annotations

from skerry.evaluation.questions import load
from skerry.evaluation.report import table
from skerry.evaluation.scoring import Given, judge


def test_the_table_has_straight_columns():
    parts = ("tuning", "held-out")
    for_short, for_long = ([judge(question, Given()) for question in load(parts)] for _ in range(2))
    lines = table({"router": for_short, "a model of a much longer name": for_long}).splitlines()
    assert len(lines) == 2 + 2 * len(parts)
    assert len({tuple(at for at, sign in enumerate(line) if sign == "|") for line in lines}) == 1
