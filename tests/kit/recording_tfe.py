"""A Terraform API that answers with one workspace and remembers what it was sent, or fails as it is told to."""

from __future__ import annotations

import json
from typing import Any

WORKSPACE = {
    "id": "ws-fake",
    "type": "workspaces",
    "attributes": {"name": "sandbox", "locked": False, "resource-count": 0},
    "relationships": {"organization": {"data": {"id": "acme", "type": "organizations"}}},
}


class RecordingTfe:
    """An ASGI application. `bodies` are (method, body), `headers` those of each call.

    `failures` is a list of (status, headers, body) that are given before any good answer.
    """

    def __init__(self) -> None:
        self.bodies: list[tuple[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.failures: list[tuple[int, dict[str, str], bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
        self.bodies.append((scope["method"], json.loads(body) if body else None))
        status, headers, content = 200, {}, json.dumps({"data": WORKSPACE}).encode()
        if self.failures:
            status, headers, content = self.failures.pop(0)
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        sent.append((b"content-type", b"application/vnd.api+json"))
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": content})
