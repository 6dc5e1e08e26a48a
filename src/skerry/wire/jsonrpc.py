"""JSON-RPC 2.0 envelopes as MCP uses them: parsed once, ids kept byte for byte.

Source: JSON-RPC 2.0 specification; MCP base protocol (ids are strings or integers, never null in a request;
no batches since 2025-06-18). Who only carries a message keeps `body` and looks at the envelope alone.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NoReturn

from skerry.errors import ProtocolError

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

MAX_BODY = 100_000_000
"""Bytes of a message: the payload limit of InvokeAgentRuntime. A gateway passes its own, smaller one."""
MAX_DEPTH = 128
MAX_ID = 1024
MAX_METHOD = 256

Id = str | int | bytes | None
"""An id: a value, or `bytes` that already are JSON, such as `Envelope.raw_id`."""

_MEMBERS = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})
_QUOTED = tuple(f'"{name}"'.encode() for name in sorted(_MEMBERS))
_SPACE = re.compile(r"[ \t\n\r]*")
_ID = re.compile(r'"id"[ \t\n\r]*:[ \t\n\r]*(-?\d++(?![.eE])|"(?:[^"\\]|\\.)*+")')
# Possessive, and content with an open end: linear whatever the input is.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_ONE_KIND = bytes.maketrans(b"[]", b"{}")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class RpcError(ProtocolError):
    """A message that is no valid JSON-RPC; `rpc_code` and `raw_id` are what the answer should carry."""

    def __init__(self, rpc_code: int, message: str, *, raw_id: bytes = b"null") -> None:
        super().__init__(message)
        self.rpc_code = rpc_code
        self.raw_id = raw_id

    def answer(self) -> bytes:
        """The JSON-RPC error message to send back."""
        return error(self.raw_id, self.rpc_code, self.message)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message. `raw_id` is the exact JSON of the id, empty for a notification.

    `params` is the object of a request or notification (empty when there is none), `result` and `error` are
    the members of a response; `body` is the message as it came.
    """

    kind: Literal["request", "notification", "response"]
    method: str
    id: str | int | None
    raw_id: bytes
    params: dict[str, Any] = field(repr=False)
    result: Any = field(repr=False)
    error: dict[str, Any] | None = field(repr=False)
    body: bytes = field(repr=False)
    _id_span: tuple[int, int] = field(repr=False, default=(0, 0))

    def with_id(self, new_id: Id) -> bytes:
        """The message with another id, every other byte kept; ProtocolError for a notification."""
        if not self.raw_id:
            raise ProtocolError("A notification has no id to replace.")
        start, end = self._id_span
        if self.body.isascii():
            return b"".join((self.body[:start], encode_id(new_id), self.body[end:]))
        text = self.body.decode("utf-8")
        return b"".join((text[:start].encode("utf-8"), encode_id(new_id), text[end:].encode("utf-8")))

    def under(self, other: Envelope) -> Envelope:
        """The same message under the id of another one; ProtocolError for a notification."""
        start = self._id_span[0]
        return replace(
            self,
            id=other.id,
            raw_id=other.raw_id,
            body=self.with_id(other.raw_id),
            _id_span=(start, start + len(other.raw_id.decode("utf-8"))),
        )


def parse(body: bytes, *, max_size: int = MAX_BODY, max_depth: int = MAX_DEPTH) -> Envelope:
    """The envelope of one message.

    Raises RpcError, a ProtocolError with the JSON-RPC code to answer: malformed JSON, a batch, a doubled
    member, nesting deeper than `max_depth`, more than `max_size` bytes, or members that do not make a
    message.
    """
    if len(body) > max_size:
        raise RpcError(INVALID_REQUEST, f"The message has {len(body)} bytes; {max_size} are allowed.")
    if depth_exceeds(body, max_depth):
        raise RpcError(PARSE_ERROR, f"The message is nested deeper than {max_depth} levels.")
    members, spans, text = _members(body)
    start, end = spans.get("id", (0, 0))
    raw_id = text[start:end].encode("utf-8")
    identifier = _id(members, raw_id)
    answerable = raw_id if identifier is not None else b"null"
    kind = _kind(members, identifier, answerable)
    return Envelope(
        kind=kind,
        method=_method(members, answerable),
        id=identifier,
        raw_id=raw_id,
        params=_object(members, "params", answerable) or {},
        result=members.get("result"),
        error=_object(members, "error", answerable),
        body=body,
        _id_span=(start, end),
    )


def request(identifier: Id, method: str, params: object = None) -> bytes:
    """A request; `params` is left out when None."""
    return _message(b'"id":' + encode_id(identifier), method, params)


def notification(method: str, params: object = None) -> bytes:
    """A notification; `params` is left out when None."""
    return _message(b"", method, params)


def response(identifier: Id, result: object) -> bytes:
    """A response; `result` of type bytes is put in as the JSON it is."""
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (encode_id(identifier), encode(result))


def error(identifier: Id, code: int, message: str, data: object = None) -> bytes:
    """An error response; `data` is left out when None."""
    tail = b"" if data is None else b',"data":' + encode(data)
    return b'{"jsonrpc":"2.0","id":%b,"error":{"code":%d,"message":%b%b}}' % (
        encode_id(identifier),
        code,
        encode(message),
        tail,
    )


def encode(value: object) -> bytes:
    """Compact JSON in UTF-8; bytes are JSON already. Raises ProtocolError for what JSON cannot carry."""
    if isinstance(value, bytes):
        return value
    try:
        try:
            return _ENCODER.encode(value).encode("utf-8")
        except UnicodeEncodeError:  # a lone surrogate: only its escaped form can be sent
            return _ASCII_ENCODER.encode(value).encode("ascii")
    except (ValueError, TypeError, RecursionError) as failure:
        raise ProtocolError("A value cannot be written as JSON.") from failure


def encode_id(identifier: Id) -> bytes:
    """The JSON of an id; bytes are taken as they are."""
    return identifier if isinstance(identifier, bytes) else encode(identifier)


def _message(id_member: bytes, method: str, params: object) -> bytes:
    parts = [b'"jsonrpc":"2.0"', id_member, b'"method":' + encode(method)]
    if params is not None:
        parts.append(b'"params":' + encode(params))
    return b"{%b}" % b",".join(part for part in parts if part)


def depth_exceeds(body: bytes, limit: int) -> bool:
    """Whether brackets outside strings nest deeper than `limit`.

    Without recursion and in C's speed: all brackets are made one kind, and each pass removes the innermost
    level.
    """
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    brackets = _STRING.sub(b"", body).translate(_ONE_KIND, _NOT_BRACKETS)
    for _ in range(limit):
        if not brackets:
            return False
        brackets = brackets.replace(b"{}", b"")
    return bool(brackets)


def _constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


_DECODER = json.JSONDecoder(parse_constant=_constant)
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_ASCII_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def _members(body: bytes) -> tuple[dict[str, Any], dict[str, tuple[int, int]], str]:
    """The members of the outer object, where the id (or every value) stands, and the decoded text."""
    try:
        text = body.decode("utf-8")
        quick = _at_once(body, text)
        if quick is not None:
            return (*quick, text)
        members, spans, end = _walk(text)
        if _skip(text, end) != len(text):
            raise RpcError(PARSE_ERROR, "Something follows the JSON-RPC message.")
    except (ValueError, RecursionError, StopIteration, IndexError) as failure:
        raise RpcError(PARSE_ERROR, "The message is not valid JSON in UTF-8.") from failure
    return members, spans, text


def _at_once(body: bytes, text: str) -> tuple[dict[str, Any], dict[str, tuple[int, int]]] | None:
    r"""The members in C's speed, for a body in which no member can stand twice; None when one could.

    Each name stands in it at most once, and no `\u` could spell it in another way, so that the one `"id"`
    is the member's name when there is such a member.
    """
    if body[:1] != b"{" or b"\\u" in body or any(body.count(name) > 1 for name in _QUOTED):
        return None
    members = _DECODER.decode(text)
    if not isinstance(members, dict):
        return None
    if "id" not in members:
        return members, {}
    match = _ID.search(text)
    return None if match is None else (members, {"id": match.span(1)})


def _walk(text: str) -> tuple[dict[str, Any], dict[str, tuple[int, int]], int]:
    at = _skip(text, 0)
    if text[at] == "[":
        raise RpcError(INVALID_REQUEST, "Batches are not accepted; send one message per request.")
    if text[at] != "{":
        raise RpcError(INVALID_REQUEST, "A JSON-RPC message is a JSON object.")
    members: dict[str, Any] = {}
    spans: dict[str, tuple[int, int]] = {}
    at = _skip(text, at + 1)
    if text[at] == "}":
        return members, spans, at + 1
    while True:
        if text[at] != '"':
            raise ValueError("a member name must be a string")
        name, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] != ":":
            raise ValueError("a colon must follow a member name")
        start = _skip(text, at + 1)
        value, end = _DECODER.raw_decode(text, start)
        if name in _MEMBERS:
            if name in members:
                raise RpcError(INVALID_REQUEST, f"The member {name!r} stands twice in the message.")
            members[name], spans[name] = value, (start, end)
        at = _skip(text, end)
        if text[at] == "}":
            return members, spans, at + 1
        if text[at] != ",":
            raise ValueError("a comma must divide members")
        at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _id(members: dict[str, Any], raw_id: bytes) -> str | int | None:
    value = members.get("id")
    if value is None and "method" not in members:
        return None
    if "id" in members and (not isinstance(value, (str, int)) or isinstance(value, bool)):
        raise RpcError(INVALID_REQUEST, "The id must be a string or an integer.")
    if len(raw_id) > MAX_ID:
        raise RpcError(INVALID_REQUEST, f"The id takes {len(raw_id)} bytes; {MAX_ID} are allowed.")
    return value


def _kind(
    members: dict[str, Any], identifier: str | int | None, raw_id: bytes
) -> Literal["request", "notification", "response"]:
    if members.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, "The member jsonrpc must be the string 2.0.", raw_id=raw_id)
    outcomes = [name for name in ("result", "error") if name in members]
    if "method" in members:
        if outcomes:
            raise RpcError(
                INVALID_REQUEST, "A message has either a method or a result, not both.", raw_id=raw_id
            )
        return "notification" if "id" not in members else "request"
    if len(outcomes) != 1 or "id" not in members or (identifier is None and outcomes != ["error"]):
        raise RpcError(
            INVALID_REQUEST, "A message needs a method, or an id with a result or an error.", raw_id=raw_id
        )
    return "response"


def _method(members: dict[str, Any], raw_id: bytes) -> str:
    value = members.get("method", "")
    if not isinstance(value, str) or ("method" in members and not 0 < len(value) <= MAX_METHOD):
        raise RpcError(
            INVALID_REQUEST, f"The method must be a string of 1 to {MAX_METHOD} characters.", raw_id=raw_id
        )
    if not value.isprintable():
        raise RpcError(INVALID_REQUEST, "The method holds characters that cannot be printed.", raw_id=raw_id)
    return value


def _object(members: dict[str, Any], name: str, raw_id: bytes) -> dict[str, Any] | None:
    value = members.get(name)
    if name in members and not isinstance(value, dict):
        code = INVALID_PARAMS if name == "params" else INVALID_REQUEST
        raise RpcError(code, f"The member {name} must be an object.", raw_id=raw_id)
    return value
