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

from skerry.auth.aws import canonical
from skerry.auth.aws.presented import Presented, presented
from skerry.auth.aws.signing import Credentials, sign
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


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
