"""Tests for items that a service cannot filter by itself, for `Operation.keeps`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skerry.servers.aws_ops.definition import Item

Keep = Callable[[Item, Any], bool]


def contains(*names: str) -> Keep:
    """Whether one of these fields has the argument somewhere in it, whatever the case."""

    def keep(item: Item, value: Any) -> bool:
        return any(str(value).lower() in str(item.get(name, "")).lower() for name in names)

    return keep


def starts(name: str) -> Keep:
    """Whether the field begins with the argument, whatever the case."""
    return lambda item, value: str(item.get(name, "")).lower().startswith(str(value).lower())


def equals(name: str) -> Keep:
    """Whether the field is the argument, whatever the case."""
    return lambda item, value: str(item.get(name, "")).lower() == str(value).lower()
