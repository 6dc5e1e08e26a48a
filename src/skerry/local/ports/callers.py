"""Who asks, and who finds that out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from skerry.auth.aws.sigv4 import Credentials
from skerry.local.ports.asgi import Scope


@dataclass(frozen=True, slots=True)
class Limits:
    """What temporary credentials were narrowed and marked with when they were made.

    `policies` are session policies by name and document, None where there are none; `tags` are session tags.
    `source_identity` is who they say stands behind them, for the sessions that follow from this one too.
    """

    policies: tuple[tuple[str, str], ...] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    source_identity: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who called, as proved by a signature or a token.

    `arn` is the IAM principal of a SigV4 call; `claims` are the verified claims of a bearer token
    and `token` that token, which must never be logged or sent to another resource. `limits` are those of
    temporary credentials that have some. `provider` is the ARN of the identity provider in IAM that vouches
    for a web identity. `unique_id` is that of the user or role whose key this is, "" where IAM had none.
    `issued` is when temporary credentials were made and `expires` when they end, in seconds since the epoch.
    `request` has the condition keys that the signed request itself tells, in lower case.
    """

    kind: Literal["iam", "jwt", "anonymous"]
    arn: str = ""
    access_key_id: str = ""
    user_id: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    token: str = field(default="", repr=False)
    limits: Limits | None = None
    provider: str = ""
    unique_id: str = ""
    issued: float | None = None
    expires: float | None = None
    request: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """How the recorder shows this caller: an ARN, `client@issuer`, or `anonymous`."""
        if self.kind == "iam":
            return self.arn
        if self.kind == "jwt":
            return f"{self.claims.get('sub', '?')}@{self.claims.get('iss', '?')}"
        return "anonymous"


@dataclass(frozen=True, slots=True)
class Workload:
    """A part of the stack: the ARN of what hosts it, and the name of its workload identity."""

    hosting_arn: str
    identity: str


class Workloads(Protocol):
    """Proofs of which part of the stack sends a request to which runtime."""

    def prove(self, workload: Workload, audience: str) -> str:
        """A short-lived proof for `audience`, the ARN or id of a runtime as it stands in its URL."""
        ...

    def proved(self, proof: str, audience: str) -> Workload | None:
        """Who a proof for `audience` is of; None for anything that does not hold."""
        ...


class Access(Protocol):
    """Signatures: who signed a request, and credentials for what skerry starts or calls."""

    @property
    def workloads(self) -> Workloads:
        """Proofs of where a request comes from, besides who sends it."""
        ...

    async def signed_by(
        self, scope: Scope, body: bytes, *, service: str, max_expires: int | None = None
    ) -> Caller:
        """The principal whose signature over `scope` and `body` holds.

        `max_expires` is the longest life of a presigned URL in seconds, where it is shorter than usual.
        Raises ServiceError (403, AWS's own names) when it does not.
        """
        ...

    def assume(self, role_arn: str, session_name: str) -> Credentials:
        """Temporary credentials of a role.

        Every signature made with them is attributed to
        `arn:aws:sts::ACCOUNT:assumed-role/ROLE/session_name`.
        """
        ...

    def on_behalf(self, caller: Caller, *, expires: float) -> Credentials:
        """Temporary credentials whose signatures are attributed to an IAM caller, as its own are.

        They hold until `expires` (seconds since the epoch) or `revoke`.
        """
        ...

    def revoke(self, credentials: Credentials) -> None:
        """Ends temporary credentials; unknown ones are ignored."""
        ...
