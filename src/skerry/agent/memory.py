"""What one conversation remembers, in the conversation store.

Messages are appended one by one as the agent makes them and never changed. `state` beside them is what is
needed to go on: open questions, Strands' own note of an interrupted call, and the mark of a run under way
with the time until which it holds. Every write names the version it was made from, so of two processes one
goes on and the other one learns of it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from strands.types.session import decode_bytes_values, encode_bytes_values

from skerry.agent.approvals import Pause
from skerry.agent.errors import AgentError, store_error
from skerry.store.limits import MAX_STATE
from skerry.store.records import (
    Conversation,
    ConversationConflictError,
    ConversationNotFoundError,
    Draft,
    Message,
    Store,
    StoreError,
)

WINDOW = 40
"""Messages that the model is shown at least, where there are so many."""
MAX_TITLE = 80

STOPPED = "The answer was stopped."
UNKNOWN_OUTCOME = (
    "No result: the answer was stopped during this call. It may or may not have been carried out."
)
TOO_LARGE = "The result was too large to be kept while a person was asked. Call the tool again if it matters."

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What a conversation needs to go on, without its messages.

    `interrupt` is Strands' interrupt state without the assistant's message, which is the last one stored.
    `run` names a run under way; its mark holds until `until`, seconds since the epoch. `alone` says that a
    Runtime's session made it, which has one process at a time.
    """

    pauses: tuple[Pause, ...] = ()
    interrupt: Mapping[str, Any] | None = None
    run: str = ""
    until: float = 0.0
    alone: bool = False

    def held(self, now: float, *, alone: bool) -> bool:
        """Whether a process may still be at the run. Who is `alone` knows that one of his kind is dead."""
        return bool(self.run) and now < self.until and not (alone and self.alone)

    def to_dict(self) -> dict[str, Any]:
        """The state as the store keeps it; results beyond its limit are named and not kept over a pause."""
        encoded = _encoded(self)
        if self.interrupt is None or len(json.dumps(encoded)) <= MAX_STATE:
            return encoded
        return _encoded(replace(self, interrupt=_shortened(self.interrupt)))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> State:
        """The state in a record. Raises AgentError STATE_ERROR when it is none."""
        try:
            found = decode_bytes_values(dict(data))
            pauses = tuple(Pause(**pause) for pause in found.pop("pauses", ()))
            state = cls(pauses=pauses, **found)
            _check(state)
            return state
        except (TypeError, ValueError, AttributeError) as error:
            raise AgentError(
                "STATE_ERROR",
                f"what this conversation remembers cannot be read ({type(error).__name__}).",
                hint="Begin a new conversation.",
            ) from error


def _check(state: State) -> None:
    """Raises TypeError for members of another type."""
    texts = [state.run, *(text for item in state.pauses for text in (item.id, item.call, item.tool))]
    objects = [item.arguments for item in state.pauses] + [state.interrupt or {}]
    objects += [item.schema or {} for item in state.pauses]
    times = [state.until, *(item.expires for item in state.pauses)]
    right = (
        all(isinstance(text, str) for text in texts)
        and all(isinstance(item, Mapping) for item in objects)
        and all(isinstance(time, int | float) for time in times)
        and isinstance(state.alone, bool)
    )
    if not right:
        raise TypeError("a member of the state has another type")


Change = Callable[[State], State]
"""From the state as it is to the state as it shall be; made when its turn to be written has come."""


def results(interrupt: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The results that an interrupted turn has already."""
    pending = (interrupt or {}).get("pending_tool_execution") or {}
    return list(pending.get("completed_tool_results", ()))


def _encoded(state: State) -> dict[str, Any]:
    members = {name: value for name, value in asdict(state).items() if value}
    encoded: dict[str, Any] = encode_bytes_values(members)
    return encoded


def _shortened(interrupt: Mapping[str, Any]) -> dict[str, Any]:
    pending = interrupt.get("pending_tool_execution") or {}
    kept = [{**result, "content": [{"text": TOO_LARGE}]} for result in results(interrupt)]
    return {**interrupt, "pending_tool_execution": {**pending, "completed_tool_results": kept}}


class Memory:
    """The record of one conversation for as long as a run needs it. Writes are made one after another."""

    def __init__(self, store: Store, owner: str, identifier: str) -> None:
        self._store = store
        self._owner = owner
        self._identifier = identifier
        self._lock = asyncio.Lock()
        self._conversation: Conversation | None = None
        self.state = State()

    @property
    def exists(self) -> bool:
        return self._conversation is not None

    async def load(self) -> None:
        """Reads the record; a conversation that does not exist yet is an empty one.

        Raises AgentError STATE_ERROR: a record that cannot be read is not taken for an empty one.
        """
        try:
            self._conversation = await asyncio.to_thread(self._store.read, self._owner, self._identifier)
        except ConversationNotFoundError:
            self._conversation = None
        except StoreError as error:
            raise store_error(error) from error
        self.state = State.from_dict(self._conversation.state) if self._conversation else State()

    async def create(self) -> None:
        """Makes the record. Raises AgentError: ACCESS_DENIED, SESSION_BUSY, STATE_ERROR."""
        try:
            self._conversation = await asyncio.to_thread(self._store.create, self._owner, self._identifier)
        except ConversationConflictError as error:
            await self.load()
            if self.exists:  # the same caller, in another process, a moment ago
                raise busy() from error
            raise AgentError(
                "ACCESS_DENIED", "this session belongs to another caller.", hint="Start a new session."
            ) from error
        except StoreError as error:
            raise store_error(error) from error

    async def write(self, *messages: Draft, change: Change | None = None, title: str | None = None) -> None:
        """Appends messages and changes the state, all or nothing; a caller that is cancelled waits no longer.

        Raises AgentError: CONFLICT, NOT_FOUND, STATE_ERROR.
        """
        await asyncio.shield(asyncio.ensure_future(self._write(messages, change, title)))

    async def _write(self, messages: Sequence[Draft], change: Change | None, title: str | None) -> None:
        async with self._lock:
            assert self._conversation is not None, "create or load comes first"
            state = None if change is None else change(self.state)
            self._conversation = await called(
                self._store.write,
                self._conversation,
                messages=messages,
                state=None if state is None else state.to_dict(),
                title=title,
            )
            self.state = self.state if state is None else state

    async def window(self) -> list[dict[str, Any]]:
        """The newest messages that make a whole conversation for a model: never a result without its call."""
        assert self._conversation is not None, "create or load comes first"
        count = WINDOW
        while True:
            found = await called(self._store.last, self._owner, self._identifier, count)
            shown = whole(found)
            if shown or count >= self._conversation.count:
                return shown
            count *= 4

    async def tail(self) -> list[dict[str, Any]]:
        """The last message, if there is one, when writes that are under way have been made."""
        async with self._lock:
            found = await called(self._store.last, self._owner, self._identifier, 1)
        return [_bedrock(message) for message in found]


async def called(function: Callable[..., Result], *given: Any, **named: Any) -> Result:
    """A call of the store in a thread, its errors as the agent's."""
    try:
        return await asyncio.to_thread(function, *given, **named)
    except StoreError as error:
        raise store_error(error) from error


def busy() -> AgentError:
    return AgentError("SESSION_BUSY", "this session is answering another question.")


def title(prompt: str) -> str:
    """What a conversation is called: the beginning of its first question, on one line."""
    text = " ".join(prompt.split())
    return text if len(text) <= MAX_TITLE else f"{text[: MAX_TITLE - 1].rstrip()}…"


def whole(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The messages from the first one with which a conversation can begin: a person's words."""
    for index, message in enumerate(messages):
        if message.role == "user" and not any("toolResult" in block for block in message.content):
            return [_bedrock(item) for item in messages[index:]]
    return []


def _bedrock(message: Message) -> dict[str, Any]:
    return {"role": message.role, "content": [dict(block) for block in message.content]}


def mend(
    messages: Sequence[Mapping[str, Any]],
    *,
    done: Sequence[Mapping[str, Any]] = (),
    missing: str = UNKNOWN_OUTCOME,
    last: str = STOPPED,
) -> list[Draft]:
    """What has to follow so that a model accepts these messages: a result for every call, and a last word.

    `done` are results that are known; a call without one gets `missing`.
    """
    if not messages:
        return []
    added: list[Draft] = []
    calls = [block["toolUse"]["toolUseId"] for block in messages[-1]["content"] if "toolUse" in block]
    if messages[-1]["role"] == "assistant" and not calls:
        return added
    if calls:
        known = {result["toolUseId"]: result for result in done}
        unknown = {"status": "error", "content": [{"text": missing}]}
        content = [{"toolResult": known.get(call, {"toolUseId": call, **unknown})} for call in calls]
        added.append(Draft(role="user", content=content))
    added.append(Draft(role="assistant", content=[{"text": last}]))
    return added
