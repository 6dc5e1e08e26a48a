"""The labelled questions: what is asked, and what should come of it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Expected = Literal["call", "refusal", "question"]
Part = Literal["tuning", "held-out"]

PARTS: Mapping[Part, Path] = {
    "tuning": Path(__file__).with_name("tuning.toml"),
    "held-out": Path(__file__).with_name("held_out.toml"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A question and its label.

    `tool` is the tool's own name, without its target, and empty unless a call is expected. `arguments` are
    those that the call must have; a value may be a list of which any member is right.
    """

    text: str
    part: Part
    expected: Expected = "call"
    tool: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


def load(parts: Sequence[Part] = ("tuning", "held-out")) -> list[Question]:
    """The questions of the parts, in the order of their files."""
    return [question for part in parts for question in _read(part, PARTS[part].read_text(encoding="utf-8"))]


def _read(part: Part, text: str) -> list[Question]:
    return [Question(part=part, **row) for row in tomllib.loads(text)["questions"]]
