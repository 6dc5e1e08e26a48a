"""The model of the operations agent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from skerry.errors import ConfigurationError
from skerry.settings.values import DEFAULT_REGION, region

PROVIDERS = ("bedrock", "gemini", "openai", "ollama")
CACHES = ("auto", "on", "off")
MILLION = 1_000_000

_KINDS = ("input", "output", "cache_read", "cache_write")


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs per million tokens. None: not known, so nothing with such tokens has a cost."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    currency: str = "USD"


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentModelSettings:
    """Who answers the agent, and what that costs.

    `provider` is SKERRY_MODEL, `model_id` SKERRY_MODEL_ID, `url` SKERRY_MODEL_URL (the base URL of the
    provider; for bedrock another endpoint than that of the AWS SDK's own variables), `api_key`
    SKERRY_MODEL_API_KEY. `cache` (SKERRY_MODEL_CACHE) is `auto`: prompt caching where the model is known to
    have it, `on`: also where its name does not tell, or `off`. `profile` (SKERRY_MODEL_PROFILE) is `auto`: a
    plain Bedrock id that needs an inference profile gets that of the region, `none`, or a prefix such as
    `eu`. `prices` (SKERRY_MODEL_PRICES: JSON, or the path of a file of it) are by model id or pattern; none
    is built in. `timeout` (SKERRY_MODEL_TIMEOUT) is the longest silence in seconds.
    """

    provider: str = "bedrock"
    model_id: str = "local-router"
    url: str = ""
    api_key: str = field(default="", repr=False)
    region: str = DEFAULT_REGION
    temperature: float | None = None
    max_tokens: int | None = None
    cache: str = "auto"
    profile: str = "auto"
    timeout: float = 120.0
    prices: Mapping[str, Price] = field(default_factory=dict)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> AgentModelSettings:
        """Settings from the environment of the agent. Raises ConfigurationError for what cannot work."""
        provider = _one_of(env, "SKERRY_MODEL", PROVIDERS)
        model_id = env.get("SKERRY_MODEL_ID", "")
        if not model_id and provider != "bedrock":
            raise ConfigurationError(
                f"SKERRY_MODEL is {provider}, but no model is named.", hint="Set SKERRY_MODEL_ID."
            )
        tokens = _number(env, "SKERRY_MODEL_MAX_TOKENS", least=1)
        return cls(
            provider=provider,
            model_id=model_id or cls().model_id,
            url=_url(env.get("SKERRY_MODEL_URL", "")),
            api_key=env.get("SKERRY_MODEL_API_KEY", ""),
            region=region(env),
            temperature=_number(env, "SKERRY_MODEL_TEMPERATURE", least=0),
            max_tokens=None if tokens is None else int(tokens),
            cache=_one_of(env, "SKERRY_MODEL_CACHE", CACHES),
            profile=env.get("SKERRY_MODEL_PROFILE") or "auto",
            timeout=_number(env, "SKERRY_MODEL_TIMEOUT", least=0.001) or 120.0,
            prices=prices(env.get("SKERRY_MODEL_PRICES", "")),
        )


def price(listed: Mapping[str, Price], *names: str) -> Price | None:
    """The price of a model by one of its names: exactly, else by the first pattern that fits."""
    for name in names:
        if name in listed:
            return listed[name]
    return next(
        (found for pattern, found in listed.items() for name in names if fnmatchcase(name, pattern)), None
    )


def prices(text: str) -> dict[str, Price]:
    """The table in a JSON text or in the file that it names. Raises ConfigurationError."""
    if not text.strip():
        return {}
    where = "SKERRY_MODEL_PRICES"
    if not text.lstrip().startswith("{"):
        where = text
        try:
            text = Path(text).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"SKERRY_MODEL_PRICES names {where}, which cannot be read ({type(error).__name__})."
            ) from error
    try:
        table = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{where} is not JSON.") from error
    if not isinstance(table, dict):
        raise ConfigurationError(f"{where} is no table of models.", hint=_EXAMPLE)
    return {name: _price(f"{where}: {name}", entry) for name, entry in table.items()}


_EXAMPLE = 'Write {"a-model": {"input": 3, "output": 15, "cache_read": 0.3}}, per million tokens.'


def _price(where: str, entry: Any) -> Price:
    if not isinstance(entry, dict) or not {"input", "output"} <= entry.keys():
        raise ConfigurationError(f"{where} needs input and output.", hint=_EXAMPLE)
    unknown = sorted(entry.keys() - {*_KINDS, "currency"})
    if unknown:
        raise ConfigurationError(f"{where} has an unknown key: {unknown[0]}.", hint=_EXAMPLE)
    currency = entry.get("currency", "USD")
    if not isinstance(currency, str) or not currency:
        raise ConfigurationError(f"{where}: currency is no text.")
    found = {kind: _amount(f"{where}: {kind}", entry[kind]) for kind in _KINDS if kind in entry}
    return Price(currency=currency, **found)


def _amount(where: str, value: Any) -> Decimal:
    try:
        amount = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise ConfigurationError(f"{where} is no amount.", hint=_EXAMPLE)
    return amount


def _one_of(env: Mapping[str, str], name: str, among: tuple[str, ...]) -> str:
    value = env.get(name) or among[0]
    if value not in among:
        raise ConfigurationError(f"{name} is '{value}'.", hint=f"Write one of {', '.join(among)}.")
    return value


def _number(env: Mapping[str, str], name: str, *, least: float) -> float | None:
    text = env.get(name, "")
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not least <= number < 1e9:
        raise ConfigurationError(f"{name} is '{text}'.", hint=f"It must be a number of at least {least:g}.")
    return number


def _url(text: str) -> str:
    if text and not text.startswith(("http://", "https://")):
        raise ConfigurationError("SKERRY_MODEL_URL is no http or https URL.")
    return text.rstrip("/")
