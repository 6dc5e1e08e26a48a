"""Presigned S3 URLs in the form before SigV4: `?AWSAccessKeyId=…&Signature=…&Expires=…`.

boto3's `generate_presigned_url` still makes this form by default. It is accepted for S3 alone.

Source: Amazon S3 user guide, "Signing and authenticating REST requests", query string alternative.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from skerry.errors import SignatureError

MARK = b"AWSAccessKeyId="

_PARAMETERS = """
accelerate acl analytics cors delete encryption inventory legal-hold lifecycle location logging metrics
notification object-lock partNumber policy publicAccessBlock replication requestPayment
response-cache-control response-content-disposition response-content-encoding response-content-language
response-content-type response-expires restore retention select select-type storageClass tagging torrent
uploadId uploads versionId versioning versions website
"""
_SIGNED_PARAMETERS = frozenset(_PARAMETERS.split())


@dataclass(frozen=True, slots=True)
class S3Query:
    """What a presigned URL claims; nothing is proved before `check`. `expires` is seconds since the epoch."""

    access_key_id: str
    expires: int
    token: str | None = field(repr=False)
    signature: str = field(repr=False)
    string_to_sign: bytes = field(repr=False)


def presented(method: str, raw_path: bytes, raw_query: bytes, headers: Sequence[tuple[str, str]]) -> S3Query:
    """What the URL shows. Raises SignatureError (malformed)."""
    query = dict(parse_qsl(raw_query.decode("latin-1"), keep_blank_values=True))
    try:
        expires = int(query["Expires"])
        access_key_id, signature = query["AWSAccessKeyId"], query["Signature"]
    except (KeyError, ValueError) as error:
        raise SignatureError(
            "malformed", "A presigned URL needs AWSAccessKeyId, Signature and Expires."
        ) from error
    sent = {name.lower(): value.strip() for name, value in headers}
    if "authorization" in sent:  # which nothing checks here, and by which the embedded cloud would go
        raise SignatureError("malformed", "The request is signed twice, in its header and in its query.")
    amazon = {name: value for name, value in sent.items() if name.startswith("x-amz-")}
    amazon.update({name: value for name, value in query.items() if name.startswith("x-amz-")})
    lines = [
        method,
        sent.get("content-md5", query.get("content-md5", "")),
        sent.get("content-type", query.get("content-type", "")),
        str(expires),
        *(f"{name}:{value}" for name, value in sorted(amazon.items())),
        _resource(raw_path, raw_query),
    ]
    return S3Query(
        access_key_id=access_key_id,
        expires=expires,
        token=query.get("x-amz-security-token"),
        signature=signature,
        string_to_sign="\n".join(lines).encode(),
    )


def check(shown: S3Query, secret: str, *, now: float, expected_token: str | None) -> None:
    """Proves that the URL was signed with `secret`. Raises SignatureError: expired, token, mismatch."""
    if now > shown.expires:
        raise SignatureError("expired", "Request has expired.", hint="Make a new presigned URL.")
    if not hmac.compare_digest((shown.token or "").encode(), (expected_token or "").encode()):
        raise SignatureError("token", "The provided token is malformed or otherwise invalid.")
    wanted = base64.b64encode(hmac.digest(secret.encode(), shown.string_to_sign, "sha1"))
    if not hmac.compare_digest(wanted, shown.signature.encode("utf-8", "replace")):
        raise SignatureError(
            "mismatch", "The request signature we calculated does not match the signature you provided."
        )


def _resource(raw_path: bytes, raw_query: bytes) -> str:
    kept = []
    for part in raw_query.decode("latin-1").split("&"):
        name, equals, value = part.partition("=")
        if name in _SIGNED_PARAMETERS:
            kept.append((name, f"{name}={unquote(value)}" if equals else name))
    path = raw_path.decode("latin-1")
    return f"{path}?{'&'.join(text for _, text in sorted(kept))}" if kept else path
