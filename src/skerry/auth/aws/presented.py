"""What a request shows as its SigV4 signature, in the `Authorization` header or in a presigned query.

Nothing is proved here; `sigv4.check` does that. Source: AWS IAM user guide, "Create a signed AWS API
request", and "Authenticating Requests: Using Query Parameters" of the Amazon S3 API reference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Literal
from urllib.parse import unquote_to_bytes

from skerry.auth.aws import canonical
from skerry.errors import SignatureError

MAX_EXPIRES = 604_800
"""Seconds that a presigned URL may live: seven days."""

_COVERED = frozenset({"x-amz-date", "x-amz-security-token", "x-amz-content-sha256"})
"""Need not be signed: two stand in the string to sign, the token is compared with that of the key."""
_HEADER_FORM = re.compile(
    r"(?P<algorithm>[A-Za-z0-9-]+) +Credential=(?P<credential>[^, ]+), *"
    r"SignedHeaders=(?P<headers>[^, ]+), *Signature=(?P<signature>[^, ]*)"
)
_QUERY_FORM = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
_MAX_AUTHORIZATION = 8192
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_TIMESTAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_REGION = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_SERVICE = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""Without dots: who makes a host name of it would read `iam.x` as `iam`."""
_ACCESS_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")


@dataclass(frozen=True, slots=True)
class Presented:
    """What a signed request claims; nothing here is proved before `check`.

    `timestamp` is seconds since the epoch, `expires` the life of a presigned URL in seconds (None for the
    header form), `token` the session token sent along.
    """

    form: Literal["header", "query"]
    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    timestamp: float
    expires: int | None
    token: str | None = field(repr=False)
    amz_date: str = field(repr=False)
    content_sha256: str | None = field(repr=False)
    signature: str = field(repr=False)
    canonical_head: bytes = field(repr=False)
    """The canonical request up to the payload hash."""

    def require(self, *, service: str, region: str | None = None, max_expires: int | None = None) -> None:
        """Raises SignatureError (scope) when the request was signed for another service or region.

        And (malformed) when it is a presigned URL that is to live longer than `max_expires` seconds.
        """
        if self.service != service or (region is not None and self.region != region):
            wanted = f"{service} in {region}" if region is not None else service
            raise SignatureError(
                "scope",
                f"Credential should be scoped to {wanted}; this one is for {self.service} in {self.region}.",
                hint="Check the region and the signing name of the client.",
            )
        if max_expires is not None and self.expires is not None and self.expires > max_expires:
            raise SignatureError("malformed", f"X-Amz-Expires must be 1 to {max_expires} seconds here.")


def presented(
    method: str, raw_path: bytes, raw_query: bytes, headers: Sequence[tuple[str, str]]
) -> Presented:
    """What a request shows as its signature, from the bytes of the request line and the header pairs.

    `raw_path` and `raw_query` are as they came, without the question mark; `headers` are all pairs in order.
    Raises SignatureError: missing, algorithm, malformed, unsigned-header.
    """
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(value)
    pairs = canonical.query_pairs(raw_query)
    claims = _claims(values, pairs)
    access_key_id, date, region, service = _scope(claims.credential)
    if not claims.amz_date.startswith(date):
        raise SignatureError("scope", f"Date in Credential scope does not match {claims.amz_date}.")
    signed = _signed_headers(claims.signed_headers, values)
    path = canonical.path(raw_path, normalise=service not in canonical.S3)
    kept = [pair for pair in pairs if claims.form == "header" or pair[0] != "X-Amz-Signature"]
    head = f"{method.upper()}\n{path}\n{canonical.query(kept)}\n".encode("utf-8", "replace")
    return Presented(
        form=claims.form,
        access_key_id=access_key_id,
        date=date,
        region=region,
        service=service,
        signed_headers=signed,
        timestamp=claims.timestamp,
        expires=claims.expires,
        token=claims.token,
        amz_date=claims.amz_date,
        content_sha256=_single(values, "x-amz-content-sha256"),
        signature=claims.signature,
        canonical_head=head + canonical.header_lines(signed, values),
    )


@dataclass(frozen=True, slots=True)
class _Claims:
    """The signature parameters, from the header or from the query."""

    form: Literal["header", "query"]
    credential: str
    signed_headers: str
    signature: str
    amz_date: str
    timestamp: float
    expires: int | None
    token: str | None


def _claims(values: Mapping[str, list[str]], pairs: Sequence[tuple[str, str]]) -> _Claims:
    in_header = "authorization" in values
    in_query = any(name in {"X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential"} for name, _ in pairs)
    if in_header and in_query:
        raise SignatureError("malformed", "The request is signed twice, in its header and in its query.")
    if in_query:
        return _query_claims(pairs)
    if in_header:
        return _header_claims(values)
    raise SignatureError(
        "missing",
        "Missing Authentication Token",
        hint="Sign the request with SigV4; boto3 does it when it finds credentials.",
    )


def _header_claims(values: Mapping[str, list[str]]) -> _Claims:
    text = _single(values, "authorization") or ""
    if not text.startswith("AWS4-HMAC-SHA256 "):
        raise SignatureError("algorithm", f"The Authorization header must begin with {canonical.ALGORITHM}.")
    match = _HEADER_FORM.fullmatch(text) if len(text) <= _MAX_AUTHORIZATION else None
    if match is None:
        raise SignatureError(
            "malformed",
            "The Authorization header needs Credential, SignedHeaders and Signature, divided by commas.",
        )
    amz_date, timestamp = _header_time(values)
    return _Claims(
        form="header",
        credential=match["credential"],
        signed_headers=match["headers"],
        signature=_hex_signature(match["signature"]),
        amz_date=amz_date,
        timestamp=timestamp,
        expires=None,
        token=_single(values, "x-amz-security-token"),
    )


def _query_claims(pairs: Sequence[tuple[str, str]]) -> _Claims:
    given: dict[str, str] = {}
    for name, value in pairs:
        if name.startswith("X-Amz-"):
            if name in given:
                raise SignatureError("malformed", f"The query parameter {name[:60]} stands twice.")
            given[name] = unquote_to_bytes(value).decode("utf-8", "replace")
    missing = [f"X-Amz-{name}" for name in _QUERY_FORM if f"X-Amz-{name}" not in given]
    if missing:
        raise SignatureError("malformed", f"The presigned query lacks {', '.join(missing)}.")
    if given["X-Amz-Algorithm"] != canonical.ALGORITHM:
        raise SignatureError("algorithm", f"X-Amz-Algorithm must be {canonical.ALGORITHM}.")
    expires = given["X-Amz-Expires"]
    if re.fullmatch(r"[0-9]{1,6}", expires) is None or not 0 < int(expires) <= MAX_EXPIRES:
        raise SignatureError("malformed", f"X-Amz-Expires must be 1 to {MAX_EXPIRES} seconds.")
    return _Claims(
        form="query",
        credential=given["X-Amz-Credential"],
        signed_headers=given["X-Amz-SignedHeaders"],
        signature=_hex_signature(given["X-Amz-Signature"]),
        amz_date=given["X-Amz-Date"],
        timestamp=_epoch(given["X-Amz-Date"]),
        expires=int(expires),
        token=given.get("X-Amz-Security-Token"),
    )


def _header_time(values: Mapping[str, list[str]]) -> tuple[str, float]:
    """The time of signing, as AWS spells it and in seconds; `X-Amz-Date` goes before `Date`."""
    amz_date = _single(values, "x-amz-date")
    if amz_date is not None:
        return amz_date.strip(), _epoch(amz_date.strip())
    date = _single(values, "date")
    if date is None:
        raise SignatureError("malformed", "The request has neither X-Amz-Date nor Date.")
    try:
        moment = parsedate_to_datetime(date)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.strftime("%Y%m%dT%H%M%SZ"), moment.timestamp()
    except (ValueError, TypeError, OverflowError, IndexError) as error:
        raise SignatureError("malformed", "The Date header cannot be read.") from error


@lru_cache(maxsize=256)
def _epoch(stamp: str) -> float:
    if _TIMESTAMP.fullmatch(stamp) is None:
        raise SignatureError("malformed", "The date of the signature must look like 20260131T235959Z.")
    try:
        return datetime(
            int(stamp[0:4]),
            int(stamp[4:6]),
            int(stamp[6:8]),
            int(stamp[9:11]),
            int(stamp[11:13]),
            int(stamp[13:15]),
            tzinfo=UTC,
        ).timestamp()
    except ValueError as error:
        raise SignatureError("malformed", "The date of the signature is not a date.") from error


def _scope(credential: str) -> tuple[str, str, str, str]:
    parts = credential.rsplit("/", 4)
    good = (
        len(parts) == 5
        and parts[4] == "aws4_request"
        and re.fullmatch(r"[0-9]{8}", parts[1]) is not None
        and _REGION.fullmatch(parts[2]) is not None
        and _SERVICE.fullmatch(parts[3]) is not None
        and _ACCESS_KEY.fullmatch(parts[0]) is not None
    )
    if not good:
        raise SignatureError("malformed", "The credential must be KEY/YYYYMMDD/REGION/SERVICE/aws4_request.")
    return parts[0], parts[1], parts[2], parts[3]


def _signed_headers(text: str, values: Mapping[str, list[str]]) -> tuple[str, ...]:
    names = tuple(text.split(";"))
    well_formed = len(names) <= 128 and all(map(_HEADER_NAME.fullmatch, names))
    if not well_formed or list(names) != sorted(set(names)):
        raise SignatureError("malformed", "SignedHeaders must be lower case, sorted, each name once.")
    if "host" not in names:
        raise SignatureError("unsigned-header", "'Host' must be a 'SignedHeader' in the AWS Authorization.")
    absent = [name for name in names if name not in values]
    if absent:
        raise SignatureError("mismatch", f"The signed header {absent[0][:80]!r} is not in the request.")
    for name in values:
        if name.startswith("x-amz-") and name not in names and name not in _COVERED:
            raise SignatureError(
                "unsigned-header", f"The header {name[:80]!r} is in the request and was not signed."
            )
    return names


def _hex_signature(text: str) -> str:
    if _SIGNATURE.fullmatch(text) is None:
        raise SignatureError("malformed", "A signature is 64 lower-case hexadecimal digits.")
    return text


def _single(values: Mapping[str, list[str]], name: str) -> str | None:
    found = values.get(name)
    if found is None:
        return None
    if len(found) > 1:
        raise SignatureError("malformed", f"The header {name} stands {len(found)} times.")
    return found[0]
