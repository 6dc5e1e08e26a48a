"""The operations agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skerry.settings.values import DEFAULT_REGION, DEFAULT_STATE, region, words


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
            read_only=words(env["SKERRY_READ_ONLY_TOOLS"])
            if "SKERRY_READ_ONLY_TOOLS" in env
            else default.read_only,
            state=Path(env.get("SKERRY_AGENT_STATE") or Path(home, DEFAULT_STATE, "agent")),
            approval_time=float(env.get("SKERRY_APPROVAL_TIME") or default.approval_time),
            tool_time=float(env.get("SKERRY_TOOL_TIME") or default.tool_time),
        )
