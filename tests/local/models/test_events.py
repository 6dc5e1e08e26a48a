"""ConverseStream's events add up to Converse's answer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ServiceError
from skerry.local.models.events import NO_USAGE, Blocks, fold, message_start, message_stop, metadata

texts = st.text(min_size=1, max_size=80).filter(lambda text: bool(text.splitlines()))
blocks = st.one_of(
    st.tuples(st.just("text"), texts),
    st.tuples(st.just("reasoning"), texts),
    st.tuples(st.just("tool"), st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5))),
)


async def _events(given_blocks):
    maker = Blocks()
    yield message_start()
    for number, (kind, value) in enumerate(given_blocks):
        if kind == "text":
            made = maker.text(value)
        elif kind == "reasoning":
            made = maker.reasoning(value)
        else:
            made = maker.tool_use(f"id-{number}", "look", json.dumps(value))
        for event in made:
            yield event
    yield message_stop("end_turn")
    yield metadata(NO_USAGE, 7)


def _block(number, kind, value):
    if kind == "text":
        return {"text": value}
    if kind == "reasoning":
        return {"reasoningContent": {"reasoningText": {"text": value}}}
    return {"toolUse": {"toolUseId": f"id-{number}", "name": "look", "input": value}}


@given(st.lists(blocks, min_size=1, max_size=5))
async def test_folding_gives_back_every_block(given_blocks):
    answer = await fold(_events(given_blocks))
    expected = [_block(number, *block) for number, block in enumerate(given_blocks)]
    assert answer["output"] == {"message": {"role": "assistant", "content": expected}}
    assert (answer["stopReason"], answer["metrics"]) == ("end_turn", {"latencyMs": 7})


@given(st.lists(blocks, min_size=1, max_size=5))
async def test_block_indexes_count_up_and_only_tools_have_a_start(given_blocks):
    events = [event async for event in _events(given_blocks)]
    stops = [members["contentBlockIndex"] for name, members in events if name == "contentBlockStop"]
    starts = [members["contentBlockIndex"] for name, members in events if name == "contentBlockStart"]
    assert stops == list(range(len(given_blocks)))
    assert starts == [number for number, (kind, _) in enumerate(given_blocks) if kind == "tool"]


@pytest.mark.parametrize("text", ["{", "[1]", "3"])
async def test_tool_input_that_is_no_object_is_the_models_error(text):
    async def events():
        for event in Blocks().tool_use("t", "look", text):
            yield event

    with pytest.raises(ServiceError) as caught:
        await fold(events())
    assert (caught.value.name, caught.value.status) == ("ModelErrorException", 424)
