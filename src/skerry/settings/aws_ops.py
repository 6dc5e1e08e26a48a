"""The AWS tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from skerry.settings.values import DEFAULT_REGION, region


@dataclass(frozen=True, kw_only=True, slots=True)
class AwsOpsSettings:
    """What the AWS tools need beyond the AWS SDK's own variables.

    `embedded` says that AWS_ENDPOINT_URL points at an embedded cloud, whose holes are then named as
    such; `profiles` (SKERRY_AWS_OPS_PROFILES, comma-separated) are the profiles that a caller may ask
    for, none by default. Timeouts are in seconds.
    """

    region: str = DEFAULT_REGION
    embedded: bool = False
    profiles: tuple[str, ...] = ()
    connect_timeout: float = 5.0
    read_timeout: float = 20.0

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> AwsOpsSettings:
        """Settings from the environment of a function or an MCP server."""
        profiles = env.get("SKERRY_AWS_OPS_PROFILES", "").split(",")
        return cls(
            region=region(env),
            embedded=bool(env.get("AWS_ENDPOINT_URL")),
            profiles=tuple(name.strip() for name in profiles if name.strip()),
        )
