"""A server's form: its flat JSON schema as fields, and what a person filled in as its content.

Source: MCP 2025-11-25, elicitation (restricted schema: strings with formats, numbers, booleans, choices).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from skerry.wire.shown import clean

Kind = Literal["text", "integer", "number", "boolean", "choice", "choices", "date"]
MAX_TEXT = 10_000

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True, slots=True)
class Option:
    """A value that may be chosen, and what a person reads."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `low` and `high` bound a number, the length of a text, or the number of choices."""

    name: str
    label: str
    kind: Kind
    required: bool = False
    help: str = ""
    default: Any = None
    options: Sequence[Option] = ()
    format: str = ""
    low: float | None = None
    high: float | None = None


def fields(schema: Mapping[str, Any]) -> list[Field]:
    """The fields of a schema, in its order. What is not understood becomes a text field."""
    properties = schema.get("properties")
    needed = schema.get("required")
    required = {str(name) for name in needed} if isinstance(needed, list) else set()
    if not isinstance(properties, Mapping):
        return []
    return [
        _field(str(name), member if isinstance(member, Mapping) else {}, required=str(name) in required)
        for name, member in properties.items()
    ]


def _field(name: str, member: Mapping[str, Any], *, required: bool) -> Field:
    label = clean(str(member.get("title") or name))
    text = clean(str(member.get("description") or ""))
    default, kind = member.get("default"), member.get("type")
    items = member.get("items")
    if kind == "array" and isinstance(items, Mapping) and (found := _options(items)):
        chosen = [each for each in default if isinstance(each, str)] if isinstance(default, list) else []
        low, high = _number(member.get("minItems")), _number(member.get("maxItems"))
        return Field(name, label, "choices", required, text, chosen, found, low=low, high=high)
    if found := _options(member):
        known = default if any(option.value == default for option in found) else None
        return Field(name, label, "choice", required, text, known, found)
    if kind == "boolean":
        return Field(name, label, "boolean", required, text, default is True)
    low, high = _number(member.get("minimum")), _number(member.get("maximum"))
    if kind == "integer":
        whole = int(value) if (value := _number(default)) is not None else None
        return Field(name, label, "integer", required, text, whole, low=low, high=high)
    if kind == "number":
        return Field(name, label, "number", required, text, _number(default), low=low, high=high)
    form = str(member.get("format") or "")
    low, high = _number(member.get("minLength")), _number(member.get("maxLength"))
    start = default if isinstance(default, str) else ""
    if form == "date":
        return Field(name, label, "date", required, text, _date(start), format=form)
    return Field(name, label, "text", required, text, start, format=form, low=low, high=high)


def _options(member: Mapping[str, Any]) -> list[Option]:
    values = member.get("enum")
    if isinstance(values, list):
        names = member.get("enumNames")
        labels = names if isinstance(names, list) and len(names) == len(values) else values
        return [Option(str(v), clean(str(label))) for v, label in zip(values, labels, strict=True)]
    for key in ("oneOf", "anyOf"):
        choices = member.get(key)
        if isinstance(choices, list) and all(
            isinstance(each, Mapping) and "const" in each for each in choices
        ):
            return [
                Option(str(each["const"]), clean(str(each.get("title") or each["const"]))) for each in choices
            ]
    return []


def content(described: Sequence[Field], values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What to send for the values of the widgets, and what is wrong by field; nothing is sent then."""
    answer: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for field in described:
        value = values.get(field.name)
        empty = value is None or value in ("", [])
        if empty:
            if field.required:
                problems[field.name] = "is needed"
            continue
        read, problem = _read(field, value)
        if problem:
            problems[field.name] = problem
        else:
            answer[field.name] = read
    return answer, problems


def _read(field: Field, value: Any) -> tuple[Any, str]:
    if field.kind == "boolean":
        return bool(value), ""
    if field.kind in ("integer", "number"):
        number = int(value) if field.kind == "integer" else float(value)
        return number, _out_of_range(field, number, "")
    if field.kind == "date":
        return value.isoformat() if isinstance(value, date) else str(value), ""
    if field.kind == "choices":
        chosen = [str(each) for each in value]
        return chosen, _out_of_range(field, len(chosen), " choices")
    text = str(value)
    if field.kind == "choice":
        known = any(option.value == text for option in field.options)
        return text, "" if known else "is none of the choices"
    return text, _out_of_range(field, len(text), " characters") or _misshapen(field.format, text)


def _out_of_range(field: Field, size: float, unit: str) -> str:
    if field.low is not None and size < field.low:
        return f"must be {field.low:g}{unit} or more"
    if field.high is not None and size > field.high:
        return f"must be {field.high:g}{unit} or less"
    return ""


def _misshapen(form: str, text: str) -> str:
    if form == "email" and _EMAIL.fullmatch(text) is None:
        return "is no email address"
    if form == "uri" and not _is_uri(text):
        return "is no URL"
    if form == "date-time" and _moment(text) is None:
        return "is no date with a time, such as 2026-01-31T12:00:00Z"
    return ""


def _is_uri(text: str) -> bool:
    try:
        return bool(urlsplit(text).scheme) and not any(char.isspace() for char in text)
    except ValueError:
        return False


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value


def shown(answer: Mapping[str, Any]) -> str:
    """Content as JSON text."""
    return json.dumps(answer, indent=2, ensure_ascii=False)
