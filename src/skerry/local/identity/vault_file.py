"""What the vault remembers over a restart: rows of SQLite, each sealed as a whole, all of them in memory.

Keys of rows are digests: even they say nothing of people or providers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skerry.local.state.record_codec import Sealed
from skerry.local.state.records import RecordStore, Write
from skerry.local.state.sealing import Sealer

Record = Mapping[str, Any]
LIMITS: Mapping[str, int] = {"token": 10_000, "consent": 1_000, "issuer": 2, "federation": 1}
"""Rows of a kind; when there are more the oldest go."""


class VaultFile:
    """The rows. `start` first, `close` last; reads are from memory."""

    def __init__(self, path: Path, sealer: Sealer) -> None:
        self._store = RecordStore(path, Sealed(sealer), owned=True)
        self._rows: dict[str, dict[str, Record]] = {}

    async def start(self) -> None:
        """Reads the file. Raises StateError."""
        self._rows = (await self._store.open()).records

    async def close(self) -> None:
        """Closes the file."""
        await self._store.close()

    def get(self, kind: str, key: str) -> Record | None:
        """One row."""
        return self._rows.get(kind, {}).get(key)

    def items(self, kind: str) -> list[tuple[str, Record]]:
        """All rows of a kind, oldest first."""
        return list(self._rows.get(kind, {}).items())

    async def put(self, kind: str, key: str, record: Record | None) -> None:
        """Stores a row, or removes it; from now on `get` says so. Raises StateError."""
        rows = self._rows.setdefault(kind, {})
        if record is None:
            rows.pop(key, None)
        else:
            rows[key] = record
        writes = [Write(kind, key, record)]
        while len(rows) > LIMITS[kind]:
            oldest = next(iter(rows))
            del rows[oldest]
            writes.append(Write(kind, oldest, None))
        await self._store.commit(writes, None, forget_before=0.0)


def digest(*parts: object) -> str:
    """What stands for `parts` where they must not be read."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
