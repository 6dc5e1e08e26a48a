"""Workload access tokens: opaque, for one workload identity and one person or nobody, for a while.

A token holds what it says, sealed with the key of the state directory, so none is stored and all survive a
restart; another stack, or another identity of the same name, does not know it. The token of a person is in it
where there was one: an exchange on behalf of that person needs it.

A workload that calls another one shows its token, and that one's own token has it in its chain. A chain says
who called whom and nothing else: the person is always the one whom the call itself names.

Sources: AgentCore developer guide, "Get workload access token"; bedrock-agentcore SDK 1.25.0,
_utils/identity_propagation.py. AWS's own format is not published.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from skerry.errors import ServiceError, validation
from skerry.local import users
from skerry.local.identity.settings import IdentitySettings
from skerry.local.ports.callers import Caller
from skerry.local.ports.running import Clock
from skerry.local.ports.tokens import WorkloadIdentities
from skerry.local.state.sealing import Sealer, SealError


@dataclass(frozen=True, slots=True)
class WorkloadToken:
    """What a token says. `user` is made by the module `users` and is "" for nobody.

    `chain` are the workloads through which the call came, the first one first.
    """

    workload: str
    user: str = ""
    user_token: str = field(default="", repr=False)
    chain: tuple[str, ...] = ()


class WorkloadTokens:
    """Implements `ports.WorkloadTokens`, and reads what it issued."""

    def __init__(
        self,
        *,
        identities: WorkloadIdentities,
        sealer: Sealer,
        clock: Clock,
        settings: IdentitySettings,
    ) -> None:
        self._identities = identities
        self._sealer = sealer
        self._clock = clock
        self._table = settings.table
        self._purpose = f"workload-access-token {settings.region} {settings.account}"

    def issue(
        self,
        workload: str,
        caller: Caller | None = None,
        *,
        user_id: str = "",
        chain: tuple[str, ...] = (),
    ) -> str:
        """A token of a workload identity; "" when there is none of that name.

        A caller with a verified bearer token is its person, else `user_id`, for which whoever asks vouches.
        """
        identity = self._identities.workload_identity(workload)
        if identity is None:
            return ""
        until = self._clock.time() + self._table.token_life
        user, user_token = users.of_id(user_id) if user_id else "", ""
        if caller is not None and caller.kind == "jwt":
            user, user_token = users.of_claims(caller.claims), caller.token
            if self._table.ends_with_user_token:
                until = min(until, float(caller.claims["exp"]))
        content = [workload, identity["createdTime"], user, user_token, until, *chain]
        return self._sealer.seal(json.dumps(content), self._purpose)

    def chain(self, token: str) -> tuple[str, ...]:
        """The chain of whoever is called with a token: its own and the token's workload.

        Raises ServiceError: 401 for a token that does not hold, 400 when the chain is too long.
        """
        held = self.read(token)
        if len(held.chain) >= self._table.longest_chain:
            raise validation(
                f"The call came through {self._table.longest_chain} workloads already. "
                "Do they call each other in a circle?"
            )
        return (*held.chain, held.workload)

    def return_url(self, workload: str) -> str:
        """The only return URL that a workload identity allows; "" when there are none or several."""
        identity = self._identities.workload_identity(workload) or {}
        allowed = list(identity.get("allowedResourceOauth2ReturnUrls", []))
        return str(allowed[0]) if len(allowed) == 1 else ""

    def read(self, token: str) -> WorkloadToken:
        """What a token says. Raises ServiceError (401) for one that does not hold."""
        try:
            workload, created, user, user_token, until, *chain = json.loads(
                self._sealer.open(token, self._purpose)
            )
        except SealError as problem:
            raise self._invalid() from problem
        identity = self._identities.workload_identity(workload)
        if identity is None or identity["createdTime"] != created or self._clock.time() >= until:
            raise self._invalid()
        return WorkloadToken(workload, user, user_token, tuple(chain))

    def _invalid(self) -> ServiceError:
        return ServiceError(
            "UnauthorizedException",
            401,
            self._table.invalid_token,
            hint="Get a new one, or use the one of this invocation.",
        )
