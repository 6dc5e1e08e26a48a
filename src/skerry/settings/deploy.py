"""`skerry deploy`."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ARM = ("arm64", "aarch64")


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploySettings:
    """What the environment says: the file (SKERRY_FILE), the endpoint of AWS's tools, NO_COLOR.

    `environment` is what pip is started with.
    """

    file: Path | None = None
    endpoint: str = ""
    color: bool = True
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> DeploySettings:
        return cls(
            file=Path(env["SKERRY_FILE"]) if env.get("SKERRY_FILE") else None,
            endpoint=env.get("AWS_ENDPOINT_URL", ""),
            color=not env.get("NO_COLOR"),
            environment=dict(env),
        )


def is_here(endpoint: str) -> bool:
    """Whether an endpoint is on this machine: a local stack, which runs this machine's own architecture."""
    try:
        return urlsplit(endpoint).hostname in _LOOPBACK
    except ValueError:
        return False


def own_platform() -> tuple[str, str]:
    """Version and architecture of this Python, as AWS calls them: ("3.13", "arm64")."""
    machine = platform.machine().lower()
    return f"{sys.version_info[0]}.{sys.version_info[1]}", "arm64" if machine in _ARM else "x86_64"
