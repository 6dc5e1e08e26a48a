"""`skerry proxy`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skerry.settings.values import DEFAULT_STATE


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
