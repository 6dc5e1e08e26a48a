"""The operations agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skerry.settings.values import DEFAULT_REGION, DEFAULT_STATE, region, switch, words


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentSettings:
    """Where the operations agent finds its tools and its model, and what it may call without asking.

    `gateway_auth` is SKERRY_GATEWAY_AUTH: `auto` (the caller's token exchanged when it brings one, else
    SigV4), `iam`, `bearer` or `none`. `read_only` is SKERRY_READ_ONLY_TOOLS, patterns of tools that run
    without confirmation even where the gateway's listing carries no `readOnlyHint`. `store` is SKERRY_STORE,
    where conversations are kept; by default a file below HOME, which a Runtime keeps for each session.
    `trust_user` (SKERRY_TRUST_USER_HEADER) lets a signed request name its user in
    X-Amzn-Bedrock-AgentCore-Runtime-Custom-User-Id. Times are seconds.
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
    store: str = f"sqlite:///{DEFAULT_STATE}/conversations.sqlite"
    conversation_days: float = 30.0
    trust_user: bool = False
    approval_time: float = 900.0
    question_time: float = 300.0
    answer_time: float = 900.0
    tool_time: float = 120.0
    tools_time: float = 300.0

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
            store=env.get("SKERRY_STORE") or f"sqlite:///{Path(home, DEFAULT_STATE, 'conversations.sqlite')}",
            conversation_days=float(env.get("SKERRY_CONVERSATION_DAYS") or default.conversation_days),
            trust_user=switch(env.get("SKERRY_TRUST_USER_HEADER", "")),
            approval_time=float(env.get("SKERRY_APPROVAL_TIME") or default.approval_time),
            question_time=float(env.get("SKERRY_QUESTION_TIME") or default.question_time),
            answer_time=float(env.get("SKERRY_ANSWER_TIME") or default.answer_time),
            tool_time=float(env.get("SKERRY_TOOL_TIME") or default.tool_time),
            tools_time=float(env.get("SKERRY_TOOLS_TIME") or default.tools_time),
        )
