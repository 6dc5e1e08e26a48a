"""What becomes of the call itself, at a server that takes the token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skerry.auth.kept import Kept
from skerry.proxy.upstream import Target
from skerry.settings import SignInSettings
from skerry.stack.doctor.road import Road
from tests.kit.asgi_thread import body_of, serve


class Server:
    """Wants a bearer token, and answers whoever has one with 200 and `body`."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._body = json.dumps(body).encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        proven = any(name == b"authorization" for name, _ in scope["headers"])
        headers = [(b"content-type", b"application/json"), (b"www-authenticate", b"Bearer")]
        await send(
            {
                "type": "http.response.start",
                "status": 200 if proven else 401,
                "headers": headers[: 2 - proven],
            }
        )
        await send({"type": "http.response.body", "body": self._body if proven else b"{}"})


@pytest.mark.behaviour("CLI-DOCTOR")
@pytest.mark.parametrize(
    ("body", "level", "says"),
    [
        ({"result": {}}, "ok", "HTTP 200"),
        ({"error": {"code": -32601, "message": "no ping"}}, "ok", "HTTP 200"),
        ({"error": {"code": -32010, "message": "no database"}}, "bad", "no database"),
    ],
)
async def test_a_runtime_that_cannot_run_its_program_says_so_with_200(
    tmp_path: Path, body: dict[str, Any], level: str, says: str
):
    road = Road(tmp_path, "a token", SignInSettings(tokens=tmp_path), Kept(tmp_path, use_keyring=False))
    with serve(Server(body), lifespan="off") as url:
        target = Target(kind="mcp", url=f"{url}/mcp", region="us-east-1", sign=False)
        *_, call = [finding async for finding in road.walked(target)]
    assert (call.about, call.level) == ("call", level)
    assert says in call.message
