"""What goes over the wire to a runtime and what comes back, without a terminal."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from skerry.chat.conversation import ATTEMPTS, Conversation, Reply
from skerry.chat.target import Wanted, find
from skerry.errors import ConfigurationError, NotRunningError, RemoteError, StateError
from tests.kit.idp import CHAT, desk
from tests.kit.runtime import ARN, Plain, Runtime, Stream, question, run, runtime, text

CONFLICT = Plain(
    409, {"message": "Session operation in progress"}, (("x-amzn-ErrorType", "RetryableConflictException"),)
)


Talk = Callable[..., Conversation]


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Talk]:
    """Opens a conversation with the default runtime of a stack; `waits` gets what it would have slept."""
    with ExitStack() as stack:

        def begin(stand_in: Runtime, waits: list[float] | None = None, **more: Any) -> Conversation:
            state = stand_in.stack(tmp_path, auth="jwt" if stand_in.token or more else "iam", **more)
            target = find(Wanted(state=state, token=stand_in.token))
            conversation = Conversation(target, sleep=(waits if waits is not None else []).append)
            stack.callback(conversation.close)
            return conversation

        yield begin


@pytest.mark.behaviour("CHAT-SIGV4")
def test_a_question_is_signed_and_carries_its_context(talk: Talk):
    with runtime(run(*text("hello there"))) as stand_in:
        conversation = talk(stand_in)
        events = list(conversation.ask("hi"))
    assert stand_in.refused == []
    (asked,) = stand_in.asked
    assert asked.arn == ARN
    assert asked.session == conversation.session_id == str(uuid.UUID(conversation.session_id))
    assert asked.payload["prompt"] == "hi"
    context = asked.payload["client_context"]
    assert (context["session_id"], context["region"], context["agent_name"]) == (
        asked.session,
        "us-east-1",
        "ops",
    )
    assert [event["type"] for event in events][0::5] == ["RUN_STARTED", "RUN_FINISHED"]


@pytest.mark.behaviour("CHAT-INTERRUPT")
def test_an_open_question_is_answered_in_the_same_session(talk: Talk):
    asks = run(interrupts=(question("q1", "change_email", account_id="1"),))
    with runtime(asks, run(*text("done"))) as stand_in:
        conversation = talk(stand_in)
        list(conversation.ask("change it"))
        assert [item["id"] for item in conversation.interrupts] == ["q1"]
        list(conversation.answer([Reply("q1", approved=True)]))
    assert conversation.interrupts == ()
    assert stand_in.asked[1].payload["resume"] == [
        {"interruptId": "q1", "status": "resolved", "payload": {"approved": True}}
    ]
    assert stand_in.asked[0].session == stand_in.asked[1].session


def test_a_token_is_sent_instead_of_a_signature(talk: Talk):
    with runtime(run(*text("hi")), token="a-token") as stand_in:
        list(talk(stand_in).ask("hi"))
    assert stand_in.asked[0].headers["authorization"] == "Bearer a-token"


@pytest.mark.behaviour("CHAT-TOKEN")
def test_a_token_is_got_from_the_stacks_identity_provider(talk: Talk):
    with desk() as identity, runtime(run(*text("hi"))) as stand_in:
        client = {"secret": CHAT.secret, "grants": ["client_credentials"], "audiences": list(CHAT.audiences)}
        realms = {
            "desk": {"token_endpoint": identity.idp.token_endpoint("desk"), "clients": {"chat": client}},
        }
        conversation = talk(stand_in, realms=realms)
        with pytest.raises(RemoteError, match="AccessDenied"):
            list(conversation.ask("hi"))  # the stand-in wants a signature; the token was sent
        (headers,) = [conversation.target.prove(conversation.target.url, {}, b"")]
        claims = identity.claims(headers["Authorization"].removeprefix("Bearer "))
    assert (claims["sub"], claims["aud"]) == ("chat", "desk-runtime")


@pytest.mark.behaviour("CHAT-RETRY")
def test_a_session_that_is_being_made_is_asked_again(talk: Talk):
    waits: list[float] = []
    with runtime(CONFLICT, CONFLICT, run(*text("hi"))) as stand_in:
        conversation = talk(stand_in, waits)
        list(conversation.ask("hi"))
    assert len(stand_in.asked) == 3
    assert waits == [0.2, 0.4]


@pytest.mark.behaviour("CHAT-RETRY")
@pytest.mark.parametrize(("status", "attempts"), [(409, ATTEMPTS), (429, 1), (500, 1), (424, 1), (400, 1)])
def test_nothing_else_is_sent_twice(talk: Talk, status: int, attempts: int):
    refusals = [
        Plain(status, {"message": "no"}, (("x-amzn-ErrorType", "SomeException:http://x"),))
    ] * ATTEMPTS
    with runtime(*refusals) as stand_in, pytest.raises(RemoteError, match="SomeException: no"):
        list(talk(stand_in).ask("hi"))
    assert len(stand_in.asked) == attempts


@pytest.mark.parametrize(
    ("answer", "events"),
    [
        (Plain(200, "hello"), [("TEXT_MESSAGE_CONTENT", "hello")]),
        (Plain(200, {"result": 1}), [("TEXT_MESSAGE_CONTENT", '{"result": 1}')]),
        (Stream(("a", "b")), [("TEXT_MESSAGE_CONTENT", "a"), ("TEXT_MESSAGE_CONTENT", "b")]),
        (Stream(({"error": "broken", "error_type": "ValueError"},)), [("RUN_ERROR", None)]),
    ],
)
def test_an_agent_that_does_not_speak_ag_ui_is_shown_all_the_same(talk: Talk, answer: Any, events: Any):
    with runtime(answer) as stand_in:
        found = list(talk(stand_in).ask("hi"))
    assert [(event["type"], event.get("delta")) for event in found] == events


def test_a_closed_answer_closes_the_connection(talk: Talk):
    held = Stream((*run(*text("one two")).events,), hold=threading.Event())
    with runtime(held) as stand_in:
        events = talk(stand_in).ask("hi")
        assert next(events)["type"] == "RUN_STARTED"
        events.close()
        assert stand_in.left.wait(20)


def test_a_runtime_that_is_not_there_is_one_line(talk: Talk):
    with runtime() as stand_in:
        conversation = talk(stand_in)
    with pytest.raises(RemoteError, match=r"does not answer.*skerry up"):
        list(conversation.ask("hi"))


def test_an_arn_goes_to_aws_unless_an_endpoint_is_named(tmp_path: Path):
    target = find(Wanted(agent=ARN, state=tmp_path, token="t"))
    assert target.url.startswith("https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/arn%3Aaws%3A")
    named = find(Wanted(agent=ARN, state=tmp_path, token="t", endpoint_url="http://127.0.0.1:1"))
    assert named.url.startswith("http://127.0.0.1:1/runtimes/arn%3Aaws%3A")
    assert find(Wanted(runtime_arn=ARN, state=tmp_path, token="t")).name == "ops"


def test_no_stack_says_how_to_start_one(tmp_path: Path):
    with pytest.raises(NotRunningError, match="skerry up"):
        find(Wanted(state=tmp_path))


def test_an_unknown_agent_is_told_the_known_ones(tmp_path: Path):
    with runtime() as stand_in, pytest.raises(ConfigurationError, match=r"no runtime 'x'.*Known: ops"):
        find(Wanted(agent="x", state=stand_in.stack(tmp_path)))


def test_a_damaged_stack_file_is_an_error(tmp_path: Path):
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(StateError):
        find(Wanted(state=tmp_path))


def test_no_fitting_client_says_so(tmp_path: Path):
    with runtime() as stand_in:
        target = find(Wanted(state=stand_in.stack(tmp_path, auth="jwt")))
    with pytest.raises(ConfigurationError, match="SKERRY_TOKEN"):
        target.prove(target.url, {}, b"")


def test_no_token_for_a_foreign_runtime_says_so(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="SKERRY_TOKEN"):
        find(Wanted(agent=ARN, auth="bearer", state=tmp_path))
