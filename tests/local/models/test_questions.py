"""How good the router is, measured. The held-out half was never used to change it."""

import pytest

from skerry.local.models.router.lexical import Index
from skerry.local.models.router.routing import Ask, Call, Offer, route
from tests.local.models.catalogue import DESK, HELD_OUT, OPERATIONS, TUNING

INDEX = Index(OPERATIONS)


def label(text: str, index: Index = INDEX) -> str:
    found = route(text, index)
    if isinstance(found, Call | Ask):
        return found.tool.name
    return "offer" if isinstance(found, Offer) else ""


def score(questions) -> tuple[int, int, int, int, list[str]]:
    """Right tools and their number, right refusals and their number, and what went wrong."""
    wrong = [
        f"{text!r}: {label(text)!r}, not {wanted!r}" for text, wanted in questions if label(text) != wanted
    ]
    served = [(text, wanted) for text, wanted in questions if wanted]
    refused = [(text, wanted) for text, wanted in questions if not wanted]
    right = sum(label(text) == wanted for text, wanted in served)
    declined = sum(label(text) == "" for text, _ in refused)
    return right, len(served), declined, len(refused), wrong


@pytest.mark.behaviour("MD-ROUTER-MEASURED")
def test_held_out_questions(capsys):
    right, served, declined, refused, wrong = score(HELD_OUT)
    with capsys.disabled():
        print(
            f"\nheld out: right tool {right}/{served}, refused {declined}/{refused}; {len(OPERATIONS)} tools"
        )
    print("\n".join(wrong))
    assert right >= 24
    assert declined >= 7


def test_tuning_questions():
    right, served, declined, refused, wrong = score(TUNING)
    print("\n".join(wrong))
    assert (right, declined) == (served, refused)


@pytest.mark.parametrize("count", [1, 2, 40])
def test_scores_are_relative_to_the_number_of_tools(count):
    tools = [DESK[0], *OPERATIONS[3:], *(tool for tool in OPERATIONS if tool.name != DESK[0].name)][:count]
    index = Index(tools)
    assert label("What is the email for account 12345?", index) == "accounts___get_email"
    assert label("What is the weather in Paris?", index) == ""
