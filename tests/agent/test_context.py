"""The client context from a payload to a target behind a real gateway plane, and the trace of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from skerry.wire.context import AGENT, HEADER_NAMES, PREFERENCES, REGION, SESSION_ID, TIMESTAMP
from tests.agent.conftest import Start
from tests.kit.agent_client import Asking, error
from tests.kit.gateway_stack import Stack, gateway_stack
from tests.kit.scripted_model import Say, ScriptedModel, Use

HELLO: dict[str, Any] = {
    "name": "hello",
    "description": "Says hello.",
    "inputSchema": {"type": "object", "properties": {}},
}
NOW = 1_000_000.0


@pytest.fixture(scope="module")
def plane() -> Iterator[Stack]:
    with gateway_stack() as running:
        yield running


@pytest.fixture
def asking(plane: Stack, start: Start) -> Asking:
    """An agent whose tool stands behind a gateway that lets the whole context through."""
    return agent(plane, start, HEADER_NAMES)


def agent(plane: Stack, start: Start, allowed: Any) -> Asking:
    gateway = plane.gateway()
    plane.functions.functions["fn"] = lambda event, custom: "good"
    plane.functions.invocations.clear()
    plane.lambda_target(gateway, "fn", [HELLO], metadataConfiguration={"allowedRequestHeaders": [*allowed]})
    return start(
        ScriptedModel([Use.one("fn___hello"), Say("Hello.")] * 5),
        gateway_url=plane.url(gateway),
        gateway_auth="none",
        read_only=("hello",),
        clock=lambda: NOW,
    )


def arrived(plane: Stack) -> dict[str, str]:
    found: dict[str, str] = plane.functions.invocations[-1].custom["bedrockAgentCorePropagatedHeaders"]
    return found


@pytest.mark.behaviour("AGENT-CONTEXT")
@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (
            {
                "region": "eu-west-1",
                "agent_name": "Zoë",
                "timestamp": 17.5,
                "user_preferences": {"raw": True},
            },
            {
                REGION: "eu-west-1",
                AGENT: "=?base64?Wm/Dqw==?=",
                TIMESTAMP: "17.5",
                PREFERENCES: '{"raw":true}',
            },
        ),
        ({}, {REGION: "unknown", AGENT: "unknown", TIMESTAMP: "1000000.0", PREFERENCES: "{}"}),
        (None, {REGION: "unknown", AGENT: "unknown", TIMESTAMP: "1000000.0", PREFERENCES: "{}"}),
        (
            {"region": None, "agent_name": "ops", "timestamp": None},
            {REGION: "unknown", AGENT: "ops", TIMESTAMP: "1000000.0", PREFERENCES: "{}"},
        ),
    ],
)
def test_every_header_arrives_with_its_value_or_its_default(
    asking: Asking, plane: Stack, context: Any, expected: dict[str, str]
):
    asking.post({"prompt": "hi", "client_context": context})
    wanted = {**expected, SESSION_ID: asking.session}
    assert arrived(plane) == {name.lower(): value for name, value in wanted.items()}


@pytest.mark.behaviour("AGENT-CONTEXT")
@pytest.mark.parametrize(
    "context",
    [
        "me",
        7,
        {"region": "x\r\nX-Evil: 1"},
        {"region": "x" * 65},
        {"region": 7},
        {"agent_name": "x" * 257},
        {"agent_name": ["ops"]},
        {"timestamp": "now"},
        {"timestamp": -1},
        {"timestamp": True},
        {"timestamp": 1e300},
        {"user_preferences": "raw"},
        {"user_preferences": {"x": "y" * 5000}},
        {"user_preferences": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}},
    ],
)
def test_a_hostile_value_is_refused_before_anything_is_done(asking: Asking, plane: Stack, context: Any):
    assert error(asking.post({"prompt": "hi", "client_context": context}))[0] == "VALIDATION_ERROR"
    assert plane.functions.invocations == []


@pytest.mark.behaviour("AGENT-CONTEXT")
def test_a_session_that_the_client_claims_is_not_the_one_that_arrives(asking: Asking, plane: Stack):
    asking.ask("hi", session_id="somebody-else-s-session-of-enough-length")
    assert arrived(plane)[SESSION_ID.lower()] == asking.session


@pytest.mark.behaviour("AGENT-CONTEXT")
@pytest.mark.behaviour("GW-TRACE-HEADERS")
def test_the_trace_says_of_each_header_whether_it_travelled_and_why_not(plane: Stack, start: Start):
    asking = agent(plane, start, [SESSION_ID, REGION, "X-Team"])
    asking.ask("hi", region="eu-west-1", user_preferences={"token": "secret"})
    hop = plane.recorder.named("→ lambda Invoke")[-1]
    assert hop.detail["headers"] == "x-client-region, x-session-id"
    dropped = hop.detail["dropped"].split(", ")
    assert sorted(dropped) == [
        "x-client-agent (not on the allow-list)",
        "x-client-preferences (not on the allow-list)",
        "x-client-timestamp (not on the allow-list)",
        "x-team (not sent)",
    ]
    assert "secret" not in json.dumps(dict(hop.detail))
