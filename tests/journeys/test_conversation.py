"""The conversation of the README, over the whole road, by both ways in."""

from __future__ import annotations

import base64
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from tests.journeys.running import Running

pytestmark = pytest.mark.xdist_group("desk")


@dataclass
class Talk:
    """One runtime session of one agent."""

    desk: Running
    agent: str
    session: str

    def ask(self, text: str, *options: str) -> tuple[int, list[dict[str, Any]]]:
        done = self.desk.skerry(
            "chat", "--once", text, "--json", "--agent", self.agent, "--session", self.session, *options
        )
        assert done.returncode in (0, 3), done.stderr + done.stdout
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    def answer(self, text: str, *options: str) -> str:
        _, events = self.ask(text, *options)
        return said(events)


def said(events: list[dict[str, Any]]) -> str:
    return "".join(event["delta"] for event in events if event["type"] == "TEXT_MESSAGE_CONTENT")


def of_type(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == kind]


@pytest.fixture(params=["ops", "ops_jwt"])
def talk(desk: Running, request: pytest.FixtureRequest) -> Talk:
    return Talk(desk, request.param, str(uuid.uuid4()))


def test_a_question_is_answered_from_the_accounts_database(talk: Talk):
    _, events = talk.ask("What is the email for account 12345?")
    assert [event["toolCallName"] for event in of_type(events, "TOOL_CALL_START")] == ["accounts___get_email"]
    assert "@" in said(events)


def test_a_change_needs_a_yes(talk: Talk):
    mine, other = f"{uuid.uuid4().hex[:8]}@example.com", "never@example.com"
    change = "Change the email for account 67890 to {}"

    code, events = talk.ask(change.format(mine))
    (interrupt,) = of_type(events, "RUN_FINISHED")[-1]["outcome"]["interrupts"]
    assert code == 3
    assert interrupt["toolName"] == "accounts___change_email"
    assert interrupt["arguments"] == {"account_id": "67890", "new_email": mine}
    assert mine not in Talk(talk.desk, talk.agent, str(uuid.uuid4())).answer(
        "What is the email for account 67890?"
    )

    agreed = Talk(talk.desk, talk.agent, str(uuid.uuid4()))
    assert agreed.ask(change.format(mine), "--yes")[0] == 0
    assert mine in agreed.answer("What is the email for account 67890?")

    refused = Talk(talk.desk, talk.agent, str(uuid.uuid4()))
    assert refused.ask(change.format(other), "--no")[0] == 0
    assert mine in refused.answer("What is the email for account 67890?")


def test_a_chart_arrives_as_a_png(talk: Talk):
    _, events = talk.ask("Show me a chart")
    (result,) = of_type(events, "TOOL_CALL_RESULT")
    (image,) = [block for block in json.loads(result["content"]) if block["type"] == "image"]
    assert image["mimeType"] == "image/png"
    assert base64.b64decode(image["data"]).startswith(b"\x89PNG\r\n\x1a\n")


def test_ec2_instances_arrive_as_a_table(talk: Talk):
    answer = talk.answer("List my EC2 instances in us-east-1")
    assert "|" in answer
    assert "i-" in answer


def test_what_no_tool_serves_gets_an_honest_answer(talk: Talk):
    _, events = talk.ask("What is the capital of France?")
    assert of_type(events, "TOOL_CALL_START") == []
    assert "get_email" in said(events)


@pytest.mark.behaviour("TRACE-ON")
def test_every_hop_happened_and_with_which_identity(talk: Talk):
    since = time.time()
    talk.answer("What is the email for account 12345?")
    talk.answer("List my EC2 instances in us-east-1")
    hops = talk.desk.hops(since=since)
    by = {(hop["part"], hop["operation"]): hop for hop in hops}
    session_role = f"assumed-role/skerry-runtime-{talk.agent}/{talk.session}"
    signed = talk.agent == "ops"

    entry = by["runtime", "InvokeAgentRuntime"]
    first = next(
        hop for hop in hops if hop["operation"] == "InvokeAgentRuntime" and hop["session"] == talk.session
    )
    assert first["auth"] == ("sigv4" if signed else "jwt")
    assert first["identity"].endswith("user/skerry" if signed else "/desk")
    assert entry["status"] == 200

    (converse, *_) = [hop for hop in hops if hop["part"] == "models"]
    assert converse["identity"].endswith(session_role)

    calls = [hop for hop in hops if hop["part"] == "gateway" and hop["operation"] == "tools/call"]
    assert len(calls) == 2
    if signed:
        assert all(hop["identity"].endswith(session_role) for hop in calls)
    else:
        assert all(hop["auth"] == "jwt" and hop["identity"].startswith("chat@") for hop in calls)

    accounts = [hop for hop in hops if hop["part"] == "runtime" and "accounts" in hop["target"]]
    assert accounts
    assert all(hop["auth"] == "jwt" for hop in accounts)
    (api,) = [hop for hop in hops if hop["part"] == "accounts-api"]
    assert api["auth"] == "jwt"
    exchanges = [hop for hop in hops if hop["part"] == "idp" and hop["operation"] == "token-exchange"]
    assert any(hop["target"] == "accounts-api" for hop in exchanges)

    (invoke, *_) = [hop for hop in hops if hop["part"] == "functions"]
    assert "assumed-role/skerry-gateway-" in invoke["identity"]
    aws = [hop for hop in hops if hop["part"] == "aws" and "DescribeInstances" in hop["operation"]]
    assert aws
    assert "aws-ops" in aws[0]["identity"]

    asked = [hop for hop in hops if hop["session"] == talk.session and hop["target"] == talk.agent]
    assert [hop["parent"] for hop in asked] == ["", ""]
    for hop in (converse, *calls, *accounts, api, invoke, *aws):
        assert origin(hop, hops) in asked


def origin(hop: dict[str, Any], hops: list[dict[str, Any]]) -> dict[str, Any]:
    """Where a hop comes from, by the callers that are named."""
    while hop["parent"]:
        (hop,) = [it for it in hops if (it["trace"], it["span"]) == (hop["trace"], hop["parent"])]
    return hop


def test_the_trace_tells_which_headers_of_the_context_arrived_and_which_did_not(talk: Talk):
    since = time.time()
    talk.answer("List my EC2 instances in us-east-1")
    hops = talk.desk.hops(since=since)
    (invoked,) = [hop for hop in hops if hop["operation"] == "→ lambda Invoke" and hop["target"] == "aws"]
    assert invoked["detail"]["headers"] == "x-client-region, x-session-id"
    dropped = invoked["detail"]["dropped"]
    for name in ("x-client-agent", "x-client-timestamp", "x-client-preferences"):
        assert f"{name} (not on the allow-list)" in dropped
    assert "authorization (claims an identity)" in dropped
    assert "dropped=" in talk.desk.skerry("hops", "--since", str(since), "--limit", "1000").stdout
