"""Which permissions a request to the embedded cloud needs on AWS: action and resources, from the request.

An action has the name of the operation, but for the batches below; which resources it is about is one table,
`aws_resources`, and for S3 `s3_actions`. Where an operation cannot be told, only who may do everything in the
service may do it.

Conditions know what every request has, and of S3 the prefix of a list. Policies of buckets, queues, topics
and keys are not read.

Source: AWS service authorization reference.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from skerry.local import aws_resources, s3_actions, service_model
from skerry.local.aws_resources import Place
from skerry.local.ports import Ask, Scope

NOT_ASKED = "not asked: permissions are off"
_PREFIXES: Mapping[str, str] = {"monitoring": "cloudwatch", "email": "ses", "tagging": "tag"}
_FOLDERS: Mapping[str, str] = {
    "email": "ses",
    "execute-api": "apigateway",
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}
"""Signing names whose folder in botocore is called otherwise."""
_BODY_LIMIT = 4 << 20

_ACTIONS: Mapping[tuple[str, str], str] = {
    ("sns", "PublishBatch"): "Publish",
    ("sqs", "ChangeMessageVisibilityBatch"): "ChangeMessageVisibility",
    ("sqs", "DeleteMessageBatch"): "DeleteMessage",
    ("sqs", "SendMessageBatch"): "SendMessage",
}
"""Operations whose action has another name."""
_COMMON = frozenset({"Action", "Version"})
"""Parameters of the query protocol itself."""
_TRANSACTED: Mapping[str, str] = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
_PARTIQL_OPERATIONS = ("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction")
_PARTIQL = {"select": "Select", "insert": "Insert", "update": "Update", "delete": "Delete"}


def asks(
    scope: Scope,
    service: str,
    operation: str,
    labels: Mapping[str, str],
    *,
    body: bytes,
    place: Place,
    members: Container[str] | None = None,
) -> list[Ask]:
    """The permissions for a request; none where the operation is not known.

    `operation` is "" then; `labels` are the parameters in a path. `members` are the parameters that the
    operation has, where that is known: others are passed over, as they are where it is performed.
    """
    if service == "s3":
        return s3_actions.asks(scope, body)
    if service == "apigateway":  # whose actions are the methods of HTTP
        arn = f"arn:aws:apigateway:{place[0]}::{scope['raw_path'].decode('latin-1')}"
        return [Ask(f"apigateway:{scope['method']}", arn)]
    if not operation:
        return []
    found = _parameters(scope, body)
    readable = found is not None and not (service == "sqs" and scope["raw_path"] != b"/")
    every = {name: value for name, value in {**(found or {}), **labels}.items() if name not in _COMMON}
    given = {name: value for name, value in every.items() if members is None or name in members}
    prefix = _PREFIXES.get(service, service)
    if service == "dynamodb" and operation in ("TransactGetItems", "TransactWriteItems"):
        return _transacted(given.get("TransactItems"), place)
    if service == "dynamodb" and operation in _PARTIQL_OPERATIONS:
        return [Ask(f"dynamodb:PartiQL{verb}", "*", vague=True) for verb in _verbs(given)]
    action = f"{prefix}:{_ACTIONS.get((service, operation), operation)}"
    if not readable and not labels:
        return [Ask(action, "*", vague=True)]
    about = aws_resources.resources(service, given, place)
    lost = len(given) < len(every)
    return [Ask(action, arn, vague=vague or (lost and arn == "*")) for arn, vague in about]


def operation(scope: Scope, body: bytes, service: str) -> tuple[str, Mapping[str, str]]:
    """The operation that a request is, by the service's model, and the parameters in its path.

    "" where that cannot be told, and where the request names several. The model may take a while to load.
    """
    try:
        model = service_model.load(_FOLDERS.get(service, service))
    except LookupError:
        model = None
    if model is not None and model.protocol.startswith("rest"):
        match = model.match(scope["method"], scope["raw_path"])
        return (match.operation.name, match.labels) if match else ("", {})
    named = set() if _is_multipart(scope) else set(names(scope, body))
    name = named.pop() if len(named) == 1 else ""
    return (name if model is None or name in model.operations else "", {})


def members(service: str, operation: str) -> frozenset[str] | None:
    """The names that parameters of an operation have on the wire; None where no model has it.

    The model may take a while to load.
    """
    try:
        known = service_model.load(_FOLDERS.get(service, service)).operations.get(operation)
    except LookupError:
        return None
    if known is None:
        return None
    found = set()
    for name, member in known.input.get("members", {}).items():
        other = member.get("queryName", member.get("locationName", name))
        found |= {name, other, other[:1].upper() + other[1:]}
    return frozenset(found)


def whole(service: str) -> Ask:
    """The permission for an operation that cannot be told."""
    return Ask(f"{_PREFIXES.get(service, service)}:*", "*", vague=True)


def names(scope: Scope, body: bytes) -> Sequence[str]:
    """The operations that a request names, in each of the ways in which the embedded cloud would read it."""
    headers = [(name, value.decode("latin-1")) for name, value in scope["headers"]]
    found = [value.rpartition(".")[2] for name, value in headers if name == b"x-amz-target"]
    found += [value for name, value in headers if name == b"action"]
    if scope["raw_path"].startswith(b"/service/"):  # Smithy RPC: /service/NAME/operation/NAME
        found.append(scope["raw_path"].decode("latin-1").rpartition("/")[2])
    for source in (scope["query_string"], body):
        found += [value for name, value in _pairs(source) if name == "Action"]
    return found


def _parameters(scope: Scope, body: bytes) -> dict[str, Any] | None:
    """The parameters of a request by name: of a JSON object, or of a form, whose lists are numbered.

    None for a request that has some in two places, or one of them twice: which one counts is not known here.
    """
    query = scope["query_string"]
    if len(body) > _BODY_LIMIT or (query and body):
        return None
    if body and not _is_form(scope):
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            return None
        return given if isinstance(given, dict) else None
    found: dict[str, Any] = {}
    for name, value in _pairs(query or body):
        head, _, number = name.partition(".")
        if head in found and not (number and isinstance(found[head], list)):
            return None
        if number:
            found.setdefault(head, []).append(value)
        else:
            found[head] = value
    return found


def _pairs(source: bytes) -> list[tuple[str, str]]:
    return parse_qsl(source.decode("utf-8", "replace"), keep_blank_values=True)


def _is_multipart(scope: Scope) -> bool:
    return any(name == b"content-type" and b"multipart" in value.lower() for name, value in scope["headers"])


def _is_form(scope: Scope) -> bool:
    return any(
        name == b"content-type" and value.startswith(b"application/x-www-form-urlencoded")
        for name, value in scope["headers"]
    )


def _transacted(items: object, place: Place) -> list[Ask]:
    found = []
    for item in items if isinstance(items, list) else ():
        for kind, part in item.items() if isinstance(item, Mapping) else ():
            action = _TRANSACTED.get(kind, "*")
            given = part if isinstance(part, Mapping) else {}
            table = {"TableName": given.get("TableName")}
            found += [
                Ask(f"dynamodb:{action}", arn, vague=vague)
                for arn, vague in aws_resources.resources("dynamodb", table, place)
            ]
    return found or [whole("dynamodb")]


def _verbs(given: Mapping[str, Any]) -> set[str]:
    several = given.get("Statements", given.get("TransactStatements"))
    statements = several if isinstance(several, list) else [given]
    texts = [str(item.get("Statement", "")) for item in statements if isinstance(item, Mapping)]
    return {_PARTIQL.get((text.split() or [""])[0].lower(), "*") for text in texts} or {"*"}
