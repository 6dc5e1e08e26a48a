"""How the access tokens of each kind of issuer look: a table, one entry per dialect.

Sources: RFC 9068 (`oauth`); Amazon Cognito developer guide, "Understanding the access token" (`cognito`); the
providers' own documentation (`okta`, `entra`, `auth0`), not checked against live tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Claims = Mapping[str, Any]

_ID_TOKEN_MARKS = frozenset({"nonce", "at_hash", "c_hash", "s_hash"})
_LOGOUT_MARKS = frozenset({"events"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What an access token of one kind of issuer must show.

    `types` are the accepted `typ` values in lower case without `application/`; an empty string stands for a
    missing one. `equal` are claims with a fixed value, `present` claims that must be there, `any_of` claims
    of which one must be there, `forbidden` claims that only other kinds of tokens have. `audience` tells
    what shows that the token is meant for a resource: the claim `aud`, or the client that it was issued to.
    `advice` is the likely mistake behind a claim's wrong value, by claim and how that value begins.
    """

    name: str
    types: frozenset[str]
    equal: Mapping[str, str]
    present: frozenset[str] = frozenset()
    any_of: frozenset[str] = frozenset()
    forbidden: frozenset[str] = _LOGOUT_MARKS
    client: str = "client_id"
    audience: Literal["aud", "client"] = "aud"
    advice: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def hint(self, claim: str, value: object) -> str:
        """What to do about a claim's wrong value; empty when nothing is known of it."""
        text = value if isinstance(value, str) else ""
        return next(
            (said for (name, begin), said in self.advice.items() if name == claim and text.startswith(begin)),
            "",
        )


_SEND_ACCESS = "This looks like an ID token; send the access token."
_ENTRA_V1 = (
    "This is a v1.0 token, which the API gets until its manifest says requestedAccessTokenVersion: 2 "
    "(accessTokenAcceptedVersion before)."
)

_PLAIN_JWT = frozenset({"", "jwt"})

OAUTH = Dialect(
    name="oauth",
    types=frozenset({"at+jwt"}),
    equal={},
    present=frozenset({"client_id", "aud", "jti"}),
)
COGNITO = Dialect(
    name="cognito",
    types=_PLAIN_JWT,
    equal={"token_use": "access"},
    present=frozenset({"client_id"}),
    audience="client",
    advice={("token_use", "id"): _SEND_ACCESS},
)
OKTA = Dialect(
    name="okta",
    types=_PLAIN_JWT,
    equal={},
    present=frozenset({"cid", "aud"}),
    forbidden=_LOGOUT_MARKS | _ID_TOKEN_MARKS,
    client="cid",
)
ENTRA = Dialect(
    name="entra",
    types=_PLAIN_JWT,
    equal={"ver": "2.0"},
    present=frozenset({"azp", "aud"}),
    any_of=frozenset({"scp", "roles"}),
    forbidden=_LOGOUT_MARKS | _ID_TOKEN_MARKS,
    client="azp",
    advice={("ver", "1.0"): _ENTRA_V1, ("iss", "https://sts.windows.net/"): _ENTRA_V1},
)
AUTH0 = Dialect(
    name="auth0",
    types=_PLAIN_JWT,
    equal={},
    present=frozenset({"azp", "aud"}),
    forbidden=_LOGOUT_MARKS | _ID_TOKEN_MARKS,
    client="azp",
)
AUTH0_RFC9068 = replace(OAUTH, name="auth0-rfc9068")
AWS_AUTHORIZER = Dialect(
    name="aws-authorizer",
    types=_PLAIN_JWT | {"at+jwt"},
    equal={},
    advice={("iss", "https://sts.windows.net/"): _ENTRA_V1},
)
"""What AgentCore's customJWTAuthorizer takes for a token: no rule about its kind, so an ID token passes."""

DIALECTS: Mapping[str, Dialect] = {d.name: d for d in (OAUTH, COGNITO, OKTA, ENTRA, AUTH0, AUTH0_RFC9068)}


def scopes(claims: Claims) -> frozenset[str]:
    """The scopes of a token: the string `scope`, or `scp` as a list (Okta) or a string (Entra)."""
    return frozenset(scope_list(claims))


def scope_list(claims: Claims) -> tuple[str, ...]:
    """As `scopes`, in the order of the token."""
    found: list[str] = []
    for name in ("scope", "scp"):
        value = claims.get(name)
        if isinstance(value, str):
            found += value.split()
        elif isinstance(value, list):
            found += [item for item in value if isinstance(item, str)]
    return tuple(dict.fromkeys(found))


def audiences(claims: Claims) -> frozenset[str]:
    """The members of `aud`, which is a string or a list of strings."""
    value = claims.get("aud")
    if isinstance(value, str):
        return frozenset({value})
    return (
        frozenset(item for item in value if isinstance(item, str)) if isinstance(value, list) else frozenset()
    )
