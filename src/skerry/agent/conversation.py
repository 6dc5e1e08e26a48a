"""One conversation: a session's questions, answers and pauses, as AG-UI events.

Every run builds its Strands agent from the session's record and writes the record back, so that a run
after a restart goes the same way as any other. One run at a time; a second one is told that the session
is busy. Before an approved call is made its approval is struck from the record: it holds once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, cast

from strands import Agent, ModelRetryStrategy, Snapshot
from strands.agent.agent_result import AgentResult
from strands.interrupt import Interrupt
from strands.models import Model
from strands.tools.executors import SequentialToolExecutor
from strands.types.interrupt import InterruptResponseContent

from skerry.agent.approvals import Answer, Pause, answers
from skerry.agent.errors import MODEL_FAILURES, AgentError, model_error
from skerry.agent.events import Event, Run, new_id
from skerry.agent.gate import Gate, Policy, approval
from skerry.agent.gateway import Connection, names
from skerry.agent.identity import Caller
from skerry.agent.store import Record, Store

MAX_PROMPT = 100_000

SYSTEM_PROMPT = """\
You are the operations desk. Answer with the tools you have and with nothing you make up.
If no tool fits a question, say so plainly and name the tools there are.
Never say that something was changed unless a tool's result says so. Be brief."""

Input = str | list[InterruptResponseContent]
"""What a run starts with: a prompt, or Strands' answers to interrupts."""


@dataclass(frozen=True, slots=True)
class Request:
    """One invocation: its payload, who sent it, and the headers that its tool calls carry on."""

    payload: Mapping[str, Any]
    caller: Caller
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Desk:
    """What conversations stand on. `connect` gives the connection of a caller; `model` the model."""

    model: Callable[[], Model]
    connect: Callable[[Caller, Gate], Connection]
    store: Store
    policy: Policy
    clock: Callable[[], float]
    approval_time: float


class Conversation:
    """The conversation of one session with one caller."""

    def __init__(self, session_id: str, desk: Desk) -> None:
        self._session_id = session_id
        self._desk = desk
        self._gate = Gate(desk.policy)
        self._connection: Connection | None = None
        self.busy = False

    async def close(self) -> None:
        """Ends the connection to the gateway. What the session remembers stays."""
        if self._connection is not None:
            await self._connection.close()

    async def run(self, request: Request) -> AsyncGenerator[Event]:
        """One run, from RUN_STARTED to RUN_FINISHED or RUN_ERROR."""
        run = Run(self._session_id)
        yield run.started()
        if self.busy:
            problem = AgentError("SESSION_BUSY", "this session is answering another question.")
            for event in run.failed(problem.kind, str(problem)):
                yield event
            return
        self.busy = True
        try:
            async with aclosing(self._answer(request, run)) as events:
                async for event in events:
                    yield event
        except (AgentError, *MODEL_FAILURES) as error:
            problem = error if isinstance(error, AgentError) else model_error(error)
            for event in run.failed(problem.kind, str(problem)):
                yield event
        finally:
            self.busy = False

    async def _answer(self, request: Request, run: Run) -> AsyncGenerator[Event]:
        record = self._record(request.caller)
        given = _given(request.payload)
        if given == []:
            for event in run.finished([pause.interrupt() for pause in record.pauses]):
                yield event
            return
        start = given if isinstance(given, str) else self._resumed(record, given)
        if isinstance(given, str) and record.pauses:
            raise _pending(record.pauses)
        model, tools = await asyncio.gather(asyncio.to_thread(self._desk.model), self._tools(request))
        run.names = names(tools)
        agent = Agent(
            model=model,
            tools=list(tools),
            system_prompt=SYSTEM_PROMPT,
            hooks=[self._gate],
            callback_handler=None,
            tool_executor=SequentialToolExecutor(),
            retry_strategy=ModelRetryStrategy(max_attempts=3, initial_delay=1, max_delay=4),
            trace_attributes={"session.id": self._session_id},
        )
        if record.snapshot is not None:
            agent.load_snapshot(Snapshot.from_dict(dict(record.snapshot)))
        if record.pauses:
            self._save(Record(owner=record.owner, snapshot=record.snapshot, running=True))
        result: AgentResult | None = None
        try:
            async with aclosing(cast("AsyncGenerator[Any]", agent.stream_async(start))) as stream:
                async for event in stream:
                    result = event.get("result", result)
                    for mapped in run.of(event):
                        yield mapped
        finally:
            pauses = self._pauses(result)
            self._save(_after(record.owner, agent, pauses, ended=result is not None))
        for event in run.finished([pause.interrupt() for pause in pauses]):
            yield event

    def _record(self, caller: Caller) -> Record:
        record = self._desk.store.load(self._session_id) or Record(owner=caller.name)
        if record.owner != caller.name:
            raise AgentError(
                "ACCESS_DENIED", "this session belongs to another caller.", hint="Start a new session."
            )
        return record.settled() if record.running else record

    def _resumed(self, record: Record, given: Sequence[Answer]) -> Input:
        """The answers in Strands' form. A late yes is a no; a pause left unanswered keeps the run paused."""
        pauses = {pause.id: pause for pause in record.pauses}
        responses: list[InterruptResponseContent] = []
        for answer in given:
            pause = pauses.pop(answer.interrupt_id, None)
            if pause is None:
                raise AgentError(
                    "UNKNOWN_INTERRUPT_ID",
                    f"no question {answer.interrupt_id[:80]!r} is open here; an answer holds once.",
                )
            agreed = answer.approved and self._desk.clock() < pause.expires
            response = approval(pause.tool, pause.arguments) if agreed else {"approved": ""}
            responses.append({"interruptResponse": {"interruptId": pause.call, "response": response}})
        if pauses:
            raise _pending(tuple(pauses.values()))
        return responses

    async def _tools(self, request: Request) -> Sequence[Any]:
        self._gate.reset()
        if self._connection is None:
            self._connection = self._desk.connect(request.caller, self._gate)
        return await self._connection.ready(request.caller, request.headers)

    def _pauses(self, result: AgentResult | None) -> tuple[Pause, ...]:
        if result is None or result.stop_reason != "interrupt":
            return ()
        expires = self._desk.clock() + self._desk.approval_time
        return tuple(_pause(interrupt, expires) for interrupt in result.interrupts or ())

    def _save(self, record: Record) -> None:
        self._desk.store.save(self._session_id, record)


def _given(payload: Mapping[str, Any]) -> str | list[Answer]:
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


def _pending(pauses: Sequence[Pause]) -> AgentError:
    open_questions = ", ".join(f"{pause.id} ({pause.tool})" for pause in pauses)
    return AgentError(
        "PENDING_INTERRUPTS",
        f"a question is open: {open_questions}.",
        hint='Answer or cancel it first; {"resume": []} shows it again.',
    )


def _pause(interrupt: Interrupt, expires: float) -> Pause:
    reason = interrupt.reason
    return Pause(
        id=new_id(),
        call=interrupt.id,
        tool_call_id=reason["toolCallId"],
        tool=reason["tool"],
        arguments=reason["arguments"],
        expires=expires,
    )


def _after(owner: str, agent: Agent, pauses: tuple[Pause, ...], *, ended: bool) -> Record:
    """The record after a run; one that did not end by itself is settled at once."""
    snapshot = agent.take_snapshot(preset="session").to_dict()
    record = Record(owner=owner, snapshot=snapshot, pauses=pauses, running=not ended)
    return record.settled() if record.running else record
