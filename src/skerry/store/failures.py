"""What botocore raised, as a StoreError that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.store.records import StoreError

SAID: Mapping[str, tuple[str, str]] = {
    "ResourceNotFoundException": ("does not exist", "Make it with: skerry store create"),
    "AccessDeniedException": ("is denied", "Grant the actions that docs/store.md lists."),
    "ProvisionedThroughputExceededException": ("is throttled", "Wait a moment and repeat."),
    "ThrottlingException": ("is throttled", "Wait a moment and repeat."),
    "ExpiredTokenException": ("was asked with an expired login", "Log in again."),
    "UnrecognizedClientException": ("was asked with unknown credentials", "Check them and the region."),
    "ResourceInUseException": ("is being changed", "Wait until it is ACTIVE and repeat."),
}


def table_error(table: str, error: Exception) -> StoreError:
    """The failure of a call about a table. `error` is one of botocore's."""
    response: Any = getattr(error, "response", None)
    if not isinstance(response, Mapping):
        return StoreError(
            f"the table {table} cannot be reached: {type(error).__name__}.",
            hint="Check the credentials, the region and the network.",
        )
    code = response.get("Error", {}).get("Code", "")
    said, hint = SAID.get(code, ("refused the call", "See the service's documentation of this code."))
    return StoreError(f"the table {table} {said} ({code}).", hint=hint)
