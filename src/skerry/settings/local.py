"""The endpoint of the local planes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from skerry.errors import ConfigurationError
from skerry.settings.models import ModelsSettings
from skerry.settings.quotas import QuotaSettings
from skerry.settings.sessions import SessionsSettings
from skerry.settings.traces import TracesSettings
from skerry.settings.values import (
    DEFAULT_ACCOUNT,
    DEFAULT_PORT,
    DEFAULT_REGION,
    DEFAULT_STATE,
    region,
    token_clock,
)

CHILD_ENVIRONMENT = frozenset(
    {
        "HOME",
        "LANG",
        "LC_ALL",
        "PATH",
        "PYTHONDONTWRITEBYTECODE",
        "SYSTEMROOT",
        "TEMP",
        "TMP",
        "TMPDIR",
        "TZ",
        "USERPROFILE",
        "VIRTUAL_ENV",
    }
)
"""What a program that the endpoint starts gets of the caller's environment: no keys, no proxies."""


ENGINE_ENVIRONMENT = frozenset(
    {
        "CONTAINER_HOST",
        "CONTAINERS_CONF",
        "DOCKER_CERT_PATH",
        "DOCKER_CONFIG",
        "DOCKER_CONTEXT",
        "DOCKER_HOST",
        "DOCKER_TLS_VERIFY",
        "HOME",
        "PATH",
        "TMPDIR",
        "XDG_CONFIG_HOME",
        "XDG_RUNTIME_DIR",
    }
)
"""What commands of a container engine get of it, to find their server and its credentials."""

Permissions = Literal["enforce", "warn", "off"]
PERMISSIONS: tuple[Permissions, ...] = ("enforce", "warn", "off")


def permissions(env: Mapping[str, str]) -> Permissions:
    """SKERRY_IAM. Raises ConfigurationError for another word."""
    given = env.get("SKERRY_IAM") or "enforce"
    for word in PERMISSIONS:
        if word == given:
            return word
    raise ConfigurationError(f"SKERRY_IAM is '{given}'.", hint=f"It is one of {', '.join(PERMISSIONS)}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalSettings:
    """The endpoint: its state, its port on 127.0.0.1, and what fills the embedded cloud.

    `state` (SKERRY_STATE) gets `credentials.json`, `control.sqlite`, `hops.jsonl` and `logs/`; `port` is
    SKERRY_PORT, 0 picks a free one; `seeds` is SKERRY_SEEDS, TOML files separated as in PATH. `inherited`
    is the environment of the programs that the endpoint starts, `engine_environment` that of a container
    engine's commands. A change of status in the control plane takes at least `transition` seconds
    (SKERRY_TRANSITION). `connect` (SKERRY_CONNECT_CLIENT) is the id of a public client of the gateways'
    identity providers, with which people sign in before they agree that a target acts for them. `token_clock`
    (SKERRY_TOKEN_CLOCK) is the file that moves the clock which tokens end by. `quotas` are rates that an
    account has (SKERRY_QUOTAS_…), none by default.
    `permissions` (SKERRY_IAM) is what becomes of a request that policies do not allow: `enforce` refuses it,
    `warn` logs it, `off` asks no policy. `traces` (OTEL_EXPORTER_OTLP_…) is where spans are sent.
    """

    state: Path = Path(DEFAULT_STATE)
    port: int = DEFAULT_PORT
    region: str = DEFAULT_REGION
    account: str = DEFAULT_ACCOUNT
    seeds: tuple[Path, ...] = ()
    models: ModelsSettings = field(default_factory=ModelsSettings)
    sessions: SessionsSettings = field(default_factory=SessionsSettings)
    transition: float = 0.0
    connect: str = ""
    token_clock: Path | None = None
    quotas: QuotaSettings = field(default_factory=QuotaSettings)
    permissions: Permissions = "enforce"
    inherited: Mapping[str, str] = field(default_factory=dict, repr=False)
    engine_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    traces: TracesSettings = field(default_factory=TracesSettings)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> LocalSettings:
        """Settings from the environment. Raises ValueError when a value is none."""
        return cls(
            state=Path(env.get("SKERRY_STATE") or DEFAULT_STATE),
            port=int(env.get("SKERRY_PORT") or DEFAULT_PORT),
            region=region(env),
            seeds=tuple(Path(name) for name in env.get("SKERRY_SEEDS", "").split(os.pathsep) if name),
            models=ModelsSettings.from_env(env),
            sessions=SessionsSettings.from_env(env),
            transition=float(env.get("SKERRY_TRANSITION") or 0),
            connect=env.get("SKERRY_CONNECT_CLIENT", ""),
            token_clock=token_clock(env),
            quotas=QuotaSettings.from_env(env),
            permissions=permissions(env),
            inherited={name: value for name, value in env.items() if name.upper() in CHILD_ENVIRONMENT},
            engine_environment={name: value for name, value in env.items() if name in ENGINE_ENVIRONMENT},
            traces=TracesSettings.from_env(env),
        )
