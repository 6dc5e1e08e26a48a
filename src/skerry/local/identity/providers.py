"""OAuth2 credential providers as the vault needs them: a client, and where its authorization server is.

Metadata is fetched with limits and kept for a while; an endpoint that is neither https nor on this machine is
not used, wherever it is named. Sources: botocore service model, `Oauth2ProviderConfigInput`; RFC 8414.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skerry.auth.discovery import MAX_DOCUMENT, discovery_urls, is_safe, may_name
from skerry.auth.http.outside import Http
from skerry.auth.json_object import json_object
from skerry.errors import RemoteError, SkerryError, not_found, validation
from skerry.local.http.reach import Reach
from skerry.local.identity.assertions import PrivateKey
from skerry.local.identity.shared import Shared
from skerry.local.ports.resources import Record, Resources
from skerry.local.ports.running import Clock
from skerry.local.ports.secrets import FetchSecret, SecretReference

MAX_AGE = 600.0
"""Seconds that metadata serves before it is fetched again."""
MAX_KEPT = 256
BASIC, POST = "client_secret_basic", "client_secret_post"
WEB_IDENTITY = "AWS_IAM_ID_TOKEN_JWT"
_METHODS = {"CLIENT_SECRET_BASIC": BASIC, "CLIENT_SECRET_POST": POST, WEB_IDENTITY: WEB_IDENTITY}


@dataclass(frozen=True, slots=True)
class Server:
    """An authorization server: its issuer and endpoints, and how clients may prove themselves.

    `sends_iss` is RFC 9207's; `methods` and `pkce`, the code challenge methods, are empty where nothing is
    said of them.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    methods: tuple[str, ...] = ()
    sends_iss: bool = False
    pkce: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A credential provider with its secret, or the key that it has in its place.

    `version` changes with every update. The `method` WEB_IDENTITY is a token of who asks in IAM. `http`
    reaches its server.
    """

    arn: str
    name: str
    vendor: str
    version: str
    client_id: str
    client_secret: str = field(repr=False)
    callback_url: str
    server: Server
    method: str = BASIC
    private_key: PrivateKey | None = None
    http: Http = field(repr=False, compare=False)
    on_behalf: Mapping[str, Any] = field(default_factory=dict)


class Providers:
    """Reads providers from the records, each time anew, and the metadata of their servers."""

    def __init__(
        self, *, resources: Resources, reach: Reach, fetch_secret: FetchSecret, clock: Clock
    ) -> None:
        self._resources = resources
        self._reach = reach
        self._fetch_secret = fetch_secret
        self._clock = clock
        self._kept: OrderedDict[tuple[str, Http], tuple[float, Server]] = OrderedDict()
        self._fetching: Shared[Server] = Shared()

    def record(self, arn: str) -> Record:
        """The record of a provider. Raises ResourceNotFoundException (404)."""
        record = self._resources.credential_provider(arn)
        if record is None:
            raise not_found(f"The credential provider {arn.rpartition('/')[2]} was not found.")
        return record

    async def get(self, arn: str) -> Provider:
        """The provider. Raises ServiceError for one that is not there, RemoteError without its metadata."""
        record = self.record(arn)
        configuration = record["configuration"]
        http = self._reach.http(configuration)
        server = await self._server(configuration["oauthDiscovery"], http)
        chosen = _METHODS.get(configuration.get("clientAuthenticationMethod", ""), "")
        key = configuration.get("privateKeyJwtConfig")
        method = chosen or (POST if server.methods and BASIC not in server.methods else BASIC)
        return Provider(
            arn=str(record["credentialProviderArn"]),
            name=str(record["name"]),
            vendor=str(record["credentialProviderVendor"]),
            version=version(record),
            client_id=str(record["clientId"]),
            client_secret="" if key or method == WEB_IDENTITY else await self._secret(record),
            callback_url=str(record["callbackUrl"]),
            server=server,
            method=method,
            private_key=PrivateKey.of(key) if key else None,
            http=http,
            on_behalf=configuration.get("onBehalfOfTokenExchangeConfig") or {},
        )

    async def _secret(self, record: Record) -> str:
        reference = record.get("clientSecretConfig")
        if reference is None:
            return str(record["clientSecret"])
        try:
            return await self._fetch_secret(SecretReference.of(reference))
        except SkerryError as problem:
            raise validation(f"The client secret cannot be read: {problem.message}") from problem

    async def _server(self, discovery: Mapping[str, Any], http: Http) -> Server:
        url = str(discovery.get("discoveryUrl", ""))
        if not url:
            return _checked(_configured(discovery["authorizationServerMetadata"]))
        kept = self._kept.get((url, http))
        if kept is not None and self._clock.monotonic() < kept[0] + MAX_AGE:
            return kept[1]
        return await self._fetching.do(f"{id(http)} {url}", lambda: self._discover(url, http))

    async def _discover(self, url: str, http: Http) -> Server:
        if not is_safe(url):
            raise RemoteError("The discovery URL is neither https nor on this machine.")
        try:
            body = await http.fetch(url)
        except OSError as error:
            raise RemoteError("The authorization server's metadata cannot be had.") from error
        server = _checked(described(body, url), by=url)
        self._kept[url, http] = (self._clock.monotonic(), server)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return server


def shows_principal(record: Record) -> bool:
    """Whether tokens of a provider depend on who asks in IAM: its client or its actor is that one."""
    configuration = record["configuration"]
    exchange = (configuration.get("onBehalfOfTokenExchangeConfig") or {}).get("tokenExchangeGrantTypeConfig")
    actor = (exchange or {}).get("actorTokenContent")
    return WEB_IDENTITY in (configuration.get("clientAuthenticationMethod"), actor)


def version(record: Record) -> str:
    """What changes with every update of a provider."""
    return f"{record['createdTime']} {record['lastUpdatedTime']}"


def described(body: bytes, url: str) -> Server:
    """The server of a metadata document that was fetched from `url` (RFC 8414 §3.2).

    Raises RemoteError for what is no such document, or is one of another issuer.
    """
    data = json_object(body) if len(body) <= MAX_DOCUMENT else None
    if data is None:
        raise RemoteError("The authorization server's metadata is not a JSON object.")
    issuer, token = data.get("issuer"), data.get("token_endpoint")
    authorization = data.get("authorization_endpoint", "")
    if not all(isinstance(value, str) for value in (issuer, token, authorization)):
        raise RemoteError("The authorization server's metadata names no issuer or no token endpoint.")
    assert isinstance(issuer, str)
    assert isinstance(token, str)
    if url not in _places(issuer):
        raise RemoteError("The authorization server's metadata names another issuer than its URL.")
    return Server(
        issuer,
        str(authorization),
        token,
        _words(data.get("token_endpoint_auth_methods_supported")),
        data.get("authorization_response_iss_parameter_supported") is True,
        _words(data.get("code_challenge_methods_supported")),
    )


def _words(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _places(issuer: str) -> tuple[str, ...]:
    try:
        return (*discovery_urls(issuer), f"{issuer.rstrip('/')}/.well-known/oauth-authorization-server")
    except SkerryError:
        return ()


def _configured(metadata: Mapping[str, Any]) -> Server:
    return Server(
        str(metadata["issuer"]),
        str(metadata["authorizationEndpoint"]),
        str(metadata["tokenEndpoint"]),
        tuple(metadata.get("tokenEndpointAuthMethods", ())),
    )


def _checked(server: Server, *, by: str = "") -> Server:
    """The server, when its endpoints may be used; a document from outside names none on this machine."""
    for endpoint in filter(None, (server.token_endpoint, server.authorization_endpoint)):
        if not (may_name(by, endpoint) if by else is_safe(endpoint)):
            raise RemoteError("An endpoint of the authorization server is neither https nor on its own side.")
    return server
