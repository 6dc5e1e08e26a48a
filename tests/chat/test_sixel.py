"""Sixels: read back by a decoder of the test's own, they are the picture."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from skerry.chat.sixel import sixel

Pixel = tuple[int, int, int]


def decoded(text: str) -> list[list[Pixel]]:
    """The pixels of a sixel picture, by the manual: colours in percent, bands of six rows."""
    head = re.match(r'\x1bP0;1;0q"1;1;(\d+);(\d+)', text)
    assert head
    assert text.endswith("\x1b\\")
    width, height = int(head[1]), int(head[2])
    pixels: list[list[Pixel]] = [[(-1, -1, -1)] * width for _ in range(height)]
    palette: dict[int, Pixel] = {}
    colour = x = y = 0
    for token in re.finditer(
        r"#(?P<define>\d+);2;(?P<rgb>\d+;\d+;\d+)|#(?P<use>\d+)|!(?P<count>\d+)(?P<char>[?-~])|(?P<one>[?-~])|(?P<move>[$-])",
        text[head.end() : -2],
    ):
        if token["define"]:
            red, green, blue = map(int, token["rgb"].split(";"))
            palette[int(token["define"])] = (red, green, blue)
        elif token["use"]:
            colour = int(token["use"])
        elif token["move"]:
            x, y = 0, y + (6 if token["move"] == "-" else 0)
        else:
            bits, count = ord(token["char"] or token["one"]) - 63, int(token["count"] or 1)
            for column in range(x, x + count):
                for bit in range(6):
                    if bits >> bit & 1:
                        pixels[y + bit][column] = palette[colour]
            x += count
    return pixels


def percent(pixel: Pixel) -> Pixel:
    red, green, blue = (round(value * 100 / 255) for value in pixel)
    return red, green, blue


@pytest.mark.behaviour("CHAT-PICTURE")
@given(
    st.integers(1, 17),
    st.integers(1, 20),
    st.lists(st.tuples(*[st.sampled_from((0, 51, 102, 255))] * 3), min_size=1, max_size=20),
)
def test_a_picture_comes_back_from_its_sixels(width: int, height: int, colours: list[Pixel]):
    picture = Image.new("RGB", (width, height))
    every = [colours[(x * 7 + y * 3) % len(colours)] for y in range(height) for x in range(width)]
    picture.putdata(every)
    read = [pixel for row in decoded(sixel(picture)) for pixel in row]
    assert read == [percent(pixel) for pixel in every]


def test_many_colours_become_at_most_256():
    picture = Image.radial_gradient("L").convert("RGB").resize((64, 64))
    picture.putdata([(x * 4, y * 4, (x + y) * 2) for y in range(64) for x in range(64)])
    text = sixel(picture)
    assert len(re.findall(r"#\d+;2;", text)) <= 256
    assert all(pixel != (-1, -1, -1) for row in decoded(text) for pixel in row)
