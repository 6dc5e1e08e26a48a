"""What the files that a declaration names say, as a template needs it.

A record for the pure part; `skerry.deploy.files` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Place = tuple[str, str]
"""A gateway and a target of it."""
SERVER = "https://server.skerry.invalid"
"""Stands in an OpenAPI document where the target's own `server` goes."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One Cedar statement, with the references of its file still in it."""

    name: str
    effect: str
    text: str


@dataclass(frozen=True, slots=True)
class Sources:
    """Tool schemas and OpenAPI documents by gateway and target, policies by gateway."""

    tools: Mapping[Place, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    documents: Mapping[Place, str] = field(default_factory=dict)
    policies: Mapping[str, Sequence[Policy]] = field(default_factory=dict)
