"""A growing region: the right text, few bytes, and never a cleared screen."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.markdown import Markdown
from rich.text import Text

from skerry.chat.growing import Growing
from tests.fuzz.effort import scaled
from tests.kit.screen import Screen


class Region:
    """A region on a screen; `wrote` is what the last step cost."""

    def __init__(self, width: int = 40, height: int = 12) -> None:
        self.file = io.StringIO()
        self.console = Console(force_terminal=True, width=width, height=height, file=self.file)
        self.growing = Growing(self.console)
        self.screen = Screen(width, height)
        self.wrote = 0

    def take(self) -> None:
        written = self.file.getvalue()
        self.file.seek(0)
        self.file.truncate()
        self.wrote = len(written)
        self.screen.feed(written)

    def draw(self, text: str, *, markdown: bool = False) -> None:
        self.growing.draw(Markdown(text) if markdown else Text(text))
        self.take()

    def finish(self, text: str, *, markdown: bool = False) -> None:
        self.growing.finish(Markdown(text) if markdown else Text(text))
        self.take()


@pytest.mark.behaviour("CHAT-FLICKER")
def test_a_word_costs_its_line_and_not_the_block():
    region = Region(width=72)
    paragraph = "A paragraph that stands there already. " * 8
    region.draw(f"{paragraph}\n\n", markdown=True)
    words = ["and", "then", "word", "after", "word", "is", "said", "until", "the", "end"]
    costs = []
    for count in range(1, len(words) + 1):
        region.draw(f"{paragraph}\n\n{' '.join(words[:count])}", markdown=True)
        costs.append(region.wrote)
    assert max(costs) < 72 * 2 + 40  # the line that changed, and at the beginning the empty one above it
    assert region.screen.clears == 0
    assert region.screen.text().endswith(" ".join(words))


@pytest.mark.behaviour("CHAT-FLICKER")
def test_what_does_not_change_is_not_written():
    region = Region()
    region.draw("the same")
    region.draw("the same")
    assert region.wrote == 0


def test_a_line_as_wide_as_the_screen_keeps_its_last_character():
    region = Region(width=10)
    region.draw("0123456789\nabc")
    region.draw("012345678X\nabc")
    region.finish("012345678X\nabc")
    assert region.screen.text() == "012345678X\nabc"


def test_taking_it_away_leaves_nothing():
    region = Region()
    region.file.write("before\n")
    region.draw("one\ntwo\nthree")
    region.growing.clear()
    region.file.write("after\n")
    region.take()
    assert region.screen.text() == "before\nafter"


def test_higher_than_the_screen_shows_its_end_and_is_printed_whole():
    region = Region(height=6)
    lines = [f"line {number}" for number in range(30)]
    for count in range(1, 31):
        region.draw("\n".join(lines[:count]))
        assert region.screen.visible().splitlines()[-1] == lines[count - 1]
    region.finish("\n".join(lines))
    assert [line for line in region.screen.text().splitlines() if line == "line 0"] == ["line 0"]
    assert region.screen.text().splitlines() == lines


LINE = st.text(st.sampled_from("ab \u00e4\u4e2d"), max_size=25)


@given(st.lists(st.lists(LINE, min_size=1, max_size=5), min_size=1, max_size=6))
@settings(max_examples=scaled(50))
def test_after_any_changes_the_screen_shows_the_last(steps: list[list[str]]):
    region = Region(width=20, height=40)
    region.file.write("above\n")
    for lines in steps:
        region.draw("\n".join(lines))
    region.finish("\n".join(steps[-1]))
    region.file.write("below")
    region.take()
    expected = Region(width=20, height=40)
    expected.file.write("above\n")
    expected.console.print(Text("\n".join(steps[-1])))
    expected.file.write("below")
    expected.take()
    wanted = expected.screen.text().splitlines()
    # Empty lines at the end of a block are not drawn.
    assert [line for line in region.screen.text().splitlines() if line] == [line for line in wanted if line]
    assert region.screen.clears == 0
