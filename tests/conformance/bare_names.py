"""What the suite needs in front of a gateway: tools and prompts by their bare names.

The suite calls fixtures by fixed names; a gateway shows them with the name of their target before it. This relay puts
`TARGET___` before the names of calls, in body and header, and takes it from those of lists.
"""

from __future__ import annotations

import json
from typing import Any

from skerry.wire.headers import decode_value, encode_value
from tests.conformance.relay import Pairs, Relay

NAMED = frozenset({"tools/call", "prompts/get"})
LISTED = ("tools", "prompts")


class BareNames(Relay):
    """Stands in front of the gateway at `url`, whose one target has this name."""

    def __init__(self, url: str, target: str) -> None:
        super().__init__(url)
        self._prefix = f"{target}___"

    def asked(self, body: bytes, headers: Pairs) -> tuple[bytes, Pairs]:
        """A request with the name that the gateway knows; what is no call stays as it is."""
        message = _object(body)
        params = message.get("params")
        if message.get("method") not in NAMED or not isinstance(params, dict):
            return body, headers
        if isinstance(name := params.get("name"), str):
            params["name"] = self._prefix + name
        return json.dumps(message).encode(), [self._header(name, value) for name, value in headers]

    def answered(self, body: bytes) -> bytes:
        """An answer with bare names in its lists."""
        message = _object(body)
        result = message.get("result")
        lists = [result[kind] for kind in LISTED if kind in result] if isinstance(result, dict) else []
        for items in lists:
            for item in items:
                item["name"] = item["name"].removeprefix(self._prefix)
        return json.dumps(message).encode() if lists else body

    def _header(self, name: bytes, value: bytes) -> tuple[bytes, bytes]:
        if name != b"mcp-name":
            return name, value
        decoded = decode_value(value.decode("latin-1"))
        return name, encode_value(self._prefix + decoded).encode() if decoded is not None else value


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
