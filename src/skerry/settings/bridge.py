"""`skerry bridge`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skerry.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True, slots=True)
class BridgeSettings:
    """What `skerry bridge` takes from the environment where a flag does not say it.

    `command` (MCP_SERVER_CMD) is split like a shell command; `folder` is MCP_SERVER_CWD; `host` and `port`
    are SERVER_HOST and SERVER_PORT, one port for all paths. `container` says that this is one
    (DOCKER_CONTAINER is set, as AgentCore's own SDK reads it). `environment` is the whole one: the MCP server
    gets a part.
    """

    command: str = ""
    folder: str = "."
    host: str = ""
    port: int | None = None
    log_level: str = "INFO"
    container: bool = False
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> BridgeSettings:
        """Settings from the environment. Raises ConfigurationError when SERVER_PORT is no port."""
        port = env.get("SERVER_PORT", "")
        if port and not (port.isdecimal() and int(port) <= 65535):
            raise ConfigurationError(f"SERVER_PORT is '{port}'.", hint="It must be a number from 0 to 65535.")
        return cls(
            command=env.get("MCP_SERVER_CMD", ""),
            folder=env.get("MCP_SERVER_CWD") or ".",
            host=env.get("SERVER_HOST", ""),
            port=int(port) if port else None,
            log_level=env.get("LOG_LEVEL") or "INFO",
            container=bool(env.get("DOCKER_CONTAINER")),
            environment=dict(env),
        )
