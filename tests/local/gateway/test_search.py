"""The semantic search: how well it finds, and the tool as clients of a gateway call it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.client import Client
from mcp_types import CallToolResult

from skerry.local.gateway.search.index import Index, Segment
from skerry.local.gateway.tools import Item, prefixed
from tests.kit import aws_catalogue
from tests.kit.gateway_stack import Stack, gateway_stack

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


SEARCH = "x_amz_bedrock_agentcore_search"
SEMANTIC = {"protocolConfiguration": {"mcp": {"searchType": "SEMANTIC"}}}
MODES = ["legacy", "2026-07-28"]


def zoo(stack: Stack, count: int = 12, **members: object) -> str:
    """A gateway with `count` tools for animals and one for the weather."""
    gateway_id = stack.gateway(**members)
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    tools = [
        {"name": f"feed_animal_{number}", "description": f"Feeds animal {number}.", "inputSchema": schema}
        for number in range(count)
    ]
    weather = {"name": "get_forecast", "description": "Tells the weather.", "inputSchema": schema}
    stack.lambda_target(gateway_id, "zoo", [*tools, weather])
    return gateway_id


@pytest.mark.behaviour("GW-SEARCH-TOOL")
@pytest.mark.parametrize("mode", MODES)
async def test_the_tool_is_listed_first_and_finds_ten(stack: Stack, mode: str) -> None:
    async with Client(stack.url(zoo(stack, **SEMANTIC)), mode=mode) as client:
        listed = (await client.list_tools()).tools
        assert listed[0].name == SEARCH
        assert listed[0].input_schema["required"] == ["query"]
        weather = await client.call_tool(SEARCH, {"query": "will it rain? weather please"})
        assert [tool["name"] for tool in found(weather)][:1] == ["zoo___get_forecast"]
        assert {"description", "inputSchema"} <= set(found(weather)[0])
        animals = found(await client.call_tool(SEARCH, {"query": "feed the animals"}))
        assert len(animals) == 10


def found(result: CallToolResult) -> list[dict[str, object]]:
    """The tools of an answer, which stand in it twice."""
    assert not result.is_error
    assert result.structured_content is not None
    assert json.loads(result.content[0].text) == result.structured_content
    tools: list[dict[str, object]] = result.structured_content["tools"]
    return tools


async def test_a_changed_target_is_found_anew(stack: Stack) -> None:
    gateway_id = zoo(stack, **SEMANTIC)
    async with Client(stack.url(gateway_id)) as client:
        assert found(await client.call_tool(SEARCH, {"query": "invoice"})) == []
        schema = {"type": "object", "properties": {}}
        stack.lambda_target(
            gateway_id, "books", [{"name": "list_invoices", "description": "d", "inputSchema": schema}]
        )
        assert [each["name"] for each in found(await client.call_tool(SEARCH, {"query": "invoice"}))] == [
            "books___list_invoices"
        ]


@pytest.mark.parametrize("arguments", [{}, {"query": ""}, {"query": 7}])
async def test_a_search_without_a_query_says_so(stack: Stack, arguments: dict[str, object]) -> None:
    async with Client(stack.url(zoo(stack, **SEMANTIC))) as client:
        result = await client.call_tool(SEARCH, arguments)
        assert result.is_error
        assert "Missing required field(s): 'query'" in result.content[0].text


@pytest.mark.behaviour("GW-SEARCH-OFF")
async def test_without_the_search_type_there_is_no_such_tool(stack: Stack) -> None:
    async with Client(stack.url(zoo(stack))) as client:
        assert SEARCH not in [tool.name for tool in (await client.list_tools()).tools]
        with pytest.raises(Exception, match=f"Unknown tool: {SEARCH}"):
            await client.call_tool(SEARCH, {"query": "weather"})


@pytest.fixture(scope="module")
def strict() -> Iterator[Stack]:
    """A plane with a quota of two searches a minute."""
    with gateway_stack(searches=2) as running:
        yield running


@pytest.mark.behaviour("GW-SEARCH-QUOTA")
async def test_searches_of_a_gateway_are_bounded(strict: Stack) -> None:
    async with Client(strict.url(zoo(strict, **SEMANTIC))) as client:
        for _ in range(2):
            assert found(await client.call_tool(SEARCH, {"query": "weather"}))
        with pytest.raises(Exception, match="Rate limit exceeded: 2 searches a minute"):
            await client.call_tool(SEARCH, {"query": "weather"})
    async with Client(strict.url(zoo(strict, **SEMANTIC))) as other:
        assert found(await other.call_tool(SEARCH, {"query": "weather"}))
