from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from skerry.agent.service.app import build
from skerry.agent.sources import desk
from skerry.auth.aws.sigv4 import Credentials
from skerry.settings import AgentSettings, ServiceSettings
from tests.kit.agent_service import Service, serving
from tests.kit.memory_store import MemoryStore
from tests.kit.scripted_model import ScriptedModel

KEYS = Credentials("AKIAEXAMPLE", "a-secret-of-the-role", "a-session-token")

Serve = Callable[..., Service]


async def nothing(_: str) -> bytes:
    raise AssertionError("no keys are fetched without tokens")


@pytest.fixture
def serve(kept: MemoryStore) -> Iterator[Serve]:
    """Starts a service: `serve(turns, gateway_url=…)`; a second one has the same store.

    Without `service` nobody has to prove who he is.
    """
    with ExitStack() as stack:

        def begin(
            turns: Any, *, fetch: Any = nothing, service: Any = None, tokens: Any = None, **settings: Any
        ) -> Service:
            async def keys() -> Credentials:
                return KEYS

            agent = AgentSettings(**{"gateway_auth": "none", **settings})
            chosen = ServiceSettings(agent=agent, **{"auth": "none", **(service or {})})
            made = desk(
                agent,
                model=turns if isinstance(turns, ScriptedModel) else ScriptedModel(turns),
                keys=keys,
                tokens=tokens,
                store=kept,
                lease=chosen.lease,
            )
            return stack.enter_context(serving(build(chosen, made, fetch=fetch)))

        yield begin
