"""The provider: every realm of a configuration, at one base URL, with its keys."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from skerry.auth.discovery import is_loopback
from skerry.auth.http.guarded import Network
from skerry.errors import ConfigurationError
from skerry.idp import keys
from skerry.idp.clock import Clock
from skerry.idp.issuer import Issuer, make_issuer
from skerry.idp.kept.records import Database
from skerry.idp.realm import checks, defaults
from skerry.idp.realms import Realm

SYSTEM_CLOCK: Clock = time
RECORDS_FILE, CLOCK_FILE = "records.sqlite", "clock.json"
"""In the state directory, beside `keys.file_name`."""

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
    network: Network | None = None,
) -> Provider:
    """A provider for `realms` at `base_url` (no slash at the end).

    Keys and records are kept in the directory `state`, or in memory when it is None. Existing keys are
    read, or replaced with `rotate`; missing ones are made when first needed. `network` is how documents of
    clients are fetched; tests give another. Raises ConfigurationError and StateError.
    """
    known = tuple(map(defaults.with_audiences, realms))
    checks.check(known)
    urls = {realm.name: base_url + defaults.issuer_path(realm) for realm in known}
    _warn_of_loopback(known, base_url)
    for realm in known:
        if realm.approve:
            _log.warning(
                "skerry idp: realm %s approves every sign-in as %s without asking: for unattended tests only",
                realm.name,
                realm.approve,
            )
    database = Database(state / RECORDS_FILE if state else None, clock=clock.time)
    issuers = {
        realm.name: make_issuer(
            realm,
            neighbours=urls,
            keys=keys.Keys(
                algorithm=realm.algorithm,
                file=state / keys.file_name(realm.name) if state else None,
                overlap=realm.lifetime,
                clock=clock.time,
            ),
            database=database,
            clock=clock,
            network=network,
        )
        for realm in known
    }
    for issuer in issuers.values():
        (issuer.keys.rotate if rotate else issuer.keys.load)()
    return Provider(base_url, issuers, database, clock)


def _warn_of_loopback(realms: Iterable[Realm], base_url: str) -> None:
    """Says which realms fetch from this machine what strangers name.

    Raises ConfigurationError when others than this machine reach the provider: they could then make it ask
    what listens here.
    """
    for realm in realms:
        if not realm.loopback_origins:
            continue
        if not is_loopback(urlsplit(base_url).hostname or ""):
            raise ConfigurationError(
                f"[realms.{realm.name}] loopback_origins: only for a provider on 127.0.0.1.",
                hint="Host the client's document at an https URL.",
            )
        if realm.client_documents or realm.registration != "off":
            _log.warning(
                "skerry idp: realm %s takes documents and keys of clients from this machine, %s: "
                "for development only.",
                realm.name,
                ", ".join(realm.loopback_origins),
            )
