"""How an error reads: what is wrong, then the next move."""

from __future__ import annotations

import pytest

from skerry.errors import SkerryError


@pytest.mark.parametrize(
    ("message", "hint", "said"),
    [
        ("Token has expired", "Get a new one.", "Token has expired. Get a new one."),
        ("it is gone.", "Make another.", "it is gone. Make another."),
        ("no such text", "", "no such text"),
    ],
)
def test_the_next_move_is_a_sentence_of_its_own(message: str, hint: str, said: str):
    assert str(SkerryError(message, hint=hint)) == said
