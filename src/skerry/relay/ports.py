"""What a front (the proxy's stdio, the bridge's HTTP) sees of an MCP server, whatever is behind it.

A `Server` speaks one era. It may be a URL (`http`), a child process (the bridge), or a server of the
other era behind a translation (`faces`), and these nest: a front never knows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol

from skerry.errors import SkerryError
from skerry.wire import jsonrpc
from skerry.wire.eras import Era
from skerry.wire.jsonrpc import Envelope

Emit = Callable[[Envelope], Awaitable[None]]
"""Takes one message for the client. Awaiting it is the backpressure: a slow client slows the server."""


async def nowhere(message: Envelope) -> None:
    """An `Emit` for what nobody waits for."""


Reason = Literal[
    "unreachable",
    "throttled",
    "refused",
    "failed",
    "timeout",
    "closed",
    "cancelled",
    "lost",
    "size",
    "policy",
]


class RelayError(SkerryError):
    """A request has no answer of the server; what the client gets instead.

    `reason` is stable: `unreachable` (nothing was sent), `throttled` (refused for now, nothing ran),
    `refused` (HTTP 4xx, nothing ran), `failed` (HTTP 5xx), `timeout` (silence), `closed` (the connection,
    stream or process ended first), `cancelled`, `lost` (the session is gone), `size`, `policy`.
    `rpc_code` and `data` are those of the JSON-RPC error; `data` also gets the code of this error.
    """

    code = "SKY-302"

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        hint: str = "",
        rpc_code: int = jsonrpc.INTERNAL_ERROR,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.rpc_code = rpc_code
        self.data = dict(data or {})

    @property
    def unsent(self) -> bool:
        """True when the request surely did not run, so that it may be sent again."""
        return self.reason in ("unreachable", "throttled", "refused")

    def answer(self, raw_id: bytes) -> bytes:
        """The JSON-RPC error for the request with this id."""
        data = {**self.data, "code": self.code, "reason": self.reason}
        if self.hint:
            data["hint"] = self.hint
        return jsonrpc.error(raw_id, self.rpc_code, str(self), data)


class Proof(Protocol):
    """How a request proves who sends it: a signature, a token, nothing (`auth.ports.Proof`)."""

    async def headers(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Mapping[str, str]:
        """The headers to add to a request. Raises SkerryError when there is nothing to prove it with."""
        ...

    async def refused(
        self,
        status: int,
        body: bytes,
        headers: Mapping[str, str],
        sent: Mapping[str, str] | None = None,
    ) -> bool:
        """After a refusal: whether there is another proof now, so that the request may go once more.

        Raises SkerryError when what proved it has ended and cannot be renewed.
        """
        ...


class Server(Protocol):
    """An MCP server of one era."""

    @property
    def era(self) -> Era:
        """The era that it speaks; fixed for its life."""
        ...

    def listen(self, deliver: Emit) -> None:
        """From now on messages that belong to no call (list changes, a server's own requests) go here."""
        ...

    async def call(self, request: Envelope, emit: Emit) -> Envelope:
        """The response to `request`, under the id of `request`.

        What the server says about this call before its response goes to `emit`, in order: notifications,
        and in the legacy era requests, whose answers come back through `respond`. Any number of calls may
        run at once, under ids that are unique among them. Raises RelayError when there is no response.

        Cancelling the task means that nobody waits any more: a modern server is told to stop; of a legacy
        server the late response is dropped (it is told with `notify` of `notifications/cancelled`).
        """
        ...

    async def notify(self, notification: Envelope) -> None:
        """Passes a notification of the client on.

        `notifications/cancelled` names a call by the id that it has here. A cancelled call may still end
        with a response, or with RelayError (`cancelled`). Raises RelayError when the notification cannot be
        delivered.
        """
        ...

    async def respond(self, response: Envelope) -> None:
        """Passes the client's answer to a request of the server on. Raises RelayError when it cannot be.

        An answer to a request that the server did not make is dropped.
        """
        ...

    async def close(self) -> None:
        """Ends what is open, calls in flight included."""
        ...
