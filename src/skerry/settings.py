"""Settings: one frozen dataclass per part, the only reader of the environment.

A part never reads `os.environ`: its entry point calls `from_env(os.environ)` once and hands the
object on. What the environment leaves out has a default that works on one machine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skerry.errors import ConfigurationError

DEFAULT_ACCOUNT = "123456789012"
DEFAULT_REGION = "us-east-1"
DEFAULT_STATE = ".skerry"
DEFAULT_PORT = 4700


def region(env: Mapping[str, str]) -> str:
    """AWS_REGION, else AWS_DEFAULT_REGION, else the default region."""
    return env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or DEFAULT_REGION


@dataclass(frozen=True, kw_only=True, slots=True)
class StackSettings:
    """Where `skerry up` keeps its state and what it listens on.

    `state` is SKERRY_STATE or `.skerry` in the working directory; `port` is SKERRY_PORT, 0 picks a
    free one; `file` is SKERRY_FILE, or `skerry.toml` of the working directory where that exists.
    `environment` is the whole environment, of which the stack's programs get a named part.
    """

    state: Path = Path(DEFAULT_STATE)
    port: int = DEFAULT_PORT
    region: str = DEFAULT_REGION
    account: str = DEFAULT_ACCOUNT
    file: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> StackSettings:
        """Settings from the environment. Raises ConfigurationError when SKERRY_PORT is no port."""
        port = env.get("SKERRY_PORT") or str(DEFAULT_PORT)
        if not (port.isdecimal() and int(port) <= 65535):
            raise ConfigurationError(f"SKERRY_PORT is '{port}'.", hint="It must be a number from 0 to 65535.")
        return cls(
            state=Path(env.get("SKERRY_STATE") or DEFAULT_STATE),
            port=int(port),
            region=region(env),
            file=Path(env["SKERRY_FILE"]) if env.get("SKERRY_FILE") else None,
            environment=dict(env),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentSettings:
    """Where the operations agent finds its tools and its model, and what it may call without asking.

    `gateway_auth` is SKERRY_GATEWAY_AUTH: `auto` (the caller's token exchanged when it brings one, else
    SigV4), `iam`, `bearer` or `none`. `read_only` is SKERRY_READ_ONLY_TOOLS, patterns of tools that run
    without confirmation even where the gateway's listing carries no `readOnlyHint`. Times are seconds.
    """

    gateway_url: str = ""
    gateway_auth: str = "auto"
    gateway_audience: str = "desk-gateway"
    discovery_url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    model_id: str = "local-router"
    region: str = DEFAULT_REGION
    read_only: tuple[str, ...] = (
        "*_read_operations",
        "hello_world",
        "get_time",
        "get_email",
        "get_chart",
        "x_amz_bedrock_agentcore_search",
    )
    state: Path = Path(DEFAULT_STATE, "agent")
    approval_time: float = 900.0
    tool_time: float = 120.0

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> AgentSettings:
        """Settings from the environment of a runtime session."""
        default = cls()
        home = env.get("HOME") or env.get("USERPROFILE") or "."
        return cls(
            gateway_url=env.get("SKERRY_GATEWAY_URL", ""),
            gateway_auth=env.get("SKERRY_GATEWAY_AUTH") or default.gateway_auth,
            gateway_audience=env.get("SKERRY_GATEWAY_AUDIENCE") or default.gateway_audience,
            discovery_url=env.get("SKERRY_DISCOVERY_URL", ""),
            client_id=env.get("SKERRY_CLIENT_ID", ""),
            client_secret=env.get("SKERRY_CLIENT_SECRET", ""),
            model_id=env.get("SKERRY_MODEL_ID") or default.model_id,
            region=region(env),
            read_only=_words(env["SKERRY_READ_ONLY_TOOLS"])
            if "SKERRY_READ_ONLY_TOOLS" in env
            else default.read_only,
            state=Path(env.get("SKERRY_AGENT_STATE") or Path(home, DEFAULT_STATE, "agent")),
            approval_time=float(env.get("SKERRY_APPROVAL_TIME") or default.approval_time),
            tool_time=float(env.get("SKERRY_TOOL_TIME") or default.tool_time),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatSettings:
    """What `skerry chat` and `skerry call` take from the environment.

    `token` (SKERRY_TOKEN) is a bearer token to use instead of asking the stack's identity provider;
    `colour` is off with NO_COLOR; `terminal` names the terminal program, for pictures.
    """

    state: Path = Path(DEFAULT_STATE)
    endpoint_url: str = ""
    region: str = DEFAULT_REGION
    runtime_arn: str = ""
    token: str = field(default="", repr=False)
    colour: bool = True
    terminal: str = ""
    history: Path | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> ChatSettings:
        """Settings from the environment of a person's shell."""
        home = env.get("HOME") or env.get("USERPROFILE")
        kitty = "kitty" if env.get("KITTY_WINDOW_ID") else ""
        return cls(
            state=Path(env.get("SKERRY_STATE") or DEFAULT_STATE),
            endpoint_url=env.get("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE") or env.get("AWS_ENDPOINT_URL", ""),
            region=region(env),
            runtime_arn=env.get("SKERRY_RUNTIME_ARN", ""),
            token=env.get("SKERRY_TOKEN", ""),
            colour=not env.get("NO_COLOR") and env.get("TERM") != "dumb",
            terminal=kitty or env.get("LC_TERMINAL") or env.get("TERM_PROGRAM", ""),
            history=Path(home, ".skerry_history") if home else None,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ProxySettings:
    """What `skerry proxy` takes from the environment; each is a flag too, and the flag wins.

    `target` is AGENTCORE_AGENT_ARN or AGENT_ARN, `session_mode` RUNTIME_SESSION_MODE, `role_arn` and
    `role_session_name` AGENTCORE_ASSUME_ROLE_ARN and _SESSION_NAME; MCP_PROXY_DEBUG sets `log_level` to
    DEBUG. `environment` is the whole environment, for the credential chain, the HTTP proxy (HTTPS_PROXY,
    HTTP_PROXY, NO_PROXY) and AWS_CA_BUNDLE.
    """

    target: str = ""
    endpoint_url: str = ""
    region: str = ""
    profile: str = ""
    session_mode: str = "session"
    role_arn: str = ""
    role_session_name: str = "mcpAgentCoreProxy"
    log_level: str = "WARNING"
    state: Path = Path(DEFAULT_STATE)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> ProxySettings:
        """Settings from the environment that a host starts the proxy with."""
        default = cls()
        debug = env.get("MCP_PROXY_DEBUG", "").lower() not in ("", "0", "false", "no")
        return cls(
            target=env.get("AGENTCORE_AGENT_ARN") or env.get("AGENT_ARN", ""),
            endpoint_url=env.get("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE") or env.get("AWS_ENDPOINT_URL", ""),
            region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION", ""),
            profile=env.get("AWS_PROFILE", ""),
            session_mode=env.get("RUNTIME_SESSION_MODE") or default.session_mode,
            role_arn=env.get("AGENTCORE_ASSUME_ROLE_ARN", ""),
            role_session_name=env.get("AGENTCORE_ASSUME_ROLE_SESSION_NAME") or default.role_session_name,
            log_level="DEBUG" if debug else env.get("LOG_LEVEL") or default.log_level,
            state=Path(env.get("SKERRY_STATE") or DEFAULT_STATE),
            environment=dict(env),
        )


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


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountsApiSettings:
    """The accounts API: its database, whose tokens it takes, and the compatibility endpoint.

    Variables begin with ACCOUNTS_, but for PORT (0 picks a free one). `issuer` falls back to
    SKERRY_ISSUER. An empty scope is not asked for. `generate_token` switches on GET /generate-token,
    which hands out tokens of `client_id` to whoever can reach the port.
    """

    port: int = 0
    database: Path = Path(DEFAULT_STATE, "accounts.sqlite")
    seed: Path | None = None
    issuer: str = ""
    audience: str = "accounts-api"
    tenant_claim: str = "tenant_id"
    read_scope: str = "desk/use"
    write_scope: str = "desk/use"
    generate_token: bool = False
    client_id: str = ""
    client_secret: str = field(default="", repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> AccountsApiSettings:
        """Settings from the environment of the service. Raises ValueError when PORT is no number."""
        return cls(
            port=int(env.get("PORT") or 0),
            database=Path(env.get("ACCOUNTS_DATABASE") or Path(DEFAULT_STATE, "accounts.sqlite")),
            seed=Path(env["ACCOUNTS_SEED"]) if env.get("ACCOUNTS_SEED") else None,
            issuer=env.get("ACCOUNTS_ISSUER") or env.get("SKERRY_ISSUER", ""),
            audience=env.get("ACCOUNTS_AUDIENCE") or "accounts-api",
            tenant_claim=env.get("ACCOUNTS_TENANT_CLAIM") or "tenant_id",
            read_scope=env.get("ACCOUNTS_READ_SCOPE", "desk/use"),
            write_scope=env.get("ACCOUNTS_WRITE_SCOPE", "desk/use"),
            generate_token=switch(env.get("ACCOUNTS_GENERATE_TOKEN", "")),
            client_id=env.get("ACCOUNTS_CLIENT_ID", ""),
            client_secret=env.get("ACCOUNTS_CLIENT_SECRET", ""),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountsSettings:
    """The accounts MCP server: whose tokens it takes, and how it gets one for the API.

    Variables begin with ACCOUNTS_. `issuer` falls back to SKERRY_ISSUER. `host` is 127.0.0.1, and
    0.0.0.0 only in a container (DOCKER_CONTAINER is set, as AgentCore's own SDK reads it). `stateful`
    keeps MCP sessions, which clients up to 2025-11-25 need in order to be asked for a confirmation.
    `confirm_timeout` and `api_timeout` are in seconds.
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

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> AccountsSettings:
        """Settings from the environment of the server. Raises ValueError when a number is none."""
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
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelsSettings:
    """Who answers Converse: `router` (offline, no language model), `openai` or `aws`.

    `url` is the base URL of an OpenAI-compatible server up to and with `/v1`, or another endpoint of AWS;
    `model` replaces the caller's model id there; `api_key` is sent to `url` and nowhere else. `region` is
    that of AWS. `timeout` is the longest silence of the backend in seconds.
    """

    backend: str = "router"
    url: str = ""
    model: str = ""
    api_key: str = field(default="", repr=False)
    region: str = DEFAULT_REGION
    timeout: float = 120.0

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> ModelsSettings:
        """Settings from SKERRY_MODELS, _URL, _MODEL, _API_KEY and _TIMEOUT."""
        return cls(
            backend=env.get("SKERRY_MODELS") or "router",
            url=env.get("SKERRY_MODELS_URL", "").rstrip("/"),
            model=env.get("SKERRY_MODELS_MODEL", ""),
            api_key=env.get("SKERRY_MODELS_API_KEY", ""),
            region=region(env),
            timeout=float(env.get("SKERRY_MODELS_TIMEOUT") or 120),
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


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalSettings:
    """The endpoint: its state, its port on 127.0.0.1, and what fills the embedded cloud.

    `state` (SKERRY_STATE) gets `credentials.json`, `control.sqlite`, `hops.jsonl` and `logs/`; `port` is
    SKERRY_PORT, 0 picks a free one; `seeds` is SKERRY_SEEDS, TOML files separated as in PATH. `inherited`
    is the environment of the programs that the endpoint starts.
    """

    state: Path = Path(DEFAULT_STATE)
    port: int = DEFAULT_PORT
    region: str = DEFAULT_REGION
    account: str = DEFAULT_ACCOUNT
    seeds: tuple[Path, ...] = ()
    models: ModelsSettings = field(default_factory=ModelsSettings)
    inherited: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> LocalSettings:
        """Settings from the environment. Raises ValueError when a number is none."""
        return cls(
            state=Path(env.get("SKERRY_STATE") or DEFAULT_STATE),
            port=int(env.get("SKERRY_PORT") or DEFAULT_PORT),
            region=region(env),
            seeds=tuple(Path(name) for name in env.get("SKERRY_SEEDS", "").split(os.pathsep) if name),
            models=ModelsSettings.from_env(env),
            inherited={name: value for name, value in env.items() if name.upper() in CHILD_ENVIRONMENT},
        )


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


def switch(text: str) -> bool:
    """Whether a variable switches something on: 1, true, yes, on."""
    return text.strip().lower() in ("1", "true", "yes", "on")


def _words(text: str) -> tuple[str, ...]:
    """Words separated by commas or blanks."""
    return tuple(text.replace(",", " ").split())
