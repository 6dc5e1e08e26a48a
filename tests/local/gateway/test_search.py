"""The semantic search: how well it finds, and the tool as clients of a gateway call it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.local.gateway.search.index import Index, Segment
from skerry.local.gateway.tools import Item, prefixed
from tests.kit import aws_catalogue

QUESTIONS = Path(__file__).with_name("search_questions.toml")
AT_TEN, AT_ONE = 0.73, 0.4
"""Shares of held-out questions with a right tool among the ten, and in the first place."""


@dataclass(frozen=True)
class Labelled:
    """A question and the tools that answer it."""

    text: str
    tools: frozenset[str]


def held_out() -> list[Labelled]:
    rows = tomllib.loads(QUESTIONS.read_text())["question"]
    return [Labelled(row["text"], frozenset(row["tools"])) for row in rows if row["held_out"]]


def everything(_item: Item) -> bool:
    return True


@pytest.fixture(scope="module")
def index() -> Index:
    return Index([Segment(prefixed(name, tools).values()) for name, tools in aws_catalogue.targets()])


@pytest.mark.behaviour("GW-SEARCH-QUALITY")
@pytest.mark.timeout(300)
def test_right_tools_are_found_among_ten_thousand(index: Index):
    assert index.size >= 10_000
    questions = held_out()
    ranks = []
    for question in questions:
        names = [item.public for item in index.search(question.text, 10, everything)]
        ranks.append(next((place for place, name in enumerate(names, 1) if name in question.tools), 0))
    assert sum(rank > 0 for rank in ranks) / len(questions) >= AT_TEN
    assert sum(rank == 1 for rank in ranks) / len(questions) >= AT_ONE


@pytest.mark.behaviour("GW-SEARCH-PERMITTED")
def test_only_what_is_permitted_is_found(index: Index):
    found = index.search("list all buckets", 10, lambda item: item.public.startswith("ec2___"))
    assert found
    assert all(item.public.startswith("ec2___") for item in found)
    assert index.search("list all buckets", 10, lambda _: False) == []


def small(*tools: tuple[str, str]) -> Index:
    definitions = [{"name": name, "description": text} for name, text in tools]
    return Index([Segment(prefixed("desk", definitions).values())])


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("who is on holiday", "list_absences"),
        ("remove a customer", "delete_client"),
        ("new customer", "create_client"),
        ("give the money back", "refund_payment"),
        ("add a clinet", "create_client"),
        ("wether forecast for Berlin", "get_weather"),
    ],
)
def test_other_words_and_misspelt_ones_find_the_tool(question: str, expected: str):
    index = small(
        ("create_client", "Adds a client to the books."),
        ("delete_client", "Deletes a client for good."),
        ("list_absences", "Vacations and sick days of the staff."),
        ("refund_payment", "Refunds a payment; the money goes back to the card."),
        ("get_weather", "The weather at a place."),
    )
    assert index.search(question, 10, everything)[0].name == expected


@given(st.text(max_size=300))
def test_any_text_is_answered(text: str):
    index = small(("create_client", "Adds a client."), ("x", ""))
    assert len(index.search(text, 10, everything)) <= 2


@given(st.lists(st.tuples(st.text(min_size=1, max_size=40), st.text(max_size=200)), max_size=20))
def test_any_tools_are_indexed(tools: list[tuple[str, str]]):
    index = small(*tools)
    for name, _ in tools:
        index.search(name, 3, everything)
