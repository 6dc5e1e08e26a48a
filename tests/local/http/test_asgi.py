"""Bodies are bounded, answers have a request id."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ServiceError
from skerry.local.api.rest_json import Reply
from skerry.local.http.asgi import Answer, ClientGoneError, read_body, send_reply


def receiving(*messages):
    left = list(messages)

    async def receive():
        return left.pop(0)

    return receive


def pieces(*bodies):
    return receiving(
        *(
            {"type": "http.request", "body": body, "more_body": number < len(bodies) - 1}
            for number, body in enumerate(bodies)
        )
    )


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=6))
async def test_a_body_is_put_together(bodies):
    whole = b"".join(bodies)
    assert await read_body(pieces(*bodies), len(whole)) == whole


@pytest.mark.parametrize("bodies", [[b"12345"], [b"123", b"45"], [b"123", b"4", b"5" * 1000]])
async def test_a_body_past_the_limit_is_413(bodies):
    with pytest.raises(ServiceError) as caught:
        await read_body(pieces(*bodies), 4)
    assert caught.value.status == 413


@pytest.mark.parametrize("before", [[], [{"type": "http.request", "body": b"x", "more_body": True}]])
async def test_a_client_that_went_away_is_no_error_of_ours(before):
    with pytest.raises(ClientGoneError):
        await read_body(receiving(*before, {"type": "http.disconnect"}), 10)


@pytest.mark.parametrize(
    ("headers", "kept"), [([], None), ([(b"x-amzn-RequestId", b"theirs")], "theirs"), ([(b"a", b"b")], None)]
)
async def test_every_answer_has_one_request_id(headers, kept):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {}
    answer = Answer(send, scope)
    await send_reply(answer.send, Reply(200, headers, b"x"))
    ids = [value.decode() for name, value in sent[0]["headers"] if name.lower() == b"x-amzn-requestid"]
    assert ids == [kept or scope["skerry.request_id"]]
    assert (answer.status, answer.request_id) == (200, ids[0])
