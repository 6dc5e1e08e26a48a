"""Which requests the fixtures answer, and how: input and output by botocore's service model.

Every answer has `X-Skerry-Fixture`, so that nobody takes it for more than it is. What a fixture does not
have an operation for goes on to moto.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from skerry.errors import ServiceError
from skerry.local import rest_json, service_model
from skerry.local.access import Signed
from skerry.local.aws_fixtures import catalogue, costs
from skerry.local.aws_fixtures.asked import Asked, Source
from skerry.local.ports import Clock, Scope
from skerry.local.rest_json import Reply
from skerry.local.validation import validate

HEADER = b"x-skerry-fixture"


MAKERS: Mapping[str, Callable[[], Source]] = {"bedrock": catalogue.bedrock, "ce": costs.cost_explorer}
"""By signing name, which is the name of the model's folder too; read from files on first use."""


class Fixtures:
    """The fixtures of one stack. `without` are services that its seeds fill by themselves."""

    def __init__(
        self, *, account: str, region: str, clock: Clock, without: frozenset[str] = frozenset()
    ) -> None:
        self._account = account
        self._region = region
        self._clock = clock
        self._without = without
        self._sources: dict[str, Source] = {}

    def answer(self, scope: Scope, body: bytes, signed: Signed) -> Reply | None:
        """The answer, or None when it is moto's to give. Raises ServiceError."""
        service = signed.service
        if service in self._without or service not in MAKERS:
            return None
        if service not in self._sources:
            self._sources[service] = MAKERS[service]()
        source = self._sources[service]
        model = service_model.load(service)
        if model.protocol == "json":
            operation = model.operations.get(_target(scope))
            if operation is None or operation.name not in source.operations:
                return None
            given = _document(body)
        else:
            match = model.match(scope["method"], scope["raw_path"])
            if match is None or match.operation.name not in source.operations:
                return None
            operation = match.operation
            given = rest_json.parse(model, match, scope["query_string"], scope["headers"], body)
        validate(model, operation.input, given)
        account = signed.caller.arn.split(":")[4]
        own = account == self._account
        home = own and signed.region == self._region
        asked = Asked(operation.name, given, account, signed.region, self._clock.time(), own, home)
        reply = _reply(model, operation, source.answer(asked))
        label = f"made-up {service} data of the embedded cloud"
        return Reply(reply.status, [*reply.headers, (HEADER, label.encode())], reply.body)


def _reply(
    model: service_model.ServiceModel, operation: service_model.Operation, output: Mapping[str, Any]
) -> Reply:
    reply = rest_json.reply(model, operation, output)
    if model.protocol != "json":
        return reply
    return Reply(200, [(b"content-type", b"application/x-amz-json-1.1")], reply.body)


def _target(scope: Scope) -> str:
    named = dict(scope["headers"]).get(b"x-amz-target", b"").decode("latin-1")
    return str(named.rpartition(".")[2])


def _document(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise ServiceError("SerializationException", 400, "The body is no JSON.") from error
    if not isinstance(given, dict):
        raise ServiceError("SerializationException", 400, "The body is no JSON object.")
    return given
