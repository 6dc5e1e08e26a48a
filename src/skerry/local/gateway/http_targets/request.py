"""A request to an HTTP target, as it came in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from skerry.local.gateway.http_targets.target import HttpTarget
from skerry.local.ports.callers import Caller
from skerry.local.ports.resources import Record


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to an HTTP target whose sender may call the gateway.

    `path` is the raw rest of the path after the target's name, `query` the raw query string; `headers` are
    the inbound pairs with lower-case names. `id` is the request's own, `source_ip` the client's address.
    `named` is the target that the path names, empty when it names none: rules may choose another `target`.
    """

    gateway: Record
    target: HttpTarget
    caller: Caller
    method: str
    path: str
    query: str = field(repr=False)
    headers: Sequence[tuple[str, str]] = field(repr=False)
    session: str = ""
    id: str = ""
    source_ip: str = ""
    named: str = ""

    def header(self, name: str) -> str:
        """The first value of a header (lower-case name), or nothing."""
        return next((value for key, value in self.headers if key == name), "")

    @property
    def bearer(self) -> str:
        """The token that the request came with: proved by the gateway, or as sent when it lets all in."""
        if self.caller.kind != "anonymous":
            return self.caller.token
        kind, _, token = self.header("authorization").partition(" ")
        return token.strip() if kind.lower() == "bearer" else ""
