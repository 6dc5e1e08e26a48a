"""Control-plane records, what changes them, and who is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from skerry.local.ports.secrets import SecretReference

Record = Mapping[str, Any]
"""A control-plane record: the JSON of AWS's own Get operation, with AWS's member names."""


class Resources(Protocol):
    """Control-plane records, read by the data planes. All reads are from memory and do not block."""

    def runtime(self, identifier: str, qualifier: str = "DEFAULT") -> Record | None:
        """The agent runtime by ARN or id, in the version that the endpoint `qualifier` serves.

        The record is GetAgentRuntime's answer. None when runtime or endpoint do not exist.
        """
        ...

    def gateway(self, gateway_id: str) -> Record | None:
        """The gateway by id: GetGateway's answer."""
        ...

    def targets(self, gateway_id: str) -> Sequence[Record]:
        """The gateway's targets, oldest first: GetGatewayTarget's answers."""
        ...

    def rate_limits(self, gateway_id: str) -> Sequence[Record]:
        """The gateway's rate limits, oldest first: GetGatewayRateLimit's answers."""
        ...

    def gateway_rules(self, gateway_id: str) -> Sequence[Record]:
        """The gateway's rules, oldest first: GetGatewayRule's answers."""
        ...

    def all_runtimes(self) -> Sequence[Record]:
        """All agent runtimes, oldest first."""
        ...

    def all_gateways(self) -> Sequence[Record]:
        """All gateways, oldest first."""
        ...

    def policies(self, engine_arn: str) -> Sequence[Record] | None:
        """The policies of an engine, oldest first: GetPolicy's answers. None when there is no such engine."""
        ...

    def credential_provider(self, arn: str) -> Record | None:
        """An OAuth2 credential provider with its secret.

        Its members are `name`, `clientId`, `clientSecret`, `discoveryUrl` and `tokenEndpoint`, one of which
        is empty. A secret in Secrets Manager is `clientSecretConfig`, a `SecretReference` of AWS's model, in
        place of `clientSecret`. `configuration` is the vendor's with its `oauthDiscovery`, `callbackUrl` is
        where browsers come back to.
        """
        ...

    def api_key(self, arn: str) -> str | SecretReference | None:
        """The key of an API key credential provider, or where it is; None when there is no such provider."""
        ...

    def secret_arn(self, provider_arn: str) -> str:
        """The ARN of the secret of a credential provider of either kind, "" when there is none."""
        ...

    def subscribe(self, listener: Callable[[Change], None]) -> None:
        """Calls `listener` on the event loop after every committed write."""
        ...


class Kept(Protocol):
    """What a plane keeps in the state of the stack, by kind and key."""

    def get(self, kind: str, key: str) -> Record | None:
        """One record."""
        ...

    async def keep(self, kind: str, key: str, record: Record | None) -> None:
        """Stores a record, or removes it when it is None. Raises StateError."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """A committed control-plane write."""

    kind: Literal[
        "runtime",
        "gateway",
        "target",
        "rate-limit",
        "gateway-rule",
        "credential-provider",
        "policy-engine",
        "policy",
    ]
    action: Literal["created", "updated", "deleted"]
    identifier: str
    record: Record


@dataclass(frozen=True, slots=True)
class PolicyProposal:
    """A statement that shall become a policy of an engine, or of `policy_id` its new one.

    `semantic` asks for what the engine as a whole would do, too.
    """

    engine_arn: str
    statement: str
    policy_id: str = ""
    semantic: bool = True


@dataclass(frozen=True, slots=True)
class PolicyFindings:
    """What is wrong with a proposal: why it is no policy, what is not emulated, or why it would not do."""

    refusal: str = ""
    unsupported: str = ""
    reasons: tuple[str, ...] = ()


PolicyCheck = Callable[[PolicyProposal], Awaitable[PolicyFindings]]


ReportedKind = Literal["runtime", "target"]
"""Kinds of records that a data plane gets ready."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """What somebody has to authorize before a resource is ready: `OAuth2AuthorizationData` of AWS's model.

    `user_id` is who they are for CompleteResourceTokenAuth.
    """

    url: str = field(repr=False)
    user_id: str


class Report(Protocol):
    """Tells the control plane what became of a resource that was made, changed or synchronised."""

    def __call__(self, key: str, problem: str = "", *, authorization: Authorization | None = None) -> None:
        """The work on the resource has ended: well, or with a problem in a sentence.

        With `authorization` it waits for that, and will be reported again.

        `key` is the `identifier` of its Change. Work that nobody asked for may be reported too: what had
        failed and goes well now is ready. Never blocks; on the event loop only.
        """
        ...


def unreported(key: str, problem: str = "", *, authorization: Authorization | None = None) -> None:
    """A `Report` to nobody, for a plane without a control plane."""
