"""How records become the text of a row: as they are, with their secrets sealed, or sealed as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from skerry.local.sealing import Sealer

Record = Mapping[str, Any]

SECRETS: Mapping[str, str] = {"credential-provider": "clientSecret", "api-key-provider": "apiKey"}
"""Kinds of control-plane records with a secret, and the member that holds it."""
_SEALED = "sealed"


class Codec(Protocol):
    """Both directions. `load` raises ValueError or SkerryError for what `dump` did not make."""

    def dump(self, kind: str, key: str, record: Record) -> str:
        """The text of a record."""
        ...

    def load(self, kind: str, key: str, text: str) -> Record:
        """The record of a text."""
        ...

    def is_old(self, kind: str, text: str) -> bool:
        """Whether a text that loads is to be written anew: an earlier skerry left its secret open."""
        ...


class Plain:
    """JSON, for records without secrets."""

    def dump(self, kind: str, key: str, record: Record) -> str:
        """JSON."""
        del kind, key
        return json.dumps(record)

    def load(self, kind: str, key: str, text: str) -> Record:
        """From JSON."""
        del kind, key
        return dict(json.loads(text))

    def is_old(self, kind: str, text: str) -> bool:
        """Never."""
        del kind, text
        return False


class SealedSecrets:
    """JSON in which the one secret of a record is `{"sealed": …}`. A text of before, unsealed, loads too."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def dump(self, kind: str, key: str, record: Record) -> str:
        """JSON with the secret sealed for this record."""
        member = SECRETS.get(kind)
        if member is None or member not in record:
            return json.dumps(record)
        sealed = self._sealer.seal(str(record[member]), f"{kind}/{key}")
        return json.dumps({**record, member: {_SEALED: sealed}})

    def load(self, kind: str, key: str, text: str) -> Record:
        """The record with its secret. Raises SealError."""
        record = dict(json.loads(text))
        member = SECRETS.get(kind, "")
        kept = record.get(member)
        if isinstance(kept, dict):
            record[member] = self._sealer.open(str(kept.get(_SEALED)), f"{kind}/{key}")
        return record

    def is_old(self, kind: str, text: str) -> bool:
        """Whether the secret stands there unsealed."""
        return isinstance(json.loads(text).get(SECRETS.get(kind, "")), str)


class Sealed:
    """Whole records sealed, for rows whose very members are nobody's business."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def dump(self, kind: str, key: str, record: Record) -> str:
        """The record sealed for this row."""
        return self._sealer.seal(json.dumps(record), f"{kind}/{key}")

    def load(self, kind: str, key: str, text: str) -> Record:
        """The record. Raises SealError."""
        return dict(json.loads(self._sealer.open(text, f"{kind}/{key}")))

    def is_old(self, kind: str, text: str) -> bool:
        """Never."""
        del kind, text
        return False
