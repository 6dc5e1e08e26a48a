"""The set itself: large enough, a third to be declined, and a split that nobody can move by hand."""

import hashlib

import pytest

from skerry.evaluation.questions import load

ALL = load()
HELD_OUT = load(["held-out"])


@pytest.mark.behaviour("EV-SET")
def test_the_set_is_large_and_a_third_of_it_is_declined():
    declined = [question for question in ALL if question.expected != "call"]
    assert len(ALL) >= 200
    assert len(declined) >= len(ALL) / 3
    assert {"refusal", "question"} == {question.expected for question in declined}


@pytest.mark.behaviour("EV-HELD-OUT")
def test_sixty_questions_are_held_out_by_a_hash():
    """The forty calls and the twenty others with the smallest hashes: nobody chose them."""
    for calls, count in ((True, 40), (False, 20)):
        kind = [question for question in ALL if (question.expected == "call") is calls]
        kind.sort(key=lambda question: hashlib.sha256(question.text.encode()).hexdigest())
        assert {question.text for question in kind[:count]} == {
            question.text for question in HELD_OUT if (question.expected == "call") is calls
        }


def test_no_question_is_asked_twice():
    assert len({question.text.casefold() for question in ALL}) == len(ALL)


def test_a_label_fits_what_is_expected():
    for question in ALL:
        assert bool(question.tool) is (question.expected == "call"), question.text
        assert not question.arguments or question.tool, question.text
