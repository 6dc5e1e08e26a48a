"""Where a resource says who gives tokens for it: from its challenge, else at the well-known places.

Sources: RFC 9728 §3 and §5, MCP 2026-07-28, authorization ("Protected Resource Metadata Discovery").
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from skerry.auth.challenge import WELL_KNOWN, Challenge, ResourceMetadata, metadata_urls, read_metadata
from skerry.auth.discovery import led_astray, may_name
from skerry.auth.ports import Fetch
from skerry.errors import ProtocolError, RemoteError, SkerryError
from skerry.wire.shown import safe
from skerry.wire.spelling import spellings


async def described(url: str, challenge: Challenge | None, *, fetch: Fetch) -> ResourceMetadata | None:
    """What the resource at `url` says of itself; None when it says nothing anywhere.

    The challenge's own place comes first, then the path, then the root. Raises RemoteError or ProtocolError
    for a document that is there and must not be used: it is for another resource, or names no issuer.
    """
    url = url.partition("#")[0]
    if challenge is not None and challenge.resource_metadata:
        named = challenge.resource_metadata
        if not may_name(url, named):
            raise RemoteError(
                f"the server says that its metadata is at {safe(named, 120)}, which is not to be trusted.",
                hint="It must be an https URL, or on this machine when the server is.",
            )
        try:
            body = await fetch(named)
        except (SkerryError, OSError) as error:
            if led_astray(error):
                raise
            return await _well_known(url, fetch)
        return _read(body, named, url, spellings(url))
    return await _well_known(url, fetch)


async def _well_known(url: str, fetch: Fetch) -> ResourceMetadata | None:
    """The document at the well-known places of a resource, under whatever spelling it is published.

    Each document must be for the spelling that its place was built from. Raises the first problem.
    """
    problem: ProtocolError | None = None
    asked: set[str] = set()
    for spelling in spellings(url):
        for place in metadata_urls(spelling):
            if place in asked:
                continue
            asked.add(place)
            try:
                body = await fetch(place)
            except (SkerryError, OSError) as error:
                if led_astray(error):
                    raise
                continue
            try:
                return _read(body, place, url, (spelling,))
            except ProtocolError as error:
                problem = problem or error
                break
    if problem is not None:
        raise problem
    return None


def _read(body: bytes, place: str, url: str, allowed: Sequence[str]) -> ResourceMetadata:
    """A document of `place`, which must be for one of the allowed spellings. Raises ProtocolError."""
    problem: ProtocolError | None = None
    for spelling in allowed:
        try:
            found = read_metadata(body, resource=spelling, enclosing=enclosing(place, spelling))
        except ProtocolError as error:
            problem = problem or error
            continue
        if not all(may_name(url, server) for server in found.authorization_servers):
            raise ProtocolError("The metadata names an authorization server that is not to be trusted.")
        return found
    assert problem is not None
    raise problem


def enclosing(place: str, url: str) -> str:
    """The resource that a well-known URL stands for, when `url` lies below it on the same origin; else ""."""
    where, what = urlsplit(place), urlsplit(url)
    if (where.scheme, where.netloc) != (what.scheme, what.netloc) or not where.path.startswith(WELL_KNOWN):
        return ""
    path = where.path.removeprefix(WELL_KNOWN)
    if path and not (path.startswith("/") and what.path.startswith(path.rstrip("/") + "/")):
        return ""
    return f"{where.scheme}://{where.netloc}{path}"
