"""Where the text of a schema comes from: the target's configuration, or an object in S3.

Source: AgentCore Gateway quotas: 1 MB inline, 10 MB in S3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from skerry.local.gateway.schemas.problem import SchemaError

INLINE_MAX = 1_000_000
OBJECT_MAX = 10_000_000
_PREFIX = "s3://"


class FetchObject(Protocol):
    """Reads an object of S3."""

    async def __call__(self, bucket: str, key: str, version: str, *, limit: int) -> bytes:
        """Its content; version "" is the newest. Raises SkerryError, also for more than `limit` bytes."""
        ...


class SchemaSource:
    """Reads the schemas of targets. `account` owns every bucket of the stack."""

    def __init__(self, fetch: FetchObject, *, account: str) -> None:
        self._fetch = fetch
        self._account = account

    async def text(self, schema: Mapping[str, Any]) -> str:
        """The text of a schema that has the members `inlinePayload` or `s3`. Raises SkerryError."""
        inline = schema.get("inlinePayload")
        if inline is not None:
            return inline_text(inline)
        given = schema.get("s3") or {}
        bucket, key = location(given)
        owner = given.get("bucketOwnerAccountId", self._account)
        if owner != self._account:
            raise SchemaError(
                f"s3://{bucket}/{key} is not owned by the account {owner}.",
                hint=f"The buckets of this stack belong to {self._account}.",
            )
        content = await self._fetch(bucket, key, "", limit=OBJECT_MAX)
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as problem:
            raise SchemaError(f"s3://{bucket}/{key} is not UTF-8 text.") from problem


def inline_text(inline: object) -> str:
    """An inline schema, if it is text of a size that AWS takes. Raises SchemaError."""
    if not isinstance(inline, str):
        raise SchemaError("inlinePayload must be text.")
    check_size(len(inline.encode("utf-8", "replace")))
    return inline


def check_size(size: int) -> None:
    """Raises SchemaError for an inline schema of more bytes than AWS takes."""
    if size > INLINE_MAX:
        raise SchemaError(
            f"The inline schema has {size} bytes; {INLINE_MAX} are allowed.",
            hint=f"Put it into S3, where {OBJECT_MAX} are.",
        )


def location(given: Mapping[str, Any]) -> tuple[str, str]:
    """Bucket and key of `s3.uri`. Raises SchemaError."""
    uri = str(given.get("uri", ""))
    bucket, _, key = uri.removeprefix(_PREFIX).partition("/")
    if not uri.startswith(_PREFIX) or not bucket or not key:
        raise SchemaError(f"{uri[:200]!r} is no location in S3.", hint="The form is s3://BUCKET/KEY.")
    return bucket, key
