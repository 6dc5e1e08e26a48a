"""A gateway plane and backends for a whole module; each test makes gateways of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.gateway_stack import Stack, gateway_stack
from tests.kit.http_backend import HttpBackend, http_backend
from tests.kit.mcp_backends import Backend, fastmcp_backend


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A running plane."""
    with gateway_stack() as running:
        yield running


@pytest.fixture(scope="module")
def modern_server() -> Iterator[Backend]:
    """A FastMCP server that speaks both eras."""
    with fastmcp_backend() as running:
        yield running


@pytest.fixture(scope="module")
def legacy_server() -> Iterator[Backend]:
    """A FastMCP server with sessions that knows the handshake era only."""
    with fastmcp_backend(legacy=True) as running:
        yield running


@pytest.fixture
def backend(modern_server: Backend) -> Iterator[Backend]:
    """The server of both eras, its notes cleared."""
    modern_server.seen.clear()
    modern_server.extra.clear()
    modern_server.refuse = None
    yield modern_server
    modern_server.refuse = None


@pytest.fixture
def legacy(legacy_server: Backend) -> Backend:
    """The legacy server, its notes cleared."""
    legacy_server.seen.clear()
    return legacy_server


@pytest.fixture(scope="module")
def http_service() -> Iterator[HttpBackend]:
    """A plain HTTP service."""
    with http_backend() as running:
        yield running


@pytest.fixture
def service(http_service: HttpBackend) -> HttpBackend:
    """The HTTP service, as if it had just started."""
    http_service.seen.clear()
    http_service.reply = HttpBackend().reply
    for event in (http_service.arrived, http_service.release, http_service.left):
        event.clear()
    return http_service
