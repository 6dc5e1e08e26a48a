"""Where spans are sent: the variables that OpenTelemetry has for every program that sends some.

Source: OpenTelemetry specification, environment variables and OTLP exporter configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from skerry.errors import ConfigurationError
from skerry.settings.values import switch

_PREFIX = "OTEL_EXPORTER_OTLP_"
_PATH = "/v1/traces"
_TIMEOUT = 10.0
_GRPC_PORT = 4317
"""Where collectors listen for OTLP over gRPC by default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TracesSettings:
    """The collector that spans are sent to by OTLP over HTTP; without a `url` none is sent.

    `url` is OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, or OTEL_EXPORTER_OTLP_ENDPOINT with /v1/traces after it;
    `headers` are OTEL_EXPORTER_OTLP_TRACES_HEADERS or OTEL_EXPORTER_OTLP_HEADERS, `timeout` in seconds
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT or OTEL_EXPORTER_OTLP_TIMEOUT, which count milliseconds.
    OTEL_SDK_DISABLED=true and OTEL_TRACES_EXPORTER=none switch it off. `unusable` says why what is in the
    environment does not do: it may be meant for other programs, and then nothing is sent.
    """

    url: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = _TIMEOUT
    unusable: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, endpoint: str = "") -> TracesSettings:
        """Settings from the environment; `endpoint` goes before what it says of endpoint and protocol.

        Raises ConfigurationError where `endpoint` is given and cannot work, alone or with the environment's
        headers and timeout. What is wrong is named by its variable and never by what is in it: that may be a
        secret.
        """
        if switch(env.get("OTEL_SDK_DISABLED", "")) or env.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
            return cls()
        if endpoint:
            return cls._to("[traces] endpoint", endpoint, env)
        name, base = _chosen(env, "ENDPOINT")
        if not base:
            return cls()
        try:
            _check_protocol(env, name, base)
            return cls._to(name, base, env)
        except ConfigurationError as error:
            return cls(unusable=str(error))

    @property
    def host(self) -> str:
        """Host and port of the collector, as they may be shown; empty when nothing is sent."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @classmethod
    def _to(cls, name: str, base: str, env: Mapping[str, str]) -> TracesSettings:
        url = base if name.endswith("TRACES_ENDPOINT") else base.rstrip("/") + _PATH
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ConfigurationError(f"{name} is no URL.", hint="For example: http://127.0.0.1:4318")
        return cls(
            url=url, headers=_headers(*_chosen(env, "HEADERS")), timeout=_seconds(*_chosen(env, "TIMEOUT"))
        )


def _chosen(env: Mapping[str, str], name: str) -> tuple[str, str]:
    """The variable for traces where it is set, else the one for all; and what is in it."""
    own = f"{_PREFIX}TRACES_{name}"
    return (own, env[own]) if env.get(own) else (_PREFIX + name, env.get(_PREFIX + name, ""))


def _check_protocol(env: Mapping[str, str], endpoint: str, url: str) -> None:
    """Raises ConfigurationError for gRPC, whether it is named or only its port is."""
    name, protocol = _chosen(env, "PROTOCOL")
    if protocol not in ("", "http/json", "http/protobuf"):
        raise ConfigurationError(
            f"{name} is {protocol!r}, and skerry sends spans over HTTP.", hint=_OVER_HTTP
        )
    if not protocol and url.rstrip("/").endswith(f":{_GRPC_PORT}"):
        raise ConfigurationError(
            f"{endpoint} names port {_GRPC_PORT}, which is for gRPC, and skerry sends spans over HTTP.",
            hint=_OVER_HTTP,
        )


_OVER_HTTP = (
    f"For skerry's spans set {_PREFIX}TRACES_PROTOCOL=http/json, and {_PREFIX}TRACES_ENDPOINT to the "
    f"collector's HTTP port (often http://127.0.0.1:4318{_PATH}). OTEL_TRACES_EXPORTER=none stops this."
)


def _headers(name: str, text: str) -> dict[str, str]:
    """`name=value,name=value`, percent-encoded as W3C Baggage is."""
    found = {}
    for entry in filter(None, (item.strip() for item in text.split(","))):
        key, equals, value = entry.partition("=")
        key, value = unquote(key.strip()).lower(), unquote(value.strip())
        if not equals or not key or not (key + value).isascii() or not (key + value).isprintable():
            raise ConfigurationError(f"{name} is not name=value,name=value.")
        found[key] = value
    return found


def _seconds(name: str, text: str) -> float:
    if not text:
        return _TIMEOUT
    if not text.isdecimal() or int(text) == 0:
        raise ConfigurationError(f"{name} is {text!r}.", hint="It is a number of milliseconds.")
    return int(text) / 1000
