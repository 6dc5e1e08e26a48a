"""How a client signs a request with AWS Signature Version 4. Checking one is `sigv4`'s.

Apart from it, because a proxy that only signs starts faster without the parsers of the other side.
Source: AWS IAM user guide, "Create a signed AWS API request".
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import urlsplit

from skerry.auth.aws import canonical
from skerry.errors import SignatureError

_SIGNED_ALWAYS = frozenset({"host", "content-type", "accept"})
_SIGNED_PREFIXES = ("mcp-", "x-amz-", "x-amzn-")
_NEVER_SIGNED = frozenset({"x-amzn-trace-id", "x-amz-security-token", "x-amz-date"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key. `repr` shows the id only."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


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
    target, host = _target(url, service in canonical.S3)
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
    head = f"{method.upper()}\n{target}\n".encode()
    whole = head + canonical.header_lines(signed, values) + digest.encode()
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = f"{canonical.ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(whole).hexdigest()}".encode()
    key = canonical.signing_key(credentials.secret_access_key, stamp[:8], region, service)
    added["Authorization"] = (
        f"{canonical.ALGORITHM} Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={';'.join(signed)}, Signature={hmac.digest(key, text, 'sha256').hex()}"
    )
    return added


def _to_sign(headers: Mapping[str, str]) -> dict[str, str]:
    result = {}
    for given, value in headers.items():
        name = given.lower()
        if name in _SIGNED_ALWAYS or (name.startswith(_SIGNED_PREFIXES) and name not in _NEVER_SIGNED):
            result[name] = value
    return result


@lru_cache(maxsize=256)  # a proxy signs the same few URLs again and again
def _target(url: str, is_s3: bool) -> tuple[str, str]:
    """Canonical path and query, a line each, and the value of the Host header that clients send for `url`."""
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
    path = canonical.path(parts.path.encode("utf-8", "replace") or b"/", normalise=not is_s3)
    query = canonical.query(canonical.query_pairs(parts.query.encode("utf-8", "replace")))
    return f"{path}\n{query}", host
