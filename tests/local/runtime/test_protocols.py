"""A2A and AG-UI programs behind the data plane: paths, cards, streams, errors in their own envelopes."""

import asyncio
import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from skerry.local.clock import SystemClock
from skerry.local.runtime.settings import Unknowns
from skerry.wire.headers import RUNTIME_SESSION_ID
from tests.kit.runtime_plane import DEVELOPER, record, runtime_plane

ONE, TWO = "session-one-" + "1" * 28, "session-two-" + "2" * 28


@pytest.fixture
async def running(tmp_path):
    async with runtime_plane(tmp_path / "state", clock=SystemClock()) as running:
        running.resources.put(record("card", protocol="A2A", allowlist=["X-Note"]))
        running.resources.put(record("agui", protocol="AGUI"))
        running.resources.put(record("plain"))
        yield running


@pytest.fixture
async def client(running):
    made = boto3.client(
        "bedrock-agentcore",
        endpoint_url=running.url,
        region_name="us-east-1",
        aws_access_key_id=DEVELOPER.access_key_id,
        aws_secret_access_key=DEVELOPER.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield made
    made.close()


def arn(name):
    return record(name)["agentRuntimeArn"]


def message(method, **params):
    return {"jsonrpc": "2.0", "id": "question-1", "method": method, "params": params}


# --- A2A


@pytest.mark.behaviour("RT-A2A")
async def test_a_message_reaches_the_root_of_port_9000(running):
    answer = await running.invoke("card", message("message/send"), session=ONE)
    assert (200, ONE) == (answer.status_code, answer.headers[RUNTIME_SESSION_ID])
    assert {"id": "question-1", "session": ONE} == {
        "id": answer.json()["id"],
        "session": answer.json()["result"]["session"],
    }


@pytest.mark.behaviour("RT-A2A")
async def test_a_streamed_answer_is_sse_as_the_program_wrote_it(running):
    answer = await running.invoke("card", message("message/stream"), session=ONE)
    assert "text/event-stream" == answer.headers["content-type"]
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line]
    assert [0, 1, 2] == [event["result"]["number"] for event in events]


@pytest.mark.behaviour("RT-A2A-SLASH")
async def test_the_url_below_which_the_card_stands_takes_messages_too(running):
    url = running.url_of("card").replace("/invocations?", "/invocations/?")
    body = json.dumps(message("message/send")).encode()
    sent = running.signed("POST", url, {RUNTIME_SESSION_ID: ONE, "Content-Type": "application/json"}, body)
    assert 200 == (await running.http.post(url, content=body, headers=sent)).status_code


@pytest.mark.behaviour("RT-A2A-CARD")
async def test_boto3_reads_the_card_whose_url_leads_back_here(running, client):
    answer = await asyncio.to_thread(client.get_agent_card, agentRuntimeArn=arn("card"), runtimeSessionId=ONE)
    assert (200, ONE) == (answer["statusCode"], answer["runtimeSessionId"])
    card = answer["agentCard"]
    assert running.url_of("card").removesuffix("?qualifier=DEFAULT") == card["url"]
    body = json.dumps(message("message/send")).encode()
    sent = running.signed("POST", card["url"], {RUNTIME_SESSION_ID: ONE}, body)
    assert 200 == (await running.http.post(card["url"], content=body, headers=sent)).status_code


@pytest.mark.behaviour("RT-A2A-CARD")
async def test_the_card_of_another_endpoint_names_it(running):
    running.resources.put(record("card", protocol="A2A"), qualifier="prod")
    url = running.url_of("card", qualifier="prod").replace(
        "/invocations?", "/invocations/.well-known/agent-card.json?"
    )
    answer = await running.http.get(url, headers=running.signed("GET", url, {}, b""))
    assert running.url_of("card", qualifier="prod") == answer.json()["url"]


@pytest.mark.behaviour("RT-A2A-CARD-URL")
async def test_a_url_that_the_record_gives_stays_in_the_card(running):
    own = {"AGENTCORE_RUNTIME_URL": "https://agents.example.com/mine"}
    running.resources.put(record("card", name="named", protocol="A2A", environmentVariables=own))
    url = running.url_of("named").replace("/invocations?", "/invocations/.well-known/agent-card.json?")
    answer = await running.http.get(url, headers=running.signed("GET", url, {}, b""))
    assert "https://agents.example.com/mine" == answer.json()["url"]


@pytest.mark.behaviour("RT-A2A-HEADERS")
async def test_the_card_is_asked_for_with_the_headers_of_an_invocation(running):
    url = running.url_of("card").replace("/invocations?", "/invocations/.well-known/agent-card.json?")
    headers = {
        RUNTIME_SESSION_ID: ONE,
        "X-Note": "kept",
        "X-Other": "dropped",
        "traceparent": f"00-{'1' * 32}-{'2' * 16}-00",
    }
    headers["A2A-Version"] = "1.0"
    answer = await running.http.get(url, headers=running.signed("GET", url, headers, b""))
    seen = answer.json()["seen"]
    assert (ONE, "kept") == (seen[RUNTIME_SESSION_ID.lower()], seen["x-note"])
    assert seen["traceparent"].startswith(f"00-{'1' * 32}-")
    assert "1.0" == seen["a2a-version"]
    assert not {"x-other", "authorization", "x-amz-date"} & set(seen)


@pytest.mark.behaviour("RT-A2A-HEADERS")
async def test_without_the_switch_the_version_of_a2a_needs_the_allow_list(tmp_path):
    async with runtime_plane(tmp_path / "state", unknowns=Unknowns(pass_a2a_headers=False)) as running:
        running.resources.put(record("card", protocol="A2A"))
        url = running.url_of("card").replace("/invocations?", "/invocations/.well-known/agent-card.json?")
        answer = await running.http.get(url, headers=running.signed("GET", url, {"A2A-Version": "1.0"}, b""))
        assert "a2a-version" not in answer.json()["seen"]


@pytest.mark.behaviour("RT-CARD-424")
async def test_a_program_without_card_is_a_runtime_client_error(client):
    with pytest.raises(ClientError) as caught:
        await asyncio.to_thread(client.get_agent_card, agentRuntimeArn=arn("plain"), runtimeSessionId=ONE)
    error = caught.value.response
    assert ("RuntimeClientError", 424) == (
        error["Error"]["Code"],
        error["ResponseMetadata"]["HTTPStatusCode"],
    )


@pytest.mark.behaviour("RT-A2A-ERRORS")
@pytest.mark.parametrize(
    ("session", "asked", "status", "code"),
    [
        (ONE, message("fail", status=500), 424, -32055),
        (ONE, message("fail", status=404), 424, -32055),
        ("short", message("message/send"), 400, -32052),
    ],
)
async def test_errors_keep_their_status_and_are_json_rpc(running, session, asked, status, code):
    answer = await running.invoke("card", asked, session=session)
    body = answer.json()
    assert (status, code, "question-1") == (answer.status_code, body["error"]["code"], body["id"])


@pytest.mark.behaviour("RT-A2A-ERRORS")
async def test_who_is_not_allowed_gets_plain_http(running):
    headers = {"Authorization": "Bearer a.b.c"}
    answer = await running.http.post(running.url_of("card"), json=message("message/send"), headers=headers)
    assert 403 == answer.status_code
    assert ["message"] == list(answer.json())


@pytest.mark.behaviour("RT-A2A-ERRORS")
async def test_no_endpoint_and_no_room(tmp_path):
    async with runtime_plane(tmp_path / "state", sessions=1) as running:
        running.resources.put(record("card", protocol="A2A"))
        assert 200 == (await running.invoke("card", message("x"), session=ONE)).status_code
        full = await running.invoke("card", message("x"), session=TWO)
        assert (429, -32053) == (full.status_code, full.json()["error"]["code"])


# --- AG-UI


def run_input():
    return {
        "threadId": "t",
        "runId": "r",
        "messages": [{"id": "1", "role": "user", "content": "hello"}],
        "state": {},
        "tools": [],
        "context": [],
        "forwardedProps": {},
    }


def events(answer):
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]


@pytest.mark.behaviour("RT-AGUI")
async def test_an_agent_of_the_sdk_streams_its_events(running):
    answer = await running.invoke("agui", run_input(), session=ONE, headers={"Accept": "text/event-stream"})
    assert (200, ONE) == (answer.status_code, answer.headers[RUNTIME_SESSION_ID])
    found = events(answer)
    assert ["RUN_STARTED", "TEXT_MESSAGE_CONTENT", "RUN_FINISHED"] == [event["type"] for event in found]
    assert ONE == found[1]["delta"]


@pytest.mark.behaviour("RT-AGUI")
@pytest.mark.parametrize(
    ("session", "body", "status", "code"),
    [(ONE, {"not": "a run"}, 200, "AGENT_ERROR"), ("short", run_input(), 400, "VALIDATION_ERROR")],
)
async def test_errors_are_one_event(running, session, body, status, code):
    answer = await running.invoke("agui", body, session=session)
    assert (status, "text/event-stream") == (answer.status_code, answer.headers["content-type"])
    assert [("RUN_ERROR", code)] == [(event["type"], event["code"]) for event in events(answer)]


@pytest.mark.behaviour("RT-AGUI")
async def test_other_errors_of_agui(tmp_path):
    async with runtime_plane(tmp_path / "state", sessions=1) as running:
        running.resources.put(record("plain", name="one", protocol="AGUI"))
        assert 200 == (await running.invoke("one", b"{}", session=ONE)).status_code
        full = await running.invoke("one", b"{}", session=TWO)
        unsigned = await running.http.post(
            running.url_of("one"), content=b"{}", headers={"Authorization": "Bearer x"}
        )
        found = [(answer.status_code, events(answer)[0]["code"]) for answer in (full, unsigned)]
        assert [(429, "SERVICE_QUOTA_EXCEEDED"), (403, "ACCESS_DENIED")] == found
