"""How good the router is, measured: on the tuning questions over the desk's own tools, and on made-up tools.

The tuning questions were looked at while the router was written. The old catalogue's held-out half was not.
"""

import time
from datetime import date
from statistics import median

import pytest

from skerry.evaluation.questions import load
from skerry.evaluation.scoring import Given, judge, score
from skerry.local.models.request import ToolSpec
from skerry.local.models.router.lexical import Index
from skerry.local.models.router.routing import Ask, Call, Offer, route
from tests.local.models.catalogue import DESK, HELD_OUT, OPERATIONS, TUNING
from tests.local.models.real import desk_tools

TODAY = date(2026, 11, 29)
CATALOGUE = Index(OPERATIONS)


@pytest.fixture(scope="module")
def desk():
    return Index(desk_tools())


def first_decision(text, index):
    found = route(text, index, today=TODAY)
    return Given(found.tool.name, found.arguments) if isinstance(found, Call) else Given(text=repr(found))


@pytest.mark.behaviour("MD-ROUTER-MEASURED")
def test_the_tuning_questions_over_the_tools_of_the_desk(desk):
    verdicts = [judge(question, first_decision(question.text, desk)) for question in load(("tuning",))]
    print("\n".join(f"{verdict.question.text!r}: {verdict.wrong}" for verdict in verdicts if verdict.wrong))
    found = score(verdicts)
    print(f"{len(desk.tools)} tools: {found}")
    assert len(desk.tools) >= 55
    assert found.tools.right >= 0.93 * found.tools.of
    assert found.arguments.right >= 0.93 * found.arguments.of
    assert found.refusals.right >= 0.96 * found.refusals.of


def label(text: str, index: Index = CATALOGUE) -> str:
    found = route(text, index, today=TODAY)
    if isinstance(found, Call | Ask):
        return found.tool.name
    return "offer" if isinstance(found, Offer) else ""


def shares(questions) -> tuple[int, int, int, int]:
    """Right tools and their number, right refusals and their number; what went wrong is printed."""
    wrong = [
        f"{text!r}: {label(text)!r}, not {wanted!r}" for text, wanted in questions if label(text) != wanted
    ]
    print("\n".join(wrong))
    served = [(text, wanted) for text, wanted in questions if wanted]
    refused = [(text, wanted) for text, wanted in questions if not wanted]
    right = sum(label(text) == wanted for text, wanted in served)
    declined = sum(label(text) == "" for text, _ in refused)
    return right, len(served), declined, len(refused)


@pytest.mark.behaviour("MD-ROUTER-UNSEEN")
def test_questions_that_never_changed_the_router():
    right, _, declined, _ = shares(HELD_OUT)
    assert right >= 26
    assert declined >= 8


def test_the_catalogues_tuning_questions():
    right, served, declined, refused = shares(TUNING)
    assert (right, declined) == (served, refused)


@pytest.mark.parametrize("count", [1, 2, 40])
def test_scores_are_relative_to_the_number_of_tools(count):
    tools = [DESK[0], *OPERATIONS[3:], *(tool for tool in OPERATIONS if tool.name != DESK[0].name)][:count]
    index = Index(tools)
    assert label("What is the email for account 12345?", index) == "accounts___get_email"
    assert label("What is the weather in Paris?", index) == ""


def crowd(count: int) -> tuple[ToolSpec, ...]:
    """The desk's tools and copies of them under other nouns."""
    tools = list(desk_tools())
    while len(tools) < count:
        original = desk_tools()[len(tools) % len(desk_tools())]
        noun = f"kind{len(tools)}"
        tools.append(
            ToolSpec(
                f"{noun}___{noun}_{original.name.rpartition('___')[2]}",
                f"{original.description} {noun}.",
                original.schema,
            )
        )
    return tuple(tools)


@pytest.mark.behaviour("MD-ROUTER-SPEED")
@pytest.mark.parametrize(("count", "bound"), [(60, 0.05), (1000, 0.15)])
def test_a_question_takes_milliseconds(count, bound):
    """Bounds are ten times what was measured, for a loaded machine."""
    index = Index(crowd(count))
    texts = [question.text for question in load(("tuning",))][::8]
    spent = []
    for text in [*texts, *texts]:
        began = time.perf_counter()
        route(text, index, today=TODAY)
        spent.append(time.perf_counter() - began)
    print(f"{count} tools: {median(spent) * 1000:.2f} ms")
    assert median(spent[len(texts) :]) < bound
