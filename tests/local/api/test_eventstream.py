"""The framing is read back by botocore's own parser."""

import json

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ProtocolError
from skerry.local.api import eventstream

names = st.text(min_size=1, max_size=40).filter(lambda text: len(text.encode()) < 256)
values = st.text(max_size=300)


def decoded(data: bytes, cuts: list[int] | None = None) -> list[tuple[dict[str, str], bytes]]:
    buffer = EventStreamBuffer()
    found = []
    places = sorted({cut % (len(data) + 1) for cut in cuts or []})
    for low, high in zip([0, *places], [*places, len(data)], strict=True):
        buffer.add_data(data[low:high])
        found += [(message.headers, message.payload) for message in buffer]
    return found


@given(
    st.lists(st.tuples(st.dictionaries(names, values, max_size=5), st.binary(max_size=500)), max_size=4),
    st.lists(st.integers(min_value=0), max_size=6),
)
def test_any_message_is_read_back_however_it_is_cut(messages, cuts):
    data = b"".join(eventstream.encode(headers, payload) for headers, payload in messages)
    assert decoded(data, cuts) == messages


@pytest.mark.behaviour("MD-STREAM-FRAMING")
def test_an_event_carries_its_type_and_its_members_as_json():
    [(headers, payload)] = decoded(eventstream.event("messageStop", {"stopReason": "end_turn"}))
    assert headers == {
        ":event-type": "messageStop",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    assert json.loads(payload) == {"stopReason": "end_turn"}


def test_an_exception_is_read_as_one_by_botocore():
    buffer = EventStreamBuffer()
    buffer.add_data(eventstream.exception("throttlingException", "Slow down."))
    [message] = list(buffer)
    response = message.to_response_dict()
    assert response["status_code"] == 400
    assert response["headers"][":exception-type"] == "throttlingException"
    assert json.loads(response["body"]) == {"message": "Slow down."}


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        ({"": "x"}, b""),
        ({"n" * 256: "x"}, b""),
        ({"n": "x" * 32768}, b""),
        ({f"name-{number}": "x" * 32000 for number in range(5)}, b""),
        ({}, b"x" * (24 * 1024 * 1024 + 1)),
    ],
    ids=["no name", "long name", "long value", "many headers", "large payload"],
)
def test_what_the_format_cannot_hold_is_refused(headers, payload):
    with pytest.raises(ProtocolError):
        eventstream.encode(headers, payload)
