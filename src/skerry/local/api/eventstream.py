"""`application/vnd.amazon.eventstream`: the framing of AWS's streamed answers, encoding only.

One message on the wire, all numbers big-endian:

    total length (4) · headers length (4) · CRC32 of these 8 bytes (4)
    headers: name length (1) · name · type 7, a string (1) · value length (2) · value
    payload · CRC32 of everything before (4)

Source: Smithy, "Amazon Event Stream Specification".
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any
from zlib import crc32

from skerry.errors import ProtocolError

CONTENT_TYPE = "application/vnd.amazon.eventstream"
MAX_HEADERS = 128 * 1024
MAX_PAYLOAD = 24 * 1024 * 1024

_STRING = 7
_PRELUDE = struct.Struct("!II")
_CRC = struct.Struct("!I")
_OVERHEAD = 16


def encode(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message. Raises ProtocolError when a name, a value or a part is longer than the format allows."""
    block = b"".join(_header(name, value) for name, value in headers.items())
    if len(block) > MAX_HEADERS:
        raise ProtocolError(f"The headers of an event are {len(block)} bytes; {MAX_HEADERS} is the limit.")
    if len(payload) > MAX_PAYLOAD:
        raise ProtocolError(f"The payload of an event is {len(payload)} bytes; {MAX_PAYLOAD} is the limit.")
    prelude = _PRELUDE.pack(_OVERHEAD + len(block) + len(payload), len(block))
    message = b"".join((prelude, _CRC.pack(crc32(prelude)), block, payload))
    return message + _CRC.pack(crc32(message))


def event(name: str, members: Mapping[str, Any]) -> bytes:
    """The event `name` (such as `contentBlockDelta`) with its members as JSON."""
    return _message("event", "event", name, members)


def exception(name: str, message: str) -> bytes:
    """An error inside the stream; `name` is the stream's member, such as `throttlingException`."""
    return _message("exception", "exception", name, {"message": message})


def _message(kind: str, label: str, name: str, members: Mapping[str, Any]) -> bytes:
    headers = {
        f":{label}-type": name,
        ":content-type": "application/json",
        ":message-type": kind,
    }
    return encode(headers, json.dumps(members, separators=(",", ":")).encode())


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    if not 0 < len(key) < 256:
        raise ProtocolError("The name of an event header has 1 to 255 bytes.")
    if len(text) > 32767:
        raise ProtocolError(f"The value of the event header {name} has more than 32767 bytes.")
    return struct.pack(f"!B{len(key)}sBH{len(text)}s", len(key), key, _STRING, len(text), text)
