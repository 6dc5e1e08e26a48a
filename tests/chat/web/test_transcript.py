import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.chat.web.transcript import (
    Answer,
    Call,
    Failure,
    Question,
    Text,
    Thinking,
    before_run,
    of_messages,
)
from tests.kit.desk_scripts import SCRIPTS, WORKSPACE
from tests.kit.scripted_agent import USAGE, Run, Step, Talk, call, keep, result, text, thinking


def fed(*events, at=None) -> Answer:
    answer = Answer()
    for index, event in enumerate(events):
        answer.feed(event, None if at is None else at[index])
    return answer


def test_pieces_of_a_message_are_one_block_and_messages_are_apart():
    answer = fed(*text("one two three", piece=3), *text("four"))
    assert [type(block) for block in answer.blocks] == [Text]
    assert answer.blocks[0].text == "one two three\n\nfour\n\n"


def test_blocks_stand_in_the_order_of_the_events():
    answer = fed(
        *thinking("hm"), *call("c", "look", {"a": 1}), result("c", {"type": "text", "text": "x"}), *text("so")
    )
    assert [type(block) for block in answer.blocks] == [Thinking, Call, Text]
    assert json.loads(answer.blocks[1].arguments) == {"a": 1}
    assert answer.blocks[1].status == "done"


def test_a_failed_tool_is_marked():
    answer = fed(*call("c", "look", {}), result("c", {"type": "text", "text": "no"}, error=True))
    assert answer.blocks[0].status == "error"


def test_the_duration_of_a_call_is_measured_between_its_events_and_unknown_from_a_buffer():
    events = (*call("c", "look", {}), result("c"))
    assert fed(*events, at=[1.0, 1.1, 1.2, 3.5]).blocks[0].seconds == 2.5
    assert fed(*events).blocks[0].seconds is None


def test_a_call_that_waited_gets_its_result_from_the_next_run_without_the_persons_time():
    first = Answer()
    for event in SCRIPTS["create"](Step(Run(Talk("t", "o"), "r"))):
        first.feed(event, 10.0)
    waiting = first.call("c-create")
    assert waiting is not None
    assert waiting.status == "waiting"
    assert first.interrupts[0]["arguments"] == WORKSPACE
    second = Answer(before=first)
    second.feed({"type": "RUN_STARTED", "runId": "r2"}, 500.0)
    second.feed(result("c-create", {"type": "text", "text": "made"}), 500.5)
    assert (waiting.status, waiting.seconds) == ("done", 0.5)
    assert second.blocks == []


def test_the_end_of_a_run_leaves_no_call_running():
    answer = fed(*call("c", "look", {}), {"type": "RUN_ERROR", "code": "MODEL_ERROR", "message": "gone"})
    assert answer.over
    assert answer.blocks[0].status == "unknown"
    assert answer.failure == Failure("MODEL_ERROR", "gone")


def test_a_result_without_a_call_is_shown_all_the_same():
    answer = fed(result("nobody", {"type": "text", "text": "x"}))
    assert answer.blocks[0].content == [{"type": "text", "text": "x"}]


@pytest.mark.behaviour("WEB-RELOAD-SAME")
@pytest.mark.parametrize("name", ["hello", "table", "chart"])
def test_a_kept_conversation_has_the_blocks_of_its_events(name: str):
    talk = Talk("t", "o")
    events = [event for event in SCRIPTS[name](Step(Run(talk, "r"))) if isinstance(event, dict)]
    keep(events, talk, USAGE)
    (kept,) = of_messages(talk.messages)
    lived = fed(*events)

    def shape(answer: Answer):
        return [
            (block.text.strip(),)
            if isinstance(block, (Text, Thinking))
            else (block.id, block.name, json.loads(block.arguments), block.status, block.content)
            for block in answer.blocks
        ]

    assert shape(kept) == shape(lived)
    assert kept.usage == USAGE


def test_what_the_run_under_way_tells_is_not_told_twice():
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "one"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "first"}]},
        {"role": "user", "content": [{"type": "text", "text": "two"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "n", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "id": "c", "status": "success", "content": []}]},
    ]
    entries = before_run(of_messages(messages))
    assert [type(entry) for entry in entries] == [Question, Answer, Question]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
kinds = st.sampled_from(
    [
        "RUN_STARTED",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
        "REASONING_MESSAGE_CONTENT",
        "TOOL_CALL_START",
        "TOOL_CALL_ARGS",
        "TOOL_CALL_RESULT",
        "RUN_FINISHED",
        "RUN_ERROR",
        "CUSTOM",
        "",
    ]
)
names = st.sampled_from(
    [
        "delta",
        "toolCallId",
        "toolCallName",
        "content",
        "metadata",
        "outcome",
        "usage",
        "code",
        "message",
        "runId",
    ]
)


@given(st.lists(st.tuples(kinds, st.dictionaries(names, json_values, max_size=5)), max_size=8))
def test_whatever_comes_is_taken_and_kept(events):
    answer = Answer()
    for kind, members in events:
        answer.feed({**members, "type": kind}, 1.0)
    assert len(answer.raw) == len(events)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["role", "content", "metadata"]), json_values, max_size=3), max_size=4
    )
)
def test_whatever_was_kept_is_read(messages):
    before_run(of_messages(messages))
