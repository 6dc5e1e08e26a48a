"""Requests to a token endpoint: one function per grant, and what comes back.

An error of the server goes on as its code alone: a description may repeat what was sent.

Sources: RFC 6749 §2.3.1, §4.1.3, §4.4.2 and §6; RFC 7523 §2.1 and §2.2; RFC 7636 §4.5; RFC 8693 §2.1; RFC
8707 §2.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from skerry.auth.oauth import ACCESS_TOKEN, EXCHANGE, OAuthError, basic, granted
from skerry.errors import RemoteError, ServiceError, validation
from skerry.local.identity.assertions import TYPE, Assertions
from skerry.local.identity.assumptions import Assumptions
from skerry.local.identity.providers import POST, WEB_IDENTITY, Provider
from skerry.local.ports.tokens import TokenAsk

Form = Mapping[str, str | Sequence[str]]
WebIdentity = Callable[[str, str], Awaitable[str]]
"""`WebIdentities.token`: for a principal and an audience. Raises ServiceError."""

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MAX_TOKEN = 131_072
"""Characters of a token: service model, AccessTokenType."""
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MICROSOFT = "MicrosoftOauth2"
_STANDARD = (
    "grant_type client_id client_secret client_assertion client_assertion_type scope resource audience code "
    "redirect_uri code_verifier refresh_token subject_token subject_token_type actor_token actor_token_type "
    "assertion requested_token_type response_type state code_challenge code_challenge_method request "
    "request_uri response_mode"
)
RESERVED = frozenset(_STANDARD.split())
"""Parameters of the standard flows: custom ones never take their place (service model, customParameters)."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token endpoint gave. `lifetime` is in seconds, 0 when it is not known."""

    access_token: str = field(repr=False)
    lifetime: float
    refresh_token: str = field(default="", repr=False)


_HINTS: Mapping[str, str] = {
    "invalid_client": "Check client id, secret or key, and clientAuthenticationMethod of the provider.",
    "invalid_scope": "Check the scopes that are asked for.",
    "unauthorized_client": "The client must be allowed this grant at the authorization server.",
    "unsupported_grant_type": "The authorization server does not know this flow.",
}


class RefusedError(ServiceError):
    """An authorization server refused. `oauth_code` is its code, such as `invalid_grant`."""

    def __init__(self, provider: str, oauth_code: str, status: int) -> None:
        super().__init__(
            "ValidationException",
            status,
            f"The authorization server of {provider} refused: {oauth_code}",
            hint=_HINTS.get(oauth_code, ""),
            members={"reason": "FieldValidationFailed"},
        )
        self.oauth_code = oauth_code


class Grants:
    """Asks token endpoints.

    Every method raises ServiceError: a refusal, or no answer that can be used.
    """

    def __init__(self, assertions: Assertions, web_identity: WebIdentity, table: Assumptions) -> None:
        self._assertions = assertions
        self._web_identity = web_identity
        self._table = table

    async def client_credentials(self, provider: Provider, ask: TokenAsk) -> Grant:
        """A token for the client itself."""
        form: Form = {**custom(ask), "grant_type": "client_credentials", **_target(ask)}
        return await self._ask(provider, form, ask.principal)

    async def code(self, provider: Provider, ask: TokenAsk, code: str, verifier: str) -> Grant:
        """The token of an authorization code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": provider.callback_url,
            "code_verifier": verifier,
        }
        return await self._ask(provider, form | _resources(ask), ask.principal)

    async def refresh(self, provider: Provider, ask: TokenAsk, token: str) -> Grant:
        """A fresh token for a refresh token; without a new one the old refresh token stays good."""
        form = {"grant_type": "refresh_token", "refresh_token": token}
        grant = await self._ask(provider, form | _resources(ask), ask.principal)
        return grant if grant.refresh_token else Grant(grant.access_token, grant.lifetime, token)

    async def on_behalf(self, provider: Provider, ask: TokenAsk) -> Grant:
        """A token for the person whose own token is `ask.user_token`, by the provider's way of exchange."""
        kind = provider.on_behalf.get("grantType") or _default_kind(provider)
        if kind == "JWT_AUTHORIZATION_GRANT":
            form: dict[str, str] = {"grant_type": JWT_BEARER, "assertion": ask.user_token}
            if provider.vendor == _MICROSOFT:
                form |= {"requested_token_use": "on_behalf_of"}
        else:
            form = {
                "grant_type": EXCHANGE,
                "subject_token": ask.user_token,
                "subject_token_type": self._table.subject_token_type,
                "requested_token_type": ACCESS_TOKEN,
                **await self._actor(provider, ask.principal),
            }
        anonymous = (provider.on_behalf.get("onBehalfOfAuthenticationConfig") or {}).get(
            "clientAuthenticationMethod"
        ) == "NO_CLIENT"
        whole = {**custom(ask), **form, **_target(ask)}
        return await self._ask(provider, whole, ask.principal, anonymous=anonymous)

    async def _actor(self, provider: Provider, principal: str) -> dict[str, str]:
        """The actor's part of an exchange (RFC 8693 §2.1)."""
        rules = provider.on_behalf.get("tokenExchangeGrantTypeConfig") or {}
        content = rules.get("actorTokenContent", "NONE")
        if content == "NONE":
            return {}
        if content == WEB_IDENTITY:
            token = await self._web_identity(principal, provider.server.token_endpoint)
            return {"actor_token": token, "actor_token_type": self._table.web_identity_token_type}
        form: dict[str, str] = {"grant_type": "client_credentials"}
        if rules.get("actorTokenScopes"):
            form["scope"] = " ".join(rules["actorTokenScopes"])
        actor = await self._ask(provider, form, principal)
        return {"actor_token": actor.access_token, "actor_token_type": ACCESS_TOKEN}

    async def _ask(self, provider: Provider, form: Form, principal: str, *, anonymous: bool = False) -> Grant:
        proof, headers = ({}, {}) if anonymous else await self._proof(provider, principal)
        form, headers = {**form, **proof}, {"Accept": "application/json", **headers}
        try:
            status, body = await provider.http.post(provider.server.token_endpoint, form, headers)
            data = granted(status, body)
        except (RemoteError, OSError) as problem:
            raise self._failed(provider, problem) from problem
        refresh = data.get("refresh_token")
        if len(data["access_token"]) > MAX_TOKEN:
            raise self._failed(provider, RemoteError("its token is too long"))
        usable = isinstance(refresh, str) and len(refresh) <= MAX_TOKEN
        return Grant(data["access_token"], data["expires_in"], str(refresh) if usable else "")

    async def _proof(self, provider: Provider, principal: str) -> tuple[dict[str, str], dict[str, str]]:
        """By what the client proves itself: parameters and headers. Raises ServiceError."""
        client_id, endpoint = provider.client_id, provider.server.token_endpoint
        if provider.method == WEB_IDENTITY:
            token = await self._web_identity(principal, endpoint)
            named = {"client_id": client_id} if client_id else {}
            return {**named, "client_assertion_type": TYPE, "client_assertion": token}, {}
        if provider.private_key is not None:
            assertion = await self._assertions.make(provider.private_key, client_id, endpoint)
            proof = {"client_assertion_type": TYPE, "client_assertion": assertion}
            return {"client_id": client_id, **proof}, {}
        if provider.method == POST:
            return {"client_id": client_id, "client_secret": provider.client_secret}, {}
        return {}, {"Authorization": basic(client_id, provider.client_secret)}

    def _failed(self, provider: Provider, problem: Exception) -> ServiceError:
        """What the caller hears; the text holds nothing that the server wrote but a code."""
        if isinstance(problem, OAuthError) and problem.status < 500 and problem.status != 429:
            code = problem.error if _CODE.fullmatch(problem.error) else f"status {problem.status}"
            return RefusedError(provider.name, code, self._table.refusal_status)
        return ServiceError(
            "InternalServerException",
            500,
            f"The authorization server of {provider.name} gave no usable answer.",
            hint="Try again; if it stays so, look at its log and at the provider's endpoints.",
        )


def custom(ask: TokenAsk) -> dict[str, str]:
    """Custom parameters, without those of the standard flows."""
    return {name: value for name, value in ask.custom_parameters if name not in RESERVED}


def _resources(ask: TokenAsk) -> dict[str, str | Sequence[str]]:
    return {"resource": ask.resources} if ask.resources else {}


def _target(ask: TokenAsk) -> dict[str, str | Sequence[str]]:
    found = _resources(ask)
    if ask.scopes:
        found["scope"] = " ".join(ask.scopes)
    if ask.audiences:
        found["audience"] = ask.audiences
    return found


def _default_kind(provider: Provider) -> str:
    if provider.vendor == _MICROSOFT:
        return "JWT_AUTHORIZATION_GRANT"
    raise validation(
        f"The credential provider {provider.name} has no onBehalfOfTokenExchangeConfig.",
        ("oauth2Flow", "needs a provider with onBehalfOfTokenExchangeConfig"),
    )
