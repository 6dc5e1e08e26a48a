"""`skerry chat` as a person runs it: a process, with and without a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from typing import Any, Self

import pytest

from tests.kit.runtime import ARN, Plain, Runtime, Stream, call, question, run, runtime, text

ASKS = run(interrupts=(question("q1", "accounts___change_email", account_id="12345"),))
PENDING = run({"type": "RUN_ERROR", "code": "PENDING_INTERRUPTS", "message": "a question is open"})


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SKERRY_"))}
    return kept | {"HOME": str(folder), "TERM": "xterm-256color", "COLUMNS": "80"}


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


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is needed")
class TestTerminal:
    """The real command in a real pseudo-terminal."""

    def start(self, stand_in: Runtime, folder: Path, *arguments: str) -> Terminal:
        state = stand_in.stack(folder / "state")
        command = [sys.executable, "-m", "skerry", "chat", "--state", str(state), *arguments]
        return Terminal(command, environment(folder))

    @pytest.mark.behaviour("CHAT-CONFIRM")
    def test_a_change_is_shown_asked_and_made(self, tmp_path: Path):
        with runtime(ASKS, run(*text("Done."))) as stand_in, self.start(stand_in, tmp_path) as terminal:
            terminal.wait_for("\x1b[?2004h")
            terminal.type("change it\r")
            terminal.wait_for("[y/N]")
            assert "12345" in terminal.seen
            terminal.type("y\r")
            terminal.wait_for("Done.")
            terminal.wait_for("\x1b[?2004h")
            terminal.type("/quit\r")
            assert terminal.ended() == 0
        assert stand_in.asked[1].payload["resume"][0]["payload"] == {"approved": True}
        assert "change it" in (tmp_path / ".skerry_history").read_text()
        assert (tmp_path / ".skerry_history").stat().st_mode & 0o777 == 0o600

    @pytest.mark.behaviour("CHAT-STOP")
    def test_ctrl_c_stops_the_answer_and_not_the_program(self, tmp_path: Path):
        held = Stream(run(*text("Thinking about it for long")).events, hold=threading.Event())
        with runtime(held, run(*text("Second."))) as stand_in, self.start(stand_in, tmp_path) as terminal:
            terminal.wait_for("\x1b[?2004h")
            terminal.type("first\r")
            terminal.wait_for("long")
            terminal.type("\x03")
            terminal.wait_for("stopped.")
            terminal.wait_for("\x1b[?2004h")
            assert stand_in.left.wait(20)
            terminal.type("second\r")
            terminal.wait_for("Second.")
            terminal.wait_for("\x1b[?2004h")
            terminal.type("\x04")
            assert terminal.ended() == 0


class Terminal:
    """A command in a pseudo-terminal: what it wrote, and keys for it."""

    TAKE = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        import fcntl
        import pty
        import struct
        import termios

        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", self.TAKE, *command],
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.seen = ""
        self._passed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(20)
        os.close(self._ours)

    def type(self, keys: str) -> None:
        self.seen, self._passed = "", 0
        os.write(self._ours, keys.encode())

    def wait_for(self, text: str) -> None:
        import select

        while text not in self.seen[self._passed :]:
            ready, _, _ = select.select([self._ours], [], [], 30)
            assert ready, f"{text!r} did not come; there was {self.seen!r}"
            piece = os.read(self._ours, 4096).decode(errors="replace")
            if "\x1b[6n" in piece:  # prompt_toolkit asks where the cursor is
                os.write(self._ours, b"\x1b[1;1R")
            self.seen += piece
        self._passed = self.seen.index(text, self._passed) + len(text)

    def ended(self) -> int:
        import select

        while True:
            ready, _, _ = select.select([self._ours], [], [], 30)
            assert ready, "it did not end"
            try:
                if not os.read(self._ours, 4096):
                    break
            except OSError:
                break
        return self._process.wait(20)
