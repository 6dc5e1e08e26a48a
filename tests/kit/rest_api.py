"""A REST API on loopback that notes what it is asked and answers what it is told.

with rest_api() as api:
    api.answers["/users/7"] = (200, {"id": 7})
    ...
    assert api.seen[-1].path == "/users/7"
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.kit.asgi_thread import body_of, serve


@dataclass(frozen=True)
class Seen:
    """One request: the path as it was escaped, the raw query, headers with lower-case names."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class RestApi:
    """The ASGI application. `answers` maps raw paths to (status, content, headers…); bytes stay as they are."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answers: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["raw_path"].decode("ascii")
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        body = await body_of(receive)
        self.seen.append(Seen(scope["method"], path, scope["query_string"].decode(), headers, body))
        status, content, *more = self.answers.get(path, (200, {"path": path}))
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        head = [(b"content-type", b"application/json"), *more]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": raw})


@contextlib.contextmanager
def rest_api() -> Iterator[RestApi]:
    """A running API."""
    api = RestApi()
    with serve(api, lifespan="off") as url:
        api.url = url
        yield api


def openapi(url: str, paths: dict[str, Any], **members: Any) -> str:
    """The text of an OpenAPI document with these paths."""
    document = {
        "openapi": "3.1.0",
        "info": {"title": "API", "version": "1"},
        "servers": [{"url": url}],
        "paths": paths,
        **members,
    }
    return json.dumps(document)
