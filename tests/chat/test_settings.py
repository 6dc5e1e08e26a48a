"""What `skerry chat` takes from the environment."""

from __future__ import annotations

import pytest

from skerry.settings import ChatSettings


@pytest.mark.behaviour("CHAT-PICTURE")
@pytest.mark.parametrize(
    ("env", "terminal"),
    [
        ({}, ""),
        ({"TERM": "xterm-256color"}, ""),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"KITTY_WINDOW_ID": "1", "TERM_PROGRAM": "tmux"}, "kitty"),
        ({"TERM": "foot-extra"}, "foot"),
        ({"TERM_PROGRAM": "WezTerm"}, "WezTerm"),
        ({"LC_TERMINAL": "iTerm2", "TERM_PROGRAM": "other"}, "iTerm2"),
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1", "TMUX": "/tmp/x"}, ""),
        ({"TMUX": "/tmp/x", "SKERRY_PICTURES": "sixel"}, "sixel"),
    ],
)
def test_the_terminal_that_draws_pictures(env: dict[str, str], terminal: str):
    assert ChatSettings.from_env(env).terminal == terminal


@pytest.mark.parametrize(("term", "plain"), [("dumb", True), ("xterm-256color", False)])
def test_a_dumb_terminal_gets_the_plain_face(term: str, plain: bool):
    settings = ChatSettings.from_env({"TERM": term})
    assert (settings.plain, settings.colour) == (plain, not plain)


@pytest.mark.behaviour("CHAT-USER")
@pytest.mark.parametrize(
    ("env", "login"),
    [
        ({"LOGNAME": "ann", "USER": "x"}, "ann"),
        ({"USERNAME": "änn"}, ""),
        ({"USER": "a b"}, ""),
        ({"HOME": "/home/ann"}, "ann"),
        ({}, ""),
    ],
)
def test_the_login_name_where_a_header_can_carry_it(env: dict[str, str], login: str):
    assert ChatSettings.from_env(env).login == login


def test_a_given_token_is_in_no_text():
    assert "a-token" not in repr(ChatSettings.from_env({"SKERRY_TOKEN": "a-token"}))
