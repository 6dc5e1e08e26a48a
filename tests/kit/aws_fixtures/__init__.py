"""Stand-ins for what moto lacks: answers by operation, sent in the wire format of the service.

    with standing_in({("eks", "ListAddons"): {"addons": ["coredns"]}}) as fake:
        Registry(AwsOpsSettings(), …)  # with fake.environment

The client is the real one; only the server is a fixture, and says so in a header. An answer may be an
`Error`, a function of the parsed request (the URI's labels, or the members of the body), or a list whose
next element each call gets. A call that has no answer is a failure of the test: 418.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model

from skerry.local.api import service_model
from tests.kit.asgi_thread import serve

ACCOUNT = "111122223333"
LABEL = "a fixture of the tests"
Answers = Mapping[tuple[str, str], Any]


@dataclass(frozen=True)
class Error:
    """A refusal of the service."""

    code: str
    message: str
    status: int = 400


@dataclass
class StandIn:
    """An ASGI application; `calls` are what it was asked, as (service, operation, parameters)."""

    answers: Answers
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request."""
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        service = headers["authorization"].split("Credential=")[1].split("/")[3]
        name, parameters = _asked(scope, headers, body, service)
        self.calls.append((service, name, parameters))
        status, answered, content = self._answer(service, name, parameters)
        shown = [(key.lower().encode(), str(value).encode()) for key, value in answered.items()]
        shown.append((b"x-skerry-fixture", LABEL.encode()))
        await send({"type": "http.response.start", "status": status, "headers": shown})
        await send({"type": "http.response.body", "body": content})

    def _answer(
        self, service: str, name: str, parameters: dict[str, Any]
    ) -> tuple[int, dict[str, Any], bytes]:
        answer: Any = {"Account": ACCOUNT} if service == "sts" else self.answers.get((service, name))
        if isinstance(answer, list):
            answer = answer.pop(0)
        if callable(answer):
            answer = answer(parameters)
        if answer is None:
            return 418, {}, f"no fixture for {service}:{name}".encode()
        model = get_service_model("cloudwatch" if service == "monitoring" else service)
        protocol = str(model.resolved_protocol)
        if isinstance(answer, Error):
            return answer.status, *_refusal(answer, protocol)
        serializer = get_serializer_class(model.service_name, protocol)
        done = serializer(model.operation_model(name)).serialize(answer)
        content = done["body"]
        return (
            done["status_code"],
            dict(done["headers"]),
            content if isinstance(content, bytes) else content.encode(),
        )


@contextlib.contextmanager
def standing_in(answers: Answers) -> Iterator[StandIn]:
    """The stand-in on a loopback port while the block runs."""
    fake = StandIn(answers)
    with serve(fake, lifespan="off") as url:
        fake.environment = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        yield fake


def _asked(scope: Any, headers: Mapping[str, str], body: bytes, service: str) -> tuple[str, dict[str, Any]]:
    """Operation and parameters, in whichever protocol they came."""
    target = headers.get("x-amz-target")
    if target:
        return target.rpartition(".")[2], json.loads(body)
    if body.startswith(b"Action="):
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        return form.pop("Action"), form
    match = service_model.load(service).match(scope["method"], scope["raw_path"])
    assert match is not None, scope["path"]
    query = dict(parse_qsl(scope["query_string"].decode()))
    members = json.loads(body) if body else {}
    labels = {name: unquote(value) for name, value in match.labels.items()}
    return match.operation.name, {**query, **members, **labels}


def _refusal(error: Error, protocol: str) -> tuple[dict[str, Any], bytes]:
    if protocol == "query":
        text = (
            f"<Error><Type>Sender</Type><Code>{error.code}</Code><Message>{error.message}</Message></Error>"
        )
        whole = f"<ErrorResponse>{text}<RequestId>r</RequestId></ErrorResponse>"
        return {"Content-Type": "text/xml"}, whole.encode()
    content = {"__type": error.code, "message": error.message, "Message": error.message}
    return (
        {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": error.code},
        json.dumps(content).encode(),
    )
