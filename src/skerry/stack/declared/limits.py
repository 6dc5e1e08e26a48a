"""`rate_limits` of a gateway: entries with the same dimensions make one rate limit of AWS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.stack.control import Control
from skerry.stack.declared.gateways import Gateway, RateLimit

OURS = "declared in skerry.toml"
"""The description of rate limits that belong to the declaration; others were made by hand and stay."""

Wanted = Mapping[tuple[str, ...], list[dict[str, Any]]]


def grouped(limits: tuple[RateLimit, ...]) -> Wanted:
    """Entries of CreateGatewayRateLimit by their dimension keys, those that are often `*` last.

    AWS takes a `*` only where none but `*` follow, in the order of the keys.
    """
    wanted: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for limit in limits:
        entry: dict[str, Any] = {"dimensions": dict(limit.dimensions)}
        for name, rate in (("requests", limit.requests), ("connections", limit.connections)):
            if rate is not None:
                entry[name] = [{"rate": rate[0], "period": rate[1]}]
        wanted.setdefault(tuple(sorted(limit.dimensions)), []).append(entry)
    return {_order(entries): entries for entries in wanted.values()}


def _order(entries: list[dict[str, Any]]) -> tuple[str, ...]:
    """The dimension keys of entries that have the same ones."""
    dimensions = [entry["dimensions"] for entry in entries]
    return tuple(sorted(dimensions[0], key=lambda key: (sum(one[key] == "*" for one in dimensions), key)))


def bring(control: Control, gateway: Gateway, gateway_id: str) -> None:
    """Brings the rate limits of a gateway to what is declared. Raises botocore's ClientError."""
    where = {"gatewayIdentifier": gateway_id}
    listed = control.listed("list_gateway_rate_limits", "rateLimits", **where)
    wanted = dict(grouped(gateway.rate_limits))
    for found in listed:
        if found.get("description") != OURS:
            continue
        one = {**where, "rateLimitId": found["rateLimitId"]}
        control.settled("get_gateway_rate_limit", found, one)
        entries = wanted.pop(tuple(found["dimensionKeys"]), None)
        if entries is None:
            control.client.delete_gateway_rate_limit(**one)
        else:
            control.client.update_gateway_rate_limit(**one, description=OURS, entries=entries)
    for keys, entries in wanted.items():
        control.client.create_gateway_rate_limit(
            **where, description=OURS, dimensionKeys=list(keys), entries=entries
        )
