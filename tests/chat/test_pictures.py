from __future__ import annotations

import base64
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from skerry.chat import pictures
from tests.kit.mcp_gateway import PNG


@given(st.binary(max_size=20_000))
def test_a_kitty_picture_comes_back_from_its_chunks(data: bytes):
    chunks = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", pictures.kitty(data))
    assert base64.b64decode("".join(text for _, text in chunks)) == data
    assert all(len(text) <= 4096 for _, text in chunks)
    assert chunks[0][0].startswith("f=100,a=T,")
    assert [control[-3:] for control, _ in chunks] == ["m=1"] * (len(chunks) - 1) + ["m=0"]


def test_an_iterm_picture_says_its_size():
    assert pictures.iterm(b"abc") == "\x1b]1337;File=inline=1;size=3:YWJj\x07\n"


@pytest.mark.parametrize(
    ("terminal", "start"),
    [
        ("kitty", "\x1b_G"),
        ("ghostty", "\x1b_G"),
        ("iTerm2", "\x1b]1337"),
        ("WezTerm", "\x1b]1337"),
        ("foot", "\x1bP0;1;0q"),
        ("sixel", "\x1bP0;1;0q"),
        ("", "\x1b[38;2;"),
        ("tmux", "\x1b[38;2;"),
    ],
)
def test_the_terminals_own_protocol_where_there_is_one(terminal: str, start: str):
    assert pictures.drawn(PNG, "image/png", terminal=terminal, width=80).startswith(start)


@pytest.mark.parametrize(
    ("size", "cells"), [((2, 2), (2, 1)), ((400, 100), (80, 10)), ((10, 1000), (1, 40)), ((1, 1), (1, 1))]
)
def test_half_blocks_fit(size: tuple[int, int], cells: tuple[int, int]):
    picture = Image.new("RGB", size, (1, 2, 3))
    lines = pictures.half_blocks(picture, width=80, height=40).splitlines()
    assert {line.count("▀") for line in lines} == {cells[0]}
    assert len(lines) == cells[1]
    assert "\x1b[38;2;1;2;3m" in lines[0]


@given(st.binary(max_size=200), st.sampled_from(["", "sixel", "foot"]))
def test_what_is_no_picture_is_not_drawn(data: bytes, terminal: str):
    assert pictures.drawn(data, "image/png", terminal=terminal, width=80) == ""
    assert pictures.drawn(PNG[:20] + data, "image/png", terminal=terminal, width=80) == ""


def test_kitty_gets_a_png_of_whatever_it_is():
    file = io.BytesIO()
    Image.new("RGB", (3, 2), (9, 8, 7)).save(file, "BMP")
    text = pictures.drawn(file.getvalue(), "image/bmp", terminal="kitty", width=80)
    (payload,) = re.findall(r"\x1b_G[^;]*;([^\x1b]*)\x1b", text)
    assert base64.b64decode(payload).startswith(b"\x89PNG")


def test_bad_base64_is_no_picture():
    assert pictures.data_of({"data": "%%%"}) == b""
    assert pictures.data_of({}) == b""
