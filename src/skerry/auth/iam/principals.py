"""Who asks, and whom the Principal of a policy names.

Source: IAM user guide, "AWS JSON policy elements: Principal", "NotPrincipal".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["user", "session", "service", "federated", "other"]
Grant = Literal["", "direct", "role", "everyone", "account"]
"""How an Allow reaches somebody: not at all, by its own ARN, as a role, as anybody, through its account."""

EVERYONE = ("AWS", "*")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: an IAM user or another principal with an ARN, a session of a role, or a service of AWS.

    `arn` is that of the user or session. `role` is the ARN of a session's role; without its path where that
    is not known. `service` is a name such as `bedrock-agentcore.amazonaws.com`. Somebody whom an identity
    provider vouches for is `federated`, and `arn` that of the provider in IAM. Who did not prove itself is
    `other`: only "anybody" names it.
    """

    kind: Kind = "other"
    arn: str = ""
    role: str = ""
    service: str = ""

    @property
    def account(self) -> str:
        """The account, "" for services and others."""
        parts = self.arn.split(":")
        return parts[4] if len(parts) > 5 else ""

    @property
    def name(self) -> str:
        """The user's or role's name."""
        return (self.role or self.arn).rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Names:
    """The Principal of a statement, as pairs of a kind and a name."""

    pairs: tuple[tuple[str, str], ...]

    def grant(self, principal: Principal) -> Grant:
        """How closely the names fit, the closest first."""
        found = {self._grant(kind, name, principal) for kind, name in self.pairs}
        return next((grant for grant in _CLOSEST if grant in found), "")

    def spares(self, principal: Principal) -> bool:
        """Whether a NotPrincipal with these names leaves somebody alone.

        Each step to somebody must be named: the account, a session's role, and the user or session itself.
        An account's name alone is that of its root user there, and of nobody else.
        """
        found = {self._grant(kind, name, principal) for kind, name in self.pairs}
        steps = {"user": {"account", "direct"}, "session": {"account", "role", "direct"}}
        return "everyone" in found or steps.get(principal.kind, {"direct"}) <= found

    def _grant(self, kind: str, name: str, principal: Principal) -> Grant:
        if (kind, name) == EVERYONE:
            return "everyone"
        if kind == "Service":
            return "direct" if principal.kind == "service" and name == principal.service else ""
        if kind == "Federated":
            return "direct" if principal.kind == "federated" and name == principal.arn else ""
        if kind != "AWS" or principal.kind not in ("user", "session"):
            return ""
        if name == principal.arn:
            return "direct"
        account = principal.account
        if account and name in (account, f"arn:{principal.arn.split(':')[1]}:iam::{account}:root"):
            return "account"
        return "role" if principal.kind == "session" and _same_role(name, principal.role) else ""


_CLOSEST: tuple[Grant, ...] = ("direct", "role", "everyone", "account")


def _same_role(name: str, role: str) -> bool:
    """Whether an ARN is that of a role whose path may not be known: names are unique in an account."""
    head, mark, path = name.partition(":role/")
    own_head, own_mark, own_path = role.partition(":role/")
    if not mark or not own_mark or head != own_head:
        return False
    return path == own_path if "/" in own_path else path.rpartition("/")[2] == own_path
