"""The accounts API and its MCP server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skerry.settings.values import DEFAULT_STATE, switch, table, token_clock


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountsApiSettings:
    """The accounts API: its database, whose tokens it takes, and the compatibility endpoint.

    Variables begin with ACCOUNTS_, but for PORT (0 picks a free one). `issuer` falls back to
    SKERRY_ISSUER. An empty scope is not asked for; `includes` says which scopes include others.
    `generate_token` switches on GET /generate-token, which hands out tokens of `client_id` to whoever can
    reach the port. `compatibility_headers` takes X-JWT-TOKEN and X-TENANT-ID of an old MCP server, checked.
    `token_clock` (SKERRY_TOKEN_CLOCK) is the file that moves the clock which tokens end by.
    """

    port: int = 0
    database: Path = Path(DEFAULT_STATE, "accounts.sqlite")
    seed: Path | None = None
    issuer: str = ""
    audience: str = "accounts-api"
    tenant_claim: str = "tenant_id"
    read_scope: str = "desk/use"
    write_scope: str = "desk/use"
    includes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    generate_token: bool = False
    compatibility_headers: bool = False
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    token_clock: Path | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> AccountsApiSettings:
        """Settings from the environment of the service.

        Raises ValueError when PORT is no number, or ACCOUNTS_SCOPES_INCLUDE no table.
        """
        return cls(
            port=int(env.get("PORT") or 0),
            database=Path(env.get("ACCOUNTS_DATABASE") or Path(DEFAULT_STATE, "accounts.sqlite")),
            seed=Path(env["ACCOUNTS_SEED"]) if env.get("ACCOUNTS_SEED") else None,
            issuer=env.get("ACCOUNTS_ISSUER") or env.get("SKERRY_ISSUER", ""),
            audience=env.get("ACCOUNTS_AUDIENCE") or "accounts-api",
            tenant_claim=env.get("ACCOUNTS_TENANT_CLAIM") or "tenant_id",
            read_scope=env.get("ACCOUNTS_READ_SCOPE", "desk/use"),
            write_scope=env.get("ACCOUNTS_WRITE_SCOPE", "desk/use"),
            includes=table(env.get("ACCOUNTS_SCOPES_INCLUDE", "")),
            generate_token=switch(env.get("ACCOUNTS_GENERATE_TOKEN", "")),
            compatibility_headers=switch(env.get("ACCOUNTS_COMPATIBILITY_HEADERS", "")),
            client_id=env.get("ACCOUNTS_CLIENT_ID", ""),
            client_secret=env.get("ACCOUNTS_CLIENT_SECRET", ""),
            token_clock=token_clock(env),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountsSettings:
    """The accounts MCP server: whose tokens it takes, and how it gets one for the API.

    Variables begin with ACCOUNTS_. `issuer` falls back to SKERRY_ISSUER. `host` is 127.0.0.1, and
    0.0.0.0 only in a container (DOCKER_CONTAINER is set, as AgentCore's own SDK reads it). `stateful`
    keeps MCP sessions, which clients up to 2025-11-25 need in order to be asked for a confirmation.
    `confirm_timeout` and `api_timeout` are in seconds. `compatibility_headers` tells the API the exchanged
    token and the tenant in X-JWT-TOKEN and X-TENANT-ID too. `url` is what clients type when something stands
    in front of the server; the address it listens on when empty. The scopes are the API's: by itself the
    server asks for them too, `write_scope` for the tool that changes something; `includes` says which
    include others. `token_clock` is as above.
    """

    issuer: str = ""
    audience: str = "accounts"
    client_id: str = "accounts"
    client_secret: str = field(default="", repr=False)
    api_url: str = ""
    api_audience: str = "accounts-api"
    host: str = "127.0.0.1"
    port: int = 8000
    stateful: bool = False
    confirm_timeout: float = 120.0
    api_timeout: float = 10.0
    read_scope: str = "desk/use"
    write_scope: str = "desk/use"
    includes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    compatibility_headers: bool = False
    tenant_claim: str = "tenant_id"
    url: str = ""
    token_clock: Path | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> AccountsSettings:
        """Settings from the environment. Raises ValueError for a number or a table that is none."""
        return cls(
            issuer=env.get("ACCOUNTS_ISSUER") or env.get("SKERRY_ISSUER", ""),
            audience=env.get("ACCOUNTS_AUDIENCE") or "accounts",
            client_id=env.get("ACCOUNTS_CLIENT_ID") or "accounts",
            client_secret=env.get("ACCOUNTS_CLIENT_SECRET", ""),
            api_url=env.get("ACCOUNTS_API_URL", "").rstrip("/"),
            api_audience=env.get("ACCOUNTS_API_AUDIENCE") or "accounts-api",
            host="0.0.0.0" if env.get("DOCKER_CONTAINER") else "127.0.0.1",
            port=int(env.get("ACCOUNTS_PORT") or 8000),
            stateful=switch(env.get("ACCOUNTS_STATEFUL", "")),
            confirm_timeout=float(env.get("ACCOUNTS_CONFIRM_TIMEOUT") or 120),
            api_timeout=float(env.get("ACCOUNTS_API_TIMEOUT") or 10),
            compatibility_headers=switch(env.get("ACCOUNTS_COMPATIBILITY_HEADERS", "")),
            tenant_claim=env.get("ACCOUNTS_TENANT_CLAIM") or "tenant_id",
            read_scope=env.get("ACCOUNTS_READ_SCOPE", "desk/use"),
            write_scope=env.get("ACCOUNTS_WRITE_SCOPE", "desk/use"),
            includes=table(env.get("ACCOUNTS_SCOPES_INCLUDE", "")),
            url=env.get("ACCOUNTS_URL", ""),
            token_clock=token_clock(env),
        )
