"""What the API reads of a request besides its token; each problem is a ProblemError."""

from __future__ import annotations

import json
import re

from starlette.requests import Request

from skerry.errors import ProtocolError
from skerry.servers.accounts.api import address
from skerry.wire.context import ClientContext

MAX_BODY = 4096
_ID = re.compile(r"[A-Za-z0-9-]{1,32}")
_APPROVAL = re.compile(r"[A-Za-z0-9_-]{16,128}")


class ProblemError(Exception):
    """An answer that is an error: HTTP status, stable code, one sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def identifier(request: Request) -> str:
    """The account id in the path."""
    found = str(request.path_params["id"])
    if not _ID.fullmatch(found):
        raise ProblemError(404, "not_found", "An account id has letters, digits and hyphens, 32 at most.")
    return found


def approval(request: Request) -> str | None:
    """The approval that allows a change, if the caller names one."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _APPROVAL.fullmatch(key):
        raise ProblemError(400, "invalid_request", "An Idempotency-Key has 16 to 128 URL-safe characters.")
    return key


async def new_email(request: Request) -> str:
    """The address in the body. Raises ProblemError; reads no more than 4 KB."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise ProblemError(413, "too_large", f"The body has at most {MAX_BODY} bytes.")
    try:
        data = json.loads(bytes(body))
    except (ValueError, RecursionError) as error:
        raise ProblemError(400, "invalid_request", "The body is not JSON.") from error
    if not isinstance(data, dict) or set(data) != {"email"}:
        raise ProblemError(400, "invalid_request", 'The body is {"email": "name@example.com"}.')
    wrong = address.problem(data["email"])
    if wrong:
        raise ProblemError(422, "invalid_email", wrong)
    return str(data["email"])


def session(request: Request) -> str:
    """The runtime session that the call belongs to; only for the recorder."""
    try:
        return ClientContext.from_headers(request.headers, now=0.0).session_id
    except ProtocolError:
        return ""
