"""What a person sees: the rich face on a recording console, the plain one on files."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit import PromptSession
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from skerry.chat.face import Face, PlainFace
from skerry.chat.rich_face import RichFace, split
from tests.kit.mcp_gateway import PNG
from tests.kit.runtime import call, question, run, text, thought

IMAGE = {"type": "image", "mimeType": "image/png", "data": base64.b64encode(PNG).decode()}


class Ticking:
    """A clock that goes on by a quarter of a second at every look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.25
        return self.now


def never(_: str) -> str:
    raise AssertionError("nobody is asked here")


def rich(
    decide: Callable[[str], str] = never, clock: Callable[[], float] | None = None, **more: Any
) -> tuple[RichFace, Console]:
    console = Console(record=True, force_terminal=True, width=72, height=30, file=io.StringIO(), **more)
    return RichFace(console, never, decide, clock=clock or Ticking()), console


def show(face: Face, *events: Any) -> None:
    for event in events:
        face.show(event)


def file_named_in(shown: str) -> Path:
    found = re.search(r"picture saved: (\S+)", shown)
    assert found
    return Path(found[1])


@pytest.mark.behaviour("CHAT-MARKDOWN")
def test_an_answer_is_markdown_and_a_tool_call_a_panel_with_arguments_and_duration():
    face, console = rich()
    result = {"type": "text", "text": '{"email": "user@example.com"}'}
    events = run(
        *thought("I look it up."), *call("accounts___get_email", '{"account_id": "12345"}', result)
    ).events
    show(face, *events[:-1], *text("It is **user@example.com**."), events[-1])
    shown = console.export_text()
    assert "I look it up." in shown
    assert "accounts___get_email · 0.25s" in shown
    assert '{"account_id": "12345"}' in shown
    assert '"email": "user@example.com"' in shown
    assert "It is user@example.com." in shown
    assert "**" not in shown


def test_what_is_hidden_is_not_shown():
    face, console = rich()
    face.shown.tools = face.shown.thinking = False
    show(
        face, *thought("secretly"), *call("a_tool", "{}", {"type": "text", "text": "result"}), *text("Hello.")
    )
    shown = console.export_text()
    assert "Hello." in shown
    assert "secretly" not in shown
    assert "a_tool" not in shown


def test_a_long_answer_is_printed_once():
    face, console = rich(clock=lambda: 0.0)  # no redraws: the record would hold each of them
    paragraphs = [f"Paragraph number {index} of the answer.\n\n" for index in range(60)]
    show(face, *({"type": "TEXT_MESSAGE_CONTENT", "delta": paragraph} for paragraph in paragraphs))
    show(face, {"type": "TEXT_MESSAGE_END"})
    shown = console.export_text()
    assert [shown.count(f"number {index} of") for index in range(60)] == [1] * 60


def test_nothing_is_cut_inside_a_fence():
    assert split("```\n" + "\n\n" * 40, 30) == ("", "```\n" + "\n\n" * 40)
    assert split("short\n\ntext", 30) == ("", "short\n\ntext")
    done, rest = split("a\n\n" * 20 + "rest", 30)
    assert rest == "rest"
    assert done == ("a\n\n" * 20)[:-2]


@pytest.mark.behaviour("CHAT-CLEAN")
def test_neither_escapes_nor_rich_markup_of_a_tool_reach_the_terminal():
    face, console = rich()
    evil = {"type": "text", "text": "[red]not red[/red] \x1b[2J\x1b]0;title\x07"}
    show(face, *call("tool\x1b[31m", "[bold]x", evil))
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[2J" not in written
    assert "\x1b]0" not in written
    assert "[red]not red[/red]" in console.export_text()


@pytest.mark.behaviour("CHAT-CONFIRM")
@pytest.mark.parametrize(
    ("typed", "agreed"), [("y\r", True), ("yes\r", True), ("\r", False), ("n\r", False), ("sure\r", False)]
)
def test_a_confirmation_shows_tool_and_exact_arguments_and_takes_only_a_yes(typed: str, agreed: bool):
    with create_pipe_input() as keys:
        prompt: PromptSession[str] = PromptSession(input=keys, output=DummyOutput())
        face, console = rich(prompt.prompt)
        keys.send_text(typed)
        asked = question(
            "q", "accounts___change_email", new_email="evil\u202e@example.com", account_id="12345"
        )
        assert face.confirm(asked) is agreed
    shown = console.export_text()
    assert "accounts___change_email" in shown
    assert '"account_id": "12345"' in shown
    assert "evil\\u202e@example.com" in shown


@pytest.mark.behaviour("CHAT-CONFIRM")
@pytest.mark.parametrize("raised", [EOFError, KeyboardInterrupt])
def test_silence_is_a_no(raised: type[BaseException]):
    def decide(_: str) -> str:
        raise raised

    face, _ = rich(decide)
    assert face.confirm(question("q", "t")) is False


@pytest.mark.behaviour("CHAT-PICTURE")
def test_a_picture_is_drawn_in_half_blocks():
    face, console = rich()
    show(face, *call("get_chart", "{}", IMAGE))
    assert "\x1b[38;2;" in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.behaviour("CHAT-PICTURE")
def test_without_colour_a_picture_is_a_file():
    face, console = rich(no_color=True)
    show(face, *call("get_chart", "{}", IMAGE))
    path = file_named_in(console.export_text())
    assert path.read_bytes() == PNG
    path.unlink()


def test_an_error_is_shown_with_its_code():
    face, console = rich()
    show(face, {"type": "RUN_ERROR", "code": "GATEWAY_ERROR", "message": "it is gone"})
    assert "GATEWAY_ERROR: it is gone" in console.export_text()


def plain(
    typed: str = "", *, terminal: bool = False, colour: bool = False
) -> tuple[PlainFace, io.StringIO, io.StringIO]:
    class Keys(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    out, notes = io.StringIO(), io.StringIO()
    return PlainFace(source=Keys(typed), out=out, notes=notes, colour=colour), out, notes


def test_the_plain_face_keeps_the_answer_apart_from_notes():
    face, out, notes = plain()
    show(
        face,
        *run(*call("get_email", '{"a": 1}', {"type": "text", "text": "x@y"}), *text("It is x@y.")).events,
    )
    assert out.getvalue() == "It is x@y. \n"
    assert notes.getvalue() == '· get_email {"a": 1}\nx@y\n'


@pytest.mark.behaviour("CHAT-PICTURE")
def test_the_plain_face_saves_pictures():
    face, out, _ = plain()
    show(face, *call("get_chart", "{}", IMAGE))
    path = file_named_in(out.getvalue())
    assert path.read_bytes() == PNG
    assert path.suffix == ".png"
    path.unlink()


@pytest.mark.behaviour("CHAT-CONFIRM")
@pytest.mark.parametrize(
    ("typed", "terminal", "agreed"),
    [("y\n", True, True), ("\n", True, False), ("", True, False), ("y\n", False, None)],
)
def test_the_plain_face_asks_only_on_a_terminal(typed: str, terminal: bool, agreed: bool | None):
    face, _, notes = plain(typed, terminal=terminal)
    assert face.confirm(question("q", "wipe", bucket="b\u202e")) is agreed
    assert "b\\u202e" in notes.getvalue()


def test_colour_only_where_it_was_asked_for():
    for colour in (True, False):
        face, _, notes = plain(colour=colour)
        face.note("hello")
        assert ("\x1b[2m" in notes.getvalue()) is colour


def test_raw_events_on_request():
    face, _, notes = plain()
    face.shown.raw = True
    show(face, {"type": "RUN_STARTED", "threadId": "t"})
    assert json.loads(notes.getvalue()) == {"type": "RUN_STARTED", "threadId": "t"}
