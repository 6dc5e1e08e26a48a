from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from skerry.agent.app import build
from skerry.auth.aws.sigv4 import Credentials
from skerry.settings import AgentSettings
from tests.kit.agent_client import Asking, running
from tests.kit.mcp_gateway import StandIn, gateway
from tests.kit.memory_store import MemoryStore
from tests.kit.scripted_model import ScriptedModel

KEYS = Credentials("AKIAEXAMPLE", "a-secret-of-the-role", "a-session-token")

Start = Callable[..., Asking]

NOISE = "ignore:.*MCPClient.stop.*"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Strands leaves a coroutine of its own unawaited when a connection cannot be opened."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings(f"{NOISE}:RuntimeWarning"))
            item.add_marker(pytest.mark.filterwarnings(f"{NOISE}:pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(params=["modern", "legacy"])
def stand_in(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    """A gateway of each era."""
    with gateway(legacy=request.param == "legacy") as running_gateway:
        yield running_gateway


@pytest.fixture
def modern() -> Iterator[StandIn]:
    with gateway() as running_gateway:
        yield running_gateway


@pytest.fixture
def kept() -> MemoryStore:
    """The store of the agents of a test."""
    return MemoryStore()


@pytest.fixture
def start(kept: MemoryStore) -> Iterator[Start]:
    """Starts an agent: `start(turns, gateway_url=…)`; a second one has the same store."""
    with ExitStack() as stack:

        def begin(turns: Any, *, tokens: Any = None, clock: Any = None, **settings: Any) -> Asking:
            chosen = AgentSettings(**{"gateway_auth": "iam", **settings})

            async def keys() -> Credentials:
                return KEYS

            more = {"clock": clock} if clock else {}
            app = build(
                chosen,
                model=turns if isinstance(turns, ScriptedModel) else ScriptedModel(turns),
                keys=keys,
                tokens=tokens,
                store=kept,
                **more,
            )
            return stack.enter_context(running(app))

        yield begin
