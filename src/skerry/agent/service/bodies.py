"""What the endpoints take and give, as OpenAPI shows it. A member that is not known is refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from skerry.agent.approvals import MAX_ANSWERS
from skerry.agent.desk import MAX_PROMPT

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Decision(_Body):
    """A person's answer: a yes, and the fields of the form when one was shown."""

    approved: bool = False
    content: dict[str, Any] | None = None


class Resume(_Body):
    """The answer to one open question."""

    interruptId: Identifier  # noqa: N815  (AG-UI's own name)
    status: Literal["resolved", "cancelled"]
    payload: Any = None


class Attach(_Body):
    """Listens again to a run under way or just over, beyond its first events."""

    runId: Identifier  # noqa: N815  (AG-UI's own name)
    after: int = Field(0, ge=0)


class Ask(_Body):
    """A question, the answers to open questions, or a run to listen to: exactly one of them.

    Without `conversation_id` a question begins a new conversation.
    """

    prompt: str | None = Field(None, max_length=MAX_PROMPT)
    resume: list[Resume] | None = Field(None, max_length=MAX_ANSWERS)
    attach: Attach | None = None
    conversation_id: Identifier | None = None
    client_context: dict[str, Any] | None = None


class Approval(_Body):
    """The answer to the open question in the path."""

    conversation_id: Identifier
    approved: bool
    content: dict[str, Any] | None = None
    client_context: dict[str, Any] | None = None


class Cancel(_Body):
    """Which conversation the run belongs to."""

    conversation_id: Identifier


class Cancelled(BaseModel):
    runId: str  # noqa: N815  (AG-UI's own name)
    wasRunning: bool  # noqa: N815


class ToolCall(BaseModel):
    """A call that the agent made; `content` are blocks as in TOOL_CALL_RESULT."""

    id: str
    name: str
    arguments: Any = None
    status: str = ""
    content: list[dict[str, Any]] = []


class Answer(BaseModel):
    """A whole answer. `interrupts` are questions that have to be answered before it goes on."""

    conversation_id: str
    run_id: str
    text: str = ""
    tool_calls: list[ToolCall] = []
    interrupts: list[dict[str, Any]] = []
    usage: dict[str, Any] | None = None


class Summary(BaseModel):
    """A conversation in a list. Times are seconds since the epoch."""

    id: str
    title: str
    created: float
    updated: float
    count: int
    version: int
    expires: float


class Conversations(BaseModel):
    conversations: list[Summary]
    cursor: str


class Message(BaseModel):
    number: int
    role: str
    content: list[dict[str, Any]]
    created: float
    metadata: dict[str, Any]


class Conversation(BaseModel):
    """A conversation with a page of its messages, its open questions, and the run under way."""

    conversation: Summary
    messages: list[Message]
    interrupts: list[dict[str, Any]]
    run: str
    cursor: str


class Deleted(BaseModel):
    deleted: int


class Tool(BaseModel):
    """A tool; `asks` says whether a person has to confirm a call."""

    name: str
    description: str
    inputSchema: dict[str, Any]  # noqa: N815  (MCP's own name)
    asks: bool


class Tools(BaseModel):
    tools: list[Tool]


class Health(BaseModel):
    status: Literal["ok"]
    auth: str


class Problem(BaseModel):
    code: str
    message: str
    hint: str


class Refusal(BaseModel):
    """What every refusal looks like."""

    error: Problem
