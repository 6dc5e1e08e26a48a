"""One request on its way, and what the recorder will say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skerry.local.functions.pool import Pool
from skerry.local.ports.permissions import Notes
from skerry.wire import trace
from skerry.wire.hop import Hop


@dataclass(slots=True)
class Exchange:
    """`pool` are the environments that the request holds, `arn` what it calls their function."""

    headers: Mapping[str, str]
    started: float
    from_monotonic: float
    identity: str = "anonymous"
    target: str = ""
    session: str = ""
    operation: str = "Invoke"
    status: int = 0
    detail: dict[str, str] = field(default_factory=dict)
    iam: Notes = field(default_factory=list)
    pool: Pool | None = None
    arn: str = ""

    def hold(self, pool: Pool, arn: str) -> Pool:
        """Keeps environments until `release`; they were held already."""
        self.pool, self.arn = pool, arn
        return pool

    def release(self) -> None:
        """The request is over."""
        if self.pool is not None:
            self.pool.release()
            self.pool = None

    def hop(self, monotonic: float, span: trace.Span | None = None) -> Hop:
        """What there is to record; `monotonic` is now."""
        return Hop(
            part="functions",
            operation=self.operation,
            identity=self.identity,
            auth="none" if self.identity == "anonymous" else "sigv4",
            status=self.status,
            started=self.started,
            duration_ms=(monotonic - self.from_monotonic) * 1000,
            session=self.session,
            target=self.target,
            detail=self.detail,
            iam=self.iam,
            **trace.members(span),
        )
