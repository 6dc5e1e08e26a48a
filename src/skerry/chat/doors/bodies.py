"""The JSON bodies of an agent's answers to queries, read into the records of `backend`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skerry.chat.backend import Kept, Listing, Summary, Tool
from skerry.errors import RemoteError

MAX_MESSAGES = 10_000
"""Messages of one conversation that a chat reads."""


def listing(body: object) -> Listing:
    """A page of conversations. Raises RemoteError when it is something else."""
    data = _mapping(body)
    return Listing([_summary(item) for item in _list(data, "conversations")], str(data.get("cursor") or ""))


def kept(body: object) -> Kept:
    """A conversation, or a page of it."""
    data = _mapping(body)
    return Kept(
        _summary(data.get("conversation")),
        [_mapping(item) for item in _list(data, "messages")],
        [dict(_mapping(item)) for item in _list(data, "interrupts")],
        str(data.get("run") or ""),
    )


def cursor(body: object) -> str:
    """Where the next page begins, empty at the end."""
    return str(_mapping(body).get("cursor") or "")


def tools(body: object) -> Sequence[Tool]:
    """The agent's tools."""
    return [
        Tool(
            str(item.get("name", "")),
            str(item.get("description") or ""),
            schema if isinstance(schema := item.get("inputSchema"), Mapping) else {},
            asks=item.get("asks") is not False,
        )
        for item in map(_mapping, _list(_mapping(body), "tools"))
    ]


def was_running(body: object) -> bool:
    """Whether a run that was to be stopped was under way."""
    return _mapping(body).get("wasRunning") is True


def _summary(value: object) -> Summary:
    item = _mapping(value)
    return Summary(
        str(item.get("id", "")),
        str(item.get("title") or ""),
        _number(item.get("created")),
        _number(item.get("updated")),
        int(_number(item.get("count"))),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RemoteError("the agent's answer has another shape than it should.", hint="Is it a newer agent?")
    return value


def _list(data: Mapping[str, Any], name: str) -> list[Any]:
    value = data.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise RemoteError(f"the agent's answer has no list of {name}.", hint="Is it a newer agent?")
    return value


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
