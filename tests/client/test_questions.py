"""Answers to a server's questions at a terminal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.client import Client, ClientRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitRequestFormParams, ElicitRequestURLParams

from skerry.client.arguments import Typed, arguments
from skerry.client.command import Task, work
from skerry.client.questions import Questions, read
from skerry.errors import ConfigurationError
from tests.kit.mcp_backends import strict_legacy

NOBODY: Any = ClientRequestContext(session=None, request_id=1)  # type: ignore[arg-type]


def form(required: tuple[str, ...] = (), **fields: Any) -> ElicitRequestFormParams:
    schema = {"type": "object", "properties": fields, "required": list(required)}
    return ElicitRequestFormParams(message="Really?\x1b[2J", requested_schema=schema)


YES_NO = form(confirm={"type": "boolean"})
PERSON = form(("name",), name={"type": "string"}, age={"type": "integer"})
URL = ElicitRequestURLParams(message="Sign in", url="https://example.com/x", elicitation_id="1")


async def answer(
    params: Any, *typed: str, terminal: bool = True, yes: bool = False
) -> tuple[str, Any, list[str]]:
    questions, said, _ = at_terminal(*typed, terminal=terminal, yes=yes)
    result = await questions(NOBODY, params)
    return result.action, result.content, said


def at_terminal(
    *typed: str, terminal: bool = True, yes: bool = False
) -> tuple[Questions, list[str], list[str]]:
    """Questions with what will be typed; what is said, and the links that a browser was shown."""
    lines, said, opened = list(typed), list[str](), list[str]()
    ask = (lambda text: lines.pop(0) if lines else "") if terminal else None
    return Questions(ask, said.append, yes=yes, show=opened.append), said, opened


@pytest.mark.behaviour("CALL-ELICIT")
@pytest.mark.parametrize(
    ("params", "typed", "action", "content"),
    [
        (YES_NO, ("y",), "accept", {"confirm": True}),
        (YES_NO, ("",), "decline", None),
        (YES_NO, ("perhaps",), "decline", None),
        (PERSON, ("Ann", "41"), "accept", {"name": "Ann", "age": 41}),
        (PERSON, ("Ann", ""), "accept", {"name": "Ann"}),
        (PERSON, ("", "41"), "decline", None),
        (PERSON, ("Ann", "old"), "decline", None),
        (URL, ("y",), "accept", None),
        (URL, ("",), "decline", None),
    ],
)
async def test_answers_at_a_terminal(params: Any, typed: tuple[str, ...], action: str, content: Any):
    assert (await answer(params, *typed))[:2] == (action, content)


@pytest.mark.behaviour("CALL-ELICIT")
@pytest.mark.parametrize("params", [YES_NO, PERSON, URL])
async def test_without_a_terminal_everything_is_declined(params: Any):
    assert (await answer(params, terminal=False))[0] == "decline"


@pytest.mark.behaviour("CALL-ELICIT")
@pytest.mark.parametrize(
    ("params", "action"), [(YES_NO, "accept"), (form(), "accept"), (PERSON, "decline"), (URL, "decline")]
)
async def test_yes_covers_plain_confirmations_only(params: Any, action: str):
    assert (await answer(params, terminal=False, yes=True))[0] == action


async def test_what_a_server_says_is_made_safe():
    _, _, said = await answer(YES_NO, "n")
    assert said == ["The server asks: Really?[2J"]
    _, _, said = await answer(link("https://example.com/\u202ex"), "y")
    assert "\\u202e" in said[1]


def link(url: str) -> ElicitRequestURLParams:
    return ElicitRequestURLParams(message="Sign in", url=url, elicitation_id="1")


class TestLinks:
    @pytest.mark.behaviour("CALL-LINK")
    async def test_a_link_is_shown_as_a_whole_and_opened_after_a_yes_only(self) -> None:
        for typed, opens in (("y", True), ("n", False), ("", False)):
            questions, said, opened = at_terminal(typed)
            assert (await questions(NOBODY, URL)).action == ("accept" if opens else "decline")
            assert said[1:] == ["https://example.com/x", "It leads to: example.com"]
            assert opened == ([URL.url] if opens else [])

    @pytest.mark.behaviour("CALL-LINK")
    @pytest.mark.parametrize(
        "url",
        ["http://example.com/", "javascript:alert(1)", "file:///etc/passwd", "https://a.example@b.example/"],
    )
    async def test_nothing_else_than_https_and_this_machine_is_opened(self, url: str) -> None:
        questions, said, opened = at_terminal("y")
        assert (await questions(NOBODY, link(url))).action == "decline"
        assert opened == []
        assert said[-1].startswith("Not opened: ")

    @pytest.mark.behaviour("CALL-LINK")
    async def test_punycode_is_warned_of(self) -> None:
        _, said, _ = at_terminal("n")
        questions, said, _ = at_terminal("n")
        await questions(NOBODY, link("https://xn--pple-43d.example/"))
        assert "Punycode" in said[-1]

    @pytest.mark.behaviour("CALL-PAGES")
    async def test_the_pages_of_an_error_are_opened_one_by_one(self) -> None:
        data = {
            "elicitations": [
                {"mode": "url", "message": "Go", "url": f"https://a.example/{n}"} for n in (1, 2)
            ]
        }
        questions, _, opened = at_terminal("y", "", "y", "")
        assert await questions.pages(data)
        assert opened == ["https://a.example/1", "https://a.example/2"]
        questions, _, opened = at_terminal("y", "", "n")
        assert not await questions.pages(data)
        assert len(opened) == 1

    @pytest.mark.behaviour("CALL-PAGES")
    @pytest.mark.parametrize(("pages", "works"), [(1, True), (2, False)])
    async def test_the_call_is_made_again_once(
        self, capsys: pytest.CaptureFixture[str], pages: int, works: bool
    ) -> None:
        questions, _, opened = at_terminal("y", "", "y", "")
        with strict_legacy() as (server, url):
            server.behave = ["page"] * pages
            async with Client(url, mode="legacy", elicitation_callback=questions) as client:
                if works:
                    assert await work(client, Task(url, tool="who"), questions, as_json=False) == 0
                    assert capsys.readouterr().out
                else:
                    with pytest.raises(MCPError):
                        await work(client, Task(url, tool="who"), questions, as_json=False)
        assert opened == ["https://page.example/1"]
        assert server.ran == (1 if works else 0)

    @pytest.mark.behaviour("CALL-PAGES")
    @pytest.mark.parametrize(
        "data", [None, [], {}, {"elicitations": 1}, {"elicitations": [1]}, {"elicitations": [{}]}]
    )
    async def test_an_error_that_names_no_page_opens_none(self, data: Any) -> None:
        questions, _, opened = at_terminal("y", "")
        assert not await questions.pages(data)
        assert opened == []


@given(st.text(), st.sampled_from(["boolean", "integer", "number", "string"]))
def test_a_typed_line_is_a_value_or_refused(line: str, kind: str):
    try:
        value = read(line, {"type": kind})
    except ValueError:
        value = None
    assert (
        value is None
        or type(value) in {"boolean": (bool,), "integer": (int,), "number": (float,), "string": (str,)}[kind]
    )


def test_a_choice_must_be_one_of_the_choices():
    assert read("a", {"enum": ["a", "b"]}) == "a"
    with pytest.raises(ValueError, match="a, b"):
        read("c", {"enum": ["a", "b"]})


@given(st.lists(st.text(max_size=20), max_size=4))
def test_any_words_are_arguments_or_refused(words: list[str]):
    try:
        found = arguments(words)
    except ConfigurationError:
        found = {}
    assert isinstance(found, dict)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], {}),
        (['{"a": [1]}'], {"a": [1]}),
        (["a=1", "b=x", "d=e=f", "e="], {"a": "1", "b": "x", "d": "e=f", "e": ""}),
    ],
)
def test_arguments(words: list[str], found: Any):
    assert arguments(words) == found


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("12345", {"type": "string"}, "12345"),
        ("12345", {"type": "integer"}, 12345),
        ("[1]", {"type": "array"}, [1]),
        ("true", {"type": "boolean"}, True),
        ("x", {"type": "integer"}, "x"),
        ("1", None, 1),
        ("", None, ""),
    ],
)
def test_a_typed_value_gets_the_type_of_its_field(text: str, field: Any, value: Any):
    assert Typed(text).of(field) == value
