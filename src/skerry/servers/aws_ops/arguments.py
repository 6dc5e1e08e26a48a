"""What a tool takes: its parameters, the two schemas they give, and the check of what came in.

The full JSON Schema is for MCP clients. A Gateway's Lambda target knows only `type`, `properties`,
`required`, `items` and `description` (botocore's `SchemaDefinition`), so there the allowed values stand
in the description: "operation: one of a, b, c."
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from skerry.errors import ServiceError, validation

Kind = Literal["string", "integer", "boolean"]
Arguments = Mapping[str, Any]

_TYPES: Mapping[Kind, type] = {"string": str, "integer": int, "boolean": bool}


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One argument of a tool.

    `one_of` lists the allowed values of a string; `minimum` and `maximum` bound an integer; `max_length`
    bounds a string, in characters. `local` keeps it out of a Gateway's schema, because it means
    something only where the tool runs beside its caller.
    """

    name: str
    description: str
    kind: Kind = "string"
    one_of: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    max_length: int = 2048
    local: bool = False

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of this parameter, with everything that is checked."""
        schema: dict[str, Any] = {"type": self.kind, "description": self.description}
        if self.one_of:
            schema["enum"] = list(self.one_of)
        elif self.kind == "string":
            schema["maxLength"] = self.max_length
        if self.minimum is not None:
            schema["minimum"] = self.minimum
        if self.maximum is not None:
            schema["maximum"] = self.maximum
        return schema

    def gateway_schema(self) -> dict[str, Any]:
        """The same in the subset of a Gateway's inline schema: rules become words."""
        words = self.description
        if self.one_of:
            words = f"{self.name}: one of {', '.join(self.one_of)}. {words}"
        if self.minimum is not None and self.maximum is not None:
            words = f"{words} From {self.minimum} to {self.maximum}."
        return {"type": self.kind, "description": words}

    def problem(self, value: object) -> str:
        """What is wrong with `value`, or an empty string."""
        if type(value) is not _TYPES[self.kind]:
            return f"must be a {self.kind}, not {type(value).__name__}"
        if isinstance(value, str) and len(value) > self.max_length:
            return f"is longer than {self.max_length} characters"
        if self.one_of and value not in self.one_of:
            return f"must be one of {', '.join(self.one_of)}{closest(str(value), self.one_of)}"
        if isinstance(value, int) and self.minimum is not None and value < self.minimum:
            return f"must be at least {self.minimum}"
        if isinstance(value, int) and self.maximum is not None and value > self.maximum:
            return f"must be at most {self.maximum}"
        return ""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a tool and which of them it cannot do without."""

    items: tuple[Parameter, ...] = ()
    required: tuple[str, ...] = ()

    def json_schema(self) -> dict[str, Any]:
        """An object schema for MCP clients."""
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {item.name: item.json_schema() for item in self.items},
            "additionalProperties": False,
        }
        if self.required:
            schema["required"] = list(self.required)
        return schema

    def gateway_schema(self) -> dict[str, Any]:
        """An `inputSchema` for a Gateway's Lambda target."""
        shown = [item for item in self.items if not item.local]
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {item.name: item.gateway_schema() for item in shown},
        }
        if self.required:
            schema["required"] = list(self.required)
        return schema

    def check(self, values: object) -> dict[str, Any]:
        """The arguments that were given; empty strings and nulls count as left out.

        Raises ServiceError (ValidationException) that names every wrong member.
        """
        if not isinstance(values, Mapping):
            raise validation("The arguments of a tool are an object, such as {}.")
        given = {str(name): value for name, value in values.items() if value is not None and value != ""}
        known = {item.name: item for item in self.items}
        problems = [
            (name, f"is not a parameter{closest(name, tuple(known))}") for name in given if name not in known
        ]
        problems += [(name, "is missing") for name in self.required if name not in given]
        for name, value in given.items():
            wrong = known[name].problem(value) if name in known else ""
            if wrong:
                problems.append((name, wrong))
        if problems:
            raise wrong_arguments(problems)
        return given


def wrong_arguments(problems: Sequence[tuple[str, str]]) -> ServiceError:
    """The error for arguments that do not fit: (name, what is wrong) of each."""
    text = "; ".join(f"{_shown(name)} {wrong}" for name, wrong in problems)
    return validation(f"The arguments do not fit the tool: {text}.", *problems)


def closest(value: str, among: Iterable[str], *, most: int = 1) -> str:
    """` (did you mean X?)` with at most `most` guesses, or nothing."""
    found = difflib.get_close_matches(value[:100], list(among), n=most)
    return f" (did you mean {' or '.join(sorted(found))}?)" if found else ""


def _shown(name: str) -> str:
    return f"'{name[:64]}'"
