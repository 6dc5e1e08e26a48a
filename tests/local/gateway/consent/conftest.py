"""A gateway plane with a token vault, an identity provider with a sign-in page, and browsers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.kit.gateway_stack import Stack, StandingClock, gateway_stack
from tests.kit.mcp_backends import Backend
from tests.kit.sign_in import SignIn, sign_in
from tests.kit.token_vault import Browser, FakeVault, token_vault
from tests.local.gateway.consent.desk import Desk

POLL = 0.02


@pytest.fixture(scope="module")
def idp() -> Iterator[SignIn]:
    with sign_in() as running:
        yield running


@pytest.fixture(scope="module")
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture(scope="module")
def vault(clock: StandingClock) -> Iterator[FakeVault]:
    with token_vault(clock) as running:
        yield running


@pytest.fixture(scope="module")
def plane(vault: FakeVault, clock: StandingClock) -> Iterator[Stack]:
    with gateway_stack(clock=clock, resource_tokens=vault, consent=0.0, consent_poll=POLL) as running:
        yield running


@pytest.fixture
def desk(plane: Stack, vault: FakeVault, idp: SignIn, backend: Backend) -> Desk:
    """A gateway of its own for each test, in front of the MCP server of both eras."""
    vault.allowed, vault.down = None, False
    return Desk(plane, vault, idp, backend)


@pytest.fixture
def browser() -> Iterator[Callable[..., Browser]]:
    """Makes browsers: `browser("ann")`."""
    with ExitStack() as stack:

        def made(name: str, **options: Any) -> Browser:
            new = Browser(name, **options)
            stack.callback(new.close)
            return new

        yield made
