"""Cross-origin rules of a Function URL, answered in front of the function as AWS does.

Source: Lambda developer guide, "Creating and managing Lambda function URLs", CORS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from skerry.local.functions.settings import Cors

Headers = list[tuple[bytes, bytes]]


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser asks what it may do; such a request is never signed."""
    return method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def preflight(cors: Cors, headers: Mapping[str, str]) -> Headers:
    """What a browser is told before its request; nothing that would let it make one that is not allowed."""
    found = _allowed(cors, headers)
    if not found:
        return found
    for name, values in (("methods", cors.allow_methods), ("headers", cors.allow_headers)):
        if values:
            found.append((f"access-control-allow-{name}".encode(), ",".join(values).encode()))
    if cors.max_age:
        found.append((b"access-control-max-age", str(cors.max_age).encode()))
    return found


def answered(cors: Cors, headers: Mapping[str, str], given: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers of an answer: the URL's rules instead of what the function says of them."""
    kept = [(name, value) for name, value in given if not name.startswith(b"access-control-")]
    found = _allowed(cors, headers)
    if found and cors.expose_headers:
        found.append((b"access-control-expose-headers", ",".join(cors.expose_headers).encode()))
    return [*kept, *found]


def _allowed(cors: Cors, headers: Mapping[str, str]) -> Headers:
    origin = headers.get("origin", "")
    if not origin:
        return []
    if "*" in cors.allow_origins and not cors.allow_credentials:
        return [(b"access-control-allow-origin", b"*")]
    if origin == "*" or origin not in cors.allow_origins:
        return []
    found = [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"Origin")]
    if cors.allow_credentials:
        found.append((b"access-control-allow-credentials", b"true"))
    return found
