from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.running import Running, up


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The bundled operations desk, running."""
    with up(tmp_path_factory.mktemp("desk")) as running:
        yield running


@pytest.fixture(scope="session")
def examples() -> Path:
    return Path(__file__).parents[2] / "examples"
