"""The plane that answers Converse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skerry.settings.values import DEFAULT_REGION, region


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
