"""The reference server with our auth provider in front, as a user would put it there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from skerry.servers.resource_auth import ResourceAuth
from tests.kit.asgi_thread import serve
from tests.kit.issuer import FakeIssuer
from tests.kit.reference.server import application, reference_server
from tests.kit.served_issuer import served_issuer

TOOL = "test_simple_text"
"""A tool that needs a scope of its own, so that every message is looked into."""


@contextmanager
def guarded_reference() -> Iterator[tuple[str, FakeIssuer]]:
    """The URL of the server at `/mcp`, and the issuer whose tokens it takes."""
    with served_issuer() as issuer:
        auth = ResourceAuth.of_issuer(
            "http://127.0.0.1/mcp",
            issuer=issuer.issuer,
            audience="accounts",
            scopes=["desk/use"],
            tool_scopes={TOOL: ["desk/change"]},
        )
        auth.set_mcp_path("/mcp")
        app: Any = application(reference_server())
        for middleware in reversed(auth.get_middleware()):
            app = middleware.cls(app, *middleware.args, **middleware.kwargs)
        with serve(app) as base:
            yield f"{base}/mcp", issuer
