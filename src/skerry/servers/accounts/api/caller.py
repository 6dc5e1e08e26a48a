"""Who calls the API, from the claims of a verified token and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from skerry.auth.jwt.dialects import Claims

MAX_ACTORS = 8


@dataclass(frozen=True, slots=True)
class Caller:
    """The subject of a token, its tenant, and those who act for it, the nearest first.

    `tenant` is empty when the token names none: such a caller may see nothing.
    """

    subject: str
    issuer: str
    tenant: str
    client: str
    actors: tuple[str, ...]

    @classmethod
    def of(cls, claims: Claims, *, tenant_claim: str) -> Caller:
        """The caller of a request whose token was verified."""
        tenant = claims.get(tenant_claim)
        return cls(
            subject=str(claims["sub"]),
            issuer=str(claims["iss"]),
            tenant=tenant if isinstance(tenant, str) else "",
            client=str(claims.get("client_id", "")),
            actors=_actors(claims),
        )

    @property
    def name(self) -> str:
        """`sub@issuer`, as hops show it."""
        return f"{self.subject}@{self.issuer}"


def _actors(claims: Claims) -> tuple[str, ...]:
    """The chain of `act` claims (RFC 8693 §4.1), cut where it is longer than anybody exchanges."""
    found: list[str] = []
    actor = claims.get("act")
    while isinstance(actor, Mapping) and len(found) < MAX_ACTORS:
        found.append(str(actor.get("sub", "?")))
        actor = actor.get("act")
    return tuple(found)
