"""What the targets of each gateway have: cached listings, kept up to date with the control plane.

A listing is fetched when a target is created, updated or synchronised, and lazily for one that could not be
reached; what came of it is reported to the control plane. A target that fails hides no other: its problem is
kept, told to those who call it, and it is asked again after a pause.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from skerry.errors import SkerryError
from skerry.local.gateway.client_session import ClientSession
from skerry.local.gateway.credentials.user_tokens import ConsentRequiredError
from skerry.local.gateway.outgoing import TargetError
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.gateway.targets.base import Changing, Listing, Target
from skerry.local.ports.callers import Caller
from skerry.local.ports.resources import Change, Record, Report, Resources, unreported
from skerry.local.ports.running import Clock

LOG = logging.getLogger("skerry.gateway")

Connect = Callable[[Record], Target]


@dataclass(slots=True)
class Entry:
    """A target of a gateway and what is known of it. `target` is None for a kind that is not served.

    `announce` says that its next listing is one that nobody can know of. `slow` says that it kept a list
    waiting without coming to anything, so that no list waits for it until it has one. `waiting` ends with the
    consent that a listing needs.
    """

    record: Record
    target: Target | None
    listing: Listing | None = None
    problem: str = ""
    retry_at: float = 0.0
    task: asyncio.Task[None] | None = None
    again: bool = False
    announce: bool = False
    slow: bool = False
    waiting: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The target's name."""
        return str(self.record["name"])


class Catalogue:
    """The targets of all gateways. `connect` makes a Target of a record."""

    def __init__(
        self,
        *,
        resources: Resources,
        connect: Connect,
        clock: Clock,
        settings: GatewaySettings,
        report: Report = unreported,
    ) -> None:
        self._resources = resources
        self._connect = connect
        self._clock = clock
        self._settings = settings
        self._listeners: list[Callable[[str], None]] = []
        self._report = report
        self._gateways: dict[str, dict[str, Entry]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Follows the control plane from now on."""
        self._resources.subscribe(self.changed)

    async def close(self) -> None:
        """Ends every synchronisation, and what is kept for targets."""
        tasks = [
            task
            for entries in self._gateways.values()
            for entry in entries.values()
            for task in (entry.task, entry.waiting)
            if task is not None
        ]
        for task in (*tasks, *self._closing):
            task.cancel()
        await asyncio.gather(*tasks, *self._closing, return_exceptions=True)
        entries = [entry for found in self._gateways.values() for entry in found.values()]
        await asyncio.gather(*(entry.target.close() for entry in entries if entry.target is not None))
        self._gateways.clear()

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Calls `listener` with the id of a gateway whose tools are others than before."""
        self._listeners.append(listener)

    def changed(self, change: Change) -> None:
        """A control-plane write: a target is asked anew, a deleted gateway is forgotten."""
        if change.kind == "gateway":
            gateway_id = str(change.record.get("gatewayId") or change.identifier)
            if change.action == "deleted":
                self._forget(gateway_id)
        elif change.kind == "target":
            gateway_id = str(change.record.get("gatewayArn", "")).rpartition("/")[2]
            gateway = self._resources.gateway(gateway_id)
            if gateway is None:
                self._forget(gateway_id)
                return
            target_id = change.record.get("targetId")
            known = set(map(id, self._gateways.get(gateway_id, {}).values()))
            for entry in self._current(gateway):
                if entry.record.get("targetId") == target_id:
                    _stop_waiting(entry)
                    entry.again = entry.task is not None  # what is being fetched may be older than the write
                    entry.announce = id(entry) not in known
                    self._synchronise(gateway, entry)
                    if entry.task is None:  # there is nothing to fetch
                        self._tell(gateway, entry)
            if change.action == "deleted":
                self._tools_changed(gateway_id)

    async def entries(self, gateway: Record) -> list[Entry]:
        """The targets, oldest first; those without a listing are asked now, unless they just failed.

        One that is known to be slow is left to be announced when it has a listing.
        """
        entries = self._current(gateway)
        await self._ready(gateway, entries, slow=False)
        return entries

    async def entry(self, gateway: Record, name: str) -> Entry | None:
        """The target of this name, with its listing if it can be had."""
        for entry in self._current(gateway):
            if entry.name == name:
                await self._ready(gateway, [entry], slow=True)
                return entry
        return None

    async def listing(self, gateway: Record, entry: Entry, caller: Caller) -> Listing | None:
        """What this caller finds at a target: the cached listing, or for a dynamic target its own.

        None when the target cannot be listed; `entry.problem` says why.
        """
        target = entry.target
        if target is None or not target.dynamic:
            return entry.listing
        try:
            async with asyncio.timeout(self._settings.listing):
                return await target.listing(gateway, caller)
        except (SkerryError, TimeoutError) as problem:
            entry.problem = _reason(problem, self._settings.listing)
            LOG.warning("target %s cannot be listed: %s", entry.name, entry.problem)
            return None

    @asynccontextmanager
    async def followed(
        self, gateway: Record, caller: Caller, client: ClientSession | None, tell: Callable[[], None]
    ) -> AsyncIterator[None]:
        """While the block runs, `tell` is called when a dynamic target says that its tools changed."""
        targets: list[object] = [entry.target for entry in self._current(gateway)]
        tasks = [
            asyncio.ensure_future(target.follow(gateway, caller, client, tell))
            for target in targets
            if isinstance(target, Changing) and target.dynamic
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ready(self, gateway: Record, entries: list[Entry], *, slow: bool) -> None:
        """Waits for the listings that are missing; for a target that failed before, a moment only.

        For one that is known to be slow only if `slow`.
        """
        now = self._clock.monotonic()
        first: list[asyncio.Task[None]] = []
        later: dict[asyncio.Task[None], Entry] = {}
        for entry in entries:
            if entry.listing is not None:
                continue
            if now >= entry.retry_at:
                self._synchronise(gateway, entry)
            if entry.task is None:
                continue
            if not entry.problem:
                first.append(entry.task)
            elif slow or not entry.slow:
                later[entry.task] = entry
        if later:
            _, kept_waiting = await asyncio.wait(later, timeout=self._settings.patience)
            for task in kept_waiting:
                later[task].slow = True
        if first:
            await asyncio.wait(first)

    def _current(self, gateway: Record) -> list[Entry]:
        """Entries for the records as they are now; a changed record gives a new one without a listing."""
        gateway_id = str(gateway["gatewayId"])
        known = self._gateways.get(gateway_id, {})
        records = [record for record in self._resources.targets(gateway_id) if _is_mcp(record)]
        current: dict[str, Entry] = {}
        for record in records:
            target_id = str(record["targetId"])
            entry = known.get(target_id)
            if entry is None or (entry.record is not record and _differs(entry.record, record)):
                if entry is not None:
                    self._drop(entry)
                entry = self._new(record)
            current[target_id] = entry
        for target_id, entry in known.items():
            if target_id not in current:
                self._drop(entry)
        self._gateways[gateway_id] = current
        return list(current.values())

    def _new(self, record: Record) -> Entry:
        try:
            return Entry(record, self._connect(record))
        except TargetError as problem:
            LOG.warning("target %s: %s", record.get("name"), problem)
            return Entry(record, None, problem=str(problem))

    def _forget(self, gateway_id: str) -> None:
        """Ends what is kept for the targets of a gateway that is gone."""
        for entry in self._gateways.pop(gateway_id, {}).values():
            self._drop(entry)

    def _drop(self, entry: Entry) -> None:
        _stop_waiting(entry)
        if entry.task is not None:
            entry.task.cancel()
        if entry.target is not None:
            task = asyncio.get_running_loop().create_task(entry.target.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _synchronise(self, gateway: Record, entry: Entry) -> None:
        """Starts fetching the listing; the old one serves until then."""
        if entry.target is not None and entry.target.dynamic and entry.announce:
            entry.announce = False
            self._tools_changed(str(gateway["gatewayId"]))
        if entry.target is None or entry.target.dynamic or entry.task is not None:
            return
        loop = asyncio.get_running_loop()
        entry.again = False
        entry.task = loop.create_task(self._fetch(gateway, entry, entry.target))

    def _tools_changed(self, gateway_id: str) -> None:
        for listener in self._listeners:
            listener(gateway_id)

    async def _fetch(self, gateway: Record, entry: Entry, target: Target) -> None:
        began, left_out = self._clock.monotonic(), entry.slow
        try:
            async with asyncio.timeout(self._settings.listing):
                listing = await target.listing(gateway, None)
            before, entry.listing = entry.listing, listing
            entry.problem, entry.slow = "", False
            if entry.announce or left_out or (before is not None and before.tools != listing.tools):
                entry.announce = False
                self._tools_changed(str(gateway["gatewayId"]))
        except ConsentRequiredError as needed:
            entry.problem, entry.retry_at = str(needed), math.inf
            if not entry.again:
                entry.task = None
                loop = asyncio.get_running_loop()
                entry.waiting = loop.create_task(self._awaited(gateway, entry, needed))
                self._report(_key(gateway, entry), authorization=needed.authorization)
                return
        except (SkerryError, TimeoutError) as problem:
            entry.problem = _reason(problem, self._settings.listing)
            now = self._clock.monotonic()
            entry.retry_at = now + self._settings.retry
            entry.slow = entry.slow or now - began >= self._settings.patience
            LOG.warning("target %s cannot be listed: %s", entry.name, entry.problem)
        finally:
            entry.task = None
        if entry.again:
            self._synchronise(gateway, entry)
        else:
            self._tell(gateway, entry)

    async def _awaited(self, gateway: Record, entry: Entry, needed: ConsentRequiredError) -> None:
        """Lists the target once its consent is given; when it is not, only another write asks again."""
        try:
            given = await needed.settled()
        except SkerryError as problem:
            given, entry.problem = False, str(problem)
        else:
            if not given:
                entry.problem = "The authorization was refused, or nobody gave it in time."
        entry.waiting = None
        if given:
            self._synchronise(gateway, entry)
        else:
            self._tell(gateway, entry)

    def _tell(self, gateway: Record, entry: Entry) -> None:
        """Tells the control plane whether the target can be listed."""
        self._report(_key(gateway, entry), entry.problem)


def _stop_waiting(entry: Entry) -> None:
    if entry.waiting is not None:
        entry.waiting.cancel()
        entry.waiting = None


def _key(gateway: Record, entry: Entry) -> str:
    return f"{gateway['gatewayId']}/{entry.record['targetId']}"


def _is_mcp(record: Record) -> bool:
    """HTTP targets are called by their path; they have nothing to list."""
    return "http" not in (record.get("targetConfiguration") or {})


def _reason(problem: Exception, seconds: float) -> str:
    return f"It did not answer within {seconds:g} s." if isinstance(problem, TimeoutError) else str(problem)


def _differs(old: Record, new: Record) -> bool:
    """Whether a record describes another target than before; statuses and times do not count."""
    members = ("name", "targetConfiguration", "credentialProviderConfigurations", "metadataConfiguration")
    return any(old.get(member) != new.get(member) for member in members)
