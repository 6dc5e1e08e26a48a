"""From answers to scores: pure.

Three figures, each over its own questions: how often the right tool was called where a call was expected;
how often that call had every expected argument; how often nothing was called where a refusal or a question
back was expected.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skerry.evaluation.questions import Question
from skerry.wire.tool_names import own_name

Z = 1.96
"""The 95 % quantile of the normal distribution, two-sided."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a model did with a question: the tool it called and how, or the text it said instead.

    `problem` is set when it did not answer at all.
    """

    tool: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    seconds: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A question, what was done with it, and whether tool and arguments are right."""

    question: Question
    given: Given
    tool: bool
    arguments: bool

    @property
    def wrong(self) -> str:
        """What is wrong, in a few words, or nothing."""
        if self.given.problem:
            return f"no answer: {self.given.problem}"
        called = f"called {self.given.tool}" if self.given.tool else "called nothing"
        if not self.tool:
            return f"{called}, not {self.question.tool or 'nothing'}"
        if not self.arguments:
            return f"{called} with {dict(self.given.arguments)}, not {dict(self.question.arguments)}"
        return ""


@dataclass(frozen=True, slots=True)
class Share:
    """So many right of so many."""

    right: int
    of: int

    def interval(self) -> tuple[float, float]:
        """The share's 95 % interval (Wilson score); (0, 1) of nothing."""
        if not self.of:
            return 0.0, 1.0
        share, spread = self.right / self.of, Z * Z / self.of
        middle = (share + spread / 2) / (1 + spread)
        half = Z / (1 + spread) * math.sqrt(share * (1 - share) / self.of + spread / (4 * self.of))
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Score:
    """The three figures over some questions."""

    tools: Share
    arguments: Share
    refusals: Share


def judge(question: Question, given: Given) -> Verdict:
    """Compares a question's label with what was done. A model that did not answer is wrong."""
    if given.problem:
        return Verdict(question, given, tool=False, arguments=False)
    own = own_name(given.tool)
    tool = own == question.tool
    arguments = tool and all(
        _equal(given.arguments.get(name), value) for name, value in question.arguments.items()
    )
    return Verdict(question, given, tool=tool, arguments=arguments)


def score(verdicts: Iterable[Verdict]) -> Score:
    """The figures of some verdicts."""
    listed = list(verdicts)
    calls = [verdict for verdict in listed if verdict.question.expected == "call"]
    others = [verdict for verdict in listed if verdict.question.expected != "call"]
    called = [verdict for verdict in calls if verdict.tool]
    return Score(
        tools=_share([verdict.tool for verdict in calls]),
        arguments=_share([verdict.arguments for verdict in called]),
        refusals=_share([verdict.tool for verdict in others]),
    )


def _share(right: Sequence[bool]) -> Share:
    return Share(sum(right), len(right))


def _equal(given: object, wanted: object) -> bool:
    """Equal but for case and for a number written as text; of a list of values any is right."""
    if isinstance(wanted, list):
        return any(_equal(given, one) for one in wanted)
    return given is not None and str(given).casefold() == str(wanted).casefold()
