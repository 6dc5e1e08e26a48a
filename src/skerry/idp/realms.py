"""Realms and their clients: what the provider knows, as frozen records.

A realm is one issuer with its own keys, dialect and clients. `configuration.py` reads realms from a
file and checks them; these records may also be built in Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from skerry.idp.passwords import secret_digest
from skerry.idp.triggers.declared import Trigger

AUTHORIZATION_CODE = "authorization_code"
CLIENT_CREDENTIALS = "client_credentials"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a name of RFC 6749
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a name of RFC 8693

GRANT_TYPES: Mapping[str, str] = {
    "client_credentials": CLIENT_CREDENTIALS,
    "token-exchange": TOKEN_EXCHANGE,
    "jwt-bearer": JWT_BEARER,
    "authorization_code": AUTHORIZATION_CODE,
    "refresh_token": REFRESH_TOKEN,
    "device_code": DEVICE_CODE,
}
"""Every grant by its short name, which a configuration may use: those of `grants`."""

ALGORITHMS = ("RS256", "ES256")
"""How a realm may sign."""

CONFIDENTIAL_GRANTS = frozenset({CLIENT_CREDENTIALS, JWT_BEARER, TOKEN_EXCHANGE})
"""What only a client that proves itself may use: nothing else in the request does (RFC 6749 section 4.4)."""

SECRET_METHODS = ("client_secret_basic", "client_secret_post")
"""How a client may present its secret (RFC 6749 section 2.3.1, names of RFC 7591 section 2)."""
PUBLIC, KEY_METHOD = "none", "private_key_jwt"
"""Methods without a secret: a public client, and one that signs with a key of its own (RFC 7523)."""

ASSERTION_ALGORITHMS = ("RS256", "PS256", "ES256")
"""How clients and trusted issuers may sign: never `none`, never a shared secret (RFC 8725 section 3.1)."""

Registration = Literal["off", "open", "token"]
"""Who may register clients (RFC 7591): nobody, everybody, or who has an initial access token."""
REGISTRATIONS: tuple[Registration, ...] = ("off", "open", "token")

POOL_SCOPES = ("openid", "email", "phone", "profile", "aws.cognito.signin.user.admin")
"""Scopes that a Cognito user pool has by itself (AWS, "Scopes, M2M, and resource servers")."""

Source = Literal["configured", "added", "registered", "document"]
"""Who made a client: the realm's file, `skerry idp clients add`, itself, or a document at its id (CIMD)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An OAuth client.

    `scopes` and `audiences` are what it may ask for (an audience `URL/*` is every URL below); without a
    `resource` or `audience` in the request its token is for `default_audience`, or else for the first of
    `audiences`. `claims` go into each of its tokens. `token_endpoint_auth_method` empty means: Basic or
    in the body.

    For token exchange (RFC 8693): `own_audiences` are the names this client answers to, so that it may
    present subject tokens issued for them; `may_exchange` are the backends it may get tokens for.

    For people (RFC 6749 section 4.1): `redirect_uris` are where codes may go, `post_logout_redirect_uris`
    where people may go after signing out, compared exactly; `name` is what the consent page shows; a
    `trusted` client needs no consent. `secret` is known of clients in the file only, of others
    `secret_digest`. `jwks` or `jwks_uri` hold the public keys of `private_key_jwt`;
    `token_endpoint_auth_signing_alg` is the algorithm it signs with, empty for any that its keys fit.

    For enterprise-managed authorization: `id_jag_audiences` are the authorization servers that it may get
    identity assertions for (an issuer URL, or a realm of this provider), each with the client's id there.
    `registration` is what RFC 7592 needs of a registered client.
    """

    id: str
    secret: str = field(default="", repr=False)
    secret_digest: str = field(default="", repr=False)
    name: str = ""
    grants: tuple[str, ...] = (CLIENT_CREDENTIALS,)
    scopes: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    default_audience: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    own_audiences: tuple[str, ...] = ()
    may_exchange: tuple[str, ...] = ()
    token_endpoint_auth_method: str = ""
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    application_type: str = "web"
    jwks: Mapping[str, Any] = field(default_factory=dict)
    jwks_uri: str = ""
    token_endpoint_auth_signing_alg: str = ""
    id_jag_audiences: Mapping[str, str] = field(default_factory=dict)
    trusted: bool = False
    registration: Mapping[str, Any] = field(default_factory=dict, repr=False)
    source: Source = "configured"

    @property
    def is_public(self) -> bool:
        """Whether it has nothing to prove itself with (RFC 6749 section 2.1)."""
        return self.token_endpoint_auth_method == PUBLIC

    @property
    def digest(self) -> str:
        """The digest of its secret; empty for a client without one."""
        return secret_digest(self.secret) if self.secret else self.secret_digest

    @property
    def usual_audience(self) -> str:
        """The audience of a token when the request names none; empty when there is none."""
        return self.default_audience or next((name for name in self.audiences if name[-2:] != "/*"), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person of a realm. `id` is the `sub` of tokens and never changes; `name` is what one signs in with.

    `claims` go into ID tokens and userinfo, such as `email`; `groups` too, as the dialect has them.
    `access_claims` go into access tokens, such as a tenant. Of the password only its digest is known; empty
    means that nobody can sign in.
    """

    id: str
    name: str
    password_digest: str = field(default="", repr=False)
    groups: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    access_claims: Mapping[str, Any] = field(default_factory=dict)
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """Whose identity assertions count in a realm.

    `subjects` say which of its subjects are people of the realm: their names, by `sub`. All others get a
    subject of their own here, so that no issuer speaks for the people of another.
    """

    subjects: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Realm:
    """An issuer: its name, dialect, clients and keys' algorithm.

    `path` is the issuer's path; empty means the one that the dialect gives to `name`. `scopes` and
    `resources` bound what clients may be given; empty means whatever the clients declare. `lifetime`
    is that of access tokens in seconds, `refresh_lifetime` that of a sign-in as a whole, `code_lifetime` that
    of an authorization code; `algorithm` is RS256 or ES256. `users` are the declared ones, by name. `approve`
    names one of them who signs in and consents without being asked: for unattended tests only.

    Clients beside the declared ones: with `client_documents` a client id may be the URL of a document (CIMD),
    of this machine only from `loopback_origins`; `registration` says who may register one, and
    `registration_lifetime` how many seconds one is kept that was never used. They may ask for
    `registered_audiences`; where there are none for `resources`, or what declared clients may ask for.
    `trusted_issuers` are those whose identity assertions count, by URL or by the name of a realm of this
    provider.

    `discovery` is where the metadata is (`all` places or the `openid` one; empty: the dialect's way). For
    Entra: `tenant` is the tenant's id. For Cognito: `resource_servers` have scopes by their identifier,
    `group_roles` are IAM roles by group in the order of precedence, `trigger` is the function that may change
    tokens before they are made.
    """

    name: str
    clients: Mapping[str, Client]
    dialect: str = "oauth"
    path: str = ""
    scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    lifetime: int = 3600
    refresh_lifetime: int = 30 * 86_400
    code_lifetime: int = 60
    algorithm: str = "RS256"
    users: Mapping[str, User] = field(default_factory=dict)
    client_documents: bool = False
    loopback_origins: tuple[str, ...] = ()
    registration: Registration = "off"
    registration_lifetime: int = 86_400
    registered_audiences: tuple[str, ...] = ()
    trusted_issuers: Mapping[str, TrustedIssuer] = field(default_factory=dict)
    approve: str = ""
    discovery: str = ""
    tenant: str = ""
    resource_servers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group_roles: Mapping[str, str] = field(default_factory=dict)
    trigger: Trigger | None = None

    @property
    def all_scopes(self) -> tuple[str, ...]:
        """Every scope of the realm, in the order of declaration.

        With resource servers: theirs, as `orders/read`, and those that every Cognito pool has.
        """
        if self.resource_servers:
            served = [f"{name}/{scope}" for name, found in self.resource_servers.items() for scope in found]
            return _distinct((self.scopes, served, POOL_SCOPES))
        return self.scopes or _distinct(client.scopes for client in self.clients.values())

    @property
    def all_resources(self) -> tuple[str, ...]:
        """Every audience that a token of this realm can have."""
        declared = [
            (*client.audiences, *client.own_audiences, *client.may_exchange)
            for client in self.clients.values()
        ]
        return self.resources or _distinct([*declared, self.registered_audiences])

    @property
    def open_resources(self) -> tuple[str, ...]:
        """What clients that nobody declared may ask for: never a backend that is reached by exchange only."""
        declared = _distinct(client.audiences for client in self.clients.values())
        return self.registered_audiences or self.resources or declared


def _distinct(groups: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for group in groups for item in group))
