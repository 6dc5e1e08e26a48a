"""The guardrails MCP server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from skerry.errors import ConfigurationError
from skerry.settings.values import DEFAULT_REGION, region, words

Choice = tuple[str, str]
"""A guardrail (id or ARN) and a version of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardrailsSettings:
    """Which guardrails the server asks Bedrock for, and how much it takes.

    `allowed` are pairs of guardrail and version, the default first: GUARDRAILS_ID with GUARDRAILS_VERSION
    (DRAFT), then those of GUARDRAILS_ALLOWED, each `ID:VERSION`. A caller may choose among them only.
    `max_characters` (GUARDRAILS_MAX_CHARACTERS) bounds one call; `timeout` (GUARDRAILS_TIMEOUT) is the
    longest silence of Bedrock in seconds. `host` is 0.0.0.0 only in a container (DOCKER_CONTAINER is set).
    """

    allowed: tuple[Choice, ...] = ()
    region: str = DEFAULT_REGION
    max_characters: int = 25_000
    timeout: float = 20.0
    host: str = "127.0.0.1"
    port: int = 8000

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> GuardrailsSettings:
        """Settings from the environment of the server. Raises ConfigurationError for what cannot work."""
        default = env.get("GUARDRAILS_ID", "")
        choices = [(default, env.get("GUARDRAILS_VERSION") or "DRAFT")] if default else []
        choices += [_choice(text) for text in words(env.get("GUARDRAILS_ALLOWED", ""))]
        if not choices:
            raise ConfigurationError(
                "no guardrail is named.", hint="Set GUARDRAILS_ID to the id of one, and GUARDRAILS_VERSION."
            )
        return cls(
            allowed=tuple(dict.fromkeys(choices)),
            region=region(env),
            max_characters=int(_number(env, "GUARDRAILS_MAX_CHARACTERS", 25_000)),
            timeout=_number(env, "GUARDRAILS_TIMEOUT", 20),
            host="0.0.0.0" if env.get("DOCKER_CONTAINER") else "127.0.0.1",
            port=int(_number(env, "GUARDRAILS_PORT", 8000)),
        )


def _choice(text: str) -> Choice:
    guardrail, colon, version = text.rpartition(":")
    if not colon or not (version == "DRAFT" or version.isdecimal()):
        raise ConfigurationError(
            f"GUARDRAILS_ALLOWED holds '{text}'.", hint="Write ID:VERSION, such as a1b2c3d4e5f6:1."
        )
    return guardrail, version


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name, "")
    try:
        number = float(text) if text else default
    except ValueError:
        number = 0
    if not 0 < number < 1e9:
        raise ConfigurationError(f"{name} is '{text}'.", hint="It must be a number above 0.")
    return number
