"""`skerry eval` over the running desk, and with a model beside the router."""

import json
import re

import pytest

from skerry.evaluation.questions import load
from tests.journeys.running import up
from tests.kit.asgi_thread import serve


def figures(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.behaviour("EV-ROUTER")
def test_the_router_is_scored_at_the_running_desk(desk):
    found = figures(desk.skerry("eval", "--json"))
    assert list(found) == ["local-router"]
    answers = found["local-router"]["answers"]
    assert [question.text for question in load()] == [answer["question"] for answer in answers]
    for part, scores in found["local-router"]["scores"].items():
        listed = [answer for answer in answers if answer["part"] == part]
        right = [answer for answer in listed if answer["expected"] not in ("refusal", "question")]
        assert scores["tools"]["of"] == len(right)
    printed = desk.skerry("eval", "--questions", "held-out", "--wrong")
    assert re.match(r"\| model +\| questions +\|", printed.stdout)
    wrong = sum(not answer["right"] for answer in answers if answer["part"] == "held-out")
    assert printed.stdout.count("local-router · held-out · ") == wrong


def test_every_expected_tool_is_offered_at_the_desk(desk):
    done = desk.skerry("call", "desk", "list", "--json")
    offered = {tool["name"].rpartition("___")[2]: tool for tool in json.loads(done.stdout)["tools"]}
    for question in load():
        if question.tool:
            known = offered[question.tool]["inputSchema"]["properties"]
            assert set(question.arguments) <= set(known), question.text
            for operation in _many(question.arguments.get("operation", [])):
                assert operation in known["operation"]["description"], question.text


def _many(value):
    return value if isinstance(value, list) else [value]


@pytest.mark.behaviour("EV-MODEL")
def test_a_configured_model_is_scored_beside_the_router(tmp_path):
    """The stand-in always asks for the e-mail of account 12345, which is right a few times."""

    async def always_the_same(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        call = {
            "id": "1",
            "type": "function",
            "function": {"name": "accounts___get_email", "arguments": '{"account_id": "12345"}'},
        }
        choice = {"index": 0, "finish_reason": "tool_calls"}
        body = {"choices": [{**choice, "message": {"role": "assistant", "tool_calls": [call]}}]}
        head = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    with serve(always_the_same, lifespan="off") as url:
        environment = {"SKERRY_MODELS": "openai", "SKERRY_MODELS_URL": f"{url}/v1"}
        with up(tmp_path, environment=environment) as running:
            found = figures(running.skerry("eval", "--json", "--questions", "held-out"))
    assert len(found) == 2
    assert next(iter(found)) == "local-router"
    scores = found[list(found)[1]]["scores"]["held-out"]
    emails = sum(question.tool == "get_email" for question in load(["held-out"]))
    assert (emails, 0) == (scores["tools"]["right"], scores["refusals"]["right"])
