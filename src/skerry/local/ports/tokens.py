"""Workload access tokens, and tokens of the vault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from skerry.errors import ServiceError
from skerry.local.ports.callers import Caller
from skerry.local.ports.resources import Record


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
