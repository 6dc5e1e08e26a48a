"""The router as a Converse backend: what it says and calls, given the whole conversation.

It keeps nothing of a conversation between requests: an open question is found again by routing the earlier
messages anew. Only the index of the tools that were offered last is kept: it costs more than the answer.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from skerry.local.models.events import NO_USAGE, Blocks, Event, message_start, message_stop, metadata
from skerry.local.models.request import ConverseRequest, ToolSpec
from skerry.local.models.router import render, routing
from skerry.local.models.router.arguments import forced
from skerry.local.models.router.documents import bare
from skerry.local.models.router.lexical import Index
from skerry.local.models.router.routing import Ask, Call, Decline, Offer, Route
from skerry.local.models.router.schema import choices, kind, properties
from skerry.wire.tool_names import SEPARATOR

NAME = "local-router (no language model: it matches your words to a tool)"
LISTED = 25
"""Up to so many tools are listed with what they do where none fits."""
MOST = 200
KEPT = 4
"""Indexes of tools that are kept."""
MEMORY = 12
"""Messages looked back for an open question."""


def new_tool_use_id() -> str:
    """An id in the form that Bedrock gives tool uses."""
    return f"tooluse_{secrets.token_urlsafe(16)}"


class Router:
    """Answers without a language model.

    `new_id` makes the ids of tool uses, `today` gives months without a year theirs.
    """

    name = "router"

    def __init__(
        self, new_id: Callable[[], str] = new_tool_use_id, today: Callable[[], date] = date.today
    ) -> None:
        self._new_id = new_id
        self._today = today
        self._indexes: list[Index] = []

    async def close(self) -> None:
        """Nothing is held."""

    async def events(self, request: ConverseRequest, *, streaming: bool) -> AsyncGenerator[Event]:  # noqa: ARG002
        """The answer; zero tokens, because none were used."""
        yield message_start()
        blocks = Blocks()
        reason = "end_turn"
        for event in self._answer(request, blocks):
            if event[0] == "contentBlockStart":
                reason = "tool_use"
            yield event
        yield message_stop(reason)
        yield metadata(NO_USAGE, 0)

    def _answer(self, request: ConverseRequest, blocks: Blocks) -> Iterator[Event]:
        if request.choice.kind != "auto":
            yield from self._forced(request, blocks)
            return
        results = [block["toolResult"] for block in request.messages[-1]["content"] if "toolResult" in block]
        if results:
            names = _tool_names(request.messages)
            shown = [render.result(block, names.get(block["toolUseId"], "the tool")) for block in results]
            yield from blocks.text("\n\n".join(shown))
            return
        route = _replay(request.messages, self._index(request.tools), self._today())
        yield from blocks.reasoning(_reasoning(route))
        if isinstance(route, Call):
            yield from self._call(route.tool.name, route.arguments, blocks)
        else:
            yield from blocks.text(_said(route, request.tools))

    def _forced(self, request: ConverseRequest, blocks: Blocks) -> Iterator[Event]:
        text = _all_text(request.messages)
        by_name = {tool.name: tool for tool in request.tools}
        tool = by_name.get(request.choice.name) or routing.best(text, self._index(request.tools))
        arguments = forced(tool.schema, text, tool=bare(tool.name))
        note = f"The caller requires a tool call. Arguments: {_json(arguments)}"
        yield from blocks.reasoning(f"{NAME}. {note}")
        yield from self._call(tool.name, arguments, blocks)

    def _index(self, tools: Sequence[ToolSpec]) -> Index:
        """The index of these tools: one of those made last, or a new one."""
        found = next((index for index in self._indexes if index.tools == tools), None) or Index(tools)
        self._indexes = [found, *(index for index in self._indexes if index is not found)][:KEPT]
        return found

    def _call(self, name: str, arguments: Mapping[str, Any], blocks: Blocks) -> Iterator[Event]:
        yield from blocks.tool_use(self._new_id(), name, _json(arguments))


def _replay(messages: Sequence[Mapping[str, Any]], index: Index, today: date) -> Route:
    """Routes the last question, with the open question that the messages before it left."""
    tail: list[str] = []
    for message in reversed(messages[-MEMORY:]):
        if any("toolUse" in block or "toolResult" in block for block in message["content"]):
            break
        if message["role"] == "user":
            tail.append(_text(message))
    route: Route | None = None
    for text in reversed(tail):
        route = routing.route(text, index, route, today)
    return route if route is not None else Decline("none")


def _text(message: Mapping[str, Any]) -> str:
    return "\n".join(block["text"] for block in message["content"] if "text" in block).strip()


def _all_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """What was said, first question first: a forced call is often asked for by a sentence without content."""
    texts = [_text(message) for message in messages if message["role"] != "system"]
    return "\n".join(dict.fromkeys(text for text in texts if text))


def _tool_names(messages: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    uses = [block["toolUse"] for message in messages for block in message["content"] if "toolUse" in block]
    return {use["toolUseId"]: use["name"] for use in uses}


def _reasoning(route: Route) -> str:
    parts = [f"{NAME}."]
    if isinstance(route, Call):
        parts.append(f"Route: {route.tool.name}. Arguments: {_json(route.arguments)}.")
    elif isinstance(route, Ask):
        parts.append(f"Route: {route.tool.name}. Missing: {', '.join(route.missing)}.")
    elif isinstance(route, Offer):
        parts.append(f"Route: {' or '.join(tool.name for tool in route.tools)}.")
    else:
        parts.append("Route: none.")
    if route.why:
        parts.append(f"Why: {route.why}.")
    return " ".join(parts)


def _said(route: Route, tools: Sequence[ToolSpec]) -> str:
    if isinstance(route, Ask):
        return _question(route)
    if isinstance(route, Offer):
        lines = [f"{number}. {_line(tool)}" for number, tool in enumerate(route.tools, start=1)]
        return "\n".join(["Two tools fit your question about equally well. Which one?", "", *lines])
    if isinstance(route, Decline):
        return _declined(route, tools)
    raise TypeError(route)


def _question(ask: Ask) -> str:
    props = properties(ask.tool.schema)
    lines = [f"To call `{ask.tool.name}` I need:", ""]
    for name in ask.missing:
        prop = props[name]
        options = ", ".join(f"`{option}`" for option in choices(prop)[:30])
        about = f"one of {options}" if options else str(prop.get("description", "")) or kind(prop)
        lines.append(f"- **{name}**: {about}")
    return "\n".join([*lines, "", f"Answer with the value, or `{ask.missing[0]}=…`."])


def _declined(route: Decline, tools: Sequence[ToolSpec]) -> str:
    if route.kind == "abandoned":
        return "All right, nothing was called."
    opening = {
        "help": f"I am the {NAME}.",
        "problem": route.detail,
        "write": f"No tool here can {route.detail} that, so nothing was changed."
        + (f" What comes nearest, `{route.near}`, only reads." if route.near else ""),
        "advice": "That asks for an explanation or advice. I am an offline router with no language model: "
        "I can look things up with the tools, not explain or recommend them.",
        "secret": "That asks for a secret. No tool here hands out passwords, keys, tokens or credentials.",
    }.get(
        route.kind,
        "No tool here serves that question. I am an offline router with no language model, so I cannot "
        "answer it myself.",
    )
    if not tools:
        return f"{opening}\n\nThere are no tools in this conversation."
    if len(tools) > LISTED and route.kind != "help":
        return f"{opening}\n\nThe tools are, by target (`/tools` says what each does):\n\n{_by_target(tools)}"
    lines = [f"- {_line(tool)}" for tool in tools]
    exact = 'Exact form, always understood: `/call TOOL {"argument": "value"}`'
    return "\n".join([opening, "", "The tools are:", "", *lines, "", exact])


def _by_target(tools: Sequence[ToolSpec]) -> str:
    named: dict[str, list[str]] = {}
    for tool in tools[:MOST]:
        named.setdefault(tool.name.rpartition(SEPARATOR)[0] or "others", []).append(bare(tool.name))
    lines = [f"- **{target}**: {', '.join(names)}" for target, names in named.items()]
    return "\n".join([*lines, *([f"… and {len(tools) - MOST} more"] if len(tools) > MOST else [])])


def _line(tool: ToolSpec) -> str:
    first = " ".join(tool.description.split("\n\n")[0].split()).split(". ")[0].rstrip(".")
    about = f": {first if len(first) <= 110 else first[:109] + '…'}" if first else ""
    return f"`{tool.name}`{about}"


def _json(arguments: Mapping[str, Any]) -> str:
    return json.dumps(arguments, ensure_ascii=False)
