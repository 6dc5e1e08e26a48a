"""Both stores under one interface: SQLite in a file, DynamoDB on moto's server."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from skerry.store.dynamodb_table import create_table
from skerry.store.open import dynamodb_table, open_store
from skerry.store.records import KeptStore
from tests.kit.clock import FakeClock
from tests.kit.dynamodb import dynamodb

DAY = 86400.0
LIFETIME = 30 * DAY


@dataclass
class Place:
    """Where a store is: its URL, the clock of those that open it here, and what is open."""

    url: str
    clock: FakeClock = field(default_factory=FakeClock)
    opened: list[KeptStore] = field(default_factory=list)

    def open(self, lifetime: float = LIFETIME) -> KeptStore:
        store = open_store(self.url, clock=self.clock.time, lifetime=lifetime)
        self.opened.append(store)
        return store

    def close(self) -> None:
        for store in self.opened:
            store.close()


@pytest.fixture(scope="session")
def dynamodb_url() -> Iterator[str]:
    with dynamodb() as url:
        yield url


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return itertools.count()


@pytest.fixture
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What botocore reads in a process: keys that hold at moto, and nobody's profile."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")


@pytest.fixture
def table(dynamodb_url: str, aws_environment: None, _numbers: Iterator[int]) -> Iterator[Place]:
    """A fresh table."""
    place = Place(f"dynamodb://conversations-{next(_numbers)}?region=us-east-1&endpoint_url={dynamodb_url}")
    client, name = dynamodb_table(place.url)
    create_table(client, name)
    yield place
    place.close()
    client.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Place]:
    """A database file that is not there yet."""
    place = Place(f"sqlite:///{tmp_path}/a/b/conversations.db")
    yield place
    place.close()


@pytest.fixture(params=["sqlite", "dynamodb"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each store in turn."""
    found: Place = request.getfixturevalue("file" if request.param == "sqlite" else "table")
    return found


@pytest.fixture
def store(place: Place) -> KeptStore:
    return place.open()
