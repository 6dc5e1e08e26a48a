"""One message that a client has posted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from skerry.bridge.exchange import Receive, Send
from skerry.wire.headers import RUNTIME_SESSION_ID
from skerry.wire.jsonrpc import Envelope

_RUNTIME_SESSION = RUNTIME_SESSION_ID.lower()

Contract = Literal["mcp", "http"]
"""Which of AgentCore's protocols: `/mcp` with MCP's own sessions, or `/invocations` with the platform's."""


@dataclass(frozen=True, slots=True)
class Post:
    """A message and the way back. `headers` by lower-case name; `streams` when it takes an event stream."""

    contract: Contract
    headers: Mapping[str, str]
    message: Envelope
    receive: Receive
    send: Send
    streams: bool

    @property
    def relayed(self) -> bool:
        """Whether AgentCore's Runtime carried it: that drops headers and the body of any 4xx."""
        return _RUNTIME_SESSION in self.headers

    @property
    def raw_id(self) -> bytes:
        """The id for an error: that of a request, else null."""
        return self.message.raw_id if self.message.kind == "request" else b"null"
