"""What both doors send along, and the JSON bodies of answers, read into the records of `backend`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from skerry.chat.backend import Kept, Listing, Summary, Tool
from skerry.errors import RemoteError
from skerry.wire.context import ClientContext

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


def whole(first: object, page: Callable[[int], object]) -> Kept:
    """A conversation with all its messages; `page` gives those beyond a number."""
    found, body = kept(first), first
    messages = list(found.messages)
    while len(messages) < MAX_MESSAGES:
        after = str(_mapping(body).get("cursor") or "")
        if not after.isdecimal():
            break
        body = page(int(after))
        more = kept(body).messages
        if not more:
            break
        messages += more
    return Kept(found.summary, messages, found.interrupts, found.run)


def context(
    conversation: str, agent: str, region: str, preferences: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The client context of a request. Raises ProtocolError when it cannot be sent."""
    made = ClientContext(
        session_id=conversation,
        region=region,
        agent_name=agent,
        timestamp=time.time(),
        user_preferences=preferences or {},
    )
    return made.to_payload()


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
