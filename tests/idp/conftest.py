"""One provider per module: its keys are made once, and no test changes it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.idp import Desk
from tests.kit.idp import desk as running_desk


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """A provider with the realms desk and pool, for tests that only ask for tokens."""
    with running_desk() as running:
        yield running
