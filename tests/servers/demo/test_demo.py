"""The demo servers as clients of both eras see them, over stdio and HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from mcp import MCPError
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CreateMessageResult, ElicitRequestParams, ElicitResult, ImageContent, TextContent

from skerry.servers.demo import stateful, stateless
from skerry.servers.demo.weather import SOURCE, weather

MODULE = "skerry.servers.demo"
ERAS = ("legacy", "2026-07-28")


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> Any:
    return request.param


def stdio(kind: str) -> StdioServerParameters:
    return StdioServerParameters(command=sys.executable, args=["-m", MODULE, kind])


def content(result: Any) -> Any:
    assert not result.is_error, result.content
    return result.structured_content


async def sampled(context: Any, params: Any) -> CreateMessageResult:
    """A client's model that answers with what it was asked."""
    return CreateMessageResult(
        role="assistant", content=TextContent(text=f"<{params.messages[0].content.text}>"), model="canned"
    )


def filled(action: str = "accept", **content: Any) -> Any:
    async def answer(context: Any, params: ElicitRequestParams) -> ElicitResult:
        filled.asked = params  # type: ignore[attr-defined]
        return ElicitResult(action=action, content=content or None)  # type: ignore[arg-type]

    return answer


async def names(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]


@pytest.mark.behaviour("DEMO-TOOLS")
async def test_the_stateless_server_has_the_tools_of_the_demonstration(era: Any) -> None:
    async with Client(stateless.create_server(), mode=era) as client:
        assert await names(client) == [
            "whoami",
            "get_weather",
            "request_story",
            "submit_story",
            "request_character_profile",
            "submit_character_profile",
        ]


@pytest.mark.behaviour("DEMO-TOOLS")
async def test_the_stateful_server_has_the_tools_of_the_demonstration(era: Any) -> None:
    async with Client(stateful.create_server(), mode=era) as client:
        assert await names(client) == [
            "whoami",
            "get_weather",
            "generate_story_with_sampling",
            "create_character_profile",
        ]


async def test_a_story_is_requested_written_and_submitted(era: Any) -> None:
    async with Client(stateless.create_server(), mode=era) as client:
        asked = content(await client.call_tool("request_story", {"topic": " a lighthouse "}))
        assert "a lighthouse." in asked["prompt"]
        story = {**asked["arguments"], **dict.fromkeys(asked["missing"]["required"], "Once, a light.")}
        assert content(await client.call_tool(asked["next_tool"], story)) == {
            "topic": "a lighthouse",
            "story": "Once, a light.",
            "words": 3,
            "model": None,
        }


async def test_a_profile_is_requested_and_submitted(era: Any) -> None:
    async with Client(stateless.create_server(), mode=era) as client:
        asked = content(await client.call_tool("request_character_profile", {"character": "Ada"}))
        fields = dict.fromkeys(asked["missing"]["required"], "curious")
        done = content(await client.call_tool(asked["next_tool"], {**asked["arguments"], **fields}))
        assert done == {
            "character": "Ada",
            "status": "complete",
            "traits": "curious",
            "motivation": "curious",
        }


async def test_what_is_submitted_must_say_something(era: Any) -> None:
    async with Client(stateless.create_server(), mode=era) as client:
        assert (await client.call_tool("submit_story", {"topic": "x", "story": "  "})).is_error
        assert (await client.call_tool("get_weather", {"city": ""})).is_error


@pytest.mark.behaviour("DEMO-ASKS")
async def test_sampling_works_in_both_eras(era: Any) -> None:
    async with Client(stateful.create_server(), mode=era, sampling_callback=sampled) as client:
        told = content(await client.call_tool("generate_story_with_sampling", {"topic": "rain"}))
    assert told["story"] == "<Write a short story of at most 150 words about rain.>"
    assert (told["topic"], told["words"], told["model"]) == ("rain", 11, "canned")


@pytest.mark.behaviour("DEMO-ASKS")
async def test_elicitation_works_in_both_eras(era: Any) -> None:
    answer = filled(traits="curious", motivation="to fly")
    async with Client(stateful.create_server(), mode=era, elicitation_callback=answer) as client:
        done = content(await client.call_tool("create_character_profile", {"character": "Ada"}))
    assert done == {"character": "Ada", "status": "complete", "traits": "curious", "motivation": "to fly"}
    asked = filled.asked  # type: ignore[attr-defined]
    assert "Ada" in asked.message
    assert set(asked.requested_schema["properties"]) == {"traits", "motivation"}


@pytest.mark.parametrize(("action", "status"), [("decline", "declined"), ("cancel", "cancelled")])
async def test_a_person_may_decline(era: Any, action: str, status: str) -> None:
    async with Client(stateful.create_server(), mode=era, elicitation_callback=filled(action)) as client:
        done = content(await client.call_tool("create_character_profile", {"character": "Ada"}))
    assert done == {"character": "Ada", "status": status, "traits": None, "motivation": None}


async def test_a_model_that_sends_no_text_is_an_error_of_the_tool(era: Any) -> None:
    async def picture(context: Any, params: Any) -> CreateMessageResult:
        image = ImageContent(data="AAAA", mime_type="image/png")
        return CreateMessageResult(role="assistant", content=image, model="canned")

    async with Client(stateful.create_server(), mode=era, sampling_callback=picture) as client:
        result = await client.call_tool("generate_story_with_sampling", {"topic": "rain"})
    assert result.is_error
    assert "sent no text" in result.content[0].text  # type: ignore[union-attr]


@pytest.mark.parametrize("tool", ["generate_story_with_sampling", "create_character_profile"])
async def test_a_client_that_cannot_be_asked_is_told_so(era: Any, tool: str) -> None:
    async with Client(stateful.create_server(), mode=era) as client:
        with pytest.raises(MCPError, match=r"did not declare the (sampling|form elicitation) capability"):
            await client.call_tool(tool, {"topic": "rain", "character": "Ada"})


@pytest.mark.behaviour("DEMO-WHOAMI")
async def test_whoami_counts_the_calls_of_its_process(era: Any) -> None:
    async with Client(stdio("stateful"), mode=era, sampling_callback=sampled) as client:
        first = content(await client.call_tool("whoami"))
        await client.call_tool("get_weather", {"city": "Oslo"})
        await client.call_tool("generate_story_with_sampling", {"topic": "rain"})
        last = content(await client.call_tool("whoami"))
    async with Client(stdio("stateful"), mode=era) as client:
        other = content(await client.call_tool("whoami"))
    assert (first["calls"], last["calls"], other["calls"]) == (1, 4, 1)
    assert first["sandbox_id"] == last["sandbox_id"] != other["sandbox_id"]
    assert first["pid"] == last["pid"] != os.getpid()
    assert first["session_id"] is None


async def test_the_stateless_server_counts_nothing(era: Any) -> None:
    async with Client(stdio("stateless"), mode=era) as client:
        assert [content(await client.call_tool("whoami"))["calls"] for _ in range(2)] == [None, None]


@contextlib.asynccontextmanager
async def over_http(kind: str) -> AsyncIterator[str]:
    """The program over HTTP; its exit code after SIGTERM is 0."""
    command = [sys.executable, "-m", MODULE, kind, "--http", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        yield json.loads(line)["url"]
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


async def test_the_stateful_server_asks_over_http_too(era: Any) -> None:
    async with over_http("stateful") as url:
        transport = streamable_http_client(url)
        answer = filled(traits="a", motivation="b")
        async with Client(
            transport, mode=era, sampling_callback=sampled, elicitation_callback=answer
        ) as client:
            assert (
                content(await client.call_tool("generate_story_with_sampling", {"topic": "x"}))["words"] == 11
            )
            assert (
                content(await client.call_tool("create_character_profile", {"character": "x"}))["traits"]
                == "a"
            )
            seen = content(await client.call_tool("whoami"))
    assert seen["calls"] == 3
    assert (seen["session_id"] is None) == (era != "legacy")
    assert seen["protocol_version"] == ("2026-07-28" if era != "legacy" else "2025-11-25")


@pytest.mark.behaviour("DEMO-WHOAMI")
async def test_whoami_tells_the_session_that_the_headers_name() -> None:
    headers = {"X-Amzn-Bedrock-AgentCore-Runtime-Session-Id": "s" * 33}
    async with (
        over_http("stateless") as url,
        httpx2.AsyncClient(headers=headers, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http), mode="2026-07-28") as client,
    ):
        assert content(await client.call_tool("whoami"))["session_id"] == "s" * 33


async def test_a_taken_port_is_one_line() -> None:
    async with over_http("stateless") as url:
        port = url.rpartition(":")[2].partition("/")[0]
        command = [sys.executable, "-m", MODULE, "stateless", "--http", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is taken" in done.stderr
    assert done.stderr.rstrip().endswith("[SKY-103]")
    assert done.stderr.count("\n") == 1


def test_the_weather_of_a_city_is_always_the_same() -> None:
    assert weather("  new   york ").model_dump() == {**weather("New York").model_dump(), "city": "new york"}
    assert weather("Oslo").source == SOURCE
    assert len({weather(city).temperature for city in ("Oslo", "Lima", "Pune", "Cairo", "Perth")}) > 1
    assert weather("Oslo") == weather("Oslo")
    assert -5 <= weather("Oslo").temperature <= 30
    assert 30 <= weather("Oslo").humidity <= 95
