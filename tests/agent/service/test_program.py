"""The service as a process: killed and begun again, ended in good order, and asked by many at once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skerry.store.dynamodb_table import create_table
from skerry.store.open import dynamodb_table
from skerry.wire.hop import decode
from tests.kit.agent_client import error, kinds, said
from tests.kit.agent_service import program, refused
from tests.kit.bedrock import bedrock
from tests.kit.dynamodb import dynamodb
from tests.kit.mcp_gateway import StandIn
from tests.kit.scripted_model import Say, Use

CHANGE = Use.one("accounts___change_email", account_id="12345", new_email="mynew@email.com")


@pytest.fixture(params=["sqlite", "dynamodb"])
def shared(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a store for several processes."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/desk.db"
        return
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-the-role")
    with dynamodb() as endpoint:
        url = f"dynamodb://conversations?region=us-east-1&endpoint_url={endpoint}"
        client, name = dynamodb_table(url)
        create_table(client, name)
        client.close()
        yield url


@pytest.mark.behaviour("AGENT-RESTART")
def test_an_approval_is_answered_after_a_kill_and_by_another_process_and_holds_once(
    modern: StandIn, tmp_path: Path, shared: str
):
    with bedrock([CHANGE, CHANGE, Say("Done.")]) as model:
        where = {
            "AWS_ENDPOINT_URL": model.url,
            "SKERRY_GATEWAY_URL": modern.url,
            "SKERRY_STORE": shared,
        }
        with program(tmp_path, **where) as (service, process):
            asked = service.chat(prompt="Change it")
            killed = service.chat(prompt="Change it")
            process.kill()
            process.wait()
        path = f"/api/approvals/{asked['interrupts'][0]['id']}"
        yes = {"conversation_id": asked["conversation_id"], "approved": True}
        no = {"conversation_id": killed["conversation_id"], "approved": False}
        with program(tmp_path, **where) as (one, _), program(tmp_path, **where) as (other, _):
            listed = one.get("/api/conversations").json()["conversations"]
            assert {item["id"] for item in listed} == {asked["conversation_id"], killed["conversation_id"]}
            assert one.post(path, yes).json()["text"] == "Done."
            assert refused(other.post(path, yes)) == (409, "UNKNOWN_INTERRUPT_ID")
            answer = other.post(f"/api/approvals/{killed['interrupts'][0]['id']}", no).json()
            assert "Nothing was changed" in answer["text"]
    assert modern.emails == {"12345": "mynew@email.com"}
    assert modern.questions == ["Change the address of 12345 to mynew@email.com?"]


@pytest.mark.behaviour("AGENT-STOPPED")
def test_a_process_that_is_killed_in_an_answer_leaves_a_conversation_that_goes_on(
    modern: StandIn, tmp_path: Path
):
    with bedrock([Use.one("demo___wait"), Say("Here.")]) as model:
        where = {
            "AWS_ENDPOINT_URL": model.url,
            "SKERRY_GATEWAY_URL": modern.url,
            "SKERRY_RUN_LEASE": "1",
        }
        with program(tmp_path, **where) as (service, process), service.listening(prompt="wait") as answer:
            conversation = json.loads(next(answer.iter_lines()).removeprefix("data: "))["threadId"]
            assert modern.entered.wait(20)
            process.kill()
            process.wait()
        modern.release.set()
        with program(tmp_path, **where) as (again, _):
            asked = {"prompt": "still there?", "conversation_id": conversation}
            while (answer := again.post("/chat", asked)).status_code == 409:  # until the dead one's mark ends
                assert refused(answer) == (409, "SESSION_BUSY")
            assert answer.json()["text"] == "Here."
    assert "may or may not have been carried out" in json.dumps(model.asked[-1][2])


@pytest.mark.behaviour("SERVICE-END")
def test_it_ends_within_five_seconds_and_its_answers_with_it(modern: StandIn, tmp_path: Path):
    with bedrock([Use.one("demo___wait")]) as model:
        where = {"AWS_ENDPOINT_URL": model.url, "SKERRY_GATEWAY_URL": modern.url}
        with program(tmp_path, **where) as (service, process), service.listening(prompt="wait") as answer:
            lines = (line for line in answer.iter_lines() if line)
            next(lines)
            assert modern.entered.wait(20)
            begun = time.monotonic()
            process.terminate()
            events = [json.loads(line.removeprefix("data: ")) for line in lines]
            assert process.wait(10) == 0
            assert time.monotonic() - begun < 5
    modern.release.set()
    assert error(events)[0] == "CANCELLED"


@pytest.mark.behaviour("SERVICE-MANY")
def test_fifty_chats_at_once_are_answered_without_an_error(modern: StandIn, tmp_path: Path):
    with bedrock([Say("Hello.")] * 50) as model:
        where = {"AWS_ENDPOINT_URL": model.url, "SKERRY_GATEWAY_URL": modern.url}
        with program(tmp_path, **where) as (service, _), ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda number: service.stream(prompt=f"I am {number}"), range(50)))
    assert [kinds(events)[-1] for events in answers] == ["RUN_FINISHED"] * 50
    assert {said(events) for events in answers} == {"Hello."}
    assert len({events[0]["threadId"] for events in answers}) == 50
    listings = [item for item in modern.seen if item.method == "tools/list"]
    assert len(listings) == 1


def test_what_is_missing_is_said_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    with pytest.raises(json.JSONDecodeError), program(tmp_path, SKERRY_SERVICE_AUTH="token"):
        pass
    assert "SKERRY_SERVICE_ISSUER" in capfd.readouterr().err


@pytest.mark.behaviour("TRACE-ON")
def test_each_request_is_a_hop_with_who_asked_and_which_conversation(
    modern: StandIn, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    with bedrock([Say("Hello.")]) as model:
        where = {"AWS_ENDPOINT_URL": model.url, "SKERRY_GATEWAY_URL": modern.url}
        with program(tmp_path, **where) as (service, _):
            conversation = service.chat(prompt="a secret question")["conversation_id"]
            service.get("/health")
            service.get(f"/nowhere/{conversation}")
        called = [headers for _, headers, _ in model.asked]
    text = capfd.readouterr().err
    hops = [found for line in text.splitlines() if (found := decode(line)) is not None]
    assert [(hop.operation, hop.status, hop.session) for hop in hops] == [
        ("POST /chat", 200, conversation),
        ("GET (no such path)", 404, ""),
    ]
    assert hops[0].identity == "local"
    assert hops[0].part == "agent"
    called += [item.headers for item in modern.seen if item.method == "tools/list"]
    own = f"00-{hops[0].trace}-{hops[0].span}-01"
    assert [headers["traceparent"] for headers in called] == [own] * 2
    assert "traceparent" not in called[0]["authorization"]
    assert "secret" not in text
