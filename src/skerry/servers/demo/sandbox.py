"""What a demo server knows about the place it runs in."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, Field

from skerry.wire.headers import MCP_SESSION_ID, RUNTIME_SESSION_ID


class Identity(BaseModel):
    """The answer of `whoami`."""

    sandbox_id: str = Field(description="Made when the process started: equal ids mean the same process.")
    pid: int
    session_id: str | None = Field(description="The session that the request's headers name, if any.")
    protocol_version: str | None
    calls: int | None = Field(description="Tool calls of this process, this one included; null: not counted.")


@dataclass(slots=True)
class Sandbox:
    """One process: its own id, and in a stateful server the number of its tool calls."""

    counts: bool
    calls: int = 0
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    def call(self) -> None:
        """Counts a tool call."""
        self.calls += 1

    def identity(self, headers: Mapping[str, str] | None, protocol_version: str | None) -> Identity:
        """Who answers; a header is what the client said, not who it is."""
        named = {name.lower(): value for name, value in (headers or {}).items()}
        return Identity(
            sandbox_id=self.id,
            pid=os.getpid(),
            session_id=named.get(RUNTIME_SESSION_ID.lower()) or named.get(MCP_SESSION_ID.lower()),
            protocol_version=protocol_version,
            calls=self.calls if self.counts else None,
        )
