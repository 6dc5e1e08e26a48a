"""What Tab offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from skerry.chat.agents import Agent
from skerry.chat.backend import Listing, Summary, Tool
from skerry.chat.commands.table import TABLE
from skerry.chat.completion import candidates
from skerry.chat.keys import Keys
from skerry.chat.known import FRESH, Known
from skerry.errors import RemoteError

SCHEMA = {
    "properties": {
        "account_id": {"type": "string", "description": "Which account\x1b[2J"},
        "deep": {"type": "boolean"},
        "kind": {"enum": ["a", "b"]},
    }
}


class Agents:
    """The part of a Backend that completion asks. `broken` answers nothing."""

    name, region = "ops", "us-east-1"

    def __init__(self) -> None:
        self.asked = 0
        self.broken = False

    def conversations(self, *, cursor: str = "", limit: int = 20) -> Listing:
        self.asked += 1
        if self.broken:
            raise RemoteError("no")
        return Listing([Summary("abc-1", "First", 0, 0, 2), Summary("abd-2", "Second", 0, 0, 2)])

    def tools(self) -> Sequence[Tool]:
        return [Tool("accounts___get_email", "Reads", SCHEMA), Tool("wipe")]


@pytest.fixture
def backend() -> Agents:
    return Agents()


@pytest.fixture
def known(backend: Agents) -> Known:
    found: Any = backend
    return Known(found, lambda: [Agent("ops", "arn:1"), Agent("other", "arn:2")])


@pytest.mark.behaviour("CHAT-COMPLETE")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("/conv", ["/conversations"]),
        ("/ex", ["/export", "/exit"]),
        ("/resume ", ["abc-1", "abd-2"]),
        ("/resume abd", ["abd-2"]),
        ("/delete abc", ["abc-1"]),
        ("/resume abc-1 ", []),
        ("/agent o", ["ops", "other"]),
        ("/tools s", ["show"]),
        ("/tools acc", ["accounts___get_email"]),
        ("/call w", ["wipe"]),
        ("/call accounts___get_email ", ["account_id=", "deep=", "kind="]),
        ("/call accounts___get_email account_id=1 ", ["deep=", "kind="]),
        ("/call accounts___get_email deep=", ["deep=true", "deep=false"]),
        ("/call accounts___get_email kind=b", []),
        ("/call nothing a", []),
        ("/hil o", ["on", "off"]),
        ("/nonsense x", []),
        ("hello /conv", []),
        ("", []),
        ("/conv\n/conv", []),
    ],
)
def test_what_is_offered(known: Known, line: str, offered: list[str]):
    assert [item.text for item in candidates(line, known)] == offered


def test_every_command_is_offered_and_explained(known: Known):
    found = {item.text: item.about for item in candidates("/", known)}
    assert {command.name for command in TABLE} <= set(found)
    assert all(found.values())


def test_what_is_said_about_an_argument_steers_nothing(known: Known):
    about = [item.about for item in candidates("/call accounts___get_email ", known)]
    assert about[0] == "Which account[2J"


def test_a_list_is_asked_for_once_in_a_while(backend: Agents):
    now = 0.0
    found: Any = backend
    known = Known(found, list, clock=lambda: now)
    known.conversations()
    known.conversations()
    assert backend.asked == 1
    now = FRESH
    backend.broken = True
    assert known.conversations() == ()
    assert backend.asked == 2


@given(st.text(max_size=30))
def test_any_line_can_be_completed(line: str):
    found: Any = Agents()
    for item in candidates(f"/{line}", Known(found, list)):
        assert item.replaces <= len(line) + 1


@pytest.mark.behaviour("CHAT-MULTILINE")
@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("hello\r", "hello"),
        ("one\x1b\rtwo\r", "one\ntwo"),
        ("\x1b[200~a\nb\x1b[201~\r", "a\nb"),
    ],
)
def test_enter_sends_and_alt_enter_goes_on(typed: str, read: str):
    with create_pipe_input() as keys:
        reader = Keys(source=keys, output=DummyOutput())
        keys.send_text(typed)
        assert reader.question("> ") == read


def test_an_answer_may_begin_with_a_text():
    with create_pipe_input() as keys:
        reader = Keys(source=keys, output=DummyOutput())
        keys.send_text("4\r")
        assert reader.answer("count: ", "3") == "34"


@pytest.mark.parametrize(("typed", "error"), [("\x03", KeyboardInterrupt), ("\x04", EOFError)])
def test_ctrl_c_and_ctrl_d(typed: str, error: type[BaseException]):
    with create_pipe_input() as keys:
        reader = Keys(source=keys, output=DummyOutput())
        keys.send_text(typed)
        with pytest.raises(error):
            reader.question("> ")
