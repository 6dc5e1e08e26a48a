"""Access tokens that the vault keeps: those that a person consented to over a restart, others in memory.

A token is kept for a workload identity, a provider as it is configured at present, a person, scopes,
resources and audiences: no other ask can reach it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from skerry.local.identity.grants import Grant
from skerry.local.identity.vault_file import VaultFile
from skerry.local.ports.running import Clock

AHEAD = 30.0
"""Seconds before its end at which a token is replaced."""
MAX_MACHINE_TOKENS = 1024
_ROW = "token"


@dataclass(frozen=True, slots=True)
class KeptToken:
    """A token with its end in seconds since the epoch, None for one without a known end."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    until: float | None
    provider_arn: str

    @classmethod
    def of(cls, grant: Grant, provider_arn: str, now: float) -> KeptToken:
        """What a token endpoint gave at `now`."""
        until = now + grant.lifetime if grant.lifetime else None
        return cls(grant.access_token, grant.refresh_token, until, provider_arn)


class KeptTokens:
    """Kept tokens by key. People's are rows of the vault's file."""

    def __init__(self, file: VaultFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._machine: OrderedDict[str, KeptToken] = OrderedDict()

    def good(self, token: KeptToken | None, *, ahead: float = AHEAD) -> bool:
        """Whether a token holds, and will for `ahead` seconds more."""
        until = math.inf if token is None or token.until is None else token.until
        return token is not None and self._clock.time() < until - ahead

    def machine(self, key: str) -> KeptToken | None:
        """A good token that nobody had to consent to."""
        found = self._machine.get(key)
        if not self.good(found):
            return None
        self._machine.move_to_end(key)
        return found

    def keep_machine(self, key: str, token: KeptToken) -> None:
        """Keeps one, if its end is known and not near."""
        if token.until is not None and self.good(token):
            self._machine[key] = token
            while len(self._machine) > MAX_MACHINE_TOKENS:
                self._machine.popitem(last=False)

    def person(self, key: str) -> KeptToken | None:
        """A token that a person consented to, good or not."""
        row = self._file.get(_ROW, key)
        return None if row is None else _read(row)

    async def keep_person(self, key: str, token: KeptToken | None) -> None:
        """Keeps one, or drops it. Raises StateError."""
        await self._file.put(_ROW, key, None if token is None else asdict(token))

    def of_provider(self, arn: str) -> list[str]:
        """The keys of people's tokens of a provider; those of machines are dropped at once."""
        for key in [key for key, token in self._machine.items() if token.provider_arn == arn]:
            del self._machine[key]
        return [key for key, row in self._file.items(_ROW) if row["provider_arn"] == arn]

    def drop_machine(self, key: str, access_token: str) -> bool:
        """Drops one that a resource refused; whether it was there."""
        found = self._machine.get(key)
        if found is None or found.access_token != access_token:
            return False
        del self._machine[key]
        return True


def _read(row: Mapping[str, Any]) -> KeptToken:
    return KeptToken(row["access_token"], row["refresh_token"], row["until"], row["provider_arn"])
