"""Where a question may lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from skerry.local.models.request import ToolSpec


@dataclass(frozen=True, slots=True)
class Call:
    """Call this tool."""

    tool: ToolSpec
    arguments: Mapping[str, Any]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """The tool is clear, required arguments are missing."""

    tool: ToolSpec
    arguments: Mapping[str, Any]
    missing: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """Two tools fit about equally well."""

    tools: tuple[ToolSpec, ...]
    text: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Decline:
    """Nothing is called.

    `kind` says why; `detail` is the verb of `write` or the text of `problem`, `near` a tool that only reads.
    """

    kind: Literal["none", "write", "advice", "secret", "help", "abandoned", "problem"]
    detail: str = ""
    why: str = ""
    near: str = ""


Route = Call | Ask | Offer | Decline
