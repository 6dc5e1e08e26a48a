"""How records become the text of a row: as they are, with their secrets sealed, or sealed as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from skerry.local.state.sealing import Sealer

Record = Mapping[str, Any]

SECRETS: Mapping[str, tuple[str, ...]] = {
    "credential-provider": ("clientSecret", "configuration"),
    "api-key-provider": ("apiKey",),
    "runtime": ("environmentVariables",),
    "runtime-version": ("environmentVariables",),
}
"""Kinds of control-plane records with secrets, and the members that hold them."""
_MEMBER = "sealedSecrets"


class Codec(Protocol):
    """Both directions. `load` raises ValueError or SkerryError for what `dump` did not make.

    `earlier` tells that the text is from the file of an earlier skerry, and may be as that one wrote it.
    """

    def dump(self, kind: str, key: str, record: Record) -> str:
        """The text of a record."""
        ...

    def load(self, kind: str, key: str, text: str, *, earlier: bool = False) -> Record:
        """The record of a text."""
        ...


class Plain:
    """JSON, for records without secrets."""

    def dump(self, kind: str, key: str, record: Record) -> str:
        """JSON."""
        del kind, key
        return json.dumps(record)

    def load(self, kind: str, key: str, text: str, *, earlier: bool = False) -> Record:
        """From JSON."""
        del kind, key, earlier
        return dict(json.loads(text))


class SealedSecrets:
    """JSON whose secret members are sealed together, for the place and for all other members of the record.

    So a secret opens only beside what it was sealed with: who writes the file without the key cannot send it
    elsewhere. An earlier skerry sealed each member by itself, as `{"sealed": …}`, or left it open.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def dump(self, kind: str, key: str, record: Record) -> str:
        """JSON with its secrets sealed."""
        secrets = {name: record[name] for name in SECRETS.get(kind, ()) if name in record}
        if not secrets:
            return json.dumps(record)
        shown = {name: value for name, value in record.items() if name not in secrets}
        sealed = self._sealer.seal(json.dumps(secrets), _purpose(kind, key, shown))
        return json.dumps({**shown, _MEMBER: sealed})

    def load(self, kind: str, key: str, text: str, *, earlier: bool = False) -> Record:
        """The record with its secrets. Raises SealError."""
        record = dict(json.loads(text))
        if kind not in SECRETS:
            return record
        if _MEMBER not in record and (earlier or record.keys().isdisjoint(SECRETS[kind])):
            return self._of_an_earlier(kind, key, record)
        sealed = str(record.pop(_MEMBER, ""))
        return {**record, **json.loads(self._sealer.open(sealed, _purpose(kind, key, record)))}

    def _of_an_earlier(self, kind: str, key: str, record: dict[str, Any]) -> Record:
        for member in SECRETS[kind]:
            value = record.get(member)
            if isinstance(value, dict) and value.keys() == {"sealed"}:
                opened = self._sealer.open(str(value["sealed"]), f"{kind}/{key}/{member}")
                record[member] = json.loads(opened)
        return record


def _purpose(kind: str, key: str, shown: Record) -> str:
    """What a record's secrets are sealed for: its place and its other members, as JSON has them."""
    return json.dumps([kind, key, json.loads(json.dumps(shown))], sort_keys=True)


class Sealed:
    """Whole records sealed, for rows whose very members are nobody's business."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def dump(self, kind: str, key: str, record: Record) -> str:
        """The record sealed for this row."""
        return self._sealer.seal(json.dumps(record), f"{kind}/{key}")

    def load(self, kind: str, key: str, text: str, *, earlier: bool = False) -> Record:
        """The record. Raises SealError."""
        del earlier
        return dict(json.loads(self._sealer.open(text, f"{kind}/{key}")))
