"""The statements MCP server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skerry.settings.values import token_clock


@dataclass(frozen=True, kw_only=True, slots=True)
class StatementsSettings:
    """Whose tokens the server takes, and who signs people in for its page.

    Variables begin with STATEMENTS_, but for PORT (0 picks a free one). `issuer` falls back to
    SKERRY_ISSUER. `client_id` is the public client of the page; `tenant_claim` is empty where there are no
    tenants. `token_clock` (SKERRY_TOKEN_CLOCK) is the file that moves the clock which tokens end by.
    """

    port: int = 0
    issuer: str = ""
    audience: str = "statements"
    client_id: str = "statements-page"
    tenant_claim: str = ""
    token_clock: Path | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> StatementsSettings:
        """Settings from the environment of the server. Raises ValueError when PORT is no number."""
        return cls(
            port=int(env.get("PORT") or 0),
            issuer=env.get("STATEMENTS_ISSUER") or env.get("SKERRY_ISSUER", ""),
            audience=env.get("STATEMENTS_AUDIENCE") or "statements",
            client_id=env.get("STATEMENTS_CLIENT_ID") or "statements-page",
            tenant_claim=env.get("STATEMENTS_TENANT_CLAIM", ""),
            token_clock=token_clock(env),
        )
