"""A Converse request: the body read, checked and made easy to ask.

The rules beyond the service model (who speaks first, results for every tool use, a known forced tool) are
those that users of Bedrock report; which of them a given model of AWS enforces is unchecked here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from skerry.errors import ServiceError, validation
from skerry.local.api.service_model import ServiceModel, load
from skerry.local.api.validation import violations, without_nulls

MAX_BODY = 25_000_000
"""Bytes of a request body: AWS's limit for the bodies of bedrock-runtime."""

Operation = Literal["Converse", "ConverseStream"]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that the caller offers: its name, what it does, the JSON schema of its input."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether a tool must be called: `auto`, `any` (one of them) or `tool` (the one named)."""

    kind: Literal["auto", "any", "tool"] = "auto"
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConverseRequest:
    """A checked request; `messages` and `body` have the service model's members, blobs as base64 text."""

    model_id: str
    messages: Sequence[Mapping[str, Any]]
    tools: tuple[ToolSpec, ...] = ()
    choice: ToolChoice = ToolChoice()
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def system(self) -> str:
        """The text of the system prompt."""
        blocks = self.body.get("system") or ()
        return "\n\n".join(block["text"] for block in blocks if "text" in block)


def parse(operation: Operation, model_id: str, body: bytes) -> ConverseRequest:
    """The request in `body`. Raises ServiceError (ValidationException) that names the member at fault."""
    _check_model(model_id)
    data = document(body)
    found = checked(operation, {**data, "modelId": model_id})
    messages = found.get("messages") or []
    tools, choice = _tools(found.get("toolConfig") or {})
    _check_messages(messages, tools=bool(tools))
    return ConverseRequest(model_id=model_id, messages=messages, tools=tools, choice=choice, body=found)


def service_model() -> ServiceModel:
    """AWS's model of bedrock-runtime; the first call reads it from botocore's data."""
    return load("bedrock-runtime")


def document(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises ServiceError (ValidationException)."""
    try:
        data = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise validation("The request body is not JSON that can be read.") from error
    if not isinstance(data, dict):
        raise validation("The request body must be a JSON object.")
    return data


def checked(operation: str, given: dict[str, Any]) -> dict[str, Any]:
    """The input of an operation, if the service model agrees. Raises ServiceError (ValidationException)."""
    model = service_model()
    try:
        found: dict[str, Any] = without_nulls(given)
        broken = violations(model, model.operations[operation].input, found)
    except RecursionError as error:
        raise validation("The request body is nested too deeply.") from error
    if broken:
        noun = "error" if len(broken) == 1 else "errors"
        texts = "; ".join(item.text for item in broken)
        raise validation(f"{len(broken)} validation {noun} detected: {texts}")
    return found


def _check_model(model_id: str) -> None:
    shape = service_model().shapes["ConversationalModelId"]
    # The whole id must match: the pattern is a list of alternatives, most of them without anchors.
    if not 0 < len(model_id) <= shape["max"] or re.fullmatch(shape["pattern"], model_id, re.ASCII) is None:
        raise validation("The provided model identifier is invalid.")


def _tools(config: Mapping[str, Any]) -> tuple[tuple[ToolSpec, ...], ToolChoice]:
    tools = tuple(_spec(tool["toolSpec"]) for tool in config.get("tools", ()) if "toolSpec" in tool)
    names = [tool.name for tool in tools]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise validation(f"Tool names in toolConfig.tools must be unique; given twice: {', '.join(twice)}.")
    given = config.get("toolChoice") or {}
    if "tool" in given:
        name = given["tool"]["name"]
        if name not in names:
            raise validation(
                f"toolConfig.toolChoice.tool names '{name}', which is not in toolConfig.tools.",
            )
        return tools, ToolChoice("tool", name)
    return tools, ToolChoice("any" if "any" in given else "auto")


def _spec(spec: Mapping[str, Any]) -> ToolSpec:
    schema = spec["inputSchema"].get("json")
    if not isinstance(schema, Mapping):
        raise validation(f"The inputSchema.json of the tool '{spec['name']}' must be a JSON object.")
    if schema.get("type", "object") != "object":
        raise validation(
            f"The type at toolConfig.tools.inputSchema.json of the tool '{spec['name']}' must be object."
        )
    return ToolSpec(spec["name"], spec.get("description", ""), schema)


def _check_messages(messages: Sequence[Mapping[str, Any]], *, tools: bool) -> None:
    if not messages:
        raise validation("The messages field is empty. Add at least one message with the role user.")
    spoken = [message for message in messages if message["role"] != "system"]
    if not spoken or spoken[0]["role"] != "user":
        raise validation(
            "A conversation must start with a user message. "
            "Try again with a conversation that starts with a user message."
        )
    open_ids: set[str] = set()
    for number, message in enumerate(messages):
        if not message["content"]:
            raise validation(
                f"The content field in the Message object at messages.{number} is empty. "
                "Add a ContentBlock object to the content field and try again."
            )
        _check_text(message, number)
        open_ids = _check_pairs(message, number, open_ids)
    if open_ids:
        raise _unanswered(len(messages), open_ids)
    if not tools and any(_blocks(messages, "toolUse", "toolResult")):
        raise validation(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        )


def _check_text(message: Mapping[str, Any], number: int) -> None:
    for place, block in enumerate(message["content"]):
        if "text" in block and not block["text"].strip():
            raise validation(
                f"The text field in the ContentBlock object at messages.{number}.content.{place} is blank. "
                "Add text to the text field, and try again."
            )


def _check_pairs(message: Mapping[str, Any], number: int, open_ids: set[str]) -> set[str]:
    """Checks that tool results answer exactly the tool uses before them; returns those still open."""
    results = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
    if open_ids - set(results):
        raise _unanswered(number, open_ids - set(results))
    if set(results) - open_ids:
        raise validation(
            f"The number of toolResult blocks at messages.{number}.content exceeds the number of toolUse "
            "blocks of previous turn."
        )
    uses = {block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block}
    if uses and message["role"] != "assistant":
        raise validation(f"messages.{number} has a toolUse block; only the assistant uses tools.")
    return uses


def _unanswered(number: int, ids: set[str]) -> ServiceError:
    return validation(
        f"Expected toolResult blocks at messages.{number}.content for the following Ids: "
        f"{', '.join(sorted(ids))}"
    )


def _blocks(messages: Sequence[Mapping[str, Any]], *kinds: str) -> Iterator[Mapping[str, Any]]:
    for message in messages:
        for block in message["content"]:
            if any(kind in block for kind in kinds):
                yield block
