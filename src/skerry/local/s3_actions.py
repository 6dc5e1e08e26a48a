"""Which permissions a request to S3 needs: its model has no names on the wire, so a table says them.

Source: AWS service authorization reference, Amazon S3; S3 user guide, "Required permissions for S3 API
operations".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree as ET

from skerry.local.ports import Ask, Scope

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
    if not key and scope["method"] == "POST" and "delete" in names:
        found = [Ask("s3:DeleteObject", f"{arn}/{name}") for name in _deleted(body)]
        return found if by_path else [Ask("s3:DeleteObject", "*")]
    actions = _actions(scope["method"], names, is_object=bool(key))
    made = [Ask(f"s3:{action}", arn if by_path else "*", context) for action in actions]
    source = unquote(headers.get("x-amz-copy-source", "")).lstrip("/").partition("?")[0]
    return [*made, Ask("s3:GetObject", f"arn:aws:s3:::{source}")] if source else made


def _actions(method: str, names: Sequence[str], *, is_object: bool) -> list[str]:
    parts = {_PARTS[name][is_object] for name in names if name in _PARTS} - {""}
    if parts:  # a request that names several is for all of them: which one counts is the server's
        return [_of_part(method, part) for part in sorted(parts)]
    if is_object:
        action = _OBJECT.get(method, "*")
        if "restore" in names and method == "POST":
            return ["RestoreObject"]
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
    return found if 0 < len(found) <= _MOST_KEYS else ["*"]


def _is_plain(host: str) -> bool:
    """Whether a Host is an address or localhost, where a path begins with the bucket."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ip_address(name))
    except ValueError:
        return False
