"""AWS Signature Version 4: sign a request, and check a signed one.

Source: AWS IAM user guide, "Create a signed AWS API request". A check has two steps, because the secret is
looked up in between:

    shown = presented(method, raw_path, raw_query, headers)   # what the request claims
    check(shown, body, secret_of(shown.access_key_id), now=clock.time())

Both the `Authorization` header and the presigned query form are read. What must be signed: `host`, and every
`X-Amz-*` header but the three that are covered in another way (the date and the payload hash stand in what is
signed anyway; the session token is compared with the one that belongs to the key). Any other header may be
unsigned, as the client context and the trace headers are.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from skerry.auth import canonical
from skerry.auth.presented import Presented, presented
from skerry.errors import SignatureError

__all__ = [
    "SKEW",
    "Credentials",
    "Presented",
    "canonical_request",
    "check",
    "presented",
    "sign",
    "string_to_sign",
]

SKEW = 900.0
"""Seconds that a clock may be wrong."""

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_STREAMING = frozenset(
    {
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    }
)
_SIGNED_ALWAYS = frozenset({"host", "content-type", "accept"})
_SIGNED_PREFIXES = ("mcp-", "x-amz-", "x-amzn-")
_NEVER_SIGNED = frozenset({"x-amzn-trace-id", "x-amz-security-token", "x-amz-date"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key. `repr` shows the id only."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def check(
    shown: Presented,
    body: bytes,
    secret: str,
    *,
    now: float,
    expected_token: str | None = None,
    skew: float = SKEW,
) -> None:
    """Proves that `shown` was signed with `secret` over `body`, is fresh, and came with `expected_token`.

    Times are in seconds. Raises SignatureError: expired (too old), skew (from the future), token, payload
    (the body is not the one whose hash was signed), mismatch.
    """
    _check_time(shown, now, skew)
    _check_token(shown.token, expected_token)
    text = string_to_sign(shown, body)
    key = canonical.signing_key(secret, shown.date, shown.region, shown.service)
    if not hmac.compare_digest(hmac.digest(key, text, "sha256").hex(), shown.signature):
        raise SignatureError(
            "mismatch",
            "The request signature we calculated does not match the signature you provided.",
            hint="Check the secret access key, and that nothing changed the request after it was signed.",
        )


def canonical_request(shown: Presented, body: bytes) -> bytes:
    """The canonical request; raises SignatureError (payload) when the body is not the one that was signed."""
    return shown.canonical_head + _payload_hash(shown, body).encode()


def string_to_sign(shown: Presented, body: bytes) -> bytes:
    """The string to sign; raises SignatureError (payload) when the body is not the one that was signed."""
    digest = hashlib.sha256(canonical_request(shown, body)).hexdigest()
    scope = f"{shown.date}/{shown.region}/{shown.service}/aws4_request"
    return f"{canonical.ALGORITHM}\n{shown.amz_date}\n{scope}\n{digest}".encode()


def sign(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    credentials: Credentials,
    region: str,
    service: str,
    now: float,
) -> dict[str, str]:
    """The headers to add to a request: `Authorization`, `X-Amz-Date`, and the token of temporary credentials.

    `url` is spelled as it will be sent, with its path percent-encoded once; `headers` are those of the
    request. Signed are `host`, `content-type`, `accept`, `mcp-*`, `x-amz-*` and `x-amzn-*`; never the
    client context (`X-Session-ID`, `X-Client-*`) nor trace headers, which may change on the way. For s3 the
    answer also has `X-Amz-Content-SHA256`. Raises SignatureError (malformed) when `url` cannot be read.
    """
    path, query, host = _split(url)
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"X-Amz-Date": stamp}
    if credentials.session_token is not None:
        added["X-Amz-Security-Token"] = credentials.session_token
    digest = hashlib.sha256(body).hexdigest()
    if service in canonical.S3:
        added["X-Amz-Content-SHA256"] = digest
    values = {name: [value] for name, value in _to_sign(headers).items()}
    values.setdefault("host", [host])
    values.update({name.lower(): [value] for name, value in added.items()})
    signed = tuple(sorted(values))
    path_text = canonical.path(path, normalise=service not in canonical.S3)
    query_text = canonical.query(canonical.query_pairs(query))
    head = f"{method.upper()}\n{path_text}\n{query_text}\n".encode()
    whole = head + canonical.header_lines(signed, values) + digest.encode()
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = f"{canonical.ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(whole).hexdigest()}".encode()
    key = canonical.signing_key(credentials.secret_access_key, stamp[:8], region, service)
    added["Authorization"] = (
        f"{canonical.ALGORITHM} Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={';'.join(signed)}, Signature={hmac.digest(key, text, 'sha256').hex()}"
    )
    return added


def _check_time(shown: Presented, now: float, skew: float) -> None:
    life = skew if shown.expires is None else float(shown.expires)
    if now > shown.timestamp + life:
        raise SignatureError(
            "expired",
            f"Signature expired: {shown.amz_date} is {now - shown.timestamp:.0f} seconds ago, "
            f"{life:.0f} are allowed.",
            hint="Check the clock of the machine that signs.",
        )
    if shown.timestamp > now + skew:
        raise SignatureError(
            "skew",
            f"Signature not yet current: {shown.amz_date} is {shown.timestamp - now:.0f} seconds ahead.",
            hint="Check the clock of the machine that signs.",
        )


def _check_token(sent: str | None, expected: str | None) -> None:
    if expected is None and sent is None:
        return
    same = hmac.compare_digest(_bytes(sent or ""), _bytes(expected or ""))
    if sent is None or expected is None or not same:
        raise SignatureError(
            "token",
            "The security token included in the request is invalid.",
            hint="Temporary credentials need their session token; permanent ones have none.",
        )


def _payload_hash(shown: Presented, body: bytes) -> str:
    is_s3 = shown.service in canonical.S3
    if shown.form == "query" and is_s3:
        return UNSIGNED_PAYLOAD
    stated = shown.content_sha256
    if stated is not None and is_s3 and (stated == UNSIGNED_PAYLOAD or stated in _STREAMING):
        return stated
    actual = hashlib.sha256(body).hexdigest()
    if stated is not None and not hmac.compare_digest(_bytes(stated), actual.encode()):
        raise SignatureError(
            "payload",
            "X-Amz-Content-SHA256 is not the hash of the body.",
            hint="Was the body changed on the way?",
        )
    return actual


def _to_sign(headers: Mapping[str, str]) -> dict[str, str]:
    result = {}
    for given, value in headers.items():
        name = given.lower()
        if name in _SIGNED_ALWAYS or (name.startswith(_SIGNED_PREFIXES) and name not in _NEVER_SIGNED):
            result[name] = value
    return result


def _split(url: str) -> tuple[bytes, bytes, str]:
    """Path and query as bytes, and the value of the Host header that clients send for `url`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise SignatureError("malformed", "The URL to sign cannot be read.") from error
    if not host:
        raise SignatureError("malformed", "The URL to sign has no host.")
    if ":" in host:
        host = f"[{host}]"
    if port is not None and (parts.scheme, port) not in {("http", 80), ("https", 443)}:
        host = f"{host}:{port}"
    path = parts.path.encode("utf-8", "replace")
    return path or b"/", parts.query.encode("utf-8", "replace"), host


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
