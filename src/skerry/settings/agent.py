"""The operations agent: its program on a Runtime, and its web service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skerry.errors import ConfigurationError
from skerry.settings.agent_model import AgentModelSettings
from skerry.settings.store import StoreSettings
from skerry.settings.values import DEFAULT_REGION, region, switch, token_clock, words


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentSettings:
    """Where the operations agent finds its tools and its model, and what it may call without asking.

    `gateway_auth` is SKERRY_GATEWAY_AUTH: `auto` (the caller's token exchanged when it brings one, else
    SigV4), `iam`, `bearer` or `none`. `read_only` is SKERRY_READ_ONLY_TOOLS, patterns of tools that run
    without confirmation even where the gateway's listing carries no `readOnlyHint`. `store` is where
    conversations are kept; by default a file below HOME, which a Runtime keeps for each session.
    `trust_user` (SKERRY_TRUST_USER_HEADER) lets a signed request name its user in
    X-Amzn-Bedrock-AgentCore-Runtime-Custom-User-Id. Times are seconds. `token_clock` (SKERRY_TOKEN_CLOCK)
    is the file that moves the clock which tokens end by.
    """

    gateway_url: str = ""
    gateway_auth: str = "auto"
    gateway_audience: str = "desk-gateway"
    discovery_url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    model: AgentModelSettings = field(default_factory=AgentModelSettings)
    region: str = DEFAULT_REGION
    read_only: tuple[str, ...] = (
        "*_read_operations",
        "hello_world",
        "get_time",
        "get_email",
        "get_chart",
        "x_amz_bedrock_agentcore_search",
    )
    store: StoreSettings = field(default_factory=lambda: StoreSettings.from_env({}))
    trust_user: bool = False
    approval_time: float = 900.0
    question_time: float = 300.0
    answer_time: float = 900.0
    tool_time: float = 120.0
    tools_time: float = 300.0
    token_clock: Path | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> AgentSettings:
        """Settings from the environment of a runtime session."""
        default = cls()
        return cls(
            gateway_url=env.get("SKERRY_GATEWAY_URL", ""),
            gateway_auth=env.get("SKERRY_GATEWAY_AUTH") or default.gateway_auth,
            gateway_audience=env.get("SKERRY_GATEWAY_AUDIENCE") or default.gateway_audience,
            discovery_url=env.get("SKERRY_DISCOVERY_URL", ""),
            client_id=env.get("SKERRY_CLIENT_ID", ""),
            client_secret=env.get("SKERRY_CLIENT_SECRET", ""),
            model=AgentModelSettings.from_env(env),
            region=region(env),
            read_only=words(env["SKERRY_READ_ONLY_TOOLS"])
            if "SKERRY_READ_ONLY_TOOLS" in env
            else default.read_only,
            store=StoreSettings.from_env(env),
            trust_user=switch(env.get("SKERRY_TRUST_USER_HEADER", "")),
            approval_time=float(env.get("SKERRY_APPROVAL_TIME") or default.approval_time),
            question_time=float(env.get("SKERRY_QUESTION_TIME") or default.question_time),
            answer_time=float(env.get("SKERRY_ANSWER_TIME") or default.answer_time),
            tool_time=float(env.get("SKERRY_TOOL_TIME") or default.tool_time),
            tools_time=float(env.get("SKERRY_TOOLS_TIME") or default.tools_time),
            token_clock=token_clock(env),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceSettings:
    """The web service around the agent: where it listens, and who may call it.

    Variables begin with SKERRY_SERVICE_, but for PORT (0 picks a free one) and SKERRY_RUN_LEASE. `auth` is
    `token` (a bearer token of `issuer` for `audience`, in the shape of `dialect`; in the dialect cognito of
    one of `clients`), `iam` (behind the Lambda web adapter, which passes on who signed) or `none` (on
    loopback only). `host` is 127.0.0.1, and 0.0.0.0 only in a container (DOCKER_CONTAINER is set). `origins`
    are the web pages that may call. `max_body` is in bytes, `lease` in seconds.
    """

    agent: AgentSettings = field(default_factory=AgentSettings)
    host: str = "127.0.0.1"
    port: int = 0
    auth: str = "token"
    issuer: str = ""
    audience: str = "desk-agent"
    dialect: str = "oauth"
    clients: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    max_body: int = 1_048_576
    lease: float = 15.0

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> ServiceSettings:
        """Settings from the environment. Raises ConfigurationError for a word or number that is none."""
        default = cls()
        try:
            return cls(
                agent=AgentSettings.from_env(env),
                host="0.0.0.0" if env.get("DOCKER_CONTAINER") else "127.0.0.1",
                port=int(env.get("PORT") or 0),
                auth=env.get("SKERRY_SERVICE_AUTH") or default.auth,
                issuer=env.get("SKERRY_SERVICE_ISSUER") or env.get("SKERRY_ISSUER", ""),
                audience=env.get("SKERRY_SERVICE_AUDIENCE") or default.audience,
                dialect=env.get("SKERRY_SERVICE_DIALECT") or default.dialect,
                clients=words(env.get("SKERRY_SERVICE_CLIENTS", "")),
                origins=words(env.get("SKERRY_SERVICE_ORIGINS", "")),
                max_body=int(env.get("SKERRY_SERVICE_MAX_BODY") or default.max_body),
                lease=float(env.get("SKERRY_RUN_LEASE") or default.lease),
            )
        except ValueError as error:
            raise ConfigurationError(
                f"a number is wrong: {error}.", hint="Check PORT and the SKERRY_ variables."
            ) from error
