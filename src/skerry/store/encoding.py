"""Content as text and back: JSON, in which bytes are `{"$bytes": base64}`.

An object of one member whose name begins with `$` gets one `$` more, so that nothing that a message holds
is taken for bytes. Every string comes back as it was, control characters and lone surrogates included.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

from skerry.store.records import ContentError, Draft, Message, StoreError

MAX_DEPTH = 100
_BYTES = "$bytes"
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def dump(value: Any) -> str:
    """A value as text. Raises ContentError for what is neither JSON nor bytes."""
    plain = _plain(value, 0)
    try:
        text = _ENCODER.encode(plain)
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which no database takes as it is
        return json.dumps(plain, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise ContentError(f"content cannot be kept: {error}.") from error
    return text


def load(text: str) -> Any:
    """The value that `dump` made into text. Raises StoreError when it did not."""
    try:
        return json.loads(text, object_hook=_restored)
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError(
            f"the store holds something that it did not write: {type(error).__name__}."
        ) from error


def dump_message(draft: Draft) -> str:
    """What a message says and what is known beside it, as one text."""
    return dump({"content": draft.content, "metadata": draft.metadata})


def message(number: int, role: str, created: float, body: str) -> Message:
    """The message whose text `dump_message` made. Raises StoreError when it did not."""
    said = load(body)
    return Message(
        number=number, role=role, content=said["content"], created=created, metadata=said["metadata"]
    )


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, str | int | float) or value is None:
        return value
    if depth > MAX_DEPTH:
        raise ContentError(f"content is nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, dict | Mapping):
        plain = {}
        for name, item in value.items():
            if not isinstance(name, str):
                raise ContentError(f"content cannot be kept: {type(name).__name__} is no name of a member.")
            plain[name] = item if isinstance(item, str) else _plain(item, depth + 1)
        if len(plain) == 1 and name.startswith("$"):
            return {f"${name}": plain[name]}
        return plain
    if isinstance(value, bytes | bytearray | memoryview):
        return {_BYTES: binascii.b2a_base64(value, newline=False).decode()}
    if isinstance(value, Sequence):
        return [_plain(item, depth + 1) for item in value]
    raise ContentError(f"content cannot be kept: {type(value).__name__} is neither JSON nor bytes.")


def _restored(members: dict[str, Any]) -> Any:
    if len(members) == 1:
        [(name, item)] = members.items()
        if name == _BYTES:
            return base64.b64decode(item, validate=True)
        if name.startswith("$$"):
            return {name[1:]: item}
    return members
