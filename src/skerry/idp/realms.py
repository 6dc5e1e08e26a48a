"""Realms and their clients: what the provider knows, as frozen records.

A realm is one issuer with its own keys, dialect and clients. `configuration.py` reads realms from a
file and checks them; these records may also be built in Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CLIENT_CREDENTIALS = "client_credentials"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a name of RFC 8693

SECRET_METHODS = ("client_secret_basic", "client_secret_post")
"""How a client may present its secret (RFC 6749 section 2.3.1, names of RFC 7591 section 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An OAuth client.

    `scopes` and `audiences` are what it may ask for; without a `resource` or `audience` in the
    request its token is for `default_audience`, or else for the first of `audiences`. `claims` go into
    each of its tokens. `token_endpoint_auth_method` empty means: Basic or in the body.

    For token exchange (RFC 8693): `own_audiences` are the names this client answers to, so that it may
    present subject tokens issued for them; `may_exchange` are the backends it may get tokens for.
    """

    id: str
    secret: str = field(repr=False)
    grants: tuple[str, ...] = (CLIENT_CREDENTIALS,)
    scopes: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    default_audience: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    own_audiences: tuple[str, ...] = ()
    may_exchange: tuple[str, ...] = ()
    token_endpoint_auth_method: str = ""

    @property
    def usual_audience(self) -> str:
        """The audience of a token when the request names none; empty when there is none."""
        return self.default_audience or next(iter(self.audiences), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Realm:
    """An issuer: its name, dialect, clients and keys' algorithm.

    `path` is the issuer's path; empty means the one that the dialect gives to `name`. `scopes` and
    `resources` bound what clients may be given; empty means whatever the clients declare. `lifetime`
    is that of access tokens in seconds, `algorithm` RS256 or ES256.
    """

    name: str
    clients: Mapping[str, Client]
    dialect: str = "oauth"
    path: str = ""
    scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    lifetime: int = 3600
    algorithm: str = "RS256"

    @property
    def all_scopes(self) -> tuple[str, ...]:
        """Every scope of the realm, in the order of declaration."""
        return self.scopes or _distinct(client.scopes for client in self.clients.values())

    @property
    def all_resources(self) -> tuple[str, ...]:
        """Every audience that a token of this realm can have."""
        return self.resources or _distinct(
            (*client.audiences, *client.own_audiences, *client.may_exchange)
            for client in self.clients.values()
        )


def _distinct(groups: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for group in groups for item in group))
