"""Serves the page on loopback: Streamlit's own server application under uvicorn, with narrower settings.

Streamlit reads configuration and secrets from files of the folder that it is started in. What matters here is
set by name and wins over them, and files with secrets are not read at all.

Sources: Streamlit 1.67 (`st.App`, configuration options, `auth` secrets); CSP level 3.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import re
import secrets
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.web import bootstrap

from skerry.chat.web.theme import THEME
from skerry.serving import Server
from skerry.settings import WebSettings
from skerry.sockets import loop_factory

ADDRESS = "127.0.0.1"
SCRIPT = Path(__file__).with_name("app.py")
CALLBACK = "/oauth2callback"

_HOSTS = [ADDRESS, "localhost"]
_INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def _inline_scripts() -> str:
    """The scripts inside of Streamlit's own page, by hash: no other one may run."""
    page = Path(st.__file__).with_name("static") / "index.html"
    hashes = (base64.b64encode(hashlib.sha256(each).digest()) for each in _INLINE.findall(page.read_bytes()))
    return "".join(f" 'sha256-{each.decode()}'" for each in hashes)


_POLICY = "; ".join(
    (
        "default-src 'self'",
        f"script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval'{_inline_scripts()}",  # tables need WebAssembly
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",  # a picture named by a model is never fetched from elsewhere
        "media-src 'self' blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "frame-src 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    )
)
HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


class Guarded:
    """Adds to every answer the headers that keep the page from reaching out, and others from embedding it.

    What comes from the page of another origin is refused here: to see whether it is this machine's public
    address, Streamlit would ask a server on the network for that one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in HEADERS}
                kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in names]
                message = {**message, "headers": [*kept, *HEADERS]}
            await send(message)

        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif "headers" not in scope or not _foreign(scope["headers"]):
            await self._app(scope, receive, guarded)
        else:
            await PlainTextResponse("another origin", 403)(scope, receive, guarded)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The connection of one tab.

        When a tab is closed just as something is sent to it, Streamlit reads on and raises RuntimeError.
        """
        if _foreign(scope["headers"]):
            await send({"type": "websocket.close", "code": 1008})
            return
        left = False

        async def watched(message: Message) -> None:
            nonlocal left
            try:
                await send(message)
            except OSError:
                left = True
                raise

        try:
            await self._app(scope, receive, watched)
        except RuntimeError:
            if not left:
                raise


def _foreign(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request comes from the page of another origin than the one that it goes to."""
    found = {name.lower(): value for name, value in headers}
    origin = found.get(b"origin")
    return origin is not None and origin != b"http://" + found.get(b"host", b"")


def options(port: int) -> dict[str, Any]:
    """Streamlit's configuration, by the names of its options."""
    return {
        "browser.gatherUsageStats": False,
        "browser.serverAddress": ADDRESS,
        "browser.serverPort": port,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        "global.developmentMode": False,
        "logger.level": "warning",
        "runner.magicEnabled": False,
        "secrets.files": [],
        "server.address": ADDRESS,
        "server.allowedHosts": list(_HOSTS),
        "server.enableAgentApi": False,
        "server.enableCORS": True,
        "server.enableStaticServing": False,
        "server.enableXsrfProtection": True,
        "server.fileWatcherType": "none",
        "server.headless": True,  # the browser is opened by the command, if at all
        "server.port": port,
        "server.runOnSave": False,
        "server.cookieSecret": secrets.token_hex(),  # a new one at each start, held in memory alone
        **THEME,
    }


def sign_in(settings: WebSettings, port: int, cookie_secret: str) -> dict[str, Any]:
    """Streamlit's `auth` secrets for an issuer; none without one. They are handed over in memory."""
    if not settings.issuer:
        return {}
    return {
        "auth": {
            "redirect_uri": f"http://{ADDRESS}:{port}{CALLBACK}",
            "cookie_secret": cookie_secret,
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
            "server_metadata_url": f"{settings.issuer}/.well-known/openid-configuration",
            "client_kwargs": {"scope": settings.scope},
            "expose_tokens": [settings.token],
        }
    }


def serve(listening: socket.socket, settings: WebSettings, ready: Callable[[], None]) -> None:
    """Serves the page on a bound socket until SIGINT or SIGTERM; `ready` is called when it can be opened."""
    port = int(listening.getsockname()[1])
    chosen = options(port)
    logging.getLogger("streamlit").setLevel(logging.WARNING)
    bootstrap.load_config_options(chosen)
    app = st.App(
        SCRIPT,
        secrets=sign_in(settings, port, chosen["server.cookieSecret"]),
        middleware=[Middleware(Guarded), Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS)],
    )
    server = Server(app, ready, ws="websockets-sansio", ws_max_size=20_000_000)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(server.serve(sockets=[listening]))
