"""A FakeIssuer on a real socket, for servers that fetch metadata and keys by themselves.

with served_issuer() as issuer:
    issuer.mint()
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.kit.asgi_thread import serve
from tests.kit.clock import WallClock
from tests.kit.issuer import FakeIssuer


@contextmanager
def served_issuer() -> Iterator[FakeIssuer]:
    """An issuer whose documents are there as long as the block lasts; it mints what a test wants."""
    known: dict[str, bytes] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        del receive
        body = known.get(scope["path"])
        await send({"type": "http.response.start", "status": 404 if body is None else 200, "headers": []})
        await send({"type": "http.response.body", "body": body or b""})

    with serve(app, lifespan="off") as url:
        made = FakeIssuer(WallClock(), f"{url}/desk")
        known.update({place.removeprefix(url): body for place, body in made.documents.items()})
        yield made
