"""The reference server over stdio, in both eras: the mcp SDK's client sees every fixture work."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp import StdioServerParameters, types
from mcp.client import Client
from mcp.client.stdio import stdio_client

from tests.conformance.suite import ROOT
from tests.kit.reference import prompts, resources
from tests.kit.reference.asking import ASKING
from tests.kit.reference.subscriptions import Subscriptions
from tests.kit.reference.tools import tools

FIXTURES = tools(Subscriptions())
FILLED = {
    "name": "Ada",
    "response": "fine",
    "ok": True,
    "color": "blue",
    "context": "ships",
    "untitledSingle": "red",
    "titledSingle": "north",
    "legacyEnum": "s",
    "untitledMulti": ["red"],
    "titledMulti": ["south"],
    "age": 30,
    "score": 95.5,
    "status": "active",
    "verified": True,
}
SAID = {
    "test_elicitation": 'User response: action=accept, content={"response": "fine"}',
    "test_sampling": "LLM response: Paris.",
    "test_input_required_result_elicitation": "Hello, Ada!",
    "test_input_required_result_sampling": "Paris.",
    "test_input_required_result_list_roots": "1 roots: file:///work",
    "test_input_required_result_multiple_inputs": "3 answers",
    "test_input_required_result_multi_round": "Ada likes blue.",
    "test_input_required_result_tampered_state": "state-ok",
    "test_input_required_result_capabilities": "2 answers",
}


async def fill(_context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
    """A person who knows an answer to every field."""
    assert isinstance(params, types.ElicitRequestFormParams)
    asked = params.requested_schema["properties"]
    return types.ElicitResult(action="accept", content={name: FILLED[name] for name in asked})  # type: ignore[misc]


async def sample(_context: Any, _params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    return types.CreateMessageResult(role="assistant", content=types.TextContent(text="Paris."), model="none")


async def roots(_context: Any) -> types.ListRootsResult:
    return types.ListRootsResult(roots=[types.Root(uri="file:///work")])


@asynccontextmanager
async def connected(mode: str) -> AsyncIterator[Client]:
    """A client that can answer everything, of one era."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "tests.kit.reference_server"], cwd=str(ROOT)
    )
    async with Client(
        stdio_client(server),
        mode=mode,
        elicitation_callback=fill,
        sampling_callback=sample,
        list_roots_callback=roots,
    ) as opened:
        yield opened


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_every_fixture_is_listed_and_works(mode: str):
    async with connected(mode) as client:
        await walk(client)


async def walk(client: Client) -> None:
    assert [tool.name for tool in (await client.list_tools()).tools] == list(FIXTURES)
    assert [prompt.name for prompt in (await client.list_prompts()).prompts] == [
        *prompts.PROMPTS,
        prompts.ASKING,
    ]
    for listed in (await client.list_resources()).resources:
        assert (await client.read_resource(listed.uri)).contents
    (template,) = (await client.list_resource_templates()).resource_templates
    assert template.uri_template == resources.TEMPLATE
    for name in FIXTURES:
        result = await client.call_tool(name, {"message": "?", "prompt": "?", "region": "north"})
        assert result.is_error == (name == "test_error_handling"), name
        if name in ASKING:
            said = result.content[0]
            assert isinstance(said, types.TextContent)
            assert said.text == SAID.get(name, said.text)
    asked = await client.get_prompt(prompts.ASKING)
    assert isinstance(asked.messages[0].content, types.TextContent)
    assert asked.messages[0].content.text == "Talk about ships."
