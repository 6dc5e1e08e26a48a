"""Pictures as sixels, for terminals that know DEC's old graphics: foot, mlterm, mintty, contour.

Source: VT330/VT340 programmer reference manual, chapter 14. Not seen on a real screen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

COLOURS = 256
MAX_WIDTH, MAX_HEIGHT = 800, 600
_BAND = 6


def sixel(picture: Image) -> str:
    """A picture in its own size: a palette, then bands of six rows, each colour of a band over the other."""
    palette = picture.convert("RGB").quantize(COLOURS)
    width, height = palette.size
    rows = palette.tobytes()
    colours = palette.getpalette("RGB") or []
    parts = [f'\x1bP0;1;0q"1;1;{width};{height}']
    for index in sorted(set(rows)):
        red, green, blue = (round(value * 100 / 255) for value in colours[3 * index : 3 * index + 3])
        parts.append(f"#{index};2;{red};{green};{blue}")
    for top in range(0, height, _BAND):
        band = [rows[row * width : (row + 1) * width] for row in range(top, min(top + _BAND, height))]
        present = sorted(set().union(*band))
        lines = (f"#{colour}{_packed(_cells(band, colour, width))}" for colour in present)
        parts.append("$".join(lines) + "-")
    return "".join(parts) + "\x1b\\"


def _cells(band: list[bytes], colour: int, width: int) -> list[int]:
    """For each column the rows of the band that have the colour, a bit for each."""
    cells = [0] * width
    for bit, row in enumerate(band):
        at = row.find(colour)
        while at >= 0:
            cells[at] |= 1 << bit
            at = row.find(colour, at + 1)
    return cells


def _packed(cells: list[int]) -> str:
    """Cells as characters, with `!COUNT` before what repeats."""
    parts = []
    start = 0
    while start < len(cells):
        end = start
        while end < len(cells) and cells[end] == cells[start]:
            end += 1
        char, count = chr(63 + cells[start]), end - start
        parts.append(f"!{count}{char}" if count > 3 else char * count)
        start = end
    return "".join(parts)
