"""What conversations stand on, and what one invocation brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from strands.models import Model

from skerry.agent.approvals import Answer, answers
from skerry.agent.catalog import Catalog
from skerry.agent.errors import AgentError
from skerry.agent.gate import Policy
from skerry.agent.gateway import Connection
from skerry.agent.identity import Caller
from skerry.errors import ProtocolError
from skerry.settings import AgentModelSettings
from skerry.store.records import KeptStore
from skerry.wire.context import ClientContext
from skerry.wire.headers import TRACE
from skerry.wire.trace import TRACEPARENT, TRACESTATE, outgoing, parse

MAX_PROMPT = 100_000


@dataclass(frozen=True, slots=True)
class Request:
    """One invocation: a question or the answers to open ones, who sent it, and what its tool calls carry on.

    Answers that are an empty sequence ask which questions are open.
    """

    given: str | Sequence[Answer]
    caller: Caller
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """How long things may take or hold, in seconds.

    `lease`: the mark of a run under way holds for so long without a sign of life; 0: not at all.
    `alone`: this is a Runtime's session, which has one process at a time: there the mark of another such
    process is a dead one's, and others on the same store respect its own.
    `kept`: a finished run's events can be heard again. `idle`: a connection is closed after so long without
    a run.
    """

    approval: float = 900.0
    question: float = 300.0
    answer: float = 900.0
    lease: float = 0.0
    alone: bool = False
    kept: float = 120.0
    idle: float = 300.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """What conversations stand on.

    `connect` gives a connection for a caller, whose servers' questions the given callback answers; `identity`
    names whom the gateway sees; `clock` gives seconds since the epoch.
    """

    model: Callable[[], Model]
    model_settings: AgentModelSettings
    connect: Callable[[Caller, Any], Connection]
    identity: Callable[[Caller], str]
    store: KeptStore
    catalog: Catalog
    policy: Policy
    clock: Callable[[], float]
    times: Times


def given(payload: Mapping[str, Any]) -> str | Sequence[Answer]:
    """The prompt or the answers in a payload. Raises AgentError VALIDATION_ERROR."""
    if "resume" in payload:
        return answers(payload["resume"])
    prompt = payload.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise AgentError(
            "VALIDATION_ERROR", "the payload has no prompt.", hint='Send {"prompt": "your question"}.'
        )
    if len(prompt) > MAX_PROMPT:
        raise AgentError(
            "VALIDATION_ERROR", f"the prompt has {len(prompt)} characters; {MAX_PROMPT} are allowed."
        )
    return prompt


def client_headers(
    payload: Mapping[str, Any], received: Mapping[str, str], *, now: float, session_id: str
) -> dict[str, str]:
    """The headers that tool calls carry on: client context and trace; the session is the runtime's word.

    Where the agent is a hop itself, that is the parent in the trace.
    Raises AgentError VALIDATION_ERROR for a context that cannot be one.
    """
    context = payload.get("client_context")
    if isinstance(context, Mapping):
        payload = {"client_context": {**context, "session_id": session_id}}
    try:
        client = ClientContext.from_payload(payload, now=now, session_id=session_id)
    except ProtocolError as error:
        raise AgentError("VALIDATION_ERROR", error.message, hint=error.hint) from error
    trace = {name.lower(): value for name, value in received.items() if name.lower() in TRACE}
    if parse(trace.get(TRACEPARENT, "")) is None:
        trace = {name: value for name, value in trace.items() if name not in (TRACEPARENT, TRACESTATE)}
    return {**client.to_headers(), **trace, **outgoing()}
