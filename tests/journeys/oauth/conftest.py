from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.guarded_gateway import System, guarded_system


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One for all clients: none changes it for another."""
    with guarded_system(tmp_path_factory.mktemp("guarded")) as running:
        yield running
