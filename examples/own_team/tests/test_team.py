"""What the team promises, against a local AgentCore that runs this folder's skerry.toml.

`skerry_stack` comes with skerry: it starts the stack for the first test and ends it after the last one.
"""

import json
import os
import uuid

import boto3

FORECAST = "weather___get_forecast"


def ask(stack, question, session):
    """One question to the assistant, as boto3 asks it on AWS."""
    answer = stack.client("bedrock-agentcore").invoke_agent_runtime(
        agentRuntimeArn=stack.runtimes["assistant"].arn,
        runtimeSessionId=session,
        payload=json.dumps({"prompt": question}),
    )
    return answer["response"].read().decode()


def test_the_weather_server_answers_behind_its_gateway(skerry_stack):
    assert "4 °C" in skerry_stack.skerry("call", "tools", FORECAST, '{"city": "Reykjavik"}')


def test_the_assistant_asks_the_weather_server(skerry_stack):
    session = str(uuid.uuid4())
    assert "18 °C" in ask(skerry_stack, "What is the forecast for the city Paris?", session)
    called = [(hop.part, hop.target, hop.status) for hop in skerry_stack.hops(session=session)]
    assert ("gateway", FORECAST, 200) in called


def test_a_session_ends_after_15_idle_minutes(skerry_stack):
    session = str(uuid.uuid4())
    ask(skerry_stack, "What is the forecast for the city Nairobi?", session)
    ended = skerry_stack.advance("15m")["ended"]
    assert session in [one["session"] for one in ended]


def test_code_that_knows_only_boto3(skerry_environment):
    names = boto3.client("bedrock-agentcore-control").list_agent_runtimes()["agentRuntimes"]
    assert {one["agentRuntimeName"] for one in names} == {"assistant", "weather"}
    assert os.environ["AWS_ENDPOINT_URL"] == skerry_environment["AWS_ENDPOINT_URL"]
