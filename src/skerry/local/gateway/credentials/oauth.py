"""OAUTH: bearer tokens for the target's own audience, by client credentials or token exchange.

Sources: AWS developer guide, gateway outbound authorization; RFC 8693 for the exchange.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.auth.http.outside import Http
from skerry.auth.oauth import Client, TokenSource
from skerry.errors import RemoteError
from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.credentials import external, vault_tokens
from skerry.local.gateway.credentials.vault_tokens import VaultTokens
from skerry.local.gateway.outgoing import Credential, Outgoing, TargetError
from skerry.local.http.reach import Reach
from skerry.local.ports.resources import Record, Resources
from skerry.local.ports.running import Clock
from skerry.local.ports.secrets import FetchSecret, SecretReference

_NAMED = ("audience", "resource")


class OAuthCredentials:
    """Gets tokens of credential providers and keeps each until shortly before its end."""

    def __init__(
        self,
        *,
        resources: Resources,
        reach: Reach,
        clock: Clock,
        table: Assumptions,
        vault: VaultTokens,
        fetch_secret: FetchSecret = external.none,
    ) -> None:
        self._vault = vault
        self._fetch_secret = fetch_secret
        self._resources = resources
        self._reach = reach
        self._clock = clock
        self._table = table
        self._sources: dict[str, tuple[Client, Http, TokenSource]] = {}

    async def credential(self, call: Outgoing, configuration: Mapping[str, Any]) -> Credential:
        """A bearer token of the configured provider. Raises TargetError when it cannot be had."""
        oauth = configuration.get("oauthCredentialProvider") or {}
        grant = self._grant(call, oauth)
        record = self._record(oauth)
        if vault_tokens.is_asked(record, grant):
            return await self._vault.credential(call, oauth, grant)
        client, source = await self._source(str(oauth.get("providerArn", "")), record)
        given = oauth.get("customParameters") or {}
        custom = {str(name): str(value) for name, value in given.items() if name not in _NAMED}
        wanted = {
            "scope": " ".join(oauth.get("scopes") or ()),
            "audience": str(given.get("audience", "")),
            "resource": str(given.get("resource", "")),
        }
        detail = {"grant": grant, "audience": wanted["audience"] or wanted["resource"]}
        try:
            if grant == "TOKEN_EXCHANGE" and call.caller is not None:
                if call.caller.kind != "jwt" or not call.caller.token:
                    raise TargetError(
                        "TOKEN_EXCHANGE needs the bearer token of a caller, and this one has none.",
                        hint="Give the gateway a CUSTOM_JWT authorizer, or the target CLIENT_CREDENTIALS.",
                    )
                token = await source.exchange(call.caller.token, custom=custom, **wanted)
                identity = call.caller.name
                detail["actor"] = client.client_id
            elif grant in ("TOKEN_EXCHANGE", "CLIENT_CREDENTIALS"):
                own = {} if grant == "TOKEN_EXCHANGE" else custom  # those of an exchange fit no other grant
                token = await source.client_credentials(custom=own, **wanted)
                identity = client.client_id
                detail["grant"] = "CLIENT_CREDENTIALS"
            else:
                raise TargetError(f"The grant type {grant} is not served by this gateway.")
        except RemoteError as problem:
            raise TargetError(f"No token for the target: {problem.message}", hint=problem.hint) from problem
        return Credential("jwt", identity, {"authorization": f"Bearer {token}"}, detail=detail)

    def refused(self, call: Outgoing, configuration: Mapping[str, Any], credential: Credential) -> None:
        """Drops a token that the target did not take."""
        oauth = configuration.get("oauthCredentialProvider") or {}
        grant = self._grant(call, oauth)
        record = self._resources.credential_provider(str(oauth.get("providerArn", "")))
        if record is not None and vault_tokens.is_asked(record, grant):
            self._vault.refused(call, oauth, grant, credential)
            return
        known = self._sources.get(str(oauth.get("providerArn", "")))
        if known is not None:
            known[2].forget(credential.headers.get("authorization", "").removeprefix("Bearer "))

    def close(self) -> None:
        """Forgets all tokens."""
        self._sources.clear()

    def _grant(self, call: Outgoing, oauth: Mapping[str, Any]) -> str:
        grant = str(oauth.get("grantType") or "CLIENT_CREDENTIALS")
        is_http = "http" in (call.target.get("targetConfiguration") or {})
        if is_http and grant == "TOKEN_EXCHANGE" and not self._table.http_token_exchange:
            return "CLIENT_CREDENTIALS"
        return grant

    def _record(self, oauth: Mapping[str, Any]) -> Record:
        arn = str(oauth.get("providerArn", ""))
        record = self._resources.credential_provider(arn)
        if record is None:
            raise TargetError(f"The credential provider {arn} does not exist.")
        return record

    async def _source(self, arn: str, record: Record) -> tuple[Client, TokenSource]:
        client = await self._client(record)
        transport = self._reach.http(record.get("configuration") or {})
        known = self._sources.get(arn)
        if known is None or known[0] != client or known[1] is not transport:  # the provider was updated
            source = TokenSource(client, post=transport.post, fetch=transport.fetch, clock=self._clock)
            known = self._sources[arn] = (client, transport, source)
        return known[0], known[2]

    async def _client(self, record: Record) -> Client:
        kept = record.get("clientSecretConfig")
        return Client(
            client_id=str(record["clientId"]),
            client_secret=str(record["clientSecret"])
            if kept is None
            else await external.secret(SecretReference.of(kept), self._fetch_secret),
            discovery_url=str(record["discoveryUrl"]),
            token_endpoint=str(record.get("tokenEndpoint", "")),
        )
