"""Redirect URIs that a client may register (RFC 6749 section 3.1.2, RFC 8252 section 7, OpenID)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from skerry.idp.oauth_errors import OAuthError, invalid_redirect_uri
from skerry.wire.links import is_loopback

MOST, LONGEST = 16, 2048

Kind = Literal["https", "loopback", "private"]

_PLAIN = re.compile(r"[\x21-\x7e]+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_NOT_OURS = frozenset(
    {"about", "blob", "chrome", "content", "data", "file", "filesystem", "ftp", "intent", "jar", "javascript"}
    | {"mailto", "sms", "tel", "vbscript", "view-source", "ws", "wss"}
)
"""Schemes that a browser, and no app, answers to."""


def kind(uri: str) -> Kind:
    """What a redirect URI leads to: an https site, a listener on this machine, or an app's own scheme.

    Raises OAuthError (invalid_redirect_uri).
    """
    if len(uri) > LONGEST or not _PLAIN.fullmatch(uri) or any(sign in uri for sign in '\\*"<>`{}|^'):
        raise _bad("is ASCII without spaces, quotes, backslashes and wildcards, at most 2048 characters.")
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _bad("is a URI.") from error
    if port == 0:
        raise _bad("has a port that can be reached.")
    if "#" in uri or "@" in parts.netloc:
        raise _bad("has no fragment and no user information.")
    if any(step.lower().replace("%2e", ".") in {".", ".."} for step in parts.path.split("/")):
        raise _bad("has no dot segments.")
    return _kind(uri, parts, host)


def problem(uri: str) -> str:
    """What is wrong with a redirect URI, in a sentence; empty when it may be registered."""
    try:
        kind(uri)
    except OAuthError as error:
        return error.message
    return ""


def _kind(uri: str, parts: SplitResult, host: str) -> Kind:
    if parts.scheme in ("http", "https") and not (
        host and "%" not in host and not parts.netloc.endswith(":")
    ):
        raise _bad("has a host.")
    if parts.scheme == "https":
        return "loopback" if is_loopback(host) else "https"
    if parts.scheme == "http":
        if not is_loopback(host):
            raise _bad("is https, or http on this machine (127.0.0.1, [::1], localhost).")
        return "loopback"
    if not _SCHEME.fullmatch(parts.scheme) or parts.scheme in _NOT_OURS or uri == f"{parts.scheme}:":
        raise _bad("is https, loopback, or of a scheme that an app owns, such as com.example.app:/callback.")
    return "private"


def application_type(asked: str, uris: Sequence[str]) -> str:
    """`web` or `native`, checked against the redirect URIs of a client.

    A web client has https sites only; a native one may have loopback and its own schemes, and https that it
    claims (RFC 8252 section 7.2). Left out, the type follows from the URIs: clients of before MCP 2026-07-28
    do not send it. Raises OAuthError (invalid_redirect_uri).
    """
    if len(uris) > MOST:
        raise invalid_redirect_uri(f"A client has at most {MOST} redirect URIs.")
    local = {kind(uri) for uri in uris} - {"https"}
    if asked == "web" and local:
        raise invalid_redirect_uri(
            "A client of application_type web has https redirect URIs on other machines only. "
            "For a loopback or private scheme register with application_type native."
        )
    return asked or ("native" if local else "web")


def _bad(must: str) -> OAuthError:
    return invalid_redirect_uri(f"A redirect URI {must}")
