"""A backend that writes down every request it gets: proves what a server sends on, and what it does not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Recorded:
    """One request: method, path, headers by lower-case name, body."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def everything(self) -> str:
        """All of it as text, to search for what must not be there."""
        return "\n".join([self.method, self.path, *map(": ".join, self.headers.items()), self.body.decode()])


@dataclass
class RecordingApi:
    """An ASGI application with the shapes of the accounts API.

    `statuses` are answered first, one per request, with an error body; then every request succeeds.
    """

    requests: list[Recorded] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.requests.append(Recorded(scope["method"], scope["path"], headers, body))
        status = self.statuses.pop(0) if self.statuses else 200
        answer = {"error": "recorded", "message": f"The fake says {status}."} if status != 200 else ANSWER
        start = {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", b"application/json")],
        }
        await send(start)
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


ANSWER = {
    "email": "user@example.com",
    "previous": "user@example.com",
    "changed": True,
    "tenant": "acme",
    "activity": [{"month": "2026-01", "payments": 3}],
}
