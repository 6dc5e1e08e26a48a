"""The provider: every realm of a configuration, at one base URL, with its keys."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from skerry.idp import configuration
from skerry.idp.clock import Clock
from skerry.idp.dialects import DIALECTS
from skerry.idp.issuer import Issuer, make_issuer
from skerry.idp.keys import Keys
from skerry.idp.realms import Realm
from skerry.idp.records import Database

SYSTEM_CLOCK: Clock = time

_log = logging.getLogger("skerry.idp")


@dataclass(frozen=True, slots=True)
class Provider:
    """Issuers by realm name, and the clock they all go by."""

    base_url: str
    issuers: Mapping[str, Issuer]
    database: Database
    clock: Clock

    @property
    def urls(self) -> dict[str, str]:
        """The issuer URL of each realm."""
        return {name: issuer.url for name, issuer in self.issuers.items()}

    def close(self) -> None:
        """Closes the records; safe to call twice."""
        self.database.close()


def make_provider(
    realms: Iterable[Realm],
    *,
    base_url: str,
    state: Path | None = None,
    rotate: bool = False,
    clock: Clock = SYSTEM_CLOCK,
) -> Provider:
    """A provider for `realms` at `base_url` (no slash at the end).

    Keys and records are kept in the directory `state`, or in memory when it is None. Existing keys are
    read, or replaced with `rotate`; missing ones are made when first needed. Raises ConfigurationError and
    StateError.
    """
    known = tuple(realms)
    configuration.check(known)
    for realm in known:
        if realm.approve:
            _log.warning(
                "skerry idp: realm %s approves every sign-in as %s without asking: for unattended tests only",
                realm.name,
                realm.approve,
            )
    database = Database(state / "records.sqlite" if state else None, clock=clock.time)
    issuers = {
        realm.name: make_issuer(
            realm,
            DIALECTS[realm.dialect],
            url=base_url + configuration.issuer_path(realm),
            keys=Keys(
                algorithm=realm.algorithm,
                file=state / f"realm-{realm.name}.json" if state else None,
                overlap=realm.lifetime,
                clock=clock.time,
            ),
            database=database,
            clock=clock,
        )
        for realm in known
    }
    for issuer in issuers.values():
        (issuer.keys.rotate if rotate else issuer.keys.load)()
    return Provider(base_url, issuers, database, clock)
