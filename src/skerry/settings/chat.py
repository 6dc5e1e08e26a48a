"""`skerry chat` and `skerry call`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skerry.settings.values import DEFAULT_REGION, DEFAULT_STATE, region


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatSettings:
    """What `skerry chat` and `skerry call` take from the environment.

    `token` (SKERRY_TOKEN) is a bearer token to use instead of asking the stack's identity provider; how one
    signs in is in `SignInSettings`.
    `user` (SKERRY_USER) is whom to say that one is, `login` the name in this operating system. `colour` is
    off with NO_COLOR, and `plain` is on with TERM=dumb; `terminal` names the terminal program, or with
    SKERRY_PICTURES the way to draw.
    """

    state: Path = Path(DEFAULT_STATE)
    endpoint_url: str = ""
    sts: str = ""
    region: str = DEFAULT_REGION
    runtime_arn: str = ""
    url: str = ""
    token: str = field(default="", repr=False)
    user: str = ""
    login: str = ""
    colour: bool = True
    plain: bool = False
    terminal: str = ""
    history: Path | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> ChatSettings:
        """Settings from the environment of a person's shell."""
        home = env.get("HOME") or env.get("USERPROFILE")
        return cls(
            state=Path(env.get("SKERRY_STATE") or DEFAULT_STATE),
            endpoint_url=env.get("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE") or env.get("AWS_ENDPOINT_URL", ""),
            sts=env.get("AWS_ENDPOINT_URL_STS") or env.get("AWS_ENDPOINT_URL", ""),
            region=region(env),
            runtime_arn=env.get("SKERRY_RUNTIME_ARN", ""),
            url=env.get("SKERRY_URL", ""),
            token=env.get("SKERRY_TOKEN", ""),
            user=env.get("SKERRY_USER", ""),
            login=_login(env),
            colour=not env.get("NO_COLOR") and env.get("TERM") != "dumb",
            plain=env.get("TERM") == "dumb",
            terminal=_terminal(env),
            history=Path(home, ".skerry_history") if home else None,
        )


def _login(env: Mapping[str, str]) -> str:
    """The name in this operating system, else that of the home directory, where a header can carry it."""
    found = env.get("LOGNAME") or env.get("USER") or env.get("USERNAME") or Path(env.get("HOME", "")).name
    return found if found.isascii() and found.isprintable() and " " not in found else ""


def _terminal(env: Mapping[str, str]) -> str:
    """The terminal program, for pictures: as it says itself, else by the name of its terminal description."""
    if chosen := env.get("SKERRY_PICTURES"):
        return chosen
    if env.get("TMUX"):  # it draws for itself, and passes no pictures on
        return ""
    said = "kitty" if env.get("KITTY_WINDOW_ID") else env.get("LC_TERMINAL") or env.get("TERM_PROGRAM", "")
    family = env.get("TERM", "").removeprefix("xterm-").partition("-")[0]
    return said or (family if family in ("kitty", "ghostty", "foot", "mlterm", "contour") else "")
