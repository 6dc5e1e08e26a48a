"""Answers in the shape of Lambda."""

from __future__ import annotations

import base64
import json
import secrets

from skerry.errors import ServiceError
from skerry.local.api.rest_json import Reply
from skerry.local.functions.invocation import TAIL, Invocation

# Lambda writes the text of these errors as "Message", of all others as "message".
_CAPITAL = frozenset({"ResourceNotFoundException", "ServiceException"})


def error_reply(error: ServiceError) -> Reply:
    """The answer to a failed request, in the shape of Lambda."""
    label = "Message" if error.name in _CAPITAL else "message"
    body = json.dumps({**error.members, label: str(error)}).encode()
    headers = [
        *request_id_header(),
        (b"content-type", b"application/json"),
        (b"x-amzn-errortype", error.name.encode("ascii")),
    ]
    return Reply(error.status, headers, body)


def not_found(message: str) -> ServiceError:
    """A ResourceNotFoundException (404)."""
    return ServiceError("ResourceNotFoundException", 404, message, members={"Type": "User"})


def request_id_header(request_id: str = "") -> list[tuple[bytes, bytes]]:
    """The header with the id of a request; a new one without `request_id`."""
    return [(b"x-amzn-requestid", (request_id or secrets.token_hex(16)).encode())]


def log_tail(invocation: Invocation) -> bytes:
    """The last 4 KB of the log, in base64."""
    return base64.b64encode("\n".join([*invocation.log, ""]).encode()[-TAIL:])
