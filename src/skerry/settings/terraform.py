"""The Terraform server, and the local stand-in of the API behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skerry.settings.values import switch, token_clock, words


@dataclass(frozen=True, kw_only=True, slots=True)
class TerraformSettings:
    """The Terraform MCP server: whose tokens it takes, where Terraform is, and what it may do there.

    Variables begin with SKERRY_TERRAFORM_, but for TFE_TOKEN (the deployment's own token) and TFE_ADDRESS,
    which a client can never change. `issuer` falls back to SKERRY_ISSUER. Tools that change something are
    listed only with `writes`; `organizations` limits every tool to the named ones. `state` says where
    sessions are kept: `memory`, `redis://…` or `dynamodb://TABLE?region=…`; the last two need `state_key`,
    secrets of at least 32 characters of which the first encrypts and the others still decrypt.
    `host` is 127.0.0.1, and 0.0.0.0 only in a container. `environment_proxy` is whether the environment
    would send calls to this machine itself through an HTTP proxy, as pytfe's HTTP client does then.
    Times are in seconds. `token_clock` (SKERRY_TOKEN_CLOCK) is the file that moves the clock which tokens
    end by.
    """

    issuer: str = ""
    audience: str = "terraform"
    address: str = "https://app.terraform.io"
    registry: str = "https://registry.terraform.io"
    token: str = field(default="", repr=False)
    verify_tls: bool = True
    ca_bundle: str = ""
    proxy: str = field(default="", repr=False)
    environment_proxy: bool = False
    writes: bool = False
    organizations: tuple[str, ...] = ()
    organization: str = ""
    state: str = field(default="memory", repr=False)
    state_key: tuple[str, ...] = field(default=(), repr=False)
    session_lifetime: float = 28800.0
    host: str = "127.0.0.1"
    port: int = 8000
    stateful: bool = False
    concurrency: int = 8
    api_timeout: float = 20.0
    call_timeout: float = 45.0
    confirm_timeout: float = 120.0
    token_clock: Path | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> TerraformSettings:
        """Settings from the environment of the server. Raises ValueError when a number is none."""

        def own(name: str, default: str = "") -> str:
            return env.get(f"SKERRY_TERRAFORM_{name}") or default

        return cls(
            issuer=own("ISSUER") or env.get("SKERRY_ISSUER", ""),
            audience=own("AUDIENCE", "terraform"),
            token_clock=token_clock(env),
            address=(env.get("TFE_ADDRESS") or "https://app.terraform.io").rstrip("/"),
            registry=own("REGISTRY", "https://registry.terraform.io").rstrip("/"),
            token=env.get("TFE_TOKEN", ""),
            verify_tls=not switch(own("INSECURE")),
            ca_bundle=own("CA_BUNDLE"),
            proxy=own("PROXY"),
            environment_proxy=_proxied(env),
            writes=switch(own("WRITES")),
            organizations=words(own("ORGANIZATIONS")),
            organization=own("ORGANIZATION"),
            state=own("STATE", "memory"),
            state_key=words(own("STATE_KEY")),
            session_lifetime=float(own("SESSION_LIFETIME", "28800")),
            host="0.0.0.0" if env.get("DOCKER_CONTAINER") else "127.0.0.1",
            port=int(own("PORT", "8000")),
            stateful=switch(own("STATEFUL")),
            concurrency=int(own("CONCURRENCY", "8")),
            api_timeout=float(own("API_TIMEOUT", "20")),
            call_timeout=float(own("CALL_TIMEOUT", "45")),
            confirm_timeout=float(own("CONFIRM_TIMEOUT", "120")),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TerraformStandinSettings:
    """The stand-in of the Terraform API.

    Variables begin with TERRAFORM_STANDIN_, but for PORT (0 picks a free one). `step` is how long a phase
    of a run lasts, in seconds; `rate` how many calls a second it takes (0: any number).
    """

    port: int = 0
    token: str = field(default="", repr=False)
    seed: Path | None = None
    step: float = 1.0
    rate: int = 30

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> TerraformStandinSettings:
        """Settings from the environment of the service. Raises ValueError when a number is none."""
        file = env.get("TERRAFORM_STANDIN_SEED")
        return cls(
            port=int(env.get("PORT") or 0),
            token=env.get("TERRAFORM_STANDIN_TOKEN", ""),
            seed=Path(file) if file else None,
            step=float(env.get("TERRAFORM_STANDIN_STEP") or 1),
            rate=int(env.get("TERRAFORM_STANDIN_RATE") or 30),
        )


def _proxied(env: Mapping[str, str]) -> bool:
    """Whether the environment names a proxy for plain HTTP and does not except this machine."""
    named = any(env.get(name) for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"))
    excepted = words(env.get("no_proxy") or env.get("NO_PROXY", ""))
    return named and not {"*", "127.0.0.1", "localhost"} & set(excepted)
