"""Where an identity provider's metadata stands, and what of it a client may believe.

Sources: RFC 8414 (authorization server metadata), OpenID Connect Discovery 1.0, MCP 2026-07-28,
authorization. No JWT library is imported here, so that a client starts without one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from skerry.auth.json_object import json_object
from skerry.auth.ports import Fetch
from skerry.errors import ConfigurationError, GuardError, RemoteError, SkerryError
from skerry.wire.shown import safe

MAX_DOCUMENT = 65_536

_DEFAULT_PORTS = {"https": 443, "http": 80}

_ODD = re.compile(r"[^\x21-\x7e]|[\\\\\"'`<>^{|}]")
"""What no URL has that is to be opened or asked: blanks, controls, quotes, backslashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An identity provider as its metadata describes it (RFC 8414 §2); what it does not offer is empty.

    `pkce` are the code challenge methods that it names, `sends_iss` is RFC 9207's, and `takes_documents`
    says that a client may be the URL of its own metadata document.
    """

    issuer: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    registration_endpoint: str = ""
    device_authorization_endpoint: str = ""
    revocation_endpoint: str = ""
    userinfo_endpoint: str = ""
    scopes: tuple[str, ...] = ()
    client_methods: tuple[str, ...] = ("client_secret_basic",)
    signing_algorithms: tuple[str, ...] = ()
    pkce: tuple[str, ...] = ()
    sends_iss: bool = False
    takes_documents: bool = False


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
    """Whether secrets may go to a URL: it is https, or on this machine, and holds no odd characters."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        good = parts.username is None and _ODD.search(url) is None and parts.port != 0
    except ValueError:
        return False
    return good and bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


def may_name(one: str, other: str) -> bool:
    """Whether a URL is safe that another one named: nobody from outside points into this machine."""
    if not is_safe(other):
        return False
    return is_loopback(urlsplit(one).hostname or "") or not is_loopback(urlsplit(other).hostname or "")


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs are of one scheme, host and port."""
    first, second = urlsplit(one), urlsplit(other)
    ports = [parts.port or _DEFAULT_PORTS.get(parts.scheme) for parts in (first, second)]
    return (first.scheme, first.hostname) == (second.scheme, second.hostname) and ports[0] == ports[1]


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    try:
        return host == "localhost" or host.endswith(".localhost") or ip_address(host).is_loopback
    except ValueError:
        return False


async def provider(issuer: str, *, fetch: Fetch) -> Provider:
    """The provider of an issuer.

    Raises ConfigurationError when the issuer is unusable, RemoteError when its metadata cannot be had, names
    another issuer or an endpoint that is not to be trusted with secrets.
    """
    if not is_safe(issuer):
        raise ConfigurationError(
            "the issuer is neither an https URL nor on this machine.", hint="Check --issuer."
        )
    data = await _first(discovery_urls(issuer), fetch)
    if data.get("issuer") != issuer:
        raise RemoteError(
            "the identity provider's metadata names another issuer than the one that was asked for: "
            f"{safe(str(data.get('issuer')), 200)} instead of {safe(issuer, 200)}.",
            hint="Give --issuer exactly as the provider spells it, with or without a slash at the end.",
        )
    return Provider(
        issuer=issuer,
        authorization_endpoint=_endpoint(data, "authorization_endpoint", issuer),
        token_endpoint=_endpoint(data, "token_endpoint", issuer),
        registration_endpoint=_endpoint(data, "registration_endpoint", issuer),
        device_authorization_endpoint=_endpoint(data, "device_authorization_endpoint", issuer),
        revocation_endpoint=_endpoint(data, "revocation_endpoint", issuer),
        userinfo_endpoint=_endpoint(data, "userinfo_endpoint", issuer),
        scopes=_words(data, "scopes_supported"),
        client_methods=_words(data, "token_endpoint_auth_methods_supported") or ("client_secret_basic",),
        signing_algorithms=_words(data, "token_endpoint_auth_signing_alg_values_supported"),
        pkce=_words(data, "code_challenge_methods_supported"),
        sends_iss=data.get("authorization_response_iss_parameter_supported") is True,
        takes_documents=data.get("client_id_metadata_document_supported") is True,
    )


def _endpoint(data: Mapping[str, Any], name: str, issuer: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        return ""
    if not may_name(issuer, value) or urlsplit(value).fragment:
        raise RemoteError(
            f"the {name} of the identity provider is neither https nor on this machine.",
            hint="Its metadata is not to be believed; tell who runs it.",
        )
    return value


def led_astray(error: Exception) -> bool:
    """Whether a URL was not asked because of where it leads: nothing else is tried then."""
    return isinstance(error, GuardError) and error.reason == "address"


def _words(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = data.get(name)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


async def _first(urls: Sequence[str], fetch: Fetch) -> dict[str, Any]:
    for url in urls:
        try:
            body = await fetch(url)
        except (SkerryError, OSError) as error:
            if led_astray(error):
                raise
            continue
        data = json_object(body) if len(body) <= MAX_DOCUMENT else None
        if data is not None:
            return data
    raise RemoteError(
        "the identity provider's metadata cannot be had.", hint=f"Check --issuer. Tried: {', '.join(urls)}"
    )
