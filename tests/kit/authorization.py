"""A protected MCP server and its authorization server on one loopback socket, which may be evil.

    with authorization() as server:
        person = Visitor()
        ...server.url, server.issuer, open_browser=person.open...

It plays both the resource (RFC 9728, RFC 6750, MCP 2025-11-25) and the authorization server (RFC 8414, 7591, 7636,
8628, 8707, 9207, refresh with rotation) over real HTTP, and is strict where clients should be careful: redirect
URIs are compared with their port, verifiers are checked, a refresh token that was used ends its family. Every
switch of `Authorization` makes it wrong in one way. It stands in for no product.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.kit.asgi_thread import serve

RESOURCE_METADATA = "/.well-known/oauth-protected-resource/mcp"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token as it was given. `family` are all that came of one sign-in."""

    client_id: str
    scopes: frozenset[str]
    resource: str
    family: str
    issuer: str


@dataclass
class Authorization:
    """The state and the switches; a test reads what was asked and changes how it is answered.

    `iss` is "right", "none", or what is sent in its place. `needs` are the scopes of a request by its method;
    `any_port` compares loopback redirects without their port (RFC 8252 §7.3).
    `always_more` wants another scope each time, `fails` is how many good requests still fail. `metadata` and `protected` change the two documents; None
    removes a member. `clients` are those that are registered by hand.
    """

    url: str = ""
    tenant: str = "/one"
    iss: str = "right"
    life: int = 3600
    needs: Callable[[str], set[str]] = field(default=lambda _method: {"mcp:use"})
    challenge_scope: bool = True
    names_metadata: bool = True
    any_port: bool = False
    always_more: bool = False
    takes_nothing: bool = False
    forgets_clients: bool = False
    redirects: bool = False
    huge: bool = False
    drips: bool = False
    fails: int = 0
    registers: bool = True
    refuses_registration: bool = False
    refreshes: bool = True
    device_answers: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    protected: dict[str, Any] = field(default_factory=dict)
    clients: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    documents: list[dict[str, Any]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    tokens: dict[str, Token] = field(default_factory=dict)
    refresh: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    more: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def mcp(self) -> str:
        return f"{self.url}/mcp"

    @property
    def issuer(self) -> str:
        return f"{self.url}{self.tenant}"

    def forms(self, name: str) -> list[dict[str, str]]:
        """What was sent to an endpoint, in order."""
        return [form for known, form in self.asked if known == name]

    # Documents -------------------------------------------------------------------------------------------

    async def described(self, _request: Request) -> Response:
        document = {
            "resource": self.mcp,
            "authorization_servers": [self.issuer],
            "scopes_supported": ["mcp:use", "mcp:read"],
        }
        return JSONResponse(without_none(document | self.protected))

    async def server_metadata(self, request: Request) -> Response:
        if f"/{request.path_params['tenant']}" != self.tenant:
            return Response(status_code=404)
        if self.redirects:
            return RedirectResponse(f"{self.url}/elsewhere{self.tenant}")
        if self.huge:
            return Response(b"[" + b" " * 100_000 + b"]", media_type="application/json")
        if self.drips:
            return StreamingResponse(dripping(), media_type="application/json")
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "registration_endpoint": f"{self.issuer}/register" if self.registers else None,
            "device_authorization_endpoint": f"{self.issuer}/device",
            "revocation_endpoint": f"{self.issuer}/revoke",
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
            "scopes_supported": ["mcp:use", "mcp:read", "mcp:admin", "offline_access"],
            "authorization_response_iss_parameter_supported": True,
        }
        return JSONResponse(without_none(document | self.metadata))

    # The authorization server ----------------------------------------------------------------------------

    async def register(self, request: Request) -> Response:
        document = await request.json()
        self.documents.append(document)
        if self.refuses_registration:
            problem = {"error": "invalid_client_metadata", "error_description": "no native clients here"}
            return JSONResponse(problem, 400)
        name = f"client-{len(self.documents)}"
        self.clients[name] = document | {"tenant": self.tenant}
        return JSONResponse({"client_id": name, **document}, 201)

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.asked.append(("authorize", asked))
        client = self.clients.get(asked["client_id"])
        if asked["client_id"].startswith("https://"):
            client = {"redirect_uris": [asked["redirect_uri"]], "tenant": self.tenant}
        if client is None or not self._registered(asked["redirect_uri"], client["redirect_uris"]):
            return Response("unknown client or redirect", 400)
        if asked.get("code_challenge_method") != "S256" or not asked.get("resource"):
            return Response("no PKCE or no resource", 400)
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked | {"issuer": self.issuer}
        back = {"code": code, "state": asked["state"]}
        if self.iss != "none":
            back["iss"] = self.issuer if self.iss == "right" else self.iss
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 302)

    def _registered(self, redirect: str, known: list[str]) -> bool:
        if self.any_port:
            return urlsplit(redirect).path in [urlsplit(one).path for one in known]
        return redirect in known

    async def device(self, request: Request) -> Response:
        form = await form_of(request)
        self.asked.append(("device", form))
        answer = {
            "device_code": "the-device",
            "user_code": "WDJB-MJHT",
            "verification_uri": f"{self.issuer}/type",
            "expires_in": 600,
            "interval": 7,
        }
        return JSONResponse(answer)

    async def token(self, request: Request) -> Response:
        form = await form_of(request)
        form["authorization"] = request.headers.get("authorization", "")
        self.asked.append(("token", form))
        if self.forgets_clients:
            return refused("invalid_client", 401)
        with self.lock:
            return self._token(form)

    async def revoke(self, request: Request) -> Response:
        form = await form_of(request)
        self.asked.append(("revoke", form))
        with self.lock:
            found = self.tokens.get(self.refresh.get(form["token"], form["token"]))
            if found is not None:
                self.tokens = {n: t for n, t in self.tokens.items() if t.family != found.family}
        return Response(status_code=200)

    def _token(self, form: dict[str, str]) -> Response:
        kind = form["grant_type"]
        if kind == "authorization_code":
            asked = self.codes.pop(form["code"], None)
            if asked is None or asked["redirect_uri"] != form["redirect_uri"]:
                return refused("invalid_grant")
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
                return refused("invalid_grant")
            if (
                form.get("resource") != asked["resource"]
                or form.get("client_id", asked["client_id"]) != asked["client_id"]
            ):
                return refused("invalid_target")
            return self._given(
                asked["client_id"], asked.get("scope", ""), asked["resource"], secrets.token_hex(4)
            )
        if kind == "refresh_token":
            return self._refreshed(form)
        if kind == "client_credentials":
            name = form.get("client_id") or "the service"
            return self._given(name, form.get("scope", ""), form.get("resource", ""), "", lasting=False)
        if kind.endswith(":device_code"):
            said = self.device_answers.pop(0) if self.device_answers else ""
            if said:
                return refused(said)
            return self._given(form["client_id"], "mcp:use", form.get("resource", ""), secrets.token_hex(4))
        return refused("unsupported_grant_type")

    def _refreshed(self, form: dict[str, str]) -> Response:
        given = form["refresh_token"]
        before = self.tokens.get(self.refresh.get(given, ""))
        if given in self.used or before is None or before.issuer != self.issuer:
            if before is not None:  # reuse ends all that came of the sign-in
                self.tokens = {n: t for n, t in self.tokens.items() if t.family != before.family}
            return refused("invalid_grant")
        self.used.add(given)
        return self._given(before.client_id, " ".join(sorted(before.scopes)), before.resource, before.family)

    def _given(
        self, client_id: str, scope: str, resource: str, family: str, *, lasting: bool = True
    ) -> Response:
        access = f"access-{secrets.token_urlsafe(12)}"
        self.tokens[access] = Token(client_id, frozenset(scope.split()), resource, family, self.issuer)
        answer: dict[str, Any] = {"access_token": access, "token_type": "Bearer", "expires_in": self.life}
        if scope:
            answer["scope"] = scope
        if lasting and self.refreshes:
            fresh = f"refresh-{secrets.token_urlsafe(12)}"
            self.refresh[fresh] = access
            answer["refresh_token"] = fresh
        return JSONResponse(answer, headers={"cache-control": "no-store"})

    # The protected server --------------------------------------------------------------------------------

    async def resource(self, request: Request) -> Response:
        message = await request.json() if request.method == "POST" else {}
        method = message.get("method", "")
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.seen.append(shown)
        needs = self.needs(method)
        token = self.tokens.get(shown)
        if token is None or token.resource != self.mcp or token.issuer != self.issuer or self.takes_nothing:
            return self._challenged(401, "invalid_token" if shown else "", needs)
        if self.always_more:
            self.more += 1
            return self._challenged(403, "insufficient_scope", {f"more:{self.more}"})
        if self.fails:
            self.fails -= 1
            return JSONResponse({"error": "for now"}, 500)
        if not needs <= token.scopes:
            return self._challenged(403, "insufficient_scope", needs)
        return answered(message)

    def _challenged(self, status: int, error: str, needs: set[str]) -> Response:
        parts = [f'error="{error}"'] if error else []
        if self.names_metadata:
            parts.append(f'resource_metadata="{self.url}{RESOURCE_METADATA}"')
        if needs and self.challenge_scope:
            parts.append(f'scope="{" ".join(sorted(needs))}"')
        header = f"Bearer {', '.join(parts)}".strip()
        return JSONResponse({"error": error}, status, headers={"www-authenticate": header})

    def app(self) -> Starlette:
        paths = {
            "/mcp": self.resource,
            RESOURCE_METADATA: self.described,
            "/.well-known/oauth-authorization-server/{tenant}": self.server_metadata,
            "/elsewhere/{tenant}": self.described,
            "/{tenant}/register": self.register,
            "/{tenant}/authorize": self.authorize,
            "/{tenant}/device": self.device,
            "/{tenant}/token": self.token,
            "/{tenant}/revoke": self.revoke,
        }
        return Starlette(
            routes=[Route(path, found, methods=["GET", "POST"]) for path, found in paths.items()]
        )


@contextlib.contextmanager
def authorization(**switches: Any) -> Iterator[Authorization]:
    """A running server."""
    server = Authorization(**switches)
    with serve(server.app()) as server.url:
        yield server


@dataclass
class Visitor:
    """Somebody at a browser who agrees to everything: follows the redirect, and keeps what was shown."""

    opened: list[str] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)

    def open(self, url: str) -> None:
        self.opened.append(url)
        with httpx2.Client(trust_env=False, timeout=30) as browser:
            answer = browser.get(url)
            if answer.status_code != 302:
                self.pages.append(answer.status_code)
                return
            self.pages.append(browser.get(answer.headers["location"]).status_code)

    @property
    def scopes(self) -> list[str]:
        """The scopes that were asked for, sign-in by sign-in."""
        return [dict(parse_qsl(urlsplit(url).query)).get("scope", "") for url in self.opened]


def answered(message: dict[str, Any]) -> Response:
    """A small MCP server of 2025-11-25 with one tool."""
    if "id" not in message:
        return Response(status_code=202)
    method = message.get("method")
    tool = {"name": "hello", "description": "Says hello.", "inputSchema": {"type": "object"}}
    results: dict[Any, dict[str, Any]] = {
        "initialize": {
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "protected", "version": "1"},
        },
        "ping": {},
        "tools/list": {"tools": [tool]},
        "tools/call": {"content": [{"type": "text", "text": "hello"}]},
    }
    if method not in results:
        problem = {"code": -32601, "message": f"Method not found: {method}"}
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "error": problem})
    return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": results[method]})


def without_none(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}


def refused(error: str, status: int = 400) -> Response:
    return JSONResponse({"error": error}, status, headers={"cache-control": "no-store"})


async def form_of(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode()))


async def dripping() -> Any:
    """A document that never ends, a byte at a time, each within any limit of a step."""
    while True:
        yield b" "
        await asyncio.sleep(0.01)
