"""The client context: who asks from where, carried from the chat to an MCP server.

It travels as the member `client_context` of an invocation payload and as the headers `X-Session-ID` and
`X-Client-*` of the MCP calls that follow. These headers stay outside the signature; a reader may use them for
display and for keeping state apart, never for authorization.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skerry.errors import ProtocolError
from skerry.wire.headers import MAX_VALUE, decode_value, encode_value

SESSION_ID = "X-Session-ID"
REGION = "X-Client-Region"
AGENT = "X-Client-Agent"
TIMESTAMP = "X-Client-Timestamp"
PREFERENCES = "X-Client-Preferences"
HEADER_NAMES = (SESSION_ID, REGION, AGENT, TIMESTAMP, PREFERENCES)

UNKNOWN = "unknown"
MAX_TEXT = {"session_id": 256, "region": 64, "agent_name": 256}
MAX_PREFERENCES = MAX_VALUE
"""Bytes of the preferences as one header value: a gateway passes no more than 4 KB."""
MAX_DEPTH = 8

_LATEST = 253_402_300_799.0  # the last second of the year 9999
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ClientContext:
    """Who asks from where. `timestamp` is seconds since the epoch; `user_preferences` is a JSON object.

    Every instance is fit for headers: a value that is too long, of a wrong type, or that holds control
    characters raises ProtocolError at construction.
    """

    session_id: str = ""
    region: str = UNKNOWN
    agent_name: str = UNKNOWN
    timestamp: float = 0.0
    user_preferences: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, limit in MAX_TEXT.items():
            _check_text(name, getattr(self, name), limit)
        _check_time(self.timestamp)
        object.__setattr__(self, "timestamp", float(self.timestamp))
        _preferences_text(self.user_preferences)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any], *, now: float, session_id: str = "") -> ClientContext:
        """The context in an invocation payload.

        Missing and null members get defaults: `session_id` from the argument, region and agent name
        `unknown`, the time `now`, no preferences. Raises ProtocolError when a member is there and unusable.
        """
        given = payload.get("client_context")
        if given is None:
            given = {}
        if not isinstance(given, Mapping):
            raise ProtocolError("client_context must be a JSON object.")
        defaults: dict[str, Any] = {
            "session_id": session_id,
            "region": UNKNOWN,
            "agent_name": UNKNOWN,
            "timestamp": now,
            "user_preferences": {},
        }
        return cls(**{k: default if given.get(k) is None else given[k] for k, default in defaults.items()})

    @classmethod
    def from_headers(cls, headers: Mapping[str, str], *, now: float) -> ClientContext:
        """The context in the headers of an MCP call; names are compared without regard to case.

        Missing headers get the defaults of `from_payload`. Raises ProtocolError when one is there and
        unusable.
        """
        values = {name.lower(): value for name, value in headers.items()}
        return cls(
            session_id=_header_text(values, SESSION_ID, ""),
            region=_header_text(values, REGION, UNKNOWN),
            agent_name=_header_text(values, AGENT, UNKNOWN),
            timestamp=_header_time(values.get(TIMESTAMP.lower()), now),
            user_preferences=_header_preferences(values.get(PREFERENCES.lower())),
        )

    def to_payload(self) -> dict[str, Any]:
        """The value of the payload member `client_context`."""
        return {
            "session_id": self.session_id,
            "region": self.region,
            "agent_name": self.agent_name,
            "timestamp": self.timestamp,
            "user_preferences": dict(self.user_preferences),
        }

    def to_headers(self) -> dict[str, str]:
        """The five headers, in printable ASCII; an unknown session leaves `X-Session-ID` out."""
        result = {SESSION_ID: encode_value(self.session_id)} if self.session_id else {}
        result[REGION] = encode_value(self.region)
        result[AGENT] = encode_value(self.agent_name)
        result[TIMESTAMP] = repr(self.timestamp)
        result[PREFERENCES] = _preferences_text(self.user_preferences)
        return result


def _check_text(name: str, value: object, limit: int) -> None:
    if not isinstance(value, str):
        raise ProtocolError(f"client_context.{name} must be a string.")
    if len(value) > limit:
        raise ProtocolError(f"client_context.{name} has {len(value)} characters; {limit} are allowed.")
    if _CONTROL.search(value):
        raise ProtocolError(f"client_context.{name} holds control characters.")


def _check_time(value: object) -> None:
    right_type = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not right_type or not 0 <= value <= _LATEST:  # type: ignore[operator]  # NaN compares false and is refused
        raise ProtocolError("client_context.timestamp must be seconds since the epoch, as a number.")


def _preferences_text(value: object) -> str:
    """The preferences as compact JSON in printable ASCII, after checking type, depth and size."""
    if not isinstance(value, Mapping):
        raise ProtocolError("client_context.user_preferences must be a JSON object.")
    _check_json(value)
    try:
        text = json.dumps(dict(value), separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError) as error:
        raise ProtocolError(
            "client_context.user_preferences holds something that JSON cannot carry."
        ) from error
    if len(text) > MAX_PREFERENCES:
        raise ProtocolError(
            f"client_context.user_preferences takes {len(text)} bytes; {MAX_PREFERENCES} are allowed.",
            hint="Keep large settings at the server and send their name.",
        )
    return text


def _check_json(root: object) -> None:
    """Refuses what would not come back equal from JSON, without recursion."""
    stack: list[tuple[object, int]] = [(root, 1)]
    seen = 0
    while stack:
        node, depth = stack.pop()
        seen += 1
        if depth > MAX_DEPTH or seen > MAX_PREFERENCES:
            raise ProtocolError(
                f"client_context.user_preferences is too large or nested deeper than {MAX_DEPTH}."
            )
        if isinstance(node, dict) or (isinstance(node, Mapping) and node is root):
            if not all(isinstance(key, str) for key in node):
                raise ProtocolError(
                    "client_context.user_preferences has a member whose name is not a string."
                )
            stack.extend((child, depth + 1) for child in node.values())
        elif isinstance(node, list):
            stack.extend((child, depth + 1) for child in node)
        elif isinstance(node, float) and not math.isfinite(node):
            raise ProtocolError("client_context.user_preferences holds a number that is not finite.")
        elif not (node is None or isinstance(node, (str, int, float))):
            raise ProtocolError("client_context.user_preferences holds something that JSON cannot carry.")


def _header_text(values: Mapping[str, str], name: str, default: str) -> str:
    value = values.get(name.lower())
    if value is None:
        return default
    text = decode_value(value)
    if text is None:
        raise ProtocolError(f"The header {name} is marked as base64 and is damaged.")
    return text


def _header_time(value: str | None, now: float) -> float:
    if value is None:
        return now
    if _NUMBER.fullmatch(value) is None:
        raise ProtocolError(f"The header {TIMESTAMP} must be seconds since the epoch.")
    return float(value)


def _header_preferences(value: str | None) -> dict[str, Any]:
    if value is None:
        return {}
    if len(value) > MAX_PREFERENCES:
        raise ProtocolError(
            f"The header {PREFERENCES} has {len(value)} bytes; {MAX_PREFERENCES} are allowed."
        )
    try:
        data = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"The header {PREFERENCES} is not JSON.") from error
    if not isinstance(data, dict):
        raise ProtocolError(f"The header {PREFERENCES} must be a JSON object.")
    return data
