"""What a request to the embedded cloud would need on AWS, as far as the request itself tells it.

Nothing is decided from it: these services of the embedded cloud take every call. It is recorded, so that
`skerry iam least` can say what a run needs. An action that the request does not name is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

from skerry.local.ports import Scope

NOT_ASKED = "not asked: services of the embedded cloud take every call"
_PREFIXES: Mapping[str, str] = {"monitoring": "cloudwatch", "email": "ses", "tagging": "tag"}
_BODY_LIMIT = 65536

# Of S3: what a method on a bucket or an object is, and what a subresource makes of it.
_BUCKET = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
_OBJECT = {
    "GET": "GetObject",
    "HEAD": "GetObject",
    "PUT": "PutObject",
    "POST": "PutObject",
    "DELETE": "DeleteObject",
}
_SUBRESOURCES: Mapping[str, str] = {
    "acl": "Acl",
    "cors": "CORS",
    "location": "Location",
    "policy": "Policy",
    "tagging": "Tagging",
    "versioning": "Versioning",
}


def needed(scope: Scope, service: str, operation: str, body: bytes, place: tuple[str, str]) -> dict[str, str]:
    """The note for a hop; empty where the action is not known. `place` is region and account."""
    if service == "s3":
        action, resource = _s3(scope)
    else:
        action, resource = operation, "*"
        if " " in operation or not operation:
            return {}
        if service == "dynamodb":
            resource = _table(body, place)
    name = f"{_PREFIXES.get(service, service)}:{action}"
    return {"action": name, "resource": resource, "by": NOT_ASKED}


def _s3(scope: Scope) -> tuple[str, str]:
    method = scope["method"]
    path = unquote(scope["raw_path"].decode("latin-1")).lstrip("/")
    bucket, _, key = path.partition("/")
    arn = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    if not bucket:
        return "ListAllMyBuckets", "*"
    asked = [name for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)]
    part = next((_SUBRESOURCES[name] for name in asked if name in _SUBRESOURCES), "")
    if part:
        verb = {"GET": "Get", "HEAD": "Get", "DELETE": "Delete"}.get(method, "Put")
        verb = "Put" if verb == "Delete" and part in ("CORS", "Tagging", "Acl") else verb
        return f"{verb}{'Object' if key else 'Bucket'}{part}", arn
    if not key and method == "POST":
        return "DeleteObject", f"{arn}/*"
    return (_OBJECT if key else _BUCKET).get(method, "*"), arn


def _table(body: bytes, place: tuple[str, str]) -> str:
    if len(body) > _BODY_LIMIT:
        return "*"
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return "*"
    name = given.get("TableName") if isinstance(given, dict) else None
    if not isinstance(name, str) or not name:
        return "*"
    table = name if name.startswith("arn:") else f"arn:aws:dynamodb:{place[0]}:{place[1]}:table/{name}"
    return f"{table}/index/{given['IndexName']}" if isinstance(given.get("IndexName"), str) else table
