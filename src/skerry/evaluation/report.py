"""Scores as a table for people and as JSON for scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from skerry.evaluation.questions import PARTS
from skerry.evaluation.scoring import Score, Share, Verdict, score

Results = Mapping[str, Sequence[Verdict]]
"""Verdicts by the name of the model."""


def table(results: Results) -> str:
    """A Markdown table: a row for each model and part, each figure with its 95 % interval."""
    rows = [
        ["model", "questions", "right tool", "right arguments", "nothing called where nothing should", "p50"]
    ]
    for model, verdicts in results.items():
        for part in PARTS:
            chosen = [verdict for verdict in verdicts if verdict.question.part == part]
            if chosen:
                rows.append(_row(model, f"{part} ({len(chosen)})", chosen))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    lines = (" | ".join(map(str.ljust, row, widths)) for row in rows)
    return "\n".join(f"| {line} |" for line in lines)


def wrong(results: Results) -> str:
    """Every question that went wrong, a line each."""
    return "\n".join(
        f"{model} · {verdict.question.part} · {verdict.question.text!r}: {verdict.wrong}"
        for model, verdicts in results.items()
        for verdict in verdicts
        if verdict.wrong
    )


def as_json(results: Results) -> dict[str, Any]:
    """Every figure, and every answer with its verdict."""
    return {
        model: {
            "scores": {
                part: _figures(score(v for v in verdicts if v.question.part == part))
                for part in PARTS
                if any(v.question.part == part for v in verdicts)
            },
            "answers": [_answer(verdict) for verdict in verdicts],
        }
        for model, verdicts in results.items()
    }


def _row(model: str, part: str, verdicts: Sequence[Verdict]) -> list[str]:
    found = score(verdicts)
    speed = median(verdict.given.seconds for verdict in verdicts)
    return [model, part, *map(_shown, (found.tools, found.arguments, found.refusals)), _seconds(speed)]


def _shown(share: Share) -> str:
    if not share.of:
        return "none"
    low, high = share.interval()
    return f"{share.right}/{share.of} ({low:.0%} to {high:.0%})"


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def _figures(found: Score) -> dict[str, Any]:
    return {
        name: {"right": share.right, "of": share.of, "interval": [round(end, 4) for end in share.interval()]}
        for name, share in (
            ("tools", found.tools),
            ("arguments", found.arguments),
            ("refusals", found.refusals),
        )
    }


def _answer(verdict: Verdict) -> dict[str, Any]:
    return {
        "part": verdict.question.part,
        "question": verdict.question.text,
        "expected": verdict.question.tool or verdict.question.expected,
        "called": verdict.given.tool,
        "arguments": dict(verdict.given.arguments),
        "text": verdict.given.text,
        "seconds": round(verdict.given.seconds, 4),
        "right": not verdict.wrong,
        "wrong": verdict.wrong,
    }
