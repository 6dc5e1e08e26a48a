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
from rich.console import Console

from skerry.chat.face import Face
from skerry.chat.form import Filled
from skerry.chat.json_face import JsonFace
from skerry.chat.plain_face import PlainFace
from skerry.chat.rich_face import RichFace
from skerry.chat.rich_parts import split
from tests.kit.mcp_gateway import PNG
from tests.kit.runtime import call, form, question, run, text, thought
from tests.kit.screen import Screen

IMAGE = {"type": "image", "mimeType": "image/png", "data": base64.b64encode(PNG).decode()}


class Ticking:
    """A clock that goes on by a quarter of a second at every look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.25
        return self.now


class Typed:
    """A keyboard that types these lines; an exception is raised, None is the end of input."""

    def __init__(self, *lines: Any) -> None:
        self.lines = list(lines)
        self.known = None
        self.asked: list[str] = []

    def question(self, text: str) -> str:
        return self.answer(text)

    def answer(self, text: str, default: str = "") -> str:
        self.asked.append(text)
        line = self.lines.pop(0)
        if not isinstance(line, str):
            raise line or EOFError
        return line or default


class Seen:
    """A console and what a person sees on its screen."""

    def __init__(self, width: int = 72, height: int = 30, **more: Any) -> None:
        self.file = io.StringIO()
        self.console = Console(force_terminal=True, width=width, height=height, file=self.file, **more)

    @property
    def screen(self) -> Screen:
        screen = Screen(self.console.width, self.console.height)
        screen.feed(self.file.getvalue())
        return screen

    @property
    def text(self) -> str:
        return self.screen.text()


def rich(*lines: Any, clock: Callable[[], float] | None = None, **more: Any) -> tuple[RichFace, Seen]:
    seen = Seen(**more)
    return RichFace(seen.console, Typed(*lines), clock=clock or Ticking()), seen


def show(face: Face, *events: Any) -> None:
    for event in events:
        face.show(event)


def file_named_in(shown: str) -> Path:
    found = re.search(r"picture saved: (\S+)", shown)
    assert found
    return Path(found[1])


@pytest.mark.behaviour("CHAT-MARKDOWN")
def test_an_answer_is_markdown_and_a_tool_call_a_panel_with_arguments_and_duration():
    face, seen = rich()
    result = {"type": "text", "text": '{"email": "user@example.com"}'}
    events = run(
        *thought("I look it up."), *call("accounts___get_email", '{"account_id": "12345"}', result)
    ).events
    show(face, *events[:-1], *text("It is **user@example.com**."), events[-1])
    shown = seen.text
    assert "I look it up." in shown
    assert "accounts___get_email · 0.25s" in shown
    assert '{"account_id": "12345"}' in shown
    assert '"email": "user@example.com"' in shown
    assert "It is user@example.com." in shown
    assert "**" not in shown


def test_what_is_hidden_is_not_shown():
    face, seen = rich()
    face.shown.tools = face.shown.thinking = False
    show(
        face, *thought("secretly"), *call("a_tool", "{}", {"type": "text", "text": "result"}), *text("Hello.")
    )
    shown = seen.text
    assert "Hello." in shown
    assert "secretly" not in shown
    assert "a_tool" not in shown


def test_a_long_answer_is_printed_once():
    face, seen = rich()
    paragraphs = [f"Paragraph number {index} of the answer.\n\n" for index in range(60)]
    show(face, *({"type": "TEXT_MESSAGE_CONTENT", "delta": paragraph} for paragraph in paragraphs))
    show(face, {"type": "TEXT_MESSAGE_END"})
    shown = seen.text
    assert [shown.count(f"number {index} of") for index in range(60)] == [1] * 60


def test_nothing_is_cut_inside_a_fence():
    assert split("```\n" + "\n\n" * 40, 30) == ("", "```\n" + "\n\n" * 40)
    assert split("short\n\ntext", 30) == ("", "short\n\ntext")
    done, rest = split("a\n\n" * 20 + "rest", 30)
    assert rest == "rest"
    assert done == ("a\n\n" * 20)[:-2]


@pytest.mark.behaviour("CHAT-CLEAN")
def test_neither_escapes_nor_rich_markup_of_a_tool_reach_the_terminal():
    face, seen = rich()
    evil = {"type": "text", "text": "[red]not red[/red] \x1b[2J\x1b]0;title\x07"}
    show(face, *call("tool\x1b[31m", "[bold]x", evil))
    written = seen.file.getvalue()
    assert "\x1b[2J" not in written
    assert "\x1b]0" not in written
    assert "[red]not red[/red]" in seen.text


@pytest.mark.behaviour("CHAT-CONFIRM")
@pytest.mark.parametrize(
    ("typed", "agreed"),
    [
        ("y", True),
        ("yes", True),
        ("", False),
        ("n", False),
        ("sure", False),
        (None, False),
        (KeyboardInterrupt, False),
    ],
)
def test_a_confirmation_shows_tool_and_exact_arguments_and_takes_only_a_yes(typed: Any, agreed: bool):
    face, seen = rich(typed)
    asked = question("q", "accounts___change_email", new_email="evil\u202e@example.com", account_id="12345")
    assert face.confirm(asked) is agreed
    shown = seen.text
    assert "accounts___change_email" in shown
    assert '"account_id": "12345"' in shown
    assert "evil\\u202e@example.com" in shown


@pytest.mark.behaviour("CHAT-FORM")
def test_a_form_is_shown_with_who_asks_and_filled_in():
    face, seen = rich("", "m", "y")
    filled = face.fill(form("f", "shop___order", "Which size?"))
    assert filled == Filled("accept", {"count": 2, "size": "m"})
    shown = seen.text
    assert "shop___order asks" in shown
    assert "Which size?" in shown
    assert "one of these" in shown


@pytest.mark.behaviour("CHAT-FORM")
def test_ctrl_c_in_a_form_gives_it_up():
    face, _ = rich("3", KeyboardInterrupt)
    assert face.fill(form("f", "shop___order", "Which size?")) == Filled("cancel")


LONG = {"type": "text", "text": "\n".join(f"line {number}" for number in range(30))}


@pytest.mark.behaviour("CHAT-FOLD")
def test_a_long_result_is_folded_and_unfolds():
    face, seen = rich()
    show(face, *run(*call("list_things", "{}", LONG)).events)
    assert "line 7" in seen.text
    assert "line 8" not in seen.text
    assert "22 more lines · /raw 1 shows them" in seen.text
    assert face.unfold(1)
    assert "line 29" in seen.text
    assert not face.unfold(2)
    assert not face.unfold(-5)


@pytest.mark.behaviour("CHAT-FOLD")
def test_raw_results_are_whole():
    face, seen = rich()
    face.shown.raw = True
    show(face, *run(*call("list_things", "{}", LONG)).events)
    assert "line 29" in seen.text


def test_a_running_tool_is_named_until_it_has_answered():
    face, seen = rich()
    *begun, result = call("slow_tool", "{}", {"type": "text", "text": "ready"})
    show(face, *begun)
    assert seen.text == "· slow_tool …"
    show(face, result)
    assert "…" not in seen.text
    assert "ready" in seen.text


@pytest.mark.behaviour("CHAT-FLICKER")
def test_an_answer_never_clears_the_screen_and_a_word_costs_little():
    face, seen = rich(height=24)
    words = [f"word{number} " + ("\n\n" if number % 25 == 24 else "") for number in range(300)]
    costs = []
    for word in words:
        before = len(seen.file.getvalue())
        face.show({"type": "TEXT_MESSAGE_CONTENT", "delta": word})
        costs.append(len(seen.file.getvalue()) - before)
    face.show({"type": "TEXT_MESSAGE_END"})
    assert seen.screen.clears == 0
    assert sorted(costs)[len(costs) // 2] < 2 * 72
    assert [
        seen.text.count(f"word{number} ") + seen.text.count(f"word{number}\n") for number in range(299)
    ] == [1] * 299


def test_a_link_shows_where_it_leads():
    face, seen = rich()
    show(face, *text("[your bank](https://evil.example.com)"))
    assert "https://evil.example.com" in seen.text
    assert "\x1b]8" not in seen.file.getvalue()


def test_a_table_shows_what_it_got_and_nothing_steers():
    face, seen = rich()
    face.listing(("a", "b"), [("one", "[red]x\x1b[2J"), ("two", "y\nz")])
    assert seen.screen.clears == 0
    assert "[red]x[2J" in seen.text
    assert "y z" in seen.text


def test_what_a_row_is_called_by_is_never_cut():
    face, seen = rich(width=60)
    name = "terraform___get_private_provider"
    face.listing(("tool", "asks", "does"), [(name, "asks", "Changes settings, " * 8)])
    assert name in seen.text


def test_a_cell_of_an_answer_that_is_too_wide_goes_on_below():
    face, seen = rich(width=40)
    heads, cells = "|".join("abcdef"), "|".join(["i-3fbf1da242dec8568"] * 6)
    show(face, *text(f"|{heads}|\n|{'-|' * 6}\n|{cells}|"))
    assert "…" not in seen.text
    assert seen.text.count("8568") + seen.text.count("568") >= 6


def test_the_end_of_input_ends_the_questions():
    face, _ = rich("hello", None)
    assert [face.question(), face.question()] == ["hello", None]


@pytest.mark.behaviour("CHAT-PICTURE")
def test_a_picture_is_drawn_in_half_blocks():
    face, seen = rich()
    show(face, *call("get_chart", "{}", IMAGE))
    assert "\x1b[38;2;" in seen.file.getvalue()


@pytest.mark.behaviour("CHAT-PICTURE")
def test_without_colour_a_picture_is_a_file():
    face, seen = rich(no_color=True)
    show(face, *call("get_chart", "{}", IMAGE))
    path = file_named_in(seen.text)
    assert path.read_bytes() == PNG
    path.unlink()


def test_an_error_is_shown_with_its_code():
    face, seen = rich()
    show(face, {"type": "RUN_ERROR", "code": "GATEWAY_ERROR", "message": "it is gone"})
    assert "GATEWAY_ERROR: it is gone" in seen.text


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
    face.shown.events = True
    show(face, {"type": "RUN_STARTED", "threadId": "t"})
    assert json.loads(notes.getvalue()) == {"type": "RUN_STARTED", "threadId": "t"}


@pytest.mark.behaviour("CHAT-FORM")
def test_the_plain_face_fills_in_a_form_on_a_terminal_only():
    face, _, _ = plain("5\nm\ny\n", terminal=True)
    assert face.fill(form("f", "shop___order", "Which size?")) == Filled("accept", {"count": 5, "size": "m"})
    face, _, notes = plain("5\nm\ny\n")
    assert face.fill(form("f", "shop___order", "Which size?")) is None
    assert "Which size?" in notes.getvalue()


@pytest.mark.behaviour("CHAT-FOLD")
def test_the_plain_face_folds_and_unfolds():
    face, _, notes = plain()
    show(face, *run(*call("list_things", "{}", LONG)).events)
    assert "22 more lines: /raw 1" in notes.getvalue()
    assert "line 29" not in notes.getvalue()
    assert face.unfold(1)
    assert "line 29" in notes.getvalue()


def test_the_plain_face_lists_in_columns():
    face, _, notes = plain()
    face.listing(("a", "b"), [("long one", "x\x1b[2J"), ("two", "y")])
    assert notes.getvalue() == "a         b\nlong one  x[2J\ntwo       y\n"


def test_the_json_face_prints_a_list_as_one_line():
    out = io.StringIO()
    face = JsonFace(out)
    face.listing(("a", "b"), [("1", "2")])
    face.note("not this")
    assert json.loads(out.getvalue())["value"] == [{"a": "1", "b": "2"}]
    assert face.confirm({}) is face.fill({}) is face.sure("?") is None
