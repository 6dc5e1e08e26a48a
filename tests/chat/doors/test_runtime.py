"""What goes over the wire to a Runtime and what comes back, without a terminal."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from skerry.auth.ports import Surroundings
from skerry.chat.backend import NotOfferedError, Reply
from skerry.chat.doors.connection import ATTEMPTS, REFUSED_ATTEMPTS
from skerry.chat.doors.open import open_backend
from skerry.chat.doors.runtime import USER_ID, RuntimeDoor
from skerry.chat.talk import Talk
from skerry.chat.target import Wanted
from skerry.errors import RemoteError
from tests.kit.desk_agent import Turn, desk_agent
from tests.kit.idp import CHAT, desk
from tests.kit.runtime import ARN, Plain, Runtime, Stream, question, run, runtime, text

CONFLICT = Plain(
    409, {"message": "Session operation in progress"}, (("x-amzn-ErrorType", "RetryableConflictException"),)
)
THIS = str(uuid.uuid4())

Open = Callable[..., RuntimeDoor]


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def enter(tmp_path: Path, waits: list[float], said: list[str]) -> Iterator[Open]:
    """Opens the default runtime of a stack; `waits` gets what it would have slept, `said` what it told."""
    with ExitStack() as stack:

        def begin(stand_in: Runtime, user: str = "", **more: Any) -> RuntimeDoor:
            state = stand_in.stack(tmp_path, auth="jwt" if stand_in.token or more else "iam", **more)
            wanted = Wanted(state=state, token=stand_in.token, user=user)
            door = open_backend(wanted, Surroundings(say=said.append), sleep=waits.append)
            assert isinstance(door, RuntimeDoor)
            stack.callback(door.close)
            return door

        yield begin


@pytest.mark.behaviour("CHAT-SIGV4")
def test_a_question_is_signed_and_carries_its_context(enter: Open):
    with runtime(run(*text("hello there"))) as stand_in:
        events = list(enter(stand_in).ask(THIS, "hi", preferences={"auto_format": True}))
    assert stand_in.refused == []
    (asked,) = stand_in.asked
    assert asked.arn == ARN
    assert asked.session == THIS
    assert asked.payload["prompt"] == "hi"
    context = asked.payload["client_context"]
    assert (context["session_id"], context["region"], context["agent_name"]) == (THIS, "us-east-1", "ops")
    assert context["user_preferences"] == {"auto_format": True}
    assert [event["type"] for event in events][0::5] == ["RUN_STARTED", "RUN_FINISHED"]


@pytest.mark.behaviour("CHAT-INTERRUPT")
def test_an_open_question_is_answered_in_the_same_session(enter: Open):
    asks = run(interrupts=(question("q1", "change_email", account_id="1"),))
    with runtime(asks, run(*text("done"))) as stand_in:
        talk = Talk(enter(stand_in), preferences={"style": "short"})
        list(talk.ask("change it"))
        assert [item["id"] for item in talk.interrupts] == ["q1"]
        list(talk.answer([Reply("q1", approved=True)]))
    assert talk.interrupts == ()
    assert stand_in.asked[1].payload["resume"] == [
        {"interruptId": "q1", "status": "resolved", "payload": {"approved": True}}
    ]
    assert stand_in.asked[0].session == stand_in.asked[1].session == talk.id
    contexts = [asked.payload["client_context"]["user_preferences"] for asked in stand_in.asked]
    assert contexts == [{"style": "short"}] * 2


def test_a_form_is_answered_with_its_content_or_given_up(enter: Open):
    with runtime(run(), run()) as stand_in:
        door = enter(stand_in)
        list(door.answer(THIS, [Reply("f", approved=True, content={"size": 3})]))
        list(door.answer(THIS, [Reply("f", approved=False, cancelled=True)]))
    entries = [asked.payload["resume"][0] for asked in stand_in.asked]
    assert entries[0]["payload"] == {"approved": True, "content": {"size": 3}}
    assert (entries[1]["status"], entries[1]["payload"]) == ("cancelled", {"approved": False})


def test_a_token_is_sent_instead_of_a_signature(enter: Open):
    with runtime(run(*text("hi")), token="a-token") as stand_in:
        list(enter(stand_in).ask(THIS, "hi"))
    assert stand_in.asked[0].headers["authorization"] == "Bearer a-token"
    assert USER_ID.lower() not in stand_in.asked[0].headers


@pytest.mark.behaviour("CHAT-TOKEN")
def test_a_token_is_got_from_the_stacks_identity_provider(enter: Open):
    with desk() as identity, runtime(run(*text("hi"))) as stand_in:
        client = {"secret": CHAT.secret, "grants": ["client_credentials"], "audiences": list(CHAT.audiences)}
        realms = {
            "desk": {"token_endpoint": identity.idp.token_endpoint("desk"), "clients": {"chat": client}},
        }
        door = enter(stand_in, realms=realms)
        with pytest.raises(RemoteError, match="AccessDenied"):
            list(door.ask(THIS, "hi"))  # the stand-in wants a signature; the token was sent
        headers = door.target.proof.headers("POST", door.target.url, {}, b"")
        claims = identity.claims(headers["Authorization"].removeprefix("Bearer "))
    assert (claims["sub"], claims["aud"]) == ("chat", "desk-runtime")


@pytest.mark.behaviour("CHAT-USER")
@pytest.mark.parametrize(("user", "login", "sent"), [("ann", "os", "ann"), ("", "os", "os"), ("", "", None)])
def test_a_signed_question_names_the_user(tmp_path: Path, user: str, login: str, sent: str | None):
    with runtime(run()) as stand_in:
        door = open_backend(Wanted(state=stand_in.stack(tmp_path), user=user, login=login))
        list(door.ask(THIS, "hi"))
        door.close()
    assert stand_in.refused == []
    assert stand_in.asked[0].headers.get(USER_ID.lower()) == sent


@pytest.mark.behaviour("CHAT-RETRY")
def test_a_session_that_is_being_made_is_asked_again(enter: Open, waits: list[float], said: list[str]):
    with runtime(CONFLICT, CONFLICT, run(*text("hi"))) as stand_in:
        list(enter(stand_in).ask(THIS, "hi"))
    assert len(stand_in.asked) == 3
    assert waits == [0.2, 0.4]
    assert said == [
        "RetryableConflictException (409); trying again in 0.2 s",
        "RetryableConflictException (409); trying again in 0.4 s",
    ]


@pytest.mark.behaviour("CHAT-RETRY")
@pytest.mark.parametrize(
    ("status", "attempts"), [(409, ATTEMPTS), (429, 1), (500, 1), (503, 1), (424, 1), (400, 1)]
)
def test_a_question_is_not_sent_twice(enter: Open, status: int, attempts: int):
    refusals = [
        Plain(status, {"message": "no"}, (("x-amzn-ErrorType", "SomeException:http://x"),))
    ] * ATTEMPTS
    with runtime(*refusals) as stand_in, pytest.raises(RemoteError, match="SomeException: no"):
        list(enter(stand_in).ask(THIS, "hi"))
    assert len(stand_in.asked) == attempts


@pytest.mark.behaviour("CHAT-RETRY")
def test_what_only_reads_waits_as_long_as_it_is_told(enter: Open, waits: list[float]):
    with desk_agent() as agent:
        agent.refusals = [Plain(429, {}, (("retry-after", "3"),)), Plain(503, {})]
        assert list(enter(agent).tools()) == []
    assert waits == [3.0, 0.4]
    assert len(agent.said("query")) == 3


@pytest.mark.behaviour("CHAT-RETRY")
def test_a_wait_that_is_too_long_is_an_error(enter: Open, waits: list[float]):
    with desk_agent() as agent:
        agent.refusals = [Plain(429, {"message": "slow down"}, (("retry-after", "3600"),))]
        with pytest.raises(RemoteError, match="slow down"):
            enter(agent).tools()
    assert waits == []


@pytest.mark.parametrize(
    ("answer", "events"),
    [
        (Plain(200, "hello"), [("TEXT_MESSAGE_CONTENT", "hello")]),
        (Plain(200, {"result": 1}), [("TEXT_MESSAGE_CONTENT", '{"result": 1}')]),
        (Stream(("a", "b")), [("TEXT_MESSAGE_CONTENT", "a"), ("TEXT_MESSAGE_CONTENT", "b")]),
        (Stream(({"error": "broken", "error_type": "ValueError"},)), [("RUN_ERROR", None)]),
    ],
)
def test_an_agent_that_does_not_speak_ag_ui_is_shown_all_the_same(enter: Open, answer: Any, events: Any):
    with runtime(answer) as stand_in:
        found = list(enter(stand_in).ask(THIS, "hi"))
    assert [(event["type"], event.get("delta")) for event in found] == events


@pytest.mark.behaviour("CHAT-ANY-AGENT")
@pytest.mark.parametrize(
    "answer",
    [
        Plain(200, "I am an agent of my own."),
        run(*text("what do you mean?")),
        run({"type": "RUN_ERROR", "code": "VALIDATION_ERROR", "message": "the payload needs a prompt"}),
    ],
)
def test_an_agent_that_knows_no_queries_says_so_once(enter: Open, answer: Any):
    with runtime(answer, run(*text("hello"))) as stand_in:
        door = enter(stand_in)
        for _ in range(2):
            with pytest.raises(NotOfferedError, match="another kind of agent"):
                door.tools()
        assert [event["type"] for event in door.ask(THIS, "hi")][-1] == "RUN_FINISHED"
    assert len(stand_in.asked) == 2


def test_a_closed_answer_closes_the_connection(enter: Open):
    held = Stream((*run(*text("one two")).events,), hold=threading.Event())
    with runtime(held) as stand_in:
        events = enter(stand_in).ask(THIS, "hi")
        assert next(events)["type"] == "RUN_STARTED"
        events.close()
        assert stand_in.left.wait(20)


@pytest.mark.behaviour("CHAT-RETRY")
def test_a_runtime_that_is_not_there_is_tried_again_and_one_line(enter: Open, waits: list[float]):
    with runtime() as stand_in:
        door = enter(stand_in)
    with pytest.raises(RemoteError, match=r"does not answer.*skerry up"):
        list(door.ask(THIS, "hi"))
    assert len(waits) == REFUSED_ATTEMPTS - 1


def test_lists_pages_deletes(enter: Open):
    with desk_agent(*(Turn(text(f"answer {number}")) for number in range(3))) as agent:
        door = enter(agent, user="ann")
        ids = [str(uuid.uuid4()) for _ in range(3)]
        for number, identifier in enumerate(ids):
            list(door.ask(identifier, f"question {number}"))
        first = door.conversations(limit=2)
        assert [item.title for item in first.conversations] == ["question 2", "question 1"]
        rest = door.conversations(limit=2, cursor=first.cursor)
        assert [item.id for item in rest.conversations] == [ids[0]]
        assert rest.cursor == ""
        kept = door.conversation(ids[0])
        assert [message["role"] for message in kept.messages] == ["user", "assistant"]
        assert kept.run == ""
        door.delete(ids[0])
        with pytest.raises(RemoteError, match="NOT_FOUND"):
            door.conversation(ids[0])
    assert {item.session for item in agent.heard[3:-1]} == {ids[2]}  # no session is started for a list


def test_a_nameless_caller_asks_for_a_conversation_in_its_own_session(enter: Open):
    with desk_agent(Turn(text("hello"))) as agent:
        door = enter(agent)
        list(door.ask(THIS, "hi"))
        assert [item.id for item in door.conversations().conversations] == [THIS]
        door.conversation(THIS)
    assert {item.session for item in agent.heard} == {THIS}


def test_a_long_conversation_is_read_to_its_end(enter: Open):
    with desk_agent(*(Turn(text("yes")) for _ in range(60))) as agent:
        door = enter(agent)
        for number in range(60):
            list(door.ask(THIS, f"{number}"))
        assert [message["number"] for message in door.conversation(THIS).messages] == list(range(1, 121))


def test_tools_with_and_without_confirmation(enter: Open):
    with desk_agent() as agent:
        agent.tools = [
            {"name": "a___read", "description": "reads", "inputSchema": {"type": "object"}, "asks": False},
            {"name": "a___write"},
        ]
        read, write = enter(agent).tools()
    assert (read.name, read.description, read.asks) == ("a___read", "reads", False)
    assert (write.schema, write.asks) == ({}, True)


@pytest.mark.behaviour("CHAT-ATTACH")
def test_a_broken_answer_is_taken_up_where_it_broke(enter: Open, said: list[str]):
    with desk_agent(Turn(text("one two three"), broken=4)) as agent:
        naps: list[float] = []
        talk = Talk(enter(agent), say=said.append, sleep=naps.append)
        words = [event.get("delta") for event in talk.ask("count") if "delta" in event]
    assert words == ["one ", "two ", "three "]
    assert agent.said("attach")[0]["attach"] == {"runId": talk.run, "after": 4}
    assert len(agent.said("prompt")) == 1
    assert "listening again" in said[0]
    assert naps == [0.5]
    assert not talk.under_way


def test_where_the_named_user_is_not_trusted_a_conversation_is_found_in_its_own_session(enter: Open):
    with desk_agent(Turn(text("hello")), Turn(text("hello"))) as agent:
        agent.trusts = False
        door = enter(agent, user="ann")
        other = str(uuid.uuid4())
        list(door.ask(other, "hi"))
        list(door.ask(THIS, "hi"))
        assert door.conversation(other).summary.id == other
        door.delete(other)
        with pytest.raises(RemoteError, match="NOT_FOUND"):
            door.conversation(other)


@pytest.mark.behaviour("CHAT-ATTACH")
def test_a_broken_answer_of_another_agent_is_an_error(enter: Open):
    with desk_agent(Turn(text("one two three"), broken=4)) as agent:
        door = enter(agent)
        talk = Talk(door, sleep=lambda _: agent.runs.clear())
        with pytest.raises(RemoteError, match="broke off"):
            list(talk.ask("count"))


@pytest.mark.behaviour("CHAT-CANCEL")
def test_a_run_is_stopped_on_the_server(enter: Open):
    with desk_agent(Turn(text("for long"), gate=threading.Event())) as agent:
        talk = Talk(enter(agent))
        events = talk.ask("go")
        assert next(events)["type"] == "RUN_STARTED"
        events.close()
        assert talk.cancel() is True
        assert talk.cancel() is False
    assert agent.said("cancel")[0]["cancel"] == talk.run
