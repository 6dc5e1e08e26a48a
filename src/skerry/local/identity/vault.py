"""The token vault: what a workload may have of a credential provider, for itself or for a person.

Sources: botocore service model, GetResourceOauth2Token; AgentCore developer guide, "Obtain OAuth 2.0 access
token" and "OAuth 2.0 authorization URL session binding".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Literal

from skerry.auth import pkce
from skerry.errors import RemoteError, ServiceError, SkerryError, not_found, validation
from skerry.local import users
from skerry.local.identity.consents import Consent, Consents
from skerry.local.identity.federation import Federation
from skerry.local.identity.grants import Grants, RefusedError
from skerry.local.identity.kept_tokens import KeptToken, KeptTokens
from skerry.local.identity.providers import Provider, Providers, shows_principal, version
from skerry.local.identity.settings import IdentitySettings
from skerry.local.identity.shared import Shared
from skerry.local.identity.vault_file import digest
from skerry.local.ports.resources import Change, Record
from skerry.local.ports.running import Clock
from skerry.local.ports.tokens import ConsentNeeded, ResourceToken, TokenAsk, WorkloadIdentities

MAX_ASKED = 8192
"""Characters of everything that goes into an authorization request."""
_log = logging.getLogger("skerry.identity")


class Vault:
    """Implements `ports.ResourceTokens`. One instance belongs to one event loop."""

    def __init__(
        self,
        *,
        identities: WorkloadIdentities,
        providers: Providers,
        grants: Grants,
        consents: Consents,
        kept: KeptTokens,
        clock: Clock,
        settings: IdentitySettings,
    ) -> None:
        self._identities = identities
        self._providers = providers
        self._grants = grants
        self._consents = consents
        self._kept = kept
        self._clock = clock
        self._table = settings.table
        self._own_return_urls = settings.own_return_urls
        self._asking: Shared[KeptToken | None] = Shared()
        self._tasks: set[asyncio.Task[None]] = set()
        self.federation = Federation(
            providers=providers, grants=grants, consents=consents, kept=kept, clock=clock, settings=settings
        )

    async def close(self) -> None:
        """Ends what is under way; what has to be stored is stored."""
        await self._asking.close()
        await self.federation.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def token(self, ask: TokenAsk) -> ResourceToken | ConsentNeeded:
        """A token that is good, or what a person has to do for one.

        Raises ServiceError: 404 for a provider or workload identity that is not there, 400 for what does not
        go together or what the authorization server refuses, 500 when that gives no usable answer.
        """
        try:
            if ask.flow == "USER_FEDERATION":
                return await self._federated(ask)
            if ask.flow == "ON_BEHALF_OF_TOKEN_EXCHANGE" and not ask.user_token:
                raise validation(
                    "ON_BEHALF_OF_TOKEN_EXCHANGE needs a workload access token for a user token.",
                    ("workloadIdentityToken", "must be from GetWorkloadAccessTokenForJWT"),
                )
            key = self._key(ask)
            kept = self._kept.machine(key)
            token = kept or await self._asking.do(key, lambda: self._machine(ask, key))
            assert token is not None
            return self._given(token, ask, "kept" if kept else "fetched")
        except RemoteError as problem:
            raise _unusable(problem) from problem

    async def web_identity_audience(self, provider_arn: str) -> str:
        """For whom who asks needs a web identity token at a provider; "" where none is shown.

        Raises ServiceError as `token` does.
        """
        if not shows_principal(self._providers.record(provider_arn)):
            return ""
        try:
            return (await self._providers.get(provider_arn)).server.token_endpoint
        except RemoteError as problem:
            raise _unusable(problem) from problem

    async def complete(self, session_uri: str, user: str) -> None:
        """Binds a consent to the person who asked for it; the same again changes nothing.

        Raises ServiceError (403) for another person, and for a session that does not exist or is over.
        """
        await self.federation.complete(session_uri, user)

    def refused(self, ask: TokenAsk, token: ResourceToken) -> None:
        """The resource did not take a token: the next ask gets another one."""
        try:
            key = self._key(ask)
        except ServiceError:
            return  # provider or identity are gone, and the token with them
        if self._kept.drop_machine(key, token.access_token):
            return
        kept = self._kept.person(key)
        if kept is not None and kept.access_token == token.access_token:
            ended = KeptToken("", kept.refresh_token, 0.0, kept.provider_arn) if kept.refresh_token else None
            self._later(self._kept.keep_person(key, ended))

    def changed(self, change: Change) -> None:
        """Listens to the control plane: tokens of a provider that has changed are gone."""
        if change.kind == "credential-provider" and change.action != "created":
            for key in self._kept.of_provider(change.identifier):
                self._later(self._kept.keep_person(key, None))

    # --- machines

    async def _machine(self, ask: TokenAsk, key: str) -> KeptToken:
        provider = await self._providers.get(ask.provider_arn)
        now = self._clock.time()
        work = self._grants.client_credentials if ask.flow == "M2M" else self._grants.on_behalf
        token = KeptToken.of(await work(provider, ask), provider.arn, now)
        if self._key(ask) == key:  # else the provider has changed meanwhile
            self._kept.keep_machine(key, token)
        return token

    # --- people

    async def _federated(self, ask: TokenAsk) -> ResourceToken | ConsentNeeded:
        if not ask.user:
            raise validation(
                "USER_FEDERATION needs a workload access token for a user.",
                ("workloadIdentityToken", "must be from …ForJWT or …ForUserId"),
            )
        key = self._key(ask)
        if ask.force:
            return await self._asked(ask, key)
        consent = self._session(ask, key)
        if consent is None or not consent.forced or consent.status == "done":
            token = await self._asking.do(key, lambda: self._person(ask, key))
            if token is not None:
                return self._given(token, ask, "kept")
        if ask.session_uri:
            return self._under_way(consent)
        return await self._asked(ask, key)

    async def _asked(self, ask: TokenAsk, key: str) -> ConsentNeeded:
        """A new session, in which the person is asked."""
        record = self._providers.record(ask.provider_arn)
        self._check(ask)
        provider = await self._providers.get(ask.provider_arn)
        if not provider.server.authorization_endpoint:
            raise validation(f"The authorization server of {provider.name} has no authorization endpoint.")
        if not pkce.is_taken(provider.server.pkce, assumed=True):
            raise validation(
                f"The authorization server of {provider.name} names code challenge methods, but not S256."
            )
        if not provider.client_id:
            raise validation(f"USER_FEDERATION needs a clientId, which {provider.name} does not have.")
        consent = await self._consents.begin(ask, key, version(record))
        return ConsentNeeded(self._consents.url(consent), consent.uri)

    def _session(self, ask: TokenAsk, key: str) -> Consent | None:
        """The session that an ask names, if it is known. Raises ServiceError (400) for another's."""
        consent = self._consents.find(ask.session_uri) if ask.session_uri else None
        if consent is not None and consent.key != key:
            raise self._invalid_session()
        return consent

    async def _person(self, ask: TokenAsk, key: str) -> KeptToken | None:
        """The kept token, refreshed where it has to be; None when the person has to be asked."""
        kept = self._kept.person(key)
        if kept is None or self._kept.good(kept):
            return kept
        if not kept.refresh_token:
            if self._kept.good(kept, ahead=0.0):
                return kept
            await self._kept.keep_person(key, None)
            return None
        provider: Provider = await self._providers.get(ask.provider_arn)
        now = self._clock.time()
        try:
            grant = await self._grants.refresh(provider, ask, kept.refresh_token)
        except RefusedError as problem:
            if problem.oauth_code != "invalid_grant":
                raise
            await self._kept.keep_person(key, None)
            return None
        if self._key(ask) != key:  # the provider has changed meanwhile
            return None
        fresh = KeptToken.of(grant, provider.arn, now)
        await self._kept.keep_person(key, fresh)
        return fresh

    def _under_way(self, consent: Consent | None) -> ConsentNeeded:
        """What a session says of itself. Raises ServiceError (400) for one that is not known any more."""
        if consent is None:
            raise self._invalid_session()
        status: Literal["IN_PROGRESS", "FAILED"] = "IN_PROGRESS"
        if consent.status in ("failed", "done"):  # done, and its token is gone again
            status = "FAILED"
        url = self._consents.url(consent) if consent.status in ("waiting", "open") else ""
        return ConsentNeeded(url, consent.uri, status)

    def _invalid_session(self) -> ServiceError:
        text = self._table.invalid_session
        return validation(text, ("sessionUri", text))

    def _check(self, ask: TokenAsk) -> None:
        allowed = (*self._identity(ask.workload)["allowedResourceOauth2ReturnUrls"], *self._own_return_urls)
        if not ask.return_url or not allowed:
            raise validation(self._table.no_return_url, ("resourceOauth2ReturnUrl", "is required"))
        if ask.return_url not in allowed:
            message = f"The resourceOauth2ReturnUrl is not one of the workload identity {ask.workload}."
            raise validation(message, ("resourceOauth2ReturnUrl", message))
        asked = (*ask.scopes, *ask.resources, *ask.audiences, *(a + b for a, b in ask.custom_parameters))
        if sum(map(len, asked)) > MAX_ASKED:
            raise validation(f"Scopes and parameters have more than {MAX_ASKED} characters together.")

    # --- both

    def _key(self, ask: TokenAsk) -> str:
        """What a token is kept by. Raises ServiceError (404)."""
        identity = self._identity(ask.workload)
        record = self._providers.record(ask.provider_arn)
        own: list[object] = []
        if ask.flow != "USER_FEDERATION":
            own = [
                sorted(ask.custom_parameters),
                digest(ask.user_token) if ask.user_token else "",
                ask.principal if shows_principal(record) else "",
            ]
        return digest(
            ask.flow,
            ask.workload,
            identity["createdTime"],
            str(record["credentialProviderArn"]),
            version(record),
            ask.user if ask.flow != "M2M" else "",
            *(sorted(set(part)) for part in (ask.scopes, ask.resources, ask.audiences)),
            *own,
        )

    def _identity(self, name: str) -> Record:
        identity = self._identities.workload_identity(name)
        if identity is None:
            raise not_found(f"The workload identity {name} was not found.")
        return identity

    def _given(self, token: KeptToken, ask: TokenAsk, source: str) -> ResourceToken:
        identity = users.shown(ask.user) if ask.user and ask.flow != "M2M" else ask.workload
        return ResourceToken(token.access_token, identity, {"flow": ask.flow, "token": source})

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._stored)

    def _stored(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(task.exception(), SkerryError):
            _log.error("the vault cannot be written: %s", task.exception())


def _unusable(problem: RemoteError) -> ServiceError:
    return ServiceError("InternalServerException", 500, problem.message, hint=problem.hint)
