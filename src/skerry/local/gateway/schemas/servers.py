"""The base URL of an API: `servers` of an OpenAPI document.

Source: AWS developer guide, `gateway-schema-openapi`: the URL must be that of the real endpoint; Regions in
it are validated and private addresses blocked. This machine's own addresses are allowed, for development:
AWS would refuse them too.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from skerry.local.gateway.schemas.problem import SchemaError

_VARIABLE = re.compile(r"\{([^{}]*)\}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+){1,3}-[0-9]")
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?")
_PATH = "/{}:@!$&'()*+,;=~%-._"


def base_url(servers: object, where: str) -> str:
    """The URL of the first server, without a slash at its end. Raises SchemaError."""
    first = servers[0] if isinstance(servers, list) and servers else None
    if not isinstance(first, dict) or not isinstance(first.get("url"), str):
        raise SchemaError(
            f"{where}: servers is missing.",
            hint='Give the URL of the API: "servers": [{"url": "https://…"}].',
        )
    return checked(_filled(first["url"], first.get("variables"), where), where)


def checked(url: str, where: str) -> str:
    """An absolute http or https URL of a public host or of this machine. Raises SchemaError."""
    shown = url[:200]
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SchemaError(f"{where}: the server URL {shown!r} is no URL.") from error
    if parts.scheme not in ("http", "https") or not host:
        raise SchemaError(
            f"{where}: the server URL {shown!r} is not absolute.", hint="It must begin with https://."
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise SchemaError(f"{where}: the server URL must have no user, query or fragment.")
    problem = host_problem(host)
    if problem is not None:
        raise SchemaError(f"{where}: the server URL {shown!r} {problem}.")
    authority = f"[{host}]" if ":" in host else host
    if port is not None:
        authority = f"{authority}:{port}"
    return f"{parts.scheme}://{authority}{escaped(parts.path).rstrip('/')}"


def escaped(path: str) -> str:
    """A path or path template with everything escaped that cannot stand in a URL."""
    return quote(path, safe=_PATH)


def host_problem(host: str) -> str | None:
    """Why a gateway may not call a host, or None."""
    if host == "localhost" or host.endswith(".localhost"):
        return None
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return (
            None if _HOST.fullmatch(host) and not host.rpartition(".")[2].isdecimal() else "has no valid host"
        )
    if address.is_loopback or address.is_global:
        return None
    return f"names the private address {host}, which a gateway cannot call"


def _filled(url: str, variables: object, where: str) -> str:
    """The URL with the defaults of its variables put in."""
    known: Mapping[str, Any] = variables if isinstance(variables, dict) else {}

    def default(match: re.Match[str]) -> str:
        name = match[1]
        variable = known.get(name)
        value = variable.get("default") if isinstance(variable, dict) else None
        if not isinstance(value, str) or not value:
            raise SchemaError(f"{where}: the server variable {name[:50]!r} has no default.")
        if name.lower() in ("region", "awsregion", "aws_region") and _REGION.fullmatch(value) is None:
            raise SchemaError(f"{where}: {value[:50]!r} is no AWS Region.")
        return value

    return _VARIABLE.sub(default, url)
