"""Links that somebody else wants a person to open: what may be opened at all, and how it is shown before.

Sources: MCP 2025-11-25 and 2026-07-28, elicitation in URL mode (show the whole URL and the host, ask first,
warn of Punycode); RFC 3492 (Punycode); RFC 8252 §7.3 (loopback). Nothing is fetched here or by who asks here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

MAX_LINK = 8192
_HOST = re.compile(r"[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """A link as a person should see it.

    `host` is where it leads, in ASCII; `reads` is the same as a person would read it, where that is something
    else. `problem` says why it must not be opened, empty when it may.
    """

    url: str
    host: str = ""
    reads: str = ""
    problem: str = ""

    def lines(self) -> list[str]:
        """The whole URL, to be copied, with every unusual character by its code; then its host alone."""
        lines = [_codes(self.url)]
        if self.host and not self.problem:
            lines.append(f"It leads to: {self.host}")
        if self.reads:
            seen = "".join(char if char.isprintable() else "?" for char in self.reads)
            lines.append(
                f"Careful: this name is Punycode for {seen} ({_codes(self.reads)}), which may imitate one."
            )
        if self.problem:
            lines.append(f"Not opened: {self.problem}")
        return lines


def link(url: str) -> Link:
    """What a link is. Never raises: what cannot be read must not be opened."""
    if len(url) > MAX_LINK:
        return Link(url[:200], problem=f"it has more than {MAX_LINK} characters.")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return Link(url, problem="it holds characters that no link has.")
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        parts.port  # noqa: B018  (raises for a port that is none)
    except ValueError:
        return Link(url, problem="it is no link.")
    if _HOST.fullmatch(f"[{host}]" if ":" in host else host) is None:
        return Link(url, problem="it names no host.")
    if "@" in parts.netloc:
        return Link(url, host, problem="it hides its host behind a user name.")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        return Link(url, host, problem="only https links are opened, and http on this machine.")
    return Link(url, host, _read(host))


def _codes(text: str) -> str:
    """ASCII as it is, everything else by its code."""
    return json.dumps(text)[1:-1]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: `localhost` or a loopback address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _read(host: str) -> str:
    """A host with Punycode in it as a person reads it; empty for every other."""
    labels = host.split(".")
    if not any(label.startswith("xn--") for label in labels):
        return ""
    return ".".join(_label(label) for label in labels)


def _label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label
