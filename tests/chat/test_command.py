"""`skerry chat` as a person runs it: a process, with and without a terminal."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.kit.desk_agent import DeskAgent, Turn, desk_agent
from tests.kit.openid import openid_provider
from tests.kit.runtime import ARN, Plain, Runtime, call, form, question, run, runtime, text
from tests.kit.terminal import environment

ASKS = run(interrupts=(question("q1", "accounts___change_email", account_id="12345"),))
PENDING = run({"type": "RUN_ERROR", "code": "PENDING_INTERRUPTS", "message": "a question is open"})


def chat(
    stand_in: Runtime, folder: Path, *arguments: str, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    state = stand_in.stack(folder / "state")
    return subprocess.run(
        [sys.executable, "-m", "skerry", "chat", "--state", str(state), *arguments],
        env=environment(folder),
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.behaviour("CHAT-ONCE")
def test_one_question_one_answer(tmp_path: Path):
    with runtime(
        run(*call("get_email", "{}", {"type": "text", "text": "x"}), *text("Hello there."))
    ) as stand_in:
        done = chat(stand_in, tmp_path, "--once", "hi")
    assert (done.returncode, done.stdout) == (0, "Hello there. \n")
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.behaviour("CHAT-JSON")
def test_json_is_the_event_stream(tmp_path: Path):
    answer = run(*text("hä \x1b[2J"))
    with runtime(answer) as stand_in:
        done = chat(stand_in, tmp_path, "--once", "hi", "--json")
    assert [json.loads(line) for line in done.stdout.splitlines()] == list(answer.events)
    assert "\x1b" not in done.stdout


@pytest.mark.behaviour("CHAT-UNCONFIRMED")
def test_nobody_to_confirm_ends_with_3_and_sends_no_answer(tmp_path: Path):
    session = str(uuid.uuid4())
    with runtime(ASKS) as stand_in:
        done = chat(stand_in, tmp_path, "--once", "change it", "--session", session)
    assert done.returncode == 3
    assert "accounts___change_email" in done.stderr
    assert session in done.stderr
    assert len(stand_in.asked) == 1
    assert stand_in.asked[0].session == session


@pytest.mark.parametrize(("option", "approved"), [("--yes", True), ("--no", False)])
def test_an_answer_given_beforehand(tmp_path: Path, option: str, approved: bool):
    with runtime(ASKS, run(*text("ok"))) as stand_in:
        done = chat(stand_in, tmp_path, "--once", "change it", option)
    assert done.returncode == 0
    assert stand_in.asked[1].payload["resume"][0]["payload"] == {"approved": approved}


def test_a_question_left_open_is_answered_first(tmp_path: Path):
    with runtime(PENDING, ASKS, run(*text("changed")), run(*text("new answer"))) as stand_in:
        done = chat(stand_in, tmp_path, "--once", "something new", "--no")
    assert done.returncode == 0
    assert "new answer" in done.stdout
    assert [sorted(asked.payload)[1] for asked in stand_in.asked] == ["prompt", "resume", "resume", "prompt"]
    assert stand_in.asked[1].payload["resume"] == []


@pytest.mark.parametrize(
    "answer",
    [
        Plain(403, {"message": "not you"}, (("x-amzn-ErrorType", "AccessDeniedException"),)),
        run({"type": "RUN_ERROR", "code": "GATEWAY_ERROR", "message": "not there"}),
    ],
)
def test_an_error_ends_with_1_and_one_line(tmp_path: Path, answer: Any):
    with runtime(answer) as stand_in:
        done = chat(stand_in, tmp_path, "--once", "hi")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "not" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("--once", ""), ("--once", "hi", "--session", "short"), ("--yes", "--no"), ("--auth", "magic")],
)
def test_wrong_usage_ends_with_2(tmp_path: Path, arguments: tuple[str, ...]):
    with runtime() as stand_in:
        done = chat(stand_in, tmp_path, *arguments)
    assert done.returncode == 2
    assert stand_in.asked == []


def test_questions_from_a_pipe(tmp_path: Path):
    with runtime(run(*text("one")), run(*text("two"))) as stand_in:
        done = chat(stand_in, tmp_path, typed="first\n\nsecond\n/session\n/nothing\n/quit\nnever asked\n")
    assert done.returncode == 0
    assert done.stdout == "one \ntwo \n"
    assert [asked.payload["prompt"] for asked in stand_in.asked] == ["first", "second"]
    assert stand_in.asked[0].session in done.stderr
    assert "There is no /nothing" in done.stderr


def test_a_new_session_is_another_one(tmp_path: Path):
    with runtime(run(*text("one")), run(*text("two"))) as stand_in:
        chat(stand_in, tmp_path, typed="first\n/new\nsecond\n")
    assert stand_in.asked[0].session != stand_in.asked[1].session


def test_an_arn_and_the_environment_are_enough(tmp_path: Path):
    with runtime(run(*text("hi"))) as stand_in:
        done = subprocess.run(
            [sys.executable, "-m", "skerry", "chat", "--once", "hi", "--state", str(tmp_path / "none")],
            env=environment(tmp_path)
            | {
                "AWS_ENDPOINT_URL": stand_in.url,
                "SKERRY_RUNTIME_ARN": ARN,
                "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "the-developers-secret",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, "hi \n"), done.stderr


# Conversations, from scripts ---------------------------------------------------------------------------


def talk(
    agent: DeskAgent, folder: Path, *arguments: str, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    return chat(agent, folder, "--user", "ann", *arguments, typed=typed)


@pytest.mark.behaviour("CHAT-RESUME")
def test_a_script_goes_on_lists_and_exports(tmp_path: Path):
    with desk_agent(Turn(text("first answer")), Turn(text("second answer")), Turn(text("third"))) as agent:
        assert talk(agent, tmp_path, "--once", "first").returncode == 0
        (identifier,) = agent.kept
        assert talk(agent, tmp_path, "--once", "second", "--continue").returncode == 0
        page = tmp_path / "page.md"
        done = talk(agent, tmp_path, "--once", "third", "--resume", identifier, "--export", str(page))
        assert (done.returncode, done.stdout) == (0, "third \n"), done.stderr
        listed = talk(agent, tmp_path, "--once", "/conversations", "--json")
        json_file = tmp_path / "whole.json"
        whole = talk(agent, tmp_path, "--session", identifier, "--once", f"/export {json_file}")
    assert whole.returncode == 0, whole.stderr
    assert {heard.session for heard in agent.heard if "prompt" in heard.payload} == {identifier}
    assert page.read_text().count("**You:**") == 3
    assert "second answer" in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600
    assert len(json.loads(json_file.read_text())["messages"]) == 6
    (row,) = json.loads(listed.stdout)["value"]
    assert (row["title"], row["messages"]) == ("first", "6")
    assert row["id"].startswith(identifier)


@pytest.mark.behaviour("CHAT-RESUME")
def test_a_conversation_of_somebody_else_is_not_resumed(tmp_path: Path):
    with desk_agent(Turn(text("secret"))) as agent:
        talk(agent, tmp_path, "--once", "mine")
        (identifier,) = agent.kept
        done = chat(agent, tmp_path, "--user", "ben", "--once", "hi", "--resume", identifier)
    assert done.returncode == 1
    assert "NOT_FOUND" in done.stderr
    assert "secret" not in done.stdout + done.stderr


@pytest.mark.behaviour("CHAT-URL")
def test_a_service_by_its_url(tmp_path: Path):
    with desk_agent(Turn(text("hello")), token="t") as agent:
        done = subprocess.run(
            [sys.executable, "-m", "skerry", "chat", "--url", agent.url, "--once", "hi"],
            env=environment(tmp_path) | {"SKERRY_TOKEN": "t", "SKERRY_STATE": str(tmp_path / "none")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, "hello \n"), done.stderr


@pytest.mark.behaviour("CHAT-FORM")
@pytest.mark.parametrize(("option", "code"), [("--yes", 3), ("--no", 0)])
def test_a_form_cannot_be_answered_beforehand_but_declined(tmp_path: Path, option: str, code: int):
    asks = Turn(interrupts=(form("f1", "shop___order", "Which size?"),))
    with desk_agent(asks, Turn(text("Declined."))) as agent:
        done = talk(agent, tmp_path, "--once", "order", option)
    assert done.returncode == code, done.stderr
    assert [entry["payload"] for payload in agent.said("resume") for entry in payload["resume"]] == (
        [] if option == "--yes" else [{"approved": False}]
    )


@pytest.mark.behaviour("CHAT-PAGE")
@pytest.mark.parametrize(("option", "code"), [("--yes", 3), ("--no", 0)])
def test_a_page_cannot_be_opened_beforehand_but_declined(tmp_path: Path, option: str, code: int):
    page = {"reason": "elicitation", "mode": "url", "url": "https://page.example/1", "message": "Sign in."}
    asks = Turn(interrupts=({"id": "p1", "toolCallId": "c", "toolName": "git___push", **page},))
    with desk_agent(asks, Turn(text("Declined."))) as agent:
        done = talk(agent, tmp_path, "--once", "push", option)
    assert done.returncode == code, done.stderr
    if option == "--yes":
        assert "It leads to: page.example" in done.stderr
    assert [entry["payload"] for payload in agent.said("resume") for entry in payload["resume"]] == (
        [] if option == "--yes" else [{"approved": False}]
    )


@pytest.mark.behaviour("CHAT-CANCEL")
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_script_that_is_interrupted_stops_the_agent(tmp_path: Path):
    with desk_agent(Turn(text("for long"), gate=threading.Event())) as agent:
        command = [sys.executable, "-m", "skerry", "chat", "--state", str(agent.stack(tmp_path / "state"))]
        process = subprocess.Popen(
            [*command, "--once", "go"],
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        with process:
            assert process.stdout.read(4) == b"for "
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
            process.stdout.read()
        (run,) = agent.runs.values()
        assert run.stopped


def test_wrong_export_names_end_with_2_before_anything_is_asked(tmp_path: Path):
    with desk_agent(Turn(text("hello"))) as agent:
        done = talk(agent, tmp_path, "--once", "hi", "--export", "page.pdf")
    assert done.returncode == 2
    assert agent.heard == []


def test_usage_is_said_beside_the_answer(tmp_path: Path):
    usage = {"inputTokens": 1204, "outputTokens": 88, "cost": {"amount": 0.0012, "currency": "USD"}}
    with desk_agent(Turn(text("hello"), usage=usage)) as agent:
        done = talk(agent, tmp_path, "--once", "hi")
    assert done.stdout == "hello \n"
    assert "1,204 in · 88 out · $0.0012" in done.stderr


def test_nobody_at_the_terminal_is_not_sent_to_a_browser(tmp_path: Path):
    with openid_provider() as issuer, runtime(token="t") as stand_in:
        state = stand_in.stack(tmp_path / "state", auth="jwt")
        sign_in = ("--auth", "browser", "--issuer", issuer, "--client-id", "skerry", "--assume-pkce")
        done = subprocess.run(
            [sys.executable, "-m", "skerry", "chat", "--state", str(state), "--once", "hi", *sign_in],
            env=environment(tmp_path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert "nobody is signed in" in done.stderr
    assert stand_in.asked == []
