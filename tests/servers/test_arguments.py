"""Wrong arguments at our own servers: one line that can be acted on, and no value that was sent."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from fastmcp import Client, FastMCP
from mcp.client import Client as SdkClient
from pydantic import BeforeValidator, Field

from skerry.servers.arguments import ReadableArguments
from skerry.servers.demo import stateless

SECRET = "hunter2-not-to-be-told"


def _picky(value: object) -> object:
    raise ValueError(f"{value} is not what I like")


def server() -> FastMCP:
    made: FastMCP = FastMCP("picky", mask_error_details=True)
    made.add_middleware(ReadableArguments())

    @made.tool
    async def save(
        key: Annotated[str, Field(max_length=8)],
        count: int = 1,
        kind: Literal["A", "B"] = "A",
        odd: Annotated[str, BeforeValidator(_picky)] = "",
    ) -> str:
        return f"saved {count} {kind} {odd}"

    return made


@pytest.mark.behaviour("SERVERS-ARGUMENTS")
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "key (string) is missing."),
        ({"key": SECRET}, "key: string should have at most 8 characters."),
        ({"key": "k", "count": SECRET}, "count must be of type integer."),
        ({"key": "k", "kind": SECRET}, 'kind must be one of "A" | "B".'),
        ({"key": "k", "odd": SECRET}, "odd must be of type string."),
        ({"key": "k", "cuont": SECRET}, "cuont is no argument of it (did you mean count?)."),
    ],
)
async def test_wrong_arguments_are_told_without_their_values(given: dict[str, Any], told: str):
    async with Client(server()) as client:
        result = await client.call_tool("save", given, raise_on_error=False)
    (block,) = result.content
    assert result.is_error
    assert block.text == (
        f"The arguments do not fit save: {told} save takes key (string), and optionally count (integer), "
        'kind ("A" | "B"), odd (string). [SKY-109]'
    )


async def test_what_fits_is_called():
    async with Client(server()) as client:
        assert (await client.call_tool("save", {"key": "k"})).data == "saved 1 A "


@pytest.mark.behaviour("SERVERS-ARGUMENTS")
async def test_a_demo_server_says_it_the_same_way():
    async with SdkClient(stateless.create_server()) as client:
        result = await client.call_tool("get_weather", {"town": SECRET})
    (block,) = result.content
    assert result.is_error
    assert block.text == (
        "The arguments do not fit get_weather: city (string) is missing. get_weather takes city (string). "
        "[SKY-109]"
    )
