"""What the gateway says to interceptors and what they answer: pure, without I/O.

Source: AWS developer guide, `gateway-interceptors-types`, version 1.0 of both payloads. Bodies are put in as
the JSON they already are.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from skerry.errors import ProtocolError
from skerry.local.gateway.invoke import value_of
from skerry.local.gateway.messages import json_object
from skerry.wire.headers import HOP_BY_HOP
from skerry.wire.jsonrpc import Envelope, encode

VERSION = "1.0"
Family = Literal["mcp", "http"]

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
_VALUE = re.compile(r"[\x20-\x7e\x80-\xff]{0,16384}")
_FRAMING = HOP_BY_HOP | {"content-length", "content-type", "content-encoding"}
"""Response headers that describe how the gateway sends a body; an interceptor cannot set them."""


class OutputError(ProtocolError):
    """What an interceptor returned is no interceptor output."""


@dataclass(frozen=True, slots=True)
class NewRequest:
    """`transformedGatewayRequest`. `headers` have lower-case names; a `body` of None was not given."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class NewResponse:
    """`transformedGatewayResponse`. What is None was not given."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """What an interceptor wants changed; nothing when both are None."""

    request: NewRequest | None = None
    response: NewResponse | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A response as the RESPONSE interceptor sees it.

    Without `status` it is a later event of a stream, whose head has been sent. Without `body` the body is
    kept from the interceptor.
    """

    body: bytes | None = field(repr=False)
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    streaming: bool = False


def mcp_request(message: Envelope, headers: Mapping[str, str] | None) -> dict[str, bytes]:
    """The members of `mcp` that tell of the request; `headers` is None when they are not passed."""
    members: dict[str, object] = {"path": "/mcp", "httpMethod": "POST"}
    if headers is not None:
        members["headers"] = dict(headers)
    raw = {"body": message.body.decode("utf-8", "replace")}
    return {
        "rawGatewayRequest": encode(raw),
        "gatewayRequest": json_object({**members, "body": message.body}),
    }


def mcp_response(seen: Seen) -> dict[str, bytes]:
    """The member of `mcp` that tells of a response."""
    members: dict[str, object] = {}
    if seen.status is not None:
        members = {"statusCode": seen.status, "headers": dict(seen.headers)}
    if seen.streaming:
        members["isStreamingResponse"] = True
    return {"gatewayResponse": json_object({**members, "body": seen.body or b"null"})}


def event(members: Mapping[str, bytes], family: Family = "mcp") -> bytes:
    """The whole input of an interceptor."""
    return json_object({"interceptorInputVersion": VERSION, family: json_object(members)})


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers as one object, lower-case names; the values of a doubled one with a comma between them."""
    found: dict[str, str] = {}
    for name, value in pairs:
        found[name.lower()] = f"{found[name.lower()]}, {value}" if name.lower() in found else value
    return found


def output(payload: bytes, family: Family = "mcp") -> Output:
    """What an interceptor answered. Raises OutputError when it is not of this form."""
    value = value_of(payload)
    if not isinstance(value, dict):
        raise OutputError("The interceptor returned no JSON object.")
    if value.get("interceptorOutputVersion") != VERSION:
        raise OutputError(f'The interceptor must return "interceptorOutputVersion": "{VERSION}".')
    inner = value.get(family)
    if not isinstance(inner, dict):
        raise OutputError(f"The interceptor returned no object '{family}'.")
    request = _object(inner, "transformedGatewayRequest")
    response = _object(inner, "transformedGatewayResponse")
    return Output(
        None if request is None else NewRequest(_headers(request), _body(request, family)),
        None
        if response is None
        else NewResponse(
            _status(response), _response_headers(response), _body(response, family), _content_type(response)
        ),
    )


def _object(value: Mapping[str, Any], member: str) -> Mapping[str, Any] | None:
    found = value.get(member)
    if found is not None and not isinstance(found, dict):
        raise OutputError(f"The interceptor's {member} must be an object.")
    return found


def _headers(value: Mapping[str, Any]) -> dict[str, str]:
    given = _object(value, "headers") or {}
    found: dict[str, str] = {}
    for name, text in given.items():
        if text is None:
            continue
        if not isinstance(text, str) or _NAME.fullmatch(name) is None or _VALUE.fullmatch(text) is None:
            raise OutputError(f"The interceptor's header {name[:80]!r} cannot be sent.")
        found[name.lower()] = text
    return found


def _response_headers(value: Mapping[str, Any]) -> dict[str, str]:
    return {name: text for name, text in _headers(value).items() if name not in _FRAMING}


def _status(value: Mapping[str, Any]) -> int | None:
    status = value.get("statusCode")
    if status is None:
        return None
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        raise OutputError("The interceptor's statusCode must be a number from 200 to 599.")
    return status


def _body(value: Mapping[str, Any], family: Family) -> bytes | None:
    """The body in bytes: a JSON object for MCP, base64 for HTTP targets."""
    body = value.get("body")
    if body is None:
        return None
    try:
        if family == "mcp" and isinstance(body, dict):
            return encode(body)
        if family == "http" and isinstance(body, str):
            return base64.b64decode(body, validate=True)
    except (ProtocolError, binascii.Error, ValueError) as problem:
        raise OutputError("The interceptor's body is no base64 or no JSON.") from problem
    wanted = "a JSON object" if family == "mcp" else "a base64 string"
    raise OutputError(f"The interceptor's body must be {wanted}.")


def _content_type(value: Mapping[str, Any]) -> str | None:
    found = value.get("contentType")
    if found is not None and (not isinstance(found, str) or _VALUE.fullmatch(found) is None):
        raise OutputError("The interceptor's contentType must be a string.")
    return found
