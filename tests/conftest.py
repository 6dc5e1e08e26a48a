"""Fixtures and settings for all tests."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.fuzz.effort import scaled
from tests.kit.once import share

# A shared, busy machine makes time limits of single examples meaningless; a database would write into the checkout.
# FUZZ_FACTOR=10 takes ten times the examples.
settings.register_profile("skerry", deadline=None, database=None, max_examples=scaled(30))
settings.load_profile("skerry")

# The tests start hundreds of Python programs, and pytest rewrites its modules in every worker: compiling is done once.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
share()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "behaviour(id): proves the row with this id in tests/contracts; see tests/contracts/rows.py",
    )


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are processors: a good part of the tests waits for the programs that they started."""
    del config
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is collected lives to the end: the garbage collector never walks through it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def no_default_session() -> Iterator[None]:
    """boto3's default session keeps the keys of the environment in which it was made: it ends with its test."""
    yield
    if "boto3" in sys.modules:
        sys.modules["boto3"].DEFAULT_SESSION = None


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with reference vectors: $SKERRY_SHARED, or `shared` beside the checkout; skips without it."""
    folder = Path(os.environ.get("SKERRY_SHARED") or Path(__file__).parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip("the reference vectors are not here; set SKERRY_SHARED to their folder")
    return folder
