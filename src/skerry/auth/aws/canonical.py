"""The canonical spelling of a request for Signature Version 4, and the key that signs it.

Source: AWS IAM user guide, "Create a signed AWS API request".
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote_from_bytes, unquote_to_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
S3 = frozenset({"s3", "s3express", "s3-object-lambda", "s3-outposts"})
"""Services whose paths are encoded once and not normalised, and whose payload may stay unsigned."""

_BLANKS = re.compile(r"[ \t\r\n\f\v]+")


def path(raw: bytes, *, normalise: bool) -> str:
    """The path with every byte but unreserved ones and `/` percent-encoded.

    Other services encode what was sent, which is encoded once already (`%3A` becomes `%253A`), after
    removing dot segments and doubled slashes; s3 does neither.
    """
    if not normalise:
        return quote_from_bytes(unquote_to_bytes(raw), safe="/-_.~") or "/"
    if b"//" in raw or b"/." in raw or not raw.startswith(b"/"):
        kept: list[bytes] = []
        for part in raw.split(b"/"):
            if part == b"..":
                del kept[-1:]
            elif part not in {b"", b"."}:
                kept.append(part)
        tail = b"/" if kept and raw.endswith(b"/") else b""
        raw = b"/" + b"/".join(kept) + tail
    return quote_from_bytes(raw, safe="/-_.~")


def query_pairs(raw: bytes) -> list[tuple[str, str]]:
    """Name and value of each parameter, decoded once and encoded once; `+` is a space, as in a form."""
    pairs = []
    for part in raw.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            pairs.append((_encoded(name), _encoded(value)))
    return pairs


def _encoded(raw: bytes) -> str:
    return quote_from_bytes(unquote_to_bytes(raw.replace(b"+", b" ")), safe="-_.~")


def query(pairs: Sequence[tuple[str, str]]) -> str:
    """The query string: sorted by encoded name, then by encoded value."""
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def header_lines(signed: Sequence[str], values: Mapping[str, Sequence[str]]) -> bytes:
    """One line for each signed header, an empty line, and the line of their names.

    The values of one header are trimmed, their inner blanks made one, and joined with a comma.
    """
    lines = [f"{name}:{','.join(map(_trimmed, values[name]))}\n" for name in signed]
    return f"{''.join(lines)}\n{';'.join(signed)}\n".encode("utf-8", "surrogatepass")


@lru_cache(maxsize=1024)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = b"AWS4" + secret.encode("utf-8", "replace")
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode("utf-8", "replace"), "sha256")
    return key


def _trimmed(value: str) -> str:
    if "  " not in value and value.isprintable():  # no run of blanks and no blank but the space itself
        return value.strip(" ")
    return _BLANKS.sub(" ", value).strip(" ")
