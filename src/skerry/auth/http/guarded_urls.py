"""Which URLs of a stranger may be asked at all, by their form alone: https, one way to read them, no tricks.

A loopback origin that was allowed by name may be http, with any port. What a host name leads to is judged
later, by `guarded`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from skerry.errors import GuardError

MAX_URL = 2048

_PLAIN = re.compile(r"[\x21-\x7e]+")
_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""A host name (RFC 1123) whose last label begins with a letter, as every top-level domain does: so no
spelling of an address passes as a name."""
_DOTS = frozenset({".", ".."})
_DEFAULT_PORT = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a URL that may be asked; `loopback` when its origin is one that was allowed by name."""

    scheme: str
    host: str
    port: int
    path: str
    loopback: bool

    @property
    def authority(self) -> str:
        """Host and port as the `Host` header has them: a default port is left out."""
        return _netloc(self.host, None if self.port == _DEFAULT_PORT[self.scheme] else self.port)


def parse(url: str, *, ports: Collection[int] = (443,), loopback: Collection[str] = ()) -> Target:
    """The parts of an https URL with a host name or a canonical address, a path and no tricks.

    Refused are user information, fragments, dot segments, backslashes, spaces, characters beyond ASCII and
    ports other than `ports`. An origin of `loopback` may be http, with any port. Raises GuardError (url).
    """
    if len(url) > MAX_URL or not _PLAIN.fullmatch(url) or "\\" in url:
        raise _bad("It must be printable ASCII without spaces and backslashes, at most 2048 characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _bad("It is no URL.") from error
    host = (parts.hostname or "").lower()
    if "@" in parts.netloc or "#" in url:
        raise _bad("It must have no user information and no fragment.")
    if not _is_host(host) or parts.netloc.lower() != _netloc(host, port):
        raise _bad("Its host must be a name in ASCII, or an address in its usual form.")
    if any(segment.lower().replace("%2e", ".") in _DOTS for segment in parts.path.split("/")):
        raise _bad("Its path must have no dot segments.")
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    allowed = f"{parts.scheme}://{parts.netloc.lower()}" in loopback
    if parts.scheme != "https" and not (allowed and parts.scheme == "http"):
        raise _bad("It must be https.")
    port = _DEFAULT_PORT[parts.scheme] if port is None else port
    if not allowed and port not in ports:
        raise _bad("Its port is not one that may be asked.")
    return Target(parts.scheme, host, port, target, allowed)


def loopback_origin(origin: str) -> str:
    """An origin on this machine, in the spelling in which it is compared.

    Raises GuardError (url) for anything but `http(s)://HOST[:PORT]` of this machine.
    """
    lowered = origin.lower().removesuffix("/")
    target = parse(f"{lowered}/", loopback=(lowered,))
    if f"{target.scheme}://" != lowered[: len(target.scheme) + 3] or target.path != "/":
        raise _bad("It must be an origin: scheme, host and port.")
    if target.host != "localhost" and not _is_loopback_address(target.host):
        raise _bad("It must be on this machine: 127.0.0.1, [::1] or localhost.")
    return lowered


def _is_loopback_address(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_host(host: str) -> bool:
    if len(host) > 253 or "%" in host:
        return False
    try:
        ip_address(host)
    except ValueError:
        return _NAME.fullmatch(host) is not None
    return True


def _netloc(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def _bad(why: str) -> GuardError:
    return GuardError("url", why)
