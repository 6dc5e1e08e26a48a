"""Which function a realm calls before it makes tokens, and where functions are called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Version = Literal["V1_0", "V2_0", "V3_0"]
VERSIONS: tuple[Version, ...] = ("V1_0", "V2_0", "V3_0")
Locked = Literal["drop", "apply"]
LOCKED: tuple[Locked, ...] = ("drop", "apply")

LONGEST_TIMEOUT = 30
"""Seconds; the service itself waits 5, which cannot be changed there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Where Lambda's API is, and a key for it; of the stack, or of AWS."""

    endpoint: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """The function of a realm. `timeout` is in seconds.

    `V1_0` changes ID tokens, `V2_0` access tokens of people too, `V3_0` those of machines too.
    `locked_claims` says what becomes of a claim that cannot be changed: AWS documents that it cannot
    (`drop`); a public recipe reports that it can (`apply`), which is here to see what follows from it.
    """

    function: str
    version: Version = "V1_0"
    timeout: int = 5
    locked_claims: Locked = "drop"
    cloud: Cloud | None = None
