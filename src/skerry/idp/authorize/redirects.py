"""Redirect URIs: which may be registered, and which one a request may use.

Compared as strings (OAuth 2.1 section 2.3.1, RFC 9700 section 4.1.3). The one exception is the port of a
loopback IP literal (RFC 8252 section 7.3); `localhost` is a name, and no exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

_LOOPBACK_IP = re.compile(r"http://(127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?(?=[/?]|\Z)")
_PRINTABLE = re.compile(r"[\x21-\x7e]{1,2048}\Z")
_DANGEROUS = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "ftp", "ws", "wss"})
_HOST = re.compile(r"[A-Za-z0-9.-]+\Z")
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


def is_registered(uri: str, registered: Iterable[str]) -> bool:
    """Whether a request may use this URI."""
    return any(uri == known or _any_port(uri) == _any_port(known) != "" for known in registered)


def problem(uri: str) -> str:
    """What is wrong with a URI that should be registered, as the end of a sentence; empty when nothing."""
    if not _PRINTABLE.match(uri) or any(letter in uri for letter in '\\"<>^`{|}'):
        return "has characters that no URI has"
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return "is no URI"
    if "#" in uri:
        return "has a fragment"
    if not parts.scheme or parts.scheme in _DANGEROUS:
        return "must begin with https://, http:// and a loopback host, or an app's own scheme"
    if parts.scheme in ("http", "https"):
        if not parts.hostname or parts.username is not None or port == 0 or "*" in parts.netloc:
            return "needs a plain host: no user, no wildcard"
        if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
            return "is http and not on this machine; use https"
    return ""


def is_loopback(uri: str) -> bool:
    """Whether an answer to this URI stays on this machine, at whatever program listens."""
    parts = urlsplit(uri)
    return parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS


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
    if is_loopback(uri) and parts.hostname != "::1":
        return "http://127.0.0.1:* http://localhost:*"
    if parts.scheme in ("http", "https") and _HOST.match(parts.hostname or ""):
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:"


def _any_port(uri: str) -> str:
    """The URI without the port of a loopback IP literal; empty for any other."""
    found = _LOOPBACK_IP.match(uri)
    return "" if found is None else f"http://{found[1]}{uri[found.end() :]}"
