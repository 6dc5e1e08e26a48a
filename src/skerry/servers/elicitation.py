"""Asking a person to confirm, in both MCP eras.

Up to 2025-11-25 the server sends `elicitation/create` and waits on the open call; since 2026-07-28 the
tool returns `input_required` and is called again with the answer. Either way the question shows the
tool and its exact arguments, and whatever is not a clear yes means no.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import anyio
import mcp_types as types
from fastmcp import Context
from fastmcp.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, Field, ValidationError

KEY = "confirm"


class Form(BaseModel):
    """What the person fills in: one box to tick."""

    confirm: bool = Field(title="Confirm", description="Tick to go on. Anything else changes nothing.")


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be confirmed: `tool` with `arguments`, asked by `principal`, `summary` in words.

    `principal` is who may answer, such as `sub@issuer`; it and the arguments are what an answer is
    bound to. `timeout` is in seconds and holds in the era where the call stays open.
    """

    tool: str
    arguments: Mapping[str, str]
    principal: str
    summary: str
    timeout: float

    def text(self) -> str:
        """The question as a person reads it; values as JSON, so that none can look like another line."""
        lines = [f"  {name}: {json.dumps(value)}" for name, value in self.arguments.items()]
        return "\n".join([self.summary, "", self.tool, *lines])

    def digest(self) -> str:
        """What an answer is bound to."""
        bound = json.dumps([self.principal, self.tool, dict(self.arguments)], sort_keys=True)
        return hashlib.sha256(bound.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """`approval` names the confirmation and is empty for a no; `reason` says why it is a no."""

    approval: str = ""
    reason: str = ""


async def confirm(ctx: Context, question: Question) -> Answer | types.InputRequiredResult:
    """The person's answer, or the result that the tool must return so that they are asked.

    Call it before the tool does anything: in the newer era the tool runs again from its first line.
    """
    request = ctx.request_context
    if request is not None and request.protocol_version in MODERN_PROTOCOL_VERSIONS:
        return _modern(ctx, question)
    return await _legacy(ctx, question)


def _modern(ctx: Context, question: Question) -> Answer | types.InputRequiredResult:
    answer = (ctx.input_responses or {}).get(KEY)
    if answer is None:
        return _ask(ctx, question)
    approval, _, digest = (ctx.request_state or "").partition(".")
    if not approval or digest != question.digest():
        return Answer(reason="the confirmation belongs to another request")
    if not isinstance(answer, types.ElicitResult):
        return Answer(reason="the client sent something that is no answer to the question")
    return _judge(answer.action, answer.content, approval)


def _ask(ctx: Context, question: Question) -> Answer | types.InputRequiredResult:
    if not _can_ask(ctx):
        return Answer(reason="this client cannot show a confirmation (it declared no elicitation)")
    return types.InputRequiredResult(
        input_requests={
            KEY: types.ElicitRequest(
                params=types.ElicitRequestFormParams(
                    message=question.text(), requested_schema=Form.model_json_schema()
                )
            )
        },
        request_state=f"{secrets.token_urlsafe(16)}.{question.digest()}",
    )


async def _legacy(ctx: Context, question: Question) -> Answer:
    if not _can_ask(ctx):
        return Answer(reason="this connection cannot show a confirmation (no session with elicitation)")
    try:
        with anyio.fail_after(question.timeout):
            result = await ctx.session.elicit(
                message=question.text(),
                requested_schema=Form.model_json_schema(),
                related_request_id=ctx.request_id,
            )
    except TimeoutError:
        return Answer(reason=f"nobody confirmed within {question.timeout:g} seconds")
    except (MCPError, ToolError, ValidationError) as error:
        return Answer(reason=f"the confirmation could not be asked for ({type(error).__name__})")
    return _judge(result.action, result.content, secrets.token_urlsafe(16))


def _judge(action: str, content: object, approval: str) -> Answer:
    if action == "cancel":
        return Answer(reason="the confirmation was closed without an answer")
    if action != "accept":
        return Answer(reason="the confirmation was declined")
    if not isinstance(content, Mapping) or content.get("confirm") is not True:
        return Answer(reason="the box was not ticked")
    return Answer(approval=approval)


def _can_ask(ctx: Context) -> bool:
    """Whether the client declared forms: `elicitation: {}` means forms, as `{form: {}}` does."""
    capabilities = ctx.session.client_capabilities
    declared = capabilities.elicitation if capabilities is not None else None
    return declared is not None and (declared.form is not None or declared.url is None)
