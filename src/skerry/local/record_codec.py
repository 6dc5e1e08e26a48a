"""How records become the text of a row: as they are, with their secrets sealed, or sealed as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from skerry.local.sealing import Sealer

Record = Mapping[str, Any]

SECRETS: Mapping[str, tuple[str, ...]] = {
    "credential-provider": ("clientSecret", "configuration"),
    "api-key-provider": ("apiKey",),
    "runtime": ("environmentVariables",),
    "runtime-version": ("environmentVariables",),
}
"""Kinds of control-plane records with secrets, and the members that hold them."""
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
    """JSON in which secret members are `{"sealed": …}`. A text of before, unsealed, loads too."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def dump(self, kind: str, key: str, record: Record) -> str:
        """JSON with its secrets sealed, each for its place."""
        sealed = {
            member: {_SEALED: self._sealer.seal(json.dumps(record[member]), f"{kind}/{key}/{member}")}
            for member in SECRETS.get(kind, ())
            if member in record
        }
        return json.dumps({**record, **sealed})

    def load(self, kind: str, key: str, text: str) -> Record:
        """The record with its secrets. Raises SealError."""
        record = dict(json.loads(text))
        for member in SECRETS.get(kind, ()):
            if _is_sealed(record.get(member)):
                opened = self._sealer.open(str(record[member][_SEALED]), f"{kind}/{key}/{member}")
                record[member] = json.loads(opened)
        return record

    def is_old(self, kind: str, text: str) -> bool:
        """Whether a secret stands there unsealed."""
        if kind not in SECRETS:
            return False
        record = json.loads(text)
        return any(member in record and not _is_sealed(record[member]) for member in SECRETS[kind])


def _is_sealed(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {_SEALED}


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
