"""What a conversation remembers: states, windows, and what is left of a run that was stopped."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.agent.approvals import Pause
from skerry.agent.errors import AgentError
from skerry.agent.memory import TOO_LARGE, Memory, State, busy, mend, results, title, whole
from skerry.store.limits import MAX_STATE
from skerry.store.records import Draft, Message
from tests.kit.memory_store import MemoryStore

PAUSE = Pause(id="id", call="call", tool_call_id="tool-1", tool="t", arguments={"a": [1]}, expires=17.0)


def tool_use(identifier: str) -> dict[str, Any]:
    return {"toolUse": {"toolUseId": identifier, "name": "t", "input": {}}}


def tool_result(identifier: str, data: bytes = b"") -> dict[str, Any]:
    picture = {"image": {"format": "png", "source": {"bytes": data}}}
    return {"toolUseId": identifier, "status": "success", "content": [picture]}


USER = {"role": "user", "content": [{"text": "hi"}]}
SPOKEN = {"role": "assistant", "content": [{"text": "hello"}]}


@pytest.mark.parametrize(
    ("messages", "added"),
    [
        ([], []),
        ([USER], ["assistant"]),
        ([USER, SPOKEN], []),
        ([USER, {"role": "assistant", "content": [tool_use("1"), tool_use("2")]}], ["user", "assistant"]),
    ],
)
def test_a_stopped_conversation_is_mended(messages: list[Any], added: list[str]):
    drafts = mend(messages)
    assert [draft.role for draft in drafts] == added
    blocks = [block for message in messages for block in message["content"]]
    calls = [block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block]
    found = [block for draft in drafts for block in draft.content]
    assert [block["toolResult"]["toolUseId"] for block in found if "toolResult" in block] == calls


def test_a_result_that_is_known_is_not_called_unknown():
    messages = [USER, {"role": "assistant", "content": [tool_use("1"), tool_use("2")]}]
    (given, _) = mend(messages, done=[tool_result("2", b"x")])
    first, second = (block["toolResult"] for block in given.content)
    assert first["status"] == "error"
    assert second == tool_result("2", b"x")


def interrupted(data: bytes) -> dict[str, Any]:
    pending = {"completed_tool_results": [tool_result("1", data)]}
    return {"interrupts": {}, "context": {}, "activated": True, "pending_tool_execution": pending}


def test_a_state_comes_back_as_it_was():
    state = State(pauses=(PAUSE,), interrupt=interrupted(b"\x00\xff"), run="r", until=5.0)
    assert State.from_dict(state.to_dict()) == state
    assert State().to_dict() == {}


def test_a_state_that_grows_too_large_names_its_results_and_keeps_its_questions():
    state = State(pauses=(PAUSE,), interrupt=interrupted(b"x" * MAX_STATE))
    found = State.from_dict(state.to_dict())
    assert found.pauses == (PAUSE,)
    assert results(found.interrupt)[0]["content"] == [{"text": TOO_LARGE}]


PAUSES = {**State(pauses=(PAUSE,)).to_dict()["pauses"][0]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.dictionaries(st.sampled_from(["pauses", "run", "until", "interrupt", "other"]), JSON),
    st.dictionaries(st.sampled_from([*PAUSES, "other"]), JSON),
)
def test_a_state_of_any_shape_is_read_or_refused(data: dict[str, Any], pause: dict[str, Any]):
    for given_data in (data, {**data, "pauses": [{**PAUSES, **pause}]}):
        try:
            state = State.from_dict(given_data)
        except AgentError as error:
            assert error.kind == "STATE_ERROR"
        else:
            assert all(item.digest for item in state.pauses)


@pytest.mark.parametrize(
    "data",
    [
        {"pauses": [{}]},
        {"pauses": 7},
        {"other": 1},
        {"pauses": [1]},
        {"run": 7},
        {"until": "later"},
        {"interrupt": [1]},
        {"pauses": [{**PAUSES, "expires": "never"}]},
        {"pauses": [{**PAUSES, "arguments": "all"}]},
    ],
)
def test_a_damaged_state_is_an_error(data: dict[str, Any]):
    with pytest.raises(AgentError) as caught:
        State.from_dict(data)
    assert caught.value.kind == "STATE_ERROR"


def message(number: int, role: str, *blocks: dict[str, Any]) -> Message:
    return Message(number=number, role=role, content=blocks or [{"text": str(number)}], created=0.0)


def test_a_window_never_begins_with_a_result_or_an_answer():
    said = [
        message(1, "user", {"toolResult": tool_result("1")}),
        message(2, "assistant"),
        message(3, "user"),
        message(4, "assistant"),
    ]
    assert [item["content"] for item in whole(said)] == [[{"text": "3"}], [{"text": "4"}]]
    assert whole(said[:2]) == []


@pytest.mark.behaviour("AGENT-HISTORY")
async def test_a_window_grows_until_it_holds_the_question_of_a_long_chain_of_calls():
    store = MemoryStore()
    conversation = store.create("me", "c")
    drafts = [Draft(role="user", content=[{"text": "the question"}])]
    for number in range(100):
        drafts.append(Draft(role="assistant", content=[tool_use(str(number))]))
        drafts.append(Draft(role="user", content=[{"toolResult": tool_result(str(number))}]))
    store.write(conversation, messages=drafts)
    memory = Memory(store, "me", "c")
    await memory.load()
    window = await memory.window()
    assert window[0]["content"] == [{"text": "the question"}]
    assert len(window) == 201


async def test_of_two_that_create_one_waits_and_a_stranger_is_refused():
    store = MemoryStore()
    store.create("me", "c")
    with pytest.raises(AgentError) as mine:
        await Memory(store, "me", "c").create()
    assert mine.value.kind == busy().kind
    with pytest.raises(AgentError) as strange:
        await Memory(store, "you", "c").create()
    assert strange.value.kind == "ACCESS_DENIED"


def test_a_title_is_one_short_line():
    assert title("  What\n is\tthis? ") == "What is this?"
    assert len(title("word " * 100)) <= 80
