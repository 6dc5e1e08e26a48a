"""Which permissions a request to the embedded cloud needs on AWS: action and resources, from the request.

An action has the name of the operation, but for the batches below; which resources it is about is one table,
`action_resources`, and for S3 `s3_actions`. Where an operation cannot be told, only who may do everything in
the service may do it.

Conditions know what every request has, and of S3 the prefix of a list.

Source: AWS service authorization reference.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from skerry.local.api import service_model
from skerry.local.iam import action_resources, s3_actions
from skerry.local.iam.action_resources import Found, Place
from skerry.local.ports.asgi import Scope
from skerry.local.ports.permissions import Ask, Named

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
_ENCRYPTED: Mapping[str, tuple[str, ...]] = {
    "ReEncryptFrom": ("CiphertextBlob", "SourceKeyId"),
    "ReEncryptTo": ("DestinationKeyId",),
}
"""The actions that ReEncrypt of KMS is, and the parameters that each of them is about."""
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
        return [Ask(action, "*", vague=True, named=Named(service, *place, "*"))]
    if (service, operation) == ("kms", "ReEncrypt"):
        return _reencrypted(given, place)
    lost = len(given) < len(every)
    about = action_resources.resources(service, given, place)
    if service == "kms" and operation in ("DeleteAlias", "UpdateAlias"):  # about the key that it has, too
        about += action_resources.resources(service, {"KeyId": given.get("AliasName")}, place)
    if (service, operation) == ("secretsmanager", "BatchGetSecretValue"):
        return [Ask(action, "*"), *_batch(given, place)]
    return [_ask(service, action, found, place, lost=lost) for found in about]


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


def whole(service: str, place: Place = ("", "")) -> Ask:
    """The permission for an operation that cannot be told."""
    named = Named(service, *place, "*") if all(place) else None
    return Ask(f"{_PREFIXES.get(service, service)}:*", "*", vague=True, named=named)


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


def _ask(service: str, action: str, found: Found, place: Place, *, lost: bool = False) -> Ask:
    """The permission for one resource. What was `lost` are parameters that the operation does not have."""
    named = Named(service, *place, found.name) if found.name else None
    return Ask(action, found.arn, vague=found.vague or (lost and found.arn == "*"), named=named)


def _reencrypted(given: Mapping[str, Any], place: Place) -> list[Ask]:
    """ReEncrypt: from one key to another."""
    return [
        _ask("kms", f"kms:{action}", found, place)
        for action, members in _ENCRYPTED.items()
        for found in action_resources.resources(
            "kms", {name: given[name] for name in members if name in given}, place
        )
    ]


def _batch(given: Mapping[str, Any], place: Place) -> list[Ask]:
    """What BatchGetSecretValue needs for each secret; filters may find any of them."""
    action, listed = "secretsmanager:GetSecretValue", given.get("SecretIdList")
    if not isinstance(listed, list) or "Filters" in given:
        return [Ask(action, "*", vague=True, named=Named("secretsmanager", *place, "*"))]
    found = action_resources.resources("secretsmanager", {"SecretId": listed}, place)
    return [_ask("secretsmanager", action, item, place) for item in found]


def _transacted(items: object, place: Place) -> list[Ask]:
    found = []
    for item in items if isinstance(items, list) else ():
        for kind, part in item.items() if isinstance(item, Mapping) else ():
            action = _TRANSACTED.get(kind, "*")
            given = part if isinstance(part, Mapping) else {}
            table = {"TableName": given.get("TableName")}
            found += [
                Ask(f"dynamodb:{action}", about.arn, vague=about.vague)
                for about in action_resources.resources("dynamodb", table, place)
            ]
    return found or [whole("dynamodb")]


def _verbs(given: Mapping[str, Any]) -> set[str]:
    several = given.get("Statements", given.get("TransactStatements"))
    statements = several if isinstance(several, list) else [given]
    texts = [str(item.get("Statement", "")) for item in statements if isinstance(item, Mapping)]
    return {_PARTIQL.get((text.split() or [""])[0].lower(), "*") for text in texts} or {"*"}
