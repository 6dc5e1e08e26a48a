"""restJson1: a request as the input of an operation, an output as a response.

Source: Smithy 2.0, AWS restJson1 protocol and HTTP bindings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from skerry.errors import ServiceError
from skerry.local.api.service_model import Match, Operation, ServiceModel, Shape
from skerry.local.api.validation import without_nulls

MAX_QUERY_FIELDS = 1000


@dataclass(frozen=True, slots=True)
class Reply:
    """A response to send."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def parse(
    model: ServiceModel, match: Match, raw_query: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes
) -> dict[str, Any]:
    """The input by the model's member names, nulls left out; its values are not validated yet.

    Members that are not in the model stay in, so that validation can name them. Raises
    ValidationException with reason `CannotParse` when the body is not a JSON object or a number in the
    query is none.
    """
    members: Mapping[str, Mapping[str, Any]] = match.operation.input.get("members", {})
    bodied = {
        member.get("locationName", name): name for name, member in members.items() if "location" not in member
    }
    given: dict[str, Any] = {}
    if bodied:
        given.update((bodied.get(name, name), value) for name, value in _document(body).items())
    query: dict[str, list[str]] = {}
    for name, value in _query(raw_query):
        query.setdefault(name, []).append(value)
    sent = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
    for name, member in members.items():
        where = member.get("location")
        wire = member.get("locationName", name)
        if where is None:
            continue
        given.pop(name, None)  # a body cannot stand in for a path, query or header
        if where == "uri":
            given[name] = match.labels[wire]
        elif where == "querystring" and wire in query:
            given[name] = _from_text(model, member, query[wire], name)
        elif where == "header" and wire.lower() in sent:
            given[name] = _from_text(model, member, [sent[wire.lower()]], name)
    return given


def reply(model: ServiceModel, operation: Operation, output: Mapping[str, Any]) -> Reply:
    """The response to a successful operation.

    Only members of the output shape are sent, whatever else `output` holds; timestamps (ISO 8601 text)
    become what the model says.
    """
    if not operation.output.get("members"):
        empty = operation.status == 204
        return Reply(operation.status, [] if empty else _JSON, b"" if empty else b"{}")
    body = json.dumps(_structure(model, operation.output, output), separators=(",", ":"), allow_nan=False)
    return Reply(operation.status, list(_JSON), body.encode("ascii"))


def error_reply(error: ServiceError) -> Reply:
    """The response to a failed operation: `{"message": …}` and `x-amzn-ErrorType`."""
    body = json.dumps({"message": str(error), **error.members}, separators=(",", ":"))
    headers = [*_JSON, (b"x-amzn-errortype", error.name.encode("ascii"))]
    return Reply(error.status, headers, body.encode("ascii"))


_JSON = [(b"content-type", b"application/json")]


def cannot_parse(message: str) -> ServiceError:
    """A ValidationException (400) for what could not even be read."""
    return ServiceError("ValidationException", 400, message, members={"reason": "CannotParse"})


def _document(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        document = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise cannot_parse("The request body is not valid JSON.") from error
    if not isinstance(document, dict):
        raise cannot_parse("The request body must be a JSON object.")
    try:
        return dict(without_nulls(document))
    except RecursionError as error:
        raise cannot_parse("The request body is nested too deeply.") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _query(raw_query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            raw_query.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=MAX_QUERY_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise cannot_parse("The query string cannot be read: it must be percent-encoded UTF-8.") from error


def _from_text(model: ServiceModel, member: Mapping[str, Any], values: list[str], name: str) -> Any:
    shape = model.shape(member)
    if shape["type"] == "list":
        return list(values)
    value = values[0]
    if shape["type"] in ("integer", "long", "short", "byte"):
        # int() would take "1_000" and digits of every script
        if not (value.removeprefix("-").isascii() and value.removeprefix("-").isdigit() and len(value) < 20):
            raise cannot_parse(f"'{name}' must be a whole number.")
        return int(value)
    if shape["type"] == "boolean":
        if value not in ("true", "false"):
            raise cannot_parse(f"'{name}' must be true or false.")
        return value == "true"
    return value


def _structure(model: ServiceModel, shape: Shape, value: Mapping[str, Any]) -> dict[str, Any]:
    members: Mapping[str, Mapping[str, Any]] = shape.get("members", {})
    found: dict[str, Any] = {}
    for name, member in members.items():
        wire = member.get("locationName", name)
        item = value.get(name, value.get(wire))
        if item is not None:
            found[wire] = _value(model, member, item)
    return found


def _value(model: ServiceModel, reference: Mapping[str, Any], value: Any) -> Any:
    shape = model.shape(reference)
    kind = shape["type"]
    if shape.get("document"):
        return value
    if kind == "structure":
        return _structure(model, shape, value)
    if kind == "list":
        return [_value(model, shape["member"], item) for item in value]
    if kind == "map":
        return {key: _value(model, shape["value"], item) for key, item in value.items()}
    if kind == "timestamp" and isinstance(value, str):
        # restJson1 writes timestamps as seconds since the epoch unless the model says otherwise.
        iso = shape.get("timestampFormat") == "iso8601"
        return value if iso else datetime.fromisoformat(value).timestamp()
    return value


def iso8601(seconds: float) -> str:
    """A time as AWS writes it: UTC, to the millisecond, with `Z`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
