"""A client's metadata document (CIMD) on an https site of this machine, with a certificate of the test's own."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.kit.certificates import Authority


@dataclass
class ClientDocument:
    """The site. `asked` are the paths that were fetched, `certificates` what to trust it by."""

    origin: str
    certificates: Path
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.origin}/client.json"

    def body(self) -> bytes:
        """A public client on a loopback port that is not known before."""
        described = {
            "client_id": self.url,
            "client_name": "A client with a document",
            "redirect_uris": ["http://127.0.0.1/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        }
        return json.dumps(described).encode()


@contextlib.contextmanager
def client_document(folder: Path) -> Iterator[ClientDocument]:
    """The site, running; its certificates are in a folder below `folder`."""
    keys = folder / "certificates"
    keys.mkdir()
    authority = Authority(keys)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            body = site.body()
            self.send_response(200 if self.path == "/client.json" else 404)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = authority.server("127.0.0.1").wrap_socket(server.socket, server_side=True)
    site = ClientDocument(f"https://127.0.0.1:{server.server_port}", authority.bundle)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
