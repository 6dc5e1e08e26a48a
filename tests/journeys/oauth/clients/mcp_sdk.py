"""The mcp SDK's OAuthClientProvider: `URL MODE [--document URL] [--method METHOD] [--show]`.

With `--show` the link is printed for somebody else to open. Calls twice in two connections: the second one uses
the tokens of the first.
"""

from __future__ import annotations

import argparse
import asyncio
import threading
import webbrowser
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
from mcp.client import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken


class Storage:
    """Implements mcp's TokenStorage in memory."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Callback:
    """The redirect URI: a page on a free port of this machine."""

    def __init__(self) -> None:
        self.came: dict[str, str] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.came = dict(parse_qsl(urlsplit(self.path).query))
                self.send_response(200)
                self.send_header("content-type", "text/plain")
                self.end_headers()
                self.wfile.write(b"You can close this page.")

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/callback"
        self._thread = threading.Thread(target=self._server.handle_request)
        self._thread.start()

    async def answer(self) -> AuthorizationCodeResult:
        await asyncio.to_thread(self._thread.join)
        self._server.server_close()
        return AuthorizationCodeResult(
            code=self.came["code"], state=self.came.get("state"), iss=self.came.get("iss")
        )


async def main() -> None:
    options = _options()
    callback, storage = Callback(), Storage()

    async def opened(url: str) -> None:
        if options.show:
            print(url, flush=True)
        else:
            await asyncio.to_thread(webbrowser.open, url)

    metadata = OAuthClientMetadata(
        client_name="mcp SDK",
        redirect_uris=[callback.url],  # type: ignore[list-item]  # pydantic makes the URL
        token_endpoint_auth_method=options.method,
    )
    for text in ("first", "second"):
        provider = OAuthClientProvider(
            options.url, metadata, storage, opened, callback.answer, client_metadata_url=options.document
        )
        async with (
            httpx2.AsyncClient(auth=provider, timeout=30) as http,
            Client(streamable_http_client(options.url, http_client=http), mode=options.mode) as client,
        ):
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert "shop___echo" in names, names
            result = await client.call_tool("shop___echo", {"text": text})
            print(result.content[0].text)  # type: ignore[union-attr]
    assert storage.client is not None
    print(storage.client.client_id)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("mode")
    parser.add_argument("--document")
    parser.add_argument("--method")
    parser.add_argument("--show", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
