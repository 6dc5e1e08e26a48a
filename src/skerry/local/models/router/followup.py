"""Answers to an open question, and exact calls."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from skerry.local.models.request import ToolSpec
from skerry.local.models.router import words
from skerry.local.models.router.arguments import Around, fill, supplied
from skerry.local.models.router.documents import bare
from skerry.local.models.router.operations import Operation, argument, operations
from skerry.local.models.router.routes import Ask, Call, Decline, Offer, Route
from skerry.local.models.router.schema import MISSING, properties, required


def answered(pending: Ask, text: str, around: Around) -> Route | None:
    """The route when `text` supplies what was asked for, else None."""
    props = properties(pending.tool.schema)
    found = fill(
        pending.tool.schema,
        text,
        tool=bare(pending.tool.name),
        given=pending.arguments,
        operation=_operation(pending),
        around=around,
    )
    arguments = dict(found.arguments)
    if not any(name in arguments for name in pending.missing):
        first = pending.missing[0]
        value = supplied(props[first], first, text)
        if value is not MISSING:
            arguments[first] = value
    needed = {*required(pending.tool.schema), *pending.missing}
    missing = tuple(name for name in props if name in needed and name not in arguments)
    if missing == pending.missing:
        return None
    if missing:
        return Ask(pending.tool, arguments, missing, "answer to the question before")
    return Call(pending.tool, arguments, "answer to the question before")


def _operation(pending: Ask) -> Operation | None:
    chooser = argument(pending.tool.schema)
    named = pending.arguments.get(chooser) if chooser else None
    found = operations(pending.tool.description, pending.tool.schema)
    return next((item for item in found if item.name == named), None)


def chosen(pending: Offer, text: str) -> ToolSpec | None:
    """The tool of an offer that `text` names by number or name, or by a word that only it has in its name."""
    plain = text.strip().lower().rstrip(".!")
    for number, tool in enumerate(pending.tools):
        ordinal = ("first", "second")[number]
        if plain in (str(number + 1), ordinal, f"the {ordinal}", f"the {ordinal} one", tool.name.lower()):
            return tool
        if re.search(rf"\b{re.escape(bare(tool.name).lower())}\b", plain):
            return tool
    if len(plain.split()) > 6:
        return None
    said = {words.stem(word) for word in words.words(plain)} - words.STOP
    fits = [len(said & {words.stem(word) for word in words.split(bare(tool.name))}) for tool in pending.tools]
    return pending.tools[fits.index(max(fits))] if max(fits) and fits.count(max(fits)) == 1 else None


def command(name: str, body: str, tools: Sequence[ToolSpec]) -> Route:
    """The route of `/call name body`."""
    found = [tool for tool in tools if tool.name == name] or [
        tool for tool in tools if bare(tool.name) == name
    ]
    if len(found) != 1:
        if found:
            names = ", ".join(f"`{tool.name}`" for tool in found)
            return Decline("problem", f"`{name}` is the name of several tools; write one of {names}.")
        return Decline("problem", f"There is no tool `{name}`.")
    try:
        arguments: Any = json.loads(body or "{}")
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        return Decline(
            "problem", f"What follows `/call {name}` must be a JSON object, such as `" + '{"name": "value"}`.'
        )
    return Call(found[0], arguments, "called by its exact name")
