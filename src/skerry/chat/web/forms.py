"""What a person filled in, as the content of a server's form. The fields themselves are those of `chat/form`.

Sources: MCP 2025-11-25 and 2026-07-28, elicitation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skerry.chat.form import Field, Value, read, shown


def content(described: Sequence[Field], values: Mapping[str, Any]) -> tuple[dict[str, Value], dict[str, str]]:
    """What to send for the values of the widgets, and what is wrong by field; nothing is sent then.

    What is empty is left out, also where the form has a default: the person has seen and removed it.
    """
    answer: dict[str, Value] = {}
    problems: dict[str, str] = {}
    for field in described:
        value = values.get(field.name)
        if value is None or value in ("", []):
            if field.required:
                problems[field.name] = "It is needed."
            continue
        try:
            found = _chosen(field, value) if field.kind == "some" else read(field, shown(value))
        except ValueError as problem:
            problems[field.name] = str(problem)
            continue
        if found is not None:
            answer[field.name] = found
    return answer, problems


def _chosen(field: Field, values: Sequence[Any]) -> list[str]:
    """Several choices, each by its value: a comma in one of them means nothing."""
    chosen = [str(value) for value in values]
    if not field.low <= len(chosen) <= field.high:
        raise ValueError(f"{len(chosen)} are chosen; that is not as many as the form wants.")
    return chosen
