"""An OAuth authorization server on a real socket that does what a test wants, and a browser for it.

    with authorization_server() as server:
        ...                               # server.issuer, server.discovery_url
        server.forms[-1]                  # what the last token request had
        server.behaviour = "garbage"      # from now on

It checks what a server has to (client, redirect URI, PKCE, codes and refresh tokens once), signs nobody in
(whoever comes is the person `server.person`), and can be told to answer wrongly. It is no part of skerry: what
holds against it holds against RFC 6749, 7636, 8414, 8693 and 9207 as written here.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import httpx2

from tests.kit.asgi_thread import body_of, serve

CLIENT, SECRET = "the-client", "the client's very-secret-value + / %"


@dataclass
class AuthorizationServer:
    """The server. `forms` are token requests, `asked` authorization requests, both with lists of values.

    `behaviour`: "" is right; for the token endpoint "garbage", "500", "huge", "mac", "deep", "echo" (an error
    that repeats the secret) and "refuse"; for the answer to the browser "deny", "other-iss", "no-iss" and
    "no-code". Token requests wait for `gate` where there is one.
    """

    issuer: str = ""
    sends_iss: bool = True
    methods: tuple[str, ...] = ("client_secret_basic",)
    lifetime: int | None = 3600
    refreshes: bool = True
    person: str = "ann"
    behaviour: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    redirects: set[str] = field(default_factory=set)
    bad_refresh: bool = False
    gate: threading.Event | None = None
    _codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    _refresh: dict[str, str] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    @property
    def discovery_url(self) -> str:
        return f"{self.issuer}/.well-known/openid-configuration"

    def document(self) -> dict[str, Any]:
        """The metadata (RFC 8414)."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "token_endpoint_auth_methods_supported": list(self.methods),
            "authorization_response_iss_parameter_supported": self.sends_iss,
            **self.metadata,
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
        body = await body_of(receive)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        if scope["path"].endswith("/.well-known/openid-configuration"):
            self.fetched.append(scope["path"])
            await _answer(send, 200, json.dumps(self.document()).encode())
        elif scope["path"] == "/authorize":
            await self._authorize(query, send)
        elif scope["path"] == "/token":
            await self._token(parse_qs(body.decode(), keep_blank_values=True), headers, send)
        else:
            await _answer(send, 404, b"{}")

    async def _authorize(self, query: dict[str, list[str]], send: Any) -> None:
        self.asked.append(query)
        one = {name: values[0] for name, values in query.items()}
        if one["client_id"] != CLIENT or (self.redirects and one["redirect_uri"] not in self.redirects):
            await _answer(send, 400, b"unknown client or redirect_uri")
            return
        assert one["response_type"] == "code"
        assert one["code_challenge_method"] == "S256"
        code = f"code-{next(self._numbers)}"
        self._codes[code] = {**one, "person": self.person}
        given = {"code": code, "state": one["state"]}
        if self.sends_iss:
            given["iss"] = self.issuer
        if self.behaviour == "deny":
            given = {"error": "access_denied", "state": one["state"], "iss": self.issuer}
        elif self.behaviour == "other-iss":
            given["iss"] = "https://other.example"
        elif self.behaviour == "no-iss":
            del given["iss"]
        elif self.behaviour == "no-code":
            del given["code"]
        location = f"{one['redirect_uri']}?{urlencode(given)}"
        await _answer(send, 302, b"", [(b"location", location.encode())])

    async def _token(self, form: dict[str, list[str]], headers: dict[str, str], send: Any) -> None:
        self.forms.append(form)
        if self.gate is not None:
            await asyncio.to_thread(self.gate.wait, 20)
        wrong = {
            "garbage": (200, b"<html>" + b"\xff" * 40),
            "500": (500, b'{"error": "server_error"}'),
            "huge": (200, b'{"access_token": "' + b"x" * 100_000),
            "mac": (200, b'{"access_token": "a", "token_type": "mac"}'),
            "deep": (200, b"[" * 50_000),
            "echo": (401, json.dumps({"error": SECRET, "error_description": SECRET}).encode()),
            "refuse": (400, b'{"error": "invalid_scope"}'),
        }.get(self.behaviour)
        if wrong is not None:
            await _answer(send, *wrong)
            return
        one = {name: values[0] for name, values in form.items()}
        error = self._refusal(one, headers)
        if error:
            await _answer(
                send, 401 if error == "invalid_client" else 400, json.dumps({"error": error}).encode()
            )
            return
        number = next(self._numbers)
        answer: dict[str, Any] = {"access_token": f"access-{number}-very-secret", "token_type": "Bearer"}
        if self.lifetime is not None:
            answer["expires_in"] = self.lifetime
        if one["grant_type"] in ("authorization_code", "refresh_token") and self.refreshes:
            answer["refresh_token"] = f"refresh-{number}-very-secret"
            self._refresh[answer["refresh_token"]] = "ann"
        await _answer(send, 200, json.dumps(answer).encode())

    def _refusal(self, form: dict[str, str], headers: dict[str, str]) -> str:
        grant = form["grant_type"]
        if not self._client(form, headers) and not (
            "none" in self.methods and "client_id" not in form and "authorization" not in headers
        ):
            return "invalid_client"
        if grant == "authorization_code":
            kept = self._codes.pop(form["code"], None)
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            wanted = (kept["code_challenge"], kept["redirect_uri"]) if kept else None
            return "" if wanted == (challenge, form["redirect_uri"]) else "invalid_grant"
        if grant == "refresh_token":
            return (
                ""
                if self._refresh.pop(form["refresh_token"], None) and not self.bad_refresh
                else "invalid_grant"
            )
        return ""

    def _client(self, form: dict[str, str], headers: dict[str, str]) -> bool:
        if "private_key_jwt" in self.methods:  # whose signature the test looks at
            return "client_assertion" in form and "authorization" not in headers
        if "client_secret_post" in self.methods and "client_secret" in form:
            return (form["client_id"], form["client_secret"]) == (CLIENT, SECRET)
        if "client_secret_basic" not in self.methods or not headers.get("authorization", "").startswith(
            "Basic "
        ):
            return False
        name, _, secret = base64.b64decode(headers["authorization"][6:]).decode().partition(":")
        return (unquote_plus(name), unquote_plus(secret)) == (CLIENT, SECRET)


async def _answer(send: Any, status: int, body: bytes, headers: Any = ()) -> None:
    own = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def authorization_server(**options: Any) -> Iterator[AuthorizationServer]:
    """A running server."""
    server = AuthorizationServer(**options)
    with serve(server, lifespan="off") as url:
        server.issuer = url
        yield server


class Browser:
    """A person's browser as HTTP: it keeps cookies and follows redirects until they leave loopback servers.

    `visited` are the addresses, `returned` the one at which the application would take over, with its query.
    """

    def __init__(self) -> None:
        self.http = httpx2.Client(trust_env=False, timeout=30)
        self.visited: list[str] = []
        self.status = 0
        self.page = ""

    def get(self, url: str) -> httpx2.Response:
        """One request; a redirect is not followed."""
        self.visited.append(url)
        answer = self.http.get(url, follow_redirects=False)
        self.status, self.page = answer.status_code, answer.text
        return answer

    def consent(self, url: str, *, until: str = "https://") -> dict[str, str]:
        """Opens a link, follows it as far as `until`, and gives the query that the application gets."""
        for _ in range(10):
            answer = self.get(url)
            if answer.status_code != 302:
                return {}
            url = answer.headers["location"]
            if url.startswith(until):
                self.visited.append(url)
                return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        raise AssertionError("too many redirects")

    def close(self) -> None:
        self.http.close()
