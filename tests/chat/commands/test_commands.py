"""What the commands of a chat do, with an agent on a real socket and a person at a plain face."""

from __future__ import annotations

import json
import threading
import uuid
from pathlib import Path

import pytest

from skerry.chat.backend import Kept, NotOfferedError
from skerry.chat.commands.table import TABLE, find
from skerry.chat.main import Chat, Quit
from skerry.errors import ConfigurationError, ProtocolError, RemoteError
from tests.chat.commands.conftest import Enter
from tests.kit.desk_agent import Turn, desk_agent
from tests.kit.runtime import Plain, call, form, question, run, runtime, text

TOOLS = [
    {
        "name": "accounts___get_email",
        "description": "Reads an email.\nLong text.",
        "inputSchema": {"properties": {"account_id": {"type": "string"}, "deep": {"type": "boolean"}}},
        "asks": False,
    },
    {"name": "accounts___change_email", "description": "Changes it."},
]
LONG = {"type": "text", "text": "\n".join(f"row {number}" for number in range(30))}


@pytest.mark.behaviour("CHAT-COMMANDS")
def test_every_promised_command_is_there_and_explained(enter: Enter):
    promised = (
        "/help /auth /whoami /agent /region /tools /call /conversations /resume /new /export /context /raw "
        "/thinking /hil /quit /exit /session /delete"
    )
    assert all(find(name) is not None for name in promised.split())
    assert len({name for command in TABLE for name in (command.name, *command.aliases)}) == len(TABLE) + 1
    with desk_agent() as agent:
        room = enter(agent)
        listed = room.do("/help")
        assert all(command.name in listed and command.about in listed for command in TABLE)
        assert "TOOL [{json}" in room.do("/help call")
        assert "There is no" in room.do("/help nonsense")
        assert "There is no /nonsense" in room.do("/nonsense")


@pytest.mark.parametrize("name", ["/quit", "/exit"])
def test_quit_ends(enter: Enter, name: str):
    with desk_agent() as agent, pytest.raises(Quit):
        enter(agent).do(name)


@pytest.mark.behaviour("CHAT-RESUME")
def test_conversations_are_paged_numbered_resumed_and_deleted(enter: Enter):
    with desk_agent(*(Turn(text(f"answer {number}")) for number in range(23))) as agent:
        room = enter(agent, "n\ny\n")
        for number in range(23):
            room.chat.once(f"question {number}")
            room.do("/new")
        first = room.do("/conversations")
        assert "question 22" in first
        assert "question 2\n" not in first
        assert "/conversations more" in first
        more = room.do("/conversations more")
        assert [line.split()[0] for line in more.splitlines() if "question" in line] == ["21", "22", "23"]
        assert "There are no more." in room.do("/conversations more")
        resumed = room.do("/resume 23")
        assert "> question 0" in resumed
        assert "answer 0" in room.out.getvalue()
        assert room.chat.talk.id == next(iter(agent.kept))
        assert "Nothing was deleted." in room.do("/delete 23")
        assert len(agent.kept) == 23
        gone = room.chat.talk.id
        assert f"deleted {gone}" in room.do("/delete 23")
        assert gone not in agent.kept
        assert room.chat.talk.id != gone
        with pytest.raises(ConfigurationError, match="no number 99"):
            room.do("/resume 99")


@pytest.mark.behaviour("CHAT-RESUME")
def test_resume_tells_the_last_messages_and_asks_the_open_question(enter: Enter):
    asks = Turn(interrupts=(question("q", "wipe", bucket="logs"),))
    with desk_agent(
        Turn((*call("look", '{"a": 1}', LONG), *text("fine"))), asks, Turn(text("wiped"))
    ) as agent:
        first = enter(agent)
        first.chat.once("look")
        list(first.chat.talk.ask("wipe it"))  # and then this program ends
        room = enter(agent, "y\n")
        told = room.do("/resume")
        assert "> wipe it" in told
        assert "A question is open" in told
        assert '"bucket": "logs"' in told
        assert "wiped" in room.out.getvalue()
    assert agent.said("resume")[-1]["resume"][0]["payload"] == {"approved": True}


@pytest.mark.behaviour("CHAT-ATTACH")
@pytest.mark.parametrize("ended", [True, False])
def test_a_run_that_is_not_held_any_more_is_read_from_the_conversation(enter: Enter, ended: bool):
    with desk_agent(Turn(text("the whole answer"))) as agent:
        room = enter(agent)
        room.chat.once("go")
        (kept,) = agent.kept.values()
        kept.run = "gone"
        before = room.chat.talk.backend.conversation(kept.id)
        if ended:
            before = Kept(before.summary, before.messages[:1], (), "gone")
        out, notes = len(room.out.getvalue()), len(room.notes.getvalue())
        room.chat.go_on(before)
        assert ("the whole answer" in room.out.getvalue()[out:]) is ended
        assert ("not to be had here" in room.notes.getvalue()[notes:]) is not ended
        assert "UNKNOWN_RUN" not in room.notes.getvalue()


def test_there_is_nothing_to_resume_at_first(enter: Enter):
    with desk_agent() as agent:
        room = enter(agent)
        assert "There are none yet." in room.do("/conversations")
        with pytest.raises(ConfigurationError, match="no conversation to resume"):
            room.do("/resume")


@pytest.mark.behaviour("CHAT-RESUME")
def test_exports_are_whole_and_never_overwrite(enter: Enter, tmp_path: Path):
    with desk_agent(Turn(text("an answer"))) as agent:
        room = enter(agent)
        room.chat.once("a question")
        for name in ("it.json", "it.md"):
            assert "written" in room.do(f"/export {tmp_path / name}")
            with pytest.raises(ConfigurationError, match="there already"):
                room.do(f"/export {tmp_path / name}")
        with pytest.raises(ConfigurationError, match=r"FILE\.json or FILE\.md"):
            room.do(f"/export {tmp_path / 'it.pdf'}")
    whole = json.loads((tmp_path / "it.json").read_text())
    assert whole["conversation"]["id"] == room.chat.talk.id
    assert [message["role"] for message in whole["messages"]] == ["user", "assistant"]
    assert "**You:**\n\na question\n\n**Agent:**\n\nan answer" in (tmp_path / "it.md").read_text()


@pytest.mark.behaviour("CHAT-TOOLS")
def test_tools_are_listed_explained_shown_and_hidden(enter: Enter):
    with desk_agent() as agent:
        agent.tools = TOOLS
        room = enter(agent)
        rows = room.do("/tools").splitlines()
        assert rows[1].split() == ["accounts___get_email", "Reads", "an", "email."]
        assert rows[2].split() == ["accounts___change_email", "asks", "Changes", "it."]
        assert '"account_id"' in room.do("/tools accounts___get_email")
        assert room.do("/tools get_email") == room.do("/tools accounts___get_email")
        with pytest.raises(ConfigurationError, match="no tool 'nothing'") as refused:
            room.do("/tools nothing")
        assert refused.value.hint == "/tools lists them."
        with pytest.raises(ConfigurationError) as refused:
            room.do("/tools get_emial")
        assert refused.value.hint == "Did you mean accounts___get_email? /tools lists them."
        agent.tools = [*TOOLS, {"name": "people___get_email", "description": "Another. With more to say."}]
        assert room.do("/tools").splitlines()[3].split() == ["people___get_email", "asks", "Another."]
        with pytest.raises(ConfigurationError, match="several tools") as refused:
            room.do("/tools get_email")
        assert "accounts___get_email, people___get_email" in refused.value.hint
        assert "hidden" in room.do("/tools hide")
        assert not room.chat.face.shown.tools
        assert "shown" in room.do("/tools show")


@pytest.mark.behaviour("CHAT-CALL")
@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ('{"account_id": "12345"}', {"account_id": "12345"}),
        ("account_id=12345", {"account_id": "12345"}),
        ("--account_id=12345 deep=true", {"account_id": "12345", "deep": True}),
        ('account_id="a b"', {"account_id": "a b"}),
        ("other=12", {"other": 12}),
        ("", {}),
    ],
)
def test_a_call_is_a_question_to_the_agent(enter: Enter, given: str, sent: dict[str, object]):
    with desk_agent(Turn(text("called"))) as agent:
        agent.tools = TOOLS
        enter(agent).do(f"/call accounts___get_email {given}")
        prompt = agent.said("prompt")[0]["prompt"]
    name, _, arguments = prompt.removeprefix("/call ").partition(" ")
    assert (name, json.loads(arguments)) == ("accounts___get_email", sent)


@pytest.mark.behaviour("CHAT-CALL")
def test_a_call_knows_a_tool_by_its_short_name_and_refuses_one_that_is_not_there(enter: Enter):
    with desk_agent(Turn(text("called"))) as agent:
        agent.tools = TOOLS
        room = enter(agent)
        with pytest.raises(ConfigurationError, match="no tool 'get_mail'"):
            room.do("/call get_mail account_id=12345")
        room.do("/call get_email account_id=12345")
        assert [said["prompt"] for said in agent.said("prompt")] == [
            '/call accounts___get_email {"account_id": "12345"}'
        ]


@pytest.mark.behaviour("CHAT-CALL")
def test_a_call_is_confirmed_like_any_other(enter: Enter):
    asks = Turn(interrupts=(question("q", "accounts___change_email", account_id="1"),))
    with desk_agent(asks, Turn(text("Left alone."))) as agent:
        enter(agent, "n\n").do('/call accounts___change_email {"account_id": "1"}')
        assert agent.said("resume")[0]["resume"][0]["payload"] == {"approved": False}


@pytest.mark.parametrize("given", ["{no json", "[1]", "novalue", '"open', "=x"])
def test_arguments_that_are_none_are_not_sent(enter: Enter, given: str):
    with desk_agent() as agent:
        room = enter(agent)
        with pytest.raises(ConfigurationError):
            room.do(f"/call tool {given}")
        assert agent.said("prompt") == []


@pytest.mark.behaviour("CHAT-HIL")
def test_hil_declines_forms_and_confirmations_and_never_approves(enter: Enter):
    asks = Turn(interrupts=(question("q", "wipe"), form("f", "order", "Which?")))
    with desk_agent(asks, Turn(text("fine"))) as agent:
        room = enter(agent)
        assert "asked" in room.do("/hil")
        assert "declined" in room.do("/hil off")
        room.chat.once("do both")
        payloads = [entry["payload"] for entry in agent.said("resume")[0]["resume"]]
        assert payloads == [{"approved": False}, {"approved": False}]
        assert "/hil on, /hil off" in room.do("/hil yes")
        assert "asked" in room.do("/hil on")


@pytest.mark.behaviour("CHAT-FORM")
def test_a_form_is_sent_declined_or_given_up(enter: Enter):
    asks = Turn(interrupts=(form("f", "order", "Which?"),))
    with desk_agent(asks, Turn(), asks, Turn(), asks, Turn()) as agent:
        room = enter(agent, "\ns\ny\n" + "\ns\nn\n" + "\ns\nc\n")
        for _ in range(3):
            room.chat.once("order")
        entries = [payload["resume"][0] for payload in agent.said("resume")]
    assert [(entry["status"], entry["payload"]) for entry in entries] == [
        ("resolved", {"approved": True, "content": {"count": 2, "size": "s"}}),
        ("resolved", {"approved": False}),
        ("cancelled", {"approved": False}),
    ]


@pytest.mark.behaviour("CHAT-FOLD")
def test_raw_unfolds_what_was_said_and_what_comes(enter: Enter):
    with desk_agent(Turn(call("look", "{}", LONG)), Turn(call("look", "{}", LONG))) as agent:
        room = enter(agent)
        room.chat.once("look")
        assert "row 29" in room.do("/raw")
        assert room.chat.face.shown.raw
        before = len(room.notes.getvalue())
        room.chat.once("look")
        assert "row 29" in room.notes.getvalue()[before:]
        assert "folded" in room.do("/raw off")
        assert "row 29" in room.do("/raw 1")
        assert "no result 7" in room.do("/raw 7")
        assert "events shown" in room.do("/raw events")


def test_thinking_is_shown_and_hidden(enter: Enter):
    with desk_agent() as agent:
        room = enter(agent)
        assert "shown" in room.do("/thinking on")
        assert "hidden" in room.do("/thinking")
        assert "/thinking on or" in room.do("/thinking maybe")


@pytest.mark.behaviour("CHAT-CONTEXT")
def test_the_context_is_shown_set_and_sent(enter: Enter):
    with desk_agent(Turn(text("hello")), Turn(text("again"))) as agent:
        room = enter(agent)
        room.do("/context set auto_format true")
        room.do("/context set style short and plain")
        room.do("/region eu-central-1")
        shown = json.loads(room.do("/context"))
        assert shown["region"] == "eu-central-1"
        room.chat.once("hi")
        sent = agent.heard[-1].payload["client_context"]
        assert sent["user_preferences"] == {"auto_format": True, "style": "short and plain"}
        assert sent["region"] == "eu-central-1"
        assert agent.refused == []  # still signed for the agent's own region
        room.do("/new")
        room.do("/context unset style")
        assert "no preference style" in room.do("/context unset style")
        room.chat.once("hi")
        assert agent.heard[-1].payload["client_context"]["user_preferences"] == {"auto_format": True}
        with pytest.raises(ProtocolError):
            room.do(f"/context set big {'x' * 5000}")
        with pytest.raises(ConfigurationError, match="no region"):
            room.do("/region nowhere!")


@pytest.mark.behaviour("CHAT-AUTH")
def test_auth_and_whoami_show_who_and_never_a_secret(enter: Enter):
    with desk_agent(Turn(text("hello")), token="a-secret-token") as agent:
        room = enter(agent)
        room.chat.once("hi")
        said = room.do("/auth") + room.do("/whoami") + room.do("/auth in") + room.do("/session")
        assert "bearer token · from SKERRY_TOKEN" in said
        assert room.chat.talk.id in said
        assert "a-secret-token" not in said
        assert "Signed out" in room.do("/auth out")


@pytest.mark.behaviour("CHAT-AUTH")
def test_whoami_asks_sts_with_a_signature(enter: Enter):
    identity = "<R><Arn>arn:aws:iam::123456789012:user/skerry</Arn></R>"
    with desk_agent(open_to_all=True) as agent:
        room = enter(agent)
        agent.refusals = [Plain(200, identity)]
        said = room.do("/whoami")
        assert "arn:aws:iam::123456789012:user/skerry" in said
        assert "user     ann" in said
        assert "the-developers-secret" not in said


def test_another_agent_begins_another_conversation(enter: Enter):
    with desk_agent(Turn(text("hello")), token="t") as agent:
        room = enter(agent)
        before = room.chat.talk.id
        listed = room.do("/agent")
        assert "now: ops" in listed
        assert "arn:aws:bedrock-agentcore" in listed
        assert "ops · session" in room.do("/agent 1")
        assert room.chat.talk.id != before
        assert "127.0.0.1 · session" in room.do(f"/agent {agent.url}")
        room.chat.once("hi")
        assert agent.heard[-1].path == "/stream"
        with pytest.raises(ConfigurationError, match=r"no agent 'x'.*Known: ops"):
            room.do("/agent x")
        assert room.chat.talk.backend.name == "127.0.0.1"


@pytest.mark.behaviour("CHAT-ANY-AGENT")
def test_another_kind_of_agent_says_what_it_cannot(enter: Enter):
    with runtime(Plain(200, "what?"), Plain(200, "hello")) as agent:
        room = enter(agent)
        with pytest.raises(NotOfferedError):
            room.do("/conversations")
        assert room.chat.once("hi") == 0
        assert room.out.getvalue().strip() == "hello"


def test_a_busy_conversation_says_so_and_goes_on(enter: Enter):
    busy = run({"type": "RUN_ERROR", "code": "SESSION_BUSY", "message": "an answer is under way"})
    with runtime(busy, run(*text("now"))) as agent:
        room = enter(agent)
        assert room.chat.ask("hi") == 1
        assert "SESSION_BUSY" in room.notes.getvalue()
        assert room.chat.ask("hi") == 0


def test_what_cannot_be_stopped_is_said(enter: Enter):
    gate = threading.Event()
    with desk_agent(Turn(text("for long"), gate=gate)) as agent:
        room = enter(agent)
        events = room.chat.talk.ask("go")
        next(events)
        events.close()
        agent.refusals = [Plain(403, {"message": "not you"})]
        room.chat._stop()
        assert "may go on" in room.notes.getvalue()
        gate.set()


def test_a_chat_that_opens_nothing_else_stays(enter: Enter):
    with desk_agent() as agent:
        room = enter(agent)
        room.chat.opens = None
        with pytest.raises(ConfigurationError, match="stays with its agent"):
            room.do("/agent ops")
        assert isinstance(room.chat, Chat)


def test_a_session_id_that_fits_no_runtime_is_not_sent(enter: Enter):
    with desk_agent() as agent:
        room = enter(agent)
        room.chat.begin("short")
        with pytest.raises(RemoteError, match="cannot be on a runtime"):
            room.chat.once("hi")
        room.chat.begin(str(uuid.uuid4()))
        assert agent.heard == []
