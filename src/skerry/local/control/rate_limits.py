"""Rate limits of a gateway. They are enforced once stored, and ACTIVE when their transition has ended.

Source: botocore service model; AWS developer guide, `gateway-rate-limits` and its pages. Texts are ours. A
batch updates the limits whose dimension keys (or id) are there already and makes the others, as the guide
and the operation say; one sentence of the model speaks of replacing the whole set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from skerry.errors import ServiceError, validation
from skerry.local.control.gateways import find_gateway, writable_gateway
from skerry.local.control.lifecycle import Kind, writable
from skerry.local.control.operation import (
    LOWER,
    Operation,
    Outcome,
    Request,
    conflict,
    fresh_id,
    page,
    within_quota,
)
from skerry.local.ports.resources import Change, Record
from skerry.local.state.records import Write

KIND: Final = "rate-limit"
ANY = "*"
METRICS: Mapping[str, tuple[str, ...]] = {
    "requests": ("second", "minute"),
    "tokens": ("minute",),
    "connections": ("second",),
}
"""The periods that each metric takes."""


def create(request: Request) -> Outcome:
    """CreateGatewayRateLimit."""
    gateway = writable_gateway(request)
    given = request.input
    existing = request.resources.below(KIND, gateway["gatewayId"])
    _check(given["dimensionKeys"], given["entries"], "entries")
    if any(old["dimensionKeys"] == given["dimensionKeys"] for old in existing):
        raise conflict("A rate limit with the same dimensionKeys already exists in this gateway.")
    if any(old["rateLimitId"] == given.get("rateLimitId") for old in existing):
        raise conflict(f"The rate limit {given['rateLimitId']} already exists in this gateway.")
    within_quota(KIND, len(existing))
    record = _record(gateway, given, request.now)
    return _outcome(record, [(record, "created")])


def get(request: Request) -> Outcome:
    """GetGatewayRateLimit."""
    return Outcome(_limit(request))


def update(request: Request) -> Outcome:
    """UpdateGatewayRateLimit: new entries; the dimension keys stay, so does a description left out."""
    old, given = _writable_limit(request), request.input
    _check(old["dimensionKeys"], given["entries"], "entries")
    record = _updated(old, given, request.now)
    return _outcome(record, [(record, "updated")])


def delete(request: Request) -> Outcome:
    """DeleteGatewayRateLimit."""
    old = _writable_limit(request)
    output = {"rateLimitId": old["rateLimitId"], "status": "DELETING"}
    return _outcome(output, [(old, "deleted")])


def list_limits(request: Request) -> Outcome:
    """ListGatewayRateLimits, oldest first."""
    limits = request.resources.below(KIND, find_gateway(request)["gatewayId"])
    items, more = page(request, limits, key="rateLimitId")
    return Outcome({"rateLimits": items, **more})


def batch_put(request: Request) -> Outcome:
    """BatchPutGatewayRateLimits: all of them or none."""
    gateway = writable_gateway(request)
    limits = {old["rateLimitId"]: old for old in request.resources.below(KIND, gateway["gatewayId"])}
    written: list[tuple[Record, str]] = []
    given = request.input["rateLimits"]
    for number, limit in enumerate(given, 1):
        where = f"rateLimits.{number}.member"
        _check(limit["dimensionKeys"], limit["entries"], f"{where}.entries")
        if any(limit["dimensionKeys"] == other["dimensionKeys"] for other in given[: number - 1]):
            raise _broken(where, "Two of the rate limits have the same dimensionKeys.")
        old = _matching(limits.values(), limit)
        if old is None:
            within_quota(KIND, len(limits))
            record, action = _record(gateway, limit, request.now), "created"
        else:
            writable(old, f"The rate limit {old['rateLimitId']}")
            record, action = _updated(old, limit, request.now), "updated"
        limits[record["rateLimitId"]] = record
        written.append((record, action))
    return _outcome({"rateLimits": [record for record, _ in written]}, written)


OPERATIONS: Mapping[str, Operation] = {
    "CreateGatewayRateLimit": create,
    "GetGatewayRateLimit": get,
    "UpdateGatewayRateLimit": update,
    "DeleteGatewayRateLimit": delete,
    "ListGatewayRateLimits": list_limits,
    "BatchPutGatewayRateLimits": batch_put,
}

KINDS: Mapping[str, Kind] = {KIND: Kind(failed={}, ready="ACTIVE")}


def _matching(existing: Any, limit: Mapping[str, Any]) -> Record | None:
    """The limit that an item of a batch updates. Raises ConflictException when id and keys disagree."""
    by_keys = next((old for old in existing if old["dimensionKeys"] == limit["dimensionKeys"]), None)
    identifier = limit.get("rateLimitId")
    if identifier is None:
        found: Record | None = by_keys
        return found
    by_id = next((old for old in existing if old["rateLimitId"] == identifier), None)
    if by_id is not None and by_id is not by_keys:
        raise conflict(f"The dimensionKeys of the rate limit {identifier} cannot change.")
    if by_keys is not None and by_id is None:
        raise conflict(f"The rate limit {by_keys['rateLimitId']} has the same dimensionKeys.")
    return by_id


def _check(keys: Sequence[str], entries: Sequence[Mapping[str, Any]], where: str) -> None:
    """What the service model does not say about dimension keys and entries."""
    if len(keys) != len(set(keys)):
        raise _broken("dimensionKeys", "A dimension key stands twice.")
    seen = set()
    for number, entry in enumerate(entries, 1):
        place = f"{where}.{number}.member"
        dimensions = entry["dimensions"]
        if set(dimensions) != set(keys):
            raise _broken(place, f"The dimensions must be exactly the dimensionKeys: {', '.join(keys)}.")
        values = tuple(dimensions[key] for key in keys)
        if ANY in values and set(values[values.index(ANY) :]) != {ANY}:
            raise _broken(place, "A '*' may be followed by '*' only, in the order of the dimensionKeys.")
        if values in seen:
            raise _broken(place, "Two entries have the same dimensions.")
        seen.add(values)
        _check_metrics(entry, place)


def _check_metrics(entry: Mapping[str, Any], where: str) -> None:
    set_ones = [metric for metric in METRICS if metric in entry]
    if not set_ones:
        raise _broken(where, f"An entry needs at least one of {', '.join(METRICS)}.")
    for metric in set_ones:
        period = entry[metric][0]["period"]
        if period not in METRICS[metric]:
            allowed = " or ".join(METRICS[metric])
            raise _broken(f"{where}.{metric}", f"{metric} take the period {allowed}, not {period}.")


def _record(gateway: Record, given: Mapping[str, Any], now: str) -> Record:
    record = {
        "rateLimitId": given.get("rateLimitId") or fresh_id(LOWER),
        "gatewayIdentifier": gateway["gatewayId"],
        "dimensionKeys": given["dimensionKeys"],
        "entries": given["entries"],
        "status": "CREATING",
        "createdAt": now,
        "updatedAt": now,
    }
    return {**record, "description": given["description"]} if "description" in given else record


def _updated(old: Record, given: Mapping[str, Any], now: str) -> Record:
    described = {"description": given["description"]} if "description" in given else {}
    return {**old, **described, "entries": given["entries"], "updatedAt": now, "status": "UPDATING"}


def _outcome(output: Record, changed: Sequence[tuple[Record, Any]]) -> Outcome:
    writes, changes = [], []
    for record, action in changed:
        key = f"{record['gatewayIdentifier']}/{record['rateLimitId']}"
        writes.append(Write(KIND, key, {**record, "status": "DELETING"} if action == "deleted" else record))
        changes.append(Change(KIND, action, key, record))
    return Outcome(output, writes, changes)


def _writable_limit(request: Request) -> Record:
    writable_gateway(request)
    return writable(_limit(request), f"The rate limit {request.input['rateLimitId']}")


def _limit(request: Request) -> Record:
    gateway_id, limit_id = find_gateway(request)["gatewayId"], request.input["rateLimitId"]
    return request.find(KIND, f"{gateway_id}/{limit_id}", f"The rate limit {limit_id} of {gateway_id}")


def _broken(where: str, message: str) -> ServiceError:
    return validation(message, (where, message))
