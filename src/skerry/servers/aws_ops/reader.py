"""Runs an operation of a service tool: regions, pages, fields, and the two caps of an answer.

An answer is `{items, count, truncated, next_token, region, account}`, and `problems` when some of
several regions could not be read.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from skerry.errors import RemoteError
from skerry.servers.aws_ops import cursor
from skerry.servers.aws_ops.arguments import Arguments, closest, wrong_arguments
from skerry.servers.aws_ops.cloud import Cloud, Who
from skerry.servers.aws_ops.cursor import Position
from skerry.servers.aws_ops.definition import DEFAULT_LIMIT, Detail, Members, Operation, ServiceTool
from skerry.servers.aws_ops.failures import code_of

MAX_BYTES = 60_000
MAX_TEXT = 4_000
FIXTURE_HEADER = "x-skerry-fixture"
"""What the embedded cloud says of an answer that is made up; botocore gives names in lower case."""
AT_ONCE = 8
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")


@dataclass(frozen=True, slots=True)
class _Page:
    items: list[dict[str, Any]]
    token: str = ""
    source: str = ""


@dataclass(slots=True)
class _Answer:
    """Items collected so far, under a cap by number and one by bytes of JSON."""

    limit: int
    items: list[dict[str, Any]] = field(default_factory=list)
    size: int = 0
    heavy: bool = False

    @property
    def full(self) -> bool:
        return self.heavy or len(self.items) >= self.limit

    def take(self, items: Iterable[dict[str, Any]]) -> int:
        """Takes what fits and says how many that were; an answer has at least one item."""
        taken = 0
        for item in items:
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
    """Seconds since the epoch."""

    @property
    def who(self) -> Who:
        return Who(str(self.arguments.get("profile", "")), str(self.arguments.get("role_arn", "")))

    def run(self) -> dict[str, Any]:
        """The answer. Raises ServiceError for wrong arguments, RemoteError when AWS refuses."""
        self._check()
        regions = self._regions()
        bound = cursor.digest(self.operation.name, self.arguments)
        token = self.arguments.get("next_token")
        pending = deque(cursor.decode(token, bound) if token else [Position(name) for name in regions])
        answer = _Answer(int(self.arguments.get("limit", DEFAULT_LIMIT)))
        problems: list[tuple[str, RemoteError]] = []
        sources: set[str] = set()
        several = len(regions) > 1
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="aws-ops") as pool:
            while pending and not answer.full:
                wave = [pending.popleft() for _ in range(min(AT_ONCE, len(pending)))]
                for position, page in zip(wave, pool.map(self._page, wave), strict=True):
                    if isinstance(page, RemoteError):
                        problems.append((position.region, page))
                    else:
                        sources.add(page.source)
                        pending.extend(_consume(answer, position, page, several=several))
        if problems and not answer.items and not pending:
            raise problems[0][1]
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
        if problems:
            shown["problems"] = [{"region": region, "problem": str(error)} for region, error in problems]
        return shown

    def _check(self) -> None:
        """The arguments against this operation: what it requires, and what it would ignore."""
        usable = {"operation", "region", "limit", "next_token", "profile", "role_arn"}
        usable |= {*self.operation.sends, *self.operation.uses}
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
            members = {**self._members(), **self._cursor(position.token)}
            answer = self._call("", self.operation.api, position.region, members, self.operation.absent)
            found = (_search(self.operation.items, answer) or []) if answer else []
            told = {name: self.arguments[name] for name in self.operation.echo}
            items = [{**told, **_plain(item)} for item in found]
            for detail in self.operation.details:
                items = [{**item, **self._detail(detail, position.region, item)} for item in items]
        except RemoteError as error:
            return error
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return _Page(items, self._next(answer), str(headers.get(FIXTURE_HEADER, "")))

    def _members(self) -> Members:
        """The members of the call: constants and arguments; filters of several arguments add up."""
        members: Members = {**self.operation.always}
        for name, send in self.operation.sends.items():
            if name not in self.arguments:
                continue
            for key, value in send(self.arguments[name]).items():
                members[key] = [*members.get(key, []), *value] if key == "Filters" else value
        if self.operation.build is not None:
            members.update(self.operation.build(self.arguments, self.now))
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

    def _next(self, answer: Mapping[str, Any]) -> str:
        """Where the next page begins; empty when this was the last one."""
        paging = self.operation.paging
        first = str(answer.get(paging.next) or "") if paging is not None else ""
        if not first or paging is None or not paging.more:
            return first
        return cursor.joined([first, *(str(answer.get(name) or "") for name in paging.more.values())])

    def _detail(self, detail: Detail, region: str, item: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a further call; none when the service says that nothing is configured."""
        members: Members = {name: item[part] for name, part in detail.takes.items()}
        for name in detail.sends:
            if name in self.arguments:
                members.update(self.operation.sends[name](self.arguments[name]))
        answer = self._call(detail.service, detail.api, region, members, detail.absent)
        found = _plain(_search(detail.fields, answer))
        return found if answer and isinstance(found, dict) else dict(detail.otherwise)

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
            if isinstance(cause, Exception) and code_of(cause) in absent:
                return {}
            raise


def _consume(answer: _Answer, position: Position, page: _Page, *, several: bool) -> list[Position]:
    """Puts a page into the answer; what is left of it and after it comes back as positions."""
    fresh = page.items[position.done :]
    if several:
        fresh = [{"region": position.region, **item} for item in fresh]
    taken = answer.take(fresh)
    if taken < len(fresh):
        return [Position(position.region, position.token, position.done + taken)]
    if page.token:
        # A smaller limit makes smaller pages: what was done may reach beyond this one.
        return [Position(position.region, page.token, max(0, position.done - len(page.items)))]
    return []


def _search(expression: str, data: Mapping[str, Any]) -> Any:
    import jmespath  # type: ignore[import-untyped]

    return jmespath.search(expression, data)


def _plain(value: Any) -> Any:
    """JSON values only: times as ISO 8601, bytes as base64, long texts cut, empty members left out."""
    match value:
        case dict():
            return {str(key): _plain(part) for key, part in value.items() if part not in (None, "", [], {})}
        case list() | tuple():
            return [_plain(part) for part in value]
        case dt.datetime() | dt.date():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value[:MAX_TEXT]).decode()
        case str() if len(value) > MAX_TEXT:
            return f"{value[:MAX_TEXT]}… ({len(value)} characters)"
        case str() | int() | float() | None:
            return value
    return str(value)
