"""Outbound credentials: what the gateway shows to a target in place of the caller's token.

Source: AWS developer guide, gateway outbound authorization; RFC 8693 for the exchange. The caller's own
token goes to the token endpoint of the exchange and nowhere else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from skerry.auth import sigv4
from skerry.auth.oauth import Client, TokenSource
from skerry.errors import RemoteError
from skerry.local.gateway.outgoing import Credential, Outgoing, TargetError
from skerry.local.ports import Access, Clock, Credentials, Record, Resources
from skerry.wire.arn import Arn

_UNSIGNED = frozenset({"traceparent", "tracestate", "baggage"})


class IdentityTransport(Protocol):
    """HTTP towards identity providers; `auth.transport.Transport` is one."""

    async def fetch(self, url: str) -> bytes:
        """The body of a 200. Raises RemoteError."""
        ...

    async def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body of a form POST. Raises RemoteError."""
        ...


class OutboundCredentials:
    """Finds the credential that a target's configuration asks for.

    Temporary credentials of a gateway's role are made once per gateway and role and end with `close`;
    tokens are kept until shortly before their end.
    """

    def __init__(
        self, *, resources: Resources, access: Access, transport: IdentityTransport, clock: Clock, region: str
    ) -> None:
        self._resources = resources
        self._access = access
        self._transport = transport
        self._clock = clock
        self._region = region
        self._roles: dict[tuple[str, str], Credentials] = {}
        self._sources: dict[str, tuple[Client, TokenSource]] = {}
        self._kinds: dict[str, Callable[[Outgoing, Mapping[str, Any]], Awaitable[Credential]]] = {
            "GATEWAY_IAM_ROLE": self._role,
            "OAUTH": self._oauth,
        }

    async def authenticate(self, call: Outgoing) -> Credential:
        """The credential for one request. Raises TargetError when it cannot be had.

        What the REQUEST interceptor set counts before everything configured (AWS developer guide, header
        propagation).
        """
        if call.authorization:
            return Credential("none", "interceptor", {"authorization": call.authorization})
        configured = call.target.get("credentialProviderConfigurations") or ()
        if not configured:
            return await self._role(call, {}) if call.service else Credential()
        kind = configured[0].get("credentialProviderType")
        find = self._kinds.get(str(kind))
        if find is None:
            raise TargetError(
                f"The credential provider type {kind} is not served by this gateway.",
                hint=f"Served are: {', '.join(self._kinds)}, or none.",
            )
        return await find(call, _configuration(call.target))

    def close(self) -> None:
        """Ends the temporary credentials of every gateway."""
        while self._roles:
            self._access.revoke(self._roles.popitem()[1])
        self._sources.clear()

    def forget(self, gateway_id: str, *, but: str = "") -> None:
        """Ends the temporary credentials of a gateway, except those of the role `but`."""
        for key in [key for key in self._roles if key[0] == gateway_id and key[1] != but]:
            self._access.revoke(self._roles.pop(key))

    def refused(self, call: Outgoing, credential: Credential) -> None:
        """Drops a token that the target did not take, so that the next call gets a new one."""
        token = credential.headers.get("authorization", "").removeprefix("Bearer ")
        oauth = _configuration(call.target).get("oauthCredentialProvider") or {}
        known = self._sources.get(str(oauth.get("providerArn", "")))
        if known is not None and credential.kind == "jwt":
            known[1].forget(token)

    async def _role(self, call: Outgoing, configuration: Mapping[str, Any]) -> Credential:
        """A signature with the gateway's role."""
        iam = configuration.get("iamCredentialProvider") or {}
        service = iam.get("service") or call.service
        if not service:
            raise TargetError(
                "GATEWAY_IAM_ROLE needs iamCredentialProvider.service for this target.",
                hint="Use bedrock-agentcore for an MCP server in a Runtime.",
            )
        gateway_id, role = str(call.gateway["gatewayId"]), str(call.gateway["roleArn"])
        credentials = self._roles.get((gateway_id, role))
        name = f"gateway-{gateway_id}"[:64]
        if credentials is None:
            credentials = self._roles[gateway_id, role] = self._access.assume(role, name)
        headers = sigv4.sign(
            call.method,
            call.url,
            {key: value for key, value in call.headers.items() if key not in _UNSIGNED},
            call.body,
            credentials=credentials,
            region=str(iam.get("region") or call.region or self._region),
            service=str(service),
            now=self._clock.time(),
        )
        return Credential("sigv4", _assumed(role, name), headers, {"service": str(service)})

    async def _oauth(self, call: Outgoing, configuration: Mapping[str, Any]) -> Credential:
        """A bearer token of the configured provider, for the target's own audience."""
        oauth = configuration.get("oauthCredentialProvider") or {}
        client, source = self._source(str(oauth.get("providerArn", "")))
        custom = oauth.get("customParameters") or {}
        target = {
            "scope": " ".join(oauth.get("scopes") or ()),
            "audience": str(custom.get("audience", "")),
            "resource": str(custom.get("resource", "")),
        }
        grant = oauth.get("grantType") or "CLIENT_CREDENTIALS"
        detail = {"grant": str(grant), "audience": target["audience"] or target["resource"]}
        try:
            if grant == "TOKEN_EXCHANGE" and call.caller is not None:
                if call.caller.kind != "jwt" or not call.caller.token:
                    raise TargetError(
                        "TOKEN_EXCHANGE needs the bearer token of a caller, and this one has none.",
                        hint="Give the gateway a CUSTOM_JWT authorizer, or the target CLIENT_CREDENTIALS.",
                    )
                token = await source.exchange(call.caller.token, **target)
                identity = call.caller.name
                detail["actor"] = client.client_id
            elif grant in ("TOKEN_EXCHANGE", "CLIENT_CREDENTIALS"):
                token = await source.client_credentials(**target)
                identity = client.client_id
                detail["grant"] = "CLIENT_CREDENTIALS"
            else:
                raise TargetError(f"The grant type {grant} is not served by this gateway.")
        except RemoteError as problem:
            raise TargetError(f"No token for the target: {problem.message}", hint=problem.hint) from problem
        return Credential("jwt", identity, {"authorization": f"Bearer {token}"}, detail)

    def _source(self, arn: str) -> tuple[Client, TokenSource]:
        record = self._resources.credential_provider(arn)
        if record is None:
            raise TargetError(f"The credential provider {arn} does not exist.")
        client = _client(record)
        known = self._sources.get(arn)
        if known is None or known[0] != client:  # the provider was updated
            transport = self._transport
            source = TokenSource(client, post=transport.post, fetch=transport.fetch, clock=self._clock)
            known = self._sources[arn] = (client, source)
        return known


def _configuration(target: Record) -> Mapping[str, Any]:
    for configured in target.get("credentialProviderConfigurations") or ():
        found: Mapping[str, Any] = configured.get("credentialProvider") or {}
        return found
    return {}


def _client(record: Record) -> Client:
    return Client(
        client_id=str(record["clientId"]),
        client_secret=str(record["clientSecret"]),
        discovery_url=str(record["discoveryUrl"]),
    )


def _assumed(role: str, session_name: str) -> str:
    """The principal that calls with a role's temporary credentials."""
    arn = Arn.parse(role)
    name = arn.resource.rpartition("/")[2]
    return f"arn:{arn.partition}:sts::{arn.account}:assumed-role/{name}/{session_name}"
