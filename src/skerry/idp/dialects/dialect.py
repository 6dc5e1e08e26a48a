"""The table row that each dialect fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from skerry.auth.jwt import dialects
from skerry.idp.form import Form
from skerry.idp.issuance import Issuance, Stamp
from skerry.idp.realms import Realm

Claims = dict[str, Any]
Discovery = Literal["all", "openid"]
DISCOVERY: tuple[Discovery, ...] = ("all", "openid")

PROTOCOL_CLAIMS = frozenset(
    {"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "act", "may_act", "azp", "cnf"}
    | {"auth_time", "nonce", "acr", "amr", "at_hash", "c_hash", "sid", "events", "token_use"}
)
"""Claims with a meaning of their own (RFC 7519, 8693, 9068, OpenID Connect); never custom ones."""

RETURN = "post_logout_redirect_uri"
"""Where people go after signing out (RP-Initiated Logout 1.0 section 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where the endpoints of an issuer are, as paths on the provider's origin.

    What stands at a host of its own in the real service stands below a path of its own here. Empty means that
    such an issuer has no such endpoint. The pages for people are beside `authorize`. `logout` is where
    clients send people to sign out; `login` and `other_logout` are second doors to the sign-in and its end.
    """

    token: str
    authorize: str
    keys: str
    userinfo: str
    revoke: str
    introspect: str
    device: str
    register: str
    logout: str
    login: str = ""
    other_logout: str = ""

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
            logout=f"{base}/logout",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Logout:
    """How a client sends people to sign out, where that differs from RP-Initiated Logout 1.0.

    `words` are the provider's own names of parameters, each with that of OpenID Connect. With
    `by_redirect_uri` people may return to any registered redirect URI, with `sign_in_again` an authorization
    request in the link is what comes next.
    """

    words: Mapping[str, str] = field(default_factory=dict)
    by_redirect_uri: bool = False
    sign_in_again: bool = False


def _as_it_is(form: Form) -> Form:
    """A token request of a provider without words of its own."""
    return form


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one kind of issuer writes its tokens.

    `path` turns a realm into the path of its issuer, `paths` that into its endpoints. `discovery` says where
    the metadata is: at `all` three well-known places, or only where OpenID Connect has it (`openid`).
    `access_type` is the `typ` header of an access token and `identity_type` that of an ID token, None for
    none. `needs_audience` says whether an access token must have an `aud` even when the request named no
    resource. `grants` are the grant types that such an issuer offers. `access` and `identity` give the
    claims of an access token and of an ID token. `verified_as` is how verifiers know its access tokens.
    `reserved` and `reserved_prefix` are claim names that no configuration may set.

    `default_audience` is that of tokens for clients without audiences, `groups_claim` where the groups of a
    person stand. `read` turns a token request in the provider's own words into that of the RFCs, `plain` the
    claims of an access token into those of RFC 9068, with a person's id as `sub` and, where the token has it,
    the name as `preferred_username`. `logout` is its way out.
    """

    name: str
    path: Callable[[Realm], str]
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
    discovery: Discovery = "all"
    default_audience: str = ""
    groups_claim: str = "groups"
    read: Callable[[Form], Form] = _as_it_is
    plain: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict
    logout: Logout = Logout()

    def is_reserved(self, claim: str) -> bool:
        """Whether `claim` belongs to the protocol, so that a configuration must not set it."""
        by_prefix = bool(self.reserved_prefix) and claim.startswith(self.reserved_prefix)
        return by_prefix or claim in self.reserved


def audience(values: tuple[str, ...]) -> str | list[str]:
    """The `aud` of one resource is a string, of several a list (RFC 7519 section 4.1.3)."""
    return values[0] if len(values) == 1 else list(values)


def openid(issuance: Issuance, stamp: Stamp) -> Claims:
    """What every ID token has (OpenID Connect Core section 2), after the person's own claims."""
    claims: Claims = {
        **issuance.claims,
        **issuance.identity,
        "iss": stamp.issuer,
        "sub": issuance.subject,
        "aud": issuance.client_id,
        "iat": stamp.now,
        "exp": stamp.now + issuance.lifetime,
        "auth_time": issuance.auth_time or stamp.now,
    }
    return claims | ({"nonce": issuance.nonce} if issuance.nonce else {})


def named(issuance: Issuance) -> Claims:
    """The name of the person, if it is one, as OpenID Connect calls it (Core section 5.1)."""
    return {"preferred_username": issuance.username} if issuance.username else {}
