"""Runtime sessions: how many, how large, how far apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from skerry.settings.values import switch

SANDBOXES = ("none", "namespaces")
ENGINES = ("auto", "docker", "podman", "nerdctl", "none")


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionsSettings:
    """Limits and separation of runtime sessions; AWS's own figures are in docs/runtime.md.

    `active` is the most live sessions; `new_per_second` and `requests_per_second` are what is allowed a
    second, 0 for any number. `memory_mib` bounds the memory of a session, `processes` its processes (in a
    sandbox or container), `storage_mib` its session storage. `sandbox` is `none` or `namespaces` (Linux).
    `engine` runs container images: `auto` takes the first that is installed, a path names another one that
    understands docker's command line. `node` runs Node code: a name on PATH, or a path. The rest picks
    readings of what is not known about AWS.
    """

    active: int = 128
    new_per_second: float = 0.0
    requests_per_second: float = 0.0
    memory_mib: int = 8192
    processes: int = 512
    storage_mib: int = 1024
    sandbox: str = "none"
    engine: str = "auto"
    node: str = "node"
    wait_for_start: bool = False
    supply_mcp_session_id: bool = False
    pass_mcp_not_found: bool = True
    busy_needs_time: bool = False
    busy_needs_recent_time: bool = False

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Settings from SKERRY_SESSIONS_ACTIVE, _SANDBOX and so on, each named like its field.

        Raises ValueError when a number is none or a word is not one of those allowed.
        """
        given: dict[str, Any] = {}
        for item in fields(cls):
            text = env.get(f"SKERRY_SESSIONS_{item.name.upper()}", "")
            if text:
                given[item.name] = _read(type(item.default), text)
        made = cls(**given)
        if made.sandbox not in SANDBOXES:
            raise ValueError(f"SKERRY_SESSIONS_SANDBOX is {made.sandbox!r}, not {' or '.join(SANDBOXES)}")
        return made


def _read(kind: type, text: str) -> Any:
    if kind is bool:
        return switch(text)
    value = kind(text)
    if not isinstance(value, str) and value < 0:
        raise ValueError(f"{text} is negative")
    return value
