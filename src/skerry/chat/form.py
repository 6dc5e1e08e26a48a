"""Forms that a server asks for: a flat JSON schema, filled in line by line.

Source: MCP 2026-07-28, elicitation: text, number, integer, boolean, one of several, several of several; with
titles, defaults and limits. Nothing here knows a terminal: `ask` and `say` are arguments.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from skerry.wire.shown import clean, exact

Ask = Callable[[str, str], str | None]
"""Asks for a line, with a text to begin from; None when the person goes away (Ctrl-C, end of input)."""
Value = str | int | float | bool | list[str]

MAX_TEXT = 10_000
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, slots=True)
class Filled:
    """What a person did with a form."""

    action: Literal["accept", "decline", "cancel"]
    content: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its kind is text, number, integer, boolean, one (of `choices`) or some (of them)."""

    name: str
    kind: Literal["text", "number", "integer", "boolean", "one", "some"]
    title: str = ""
    description: str = ""
    required: bool = False
    default: Value | None = None
    choices: Sequence[tuple[str, str]] = ()
    low: float = -math.inf
    high: float = math.inf
    format: str = ""


def fields(schema: Mapping[str, Any]) -> Sequence[Field]:
    """The fields of a form in their order; what is of no known kind is text."""
    properties = schema.get("properties")
    required = schema.get("required")
    needed = {each for each in required if isinstance(each, str)} if isinstance(required, list) else set()
    if not isinstance(properties, Mapping):
        return []
    return [
        _field(str(name), spec if isinstance(spec, Mapping) else {}, required=name in needed)
        for name, spec in properties.items()
    ]


def fill(schema: Mapping[str, Any], ask: Ask, say: Callable[[str], None]) -> Filled:
    """Has every field filled in, asks again after a wrong line, and has the whole confirmed at the end."""
    content: dict[str, Value] = {}
    for item in fields(schema):
        say(described(item))
        while True:
            line = ask(f"{clean(item.title or item.name)}: ", shown(item.default))
            if line is None:
                return Filled("cancel")
            try:
                value = read(item, line)
            except ValueError as problem:
                say(str(problem))
                continue
            if value is not None:
                content[item.name] = value
            break
    say(exact(content))
    while True:
        line = ask("Send it? [y]es, [n]o (decline), [c]ancel: ", "")
        said = "c" if line is None else line.strip().lower()
        if said in ("y", "yes"):
            return Filled("accept", content)
        if said in ("n", "no", "decline"):
            return Filled("decline")
        if said in ("c", "cancel"):
            return Filled("cancel")


def read(item: Field, line: str) -> Value | None:
    """A typed line as the field's value; None for one that is left out. Raises ValueError with the reason."""
    text = line.strip()
    if not text:
        if item.default is not None:
            return item.default
        if item.required:
            raise ValueError("It is needed.")
        return None
    if item.kind == "boolean":
        if text.lower() not in ("y", "yes", "true", "n", "no", "false"):
            raise ValueError("Yes or no?")
        return text.lower() in ("y", "yes", "true")
    if item.kind in ("integer", "number"):
        return _number(item, text)
    if item.kind == "one":
        return _choice(item, text)
    if item.kind == "some":
        chosen = [_choice(item, part.strip()) for part in text.split(",") if part.strip()]
        if not item.low <= len(chosen) <= item.high:
            raise ValueError(f"Choose {_span(item)}.")
        return chosen
    return _text(item, text)


def described(item: Field) -> str:
    """What a field wants, for a person."""
    parts = [f"{item.title} ({item.name})" if item.title and item.title != item.name else item.name]
    kind = {"one": "one of these", "some": "some of these, with commas", "boolean": "yes or no"}
    wants = [kind.get(item.kind, item.format or item.kind)]
    if item.kind in ("text", "number", "integer") and (item.low > -math.inf or item.high < math.inf):
        wants.append(f"{_span(item)}{' characters' if item.kind == 'text' else ''}")
    wants.append("needed" if item.required else "may be empty")
    lines = [f"{parts[0]}: {', '.join(wants)}"]
    if item.description:
        lines.append(item.description)
    for number, (value, label) in enumerate(item.choices, 1):
        lines.append(f"  {number} {value}{'' if label == value else f' · {label}'}")
    return clean("\n".join(lines))


def shown(value: Value | None) -> str:
    """A default as the line that gives it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _field(name: str, spec: Mapping[str, Any], *, required: bool) -> Field:
    kind = str(spec.get("type"))
    items = spec.get("items")
    many = kind == "array" and isinstance(items, Mapping)
    choices = _choices(items if many and isinstance(items, Mapping) else spec)
    simple: Mapping[str, Literal["number", "integer", "boolean"]] = {
        "number": "number",
        "integer": "integer",
        "boolean": "boolean",
    }
    length = {"array": ("minItems", "maxItems"), "string": ("minLength", "maxLength")}
    low, high = length.get(kind, ("minimum", "maximum"))
    made = Field(
        name,
        "some" if many else "one" if choices else simple.get(kind, "text"),
        str(spec.get("title") or ""),
        str(spec.get("description") or ""),
        required,
        None,
        choices,
        _limit(spec.get(low), -math.inf),
        _limit(spec.get(high), math.inf),
        str(spec.get("format") or ""),
    )
    return _with_default(made, spec.get("default"))


def _with_default(made: Field, default: object) -> Field:
    """The field with its default, when that is one that the field itself would take."""
    if isinstance(default, list) and made.kind == "some":
        line = ", ".join(map(str, default))
    elif isinstance(default, bool):
        line = "yes" if default else "no"
    elif isinstance(default, str | int | float):
        line = str(default)
    else:
        return made
    try:
        value = read(made, line)
    except ValueError:
        return made
    values = {name: getattr(made, name) for name in made.__slots__}
    return Field(**{**values, "default": value})


def _choices(spec: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    plain, named = spec.get("enum"), spec.get("oneOf") or spec.get("anyOf")
    if isinstance(plain, list):
        labels = spec.get("enumNames")
        names = labels if isinstance(labels, list) and len(labels) == len(plain) else plain
        return [(str(value), str(label)) for value, label in zip(plain, names, strict=True)]
    if isinstance(named, list):
        pairs = [item for item in named if isinstance(item, Mapping) and "const" in item]
        return [(str(item["const"]), str(item.get("title") or item["const"])) for item in pairs]
    return ()


def _choice(item: Field, text: str) -> str:
    """By its value, its label, or its number in the list."""
    if not item.choices:
        return text
    for value, label in item.choices:
        if text in (value, label):
            return value
    if text.isdecimal() and len(text) < 5 and 1 <= int(text) <= len(item.choices):
        return item.choices[int(text) - 1][0]
    raise ValueError(f"One of these: {', '.join(clean(value) for value, _ in item.choices)}.")


def _number(item: Field, text: str) -> int | float:
    try:
        value: int | float = int(text) if item.kind == "integer" else float(text)
    except ValueError:
        raise ValueError("A whole number." if item.kind == "integer" else "A number.") from None
    if not math.isfinite(value) or not item.low <= value <= item.high:
        raise ValueError(f"{_span(item).capitalize()}." if math.isfinite(value) else "A number.")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text(item: Field, text: str) -> str:
    if len(text) > MAX_TEXT or not item.low <= len(text) <= item.high:
        raise ValueError(f"{_span(item).capitalize()} characters.")
    try:
        good = {
            "email": lambda: _EMAIL.fullmatch(text) is not None,
            "uri": lambda: bool(urlsplit(text).scheme and (urlsplit(text).netloc or urlsplit(text).path)),
            "date": lambda: bool(date.fromisoformat(text)),
            "date-time": lambda: bool(datetime.fromisoformat(text)),
        }.get(item.format, lambda: True)()
    except ValueError:
        good = False
    if not good:
        example = {"date": " like 2026-05-31", "date-time": " like 2026-05-31T08:30:00+00:00"}
        raise ValueError(f"It must be a {item.format}{example.get(item.format, '')}.")
    return text


def _span(item: Field) -> str:
    low, high = (f"{limit:g}" for limit in (item.low, item.high))
    if item.low == -math.inf:
        return f"at most {high}"
    return f"at least {low}" if item.high == math.inf else f"from {low} to {high}"


def _limit(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default
