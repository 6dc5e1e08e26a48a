"""One conversation of one caller in this process: its connection, its work and the runs that can be heard.

What it remembers is in the store; a process that begins anew goes the same way as any other. One answer at a
time: a second question is told that the conversation is busy. Before an approved call is made its approval
is struck from the store: it holds once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mcp.client import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult
from strands.types.interrupt import InterruptResponseContent

from skerry.agent.approvals import Answer, Pause
from skerry.agent.desk import Desk, Request
from skerry.agent.errors import AgentError
from skerry.agent.events import Run, new_id
from skerry.agent.gate import DENIED, approval, unchanged
from skerry.agent.gateway import Connection
from skerry.agent.memory import Memory, State, busy, mend, results, title
from skerry.agent.runs import LiveRun, gone
from skerry.agent.work import Responses, Work, unknown
from skerry.store.records import Draft

STOP_TIME = 10.0


class Conversation:
    """The conversation `identifier` of `owner`."""

    def __init__(self, owner: str, identifier: str, desk: Desk) -> None:
        self.owner = owner
        self.id = identifier
        self._desk = desk
        self._connection: Connection | None = None
        self._work: Work | None = None
        self._task: asyncio.Task[None] | None = None
        self._reserved = False
        self._runs: dict[str, LiveRun] = {}
        self._closing: asyncio.TimerHandle | None = None
        self._ending: asyncio.Future[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is under way and no run is kept for listeners."""
        return not self._reserved and not self._runs

    @property
    def working(self) -> bool:
        """Whether an answer is under way, or waits for a person in the middle of a call."""
        return self._reserved

    @property
    def run(self) -> str:
        """The id of the run under way, or empty."""
        return self._work.live.id if self._reserved and self._work else ""

    async def begin(self, request: Request) -> LiveRun:
        """Begins an answer and gives its run, whose first event is there; the question is in the store then.

        Raises AgentError: ACCESS_DENIED, SESSION_BUSY, PENDING_INTERRUPTS, UNKNOWN_INTERRUPT_ID, CONFLICT,
        VALIDATION_ERROR, STATE_ERROR.
        """
        if self._reserved:
            return self._meanwhile(request)
        self._reserved = True
        try:
            memory = Memory(self._desk.store, self.owner, self.id)
            await memory.load()
            if not isinstance(request.given, str) and not request.given:
                self._reserved = False
                return self._shown(self._open(memory.state))
            work = Work(self._desk, request, memory, self._connected)
            work.begin(self.id)
            responses: Responses | None = None
            if isinstance(request.given, str):
                await self._ask(memory, work, request.given)
            else:
                responses = await self._resumed(memory, request.given)
        except BaseException:
            self._reserved = False
            raise
        self._work = work
        self._keep(work.live)
        self._task = asyncio.create_task(self._do(work, responses))
        return work.live

    def attach(self, run: str) -> LiveRun:
        """A run under way or just over. Raises AgentError UNKNOWN_RUN."""
        found = self._runs.get(run)
        if found is None and self._work is not None and self._work.live.id == run:
            found = self._work.live
        if found is None:
            raise gone(run)
        return found

    async def cancel(self, run: str = "") -> bool:
        """Stops the answer under way, of this run or of any. Returns whether there was one.

        One that is being stopped, or has only its last words to write, is waited for and not disturbed.
        """
        task, work = self._task, self._work
        if task is None or task.done() or work is None or (run and not self._is_mine(run)):
            return False
        await asyncio.sleep(0)  # a task that is cancelled before its first step runs none, not even its end
        if not work.over and not task.cancelling():
            task.cancel()
        await asyncio.wait({task}, timeout=STOP_TIME)
        return True

    async def close(self) -> None:
        """Stops what is under way and ends the connection. What was said stays in the store."""
        await self.cancel()
        if self._closing is not None:
            self._closing.cancel()
        await self._disconnect()

    def _is_mine(self, run: str) -> bool:
        """Whether a run belongs to the answer under way: the one that is heard, or one before a question."""
        assert self._work is not None
        return run == self._work.live.id or (run in self._runs and self._work.pause is not None)

    def _meanwhile(self, request: Request) -> LiveRun:
        """An invocation while an answer is under way: only the server's question can be shown or answered."""
        work = self._work
        if work is None or work.pause is None:
            raise busy()
        if isinstance(request.given, str):
            raise _pending([work.pause])
        if not request.given:
            return self._shown([work.pause])
        live = work.answered(request.given)
        self._keep(live)
        return live

    async def _do(self, work: Work, responses: Responses | None) -> None:
        try:
            await work.do(responses)
        finally:
            self._reserved = False
            self._keep(work.live)
            loop = asyncio.get_running_loop()
            self._closing = loop.call_later(self._desk.times.idle, self._close_idle)

    async def _ask(self, memory: Memory, work: Work, prompt: str) -> None:
        """Writes the question down, with the mark of the run, before anybody is asked."""
        state = memory.state
        before = await self._left(memory)
        if not before and (found := self._open(state)):
            raise _pending(found)
        if not before and state.pauses:
            refused = unchanged(sorted({pause.tool for pause in state.pauses}))
            done = results(state.interrupt)
            before = mend(await memory.tail(), done=done, missing=DENIED, last=refused)
        first = not memory.exists
        if first:
            await memory.create()
        question = Draft(role="user", content=[{"text": prompt}], metadata={"run": work.live.id})
        await memory.write(
            *before, question, change=lambda _: work.mark(State()), title=title(prompt) if first else None
        )

    async def _resumed(self, memory: Memory, given: Sequence[Answer]) -> Responses:
        """The answers in Strands' form. A late yes is a no; a pause left unanswered keeps the run paused."""
        if left := await self._left(memory):
            await memory.write(*left, change=lambda _: State())
        pauses = {pause.id: pause for pause in memory.state.pauses if pause.call}
        responses: list[InterruptResponseContent] = []
        for answer in given:
            pause = pauses.pop(answer.interrupt_id, None)
            if pause is None:
                raise unknown(answer.interrupt_id)
            agreed = answer.approved and self._desk.clock() < pause.expires
            response = approval(pause.tool, pause.arguments) if agreed else {"approved": ""}
            responses.append({"interruptResponse": {"interruptId": pause.call, "response": response}})
        if pauses:
            raise _pending(list(pauses.values()))
        return responses

    async def _left(self, memory: Memory) -> list[Draft]:
        """What ends a run that was left behind by a process that ended in the middle of it.

        Raises AgentError SESSION_BUSY when its mark still holds.
        """
        state = memory.state
        if not state.run:
            return []
        if state.held(self._desk.clock(), alone=self._desk.times.alone):
            raise busy()
        return mend(await memory.tail(), done=results(state.interrupt))

    def _open(self, state: State) -> list[Pause]:
        now = self._desk.clock()
        return [pause for pause in state.pauses if pause.call and now < pause.expires]

    def _shown(self, pauses: Sequence[Pause]) -> LiveRun:
        """A run that only says which questions are open."""
        live, run = LiveRun(new_id()), Run(self.id)
        run.renewed(live.id)
        live.publish(run.started())
        for event in run.finished([pause.interrupt() for pause in pauses]):
            live.publish(event)
        live.end()
        return live

    def _connected(self) -> Connection:
        work = self._work
        assert work is not None
        if self._closing is not None:
            self._closing.cancel()
        if self._connection is None:
            self._connection = self._desk.connect(work.caller, self._elicited)
        return self._connection

    async def _elicited(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        """A server asks during a call of the work under way."""
        if self._work is None:
            return ElicitResult(action="cancel")
        return await self._work.elicited(context, params)

    def _keep(self, live: LiveRun) -> None:
        """Lets a run be heard again for a while after its end."""
        if live.id not in self._runs:
            self._runs[live.id] = live
            self._let_go(live)

    def _let_go(self, live: LiveRun) -> None:
        """Forgets a run when its time is over, and until then looks again."""
        loop, kept = asyncio.get_running_loop(), self._desk.times.kept
        left = live.ended_at + kept - loop.time() if live.ended else kept
        if live.ended and left <= 0:
            del self._runs[live.id]
        else:
            loop.call_later(left, self._let_go, live)

    def _close_idle(self) -> None:
        if not self._reserved:
            self._ending = asyncio.ensure_future(self._disconnect())

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _pending(pauses: Sequence[Pause]) -> AgentError:
    open_questions = ", ".join(f"{pause.id} ({pause.tool})" for pause in pauses)
    return AgentError(
        "PENDING_INTERRUPTS",
        f"a question is open: {open_questions}.",
        hint='Answer or cancel it first; {"resume": []} shows it again.',
    )
