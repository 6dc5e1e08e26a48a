"""Settings of the identity plane."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from skerry.local.identity.assumptions import Assumptions


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySettings:
    """`endpoint` is the stack's base URL without a slash at its end, `file` where the vault is kept.

    `calls` is what is allowed a second of each operation, 0 for any number. `own_return_urls` are pages of
    the stack, to which a consent may return whatever the workload identity allows. `token_clock` is the file
    that moves the clock which tokens of identity providers end by.
    """

    file: Path
    endpoint: str
    region: str
    account: str
    calls: float = 0.0
    own_return_urls: tuple[str, ...] = ()
    token_clock: Path | None = None
    table: Assumptions = field(default_factory=Assumptions)

    def arn(self, resource: str) -> str:
        """The ARN of one of the account's resources of AgentCore."""
        return f"arn:aws:bedrock-agentcore:{self.region}:{self.account}:{resource}"
