"""Where a request goes: the parts of a URL, its target spelled exactly as it was given."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from skerry.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Url:
    """Where a request goes. `target` is path and query as they stand in the request line."""

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, text: str) -> Url:
        """The parts of an absolute http or https URL. Raises ConfigurationError for anything else."""
        hint = "An URL looks like https://host/mcp."
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
        except ValueError as problem:
            raise ConfigurationError(f"'{_shown(text)}' is no URL.", hint=hint) from problem
        if parts.scheme not in ("http", "https") or not host:
            raise ConfigurationError(f"'{_shown(text)}' is no http or https URL.", hint=hint)
        if parts.username is not None or parts.password is not None:
            raise ConfigurationError("A URL must not hold a user name or password.", hint=hint)
        target = parts.path or "/"
        if parts.query:
            target += "?" + parts.query
        if not target.isascii() or not target.isprintable() or " " in target or not host.isprintable():
            raise ConfigurationError("The URL holds characters that must be percent-encoded.", hint=hint)
        return cls(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), target)

    @property
    def authority(self) -> str:
        """The value of the Host header: without the port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        plain = self.port == (443 if self.scheme == "https" else 80)
        return host if plain else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme and authority, for messages to people."""
        return f"{self.scheme}://{self.authority}"


def _shown(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text[:120])
