"""Strands' BedrockModel, unmodified, against the plane: streaming and not, tools, forced output, refusals."""

import boto3
import pytest
from pydantic import BaseModel
from strands import Agent, tool
from strands.models import BedrockModel
from strands.vended_interventions.hitl import HumanInTheLoop

from tests.kit.plane import REGION, running
from tests.local.models.guardrails.estate import FULL, plane


class Person(BaseModel):
    """A person."""

    name: str
    age: int


@pytest.fixture(scope="module")
def served():
    with running(plane) as found:
        yield found


@pytest.fixture(params=[True, False], ids=["streaming", "whole"])
def model(served, request):
    key = served.ports.developer
    session = boto3.Session(
        aws_access_key_id=key.access_key_id, aws_secret_access_key=key.secret_access_key, region_name=REGION
    )
    made = BedrockModel(
        model_id="local-router", streaming=request.param, endpoint_url=served.url, boto_session=session
    )
    yield made
    made.client.close()


def agent(model, *tools, **options):
    return Agent(model=model, tools=list(tools), callback_handler=None, retry_strategy=None, **options)


@tool
def get_email(account_id: str) -> str:
    """Get the e-mail address of an account."""
    return f"{account_id}@example.com"


@tool
def change_email(account_id: str, new_email: str) -> str:
    """Change the e-mail address of an account."""
    raise AssertionError("it was refused")


@pytest.mark.behaviour("MD-STRANDS")
async def test_a_question_is_answered_with_a_tool(model):
    result = await agent(model, get_email, change_email).invoke_async("What is the email for account 12345?")
    assert result.stop_reason == "end_turn"
    assert str(result).strip() == "12345@example.com"
    assert result.metrics.accumulated_usage["totalTokens"] == 0


async def test_the_reasoning_reaches_the_agents_stream(model):
    thought = ""
    async for event in agent(model, get_email).stream_async("What is the email for account 12345?"):
        thought += event.get("reasoningText") or ""
    assert "no language model" in thought


async def test_an_open_question_lives_in_the_agents_history(model):
    found = agent(model, get_email)
    asked = await found.invoke_async("What is the email?")
    assert "account_id" in str(asked)
    assert str(await found.invoke_async("12345")).strip() == "12345@example.com"


@pytest.mark.behaviour("MD-STRUCTURED")
async def test_structured_output_comes_through_a_forced_tool(model):
    text = "My friend is called Ann and her age is 30"
    result = await agent(model, get_email).invoke_async(text, structured_output_model=Person)
    assert result.structured_output == Person(name="Ann", age=30)


async def test_a_refused_call_is_said_plainly(model):
    found = agent(model, get_email, change_email, interventions=[HumanInTheLoop(allowed_tools=["get_email"])])
    paused = await found.invoke_async("Change the email for account 12345 to a@b.org")
    assert paused.stop_reason == "interrupt"
    answer = {"interruptResponse": {"interruptId": paused.interrupts[0].id, "response": "no"}}
    result = await found.invoke_async([answer])
    assert "did not approve `change_email`" in str(result)
    assert "nothing was changed" in str(result)


@pytest.mark.behaviour("GR-CONVERSE")
async def test_a_guardrail_of_strands_intervenes(model):
    model.update_config(guardrail_id=FULL.identifier, guardrail_version="3")
    result = await agent(model, get_email).invoke_async("Tell me about Falcon")
    assert result.stop_reason == "guardrail_intervened"
    assert result.message["content"][0]["text"] == "No entry."
    free = await agent(model, get_email).invoke_async("What is the email for account 12345?")
    assert free.stop_reason == "guardrail_intervened"  # the answer was masked
    assert str(free).strip() == "{EMAIL}"
