"""Is a program well, and is it busy? AWS's container contract, asked over HTTP.

HTTP and AG-UI programs answer `GET /ping`; MCP servers get a JSON-RPC `ping` without token and session. A
stateful MCP server refuses that with a 400, so every status below 500 but 401 and 403 counts as healthy.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import Protocol

from skerry.local.http.upstream import Reply, UpstreamError
from skerry.local.runtime.record import Runtime

PING = b'{"jsonrpc":"2.0","id":"skerry-health","method":"ping"}'
_MCP_HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
_LIMIT = 64 * 1024


class Client(Protocol):
    """What is needed of `Upstream`."""

    async def request(
        self, method: str, url: str, headers: dict[str, str], body: bytes, *, read: float | None
    ) -> Reply: ...


@dataclass(frozen=True, slots=True)
class Health:
    """An answer. `updated` is the program's `time_of_last_update`, seconds since the epoch, if it says so.

    `status` is that of HTTP, 0 for none.
    """

    healthy: bool
    busy: bool = False
    updated: float | None = None
    status: int = field(default=0, compare=False)

    @property
    def hopeless(self) -> bool:
        """Whether asking again is of no use: the program refuses the probe, or has no such path."""
        return not self.healthy and 400 <= self.status < 500


async def probe(client: Client, runtime: Runtime, base: str, *, timeout: float) -> Health:  # noqa: ASYNC109
    """Asks the program at `base` once; what cannot be reached or is silent for `timeout` is not healthy."""
    try:
        if runtime.protocol.health == "mcp":
            reply = await client.request("POST", base + runtime.path, _MCP_HEADERS, PING, read=timeout)
            with contextlib.suppress(UpstreamError):  # the status has told; reading keeps the connection
                await reply.read(_LIMIT)
            return Health(reply.status < 500 and reply.status not in (401, 403), status=reply.status)
        reply = await client.request("GET", f"{base}/ping", {}, b"", read=timeout)
        return read_ping(reply.status, await reply.read(_LIMIT))
    except UpstreamError:
        return Health(healthy=False)


def read_ping(status: int, body: bytes) -> Health:
    """The meaning of an answer to `GET /ping`: 200 with `Healthy` or `HealthyBusy`, else not healthy."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if status != 200 or not isinstance(data, dict) or data.get("status") not in ("Healthy", "HealthyBusy"):
        return Health(healthy=False, status=status)
    updated = data.get("time_of_last_update")
    known = isinstance(updated, int | float) and not isinstance(updated, bool) and abs(updated) < 1e12
    busy = data["status"] == "HealthyBusy"
    return Health(healthy=True, busy=busy, updated=updated if known else None, status=status)
