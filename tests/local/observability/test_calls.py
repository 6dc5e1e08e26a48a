"""A hop and what its targets took."""

from __future__ import annotations

from skerry.local.observability.calls import Calls
from tests.local.observability.hops import hop, to_target, tool_call


def test_requests_to_targets_are_added_up_for_the_call_that_they_served() -> None:
    calls = Calls()
    assert calls.of(to_target()).target_ms == 4.0
    calls.of(to_target(duration_ms=2.5, span="d" * 16))
    call = calls.of(tool_call())
    assert (call.target_ms, call.target_type, call.tool) == (6.5, "lambda", "shop___find")
    assert calls.of(tool_call()).target_ms == 0.0  # it is over


def test_what_a_gateway_does_for_itself_belongs_to_no_call() -> None:
    calls = Calls()
    calls.of(to_target(parent=""))
    calls.of(to_target(detail={}))  # an interceptor, a token
    assert calls.of(tool_call()).target_ms == 0.0


def test_http_targets_count_without_a_tool() -> None:
    calls = Calls()
    calls.of(to_target(operation="→ HTTP POST", detail={"target_type": "http"}))
    call = calls.of(hop(operation="POST /a"))
    assert (call.target_ms, call.target_type, call.tool) == (4.0, "http", "")


def test_calls_whose_end_never_comes_are_forgotten() -> None:
    calls = Calls(limit=2)
    for number in range(3):
        calls.of(to_target(parent=f"{number:016x}"))
    assert [calls.of(tool_call(span=f"{number:016x}")).target_ms for number in range(3)] == [0.0, 4.0, 4.0]
