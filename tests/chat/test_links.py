"""Pages that a tool wants opened, at the face of a chat."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.chat.json_face import JsonFace
from skerry.chat.links import opened

PAGE: dict[str, Any] = {
    "toolName": "git___push",
    "message": "Sign in\x1b[2J",
    "url": "https://page.example/1",
}


class Answering(JsonFace):
    """A face whose person gives these answers; it keeps what it was told."""

    def __init__(self, *answers: bool | None) -> None:
        self.answers = list(answers)
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)

    def sure(self, text: str) -> bool | None:
        self.told.append(text)
        return self.answers.pop(0)


@pytest.mark.behaviour("CHAT-PAGE")
@pytest.mark.parametrize(
    ("answers", "shown", "found"),
    [
        ((True, True), True, True),
        ((True, False), True, False),
        ((False,), False, False),
        ((None,), False, None),
    ],
)
def test_it_is_opened_after_a_yes_only(answers: Any, shown: bool, found: bool | None) -> None:
    links: list[str] = []
    face = Answering(*answers)
    assert opened(PAGE, face, links.append) is found
    assert links == ([PAGE["url"]] if shown else [])
    assert face.told[0] == "git___push asks: Sign in[2J\nhttps://page.example/1\nIt leads to: page.example"


@pytest.mark.behaviour("CHAT-PAGE")
@pytest.mark.parametrize("url", ["http://page.example/", "javascript:alert(1)", None])
def test_what_should_not_be_opened_is_not(url: object) -> None:
    links: list[str] = []
    face = Answering()
    assert opened({**PAGE, "url": url}, face, links.append) is False
    assert links == []
    assert "Not opened" in face.told[0]
