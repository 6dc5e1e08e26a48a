"""The road through a gateway without Node: the SDK's client sees every fixture work under its bare name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mcp.client import Client

from tests.conformance.bare_names import BareNames
from tests.conformance.test_reference_server import fill, roots, sample, walk
from tests.kit.asgi_thread import serve
from tests.kit.gateway_stack import gateway_stack
from tests.kit.mcp_backends import reference_backend

pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
CONFIGURED = {
    "sessionConfiguration": {"sessionTimeoutInSeconds": 900},
    "streamingConfiguration": {"enableResponseStreaming": True},
}


@pytest.fixture(scope="module", params=["DEFAULT", "DYNAMIC"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A gateway in front of the reference server, seen through the adapter."""
    with reference_backend() as server, gateway_stack() as stack:
        gateway = stack.gateway(protocolConfiguration={"mcp": CONFIGURED})
        configuration = {"endpoint": server.url, "listingMode": request.param}
        stack.target(gateway, "reference", {"mcpServer": configuration})
        with serve(BareNames(stack.url(gateway), "reference")) as base:
            yield f"{base}/mcp"


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_every_fixture_is_listed_and_works(url: str, mode: str):
    async with Client(
        url, mode=mode, elicitation_callback=fill, sampling_callback=sample, list_roots_callback=roots
    ) as client:
        await walk(client)
