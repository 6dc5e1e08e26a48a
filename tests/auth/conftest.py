from __future__ import annotations

import pytest

from tests.kit.clock import FakeClock
from tests.kit.issuer import FakeIssuer


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def issuer(clock: FakeClock) -> FakeIssuer:
    return FakeIssuer(clock)
