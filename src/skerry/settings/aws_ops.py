"""The AWS tools."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass

from skerry.errors import ConfigurationError
from skerry.settings.values import DEFAULT_REGION, region, words

_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)
_PATTERN = re.compile(r"arn:aws[a-z-]*:iam::[\d*?]{1,12}:role/[\w+=,.@/*?-]{1,512}", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class AwsOpsSettings:
    """What the AWS tools need beyond the AWS SDK's own variables.

    `embedded` says that AWS_ENDPOINT_URL points at an embedded cloud, whose holes are then named as
    such; `profiles` (SKERRY_AWS_OPS_PROFILES) are the profiles that a caller may ask for, `roles`
    (SKERRY_AWS_OPS_ROLES) patterns of the ARNs of roles that a caller may ask for, with `*` and `?`; none
    by default, both separated by commas. `session_name` (SKERRY_AWS_OPS_SESSION_NAME) is what CloudTrail
    of the other account shows, `external_id` (SKERRY_AWS_OPS_EXTERNAL_ID) what its roles may ask for.
    Timeouts are in seconds.
    """

    region: str = DEFAULT_REGION
    embedded: bool = False
    profiles: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    session_name: str = "skerry-aws-ops"
    external_id: str = ""
    connect_timeout: float = 5.0
    read_timeout: float = 20.0

    def __post_init__(self) -> None:
        """Raises ConfigurationError for a pattern or a name that could never work."""
        for pattern in self.roles:
            if not _PATTERN.fullmatch(pattern):
                raise ConfigurationError(
                    f"SKERRY_AWS_OPS_ROLES holds '{pattern[:200]}', which is no pattern of role ARNs.",
                    hint="It looks like arn:aws:iam::*:role/desk-read-only.",
                )
        if not _SESSION_NAME.fullmatch(self.session_name):
            raise ConfigurationError(
                "SKERRY_AWS_OPS_SESSION_NAME has 2 to 64 letters, digits and any of _+=,.@- in it."
            )

    def may_assume(self, role: str) -> bool:
        """Whether `role` is the ARN of a role that one of the patterns allows. A `*` ends at a colon."""
        if not _ROLE.fullmatch(role):
            return False
        return any(fnmatch.fnmatchcase(role, pattern) for pattern in self.roles)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> AwsOpsSettings:
        """Settings from the environment of a function or an MCP server."""
        profiles = env.get("SKERRY_AWS_OPS_PROFILES", "").split(",")
        return cls(
            region=region(env),
            embedded=bool(env.get("AWS_ENDPOINT_URL")),
            profiles=tuple(name.strip() for name in profiles if name.strip()),
            roles=words(env.get("SKERRY_AWS_OPS_ROLES", "")),
            session_name=env.get("SKERRY_AWS_OPS_SESSION_NAME") or "skerry-aws-ops",
            external_id=env.get("SKERRY_AWS_OPS_EXTERNAL_ID", ""),
        )
