"""Bearer challenges and protected resource metadata: how a client learns where to get a token.

Sources: RFC 9110 §11.6.1 and RFC 6750 §3 (`WWW-Authenticate`), RFC 9728 (metadata), MCP 2026-07-28,
authorization.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from skerry.auth.jwt.scopes import shown as nameable
from skerry.errors import ProtocolError
from skerry.wire.jsonrpc import depth_exceeds

WELL_KNOWN = "/.well-known/oauth-protected-resource"
MAX_HEADER = 8192
MAX_DOCUMENT = 65_536

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  (RFC 9110's "token", a lexical element)
_SCHEME = re.compile(rf"[ \t,]*({_TOKEN})(?:[ ]+|$|(?=,))")
_PARAMETER = re.compile(rf'[ \t,]*({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*+)"|({_TOKEN}))[ \t]*(?:,|$)')
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*[ \t]*(?:,|$)")
_ESCAPED = re.compile(r"\\(.)")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_UNSENDABLE = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True, slots=True)
class Challenge:
    """A Bearer challenge. `error` is empty when no token was sent; `scopes` are those the operation needs."""

    error: str = ""
    description: str = ""
    scopes: tuple[str, ...] = ()
    resource_metadata: str = ""


@dataclass(frozen=True, slots=True)
class ResourceMetadata:
    """What a protected resource says of itself (RFC 9728 §2)."""

    resource: str
    authorization_servers: tuple[str, ...]
    scopes_supported: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """The JSON document; members without a value are left out (§3.2), and `offline_access` (MCP)."""
        result: dict[str, Any] = {
            "resource": self.resource,
            "authorization_servers": list(self.authorization_servers),
            "bearer_methods_supported": ["header"],
        }
        if scopes := nameable(self.scopes_supported):
            result["scopes_supported"] = list(scopes)
        return result


def build(challenge: Challenge) -> str:
    """The value of `WWW-Authenticate`. Characters that a header cannot carry become `?`.

    `offline_access` is left out: a resource does not ask for refresh tokens (MCP 2026-07-28).
    """
    members = (
        ("error", challenge.error),
        ("error_description", challenge.description),
        ("resource_metadata", challenge.resource_metadata),
        ("scope", " ".join(scope for scope in nameable(challenge.scopes) if _SCOPE.fullmatch(scope))),
    )
    shown = ", ".join(f'{name}="{_quoted(value)}"' for name, value in members if value)
    return f"Bearer {shown}" if shown else "Bearer"


def parse(header: str) -> Challenge | None:
    """The Bearer challenge in a `WWW-Authenticate` value, which may hold other schemes too; None without one.

    Raises ProtocolError when the value is too long or not readable.
    """
    if len(header) > MAX_HEADER:
        raise ProtocolError(f"WWW-Authenticate has {len(header)} characters; {MAX_HEADER} are allowed.")
    at = 0
    while at < len(header.rstrip(" \t,")):
        scheme = _SCHEME.match(header, at)
        if scheme is None:
            raise ProtocolError("WWW-Authenticate cannot be read.")
        at = scheme.end()
        members: dict[str, str] = {}
        blob = _TOKEN68.match(header, at)
        if blob is not None and header[at - 1] == " ":
            at = blob.end()
        while (member := _PARAMETER.match(header, at)) is not None:
            quoted = member[2]
            value = _ESCAPED.sub(r"\1", quoted) if quoted is not None else member[3]
            members.setdefault(member[1].lower(), value)
            at = member.end()
        if scheme[1].lower() == "bearer":
            if header[at:].strip(" \t,") and _SCHEME.match(header, at) is None:
                raise ProtocolError("WWW-Authenticate cannot be read.")
            return Challenge(
                error=members.get("error", ""),
                description=members.get("error_description", ""),
                scopes=tuple(members.get("scope", "").split()),
                resource_metadata=members.get("resource_metadata", ""),
            )
    return None


def metadata_urls(resource: str) -> tuple[str, ...]:
    """Where the metadata of a resource stands: with its path after the well-known part, then at the root.

    Source: RFC 9728 §3.1. Raises ProtocolError when `resource` is no http(s) URL.
    """
    parts = _url(resource)
    origin = f"{parts.scheme}://{parts.netloc}"
    path = "" if parts.path == "/" else parts.path
    query = f"?{parts.query}" if parts.query else ""
    first = f"{origin}{WELL_KNOWN}{path}{query}"
    root = f"{origin}{WELL_KNOWN}"
    return (first,) if first == root else (first, root)


def read_metadata(body: bytes, *, resource: str, enclosing: str = "") -> ResourceMetadata:
    """The metadata document of `resource`, the URL that was asked or that the well-known URL was built from.

    `enclosing` is the identifier that a well-known URL stands for when that is not the whole URL that was
    asked; it will do too. Raises ProtocolError when the document is unusable: `resource` must be identical
    byte for byte (§3.3), and at least one authorization server must be named.
    """
    data = _document(body)
    named = data.get("resource")
    if not isinstance(named, str) or not (named == resource or (enclosing and named == enclosing)):
        raise ProtocolError(
            "The metadata is for another resource than the one that was asked.",
            hint="Use the URL that the server publishes as its resource.",
        )
    servers = _strings(data, "authorization_servers")
    if not servers:
        raise ProtocolError("The metadata names no authorization server.")
    for server in servers:
        _url(server)
    return ResourceMetadata(named, servers, _strings(data, "scopes_supported"))


def _document(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_DOCUMENT or depth_exceeds(body, 16):
        raise ProtocolError("The metadata document is too large.")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("The metadata document is not JSON.") from error
    if not isinstance(data, dict):
        raise ProtocolError("The metadata document is not a JSON object.")
    return data


def _strings(data: dict[str, Any], name: str) -> tuple[str, ...]:
    value = data.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ProtocolError(f"The member {name} of the metadata must be a list of strings.")
    return tuple(value)


def _url(text: str) -> Any:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.fragment
    except ValueError:
        usable = False
    if not usable:
        raise ProtocolError(f"{text[:120]!r} is not an http or https URL without fragment.")
    return parts


def _quoted(value: str) -> str:
    return _UNSENDABLE.sub("?", value).replace("\\", "\\\\").replace('"', '\\"')
