"""One runtime session: which process serves it, since when, and what is in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from skerry.auth.aws.sigv4 import Credentials
from skerry.local.runtime.hosts.launch import Room
from skerry.local.runtime.hosts.program import Compute
from skerry.local.runtime.record import Runtime

Key = tuple[str, str, str]
"""Runtime ARN, qualifier and session id: a session belongs to an endpoint."""

State = Literal["provisioning", "ready", "ending"]


@dataclass(slots=True, eq=False)
class Session:
    """A session that has compute. `started` and `used` are monotonic seconds.

    It keeps the version that it began with. `limit` ends its initialization when its time is over. `named`
    tells whether the caller chose the id, so that it may come back; `isolation` is the order to `sandbox.py`
    that its program runs under, and what is run beside it; `base` is the URL of its program once it runs;
    `heard` whether it ever answered. `aliases` are the ids that its MCP server chose, oldest first.
    """

    id: str
    runtime: Runtime
    started: float
    used: float
    named: bool
    state: State = "provisioning"
    base: str = ""
    in_flight: int = 0
    calls: int = 0
    probed: float = float("-inf")
    updated: float | None = None
    advances: int = 0
    busy_warned: bool = False
    heard: bool = False
    limit: asyncio.Timeout | None = field(default=None, repr=False)
    process: Compute | None = None
    room: Room | None = None
    isolation: Mapping[str, Any] = field(default_factory=dict, repr=False)
    credentials: Credentials | None = field(default=None, repr=False)
    aliases: dict[str, None] = field(default_factory=dict)
    boot: asyncio.Task[None] | None = field(default=None, repr=False)
    ending: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def key(self) -> Key:
        """What names it."""
        return self.runtime.arn, self.runtime.qualifier, self.id
