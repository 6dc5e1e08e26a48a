"""From answers to figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.evaluation.questions import Question
from skerry.evaluation.scoring import Given, Share, judge, score

CALL = Question(
    text="?", part="tuning", tool="get_email", arguments={"account_id": "12345", "region": ["a", "b"]}
)
NONE = Question(text="?", part="tuning", expected="refusal")
BACK = Question(text="?", part="tuning", expected="question")
RIGHT = {"account_id": "12345", "region": "B", "more": True}


@pytest.mark.parametrize(
    ("question", "answer", "tool", "arguments"),
    [
        (CALL, Given("accounts___get_email", RIGHT), True, True),
        (CALL, Given("get_email", RIGHT), True, True),
        (CALL, Given("get_email", {"account_id": 12345, "region": "a"}), True, True),
        (CALL, Given("get_email", {"account_id": "12345"}), True, False),
        (CALL, Given("get_email", {"account_id": "12345", "region": "c"}), True, False),
        (CALL, Given("get_email", {"account_id": None, "region": "a"}), True, False),
        (CALL, Given("accounts___get_chart", RIGHT), False, False),
        (CALL, Given(text="I cannot."), False, False),
        (CALL, Given("get_email", RIGHT, problem="timed out"), False, False),
        (NONE, Given(text="I cannot."), True, True),
        (NONE, Given("get_email", RIGHT), False, False),
        (NONE, Given(problem="timed out"), False, False),
        (BACK, Given(text="Which account?"), True, True),
    ],
)
def test_an_answer_is_right_by_its_tool_and_its_arguments(question, answer, tool, arguments):
    verdict = judge(question, answer)
    assert (verdict.tool, verdict.arguments) == (tool, arguments)
    assert bool(verdict.wrong) is not (tool and arguments)


@pytest.mark.behaviour("EV-FIGURES")
def test_each_figure_counts_its_own_questions():
    verdicts = [
        judge(CALL, Given("get_email", RIGHT)),
        judge(CALL, Given("get_email", {})),
        judge(CALL, Given()),
        judge(NONE, Given()),
        judge(BACK, Given("get_email")),
    ]
    found = score(verdicts)
    assert (Share(2, 3), Share(1, 2), Share(1, 2)) == (found.tools, found.arguments, found.refusals)


def test_a_model_that_says_nothing_has_no_right_refusals():
    assert Share(0, 1) == score([judge(NONE, Given(problem="down"))]).refusals


@given(st.integers(0, 300), st.integers(0, 300))
def test_an_interval_holds_its_share(right, more):
    share = Share(right, right + more)
    low, high = share.interval()
    assert 0.0 <= low <= high <= 1.0
    if share.of:
        assert low - 1e-9 <= share.right / share.of <= high + 1e-9


def test_an_interval_is_wilsons():
    low, high = Share(24, 28).interval()
    assert (0.685, 0.943) == (round(low, 3), round(high, 3))
