"""What goes over the wire to the agent's web service and what comes back."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from skerry.chat.backend import NotOfferedError, Reply
from skerry.chat.doors.open import open_backend
from skerry.chat.doors.service import ServiceDoor
from skerry.chat.talk import Talk
from skerry.chat.target import Auth, Wanted, find
from skerry.errors import ConfigurationError, RemoteError
from tests.kit.desk_agent import DeskAgent, Turn, desk_agent, state_of
from tests.kit.runtime import Plain, question, text

THIS = str(uuid.uuid4())
Open = Callable[..., ServiceDoor]


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def enter(tmp_path: Path, waits: list[float]) -> Iterator[Open]:
    with ExitStack() as stack:

        def begin(agent: DeskAgent, auth: Auth = "auto") -> ServiceDoor:
            wanted = Wanted(url=agent.url, token=agent.token, auth=auth, state=state_of(agent, tmp_path))
            door = open_backend(wanted, sleep=waits.append)
            assert isinstance(door, ServiceDoor)
            stack.callback(door.close)
            return door

        yield begin


@pytest.mark.behaviour("CHAT-URL")
def test_a_question_streams_with_the_token(enter: Open):
    with desk_agent(Turn(text("hello there"), usage={"totalTokens": 3}), token="a-token") as agent:
        talk = Talk(enter(agent), THIS, preferences={"auto_format": True})
        events = list(talk.ask("hi"))
    (heard,) = agent.heard
    assert heard.path == "/stream"
    assert heard.headers["authorization"] == "Bearer a-token"
    assert heard.headers["accept"] == "text/event-stream"
    assert (heard.payload["prompt"], heard.payload["conversation_id"]) == ("hi", THIS)
    assert heard.payload["client_context"]["user_preferences"] == {"auto_format": True}
    assert events[0]["threadId"] == THIS
    assert events[-1]["type"] == "RUN_FINISHED"
    assert talk.usage == {"totalTokens": 3}


@pytest.mark.behaviour("CHAT-URL")
def test_a_function_url_is_signed_for_lambda(enter: Open):
    with desk_agent(Turn(text("hello"))) as agent:
        door = enter(agent, auth="iam")
        list(door.ask(THIS, "hi"))
        assert [item.title for item in door.conversations(limit=3).conversations] == ["hi"]
    assert agent.refused == []


@pytest.mark.behaviour("CHAT-URL")
@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://abcdefghij.lambda-url.eu-west-1.on.aws/", "eu-west-1"),
        ("https://abcdefghij.lambda-url.us-east-1.on.aws", "us-east-1"),
    ],
)
def test_a_function_url_tells_its_region(tmp_path: Path, url: str, region: str):
    target = find(Wanted(url=url, state=tmp_path))
    assert (target.region, target.service) == (region, True)
    assert f"lambda in {region}" in Signed.of(target)


class Signed:
    """The kind of proof that a target has, without asking for keys."""

    @staticmethod
    def of(target: object) -> str:
        from skerry.auth.aws.signing import Credentials

        proof = target.proof  # type: ignore[attr-defined]
        proof.keys = lambda: Credentials("AKIAEXAMPLE", "a-secret")
        return str(proof.shown().kind)


@pytest.mark.parametrize("url", ["ftp://x", "http://", "https://a:b@c", "https://a/?token=x", "nonsense"])
def test_what_is_no_url_of_a_service_is_refused(tmp_path: Path, url: str):
    with pytest.raises(ConfigurationError, match="--url"):
        find(Wanted(url=url, state=tmp_path))


def test_a_signature_needs_a_region(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="--region"):
        find(Wanted(url="https://agent.example.com", auth="iam", state=tmp_path))


def test_a_wrong_token_is_one_line(enter: Open):
    with desk_agent(token="right") as agent:
        door = enter(agent)
        agent.token = "another"
        with pytest.raises(RemoteError, match=r"ACCESS_DENIED.*sign in again"):
            list(door.ask(THIS, "hi"))
    assert len(agent.refused) == 1


def test_an_open_question_is_an_event_as_on_a_runtime(enter: Open):
    asks = Turn(interrupts=(question("q1", "wipe"),))
    with desk_agent(asks, Turn(text("done")), token="t") as agent:
        talk = Talk(enter(agent), THIS)
        list(talk.ask("wipe it"))
        list(talk.ask("another question"))
        assert talk.failed == "PENDING_INTERRUPTS"
        list(talk.answer([]))
        assert [item["id"] for item in talk.interrupts] == ["q1"]
        list(talk.answer([Reply("q1", approved=False)]))
        assert talk.interrupts == ()
    assert agent.said("resume")[-1]["resume"][0]["payload"] == {"approved": False}


def test_lists_reads_all_pages_and_deletes(enter: Open):
    with desk_agent(*(Turn(text("yes")) for _ in range(120)), token="t") as agent:
        door = enter(agent)
        for number in range(120):
            list(door.ask(THIS, f"{number}"))
        kept = door.conversation(THIS)
        assert [message["number"] for message in kept.messages] == list(range(1, 241))
        door.delete(THIS)
        with pytest.raises(RemoteError, match="NOT_FOUND"):
            door.conversation(THIS)
        assert door.conversations().conversations == []
    assert agent.heard[-3].method == "DELETE"


@pytest.mark.behaviour("CHAT-CANCEL")
def test_a_run_is_stopped_on_the_server(enter: Open):
    with desk_agent(Turn(text("for long"), gate=threading.Event()), token="t") as agent:
        talk = Talk(enter(agent))
        events = talk.ask("go")
        next(events)
        events.close()
        assert talk.cancel() is True
    assert agent.heard[-1].path == f"/api/runs/{talk.run}/cancel"
    assert agent.heard[-1].payload == {"conversation_id": talk.id}


@pytest.mark.behaviour("CHAT-ATTACH")
def test_a_broken_answer_is_taken_up_where_it_broke(enter: Open):
    with desk_agent(Turn(text("one two three"), broken=4), token="t") as agent:
        talk = Talk(enter(agent), sleep=lambda _: None)
        words = [event.get("delta") for event in talk.ask("count") if "delta" in event]
    assert words == ["one ", "two ", "three "]
    assert agent.said("attach")[0]["attach"]["after"] == 4


@pytest.mark.behaviour("CHAT-RETRY")
def test_reads_are_sent_again_and_questions_are_not(enter: Open, waits: list[float]):
    busy = Plain(503, {"error": {"code": "STATE_ERROR", "message": "busy", "hint": "wait"}})
    with desk_agent(token="t") as agent:
        door = enter(agent)
        agent.refusals = [busy, busy]
        assert door.conversations().conversations == []
        assert waits == [0.2, 0.4]
        agent.refusals = [busy]
        with pytest.raises(RemoteError, match=r"STATE_ERROR: busy\. wait"):
            list(door.ask(THIS, "hi"))
    assert len(agent.said("prompt")) == 1


def test_a_service_of_another_kind_is_told_apart(enter: Open):
    with desk_agent(token="t") as agent:
        door = enter(agent)
        agent.refusals = [Plain(404, {"detail": "Not Found"})]
        with pytest.raises(NotOfferedError, match="has no /api/tools/fetch"):
            door.tools()


def test_an_answer_that_is_no_json_says_so(enter: Open):
    with desk_agent(token="t") as agent:
        agent.refusals = [Plain(200, ["a list"])]
        with pytest.raises(RemoteError, match="another shape"):
            enter(agent).tools()
