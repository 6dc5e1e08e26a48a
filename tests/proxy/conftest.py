"""The fake data plane for tests of the proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.kit.agentcore import AgentCore


@pytest.fixture
async def server() -> AsyncIterator[AgentCore]:
    """A legacy server with sessions; a test may change its settings before it starts a proxy."""
    async with AgentCore() as running:
        yield running
    assert running.complaints == []
