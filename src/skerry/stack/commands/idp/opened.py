"""Realms, records and clock of a state directory, for a command that needs no running provider."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from skerry.auth.moved_clock import MovedClock
from skerry.errors import ConfigurationError, NotRunningError
from skerry.idp.kept.records import Database, Records
from skerry.idp.provider import CLOCK_FILE, RECORDS_FILE
from skerry.idp.realm import configuration
from skerry.idp.realm.directory import Directory
from skerry.idp.realms import Realm
from skerry.stack.state import IDP_FILE, IDP_FOLDER

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Opened:
    """The provider's files in a state directory, and the chosen realm."""

    folder: Path
    realms: Mapping[str, Realm]
    realm: Realm
    clock: MovedClock

    def directory(self, work: Callable[[Directory], Awaitable[Result]]) -> Result:
        """What `work` finds or changes among the clients and people of the realm. Raises StateError."""
        return self.records(lambda records: work(Directory(self.realm, records)))

    def records(self, work: Callable[[Records], Awaitable[Result]]) -> Result:
        """What `work` finds or changes in the records of the realm. Raises StateError."""

        async def run() -> Result:
            database = Database(self.folder / RECORDS_FILE, clock=self.clock.time)
            try:
                return await work(Records(database, self.realm.name))
            finally:
                database.close()

        return asyncio.run(run())


def opened(state: Path, realm: str) -> Opened:
    """The files of the provider on a state directory; `realm` empty means the first.

    Raises NotRunningError when no stack with realms was ever started there, ConfigurationError for an
    unknown realm.
    """
    file = state / IDP_FILE
    if not file.is_file():
        raise NotRunningError(
            f"no identity provider was started on the state directory {state.resolve()} yet.",
            hint="Start it once with: skerry up — or name its directory with --state DIR.",
        )
    realms = {found.name: found for found in configuration.load(file)}
    chosen = realm or next(iter(realms))
    if chosen not in realms:
        raise ConfigurationError(f"there is no realm '{chosen}'.", hint=f"Known: {', '.join(realms)}.")
    folder = state / IDP_FOLDER
    return Opened(folder, realms, realms[chosen], MovedClock(folder / CLOCK_FILE))
