"""Which permissions a request to S3 needs: its model has no names on the wire, so a table says them.

Source: AWS service authorization reference, Amazon S3; S3 user guide, "Required permissions for S3 API
operations".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from urllib.parse import parse_qsl, unquote, urlparse, urlsplit
from xml.etree import ElementTree as ET

from skerry.local.ports.asgi import Scope
from skerry.local.ports.permissions import Ask

# What a method on a bucket or an object is, and what a subresource makes of it: names for bucket and object.
_BUCKET = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
_OBJECT = {
    "GET": "GetObject",
    "HEAD": "GetObject",
    "PUT": "PutObject",
    "POST": "PutObject",
    "DELETE": "DeleteObject",
}
_PARTS: Mapping[str, tuple[str, str]] = {
    "acl": ("BucketAcl", "ObjectAcl"),
    "analytics": ("AnalyticsConfiguration", ""),
    "intelligent-tiering": ("IntelligentTieringConfiguration", ""),
    "inventory": ("InventoryConfiguration", ""),
    "metrics": ("MetricsConfiguration", ""),
    "accelerate": ("AccelerateConfiguration", ""),
    "cors": ("BucketCORS", ""),
    "encryption": ("EncryptionConfiguration", ""),
    "legal-hold": ("", "ObjectLegalHold"),
    "lifecycle": ("LifecycleConfiguration", ""),
    "location": ("BucketLocation", ""),
    "logging": ("BucketLogging", ""),
    "notification": ("BucketNotification", ""),
    "object-lock": ("BucketObjectLockConfiguration", ""),
    "ownershipControls": ("BucketOwnershipControls", ""),
    "policy": ("BucketPolicy", ""),
    "policyStatus": ("BucketPolicyStatus", ""),
    "publicAccessBlock": ("BucketPublicAccessBlock", ""),
    "replication": ("ReplicationConfiguration", ""),
    "requestPayment": ("BucketRequestPayment", ""),
    "retention": ("", "ObjectRetention"),
    "tagging": ("BucketTagging", "ObjectTagging"),
    "versioning": ("BucketVersioning", ""),
    "website": ("BucketWebsite", ""),
}
_DELETED = frozenset({"BucketPolicy", "BucketWebsite", "ObjectTagging"})
"""Subresources whose removal is an action of its own; that of others is a Put."""
_LISTS = {"versions": "ListBucketVersions", "uploads": "ListBucketMultipartUploads"}
_KEYS = {"prefix": "s3:prefix", "delimiter": "s3:delimiter", "max-keys": "s3:max-keys"}
_MOST_KEYS = 1000
_XML_LIMIT = 4 << 20


def asks(scope: Scope, body: bytes) -> list[Ask]:
    """The permissions for a request."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    path = unquote(scope["raw_path"].decode("latin-1")).removeprefix("/")
    if path.startswith("v20180820/"):  # S3 Control, whose operations are others
        return []
    bucket, _, key = path.partition("/")
    # Else the host names the bucket, or it cannot be told which part of the path does.
    by_path = _is_plain(headers.get("host", "")) and not path.startswith("/")
    if not bucket and by_path:
        return [Ask("s3:ListAllMyBuckets", "*")]
    arn = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    context = {_KEYS[name]: (value,) for name, value in query if name in _KEYS}
    names = [name for name, _ in query]
    if not by_path:
        arn = "arn:aws:s3:::*"
    if not key and scope["method"] == "POST" and "delete" in names:
        if not by_path:
            return [Ask("s3:DeleteObject", arn, vague=True)]
        return [Ask("s3:DeleteObject", f"{arn}/{name}", vague=name == "*") for name in _deleted(body)]
    # Where the host may name the bucket, what looks like one in the path may be an object.
    kinds = {bool(key)} if by_path else {bool(key), bool(path)}
    actions = [item for kind in kinds for item in _actions(scope["method"], names, is_object=kind)]
    actions += [item for kind in kinds for item in _of_headers(headers, is_object=kind)]
    made = [
        Ask(f"s3:{action}", arn, context, vague=not by_path or action == "*")
        for action in dict.fromkeys(actions)
    ]
    if not key and scope["method"] == "POST":  # an upload by a form, which has the key in it
        made.append(Ask("s3:PutObject", f"{arn}/*" if by_path else arn, vague=True))
    return [*made, *_copied(scope)]


def _of_headers(headers: Mapping[str, str], *, is_object: bool) -> list[str]:
    """What a request does besides: an ACL or tags with what is put."""
    kind = "Object" if is_object else "Bucket"
    acl = any(name == "x-amz-acl" or name.startswith("x-amz-grant-") for name in headers)
    return ([f"Put{kind}Acl"] if acl else []) + (["PutObjectTagging"] if "x-amz-tagging" in headers else [])


def _copied(scope: Scope) -> list[Ask]:
    """The source of a copy, read as the embedded cloud reads it."""
    sources = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-amz-copy-source"]
    if not sources:
        return []
    found = urlparse(sources[0])
    if len(sources) > 1 or found.scheme or found.netloc:
        return [Ask("s3:GetObject", "arn:aws:s3:::*", vague=True)]
    action = "GetObjectVersion" if "versionId" in found.query else "GetObject"
    return [Ask(f"s3:{action}", f"arn:aws:s3:::{unquote(found.path).lstrip('/')}")]


def _actions(method: str, names: Sequence[str], *, is_object: bool) -> list[str]:
    parts = {_PARTS[name][is_object] for name in names if name in _PARTS} - {""}
    if parts:  # a request that names several is for all of them: which one counts is the server's
        return [_of_part(method, part) for part in sorted(parts)]
    if is_object:
        action = _OBJECT.get(method, "*")
        if "restore" in names and method == "POST":
            return ["RestoreObject"]
        if "select" in names and method == "POST":
            return ["GetObject"]
        if "uploadId" in names and method in ("GET", "DELETE"):
            return ["ListMultipartUploadParts" if method == "GET" else "AbortMultipartUpload"]
        if "versionId" in names and action in ("GetObject", "DeleteObject"):
            return [f"{action}Version"]
        return [action]
    lists = [_LISTS[name] for name in names if name in _LISTS]
    return lists if lists and method == "GET" else [_BUCKET.get(method, "*")]


def _of_part(method: str, part: str) -> str:
    if method == "DELETE" and part in _DELETED:
        return f"Delete{part}"
    return f"{'Get' if method in ('GET', 'HEAD') else 'Put'}{part}"


def _deleted(body: bytes) -> list[str]:
    """The keys of DeleteObjects; `*` where they cannot be read."""
    if len(body) > _XML_LIMIT:
        return ["*"]
    try:
        root = ET.fromstring(body)  # noqa: S314  (expat bounds entities; the body is bounded)
    except ET.ParseError:
        return ["*"]
    found = [item.text or "" for item in root.iter() if item.tag.rpartition("}")[2] == "Key"]
    plain = all(name == name.strip() for name in found)  # others are read with and without their spaces
    return found if plain and 0 < len(found) <= _MOST_KEYS else ["*"]


def _is_plain(host: str) -> bool:
    """Whether a Host is an address or localhost, where a path begins with the bucket."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ip_address(name))
    except ValueError:
        return False
