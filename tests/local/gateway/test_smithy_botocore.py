"""Smithy tools send what botocore sends, for every operation of several services."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from skerry.local.gateway.arguments import problem
from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.schemas import smithy
from skerry.local.gateway.schemas.operation import request
from tests.kit.smithy_models import arguments, sent_by_botocore, service_model, smithy_model

SERVICES = {"scheduler": 12, "lambda": 60, "apigateway": 100, "eks": 50, "iot": 200, "batch": 20, "xray": 30}
"""Services, and how many of their operations must be compared at least."""


@pytest.mark.behaviour("GW-SMITHY-BOTOCORE")
@pytest.mark.parametrize("service", SERVICES)
def test_a_tool_sends_what_botocore_sends(service: str) -> None:
    model = service_model(service)
    api = smithy.read(json.dumps(smithy_model(model)), Assumptions(), base="http://aws")
    assert api.service == model.signing_name
    for name, operation in api.operations.items():
        taken = model.operation_model(name).input_shape
        ours, theirs = arguments(taken) if taken else ({}, {})
        assert problem(operation.tool["inputSchema"], ours) is None, name
        made, expected = request(operation, ours), sent_by_botocore(model, name, theirs)
        parts = urlsplit(made.url)
        assert (made.method, unquote(parts.path)) == (expected["method"], unquote(path(expected))), name
        assert Counter(parse_qsl(parts.query, keep_blank_values=True)) == Counter(query(expected)), name
        headers, theirs_sent = dict(made.headers), lowered(expected["headers"])
        for own in ("content-type", *({"accept"} - set(theirs_sent))):
            headers.pop(own, None)
            theirs_sent.pop(own, None)
        assert headers == theirs_sent, name
        assert body(made.body) == body(expected["body"]), name
    assert len(api.operations) >= SERVICES[service]


def lowered(headers: Any) -> dict[str, str]:
    return {name.lower(): str(value) for name, value in headers.items()}


def path(sent: dict[str, Any]) -> str:
    return str(sent["url_path"]).partition("?")[0]


def query(sent: dict[str, Any]) -> list[tuple[str, str]]:
    given = sent["query_string"]
    pairs = list(given.items()) if isinstance(given, dict) else list(given)
    pairs += parse_qsl(str(sent["url_path"]).partition("?")[2], keep_blank_values=True)
    return [
        (name, str(item)) for name, value in pairs for item in (value if isinstance(value, list) else [value])
    ]


def body(sent: Any) -> Any:
    raw = sent if isinstance(sent, bytes) else str(sent).encode()
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw
