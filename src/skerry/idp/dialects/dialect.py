"""The table row that each dialect fills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from skerry.auth import dialects
from skerry.idp.issuance import Issuance, Stamp

Claims = dict[str, Any]

PROTOCOL_CLAIMS = frozenset(
    {"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "act", "may_act", "azp", "cnf"}
    | {"auth_time", "nonce", "acr", "amr", "at_hash", "c_hash", "sid", "events", "token_use"}
)
"""Claims with a meaning of their own (RFC 7519, 8693, 9068, OpenID Connect); never custom ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where the endpoints of an issuer are, as paths on the provider's origin.

    Empty means that such an issuer has no such endpoint. The pages for people are beside `authorize`.
    """

    token: str
    authorize: str
    keys: str
    userinfo: str
    revoke: str
    introspect: str
    device: str
    register: str

    def page(self, name: str) -> str:
        """The path of a page for people, such as `sign-in`."""
        return f"{self.pages}/{name}"

    @property
    def pages(self) -> str:
        """The folder that holds the pages for people, and nothing of another issuer."""
        return self.authorize.rpartition("/")[0]

    @classmethod
    def below(cls, issuer_path: str) -> Paths:
        """The endpoints below the issuer's own path, with Cognito's names where it has them."""
        base = f"{issuer_path}/oauth2"
        return cls(
            token=f"{base}/token",
            authorize=f"{base}/authorize",
            keys=f"{issuer_path}/.well-known/jwks.json",
            userinfo=f"{base}/userInfo",
            revoke=f"{base}/revoke",
            introspect=f"{base}/introspect",
            device=f"{base}/device",
            register=f"{base}/register",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one kind of issuer writes its tokens.

    `path` turns a realm's name into the path of its issuer, `paths` that into its endpoints.
    `access_type` is the `typ` header of an access token and `identity_type` that of an ID token, None for
    none. `needs_audience` says whether an access token must have an `aud` even when the request named no
    resource. `grants` are the grant types that such an issuer offers. `access` and `identity` give the
    claims of an access token and of an ID token. `verified_as` is how verifiers know its access tokens.
    `reserved` and `reserved_prefix` are claim names that no configuration may set. `groups_claim` is where
    the groups of a person stand.
    """

    name: str
    path: Callable[[str], str]
    access_type: str | None
    identity_type: str | None
    needs_audience: bool
    grants: frozenset[str]
    access: Callable[[Issuance, Stamp], Claims]
    identity: Callable[[Issuance, Stamp], Claims]
    verified_as: dialects.Dialect
    paths: Callable[[str], Paths] = Paths.below
    reserved: frozenset[str] = PROTOCOL_CLAIMS
    reserved_prefix: str = ""
    groups_claim: str = "groups"

    def is_reserved(self, claim: str) -> bool:
        """Whether `claim` belongs to the protocol, so that a configuration must not set it."""
        by_prefix = bool(self.reserved_prefix) and claim.startswith(self.reserved_prefix)
        return by_prefix or claim in self.reserved


def audience(values: tuple[str, ...]) -> str | list[str]:
    """The `aud` of one resource is a string, of several a list (RFC 7519 section 4.1.3)."""
    return values[0] if len(values) == 1 else list(values)
