"""`skerry chat` in a real pseudo-terminal, with a stand-in for the agent on a real socket."""

from __future__ import annotations

import base64
import re
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.kit.desk_agent import Turn, desk_agent
from tests.kit.mcp_gateway import PNG
from tests.kit.openid import openid_provider
from tests.kit.runtime import Plain, Runtime, call, form, question, runtime, text
from tests.kit.terminal import Terminal, environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is needed")

ASKS = Turn(interrupts=(question("q1", "accounts___change_email", account_id="12345"),))
ROWS = {"type": "text", "text": "\n".join(f"row {number}" for number in range(20))}
PICTURE = {"type": "image", "mimeType": "image/png", "data": base64.b64encode(PNG).decode()}


def start(agent: Runtime, folder: Path, *arguments: str, height: int = 60) -> Terminal:
    state = agent.stack(folder / "state")
    command = [sys.executable, "-m", "skerry", "chat", "--state", str(state), *arguments]
    terminal = Terminal(command, environment(folder), height=height)
    terminal.ready()
    return terminal


@pytest.mark.behaviour("CHAT-CONFIRM")
def test_a_change_is_shown_asked_and_made_or_refused(tmp_path: Path):
    turns = (ASKS, Turn(text("Done.")), ASKS, Turn(text("Left alone.")))
    with desk_agent(*turns) as agent, start(agent, tmp_path) as terminal:
        for typed, said in (("y", "Done."), ("", "Left alone.")):
            terminal.type("change it\r")
            terminal.wait_for("[y/N]")
            assert '"account_id": "12345"' in terminal.screen.visible()
            terminal.type(f"{typed}\r")
            terminal.wait_for(said)
            terminal.ready()
        terminal.type("/quit\r")
        assert terminal.ended() == 0
    answers = [payload["resume"][0]["payload"] for payload in agent.said("resume")]
    assert answers == [{"approved": True}, {"approved": False}]
    history = tmp_path / ".skerry_history"
    assert "change it" in history.read_text()
    assert "+y" not in history.read_text()
    assert history.stat().st_mode & 0o777 == 0o600


@pytest.mark.behaviour("CHAT-STOP")
@pytest.mark.behaviour("CHAT-CANCEL")
def test_ctrl_c_stops_the_answer_and_not_the_program(tmp_path: Path):
    held = Turn(text("Thinking about it for long"), gate=threading.Event())
    with desk_agent(held, Turn(text("Second."))) as agent, start(agent, tmp_path) as terminal:
        terminal.type("first\r")
        terminal.wait_for("long")
        terminal.type("\x03")
        terminal.wait_for("stopped.")
        terminal.ready()
        (run,) = agent.runs.values()
        assert agent.said("cancel") == [
            {"cancel": run.id, "client_context": agent.said("cancel")[0]["client_context"]}
        ]
        assert run.stopped
        terminal.type("second\r")
        terminal.wait_for("Second.")
        terminal.ready()
        terminal.type("\x04")
        assert terminal.ended() == 0


@pytest.mark.behaviour("CHAT-FORM")
def test_a_form_is_filled_in(tmp_path: Path):
    asks = Turn(interrupts=(form("f1", "shop___order", "Which size?"),))
    with desk_agent(asks, Turn(text("Ordered."))) as agent, start(agent, tmp_path) as terminal:
        terminal.type("order\r")
        terminal.wait_for("count:")
        terminal.ready()
        terminal.type("\x15" + "0\r")  # the line is cleared of its default first
        terminal.wait_for("At least 1")
        terminal.ready()
        terminal.type("\x154\r")
        terminal.wait_for("size:")
        terminal.ready()
        terminal.type("2\r")
        terminal.wait_for("Send it?")
        terminal.type("y\r")
        terminal.wait_for("Ordered.")
    (answer,) = agent.said("resume")[0]["resume"]
    assert answer["payload"] == {"approved": True, "content": {"count": 4, "size": "m"}}


@pytest.mark.behaviour("CHAT-RESUME")
def test_a_conversation_is_found_and_resumed_by_the_next_program(tmp_path: Path):
    turns = (
        Turn((*call("list_things", '{"kind": "b"}', ROWS), *text("Here they are."))),
        Turn(text("And more.")),
    )
    with desk_agent(*turns) as agent:
        with start(agent, tmp_path) as terminal:
            terminal.ask("list my things")
            assert "list_things" in terminal.screen.text()
            assert "12 more lines · /raw 1" in terminal.screen.text()
            terminal.ask("/raw 1")
            assert "row 19" in terminal.screen.text()
            terminal.type("/exit\r")
            assert terminal.ended() == 0
        with start(agent, tmp_path) as terminal:
            terminal.ask("/conversations")
            assert "list my things" in terminal.screen.text()
            terminal.ask("/resume 1")
            shown = terminal.screen.text()
            assert "> list my things" in shown
            assert "Here they are." in shown
            terminal.ask("more please")
            target = tmp_path / "it.md"
            terminal.ask(f"/export {target}")
            terminal.type("/delete 1\r")
            terminal.wait_for("[y/N]")
            terminal.type("y\r")
            terminal.wait_for("deleted")
    assert "And more." in target.read_text()
    assert agent.kept == {}


@pytest.mark.behaviour("CHAT-ATTACH")
def test_resuming_listens_to_the_answer_under_way(tmp_path: Path):
    gate = threading.Event()
    with desk_agent(Turn(text("It takes its time"), gate=gate)) as agent:
        with start(agent, tmp_path) as terminal:
            terminal.type("go\r")
            terminal.wait_for("time")
        with start(agent, tmp_path) as terminal:
            terminal.type("/resume\r")
            terminal.wait_for("under way")
            terminal.wait_for("time")
            gate.set()
            terminal.ready()
    assert agent.said("attach")[0]["attach"] == {"runId": next(iter(agent.runs)), "after": 0}
    assert len(agent.said("prompt")) == 1


@pytest.mark.behaviour("CHAT-COMPLETE")
def test_tab_completes_commands_ids_and_tools(tmp_path: Path):
    schema = {"properties": {"account_id": {"type": "string"}}}
    with desk_agent(Turn(text("hello")), Turn(text("called"))) as agent:
        agent.tools = [{"name": "accounts___get_email", "inputSchema": schema}]
        with start(agent, tmp_path) as terminal:
            terminal.ask("hi")
            (identifier,) = agent.kept
            terminal.type("/conv\t")
            terminal.wait_shown("> /conversations")
            terminal.type("\x15/resume \t")
            terminal.wait_shown(f"> /resume {identifier}")
            terminal.type("\x15/call acc\t")
            terminal.wait_shown("> /call accounts___get_email")
            terminal.type(" acc\t")
            terminal.wait_shown("accounts___get_email account_id=")
            terminal.ask("12345")
    assert agent.said("prompt")[-1]["prompt"] == '/call accounts___get_email {"account_id": "12345"}'


@pytest.mark.behaviour("CHAT-PICTURE")
def test_a_picture_is_drawn_in_half_blocks(tmp_path: Path):
    with desk_agent(Turn(call("get_chart", "{}", PICTURE))) as agent, start(agent, tmp_path) as terminal:
        terminal.ask("chart")
        assert "▀" in terminal.screen.text()
        assert "\x1b[38;2;" in terminal.seen


@pytest.mark.behaviour("CHAT-MULTILINE")
def test_several_lines_are_one_question(tmp_path: Path):
    with desk_agent(Turn(text("one")), Turn(text("two"))) as agent, start(agent, tmp_path) as terminal:
        terminal.type("first line\x1b\r")
        terminal.ask("second line")
        terminal.ask("\x1b[200~pasted\nlines\x1b[201~")
    assert [payload["prompt"] for payload in agent.said("prompt")] == [
        "first line\nsecond line",
        "pasted\nlines",
    ]


@pytest.mark.behaviour("CHAT-FLICKER")
def test_a_long_answer_neither_clears_nor_repeats(tmp_path: Path):
    words = " ".join(f"word{number}" for number in range(400))
    with desk_agent(Turn(text(words))) as agent, start(agent, tmp_path, height=24) as terminal:
        cleared = terminal.screen.clears
        before = terminal.wrote
        terminal.ask("tell me")
        shown = terminal.screen.text()
        assert terminal.screen.clears == cleared
        assert Counter(re.findall(r"word\d+", shown)) == Counter(words.split())
        assert terminal.wrote - before < 400 * 400  # a redraw of all of it for each word would be 900,000


@pytest.mark.behaviour("CHAT-ANY-AGENT")
def test_the_text_of_another_kind_of_agent_stands_on_lines_of_its_own(tmp_path: Path):
    with runtime(Plain(200, "hello"), Plain(200, {"result": 1})) as agent, start(agent, tmp_path) as terminal:
        terminal.ask("hi")
        terminal.ask("and?")
        assert '> hi\nhello\n> and?\n{"result": 1}' in terminal.screen.text()


@pytest.mark.behaviour("CHAT-HIL")
def test_with_hil_off_everything_is_declined(tmp_path: Path):
    with desk_agent(ASKS, Turn(text("Left alone."))) as agent, start(agent, tmp_path) as terminal:
        terminal.ask("/hil off")
        terminal.ask("change it")
        assert "declined: accounts___change_email" in terminal.screen.text()
        terminal.ask("/hil show")
        assert "without a question" in terminal.screen.text()
    assert agent.said("resume")[0]["resume"][0]["payload"] == {"approved": False}


PERSON = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.kit.openid import Person
Person("ann@example.com").open(sys.argv[2])
"""


@pytest.mark.behaviour("CHAT-SIGN-IN")
def test_a_person_signs_in_with_the_browser_and_stays_signed_in(tmp_path: Path):
    (tmp_path / "person.py").write_text(PERSON)
    tree = Path(__file__).parents[2]
    env = environment(tmp_path) | {
        "BROWSER": f"{sys.executable} {tmp_path / 'person.py'} {tree} %s",
        "SKERRY_CLIENT_SECRET": "a-client-secret",
        "SKERRY_SCOPE": "openid email",
    }
    with (
        openid_provider() as issuer,
        desk_agent(Turn(text("hello")), Turn(text("again")), open_to_all=True) as agent,
    ):
        command = [
            sys.executable,
            "-m",
            "skerry",
            "chat",
            "--url",
            agent.url,
            "--state",
            str(tmp_path / "none"),
        ]
        command += ["--auth", "browser", "--issuer", issuer, "--client-id", "skerry", "--assume-pkce"]
        with Terminal(command, env, height=50) as terminal:
            terminal.ready()
            terminal.ask("hi")
            assert "hello" in terminal.screen.text()
            terminal.ask("/auth")
            shown = terminal.screen.text()
            assert "ann@example.com" in shown
            assert f"the sign-in for {agent.url}" in " ".join(shown.split())
            assert "until " in shown
        with Terminal(command, env | {"BROWSER": "false %s"}, height=50) as terminal:
            terminal.ready()
            terminal.ask("hi again")
            assert "again" in terminal.screen.text()
            terminal.ask("/auth out")
    first, second = (heard.headers["authorization"] for heard in agent.heard)
    assert first == second
    token = first.removeprefix("Bearer ")
    assert token not in shown
    assert "a-client-secret" not in shown
    assert list((tmp_path / ".local/share/skerry/tokens").rglob("*.json")) == []
