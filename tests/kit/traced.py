"""A trace that a caller sends, and boto3 clients that send it."""

from __future__ import annotations

from typing import Any

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SENT = {"traceparent": f"00-{TRACE}-{CALLER}-01"}


def sending(client: Any, headers: dict[str, str]) -> Any:
    """The client, whose requests get these headers after they are signed."""

    def add(request: Any, **_: Any) -> None:
        for name, value in headers.items():
            request.headers[name] = value

    client.meta.events.register("before-send", add)
    return client
