"""The URLs at which functions put the answers of custom resources: unsigned, as AWS's presigned ones are.

Whoever knows the token in the path may answer, once.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from skerry.errors import ServiceError
from skerry.local.api.rest_json import Reply
from skerry.local.aws.cloudformation.acting import RESPONSE_LIMIT, RESPONSES
from skerry.local.http.asgi import read_body, send_reply
from skerry.local.ports.asgi import Receive, Scope, Send

_PATH = re.compile(re.escape(RESPONSES.encode()) + rb"([A-Za-z0-9_-]{43})")


class CustomResponses:
    """Takes answers to whom `arrived` tells: whether somebody awaits one; None is one that is too long."""

    def __init__(self, arrived: Callable[[str, bytes | None], Awaitable[bool]]) -> None:
        self._arrived = arrived

    def token(self, scope: Scope, claimed: str) -> str:
        """The token of a request that brings an answer, "" for all others; signed ones are S3's."""
        found = _PATH.fullmatch(scope["raw_path"]) if scope["method"] == "PUT" and not claimed else None
        return found[1].decode("ascii") if found else ""

    async def take(self, token: str, receive: Receive, send: Send) -> None:
        """Answers 200, 413 for more than `RESPONSE_LIMIT` bytes, and 403 when nobody awaits it (any more).

        Raises ServiceError (503) and ClientGoneError.
        """
        body: bytes | None = None
        try:
            body = await read_body(receive, RESPONSE_LIMIT)
        except ServiceError as error:
            if error.status != 413:
                raise
        awaited = await self._arrived(token, body)
        await send_reply(send, Reply(403 if not awaited else 413 if body is None else 200, [], b""))
