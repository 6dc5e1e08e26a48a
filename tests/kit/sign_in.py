"""An identity provider with a sign-in page, on a real socket: authorization code with PKCE, JWT access tokens.

    with sign_in() as provider:
        provider.token("ann")                          # ann's own access token
        Browser("ann").open(provider's authorize URL)  # signs ann in at once

Whoever the browser's cookie `person` names is signed in. A deliberately small one: `skerry.idp` is the real one.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode

from tests.kit.asgi_thread import body_of, serve
from tests.kit.clock import WallClock
from tests.kit.issuer import FakeIssuer, rsa_key

CLIENT = "connect"


class SignIn:
    """The provider. `changes` are put into the redirects, as an attacker would; None removes a parameter.

    `id_token` are claims in place of its own. `opaque` access tokens are no JWT.
    """

    def __init__(self, url: str) -> None:
        self.issuer = FakeIssuer(WallClock(), f"{url}/desk")
        self.url = url
        self.changes: dict[str, str | None] = {}
        self.id_token: dict[str, Any] = {}
        self.opaque = False
        self.asked: list[dict[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}
        self.issuer.publish_raw(
            {"keys": [rsa_key("one").as_dict(private=False)]},
            authorization_endpoint=f"{url}/desk/authorize",
            token_endpoint=f"{url}/desk/token",
            authorization_response_iss_parameter_supported=True,
        )

    @property
    def discovery_url(self) -> str:
        return self.issuer.discovery_url

    def token(self, person: str, **changes: Any) -> str:
        """An access token of somebody."""
        return self.issuer.mint(self.issuer.claims(sub=person, **changes))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        document = self.issuer.documents.get(self.url + path)
        if document is not None:
            await _answer(send, 200, document)
        elif path == "/desk/authorize":
            await self._authorize(scope, send)
        elif path == "/desk/token":
            await self._redeem(scope, await body_of(receive), send)
        else:
            await _answer(send, 404, b"{}")

    async def _authorize(self, scope: Any, send: Any) -> None:
        asked = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        self.asked.append(asked)
        cookie = SimpleCookie(dict(scope["headers"]).get(b"cookie", b"").decode())
        code = secrets.token_urlsafe(12)
        self._codes[code] = asked | {"person": cookie["person"].value}
        answer: dict[str, str | None] = {"code": code, "state": asked["state"], "iss": self.issuer.issuer}
        back = {name: value for name, value in (answer | self.changes).items() if value is not None}
        location = f"{asked['redirect_uri']}?{urlencode(back)}"
        await _answer(send, 302, b"", [(b"location", location.encode())])

    async def _redeem(self, scope: Any, body: bytes, send: Any) -> None:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        basic = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Basic ")
        if basic:  # a confidential client; its secret is not looked at
            form["client_id"] = base64.b64decode(basic).decode().partition(":")[0]
        asked = self._codes.pop(form.get("code", ""), {})
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        same = all(form.get(name) == asked.get(name) for name in ("client_id", "redirect_uri"))
        if not asked or not same or asked["code_challenge"] != challenge or asked["client_id"] != CLIENT:
            await _answer(send, 400, b'{"error": "invalid_grant"}')
            return
        now = time.time()
        claims = {
            "iss": self.issuer.issuer,
            "sub": asked["person"],
            "aud": CLIENT,
            "nonce": asked.get("nonce"),
        }
        identity = claims | {"iat": now, "exp": now + 300} | self.id_token
        granted = {
            "access_token": "opaque" if self.opaque else self.token(asked["person"]),
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": self.issuer.mint(identity, header={"typ": "JWT"}),
        }
        await _answer(send, 200, json.dumps(granted).encode())


async def _answer(send: Any, status: int, body: bytes, headers: Any = ()) -> None:
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def sign_in() -> Iterator[SignIn]:
    """The provider, running."""
    made: list[SignIn] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await made[0](scope, receive, send)

    with serve(app, lifespan="off") as url:
        made.append(SignIn(url))
        yield made[0]
