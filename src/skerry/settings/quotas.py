"""Quotas of an account that are rates: what a second may see. AWS's figures are in docs/parity.md."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotaSettings:
    """How much of it is allowed; 0 is any number.

    `control_writes` and `control_reads` are calls of the control plane a second (AWS: 5 and 10),
    `gateway_calls` the tool calls and lists of a gateway, and of all, a second (AWS: 200),
    `identity_calls` those of each operation of the identity data plane a second (AWS: 200),
    `gateway_connections` the requests to gateways at a time (AWS: 5000), `target_operations` the targets of
    a gateway whose status is between others at a time (AWS: 5).
    """

    control_writes: float = 0.0
    control_reads: float = 0.0
    gateway_calls: float = 0.0
    gateway_connections: int = 0
    target_operations: int = 0
    identity_calls: float = 0.0

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Settings from SKERRY_QUOTAS_CONTROL_WRITES and so on, each named like its field.

        Raises ValueError when a number is none, negative or not finite.
        """
        given: dict[str, Any] = {}
        for item in fields(cls):
            name = f"SKERRY_QUOTAS_{item.name.upper()}"
            if text := env.get(name, ""):
                value = float(text) if isinstance(item.default, float) else int(text)
                if not 0 <= value < math.inf:
                    raise ValueError(f"{name} is {text}; it is a number of 0 or more")
                given[item.name] = value
        return cls(**given)
