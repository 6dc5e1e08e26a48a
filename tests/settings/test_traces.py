"""Where spans are sent: OpenTelemetry's own variables."""

from __future__ import annotations

import pytest

from skerry.errors import ConfigurationError
from skerry.settings.local import LocalSettings
from skerry.settings.traces import TracesSettings

BASE = "OTEL_EXPORTER_OTLP_ENDPOINT"
OWN = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


@pytest.mark.behaviour("OBS-OFF")
@pytest.mark.parametrize(
    "environment",
    [
        {},
        {BASE: ""},
        {BASE: "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"},
        {BASE: "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"},
        {BASE: "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "console"},
    ],
)
def test_without_an_endpoint_and_where_it_is_switched_off_nothing_is_sent(
    environment: dict[str, str],
) -> None:
    assert LocalSettings.from_env(environment).traces == TracesSettings()
    assert TracesSettings().url == ""


@pytest.mark.behaviour("OBS-OTLP")
def test_the_path_follows_the_endpoint_for_all_and_not_the_one_for_traces() -> None:
    assert TracesSettings.from_env({BASE: "http://127.0.0.1:4318/"}).url == "http://127.0.0.1:4318/v1/traces"
    both = {BASE: "http://127.0.0.1:4318", OWN: "https://traces.example/in?key=1"}
    assert TracesSettings.from_env(both).url == "https://traces.example/in?key=1"
    declared = TracesSettings.from_env(both, endpoint="http://127.0.0.1:9")
    assert declared.url == "http://127.0.0.1:9/v1/traces"


@pytest.mark.behaviour("OBS-OTLP")
def test_headers_and_timeout() -> None:
    given = {
        BASE: "http://127.0.0.1:4318",
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20abc%3D, X-Team = desk ,",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
    }
    found = TracesSettings.from_env(given)
    assert found.headers == {"authorization": "Basic abc=", "x-team": "desk"}
    assert found.timeout == 2.5
    assert "abc" not in repr(found)
    own = given | {"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a=b", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "1"}
    assert (TracesSettings.from_env(own).headers, TracesSettings.from_env(own).timeout) == ({"a": "b"}, 0.001)


GRPC = "OTEL_EXPORTER_OTLP_PROTOCOL"
OWN_GRPC = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
WRONG = [
    ({"OTEL_EXPORTER_OTLP_HEADERS": "a secret"}, "OTEL_EXPORTER_OTLP_HEADERS"),
    ({"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a=se%0Acret"}, "OTEL_EXPORTER_OTLP_TRACES_HEADERS"),
    ({"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}, "OTEL_EXPORTER_OTLP_TIMEOUT"),
    ({"OTEL_EXPORTER_OTLP_TIMEOUT": "0"}, "OTEL_EXPORTER_OTLP_TIMEOUT"),
]


@pytest.mark.behaviour("OBS-OTHERS")
@pytest.mark.parametrize(
    ("more", "named"),
    [
        *WRONG,
        ({GRPC: "grpc"}, f"{GRPC} is 'grpc'"),
        ({OWN_GRPC: "grpc", GRPC: "http/json"}, f"{OWN_GRPC} is 'grpc'"),
        ({BASE: "http://127.0.0.1:4317"}, f"{BASE} names port 4317"),
        ({BASE: "localhost:4317"}, f"{BASE} names port 4317"),
        ({OWN: "http://secret@host:4317/"}, f"{OWN} names port 4317"),
        ({BASE: "127.0.0.1:4318"}, BASE),
        ({BASE: "ftp://secret@host"}, BASE),
        ({OWN: "http://[::1"}, OWN),
        ({OWN: "http://host:99999"}, OWN),
    ],
)
def test_what_the_environment_has_for_other_programs_is_named_and_nothing_is_sent(
    more: dict[str, str], named: str
) -> None:
    found = LocalSettings.from_env({BASE: "http://127.0.0.1:4318", **more}).traces
    assert named in found.unusable
    assert "secret" not in found.unusable
    assert (found.url, found.host, dict(found.headers)) == ("", "", {})


@pytest.mark.behaviour("OBS-OTHERS")
@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
def test_a_protocol_over_http_is_believed_whatever_the_port(protocol: str) -> None:
    found = TracesSettings.from_env({BASE: "http://127.0.0.1:4317", GRPC: protocol})
    assert (found.url, found.unusable) == ("http://127.0.0.1:4317/v1/traces", "")


@pytest.mark.behaviour("OBS-OTHERS")
def test_what_the_file_says_needs_no_protocol_and_stays_an_error_when_it_is_wrong() -> None:
    found = TracesSettings.from_env({GRPC: "grpc", BASE: "localhost:4317"}, endpoint="http://127.0.0.1:4318")
    assert (found.url, found.unusable) == ("http://127.0.0.1:4318/v1/traces", "")
    with pytest.raises(ConfigurationError, match=r"\[traces\] endpoint is no URL"):
        TracesSettings.from_env({}, endpoint="127.0.0.1:4318")


@pytest.mark.behaviour("OBS-OTHERS")
@pytest.mark.parametrize(("more", "named"), WRONG)
def test_a_variable_that_spoils_what_the_file_says_is_an_error(more: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as caught:
        TracesSettings.from_env(more, endpoint="http://127.0.0.1:4318")
    assert "secret" not in str(caught.value)


@pytest.mark.behaviour("OBS-TOLD")
@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://ann:secret@traces.example/in?key=secret", "traces.example"),
        ("http://[::1]:4318/v1/traces", "[::1]:4318"),
        ("", ""),
    ],
)
def test_of_the_collector_only_its_host_is_shown(url: str, host: str) -> None:
    assert TracesSettings(url=url).host == host
