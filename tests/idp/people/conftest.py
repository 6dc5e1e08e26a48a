"""A provider with people; its clock moves only when a test moves it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.clock import FakeClock
from tests.kit.idp_people import Home, people


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def home(clock: FakeClock) -> Iterator[Home]:
    with people(clock=clock) as running:
        yield running
