"""The table [traces] of skerry.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.errors import ConfigurationError
from skerry.settings import StackSettings
from skerry.stack import endpoint
from skerry.stack.declared.declaration import parse
from skerry.stack.state import State

ENVIRONMENT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"}


@pytest.mark.behaviour("OBS-OTLP")
@pytest.mark.parametrize(
    ("table", "url"),
    [
        ({}, "http://127.0.0.1:1/v1/traces"),
        ({"traces": {"endpoint": "http://127.0.0.1:4318"}}, "http://127.0.0.1:4318/v1/traces"),
    ],
)
def test_the_file_goes_before_the_environment(
    tmp_path: Path, table: dict[str, dict[str, str]], url: str
) -> None:
    chosen = StackSettings(state=tmp_path / "state", environment=ENVIRONMENT)
    values = {"region": "us-east-1", "account": "123456789012", "endpoint": "http://127.0.0.1:4700"}
    made = endpoint.make(chosen, parse(table, file=tmp_path / "skerry.toml"), values, State(chosen.state))
    assert made.settings.traces.url == url
    assert made.settings.traces.headers == {"a": "b"}


@pytest.mark.behaviour("OBS-OTLP")
def test_a_wrong_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'endpoint'"):
        parse({"traces": {"endpont": "http://127.0.0.1:4318"}}, file=tmp_path / "skerry.toml")
