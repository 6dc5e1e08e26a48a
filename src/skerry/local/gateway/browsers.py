"""Requests that a web page from elsewhere makes a browser send: they are refused before anything is done.

Two tricks reach a server on this machine: a cross-origin request, which its `Origin` gives away (MCP,
transports, security warning), and a name of elsewhere that points here (DNS rebinding). The second is
same-origin for the browser, whose GET then has no `Origin`: only the `Host` is wrong. It matters where nobody
proves who he is, since such a page has neither key nor token.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from skerry.auth.discovery import is_loopback
from skerry.local.gateway.routes import header
from skerry.local.ports.asgi import Scope
from skerry.local.ports.resources import Record
from skerry.wire import origins

CONTAINERS = "host.docker.internal"
"""How containers of this stack call this machine."""


def problem(gateway: Record, scope: Scope) -> str:
    """Why a request to a gateway looks like that of a page from elsewhere, empty when it does not."""
    if origins.foreign(header(scope, b"origin") or None):
        return "Forbidden origin"
    if gateway.get("authorizerType") == "NONE" and not _is_here(header(scope, b"host"), gateway):
        return "Forbidden host: call a gateway without authorizer by 127.0.0.1 or localhost"
    return ""


def _is_here(host: str, gateway: Record) -> bool:
    name = _name(host)
    if is_loopback(name) or name.endswith(".localhost") or name == CONTAINERS:
        return True
    override = gateway.get("domainOverride") or {}
    own = (override.get("default"), *override.get("alternateDomains", ()))
    return bool(name) and name in {str(domain).lower() for domain in own}


@lru_cache(maxsize=256)
def _name(host: str) -> str:
    """The host name in a `Host`, empty when it has none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
