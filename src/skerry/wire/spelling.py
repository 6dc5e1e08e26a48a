"""Spellings of one URL: those that mean the same, and those that a server may publish it under.

Sources: RFC 3986 §6.2.2.1 and §6.2.3 (host and scheme in any case, a default port), RFC 8707 §2 (a resource
has no fragment and should have no query), MCP 2026-07-28, authorization (a slash at the end).
"""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}


def normal(url: str) -> str:
    """The URL with scheme and host in small letters, without a default port; as it is where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    if not parts.hostname:
        return url
    who, at, place = parts.netloc.rpartition("@")
    host = place.rpartition(":")[0] if port is not None or place.endswith(":") else place
    shown = "" if port in (None, _PORTS.get(parts.scheme.lower())) else f":{port}"
    return parts._replace(scheme=parts.scheme.lower(), netloc=f"{who}{at}{host.lower()}{shown}").geturl()


def spellings(url: str) -> tuple[str, ...]:
    """Under which identifiers the resource at a URL may be published, the likeliest first.

    As given, then in normal form, then without the query, each also with the other end: a slash or none.
    """
    whole = urlsplit(normal(url))
    forms = [whole, _other_end(whole)]
    if whole.query:
        bare = whole._replace(query="")
        forms += [bare, _other_end(bare)]
    return tuple(dict.fromkeys([url, *(form.geturl() for form in forms)]))


def same(one: str, other: str) -> bool:
    """Whether two URLs are spellings of one resource: the queries are equal, or one of them is left out."""
    first, second = urlsplit(normal(one)), urlsplit(normal(other))
    return (
        (first.scheme, first.netloc, first.path.rstrip("/"))
        == (second.scheme, second.netloc, second.path.rstrip("/"))
        and (first.query == second.query or not (first.query and second.query))
    )  # fmt: skip


def _other_end(parts: SplitResult) -> SplitResult:
    return parts._replace(path=parts.path[:-1] if parts.path.endswith("/") else f"{parts.path}/")
