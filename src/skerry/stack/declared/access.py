"""Who may call, and how a gateway proves itself: the keys `authorizer` and `credentials` of skerry.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skerry.stack.declared.table import Table

GRANTS = ("client-credentials", "token-exchange")
PLAIN = ("", "iam", "none", "caller")
OWN_URL = "${url}"
"""The audience of clients that ask for tokens by the URL they were told (RFC 8707), as MCP wants it."""


@dataclass(frozen=True, slots=True)
class Authorizer:
    """Who may call: `iam` (SigV4), `jwt` (a token of `realm`, or of `discovery_url`), or `none`.

    `OWN_URL` among the audiences is the own URL of the runtime or gateway.
    """

    kind: str
    realm: str = ""
    discovery_url: str = ""
    audience: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a gateway proves itself to a target.

    `kind` is `none`, `iam`, `caller` (as whoever called), `oauth` with a client of a realm, `api-key` with a
    key that goes into a header or a query parameter, or empty for what fits the target.
    """

    kind: str
    realm: str = ""
    client: str = ""
    grant: str = "client-credentials"
    audience: str = ""
    scopes: tuple[str, ...] = ()
    api_key: str = field(default="", repr=False)
    header: str = ""
    query: str = ""
    prefix: str = ""


def authorizer(part: Table) -> Authorizer:
    """The key `authorizer` of a runtime or gateway. Raises ConfigurationError."""
    value = part.raw("authorizer", "iam")
    if value in ("iam", "none"):
        return Authorizer(kind=str(value))
    if not isinstance(value, Mapping):
        raise part.problem("authorizer", 'must be "iam", "none" or a table such as {realm = "desk"}')
    inner = Table(value, name=part.key("authorizer"), file=part.file)
    found = Authorizer(
        kind="jwt",
        realm=inner.text("realm", ""),
        discovery_url=inner.text("discovery_url", ""),
        audience=inner.texts("audience"),
        clients=inner.texts("clients"),
        scopes=inner.texts("scopes"),
    )
    if bool(found.realm) == bool(found.discovery_url):
        raise inner.problem("", "needs either realm or discovery_url")
    if not (found.audience or found.clients or found.scopes):
        raise inner.problem("", "needs at least one of audience, clients and scopes")
    inner.finish()
    return found


def credentials(part: Table) -> Credentials:
    """The key `credentials` of a target. Raises ConfigurationError."""
    value = part.raw("credentials", "")
    if value in PLAIN:
        return Credentials(kind=str(value))
    if not isinstance(value, Mapping):
        raise part.problem(
            "credentials", 'must be "iam", "caller", "none", or a table with realm and client, or api_key'
        )
    inner = Table(value, name=part.key("credentials"), file=part.file)
    if inner.has("api_key"):
        found = Credentials(
            kind="api-key",
            api_key=inner.text("api_key"),
            header=inner.text("header", ""),
            query=inner.text("query", ""),
            prefix=inner.text("prefix", ""),
        )
        if found.query and (found.header or found.prefix):
            raise inner.problem("query", "stands instead of header and prefix")
        if not found.api_key:
            raise inner.problem("api_key", 'is empty; write the key, or "${secrets.NAME}"')
    else:
        found = Credentials(
            kind="oauth",
            realm=inner.text("realm"),
            client=inner.text("client"),
            grant=inner.choice("grant", GRANTS, "client-credentials"),
            audience=inner.text("audience", ""),
            scopes=inner.texts("scopes"),
        )
    inner.finish()
    return found
