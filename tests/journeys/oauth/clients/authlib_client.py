"""Authlib, which knows OAuth and nothing of MCP: finds the provider, registers, signs in, calls, refreshes: `URL`."""

from __future__ import annotations

import json
import re
import sys
import threading
import webbrowser
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session

HEADERS = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25"}


def call(session: requests.Session, url: str, text: str) -> requests.Response:
    params = {"name": "shop___echo", "arguments": {"text": text}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return session.post(url, json=message, headers=HEADERS, timeout=30)


def discovered(session: requests.Session, url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the challenge of the 401 leads to: the metadata of the resource and of its provider."""
    refused = call(session, url, "?")
    assert refused.status_code == 401, refused.text
    place = re.search(r'resource_metadata="([^"]+)"', refused.headers["www-authenticate"])
    assert place is not None, refused.headers
    resource = session.get(place[1], timeout=30).json()
    issuer = urlsplit(resource["authorization_servers"][0])
    well_known = f"{issuer.scheme}://{issuer.netloc}/.well-known/oauth-authorization-server{issuer.path}"
    return resource, session.get(well_known, timeout=30).json()


def scopes(resource: dict[str, Any], provider: dict[str, Any]) -> str | None:
    """Those of the resource, and that for a refresh token where the provider has it (MCP 2026-07-28)."""
    wanted = list(resource.get("scopes_supported", ()))
    lasting = [name for name in provider["scopes_supported"] if name == "offline_access"]
    return " ".join(wanted + lasting) or None


def main() -> None:
    (url,) = sys.argv[1:]
    came: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    plain = requests.Session()
    plain.trust_env = False
    resource, provider = discovered(plain, url)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        redirect = f"http://127.0.0.1:{server.server_port}/callback"
        asked = {"client_name": "Authlib", "redirect_uris": [redirect]}
        asked |= {"grant_types": ["authorization_code", "refresh_token"]}
        registered = plain.post(provider["registration_endpoint"], json=asked, timeout=30).json()
        session = OAuth2Session(
            registered["client_id"],
            registered["client_secret"],
            redirect_uri=redirect,
            scope=scopes(resource, provider),
            code_challenge_method="S256",
            token_endpoint=provider["token_endpoint"],
            token_endpoint_auth_method=registered["token_endpoint_auth_method"],
        )
        session.trust_env = False
        verifier = generate_token(64)
        link, state = session.create_authorization_url(
            provider["authorization_endpoint"], code_verifier=verifier, resource=resource["resource"]
        )
        waiting = threading.Thread(target=server.handle_request)
        waiting.start()
        webbrowser.open(link)
        waiting.join()
        session.fetch_token(
            authorization_response=redirect + came[0].removeprefix("/callback"),
            state=state,
            code_verifier=verifier,
            resource=resource["resource"],
        )
    print(said(call(session, url, "first")))
    session.refresh_token()
    print(said(call(session, url, "second")))


def said(answer: requests.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(json.loads(answer.text)["result"]["content"][0]["text"])


if __name__ == "__main__":
    main()
