"""What to say of arguments that a tool does not take: which, of what type, and what the tool takes.

FastMCP's and the SDK's own text is pydantic's, with the values that were sent; one may be a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from skerry.errors import ArgumentsError
from skerry.wire import tool_arguments
from skerry.wire.shown import safe

_TELLING = ("string_too", "string_pattern", "too_", "greater_than", "less_than", "multiple_of", "finite_")
"""Kinds of pydantic's errors whose text is of the rule alone; that of others may quote the value."""


def told(tool: str, schema: Mapping[str, Any], error: ValidationError) -> str:
    """What to say of a call whose arguments pydantic refused."""
    problem = ArgumentsError.of(tool, list(_misfits(schema, error)), tool_arguments.takes(tool, schema))
    return f"{problem} [{problem.code}]"


def _misfits(schema: Mapping[str, Any], error: ValidationError) -> Iterator[str]:
    """One phrase for each argument; a union has an error for each of its members."""
    seen = set()
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        name, *below = map(str, item["loc"] or ("",))
        if name in seen:
            continue
        seen.add(name)
        kind = item["type"]
        if kind in ("missing", "missing_argument") and not below:
            yield tool_arguments.missing(name, schema)
        elif kind in ("unexpected_keyword_argument", "extra_forbidden") and not below:
            yield tool_arguments.unknown(name, schema)
        elif kind.startswith(_TELLING):
            yield f"{safe(name, 64)}: {item['msg'][0].lower()}{item['msg'][1:]}"
        else:
            yield tool_arguments.wrong(name, schema)
