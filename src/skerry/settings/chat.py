"""`skerry chat` and `skerry call`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skerry.settings.values import DEFAULT_REGION, DEFAULT_STATE, region


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
