"""Statuses that move: CREATING, UPDATING, SYNCHRONIZING and DELETING end by themselves.

    operation ▶ record with a status in between, stored ▶ the work, if a plane does any ▶ the status after it

An operation stores a record with a status of `STEPS`; this module brings it to the next one. What takes real
time is the work of a plane, which reports its end (`ports.Report`): a target is READY when its tools were
listed, a runtime when its code was there. Where somebody must authorize that work first, the plane says so:
the record shows where, in a status of `PENDING_AUTH`, until the plane reports again. Every transition takes
the `duration` of the plane's settings at least. One that a killed stack left behind is taken up again at the
next start.

Source: the status enums of the botocore service model bedrock-agentcore-control.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from skerry.errors import ServiceError, StateError
from skerry.local.api.rest_json import iso8601
from skerry.local.ports.resources import Authorization, Change, Record, Report, ReportedKind
from skerry.local.ports.running import Clock
from skerry.local.state.records import Write
from skerry.local.state.resources import Resources

log = logging.getLogger("skerry.local")

STEPS = frozenset({"CREATING", "UPDATING", "SYNCHRONIZING", "DELETING"})
"""Statuses that end by themselves. A record in one of them takes no other write."""
PENDING_AUTH: Mapping[str, str] = {
    "CREATING": "CREATE_PENDING_AUTH",
    "UPDATING": "UPDATE_PENDING_AUTH",
    "SYNCHRONIZING": "SYNCHRONIZE_PENDING_AUTH",
}
"""The status of a step that waits for an authorization; until it ends the record takes no write either."""
_STEP = {pending: step for step, pending in PENDING_AUTH.items()}

_AUTHORIZATION = "authorizationData"

MAX_REASON = 2048
"""Characters of a reason."""
TICK = 1.0
"""Seconds after which a wait looks at the clock again, which may be moved."""

Finish = Callable[[Resources, dict[str, Any], str], Sequence[Write]]
"""Completes a record that has come to its status, and gives the other writes: (resources, record, now)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How records of a kind move: the status when it went well, and after each step that failed.

    `reason` is the member that says why a step failed. `own` tells whether a record moves by itself, and not
    together with another; `waits` whether a plane works on it.
    `finish` says what else belongs to the end of a step, `gone` what to the removal of a record.
    """

    failed: Mapping[str, str]
    ready: str = "READY"
    reason: Literal["failureReason", "statusReasons"] = "statusReasons"
    own: Callable[[Record], bool] = lambda _: True
    waits: Callable[[Record], bool] = lambda _: True
    finish: Finish = lambda *_: ()
    gone: Callable[[Resources, Record], Sequence[Write]] = lambda *_: ()

    def after(self, status: str, problem: str) -> str | None:
        """The status that follows, None where there is none.

        Work that goes well on what had failed before makes that ready: a server may come late.
        """
        step = _STEP.get(status, status)
        if step in STEPS:
            return self.failed.get(step, self.ready) if problem else self.ready
        return self.ready if status in self.failed.values() and not problem else None


def writable(record: Record, shown: str) -> Record:
    """The record, which may be written. Raises ConflictException (409) while it is in transition."""
    status = record.get("status")
    if status in STEPS:
        raise ServiceError(
            "ConflictException",
            409,
            f"{shown} is in status {status}.",
            hint="Read it until that has ended, then try again.",
        )
    if status in _STEP:
        raise ServiceError(
            "ConflictException",
            409,
            f"{shown} is in status {status}.",
            hint="Complete the authorization in its authorizationData, or wait until that has failed.",
        )
    return record


@dataclass(slots=True)
class _Pending:
    """A transition under way. `due` is of the monotonic clock; `working` while a plane has not reported.

    `authorization` is what it waits for, if the plane reported that.
    """

    due: float
    working: bool
    problem: str = ""
    authorization: Authorization | None = None


@dataclass(slots=True)
class Lifecycle:
    """Ends transitions. `lock` is the one under which the plane writes; `kinds` says what moves how."""

    resources: Resources
    clock: Clock
    lock: asyncio.Lock
    kinds: Mapping[str, Kind]
    duration: float = 0.0
    _reported: set[ReportedKind] = field(default_factory=set)
    _pending: dict[tuple[str, str], _Pending] = field(default_factory=dict)
    _timer: asyncio.Task[None] | None = None
    _closed: bool = False

    def reporter(self, kind: ReportedKind) -> Report:
        """What a plane that works on records of a kind reports to; from now on they wait for that."""
        self._reported.add(kind)

        def report(key: str, problem: str = "", *, authorization: Authorization | None = None) -> None:
            self._report(kind, key, problem, authorization)

        return report

    def resume(self) -> list[Change]:
        """Takes up what an earlier run left in transition; the changes that planes must hear of for it."""
        for kind in self.kinds:
            for key, record in self.resources.items(kind):
                self._begin(kind, key, record)
        self.wake()
        return [
            Change(kind, "updated", key, record)
            for kind in self._reported
            for key, record in self.resources.items(kind)
            if (pending := self._pending.get((kind, key))) is not None and pending.working
        ]

    def begin(self, writes: Iterable[Write]) -> None:
        """These records are about to be stored; those in a status between others will leave it."""
        for write in writes:
            if write.kind in self.kinds and write.record is not None:
                self._begin(write.kind, write.key, write.record)

    async def settle(self) -> None:
        """Stores the end of every transition whose time has come. Only under the lock. Raises StateError."""
        now = self.clock.monotonic()
        for (kind, key), pending in list(self._pending.items()):
            if pending.working or pending.due > now:
                continue
            record = self.resources.get(kind, key)
            writes = () if record is None else self._ended(kind, key, record, pending)
            del self._pending[kind, key]  # what is reported from now on is news
            try:
                if writes:
                    await self.resources.commit(writes, (), None)
            except StateError:
                self._pending.setdefault((kind, key), pending)
                raise

    async def close(self) -> None:
        """Takes no report any more; what is under way is taken up by the next start."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._timer

    def _begin(self, kind: str, key: str, record: Record) -> None:
        status, moves = record.get("status"), self.kinds[kind]
        if status in STEPS and moves.own(record):
            working = kind in self._reported and status != "DELETING" and moves.waits(record)
            self._pending[kind, key] = _Pending(self.clock.monotonic() + self.duration, working)
        elif status in _STEP and kind in self._reported:  # whoever could authorize it may be gone: ask anew
            self._pending[kind, key] = _Pending(self.clock.monotonic(), working=True)

    def _report(self, kind: str, key: str, problem: str, authorization: Authorization | None) -> None:
        if self._closed:
            return  # a plane that ends lets go of its work, which says nothing of the resource
        pending = self._pending.get((kind, key))
        if pending is None:
            record = self.resources.get(kind, key)
            if record is None or self.kinds[kind].after(str(record.get("status")), problem) is None:
                return
            pending = self._pending[kind, key] = _Pending(self.clock.monotonic(), working=True)
        pending.working, pending.problem = False, problem[:MAX_REASON]
        pending.authorization = authorization
        self.wake()

    def wake(self) -> None:
        """Looks after what is under way, from now on by itself."""
        if self._pending and not self._closed and (self._timer is None or self._timer.done()):
            self._timer = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        """Ends when nothing is under way but work that will be reported."""
        while True:
            wait = 0.01
            async with self.lock:
                try:
                    await self.settle()
                except StateError as problem:
                    log.warning("a status could not be stored: %s", problem)
                    wait = TICK
            due = [pending.due for pending in self._pending.values() if not pending.working]
            if not due:
                return
            await asyncio.sleep(min(max(min(due) - self.clock.monotonic(), wait), TICK))

    def _ended(self, kind: str, key: str, record: Record, pending: _Pending) -> Sequence[Write]:
        """The writes that end a transition; none when the record is in none any more."""
        moves = self.kinds[kind]
        status = str(record.get("status"))
        if status == "DELETING":
            return [Write(kind, key, None), *moves.gone(self.resources, record)]
        if pending.authorization is not None:
            return _waiting(kind, key, record, pending.authorization)
        problem = pending.problem
        after = moves.after(status, problem)
        if after is None:
            return ()
        log.info("%s %s %s", kind, key, after)
        dropped = (moves.reason, _AUTHORIZATION)
        moved: dict[str, Any] = {name: value for name, value in record.items() if name not in dropped}
        moved["status"] = after
        if problem:
            moved[moves.reason] = problem if moves.reason == "failureReason" else [problem]
        others = moves.finish(self.resources, moved, iso8601(self.clock.time()))
        return [Write(kind, key, moved), *others]


def _waiting(kind: str, key: str, record: Record, authorization: Authorization) -> Sequence[Write]:
    """The write of a step that waits for an authorization; none where nothing is under way."""
    step = _STEP.get(str(record["status"]), str(record["status"]))
    if step not in PENDING_AUTH:
        return ()
    shown = {"oauth2": {"authorizationUrl": authorization.url, "userId": authorization.user_id}}
    moved = {**record, "status": PENDING_AUTH[step], _AUTHORIZATION: shown}
    if moved == record:
        return ()
    log.info("%s %s %s", kind, key, moved["status"])
    return [Write(kind, key, moved)]
