"""Questions to the person or the model behind the client, in the way of the client's era.

A fixture that asks is a pure function: from what is known so far it makes an answer or the next questions.
Up to 2025-11-25 the questions go out as requests while the call runs. From 2026-07-28 on the call ends with
`input_required` and the client calls again, with the answers and the state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mcp import MCPError, types
from mcp.server.context import ServerRequestContext
from mcp.shared.message import ServerMessageMetadata
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

MAX_ROUNDS = 10

Context = ServerRequestContext[Any, Any]
Question = types.ElicitRequest | types.CreateMessageRequest | types.ListRootsRequest
Answer = (
    types.ElicitResult
    | types.CreateMessageResult
    | types.CreateMessageResultWithTools
    | types.ListRootsResult
)

ANSWERS: dict[str, type[Any]] = {
    "elicitation/create": types.ElicitResult,
    "sampling/createMessage": types.CreateMessageResult,
    "roots/list": types.ListRootsResult,
}


@dataclass(frozen=True, slots=True)
class Known:
    """What a fixture knows when it is called: the arguments, and the answers and the state of the last round."""

    arguments: Mapping[str, Any]
    capabilities: types.ClientCapabilities
    answers: Mapping[str, Answer] = field(default_factory=dict)
    state: str | None = None

    def form(self, key: str) -> dict[str, Any] | None:
        """What a person filled in; None when there is no such answer, {} after a decline or a cancel."""
        answer = self.answers.get(key)
        return dict(answer.content or {}) if isinstance(answer, types.ElicitResult) else None

    def action(self, key: str) -> str:
        answer = self.answers.get(key)
        return answer.action if isinstance(answer, types.ElicitResult) else ""

    def reply(self, key: str) -> str | None:
        """What the model said."""
        answer = self.answers.get(key)
        if isinstance(answer, types.CreateMessageResult) and isinstance(answer.content, types.TextContent):
            return answer.content.text
        return None

    def roots(self, key: str) -> list[str] | None:
        answer = self.answers.get(key)
        return [str(root.uri) for root in answer.roots] if isinstance(answer, types.ListRootsResult) else None


@dataclass(frozen=True, slots=True)
class Ask:
    """Questions by key, and a state that comes back with the answers."""

    questions: Mapping[str, Question]
    state: str | None = None


Fixture = Callable[[Known], str | Ask]
ResultT = TypeVar("ResultT")


def fill_in(message: str, **properties: dict[str, Any]) -> types.ElicitRequest:
    """A form whose fields are all required."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def complete(prompt: str) -> types.CreateMessageRequest:
    message = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=prompt))
    return types.CreateMessageRequest(
        params=types.CreateMessageRequestParams(messages=[message], max_tokens=100)
    )


async def converse(
    context: Context,
    params: types.CallToolRequestParams | types.GetPromptRequestParams,
    fixture: Fixture,
    result: Callable[[str], ResultT],
) -> ResultT | types.InputRequiredResult:
    """Calls the fixture until it has its answer, or until the client has to call again.

    Raises MCPError with what the client answered instead of an answer.
    """
    known = Known(
        arguments=params.arguments or {},
        capabilities=context.session.client_capabilities or types.ClientCapabilities(),
        answers=params.input_responses or {},
        state=params.request_state,
    )
    for _ in range(MAX_ROUNDS):
        outcome = fixture(known)
        if isinstance(outcome, str):
            return result(outcome)
        if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return types.InputRequiredResult(
                input_requests=dict(outcome.questions), request_state=outcome.state
            )
        answers = {key: await _request(context, question) for key, question in outcome.questions.items()}
        known = Known(known.arguments, known.capabilities, answers, outcome.state)
    raise MCPError(types.INTERNAL_ERROR, f"no answer after {MAX_ROUNDS} rounds of questions")


async def _request(context: Context, question: Question) -> Answer:
    # With the related id the question travels on the stream of this very call.
    answer: Answer = await context.session.send_request(
        question,
        ANSWERS[question.method],
        metadata=ServerMessageMetadata(related_request_id=context.request_id),
    )
    return answer
