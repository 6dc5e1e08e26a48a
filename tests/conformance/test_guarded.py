"""The road through our auth provider without Node: the SDK's client sees every fixture work with a token."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from mcp.client import Client

from tests.conformance.relay import WithToken
from tests.conformance.test_reference_server import fill, roots, sample, walk
from tests.kit.asgi_thread import serve
from tests.kit.guarded_reference import guarded_reference

pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")


@pytest.fixture(scope="module")
def urls() -> Iterator[tuple[str, str]]:
    """The server itself, and the relay with a token in front of it."""
    with guarded_reference() as (url, issuer), serve(WithToken(url, issuer.mint)) as base:
        yield url, f"{base}/mcp"


@pytest.mark.behaviour("GRD-SUITE")
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_every_fixture_works_behind_a_token(urls: tuple[str, str], mode: str):
    async with Client(
        urls[1], mode=mode, elicitation_callback=fill, sampling_callback=sample, list_roots_callback=roots
    ) as client:
        await walk(client)
    assert httpx2.post(urls[0], json={}, trust_env=False).status_code == 401
