"""The chart of an activity, drawn with Pillow alone: the same data give the same bytes."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

SIZE = (960, 540)
"""Pixels, width and height."""

_SCALE = 2  # drawn larger and brought down, so that edges and letters are smooth
_MARGINS = (92, 96, 36, 84)  # left, top, right, bottom
_PAPER, _INK, _QUIET, _GRID = "#ffffff", "#1f2933", "#66788a", "#e4e9ee"
_BAR, _LAST = "#3e7cb1", "#f2a541"
_STEPS = (1, 2, 2.5, 5, 10)

Point = tuple[str, int]


def draw(title: str, subtitle: str, points: Sequence[Point], *, axes: tuple[str, str]) -> bytes:
    """A bar chart as PNG. `points` are (label, count), `axes` the labels of the x and the y axis.

    Counts are not negative. The last bar has another colour: it is what people look for.
    """
    canvas = Image.new("RGB", (SIZE[0] * _SCALE, SIZE[1] * _SCALE), _PAPER)
    pen = _Pen(ImageDraw.Draw(canvas))
    pen.text((_MARGINS[0], 26), title, 26, _INK)
    pen.text((_MARGINS[0], 60), subtitle, 15, _QUIET)
    left, top, right, bottom = _frame()
    ceiling, step = _axis(max((count for _, count in points), default=0))
    for line in range(round(ceiling / step) + 1):
        y = bottom - (bottom - top) * line * step / ceiling
        pen.line((left, y, right, y), _INK if line == 0 else _GRID)
        pen.text((left - 12, y), _number(line * step), 14, _QUIET, "rm")
    pen.text(((left + right) / 2, SIZE[1] - 20), axes[0], 15, _INK, "mm")
    _upright(canvas, axes[1], (24, (top + bottom) / 2))
    _bars(pen, points, ceiling)
    file = io.BytesIO()
    canvas.resize(SIZE, Image.Resampling.LANCZOS).save(file, "PNG", optimize=True)
    return file.getvalue()


class _Pen:
    """Draws in the coordinates of the finished picture."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw

    def text(self, at: tuple[float, float], text: str, size: int, colour: str, anchor: str = "lt") -> None:
        """Text at a point; `anchor` as Pillow names it."""
        spot = (at[0] * _SCALE, at[1] * _SCALE)
        self._draw.text(spot, text, fill=colour, font=_font(size), anchor=anchor)

    def line(self, ends: tuple[float, float, float, float], colour: str) -> None:
        """A line of one pixel."""
        self._draw.line([end * _SCALE for end in ends], fill=colour, width=_SCALE)

    def bar(self, box: tuple[float, float, float, float], colour: str) -> None:
        """A filled box with rounded upper corners."""
        scaled = [round(edge * _SCALE) for edge in box]
        if scaled[3] > scaled[1]:
            corners = (True, True, False, False)
            radius = min(5 * _SCALE, (scaled[3] - scaled[1]) // 2)
            self._draw.rounded_rectangle(scaled, radius=radius, fill=colour, corners=corners)


def _bars(pen: _Pen, points: Sequence[Point], ceiling: float) -> None:
    left, top, right, bottom = _frame()
    room = (right - left) / max(len(points), 1)
    every = max(1, math.ceil(64 / room)) if points else 1  # a label needs about 64 pixels
    for number, (label, count) in enumerate(points):
        middle = left + room * (number + 0.5)
        y = bottom - (bottom - top) * count / ceiling
        last = number == len(points) - 1
        pen.bar((middle - room * 0.34, y, middle + room * 0.34, bottom), _LAST if last else _BAR)
        if (len(points) - 1 - number) % every == 0:
            pen.text((middle, bottom + 18), label, 14, _QUIET, "mm")
            pen.text((middle, y - 12), str(count), 14, _INK, "mm")
    if not points:
        pen.text(((left + right) / 2, (top + bottom) / 2), "no data", 20, _QUIET, "mm")


def _frame() -> tuple[int, int, int, int]:
    return _MARGINS[0], _MARGINS[1], SIZE[0] - _MARGINS[2], SIZE[1] - _MARGINS[3]


def _axis(highest: int) -> tuple[float, float]:
    """A round upper end of the y axis with some air above the highest bar, and the step of its lines."""
    wanted = max(highest, 1) * 1.08 / 5
    power = 10 ** math.floor(math.log10(wanted))
    step = max(1, next(part * power for part in _STEPS if part * power >= wanted))
    return step * math.ceil(max(highest, 1) * 1.08 / step), step


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:g}"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * _SCALE)


def _upright(canvas: Image.Image, text: str, at: tuple[float, float]) -> None:
    """Text that reads from below to above, centred at `at`."""
    font = _font(15)
    box = font.getbbox(text)
    label = Image.new("RGB", (int(box[2]) + 8, int(box[3]) + 8), _PAPER)
    ImageDraw.Draw(label).text((4, 4), text, fill=_INK, font=font)
    turned = label.rotate(90, expand=True)
    canvas.paste(turned, (int(at[0] * _SCALE - turned.width / 2), int(at[1] * _SCALE - turned.height / 2)))
