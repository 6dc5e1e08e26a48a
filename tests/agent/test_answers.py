"""An agent's answers: what a client sees of text, tools, pictures and errors."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ag_ui.core import Event as AgUiEvent
from botocore.exceptions import ClientError, EndpointConnectionError
from pydantic import TypeAdapter

from tests.agent.conftest import Start
from tests.kit.agent_client import error, kinds, said
from tests.kit.mcp_gateway import PNG, StandIn
from tests.kit.scripted_model import Fail, Say, ScriptedModel, Use


def test_a_tool_is_called_and_its_result_comes_before_the_answer(start: Start, stand_in: StandIn):
    turns = [
        Use.one("accounts___get_email", account_id="12345"),
        Say("It is user@example.com.", thought="Easy."),
    ]
    events = start(turns, gateway_url=stand_in.url).ask("What is the email for account 12345?")
    assert kinds(events) == [
        "RUN_STARTED",
        "TOOL_CALL_START",
        "TOOL_CALL_ARGS",
        "TOOL_CALL_ARGS",
        "TOOL_CALL_END",
        "TOOL_CALL_RESULT",
        "REASONING_START",
        "REASONING_MESSAGE_START",
        "REASONING_MESSAGE_CONTENT",
        "REASONING_MESSAGE_END",
        "REASONING_END",
        "TEXT_MESSAGE_START",
        *["TEXT_MESSAGE_CONTENT"] * 3,
        "TEXT_MESSAGE_END",
        "RUN_FINISHED",
    ]
    call, result = events[1], events[5]
    assert call["toolCallName"] == "accounts___get_email"
    assert json.loads("".join(event["delta"] for event in events[2:4])) == {"account_id": "12345"}
    assert result["toolCallId"] == call["toolCallId"]
    assert json.loads(result["content"]) == [{"type": "text", "text": "user@example.com"}]
    assert said(events).strip() == "It is user@example.com."
    assert events[-1]["outcome"] == {"type": "success"}


def test_every_event_is_one_of_ag_ui(start: Start, modern: StandIn):
    asking = start(
        [Use.one("storage___wipe", bucket="b"), Use.one("accounts___get_chart"), Say("Here.", thought="Hm.")],
        gateway_url=modern.url,
    )
    events = asking.ask("Empty b and draw")
    events += asking.answer(events[-1]["outcome"]["interrupts"][0]["id"], {"approved": True})
    adapter: TypeAdapter[Any] = TypeAdapter(AgUiEvent)
    for event in events:
        # AG-UI 1.0 has a list of counts there; ours has one object, of the one model, with its cost.
        event.pop("usage", None)
        assert adapter.validate_python(event).type == event["type"]


def test_a_picture_arrives_as_a_picture(start: Start, modern: StandIn):
    events = start([Use.one("accounts___get_chart"), Say("Here.")], gateway_url=modern.url).ask(
        "Show me a chart"
    )
    assert "TOOL_CALL_START" in kinds(events)
    (result,) = [event for event in events if event["type"] == "TOOL_CALL_RESULT"]
    (block,) = json.loads(result["content"])
    assert block["type"] == "image"
    assert block["mimeType"] == "image/png"
    assert base64.b64decode(block["data"]) == PNG


def test_a_conversation_remembers_and_another_session_does_not(start: Start, modern: StandIn):
    model = ScriptedModel([Say("Hello."), Say("Again."), Say("New.")])
    asking = start(model, gateway_url=modern.url)
    asking.ask("first")
    asking.ask("second")
    assert [message["role"] for message in model.asked[1]] == ["user", "assistant", "user"]
    asking.session = "another-session-that-is-long-enough"
    asking.ask("third")
    assert [message["content"][0]["text"] for message in model.asked[2]] == ["third"]


def test_the_model_is_told_every_tool_by_a_name_it_takes(start: Start, modern: StandIn):
    model = ScriptedModel([Say("None fits.")])
    start(model, gateway_url=modern.url).ask("What is the capital of France?")
    assert sorted(model.tools[0]) == [
        "accounts___change_email",
        "accounts___get_chart",
        "accounts___get_email",
        "aws-ops___ec2_read_operations",
        "demo___both",
        "demo___connected",
        "demo___hold",
        "demo___look",
        "demo___page",
        "demo___rate",
        "demo___wait",
        "storage___wipe",
    ]


def test_a_tool_that_fails_is_told_as_an_error(start: Start, modern: StandIn):
    turns = [Use.one("accounts___get_email", account_id="nobody"), Say("I do not know it.")]
    events = start(turns, gateway_url=modern.url).ask("Who?")
    (result,) = [event for event in events if event["type"] == "TOOL_CALL_RESULT"]
    assert result["metadata"] == {"status": "error"}


@pytest.mark.parametrize("payload", [{}, {"prompt": ""}, {"prompt": 7}, [], "x", {"prompt": "a" * 100_001}])
def test_a_payload_without_a_question_is_refused(start: Start, payload: Any):
    assert error(start([]).post(payload))[0] == "VALIDATION_ERROR"


def test_a_client_context_that_cannot_be_one_is_refused(start: Start):
    assert error(start([]).post({"prompt": "hi", "client_context": "me"}))[0] == "VALIDATION_ERROR"


def test_no_gateway_is_an_error_and_not_an_empty_list_of_tools(start: Start):
    code, text = error(start([]).ask("hi"))
    assert code == "CONFIGURATION_ERROR"
    assert "SKERRY_GATEWAY_URL" in text


def test_a_dead_gateway_is_an_error_that_names_it(start: Start):
    code, text = error(start([], gateway_url="http://127.0.0.1:9/mcp").ask("hi"))
    assert code == "GATEWAY_ERROR"
    assert "http://127.0.0.1:9/mcp" in text
    assert "TaskGroup" not in text


def test_a_gateway_that_refuses_is_quoted(start: Start, modern: StandIn):
    modern.guard = lambda headers, body, path: (403, "not you")
    code, text = error(start([], gateway_url=modern.url).ask("hi"))
    assert code == "GATEWAY_ERROR"
    assert "403" in text
    assert "not you" in text


def test_a_gateway_that_comes_back_is_used_again(start: Start, modern: StandIn):
    asking = start([Say("Hello.")], gateway_url=modern.url)
    modern.guard = lambda headers, body, path: (503, "later")
    assert error(asking.ask("hi"))[0] == "GATEWAY_ERROR"
    modern.guard = lambda headers, body, path: None
    assert said(asking.ask("hi")).strip() == "Hello."


@pytest.mark.parametrize(
    ("raised", "shown"),
    [
        (
            ClientError(
                {"Error": {"Code": "AccessDeniedException", "Message": "no model for you"}}, "Converse"
            ),
            "no model",
        ),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), "127.0.0.1:1"),
    ],
)
def test_a_model_that_fails_is_an_error_and_the_conversation_goes_on(
    start: Start, modern: StandIn, raised: Exception, shown: str
):
    asking = start([Fail(raised), Say("Back again.")], gateway_url=modern.url)
    code, text = error(asking.ask("hi"))
    assert code == "MODEL_ERROR"
    assert shown in text
    assert said(asking.ask("hi")).strip() == "Back again."


def test_what_nobody_expected_is_an_error_without_its_text(start: Start, modern: StandIn):
    asking = start([Fail(RuntimeError("secret-in-the-text"))], gateway_url=modern.url)
    code, text = error(asking.ask("hi"))
    assert code == "AGENT_ERROR"
    assert "secret-in-the-text" not in text
