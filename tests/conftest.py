"""Fixtures and settings for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A shared, busy machine makes time limits of single examples meaningless; a database would write into the checkout.
settings.register_profile("skerry", deadline=None, database=None)
settings.load_profile("skerry")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "behaviour(id): proves the row with this id in tests/contracts; see tests/contracts/rows.py",
    )


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with reference vectors: $SKERRY_SHARED, or `shared` beside the checkout; skips without it."""
    folder = Path(os.environ.get("SKERRY_SHARED") or Path(__file__).parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip("the reference vectors are not here; set SKERRY_SHARED to their folder")
    return folder
