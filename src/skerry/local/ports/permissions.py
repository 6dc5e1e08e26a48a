"""Which permissions something needs, and who decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from skerry.local.ports.callers import Caller


@dataclass(frozen=True, slots=True)
class Named:
    """What a request to the embedded cloud calls a resource, for looking it up there.

    `region` and `account` are those of who asks; the name `*` is every resource of the service.
    """

    service: str
    region: str
    account: str
    name: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A permission that a request needs: an IAM action on a resource, by its ARN or `*`.

    `context` has the condition keys of this request in lower case, besides those that every request has.
    `policies` are policies of the resource, by name and document, that are not among the stored ones. What is
    `open` nobody needs an allow for: only a deny of the resource's policy counts. Of a `vague` one the
    request does not tell everything: a `*` at the end of action and resource is whatever may be there.
    `named` is what the request calls the resource where its ARN does not tell which one that is.
    """

    action: str
    resource: str
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)
    policies: Sequence[tuple[str, str]] = ()
    open: bool = False
    vague: bool = False
    named: Named | None = None


Notes = list[Mapping[str, str]]
"""What was asked and what decided, for the hop of a request."""


SERVICE_PRINCIPAL = "bedrock-agentcore.amazonaws.com"
"""AgentCore, as a trust policy names it."""


class Permissions(Protocol):
    """Who may do what: policies of IAM, and of resources."""

    async def check(self, caller: Caller, asks: Sequence[Ask], notes: Notes) -> None:
        """Raises AccessDeniedException (403) when the caller lacks one of the permissions.

        What decided is added to `notes`, also before it raises.
        """
        ...

    async def trusted(self, role_arn: str, service: str, source_arn: str, notes: Notes) -> str:
        """Why a service of AWS may not take a role for the resource `source_arn`; "" when it may.

        `service` is a name such as `lambda.amazonaws.com`. The answer, which is added to `notes`, names the
        role and what to write into its trust policy: it is for who may see that.
        """
        ...


class Unrestricted:
    """Implements `Permissions` without any policy."""

    async def check(self, caller: Caller, asks: Sequence[Ask], notes: Notes) -> None:
        """Raises nothing."""

    async def trusted(self, role_arn: str, service: str, source_arn: str, notes: Notes) -> str:
        """Every role is."""
        del role_arn, service, source_arn, notes
        return ""
