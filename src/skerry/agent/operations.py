"""Everything that a caller can have done: the same for the Runtime's entry point and for the web service.

A caller sees and changes what is his own; somebody else's conversation is like one that does not exist.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from skerry.agent import shown
from skerry.agent.conversation import Conversation
from skerry.agent.desk import Desk, Request
from skerry.agent.errors import AgentError
from skerry.agent.events import sound
from skerry.agent.gateway import Connection
from skerry.agent.identity import Caller
from skerry.agent.memory import State, called
from skerry.agent.runs import LiveRun
from skerry.store.records import MAX_PAGE
from skerry.store.transcript import as_json, as_markdown, every_message

MAX_CONVERSATIONS = 200
MAX_RUNS = 200
"""Answers under way in this process; each may hold a thread and a connection to the gateway."""
MAX_RUNS_OF_ONE = 100
TIDY_TIME = 600.0
RECENT = 20
Json = dict[str, Any]

_log = logging.getLogger("skerry.agent")


class Operations:
    """What callers can have done.

    Conversations of this process are kept by owner and id; idle ones beyond `limit` lose their connection.
    No more than `most` answers are under way at once, and no more than `most_of_one` of one caller.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        limit: int = MAX_CONVERSATIONS,
        most: int = MAX_RUNS,
        most_of_one: int = MAX_RUNS_OF_ONE,
    ) -> None:
        self.desk = desk
        self._limit = limit
        self._most = most
        self._most_of_one = most_of_one
        self._known: OrderedDict[tuple[str, str], Conversation] = OrderedDict()
        self._closing: set[asyncio.Future[None]] = set()
        self._tidied = 0.0
        self._tidying: asyncio.Future[int] | None = None

    @property
    def working(self) -> bool:
        """Whether an answer is under way, or waits for a person: the process must not be ended now."""
        return any(item.working for item in list(self._known.values()))

    def conversation_of(self, owner: str, identifier: str) -> Conversation:
        """The conversation in this process, a new one when it is not known here."""
        key = (owner, identifier)
        found = self._known.setdefault(key, Conversation(owner, identifier, self.desk))
        self._known.move_to_end(key)
        idle = [name for name, item in self._known.items() if item.idle and item is not found]
        for name in idle[: max(0, len(self._known) - self._limit)]:
            closing = asyncio.ensure_future(self._known.pop(name).close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        return found

    async def begin(self, identifier: str, request: Request) -> LiveRun:
        """Begins an answer. Raises AgentError before it: THROTTLED, and those of Conversation.begin."""
        self._tidy()
        if isinstance(request.given, str):  # an answer to an open question may end one, and is let through
            self._admit(request.caller)
        found = self.conversation_of(request.caller.name, identifier)
        return await found.begin(request)

    def _admit(self, caller: Caller) -> None:
        working = [owner for (owner, _), item in self._known.items() if item.working]
        if len(working) >= self._most or working.count(caller.name) >= self._most_of_one:
            raise AgentError(
                "THROTTLED", "too many answers are under way.", hint="Wait until one of them has ended."
            )

    async def attach(self, caller: Caller, identifier: str, run: str) -> LiveRun:
        """A run to listen to. Raises AgentError UNKNOWN_RUN."""
        found = self.conversation_of(caller.name, identifier)
        return found.attach(run)

    async def cancel(self, caller: Caller, identifier: str, run: str) -> Json:
        """Stops a run of the caller."""
        found = self._known.get((caller.name, identifier))
        return {"runId": run, "wasRunning": found is not None and await found.cancel(run)}

    async def conversations(self, caller: Caller, *, limit: int = 20, cursor: str = "") -> Json:
        """The caller's conversations, newest first."""
        page = await called(self.desk.store.list, caller.name, limit=limit, cursor=cursor)
        return {"conversations": [shown.summary(item) for item in page.items], "cursor": page.cursor}

    async def conversation(
        self, caller: Caller, identifier: str, *, after: int = 0, limit: int = MAX_PAGE
    ) -> Json:
        """One conversation with a page of its messages. Raises AgentError: NOT_FOUND, STATE_ERROR."""
        store = self.desk.store
        record = await called(store.read, caller.name, identifier)
        page = await called(store.messages, caller.name, identifier, after=after, limit=limit)
        state = State.from_dict(record.state)
        known = self._known.get((caller.name, identifier))
        now = self.desk.clock()
        working = known is not None and known.working
        under_way = state.run if working or state.held(now, alone=self.desk.times.alone) else ""
        open_now = [item for item in state.pauses if now < item.expires and (item.call or under_way)]
        found: Json = sound(
            {
                "conversation": shown.summary(record),
                "messages": [shown.message(item) for item in page.items],
                "interrupts": [item.interrupt() for item in open_now],
                "run": under_way,
                "cursor": page.cursor,
            }
        )
        return found

    async def calls(self, caller: Caller, identifier: str) -> dict[str, Json]:
        """The newest calls of a conversation by their ids: blocks with `name` and `input`."""
        found = await called(self.desk.store.last, caller.name, identifier, RECENT)
        blocks = [block for item in found for block in shown.message(item)["content"]]
        return {block["id"]: block for block in blocks if block["type"] == "tool_use"}

    async def export(self, caller: Caller, identifier: str, *, markdown: bool) -> str:
        """One conversation with all its messages, as a document. Raises AgentError NOT_FOUND."""
        store, form = self.desk.store, as_markdown if markdown else as_json

        def document() -> str:
            record = store.read(caller.name, identifier)
            return str(sound(form(record, every_message(store, caller.name, identifier))))

        return await called(document)

    async def delete(self, caller: Caller, identifier: str) -> Json:
        """Stops and deletes a conversation for good. Raises AgentError NOT_FOUND."""
        known = self._known.get((caller.name, identifier))
        if known is not None:
            await known.cancel()
        await called(self.desk.store.delete, caller.name, identifier)
        if known is not None:
            self._known.pop((caller.name, identifier), None)
            await known.close()
        return {"id": identifier}

    async def delete_all(self, caller: Caller) -> Json:
        """Deletes the caller's own conversations."""
        deleted = 0
        while found := (await self.conversations(caller, limit=MAX_PAGE))["conversations"]:
            for item in found:
                try:
                    await self.delete(caller, item["id"])
                except AgentError as error:
                    if error.kind != "NOT_FOUND":  # somebody else of the same name was faster
                        raise
                else:
                    deleted += 1
        return {"deleted": deleted}

    async def tools(self, caller: Caller, headers: Mapping[str, str]) -> Json:
        """The tools that the agent can call for this caller, as the gateway lists them now or a moment ago.

        Raises AgentError: GATEWAY_ERROR, CONFIGURATION_ERROR.
        """
        connection: Connection = self.desk.connect(caller, _nobody)
        try:
            await connection.prepare(caller, headers)
            found = await self.desk.catalog.tools(self.desk.identity(caller), connection.listing)
        finally:
            await connection.close()
        return {"tools": [self._tool(tool) for tool in found]}

    async def close(self) -> None:
        """Stops all answers and ends all connections."""
        known, self._known = list(self._known.values()), OrderedDict()
        await asyncio.gather(*(item.close() for item in known), *self._closing, return_exceptions=True)
        if self._tidying is not None:
            await self._tidying

    def _tidy(self) -> None:
        """Has the store delete what has expired, now and then; nobody waits for it."""
        now = asyncio.get_running_loop().time()
        if now >= self._tidied and (self._tidying is None or self._tidying.done()):
            self._tidied = now + TIDY_TIME
            self._tidying = asyncio.ensure_future(_quietly(self.desk.store.purge))

    def _tool(self, tool: Any) -> Json:
        annotations = tool.annotations.model_dump(by_alias=True) if tool.annotations else None
        return {
            "name": tool.name,
            "description": tool.description or "",
            "inputSchema": tool.input_schema,
            "asks": self.desk.policy.asks(tool.name, annotations),
        }


async def _quietly(purge: Callable[[], int]) -> int:
    try:
        return await called(purge)
    except AgentError as error:
        _log.warning("expired conversations could not be deleted: %s", error.message)
        return 0


async def _nobody(*_: Any) -> Any:
    raise AssertionError("no tool is called over the connection that lists tools")
