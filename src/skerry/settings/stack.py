"""`skerry up`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skerry.errors import ConfigurationError
from skerry.settings.values import DEFAULT_ACCOUNT, DEFAULT_PORT, DEFAULT_REGION, DEFAULT_STATE, region


@dataclass(frozen=True, kw_only=True, slots=True)
class StackSettings:
    """Where `skerry up` keeps its state and what it listens on.

    `state` is SKERRY_STATE or `.skerry` in the working directory; `port` is SKERRY_PORT, 0 picks a
    free one; `file` is SKERRY_FILE, or `skerry.toml` of the working directory where that exists.
    `environment` is the whole environment, of which the stack's programs get a named part.
    """

    state: Path = Path(DEFAULT_STATE)
    port: int = DEFAULT_PORT
    region: str = DEFAULT_REGION
    account: str = DEFAULT_ACCOUNT
    file: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> StackSettings:
        """Settings from the environment. Raises ConfigurationError when SKERRY_PORT is no port."""
        port = env.get("SKERRY_PORT") or str(DEFAULT_PORT)
        if not (port.isdecimal() and int(port) <= 65535):
            raise ConfigurationError(f"SKERRY_PORT is '{port}'.", hint="It must be a number from 0 to 65535.")
        return cls(
            state=Path(env.get("SKERRY_STATE") or DEFAULT_STATE),
            port=int(port),
            region=region(env),
            file=Path(env["SKERRY_FILE"]) if env.get("SKERRY_FILE") else None,
            environment=dict(env),
        )
