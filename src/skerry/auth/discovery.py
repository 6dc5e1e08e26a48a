"""Where an identity provider's metadata stands, and what of it a client may believe.

Sources: RFC 8414 (authorization server metadata), OpenID Connect Discovery 1.0, MCP 2026-07-28,
authorization. No JWT library is imported here, so that a client starts without one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from skerry.auth.ports import Fetch
from skerry.errors import ConfigurationError, RemoteError, SkerryError
from skerry.wire.jsonrpc import depth_exceeds

MAX_DOCUMENT = 65_536


@dataclass(frozen=True, slots=True)
class Provider:
    """An identity provider as its metadata describes it; `sends_iss` is RFC 9207's."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    sends_iss: bool = False


def discovery_urls(issuer: str) -> tuple[str, ...]:
    """Where the metadata of an issuer may stand, in the order in which to look.

    Source: RFC 8414 §3 and MCP 2026-07-28, authorization. Raises ConfigurationError when `issuer` is no URL.
    """
    try:
        parts = urlsplit(issuer)
    except ValueError as error:
        raise ConfigurationError("The issuer is not a URL.") from error
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    if not path:
        return tuple(
            f"{origin}/.well-known/{name}" for name in ("oauth-authorization-server", "openid-configuration")
        )
    return (
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}/.well-known/openid-configuration{path}",
        f"{origin}{path}/.well-known/openid-configuration",
    )


def is_safe(url: str) -> bool:
    """Whether secrets may go to a URL: it is https, or on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


async def provider(issuer: str, *, fetch: Fetch) -> Provider:
    """The provider of an issuer, for signing in with a browser.

    Raises ConfigurationError when the issuer is unusable or signs nobody in, RemoteError when its metadata
    cannot be had or names another issuer.
    """
    if not is_safe(issuer):
        raise ConfigurationError(
            "the issuer is neither an https URL nor on this machine.", hint="Check --issuer."
        )
    data = await _first(discovery_urls(issuer), fetch)
    if data.get("issuer") != issuer:
        raise RemoteError(
            "the identity provider's metadata names another issuer than the one that was asked for.",
            hint="Give --issuer exactly as the provider spells it, with or without a slash at the end.",
        )
    ends = [data.get(name) for name in ("authorization_endpoint", "token_endpoint")]
    if not all(isinstance(end, str) and end for end in ends):
        raise ConfigurationError(
            "this identity provider offers no sign-in with a browser.",
            hint="Use client credentials (SKERRY_CLIENT_SECRET), or another --issuer.",
        )
    if not all(is_safe(str(end)) for end in ends):
        raise RemoteError("the identity provider's endpoints are neither https nor on this machine.")
    sends_iss = data.get("authorization_response_iss_parameter_supported") is True
    return Provider(issuer, str(ends[0]), str(ends[1]), sends_iss)


async def _first(urls: Sequence[str], fetch: Fetch) -> dict[str, Any]:
    for url in urls:
        try:
            body = await fetch(url)
        except (SkerryError, OSError):
            continue
        try:
            data = None if len(body) > MAX_DOCUMENT or depth_exceeds(body, 16) else json.loads(body)
        except (ValueError, RecursionError):
            continue
        if isinstance(data, dict):
            return data
    raise RemoteError(
        "the identity provider's metadata cannot be had.", hint=f"Check --issuer. Tried: {', '.join(urls)}"
    )
