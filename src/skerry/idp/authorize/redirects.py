"""Redirect URIs: which one a request may use, and what browsers and people are told of it.

Compared as strings (OAuth 2.1 section 2.3.1, RFC 9700 section 4.1.3). The one exception is the port of a
loopback IP literal (RFC 8252 section 7.3); `localhost` is a name, and no exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from skerry.wire import links

_LOOPBACK_IP = re.compile(r"http://(127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?(?=[/?]|\Z)")
_HOST = re.compile(r"[A-Za-z0-9.-]+\Z")


def is_registered(uri: str, registered: Iterable[str]) -> bool:
    """Whether a request may use this URI."""
    return any(uri == known or _any_port(uri) == _any_port(known) != "" for known in registered)


def is_loopback(uri: str) -> bool:
    """Whether an answer to this URI stays on this machine, at whatever program listens."""
    parts = urlsplit(uri)
    return parts.scheme == "http" and links.is_loopback(parts.hostname or "")


def place(uri: str) -> str:
    """Where a URI leads, for people: its host with port, or an app's own scheme."""
    parts = urlsplit(uri)
    return parts.netloc if parts.scheme in ("http", "https") else f"{parts.scheme}:"


def form_action(uri: str) -> str:
    """The source of a Content-Security-Policy that lets a form's answer redirect there.

    Browsers hold redirects after a form against form-action, also those that the client adds: on loopback
    any port passes, because a local client often sends the browser on to another local program. There is no
    source for an IPv6 literal and none for a custom scheme's path, so these pass by scheme.
    """
    parts = urlsplit(uri)
    if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost"):
        return "http://127.0.0.1:* http://localhost:*"
    if parts.scheme in ("http", "https") and _HOST.match(parts.hostname or ""):
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:"


def _any_port(uri: str) -> str:
    """The URI without the port of a loopback IP literal; empty for any other."""
    found = _LOOPBACK_IP.match(uri)
    return "" if found is None else f"http://{found[1]}{uri[found.end() :]}"
