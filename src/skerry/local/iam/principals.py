"""The principals of the stack: their names, and what IAM says of them, kept until it may change.

A role or user that IAM does not have may do everything: the roles that a stack makes up for its gateways,
runtimes and functions need no policies. One that IAM has may do what its policies say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from skerry.auth.iam import Policy, Principal, read
from skerry.local.aws.seeds import Call
from skerry.local.ports.callers import Caller
from skerry.local.ports.running import Clock
from skerry.wire.arn import role_of

CACHE_SECONDS = 5.0
"""IAM's writes pass through the endpoint and drop what is kept; this is for changes that do not, as another
service's that makes a role."""
CACHE_SIZE = 256
SEEN = 10_000
"""Principals that IAM had, which are remembered until the stack ends, so that who is deleted is known."""

ALL = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
IMPLIED = "implied: IAM has no such principal"
_MAKERS = {"CreateRole": ("role", "RoleName"), "CreateUser": ("user", "UserName")}


class PrincipalSource(Protocol):
    """Where roles, users and managed policies are known."""

    async def principal(self, arn: str) -> Mapping[str, Any] | None:
        """What IAM knows of one: see `aws.principals`. Raises ServiceError (503) when that is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """A role or user with its policies, read. `trust` is None for a user; `exists` is whether IAM has it.

    One that is `gone` may nothing, whatever any policy says: it was deleted, and who has its name now is
    another.
    """

    arn: str
    exists: bool = False
    gone: bool = False
    id: str = ""
    identity: tuple[Policy, ...] = (read(IMPLIED, ALL),)
    boundary: Policy | None = None
    trust: Policy | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


_NOBODY = Policy("trust policy")
"""Of a role that is gone: trusts nobody."""


class Principals:
    """What IAM says of principals. `seeds` are the calls that fill the embedded cloud."""

    def __init__(self, source: PrincipalSource, clock: Clock, seeds: Iterable[Call] = ()) -> None:
        self._source = source
        self._clock = clock
        self._seeded = _made_by(seeds)
        self._kept: dict[str, tuple[float, Known]] = {}
        self._generation = 0
        self._changing = 0
        self._seen: dict[str, None] = {}

    async def known(self, arn: str) -> Known:
        """A role or user by its ARN. Raises ServiceError (503) when IAM does not answer."""
        kept = self._kept.get(arn)
        if kept is not None and not self._changing and self._clock.monotonic() - kept[0] < CACHE_SECONDS:
            return kept[1]
        if self._cannot_be(arn):
            return Known(arn)
        generation = self._generation
        found = self._remembered(_read(arn, await self._source.principal(arn)))
        if generation == self._generation:  # what was written meanwhile may not be in it
            if len(self._kept) >= CACHE_SIZE:
                self._kept.clear()
            self._kept[arn] = (self._clock.monotonic(), found)
        return found

    def _remembered(self, found: Known) -> Known:
        """What was read; a principal that IAM had and has no more may nothing, and not everything."""
        key = _name(found.arn)
        if found.exists:
            self._seen.pop(key, None)
            self._seen[key] = None
            while len(self._seen) > SEEN:
                del self._seen[next(iter(self._seen))]
        elif key in self._seen:
            return _gone(found)
        return found

    async def of(self, caller: Caller) -> Known:
        """Who signed a request: the role of a session, a user. Raises ServiceError (503)."""
        found = await self.known(role_of(caller.arn) or caller.arn)
        return _gone(found) if caller.unique_id not in ("", found.id) else found

    async def document(self, policy_arn: str) -> str | None:
        """The document of a managed policy; None when there is none."""
        found = await self._source.principal(policy_arn)
        return None if found is None or "document" not in found else str(found["document"])

    async def oidc_clients(self, provider_arn: str) -> frozenset[str] | None:
        """The client ids of an OIDC provider; None when IAM has no such provider."""
        found = await self._source.principal(provider_arn)
        return None if found is None or "clients" not in found else frozenset(map(str, found["clients"]))

    @contextmanager
    def changing(self) -> Iterator[None]:
        """In the block nothing is kept: principals change without passing through the endpoint."""
        self._changing += 1
        try:
            yield
        finally:
            self._changing -= 1
            self.forget()

    def are_changing(self) -> bool:
        """Whether something is at work that changes them unseen."""
        return self._changing > 0

    def forget(self) -> None:
        """Drops what is kept: it may have changed."""
        self._generation += 1
        self._kept.clear()

    def _cannot_be(self, arn: str) -> bool:
        """Whether nobody can have made it yet, so that a stack that starts does not wait for its seeds."""
        kind, _, name = arn.rpartition(":")[2].partition("/")
        made = self._seeded is None or (kind, name.rpartition("/")[2]) in self._seeded
        return not made and not self._generation


def _gone(found: Known) -> Known:
    trust = _NOBODY if ":role/" in found.arn else None
    return replace(found, exists=True, gone=True, identity=(), trust=trust)


def session_of(role: str, name: str) -> Caller:
    """A session of a role, as which a part of the stack acts."""
    parts = role.split(":", 5)
    return Caller(
        kind="iam", arn=f"arn:{parts[1]}:sts::{parts[4]}:assumed-role/{role.rpartition('/')[2]}/{name}"
    )


def caller_of(caller: Caller) -> Principal:
    """The caller as IAM's policies see it."""
    if caller.provider:
        return Principal("federated", caller.provider)
    if caller.kind != "iam":
        return Principal()
    role = role_of(caller.arn)
    return Principal("session" if role else "user", caller.arn, role=role)


def _read(arn: str, found: Mapping[str, Any] | None) -> Known:
    if found is None or "identity" not in found:
        return Known(arn)
    boundary = found.get("boundary")
    return Known(
        arn=str(found["arn"]),
        exists=True,
        id=str(found["id"]),
        identity=tuple(read(name, document) for name, document in found["identity"]),
        boundary=None if boundary is None else read(boundary[0], boundary[1], "boundary"),
        trust=read("trust policy", found["trust"], "trust") if "trust" in found else None,
        tags=found["tags"],
    )


def _name(arn: str) -> str:
    """An ARN without a path: names are unique in an account."""
    head, _, rest = arn.partition("/")
    return f"{head}/{rest.rpartition('/')[2]}"


def _made_by(seeds: Iterable[Call]) -> frozenset[tuple[str, str]] | None:
    """The principals that seeds make; None when that cannot be told from them."""
    made = set()
    for call in seeds:
        given = str(dict(call.parameters))
        if call.service == "iam" and call.operation in _MAKERS:
            kind, member = _MAKERS[call.operation]
            made.add((kind, str(call.parameters.get(member))))
            if "${" in given:
                return None
        elif call.service == "cloudformation" and ("AWS::IAM::" in given or "TemplateURL" in given):
            return None
    return frozenset(made)
