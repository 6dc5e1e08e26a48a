"""Seeds: AWS API calls, declared as data, that fill the embedded cloud.

    [[call]]
    service = "ec2"
    region = "us-east-1"            # default: the stack's
    operation = "RunInstances"
    save = "web"                    # optional: keep the answer under this name
    repeat = 1                      # optional: how often
    [call.parameters]
    ImageId = "ami-12c6146b"

Parameters are those of boto3. A string may refer to an earlier answer, `"${web.Instances.0.InstanceId}"`, or
be a time some seconds ago: `"${now-600}"` in ISO 8601, `"${millis-600}"` in milliseconds since 1970.

    later = ["route53", "sagemaker"]

at the top of a file names services whose calls need not be in when the stack is ready: only requests to
these services wait for them. The pseudo service `moto-api` posts `parameters` to the path `operation`
below `/moto-api/`, for what no AWS API can fill; results for Cost Explorer there take the place of the
made-up ones.

The calls are serialised with botocore's serialisers and models but without its clients: making a client
costs more than the calls themselves.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from skerry.errors import ConfigurationError

_REFERENCE = re.compile(r"\$\{([A-Za-z_][\w-]*)((?:\.[\w-]+)*)\}")
_AGO = re.compile(r"\$\{(now|millis)-(\d{1,9})\}")
_ROUTE53_ID = re.compile(r"\A/(hostedzone|change|delegationset)/")
LATER: Mapping[str, str] = {
    "apigateway": "apigateway",
    "apigatewayv2": "apigateway",
    "bedrock": "bedrock",
    "cloudwatch": "monitoring",
    "ecs": "ecs",
    "eks": "eks",
    "rds": "rds",
    "route53": "route53",
    "sagemaker": "sagemaker",
    "ses": "ses",
    "sesv2": "ses",
}
"""Services that may be filled later, and the names that their requests are signed with: those whose calls
are seen through their own service alone."""
_CALL_KEYS = frozenset({"service", "region", "operation", "parameters", "save", "repeat"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call; `region` "" is the stack's. `later` calls need not be in when the stack is ready."""

    service: str
    operation: str
    region: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    save: str = ""
    repeat: int = 1
    later: bool = False


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A call on the wire, unsigned. `service` is the signing name."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    service: str
    region: str


Send = Callable[[HttpCall], tuple[int, Mapping[str, str], bytes]]
"""Performs a call; gives status, headers and body."""


def read(path: Path) -> list[Call]:
    """The calls of a TOML file. Raises ConfigurationError, which names file and call."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the seeds {path} cannot be read: {error}.") from error
    calls = document.get("call", [])
    if not isinstance(calls, list) or set(document) - {"call", "later"}:
        raise ConfigurationError(f"the seeds {path} hold something else than [[call]] tables and later.")
    later = document.get("later", [])
    if not isinstance(later, list) or not all(name in LATER for name in later):
        raise ConfigurationError(
            f"later in the seeds {path} is a list of services out of: {', '.join(LATER)}.",
            hint="What other services hold can be seen through several services, so it comes first.",
        )
    read_calls = [_call(raw, f"call {number} of {path}") for number, raw in enumerate(calls, 1)]
    return [replace(call, later=call.service in later) for call in read_calls]


def _call(raw: object, where: str) -> Call:
    if not isinstance(raw, dict):
        raise ConfigurationError(f"{where} is no table.")
    unknown = sorted(set(raw) - _CALL_KEYS)
    if unknown:
        raise ConfigurationError(f"{where} has the unknown key {unknown[0]}.")
    texts = {name: raw.get(name, "") for name in ("service", "operation", "region", "save")}
    parameters = raw.get("parameters", {})
    if not all(isinstance(value, str) for value in texts.values()) or not isinstance(parameters, dict):
        raise ConfigurationError(f"{where}: parameters is a table, everything else is text.")
    repeat = raw.get("repeat", 1)
    if not isinstance(repeat, int) or not 1 <= repeat <= 1000:
        raise ConfigurationError(f"{where}: repeat is a number from 1 to 1000.")
    if not texts["service"] or not texts["operation"]:
        raise ConfigurationError(f"{where} needs service and operation.")
    return Call(**texts, parameters=parameters, repeat=repeat)


class Seeder:
    """Performs calls one after the other, and collects what went wrong instead of stopping."""

    def __init__(self, send: Send, *, region: str, clock: Callable[[], float] = time.time) -> None:
        import botocore.session  # late: only a process that seeds pays for it

        self._send = send
        self._region = region
        self._clock = clock
        self._session = botocore.session.Session()
        self._answers: dict[str, Any] = {}

    def run(self, calls: Sequence[Call]) -> list[str]:
        """What failed, one sentence each."""
        return [problem for call in calls for _ in range(call.repeat) if (problem := self._one(call))]

    def _one(self, call: Call) -> str:
        where = f"seed {call.service} {call.operation}"
        try:
            parameters = _resolved(call.parameters, self._answers, self._clock())
        except LookupError as error:
            return f"{where}: {error.args[0]}"
        if call.service == "moto-api":
            body = json.dumps(parameters).encode()
            path = f"/moto-api/{call.operation}"
            headers = {"Content-Type": "application/json"}
            status, _, _ = self._send(HttpCall("POST", path, "", headers, body, "moto-api", self._region))
            return "" if status < 300 else f"{where}: status {status}"
        return self._aws(call, parameters, where)

    def _aws(self, call: Call, parameters: Mapping[str, Any], where: str) -> str:
        import botocore.exceptions
        import botocore.model
        import botocore.parsers
        import botocore.serialize

        if call.service == "route53":
            parameters = {name: _bare(value) for name, value in parameters.items()}
        try:
            model = self._session.get_service_model(call.service)
            operation = model.operation_model(call.operation)
            serializer = botocore.serialize.create_serializer(model.resolved_protocol)
            prepared = serializer.serialize_to_request(dict(parameters), operation)
        except (botocore.exceptions.BotoCoreError, botocore.model.OperationNotFoundError) as error:
            return f"{where}: {error}"
        status, headers, body = self._send(
            _on_the_wire(prepared, model.signing_name, call.region or self._region)
        )
        parser = botocore.parsers.create_parser(model.resolved_protocol)
        answer = {"status_code": status, "headers": headers, "body": body}
        try:
            parsed: dict[str, Any] = parser.parse(answer, cast(Any, operation.output_shape))
        except botocore.parsers.ResponseParserError:
            return f"{where}: status {status}, which is no answer of this service"
        if status >= 300:
            told = parsed.get("Error", {})
            return f"{where}: {told.get('Code', status)} {told.get('Message', '')}".rstrip()
        if call.save:
            self._answers[call.save] = parsed
        return ""


def _bare(value: Any) -> Any:
    """`/hostedzone/Z1` as `Z1`, as botocore's clients send what Route 53 gave them."""
    return _ROUTE53_ID.sub("", value) if isinstance(value, str) else value


def _on_the_wire(prepared: Mapping[str, Any], service: str, region: str) -> HttpCall:
    body, query = prepared["body"], prepared["query_string"]
    if isinstance(body, Mapping):
        body = urlencode(body, doseq=True)
    return HttpCall(
        method=prepared["method"],
        path=prepared["url_path"],
        query=query if isinstance(query, str) else urlencode(query, doseq=True),
        headers={name: str(value) for name, value in prepared["headers"].items()},
        body=body.encode() if isinstance(body, str) else bytes(body or b""),
        service=service,
        region=region,
    )


def _resolved(value: Any, answers: Mapping[str, Any], now: float) -> Any:
    """The value with every `${name.path}` replaced. Raises LookupError that names what is missing."""
    if isinstance(value, str):
        ago = _AGO.fullmatch(value)
        if ago is not None:
            return _time(now - int(ago[2]), ago[1])
        return _REFERENCE.sub(lambda found: str(_looked_up(found, answers)), value)
    if isinstance(value, Mapping):
        return {key: _resolved(item, answers, now) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, answers, now) for item in value]
    return value


def _time(seconds: float, form: str) -> int | str:
    if form == "millis":
        return int(seconds * 1000)
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")


def _looked_up(found: re.Match[str], answers: Mapping[str, Any]) -> Any:
    current: Any = answers
    for part in (found[1], *filter(None, found[2].split("."))):
        try:
            current = current[int(part)] if isinstance(current, list) else current[part]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise LookupError(f"{found[0]} refers to nothing") from error
    return current
