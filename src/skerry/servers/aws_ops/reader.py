"""Runs an operation of a service tool: regions, pages, fields, and the two caps of an answer.

An answer is `{items, count, truncated, next_token, region, account}`, and `problems` when some of
several regions could not be read.
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from skerry.errors import RemoteError
from skerry.servers.aws_ops import cursor
from skerry.servers.aws_ops.arguments import Arguments, closest, wrong_arguments
from skerry.servers.aws_ops.cloud import Cloud, Who
from skerry.servers.aws_ops.cursor import Position
from skerry.servers.aws_ops.definition import (
    DEFAULT_LIMIT,
    Detail,
    Item,
    Members,
    Operation,
    Pick,
    ServiceTool,
)
from skerry.servers.aws_ops.failures import code_of, message_of
from skerry.servers.aws_ops.plain import fitted, plain

MAX_BYTES = 60_000
FIXTURE_HEADER = "x-skerry-fixture"
"""What the embedded cloud says of an answer that is made up; botocore gives names in lower case."""
AT_ONCE = 8
MAX_WAVES = 20
"""How often an answer asks for further pages, at most `AT_ONCE` of them at a time. A page may be empty."""
WAITS = (0.2, 0.3, 0.5, 1.0, 1.0, 2.0, 2.0, 3.0)
"""Seconds before a detail that is not ready is asked for again."""
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")


@dataclass(frozen=True, slots=True)
class _Page:
    """Items of a page from where the last answer stopped; None stands for one that is left out.

    `size` is how many items the whole page has, `rest` says that more of them follow the given ones, and
    `token` that there is a page after it.
    """

    items: list[Item | None]
    size: int = 0
    rest: bool = False
    token: str = ""
    source: str = ""


class _NotThereError(RemoteError):
    """The service has nothing of the name that was asked for."""


@dataclass(slots=True)
class _Answer:
    """Items collected so far, under a cap by number and one by bytes of JSON."""

    limit: int
    items: list[Item] = field(default_factory=list)
    size: int = 0
    heavy: bool = False

    @property
    def full(self) -> bool:
        return self.heavy or len(self.items) >= self.limit

    def take(self, items: Iterable[Item | None]) -> int:
        """Takes what fits and says how many that were; an answer has at least one item."""
        taken = 0
        for item in items:
            if item is None:
                taken += 1
                continue
            size = len(json.dumps(item, ensure_ascii=False).encode())
            if self.full:
                break
            if self.items and self.size + size > MAX_BYTES:
                self.heavy = True
                break
            self.items.append(item)
            self.size += size
            taken += 1
        return taken


@dataclass(frozen=True, slots=True)
class Reading:
    """One call of a service tool."""

    cloud: Cloud
    tool: ServiceTool
    operation: Operation
    arguments: Arguments
    hint: str = ""
    """The caller's own region; untrusted."""
    now: float = 0.0
    """When the question is asked, in seconds since the epoch."""
    sleep: Callable[[float], None] = time.sleep

    @property
    def who(self) -> Who:
        return Who(str(self.arguments.get("profile", "")), str(self.arguments.get("role_arn", "")))

    def run(self) -> dict[str, Any]:
        """The answer. Raises ServiceError for wrong arguments, RemoteError when AWS refuses."""
        self._check()
        regions = self._regions()
        bound = cursor.digest(self.operation.name, self.arguments)
        token = self.arguments.get("next_token")
        asked = int(self.now) if self.operation.build else 0
        first = [Position(name, asked=asked) for name in regions]
        pending = deque(cursor.decode(token, bound) if token else first)
        answer = _Answer(int(self.arguments.get("limit", DEFAULT_LIMIT)))
        problems: list[tuple[str, RemoteError]] = []
        sources: set[str] = set()
        several = len(regions) > 1
        waves = 0
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="aws-ops") as pool:
            while pending and not answer.full and waves < MAX_WAVES:
                waves += 1
                wave = [pending.popleft() for _ in range(min(AT_ONCE, len(pending)))]
                for position, page in zip(wave, pool.map(self._page, wave), strict=True):
                    if isinstance(page, RemoteError):
                        problems.append((position.region, page))
                    else:
                        sources.add(page.source)
                        pending.extend(_consume(answer, position, page, several=several))
        # A name that is in one region is missed in the others, which is no news.
        told = [row for row in problems if not (several and isinstance(row[1], _NotThereError))]
        if problems and not answer.items and not pending:
            raise (told or problems)[0][1]
        if self.operation.nothing and not (answer.items or pending or token):
            raise RemoteError(f"There is {self._named('nothing')}.", hint=self.operation.nothing)
        shown = {
            "items": answer.items,
            "count": len(answer.items),
            "truncated": bool(pending),
            "next_token": cursor.encode(list(pending), bound) if pending else None,
            "region": self._place(regions),
            "account": self.cloud.account(self.who),
        }
        if sources - {""}:
            shown["source"] = "; ".join(sorted(sources - {""}))
        if told:
            shown["problems"] = [{"region": region, "problem": str(error)} for region, error in told]
        return shown

    def _check(self) -> None:
        """The arguments against this operation: what it requires, and what it would ignore."""
        usable = {"operation", "region", "limit", "next_token", "profile", "role_arn"}
        usable |= self.operation.takes()
        problems = [
            (name, f"is needed by {self.operation.name}")
            for name in self.operation.requires
            if name not in self.arguments
        ]
        problems += [
            (name, f"is not used by {self.operation.name}") for name in self.arguments if name not in usable
        ]
        if problems:
            raise wrong_arguments(problems)

    def _regions(self) -> list[str]:
        """The regions to read. An operation about the whole account is asked in one place only."""
        known = self.cloud.known_regions()
        home = self.hint if self.hint in known else self.cloud.settings.region
        text = str(self.arguments.get("region") or home).strip().lower()
        if text == "all":
            if self.operation.scope == "account":
                return [self.cloud.settings.region]
            return list(self.cloud.enabled_regions(self.who))
        names = list(dict.fromkeys(part for part in re.split(r"[,\s]+", text) if part))
        wrong = [name for name in names if not _REGION.fullmatch(name) or name not in known]
        if wrong or not names:
            named = ", ".join(name[:32] for name in wrong) or "nothing"
            hint = closest(wrong[0], known, most=2) if wrong else ""
            raise wrong_arguments([("region", f"names {named}, which is no region{hint}")])
        return names[:1] if self.operation.scope == "account" else names

    def _place(self, regions: list[str]) -> str:
        """What an answer says about where it looked."""
        if self.operation.scope == "account":
            return "global"
        return "all" if str(self.arguments.get("region", "")).lower() == "all" else ", ".join(regions)

    def _page(self, position: Position) -> _Page | RemoteError:
        """One page of one region; a failure is a value, because other regions go on."""
        try:
            return self._looked_up(position.region).page(position)
        except RemoteError as error:
            return error

    def page(self, position: Position) -> _Page:
        """One page of one region. Raises RemoteError when AWS refuses."""
        members = {**self._members(position.asked), **self._cursor(position.token)}
        answer = self._call("", self.operation.api, position.region, members, self.operation.absent)
        found = (_pick(self.operation.items, answer) or []) if answer else []
        last = position.done + int(self.arguments.get("limit", DEFAULT_LIMIT))
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return _Page(
            self._items(found[position.done : last], position.region),
            size=len(found),
            rest=len(found) > last,
            token=self._next(answer, position.token),
            source=str(headers.get(FIXTURE_HEADER, "")),
        )

    def _looked_up(self, region: str) -> Reading:
        """The same with an id instead of a name, where the operation looks names up."""
        lookup = self.operation.lookup
        value = str(self.arguments.get(lookup.argument, "")) if lookup else ""
        if lookup is None or not value or lookup.known(value):
            return self
        answer = self._call("", lookup.api, region, lookup.sends(value), ())
        found = lookup.pick(answer, value)
        if found is None:
            raise RemoteError(f"There is no {lookup.argument} '{value[:200]}'.", hint=lookup.hint)
        return replace(self, arguments={**self.arguments, lookup.argument: found})

    def _items(self, found: list[Any], region: str) -> list[Item | None]:
        """What is shown of the items that a call gave: described, detailed, kept and finished."""
        raw = self._described(found, region) if self.operation.batch else found
        told = {name: self.arguments[name] for name in self.operation.echo}
        items = [None if item is None else {**told, **plain(item)} for item in raw]
        if not self.operation.details or len(items) <= 1:
            return [self._whole(item, region) for item in items]
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="aws-ops-details") as pool:
            return list(pool.map(lambda item: self._whole(item, region), items))

    def _whole(self, item: Item | None, region: str) -> Item | None:
        """The item with its details, or None when an argument leaves it out."""
        if item is None:
            return None
        for name, keeps in self.operation.keeps.items():
            if name in self.arguments and not keeps(item, self.arguments[name]):
                return None
        for detail in self.operation.details:
            item = {**item, **self._detail(detail, region, item)}
        if self.operation.finish is not None:
            item = plain(self.operation.finish(item))
        return fitted(item, MAX_BYTES)

    def _described(self, found: list[Any], region: str) -> list[Any]:
        """The items behind identifiers, in their order; None for one that is not there any more."""
        batch = self.operation.batch
        assert batch is not None
        described: dict[Any, Any] = {}
        for start in range(0, len(found), batch.size):
            members = {**self._sent(batch.sends), batch.member: found[start : start + batch.size]}
            answer = self._call("", batch.api, region, members, ())
            described.update({item[batch.key]: item for item in _pick(batch.items, answer) or []})
        return [described.get(identifier) for identifier in found]

    def _members(self, asked: float) -> Members:
        """The members of the call: constants and arguments; filters of several arguments add up."""
        members: Members = {**self.operation.always}
        for name, send in self.operation.sends.items():
            if name not in self.arguments:
                continue
            for key, value in send(self.arguments[name]).items():
                members[key] = [*members.get(key, []), *value] if key == "Filters" else value
        if self.operation.build is not None:
            members.update(self.operation.build(self.arguments, asked))
        return members

    def _cursor(self, token: str) -> Members:
        """The members that ask for a page: its size, and where it begins."""
        paging = self.operation.paging
        if paging is None:
            return {}
        members: Members = {}
        if paging.size:
            wanted = int(self.arguments.get("limit", DEFAULT_LIMIT))
            size = min(max(wanted, paging.minimum), paging.maximum)
            members[paging.size] = str(size) if paging.words else size
        if token:
            names = (paging.cursor, *paging.more)
            parts = cursor.parts(token, len(names)) if paging.more else [token]
            members.update((name, part) for name, part in zip(names, parts, strict=True) if part)
        return members

    def _next(self, answer: Mapping[str, Any], sent: str) -> str:
        """Where the next page begins; empty when this was the last one."""
        paging = self.operation.paging
        first = str(answer.get(paging.next) or "") if paging is not None else ""
        if paging is not None and paging.repeats and first == sent:
            return ""
        if not first or paging is None or not paging.more:
            return first
        return cursor.joined([first, *(str(answer.get(name) or "") for name in paging.more.values())])

    def _sent(self, names: Iterable[str]) -> Members:
        """The members that these arguments become, as in the operation's first call."""
        members: Members = {}
        for name in names:
            if name in self.arguments:
                members.update(self.operation.sends[name](self.arguments[name]))
        return members

    def _detail(self, detail: Detail, region: str, item: Item) -> Item:
        """The fields of a further call; none when the service says that nothing is configured."""
        members = {**detail.always, **{name: item[part] for name, part in detail.takes.items()}}
        members.update(self._sent(detail.sends))
        answer = self._call(detail.service, detail.api, region, members, detail.absent)
        for pause in WAITS:
            if detail.again is None or not detail.again(answer):
                break
            self.sleep(pause)
            answer = self._call(detail.service, detail.api, region, members, detail.absent)
        found = plain(_pick(detail.fields, answer)) if answer else None
        return found if isinstance(found, dict) else dict(detail.otherwise)

    def _call(
        self, service: str, api: str, region: str, members: Members, absent: tuple[str, ...]
    ) -> dict[str, Any]:
        """The answer of a call; empty when it failed with a code in `absent`."""
        named = service or self.operation.service or self.tool.service
        call = self.cloud.describe(named, api, region)
        try:
            return self.cloud.call(call, who=self.who, members=members)
        except RemoteError as error:
            cause = error.__cause__
            if not isinstance(cause, Exception):
                raise
            code, text = code_of(cause), message_of(cause)
            if code in absent:
                return {}
            for missing in self.tool.missing:
                if code == missing.code and missing.says in text:
                    said = f"{call} found {self._named('nothing of that name')} ({code})."
                    raise _NotThereError(said, hint=missing.hint) from cause
            raise

    def _named(self, otherwise: str) -> str:
        """What the question is about: `no function 'x'`."""
        given = [name for name in self.operation.takes() if name in self.arguments]
        names = self.operation.requires or sorted(given)
        named = [f"no {name.replace('_', ' ')} '{str(self.arguments[name])[:200]}'" for name in names]
        return " or ".join(named) or otherwise


def _consume(answer: _Answer, position: Position, page: _Page, *, several: bool) -> list[Position]:
    """Puts a page into the answer; what is left of it and after it comes back as positions."""
    fresh = page.items
    if several:
        fresh = [item and {"region": position.region, **item} for item in fresh]
    taken = answer.take(fresh)
    if taken < len(fresh) or page.rest:
        return [replace(position, done=position.done + taken)]
    if page.token:
        # A smaller limit makes smaller pages: what was done may reach beyond this one.
        return [replace(position, token=page.token, done=max(0, position.done - page.size))]
    return []


def _pick(pick: Pick, data: Members) -> Any:
    if not isinstance(pick, str):
        return pick(data)
    import jmespath  # type: ignore[import-untyped]

    return jmespath.search(pick, data)
