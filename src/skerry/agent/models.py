"""The agent's model by setting: Amazon Bedrock, Gemini, a server of chat completions, or Ollama.

Each is Strands' own provider. What Strands leaves open after a request is closed here, and nothing is
taken from a provider's own environment variables: the settings say everything.

Sources: Strands Agents 1.62 (`strands.models`); Bedrock user guide, inference profiles and prompt caching.
Which models need a profile, and which prefix fits a region, is AWS's to change: both tables are checked
against nothing, and `SKERRY_MODEL_PROFILE` overrules them.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, cast

from strands.models import CacheConfig, Model

from skerry.agent.errors import AgentError, ProviderError
from skerry.settings import AgentModelSettings
from skerry.settings.agent_model import MILLION, Price, price
from skerry.wire import trace

OPENAI_URL = "https://api.openai.com/v1"
OLLAMA_URL = "http://127.0.0.1:11434"

PREFIXES: Mapping[str, str] = {"us-gov": "us-gov", "us": "us", "ca": "us", "eu": "eu", "ap": "apac"}
"""The inference profile prefix of a region, by how the region begins; other regions have `global`."""
ELSEWHERE = "global"

PROFILED = (
    "anthropic.claude-3-7-*",
    "anthropic.claude-haiku-[4-9]*",
    "anthropic.claude-opus-[4-9]*",
    "anthropic.claude-sonnet-[4-9]*",
    "amazon.nova-premier-*",
    "amazon.nova-2-*",
    "deepseek.r1-*",
    "meta.llama3-[23]-*",
    "meta.llama4-*",
    "mistral.pixtral-large-*",
    "writer.palmyra-x*",
)
"""Models that are not called by their plain id."""
KNOWN_PREFIXES = ("us-gov", "us", "eu", "apac", "global", "jp", "au", "ca")

CACHED_IN_INPUT = frozenset({"openai", "gemini"})
"""Providers that count tokens of the cache among the input too; Bedrock counts them beside it."""


def model_factory(settings: AgentModelSettings) -> Callable[[], Model]:
    """What gives the model: made at the first call, in whichever thread that is, and the same ever after.

    The call raises AgentError (CONFIGURATION_ERROR) when a package or a setting is missing.
    """
    return _Once(lambda: BUILDERS[settings.provider](settings))


def named(settings: AgentModelSettings) -> str:
    """The model id as it is sent."""
    if settings.provider != "bedrock":
        return settings.model_id
    return profiled(settings.model_id, settings.region, settings.profile)


def profiled(model_id: str, region: str, profile: str = "auto") -> str:
    """A Bedrock model id with the inference profile that it needs in a region; ARNs and profiles pass."""
    plain = model_id.startswith("arn:") or model_id.partition(".")[0] in KNOWN_PREFIXES
    if plain or profile == "none":
        return model_id
    if profile != "auto":
        return f"{profile}.{model_id}"
    if not any(fnmatchcase(model_id, pattern) for pattern in PROFILED):
        return model_id
    prefix = next((found for begin, found in PREFIXES.items() if region.startswith(f"{begin}-")), ELSEWHERE)
    return f"{prefix}.{model_id}"


def usage_event(
    usage: Mapping[str, Any],
    model: str,
    prices: Mapping[str, Price],
    *,
    latency_ms: float = 0,
    cached_in_input: bool = False,
) -> dict[str, Any]:
    """The `usage` of RUN_FINISHED from Strands' usage; the cost is null where a price for it is missing.

    `cached_in_input` says that the provider's input tokens hold those of the cache.
    """
    counts = {name: int(usage.get(name) or 0) for name in _COUNTS}
    return {
        "model": model,
        **counts,
        "latencyMs": int(latency_ms),
        "cost": _cost(counts, price(prices, *_names(model)), cached_in_input=cached_in_input),
    }


def usage_of(
    settings: AgentModelSettings, metrics: Any, *, latency_ms: float | None = None
) -> dict[str, Any]:
    """The usage of a run from Strands' EventLoopMetrics (`AgentResult.metrics`).

    `latency_ms` replaces the model's own figure, which Gemini and chat completions do not give.
    """
    own = metrics.accumulated_metrics.get("latencyMs", 0)
    return usage_event(
        metrics.accumulated_usage,
        named(settings),
        settings.prices,
        latency_ms=own if latency_ms is None else latency_ms,
        cached_in_input=settings.provider in CACHED_IN_INPUT,
    )


_COUNTS = ("inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens", "cacheWriteInputTokens")


def _names(model: str) -> tuple[str, ...]:
    """A model's names in a table of prices: with its inference profile, and without."""
    prefix, dot, rest = model.partition(".")
    return (model, rest) if dot and prefix in KNOWN_PREFIXES else (model,)


def _cost(counts: Mapping[str, int], price: Price | None, *, cached_in_input: bool) -> dict[str, Any] | None:
    if price is None:
        return None
    read, write = counts["cacheReadInputTokens"], counts["cacheWriteInputTokens"]
    fresh = counts["inputTokens"] - (read + write if cached_in_input else 0)
    parts = (
        (max(0, fresh), price.input),
        (counts["outputTokens"], price.output),
        (read, price.cache_read),
        (write, price.cache_write),
    )
    total = Decimal(0)
    for count, each in parts:
        if count and each is None:
            return None
        total += count * (each or Decimal(0))
    return {"amount": float(total / MILLION), "currency": price.currency}


@contextlib.contextmanager
def _failing(*kinds: type[Exception]) -> Iterator[None]:
    """Turns the errors of a provider's client into ProviderError; those of Strands pass."""
    try:
        yield
    except kinds as error:
        raise ProviderError(type(error).__name__) from error


class _Once:
    def __init__(self, make: Callable[[], Model]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: Model | None = None

    def __call__(self) -> Model:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


CONNECTIONS = 100
"""Connections to Bedrock that are kept: a service answers many at once, and botocore keeps ten."""


def _bedrock(settings: AgentModelSettings) -> Model:
    import boto3
    from botocore.config import Config
    from strands.models import BedrockModel

    model_id = named(settings)
    boto = boto3.Session(region_name=settings.region)
    boto.events.register("before-send", trace.mark)
    return BedrockModel(
        boto_session=boto,
        boto_client_config=Config(
            retries={"total_max_attempts": 2, "mode": "standard"},
            read_timeout=settings.timeout,
            max_pool_connections=CONNECTIONS,
        ),
        endpoint_url=settings.url or None,
        api_key=settings.api_key or None,
        model_id=model_id,
        cache_config=caching(model_id, settings.cache),
        **_limits(settings),
    )


def caching(model_id: str, cache: str) -> CacheConfig | None:
    """How Strands marks what Bedrock is to cache: prompt and tools for Claude, without tools for Nova."""
    if cache == "off":
        return None
    if "anthropic.claude" in model_id:
        return CacheConfig(strategy="anthropic", tools_ttl=True)
    if "amazon.nova" in model_id:
        return CacheConfig(strategy="anthropic", tools_ttl=False)
    return CacheConfig(strategy="anthropic", tools_ttl=True) if cache == "on" else None


def _openai(settings: AgentModelSettings) -> Model:
    try:
        from openai import OpenAIError
        from strands.models.openai import OpenAIModel
    except ImportError as error:
        raise _missing("openai") from error
    if not settings.api_key and not settings.url:
        raise AgentError("CONFIGURATION_ERROR", "OpenAI wants a key.", hint="Set SKERRY_MODEL_API_KEY.")

    class OpenAI(OpenAIModel):
        """Its client's errors are told as a model's failure."""

        async def stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Any]:
            with _failing(OpenAIError):
                async with aclosing(super().stream(*args, **kwargs)) as events:
                    async for event in events:
                        yield event

    made = OpenAI(
        client_args={
            "base_url": settings.url or OPENAI_URL,
            "api_key": settings.api_key or "none",  # the client insists; a server of one's own asks for none
            "timeout": settings.timeout,
            "max_retries": 0,
        },
        model_id=settings.model_id,
        params=_limits(settings, length="max_tokens" if settings.url else "max_completion_tokens"),
    )
    return cast("Model", made)


def _gemini(settings: AgentModelSettings) -> Model:
    try:
        from google import genai
        from strands.models.gemini import GeminiModel
    except ImportError as error:
        raise _missing("google-genai") from error
    if not settings.api_key:
        raise AgentError("CONFIGURATION_ERROR", "Gemini wants a key.", hint="Set SKERRY_MODEL_API_KEY.")

    import httpx2

    class Gemini(GeminiModel):
        """Closes the connections of each request, which Strands leaves to the garbage collector."""

        async def stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Any]:
            with _failing(genai.errors.APIError, httpx2.HTTPError):
                async with aclosing(self._asked(*args, **kwargs)) as events:
                    async for event in events:
                        yield event

        async def _asked(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Any]:
            async with httpx2.AsyncClient(timeout=settings.timeout, follow_redirects=False) as http:
                options = genai.types.HttpOptions(
                    base_url=settings.url or None,
                    timeout=int(settings.timeout * 1000),
                    httpx_async_client=http,
                )
                client = genai.Client(vertexai=False, api_key=settings.api_key, http_options=options)
                try:
                    one = GeminiModel(client=client, **self.config)
                    async with aclosing(one.stream(*args, **kwargs)) as events:
                        async for event in events:
                            yield event
                finally:
                    client.close()

    params = _limits(settings, length="max_output_tokens")
    return cast("Model", Gemini(model_id=settings.model_id, params=params))


def _ollama(settings: AgentModelSettings) -> Model:
    try:
        import httpx
        from ollama import ResponseError
        from strands.models.ollama import OllamaModel
    except ImportError as error:
        raise _missing("ollama") from error

    class Ollama(OllamaModel):
        """Closes the connections of each request, which Strands leaves to the garbage collector."""

        async def stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Any]:
            failures = (ResponseError, httpx.HTTPError, ConnectionError)
            with _failing(*failures):
                async with httpx.AsyncHTTPTransport() as transport:
                    own = {**self.client_args, "transport": transport}
                    one = OllamaModel(self.host, ollama_client_args=own, **self.config)
                    async with aclosing(one.stream(*args, **kwargs)) as events:
                        async for event in events:
                            yield event

    # An empty header would make the client look for a key of its own in the environment.
    key = settings.api_key or "none"
    return cast(
        "Model",
        Ollama(
            settings.url or OLLAMA_URL,
            ollama_client_args={
                "headers": {"Authorization": f"Bearer {key}"},
                "timeout": settings.timeout,
                "follow_redirects": False,
            },
            model_id=settings.model_id,
            **_limits(settings),
        ),
    )


def _limits(settings: AgentModelSettings, *, length: str = "max_tokens") -> dict[str, Any]:
    """Temperature and length, where they are set; `length` is the provider's name for it."""
    given = {"temperature": settings.temperature, length: settings.max_tokens}
    return {name: value for name, value in given.items() if value is not None}


def _missing(package: str) -> AgentError:
    return AgentError(
        "CONFIGURATION_ERROR",
        f"this model provider needs the extra 'models' ({package} is not installed).",
        hint="Run: pip install 'skerry[models]'",
    )


BUILDERS: Mapping[str, Callable[[AgentModelSettings], Model]] = {
    "bedrock": _bedrock,
    "gemini": _gemini,
    "openai": _openai,
    "ollama": _ollama,
}
