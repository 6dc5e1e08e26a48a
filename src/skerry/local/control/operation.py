"""What an operation of the control plane is: a function from a request to its outcome.

Operations are pure but for the ids they draw: they read records, decide, and return the writes; the
plane validates before and commits after, one operation at a time.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skerry.errors import ServiceError, not_found
from skerry.local.api.rest_json import cannot_parse
from skerry.local.ports.resources import Change, PolicyFindings, Record
from skerry.local.state.records import Write
from skerry.local.state.resources import Place, Resources

ALNUM = string.ascii_letters + string.digits
LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits

QUOTAS: Mapping[str, int] = {
    "runtime": 1000,
    "runtime-version": 1000,
    "runtime-endpoint": 10,
    "gateway": 1000,
    "target": 100,
    "rate-limit": 50,
    "gateway-rule": 20,
    "credential-provider": 50,
    "policy-engine": 1000,
    "policy": 1000,
    "api-key-provider": 50,
    "workload-identity": 11_000,
}
"""AWS's default quotas: versions and endpoints per runtime; targets, rate limits and rules per gateway;
policies per policy engine; the rest per account."""


@dataclass(frozen=True, slots=True)
class Request:
    """A validated call. `now` is ISO 8601; `policy_findings` is what the gateways say of its statement."""

    input: Mapping[str, Any]
    resources: Resources
    now: str
    policy_findings: PolicyFindings | None = None

    @property
    def place(self) -> Place:
        """Region, account and endpoint of the stack."""
        return self.resources.place

    def find(self, kind: str, key: str, shown: str) -> Record:
        """The record. Raises ResourceNotFoundException (404) that names `shown`."""
        record = self.resources.get(kind, key)
        if record is None:
            raise not_found(f"{shown} was not found.")
        return record


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operation answers, stores and announces."""

    output: Record
    writes: Sequence[Write] = ()
    changes: Sequence[Change] = ()


Operation = Callable[[Request], Outcome]


def fresh_id(alphabet: str) -> str:
    """Ten random characters, the tail of AWS's ids."""
    return "".join(secrets.choice(alphabet) for _ in range(10))


def conflict(message: str) -> ServiceError:
    """A ConflictException (409)."""
    return ServiceError("ConflictException", 409, message)


def not_emulated(what: str) -> ServiceError:
    """The answer to what AWS has and skerry does not: 501, which boto3 does not retry."""
    return ServiceError("UnknownOperationException", 501, f"{what} is not emulated by skerry yet.")


def within_quota(kind: str, existing: int) -> None:
    """Raises ServiceQuotaExceededException (402) when one more would be too many."""
    if existing >= QUOTAS[kind]:
        raise ServiceError(
            "ServiceQuotaExceededException",
            402,
            f"The quota of {QUOTAS[kind]} {kind.replace('-', ' ')}s is used up.",
        )


def tags_write(arn: str, tags: Mapping[str, str] | None) -> list[Write]:
    """The write that gives a new resource its tags."""
    return [Write("tags", arn, dict(tags))] if tags else []


def page(
    request: Request, items: Sequence[Record], *, key: str, default_size: int = 100
) -> tuple[list[Record], dict[str, str]]:
    """One page of `items` and `{"nextToken": …}` when there are more.

    The token holds the `key` member of the last item, so that items made or removed meanwhile neither
    repeat nor hide others; when that item itself is gone, its old position counts.
    """
    start = 0
    token = request.input.get("nextToken")
    if token is not None:
        position, last = _read_token(token)
        found = next((number for number, item in enumerate(items) if item[key] == last), None)
        start = position if found is None else found + 1
    size = request.input.get("maxResults", default_size)
    chosen = list(items[start : start + size])
    end = start + len(chosen)
    if not chosen or end >= len(items):
        return chosen, {}
    raw = json.dumps([end, chosen[-1][key]]).encode()
    return chosen, {"nextToken": base64.urlsafe_b64encode(raw).decode("ascii")}


def _read_token(token: str) -> tuple[int, str]:
    try:
        position, last = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise cannot_parse("The nextToken is not one that this operation gave out.") from error
    if not isinstance(position, int) or not isinstance(last, str) or position < 0:
        raise cannot_parse("The nextToken is not one that this operation gave out.")
    return position, last
