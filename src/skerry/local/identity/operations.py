"""The six operations: from validated input to output.

Source: botocore service model bedrock-agentcore; actions and resources: AWS service authorization reference.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from skerry.auth.jwt import tokens
from skerry.errors import SkerryError, access_denied, not_found, validation
from skerry.local import users
from skerry.local.identity import web_identity
from skerry.local.identity.settings import IdentitySettings
from skerry.local.identity.user_tokens import UserTokens
from skerry.local.identity.vault import Vault
from skerry.local.identity.workload_tokens import WorkloadToken, WorkloadTokens
from skerry.local.ports.callers import Caller
from skerry.local.ports.permissions import Ask, Notes, Permissions
from skerry.local.ports.resources import Resources
from skerry.local.ports.secrets import FetchSecret
from skerry.local.ports.tokens import ResourceToken, TokenAsk, WorkloadIdentities

DIRECTORY = "workload-identity-directory/default"
VAULT = "token-vault/default"

Keys = Mapping[str, tuple[str, ...]]
"""Condition keys in lower case, with their values."""
_CLAIMS = ("iss", "sub", "aud", "client_id", "scope")


@dataclass(slots=True)
class Asked:
    """One call: who made it, its input, and what the recorder shall know of it."""

    caller: Caller
    input: Mapping[str, Any]
    detail: dict[str, str] = field(default_factory=dict)
    iam: Notes = field(default_factory=list)


class Operations:
    """The operations by name, in `all`. Each raises ServiceError."""

    def __init__(
        self,
        *,
        identities: WorkloadIdentities,
        resources: Resources,
        workload_tokens: WorkloadTokens,
        user_tokens: UserTokens,
        vault: Vault,
        fetch_secret: FetchSecret,
        permissions: Permissions,
        settings: IdentitySettings,
    ) -> None:
        self._identities = identities
        self._resources = resources
        self._workload_tokens = workload_tokens
        self._user_tokens = user_tokens
        self._vault = vault
        self._fetch_secret = fetch_secret
        self._permissions = permissions
        self._settings = settings
        self.all: Mapping[str, Callable[[Asked], Awaitable[dict[str, Any]]]] = {
            "GetWorkloadAccessToken": self._for_nobody,
            "GetWorkloadAccessTokenForJWT": self._for_jwt,
            "GetWorkloadAccessTokenForUserId": self._for_user_id,
            "GetResourceOauth2Token": self._oauth2_token,
            "GetResourceApiKey": self._api_key,
            "CompleteResourceTokenAuth": self._complete,
        }

    # --- workload access tokens

    async def _for_nobody(self, asked: Asked) -> dict[str, Any]:
        name = await self._workload(asked, "GetWorkloadAccessToken", {})
        return {"workloadAccessToken": self._workload_tokens.issue(name)}

    async def _for_jwt(self, asked: Asked) -> dict[str, Any]:
        claims = _claims(asked.input["userToken"])
        name = await self._workload(asked, "GetWorkloadAccessTokenForJWT", claims)
        person = await self._user_tokens.caller(asked.input["userToken"])
        return {"workloadAccessToken": self._workload_tokens.issue(name, person)}

    async def _for_user_id(self, asked: Asked) -> dict[str, Any]:
        user = {"bedrock-agentcore:userid": (str(asked.input["userId"]),)}
        name = await self._workload(asked, "GetWorkloadAccessTokenForUserId", user)
        return {"workloadAccessToken": self._workload_tokens.issue(name, user_id=asked.input["userId"])}

    async def _workload(self, asked: Asked, action: str, context: Keys) -> str:
        """The name of the workload identity, for which the caller may have tokens."""
        name = str(asked.input["workloadName"])
        asked.detail["workload"] = name
        await self._check(asked, action, f"{DIRECTORY}/workload-identity/{name}", DIRECTORY, context=context)
        if self._identities.workload_identity(name) is None:
            raise not_found(f"The workload identity {name} was not found.")
        if self._settings.table.linked_refused and self._identities.is_linked(name):
            raise access_denied(self._settings.table.linked)
        return name

    # --- what they open

    async def _oauth2_token(self, asked: Asked) -> dict[str, Any]:
        given = asked.input
        holder = self._workload_tokens.read(given["workloadIdentityToken"])
        name = str(given["resourceCredentialProviderName"])
        resource = f"{VAULT}/oauth2credentialprovider/{name}"
        asked.detail |= {**_holder(holder), "provider": name, "flow": given["oauth2Flow"]}
        await self._check(asked, "GetResourceOauth2Token", resource, *self._of(holder.workload))
        provider_arn = self._settings.arn(resource)
        audience = await self._vault.web_identity_audience(provider_arn)
        if audience:
            await self._permissions.check(asked.caller, [web_identity.permission(audience)], asked.iam)
        answer = await self._vault.token(
            TokenAsk(
                provider_arn=provider_arn,
                workload=holder.workload,
                flow=given["oauth2Flow"],
                scopes=tuple(given["scopes"]),
                resources=tuple(given.get("resources", ())),
                audiences=tuple(given.get("audiences", ())),
                custom_parameters=tuple(given.get("customParameters", {}).items()),
                user=holder.user,
                user_token=holder.user_token,
                return_url=given.get("resourceOauth2ReturnUrl", ""),
                custom_state=given.get("customState", ""),
                session_uri=given.get("sessionUri", ""),
                force=given.get("forceAuthentication", False),
                principal=asked.caller.arn,
            )
        )
        if isinstance(answer, ResourceToken):
            asked.detail |= answer.detail
            return {"accessToken": answer.access_token}
        asked.detail["consent"] = answer.status
        link = {"authorizationUrl": answer.authorization_url} if answer.authorization_url else {}
        return {**link, "sessionUri": answer.session_uri, "sessionStatus": answer.status}

    async def _api_key(self, asked: Asked) -> dict[str, Any]:
        holder = self._workload_tokens.read(asked.input["workloadIdentityToken"])
        name = str(asked.input["resourceCredentialProviderName"])
        resource = f"{VAULT}/apikeycredentialprovider/{name}"
        asked.detail |= {**_holder(holder), "provider": name}
        await self._check(asked, "GetResourceApiKey", resource, *self._of(holder.workload))
        key = self._resources.api_key(self._settings.arn(resource))
        if key is None:
            raise not_found(f"The credential provider {name} was not found.")
        if not isinstance(key, str):
            try:
                key = await self._fetch_secret(key)
            except SkerryError as problem:
                raise validation(f"The API key cannot be read: {problem.message}") from problem
        return {"apiKey": key}

    async def _complete(self, asked: Asked) -> dict[str, Any]:
        who = asked.input["userIdentifier"]
        token = "userToken" in who
        context = _claims(who["userToken"]) if token else {"bedrock-agentcore:userid": (str(who["userId"]),)}
        await self._check(asked, "CompleteResourceTokenAuth", VAULT, DIRECTORY, context=context)
        if "userToken" in who:
            user = users.of_claims((await self._user_tokens.caller(who["userToken"])).claims)
        else:
            user = users.of_id(who["userId"])
        await self._vault.complete(asked.input["sessionUri"], user)
        return {}

    def _of(self, workload: str) -> tuple[str, ...]:
        return (VAULT, f"{DIRECTORY}/workload-identity/{workload}", DIRECTORY)

    async def _check(self, asked: Asked, action: str, *resources: str, context: Keys | None = None) -> None:
        named = f"bedrock-agentcore:{action}"
        asks = [Ask(named, self._settings.arn(resource), context or {}) for resource in resources]
        await self._permissions.check(asked.caller, asks, asked.iam)


def _claims(token: str) -> Keys:
    """The condition keys of a JWT that is not yet checked: it is before anything is given out for it."""
    try:
        claims = tokens.unverified_claims(token)
    except SkerryError:
        return {}
    found = {name: _texts(name, claims.get(name)) for name in _CLAIMS}
    return {f"bedrock-agentcore:inboundjwtclaim/{name}": values for name, values in found.items() if values}


def _texts(name: str, value: object) -> tuple[str, ...]:
    """The values of a claim; those of `scope` are separated by spaces."""
    if isinstance(value, str):
        return tuple(value.split()) if name == "scope" else (value,)
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _holder(token: WorkloadToken) -> dict[str, str]:
    """What hops say of who shows a workload access token."""
    chain = {"chain": " > ".join(token.chain)} if token.chain else {}
    return {"workload": token.workload, **chain}
