"""Before each call of a target that acts for the caller: the token is there, or its person is asked to agree.

    call ─▶ token? ── yes ─▶ target
              └ no ─▶ the person is asked ─▶ the client calls again (a modern one with requestState) ─▶ token?

The consent is the caller's: of issuer and subject of the token, and so is the state of a retry.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from skerry.errors import ServiceError
from skerry.local.gateway.client_session import ClientSession
from skerry.local.gateway.consent import answers
from skerry.local.gateway.consent.connect import DONE, PREFIX
from skerry.local.gateway.consent.options import Options, with_params
from skerry.local.gateway.credentials.consents import Consent, Consents
from skerry.local.gateway.credentials.grants import RoleGrants
from skerry.local.gateway.credentials.user_tokens import (
    ConsentRequiredError,
    NoPersonError,
    UserTokens,
    provider_of,
)
from skerry.local.gateway.messages import McpError, Relayed, Request, Result
from skerry.local.gateway.outgoing import TargetError
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.ports.resources import Record
from skerry.local.ports.tokens import ResourceToken
from skerry.relay.faces.calls import call_digest
from skerry.wire import eras, jsonrpc

_STATE = "aws.consent."
_MOST = 1024
_ROUND = ("requestState", "inputResponses")


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A modern call that waits for a consent; `round` is what it brought for the target itself."""

    digest: str
    consent: Consent
    round: Mapping[str, Any] = field(repr=False)


class Gate:
    """Lets calls through that have what their target needs.

    With a `connect` client in the settings people are shown a page of the endpoint, which asks who they are
    before they agree.
    """

    def __init__(
        self, users: UserTokens, consents: Consents, settings: GatewaySettings, grants: RoleGrants
    ) -> None:
        self._users = users
        self._grants = grants
        self._consents = consents
        self._settings = settings
        self._own_pages = bool(settings.connect)
        self._states: OrderedDict[str, _Waiting] = OrderedDict()
        self._watched: dict[str, asyncio.Task[None]] = {}

    async def admit(self, request: Request, target: Record, options: Options) -> Request | Result | Relayed:
        """The request as the target gets it, or how the call ends without it.

        Raises McpError for what is an error to this client, TargetError when the vault fails or the gateway's
        role may not ask it.
        """
        oauth = provider_of(target)
        if oauth is None or request.authorization:  # what an interceptor sets counts before every credential
            return request
        try:
            ask = self._users.ask(request.gateway, target, request.caller, oauth)
        except NoPersonError as problem:
            return answers.ended(request, problem.message)
        ask = replace(ask, force=options.force, return_url=options.return_url or ask.return_url)
        if not ask.return_url and self._own_pages:
            ask = replace(ask, return_url=f"{self._settings.endpoint}{DONE}")
        await self._grants.credential(
            request.gateway, "OAUTH", {"oauthCredentialProvider": oauth}, request.iam
        )
        digest = call_digest(f"{ask.workload} {ask.user}", request.message)
        try:
            if self._is_ours(request):
                return await self._again(request, digest)
            found = await self._consents.token(ask)
        except ServiceError as problem:
            if options.return_url and problem.status == 400:  # the vault says which it takes
                raise McpError(jsonrpc.INVALID_PARAMS, problem.message) from problem
            raise TargetError(f"No token for the target: {problem.message}", hint=problem.hint) from problem
        if isinstance(found, ResourceToken):
            return request
        kept = {name: request.params[name] for name in _ROUND if name in request.params}
        return self._asked(request, _Waiting(digest, found, kept))

    async def close(self) -> None:
        """Waits for nobody any more."""
        self._states.clear()
        for task in list(self._watched.values()):
            task.cancel()
        await asyncio.gather(*self._watched.values(), return_exceptions=True)

    def _is_ours(self, request: Request) -> bool:
        state = request.params.get("requestState")
        return request.modern and isinstance(state, str) and state.startswith(_STATE)

    async def _again(self, request: Request, digest: str) -> Request | Result | Relayed:
        """A modern client that comes back. Raises McpError for a state that is none of this person's call."""
        state = str(request.params["requestState"])
        waiting = self._states.get(state)
        if waiting is None or waiting.digest != digest:
            raise answers.stale()
        agreed = answers.agreed(request.params.get("inputResponses"))
        del self._states[state]
        table, consent = self._settings.assumptions, waiting.consent
        if agreed is False:
            self._consents.forget(consent)
            return answers.ended(request, table.consent_declined)
        if agreed:
            await self._consents.settled(consent, self._settings.consent)
        found = await self._consents.outcome(consent)
        if found == "open":
            return self._asked(request, waiting)
        self._consents.forget(consent)
        if found == "over":
            return answers.ended(request, table.consent_failed)
        own = {name: value for name, value in request.params.items() if name not in _ROUND}
        return with_params(request, {**own, **waiting.round})

    def _asked(self, request: Request, waiting: _Waiting) -> Result | Relayed:
        answers.check_askable(request, self._settings.assumptions)
        state = ""
        if request.modern:
            state = _STATE + secrets.token_urlsafe(24)
            self._states[state] = waiting
            while len(self._states) > _MOST:
                self._states.popitem(last=False)
        elif request.client is not None:
            self._watch(waiting.consent, request.client)
        consent = waiting.consent
        url = f"{self._settings.endpoint}{PREFIX}{consent.name}" if self._own_pages else consent.url
        return answers.asked(
            request, url=url, name=consent.name, state=state, table=self._settings.assumptions
        )

    def _watch(self, consent: Consent, client: ClientSession) -> None:
        """Has the client that asked told when the consent is given, on its session's stream."""
        key = f"{client.id} {consent.name}"
        if key in self._watched or len(self._watched) >= _MOST:
            return

        async def told() -> None:
            with contextlib.suppress(ServiceError):
                if await self._consents.settled(consent):
                    done = jsonrpc.notification(eras.ELICITATION_COMPLETE, {"elicitationId": consent.name})
                    client.tell(jsonrpc.parse(done))

        task = self._watched[key] = asyncio.get_running_loop().create_task(told())
        task.add_done_callback(lambda _: self._watched.pop(key, None))


def lacks_token(target: Record, problem: BaseException | None) -> bool:
    """Whether a call failed, and did nothing, because the person's token was not there or not taken."""
    if provider_of(target) is None:
        return False
    while problem is not None:
        if isinstance(problem, ConsentRequiredError) or (
            isinstance(problem, TargetError) and problem.refused
        ):
            return True
        problem = problem.__cause__
    return False
