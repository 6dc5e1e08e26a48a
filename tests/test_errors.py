"""How an error reads: what is wrong, then the next move."""

from __future__ import annotations

import pytest

from skerry.errors import ConfigurationError, SkerryError, reported


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


def test_what_another_process_reported_is_of_the_class_of_its_code():
    found = reported("SKY-101", "a is no table.", hint="Write [a].")
    assert isinstance(found, ConfigurationError)
    assert (str(found), found.exit_code) == ("a is no table. Write [a].", 2)


@pytest.mark.parametrize(
    "code", ["SKY-102", "SKY-999"]
)  # one that is made of other words, and one of a newer skerry
def test_what_another_process_reported_keeps_its_code(code: str):
    found = reported(code, "it does not work.", exit_code=3)
    assert (found.code, found.message, found.exit_code) == (code, "it does not work.", 3)
