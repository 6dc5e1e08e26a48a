"""The tables of what refusals mean."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.relay.http.recovery import REPEATABLE, loss, pause, throttled
from skerry.wire import jsonrpc
from skerry.wire.jsonrpc import Envelope


def failure(code: int, message: str, data: Any = None) -> Envelope:
    return jsonrpc.parse(jsonrpc.error(1, code, message, data))


RUNTIME = "Received error (404) from runtime. Please check your CloudWatch logs for more information."


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (404, None, "gone"),
        (404, failure(-32600, "Session not found"), "gone"),
        (404, failure(-32001, "Session not found"), "gone"),
        (404, failure(-30001, "The provided SessionId was not found or has expired."), "gone"),
        (404, failure(-32601, "Method not found"), None),
        (200, failure(-32001, "Session not found"), "gone"),
        (200, failure(-32001, "Authentication error - Invalid credentials"), None),
        (200, failure(-32010, RUNTIME), "gone"),
        (200, failure(-32010, RUNTIME.replace("404", "500")), None),
        (200, failure(-32010, "Runtime health check failed or timed out."), None),
        (400, failure(-32000, "Bad Request: No valid session ID provided"), "gone"),
        (400, failure(-32600, "Bad Request: Server not initialized"), "gone"),
        (400, failure(-32600, "Bad Request: Unsupported protocol version: 2031-01-01"), None),
        (400, None, None),
        (500, None, None),
        (200, failure(-32602, "Invalid request parameters", ""), "perhaps"),
        (200, failure(-32602, "Invalid request parameters"), "perhaps"),
        (200, failure(-32602, "Invalid request parameters", {"field": "name"}), None),
        (200, failure(-32602, "Unknown tool: x"), None),
        (200, failure(-32603, "Session not found in the database of the tool"), None),
    ],
)
def test_what_says_that_the_session_is_gone(status: int, answer: Envelope | None, expected: str | None):
    assert loss(status, answer, had_session=True) == expected


def test_a_404_without_a_session_is_a_wrong_address():
    assert loss(404, None, had_session=False) is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (failure(-32005, "Session operation in progress, please retry"), True),
        (failure(-32005, "Resource conflict - Resource already exists"), False),
        (failure(-32003, "Rate limit exceeded - Too many requests"), True),
        (failure(-32010, "Tool execution error - please retry"), False),
        (failure(-32603, "Too many requests"), False),
        (jsonrpc.parse(jsonrpc.response(1, {})), False),
    ],
)
def test_what_says_not_now(answer: Envelope, expected: bool):
    assert throttled(answer) is expected


def test_nothing_that_acts_is_repeatable():
    assert (
        not {"tools/call", "initialize", "tasks/update", "tasks/cancel", "subscriptions/listen"} & REPEATABLE
    )


@given(st.integers(1, 50), st.text(max_size=8), st.floats(0, 1))
def test_a_pause_is_never_without_bounds(attempt: int, retry_after: str, jitter: float):
    assert 0.1 <= pause(attempt, retry_after, jitter) <= 30.25 or retry_after.isdigit()
    assert 0 <= pause(attempt, retry_after, jitter) <= 30.25


def test_a_pause_grows_and_is_spread():
    assert [pause(attempt, "", 1.0) for attempt in range(1, 8)] == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
    assert pause(3, "", 0.0) == 0.5


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2.0),
        ("0", 0.0),
        ("86400", 30.0),
        ("-1", 0.25),
        ("1.5", 0.25),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0.25),
        ("²", 0.25),
    ],
)
def test_retry_after_counts_in_whole_seconds_up_to_half_a_minute(header: str, seconds: float):
    found = pause(1, header, 0.0)
    assert found == (seconds if header.isascii() and header.isdigit() else seconds / 2)
