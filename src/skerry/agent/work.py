"""The work of one answer: a task of the server that asks the model, calls tools and writes down what is said.

Its events go to the run that clients listen to at the moment. When a server asks a person in the middle of a
call, that run ends with an interrupt and the call stays open; the answer goes on as the next run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

from strands import Agent, ModelRetryStrategy, Snapshot
from strands.agent.agent_result import AgentResult
from strands.hooks import HookProvider, HookRegistry, MessageAddedEvent
from strands.interrupt import Interrupt
from strands.models import Model
from strands.tools.executors import SequentialToolExecutor
from strands.types.interrupt import InterruptResponseContent

from skerry.agent.approvals import Answer, Pause
from skerry.agent.desk import Desk, Request
from skerry.agent.errors import AgentError, innermost, run_error
from skerry.agent.events import Event, Run, new_id
from skerry.agent.forms import filled, is_confirmation, yes
from skerry.agent.gate import Gate, Question, Reply
from skerry.agent.gateway import Connection, GatewayTool, names
from skerry.agent.memory import STOPPED, Memory, State, mend, results
from skerry.agent.models import CACHED_IN_INPUT, named, usage_event
from skerry.agent.runs import LiveRun
from skerry.store.records import Draft

SYSTEM_PROMPT = """\
You are the operations desk. Answer with the tools you have and with nothing you make up.
If no tool fits a question, say so plainly and name the tools there are.
Never say that something was changed unless a tool's result says so. Be brief."""

LOST = ("CONFLICT", "NOT_FOUND")
"""Errors that say that the conversation is no longer this work's: nothing may be written any more."""

Responses = list[InterruptResponseContent]

_log = logging.getLogger("skerry.agent")


class Work(HookProvider):
    """One answer. `responses` are Strands' answers to interrupts; None answers the last stored question."""

    def __init__(
        self, desk: Desk, request: Request, memory: Memory, connection: Callable[[], Connection]
    ) -> None:
        self._desk = desk
        self._request = request
        self._memory = memory
        self._connect = connection
        self._connection: Connection | None = None
        self._run = Run("")
        self._limit: asyncio.Timeout | None = None
        self._asked: tuple[Pause, asyncio.Future[Answer]] | None = None
        self._gate = Gate(desk.policy, self._ask)
        self._claimed = False
        self._lost: AgentError | None = None
        self._since = 0.0
        self._latency = 0.0
        self._agent: Agent | None = None
        self._over = asyncio.Event()
        self.live = LiveRun(new_id())
        self.caller = request.caller
        self.elicited = self._gate.elicited

    @property
    def pause(self) -> Pause | None:
        """The question of a server that waits for a person, when there is one."""
        return self._asked[0] if self._asked else None

    @property
    def over(self) -> bool:
        """Whether the work is done but for its last words, which nobody may stop."""
        return self._over.is_set()

    def register_hooks(self, registry: HookRegistry, **_: Any) -> None:
        registry.add_callback(MessageAddedEvent, self._added)

    def begin(self, thread_id: str) -> None:
        """Announces the run: its first event is there before the work begins."""
        self._run = Run(thread_id)
        self._run.renewed(self.live.id)
        self.live.publish(self._run.started())

    def mark(self, state: State) -> State:
        """The state of a conversation whose run this is."""
        return replace(state, pauses=(), run=self.live.id, until=self._until(), alone=self._desk.times.alone)

    async def do(self, responses: Responses | None) -> None:
        """The whole work: never raises, ends the run and leaves a conversation that can go on."""
        self._claimed = responses is None
        problem: AgentError | None = None
        last: list[Event] = []
        beating = asyncio.create_task(self._beat(cast("asyncio.Task[Any]", asyncio.current_task())))
        try:
            async with asyncio.timeout(self._desk.times.answer) as self._limit:
                last = await self._answer(responses)
        except TimeoutError as error:
            problem = self._problem(error, expired=bool(self._limit and self._limit.expired()))
        except asyncio.CancelledError:
            problem = self._lost or AgentError("CANCELLED", "the answer was stopped.")
        except Exception as error:  # noqa: BLE001  (the outermost loop of an answer)
            problem = self._problem(error)
        self._over.set()
        self._withdraw()
        await beating
        if problem is not None:
            await self._settle(problem)
            last = list(self._run.failed(problem.kind, str(problem)))
        if not self.live.ended:
            self._end(last)

    def answered(self, answers: Sequence[Answer]) -> LiveRun:
        """Answers the server's question that waits; the answer goes on as the run that is returned.

        Raises AgentError: UNKNOWN_INTERRUPT_ID, VALIDATION_ERROR.
        """
        assert self._asked is not None
        pause, waiting = self._asked
        (answer, *more) = answers
        if more or answer.interrupt_id != pause.id or waiting.done():
            raise unknown(answer.interrupt_id)
        if answer.approved and pause.schema is not None:
            filled(pause.schema, answer.content or {})
        self._renew()
        waiting.set_result(answer)
        return self.live

    async def _answer(self, responses: Responses | None) -> list[Event]:
        model, tools = await asyncio.gather(
            asyncio.to_thread(self._desk.model), self._tools(fresh=responses is not None)
        )
        self._run.names = names(tools)
        self._agent = agent = await self._made(model, tools)
        if responses is not None:
            agent.load_snapshot(_interrupted(self._memory.state.interrupt or {}, agent.messages[-1]))
            await self._memory.write(change=self.mark)
            self._claimed = True
        self._since = self._desk.clock()
        result: AgentResult | None = None
        async with aclosing(cast("AsyncGenerator[Any]", agent.stream_async(responses))) as stream:
            async for event in stream:
                result = event.get("result", result)
                for mapped in self._run.of(event):
                    self.live.publish(mapped)
        assert result is not None, "Strands ends every stream with a result or an error"
        pauses = self._pauses(result)
        interrupt = _interrupt_state(agent) if pauses else None
        await self._memory.write(change=lambda _: State(pauses=pauses, interrupt=interrupt))
        return self._finished(pauses)

    def _finished(self, pauses: Sequence[Pause]) -> list[Event]:
        assert self._agent is not None
        used = self._usage(self._agent.event_loop_metrics.accumulated_usage, self._latency)
        return list(self._run.finished([pause.interrupt() for pause in pauses], used))

    def _usage(self, tokens: Mapping[str, Any], latency: float) -> dict[str, Any]:
        settings = self._desk.model_settings
        return usage_event(
            tokens,
            named(settings),
            settings.prices,
            latency_ms=latency,
            cached_in_input=settings.provider in CACHED_IN_INPUT,
        )

    async def _made(self, model: Model, tools: Sequence[GatewayTool]) -> Agent:
        return Agent(
            model=model,
            messages=cast("Any", await self._memory.window()),
            tools=list(tools),
            system_prompt=SYSTEM_PROMPT,
            hooks=[self._gate, self],
            callback_handler=None,
            tool_executor=SequentialToolExecutor(),
            retry_strategy=ModelRetryStrategy(max_attempts=3, initial_delay=1, max_delay=4),
            trace_attributes={"session.id": self._run.thread_id},
        )

    async def _tools(self, *, fresh: bool) -> list[GatewayTool]:
        """The tools; `fresh` before a call that a person has approved: the gateway has to answer first."""
        caller = self._request.caller
        self._connection = connection = self._connect()
        await connection.prepare(caller, self._request.headers)
        found = await self._desk.catalog.tools(self._desk.identity(caller), connection.listing, fresh=fresh)
        return [GatewayTool(tool, connection) for tool in found]

    async def _added(self, event: MessageAddedEvent[Any]) -> None:
        message: Mapping[str, Any] = event.message
        now = self._desk.clock()
        metadata: dict[str, Any] = {"run": self.live.id, "duration": round(max(0.0, now - self._since), 3)}
        self._since = now
        counted = message.get("metadata") or {}
        if message["role"] == "assistant" and "usage" in counted:
            latency = (counted.get("metrics") or {}).get("latencyMs") or metadata["duration"] * 1000
            self._latency += latency
            metadata |= self._usage(counted["usage"], latency)
        if message["role"] == "assistant":
            self._run.said = ""
            metadata |= self._full_names(message["content"])
        else:
            metadata["durations"], self._gate.durations = self._gate.durations, {}
        draft = Draft(role=message["role"], content=message["content"], metadata=metadata)
        await self._memory.write(draft, change=self._alive)

    def _full_names(self, content: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The gateway's names of tools that the model knows by shorter ones."""
        short = {block["toolUse"]["name"] for block in content if "toolUse" in block}
        full = {name: self._run.names[name] for name in short if self._run.names.get(name, name) != name}
        return {"names": full} if full else {}

    async def _ask(self, question: Question) -> Reply:
        """A server's question to the person: the run ends here, the call waits for the next one."""
        assert self._connection is not None
        seconds = self._desk.times.question
        pause = Pause(
            id=new_id(),
            tool_call_id=question.tool_call_id,
            tool=question.tool,
            arguments=question.arguments,
            expires=self._desk.clock() + seconds,
            message=question.message,
            schema=None if is_confirmation(question.schema) else question.schema,
            url=question.url,
        )
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        await self._memory.write(change=lambda state: replace(state, pauses=(pause,), until=self._until()))
        if self._over.is_set():
            return Reply("cancel")
        self._hold(pause, waiting)
        try:
            answer = await asyncio.wait_for(waiting, seconds)
        except TimeoutError:
            answer = Answer(pause.id, approved=False, closed=True)
            self._renew()
        finally:
            self._asked = None
        if self._over.is_set():
            return Reply("cancel")
        self._go_on()
        await self._memory.write(change=self.mark)
        return _reply(question, answer)

    def _hold(self, pause: Pause, waiting: asyncio.Future[Answer]) -> None:
        assert self._connection is not None
        self._asked = (pause, waiting)
        self._connection.wait()
        if self._limit is not None:
            self._limit.reschedule(None)
        self._end(self._finished([pause]))

    def _withdraw(self) -> None:
        """The work is over: a question that still waits is nobody's any more."""
        if self._asked is not None:
            (pause, waiting), self._asked = self._asked, None
            if not waiting.done():
                waiting.set_result(Answer(pause.id, approved=False, closed=True))

    def _go_on(self) -> None:
        assert self._connection is not None
        self._connection.go_on()
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(asyncio.get_running_loop().time() + self._desk.times.answer)

    def _renew(self) -> None:
        self.live = LiveRun(new_id())
        self._run.renewed(self.live.id)
        self.live.publish(self._run.started())

    def _end(self, events: Sequence[Event]) -> None:
        for event in events:
            self.live.publish(event)
        self.live.end()

    async def _settle(self, problem: AgentError) -> None:
        """Leaves a conversation that can go on: every call has a result, and the mark of the run is gone."""
        if not self._claimed or problem.kind in LOST:
            return
        said = f"{self._run.said.rstrip()}\n\n{STOPPED}".lstrip()
        try:
            last = await self._memory.tail()
            drafts = mend(last, done=results(self._memory.state.interrupt), last=said)
            await self._memory.write(*drafts, change=lambda _: State())
        except AgentError as error:  # the mark stays, and the next question settles it
            _log.warning("a conversation could not be settled: %s", error.kind)

    def _problem(self, error: Exception, *, expired: bool = False) -> AgentError:
        if expired:
            seconds = self._desk.times.answer
            return AgentError("TIMEOUT", f"the answer took longer than {seconds:g} seconds and was stopped.")
        return run_error(error) or unexpected(error)

    def _pauses(self, result: AgentResult) -> tuple[Pause, ...]:
        if result.stop_reason != "interrupt":
            return ()
        expires = self._desk.clock() + self._desk.times.approval
        return tuple(_pause(interrupt, expires) for interrupt in result.interrupts or ())

    def _until(self) -> float:
        lease = self._desk.times.lease
        return self._desk.clock() + lease if lease else 0.0

    def _alive(self, state: State) -> State:
        return replace(state, until=self._until()) if state.run else state

    async def _beat(self, work: asyncio.Task[Any]) -> None:
        """Signs of life of a long answer; when another process has taken over, this one ends."""
        lease = self._desk.times.lease
        while lease and not self._over.is_set():
            try:
                await asyncio.wait_for(self._over.wait(), lease / 3)
            except TimeoutError:
                pass
            else:
                return
            try:
                await self._memory.write(change=self._alive)
            except AgentError as error:
                if error.kind in LOST and not self._over.is_set():
                    self._lost = error
                    work.cancel()
                    return


def unexpected(error: BaseException) -> AgentError:
    """What nobody expected: no traceback, no secret for the client, the whole of it in the log."""
    reference = new_id()[:8]
    _log.error("run failed, reference %s", reference, exc_info=error)
    return AgentError(
        "AGENT_ERROR",
        f"the agent failed ({type(innermost(error)).__name__}); its log has more under {reference}.",
    )


def unknown(identifier: str) -> AgentError:
    return AgentError(
        "UNKNOWN_INTERRUPT_ID", f"no question {identifier[:80]!r} is open here; an answer holds once."
    )


def _reply(question: Question, answer: Answer) -> Reply:
    if answer.approved and question.url:
        return Reply("accept")
    if answer.approved:
        plain = is_confirmation(question.schema)
        content = yes(question.schema) if plain else filled(question.schema, answer.content or {})
        return Reply("accept", content)
    return Reply("cancel" if answer.closed else "decline")


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


def _interrupt_state(agent: Agent) -> dict[str, Any]:
    """Strands' note of an interrupted call, without the message that the store has already."""
    found: dict[str, Any] = agent.take_snapshot(include=["interrupt_state"]).data["interrupt_state"]
    pending = dict(found.get("pending_tool_execution") or {})
    pending.pop("assistant_message", None)
    return {**found, "pending_tool_execution": pending}


def _interrupted(interrupt: Mapping[str, Any], message: Any) -> Snapshot:
    pending = {**interrupt.get("pending_tool_execution", {}), "assistant_message": message}
    data = {"interrupt_state": {**interrupt, "pending_tool_execution": pending}}
    return Snapshot(scope="agent", schema_version="1.0", data=data, app_data={})
