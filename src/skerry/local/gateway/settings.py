"""Settings of the Gateway plane. Sizes and times are AWS's quotas where AWS publishes one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from skerry.local.gateway.assumptions import Assumptions


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewaySettings:
    """How the plane behaves.

    `endpoint` is the base URL of the local stack, without a slash at its end: gateways announce it, and
    Lambda targets are invoked there. Times are seconds, sizes bytes. `call` bounds one call to a target,
    `listing` one synchronisation; a target that failed is asked again after `retry`, and a list then waits
    for it `patience` only, and not at all when it took longer than that to fail. `sessions` bounds the MCP
    sessions kept with each target, which are dropped after `session_idle` without use. `clients` bounds the
    sessions of clients at all gateways, `subscriptions` their open `subscriptions/listen`; a stream on which
    nothing was said for `keep_alive` gets a comment. A call that waits for the answer to a question is kept
    for `parked`, and one for which a page had to be opened is sent again after `page`. `searches` bounds the
    semantic searches of a gateway in a minute, `calls` the tool calls and lists of a gateway and of all
    together in a second, `connections` the requests to all at a time; 0 does not. A call that comes back from
    a consent waits for its end for `consent`, looking after it every `consent_poll`. `connect` is the id of a
    public client of the gateways' identity providers: with it the link that a person gets is a page of the
    endpoint, which has them sign in first. `token_clock` is the file that moves the clock which tokens end
    by.
    """

    endpoint: str
    region: str
    account: str
    payload: int = 6 * 1024 * 1024
    call: float = 900.0
    listing: float = 40.0
    retry: float = 2.0
    patience: float = 1.0
    sessions: int = 1024
    session_idle: float = 1800.0
    searches: int = 25
    calls: float = 0.0
    connections: int = 0
    clients: int = 50_000
    subscriptions: int = 1000
    keep_alive: float = 15.0
    parked: float = 600.0
    page: float = 2.0
    consent: float = 20.0
    consent_poll: float = 1.0
    connect: str = ""
    token_clock: Path | None = None
    assumptions: Assumptions = field(default_factory=Assumptions)
