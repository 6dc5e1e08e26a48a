"""What the planes need from each other and from their surroundings.

The planes (`runtime`, `gateway`, `models`, `functions`, `identity`) import this module and never one
another; `app.py` hands each of them objects that fit these protocols.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from skerry.auth.outside import Http
from skerry.auth.sigv4 import Credentials as Credentials  # noqa: PLC0414  (kept as a name of this module)
from skerry.errors import RemoteError, ServiceError
from skerry.wire.hop import Hop

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

Record = Mapping[str, Any]
"""A control-plane record: the JSON of AWS's own Get operation, with AWS's member names."""


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
class SecretReference:
    """A value in Secrets Manager: name or ARN of a secret, and the key in its JSON object."""

    id: str
    key: str

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> SecretReference:
        """From `SecretReference` of AWS's model."""
        return cls(str(given["secretId"]), str(given["jsonKey"]))


FetchSecret = Callable[[SecretReference], Awaitable[str]]
"""GetSecretValue. Raises a SkerryError, without the secret in it, when the value cannot be had."""


Certificates = Sequence[Record]
"""`certificateConfigurations` of AWS's model: where the certificates of private authorities are."""


class Authorities(Protocol):
    """Private certificate authorities, as resources name them."""

    async def trust(self, certificates: Certificates) -> ssl.SSLContext:
        """TLS that trusts these too.

        Raises SkerryError for a certificate that cannot be read or is none of an authority.
        """
        ...

    def http(self, certificates: Certificates) -> Http:
        """HTTP towards identity providers, wherever they are, that trusts these too.

        Its requests raise SkerryError, as `trust` does.
        """
        ...


class NoAuthorities:
    """Implements `Authorities` for a plane without the cloud that certificates are in."""

    async def trust(self, certificates: Certificates) -> ssl.SSLContext:
        """Raises RemoteError."""
        del certificates
        raise _no_authorities()

    def http(self, certificates: Certificates) -> Http:
        """Raises RemoteError."""
        del certificates
        raise _no_authorities()


def _no_authorities() -> RemoteError:
    return RemoteError(
        "The certificate of certificateConfigurations cannot be read: this endpoint has no embedded cloud."
    )


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


class Recorder(Protocol):
    """Keeps what happened on every hop."""

    def record(self, hop: Hop) -> None:
        """Never blocks and never raises."""
        ...


class Output(Protocol):
    """Keeps what the programs of runtimes print."""

    def stream(self, runtime_id: str, endpoint: str, session: str) -> Callable[[str], None]:
        """What takes the lines of a program that begins to serve a session; it neither blocks nor raises."""
        ...


class Unkept:
    """Implements `Output` by keeping nothing."""

    def stream(self, runtime_id: str, endpoint: str, session: str) -> Callable[[str], None]:
        """Takes lines and forgets them."""
        del runtime_id, endpoint, session
        return lambda _: None


class Functions(Protocol):
    """Lambda functions that this stack serves itself."""

    def names(self) -> Iterable[str]:
        """Names of the declared functions."""
        ...


class Clock(Protocol):
    """Time as an argument, so that tests and users can move it."""

    def time(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""
        ...


class WorkloadIdentities(Protocol):
    """Workload identities among the control-plane records."""

    def workload_identity(self, name: str) -> Record | None:
        """The workload identity of that name: GetWorkloadIdentity's answer."""
        ...

    def is_linked(self, name: str) -> bool:
        """Whether the workload identity of that name is a runtime's or a gateway's own."""
        ...


class WorkloadTokens(Protocol):
    """Workload access tokens, for the planes that hand them to what they run."""

    def issue(
        self,
        workload: str,
        caller: Caller | None = None,
        *,
        user_id: str = "",
        chain: tuple[str, ...] = (),
    ) -> str:
        """A token of the workload identity `workload`, for one person or for nobody.

        The person is that of a `caller` with a verified bearer token, else `user_id`, for which whoever asks
        vouches. `chain` are the workloads through which the call came. "" when there is no such workload
        identity.
        """
        ...

    def chain(self, token: str) -> tuple[str, ...]:
        """The chain of who is called by the holder of `token`. Raises ServiceError when it does not hold."""
        ...

    def return_url(self, workload: str) -> str:
        """Where browsers go after a consent when the workload does not say: the only URL that it may use.

        "" when there are none or several.
        """
        ...


Flow = Literal["M2M", "USER_FEDERATION", "ON_BEHALF_OF_TOKEN_EXCHANGE"]
"""`Oauth2FlowType` of AWS's model: client credentials, authorization code, token exchange."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAsk:
    """What a workload asks of an OAuth2 credential provider, for itself or for somebody.

    `workload` is the name of its workload identity. `user` tells one person from another and is "" for a
    machine: the module `users` makes it. `user_token` is that person's own token, which an exchange needs.
    `return_url` is where the browser goes after the consent; `session_uri` names a consent that was asked for
    before. `principal` is the ARN of who asks in IAM, by whose identity some clients prove themselves.
    """

    provider_arn: str
    workload: str
    flow: Flow
    scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    custom_parameters: tuple[tuple[str, str], ...] = ()
    user: str = ""
    user_token: str = field(default="", repr=False)
    return_url: str = ""
    custom_state: str = ""
    session_uri: str = ""
    force: bool = False
    principal: str = ""


@dataclass(frozen=True, slots=True)
class ResourceToken:
    """An access token of a resource; `identity` is whom it is of, `detail` is for the recorder."""

    access_token: str = field(repr=False)
    identity: str
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConsentNeeded:
    """The person has to agree first, in a browser, at `authorization_url`.

    `session_uri` names this consent until it ends; `status` is `IN_PROGRESS` or `FAILED`, as in AWS's model.
    """

    authorization_url: str
    session_uri: str
    status: Literal["IN_PROGRESS", "FAILED"] = "IN_PROGRESS"


class ResourceTokens(Protocol):
    """The token vault: tokens of credential providers, kept per workload and person."""

    async def token(self, ask: TokenAsk) -> ResourceToken | ConsentNeeded:
        """A token that is good, or what a person has to do for one.

        Raises ServiceError: not found, validation, or what the provider's refusal means.
        """
        ...

    async def complete(self, session_uri: str, user: str) -> None:
        """Binds a consent to the person who asked for it: CompleteResourceTokenAuth.

        Until then the token of a consent is not given out. Raises ServiceError (403) for another person, and
        for a session that does not exist or is over.
        """
        ...

    def refused(self, ask: TokenAsk, token: ResourceToken) -> None:
        """The resource did not take a token: the next ask gets another one."""
        ...


class NoResourceTokens:
    """Implements `ResourceTokens` for a plane without a token vault: everything is refused (501)."""

    async def token(self, ask: TokenAsk) -> ResourceToken | ConsentNeeded:
        """Raises ServiceError."""
        del ask
        raise _no_vault()

    async def complete(self, session_uri: str, user: str) -> None:
        """Raises ServiceError."""
        del session_uri, user
        raise _no_vault()

    def refused(self, ask: TokenAsk, token: ResourceToken) -> None:
        """Nothing is kept."""


def _no_vault() -> ServiceError:
    message = "This outbound credential needs a token vault, which this endpoint does not have."
    return ServiceError("UnknownOperationException", 501, message)
