"""The tools: a table of names, schemas and functions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
from mcp import MCPError, types

from tests.kit.reference.asking import ARGUMENTS, ASKING
from tests.kit.reference.content import WATCHED, picture, resource, said, sound, text
from tests.kit.reference.conversation import Context, Fixture, converse
from tests.kit.reference.subscriptions import Subscriptions

Outcome = types.CallToolResult | types.InputRequiredResult
Run = Callable[[Context, types.CallToolRequestParams], Awaitable[Outcome]]

MOMENT = 0.03
"""Seconds between two signs of life of a working tool, so that they leave one by one."""

NOTHING: dict[str, Any] = {"type": "object", "properties": {}}
REGION = {"type": "string", "x-mcp-header": "Region"}

# Every keyword that the suite looks for after the way through a gateway or a proxy.
KEYWORDS: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        **{name: {"type": "string"} for name in ("name", "phone", "email")},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"enum": ["phone", "email"]},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool and what it does."""

    name: str
    description: str
    run: Run
    schema: dict[str, Any] = field(default_factory=lambda: NOTHING)

    def listed(self) -> types.Tool:
        return types.Tool(name=self.name, description=self.description, input_schema=self.schema)


def tools(subscriptions: Subscriptions) -> dict[str, Tool]:
    """Every tool by name, in the order of the list."""
    changing = [
        Tool(
            "test_trigger_tool_change", "Says that the tools changed.", _announce(subscriptions.tools_changed)
        ),
        Tool(
            "test_trigger_prompt_change",
            "Says that the prompts changed.",
            _announce(subscriptions.prompts_changed),
        ),
        Tool("test_trigger_resource_change", "Changes the watched resource.", _touch(subscriptions)),
    ]
    return {tool.name: tool for tool in (*_answering(), *_working(), *changing, *_asking())}


def _answering() -> Sequence[Tool]:
    mixed: list[types.ContentBlock] = [
        text("A text, a picture and a resource:"),
        picture(),
        resource("test://mixed-content-resource", '{"mixed": true}', "application/json"),
    ]
    embedded = resource("test://embedded-resource", "A resource inside a result.")
    header_schema = {"type": "object", "properties": {"region": REGION}}
    return (
        Tool("test_simple_text", "Answers with a text.", _always(text("A text, and nothing else."))),
        Tool("test_image_content", "Answers with a picture.", _always(picture())),
        Tool("test_audio_content", "Answers with a sound.", _always(sound())),
        Tool("test_embedded_resource", "Answers with a resource.", _always(embedded)),
        Tool("test_multiple_content_types", "Answers with three kinds of content.", _always(*mixed)),
        Tool("test_error_handling", "Fails, as it should.", _fail),
        Tool("json_schema_2020_12_tool", "Has a schema of many keywords.", _always(text("done")), KEYWORDS),
        Tool("test_x_mcp_header", "Has an argument that is a header too.", _region, header_schema),
        Tool("test_missing_capability", "Needs a client that can sample.", _need_sampling),
    )


def _working() -> Sequence[Tool]:
    return (
        Tool("test_tool_with_logging", "Logs while it works.", _log),
        Tool("test_logging_tool", "Logs while it works.", _log),
        Tool("test_tool_with_progress", "Reports progress.", _progress),
        Tool("test_reconnection", "Lets go of its stream before it answers.", _let_go),
    )


def _asking() -> Sequence[Tool]:
    return [
        Tool(name, description, _ask(fixture), _one_text(ARGUMENTS[name]) if name in ARGUMENTS else NOTHING)
        for name, (fixture, description) in ASKING.items()
    ]


def _one_text(name: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]}


def _always(*content: types.ContentBlock) -> Run:
    async def run(_context: Context, _params: types.CallToolRequestParams) -> Outcome:
        return types.CallToolResult(content=list(content))

    return run


def _ask(fixture: Fixture) -> Run:
    async def run(context: Context, params: types.CallToolRequestParams) -> Outcome:
        try:
            return await converse(context, params, fixture, said)
        except MCPError as refusal:
            return said(f"The client did not answer: {refusal.message}", failed=True)

    return run


def _announce(change: Callable[[Context], Awaitable[None]]) -> Run:
    async def run(context: Context, _params: types.CallToolRequestParams) -> Outcome:
        await change(context)
        return said("announced")

    return run


def _touch(subscriptions: Subscriptions) -> Run:
    async def run(context: Context, _params: types.CallToolRequestParams) -> Outcome:
        await subscriptions.resource_changed(context, WATCHED)
        return said("changed")

    return run


async def _fail(_context: Context, _params: types.CallToolRequestParams) -> Outcome:
    return said("This failure is on purpose.", failed=True)


async def _region(_context: Context, params: types.CallToolRequestParams) -> Outcome:
    return said(f"region: {(params.arguments or {}).get('region', 'none')}")


async def _need_sampling(context: Context, _params: types.CallToolRequestParams) -> Outcome:
    able = context.session.client_capabilities
    if able is None or able.sampling is None:
        needed: dict[str, Any] = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, "needs the capability sampling", needed)
    return said("You can sample.")


async def _log(context: Context, _params: types.CallToolRequestParams) -> Outcome:
    for words in ("begun", "half done", "done"):
        await context.session.send_log_message("info", words, "fixtures", context.request_id)
        await anyio.sleep(MOMENT)
    return said("Three log messages were sent.")


async def _progress(context: Context, _params: types.CallToolRequestParams) -> Outcome:
    for done in (0, 50, 100):
        await context.session.report_progress(done, 100, f"{done} of 100")
        await anyio.sleep(MOMENT)
    return said("All of it is done.")


async def _let_go(context: Context, _params: types.CallToolRequestParams) -> Outcome:
    if context.close_sse_stream is not None:
        await anyio.sleep(MOMENT)  # the stream has to begin before it can be let go
        await context.close_sse_stream()
        await anyio.sleep(MOMENT)
    return said("Found again.")
