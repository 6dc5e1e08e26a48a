"""What a gateway calls itself in OAuth discovery: its resource, and where the metadata of it stands.

Sources: RFC 9728 section 3 (the path of the resource is inserted after the well-known part); service model,
`DomainOverride`. With an override the names are those of the user's own domain, below which a gateway has
the paths that it has in AWS: `/mcp`, `/{targetName}/…`.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from skerry.auth.challenge import WELL_KNOWN
from skerry.errors import validation
from skerry.local.gateway.routes import header
from skerry.local.ports.asgi import Scope
from skerry.local.ports.resources import Record

DOMAIN_HEADER = b"x-amzn-bedrock-agentcore-gateway-domain"
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Address:
    """The URL of a protected resource, and the URL of its metadata."""

    resource: str
    metadata: str


def address(gateway: Record, tail: str, scope: Scope, endpoint: str) -> Address:
    """The address of the resource at the path `tail` below a gateway, as this client knows it.

    `endpoint` is that of the local stack. Raises ServiceError (400) for a domain that the gateway has not.
    """
    if gateway.get("domainOverride"):
        domain = chosen_domain(gateway, scope)
        place = "" if tail == "/mcp" else tail
        return Address(f"https://{domain}{tail}", f"https://{domain}{WELL_KNOWN}{place}")
    base = _base(scope, endpoint)
    path = f"/gateway/{gateway['gatewayId']}{tail}"
    return Address(f"{base}{path}", f"{base}{WELL_KNOWN}{path}")


def chosen_domain(gateway: Record, scope: Scope) -> str:
    """The public domain that a request selects, else the default one of the gateway's `domainOverride`.

    Raises ServiceError (400) for one that is not configured.
    """
    override = gateway["domainOverride"]  # on the wire `defaultDomain` is called `default`
    domains = [str(override["default"]), *map(str, override.get("alternateDomains") or ())]
    wanted = header(scope, DOMAIN_HEADER)
    if not wanted:
        return domains[0]
    known = {domain.lower(): domain for domain in domains}
    if wanted.lower() not in known:
        raise validation(
            f"The domain {wanted[:100]!r} is not one of this gateway; see domainOverride.",
            ("x-amzn-bedrock-agentcore-gateway-domain", "is not configured"),
        )
    return known[wanted.lower()]


def _base(scope: Scope, endpoint: str) -> str:
    """The stack's URL as this client typed it, if it used another name of this machine."""
    host = header(scope, b"host")
    name = urlsplit(f"//{host}").hostname if host else None
    return f"{urlsplit(endpoint).scheme}://{host}" if name in _LOCAL else endpoint
