"""What an Invoke request carries besides the function's name: the event and the client context."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from skerry.errors import ServiceError
from skerry.local.functions.invocation import MAX_PAYLOAD
from skerry.local.http.asgi import read_body
from skerry.local.ports.asgi import Receive

MAX_CLIENT_CONTEXT = 3583
"""Bytes of base64. Source: Lambda API reference, "Invoke"."""
_LARGE = 256 * 1024


async def read_event(receive: Receive) -> bytes:
    """The body. Raises ServiceError (RequestTooLargeException) past 6 MB."""
    try:
        return await read_body(receive, MAX_PAYLOAD)
    except ServiceError as error:
        raise _request_too_large(MAX_PAYLOAD) from error


async def checked_event(body: bytes, limit: int) -> bytes:
    """The event: JSON of at most `limit` bytes, `{}` for an empty body.

    Raises ServiceError (RequestTooLargeException, InvalidRequestContentException).
    """
    if len(body) > limit:
        raise _request_too_large(limit)
    if not body:
        return b"{}"
    try:
        if len(body) > _LARGE:
            await asyncio.to_thread(json.loads, body)
        else:
            json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ServiceError(
            "InvalidRequestContentException",
            400,
            "Could not parse request body into json: Could not parse payload into json.",
            members={"Type": "User"},
        ) from error
    return body


def client_context(text: str) -> dict[str, Any] | None:
    """The client context of a request: base64 of a JSON object.

    Raises ServiceError (InvalidRequestContentException).
    """
    if not text:
        return None
    try:
        data = json.loads(base64.b64decode(text, validate=True)) if len(text) <= MAX_CLIENT_CONTEXT else None
    except (binascii.Error, ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ServiceError(
            "InvalidRequestContentException",
            400,
            f"Client context must be a base64-encoded JSON object of at most {MAX_CLIENT_CONTEXT} bytes.",
            members={"Type": "User"},
        )
    return data


def session_of(context: Mapping[str, Any] | None, identity: str) -> str:
    """The runtime session that a call belongs to: as a Gateway propagates it, else of the caller's role."""
    custom = context.get("custom") if context else None
    headers = custom.get("bedrockAgentCorePropagatedHeaders") if isinstance(custom, Mapping) else None
    if isinstance(headers, Mapping):
        for name, value in headers.items():
            if str(name).lower() == "x-session-id" and isinstance(value, str):
                return value
    return identity.rpartition("/")[2] if ":assumed-role/" in identity else ""


def _request_too_large(limit: int) -> ServiceError:
    text = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
    return ServiceError("RequestTooLargeException", 413, text, members={"Type": "User"})
