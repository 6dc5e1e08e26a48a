"""Functions that the embedded cloud has: made with Lambda's API, by CloudFormation or by seeds, and run here.

The embedded cloud keeps what they are, and is asked with each invocation: what was changed counts at the
next one. Their environments are those of a version as it is configured.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from skerry.errors import ServiceError
from skerry.local.functions.code_folders import CodeChangedError, CodeFolders
from skerry.local.functions.deployment import NODE, Deployed, refuse_foreign
from skerry.local.functions.deployment import content as content_of
from skerry.local.functions.function import Function
from skerry.local.functions.names import LATEST, FunctionName
from skerry.local.functions.policies import FunctionPolicies, KeptStatements
from skerry.local.functions.pool import Pool
from skerry.local.functions.replies import not_found
from skerry.local.functions.settings import FunctionSettings, FunctionsSettings
from skerry.local.ports.callers import Access
from skerry.local.ports.functions import FunctionSource
from skerry.local.ports.monitoring import Monitor
from skerry.local.ports.running import Clock
from skerry.wire.arn import lambda_arn

POOLS = 32
"""Versions whose environments are kept; of more, those that were not used for the longest time end."""
DISK = 2 << 30
"""Bytes of unpacked code that are kept, besides the code of the version that was used last."""

_LOOKS = 5
_LOG = logging.getLogger("skerry.functions")
_Key = tuple[str, str, str]
"""Region, name and version."""


@dataclass(slots=True)
class _Kept:
    """The environments of a version as it is configured now."""

    found: Deployed
    content: str
    pool: Pool
    size: int


class DeployedFunctions:
    """The pools of deployed functions. Use it between `start()` and `close()`.

    Without a `source` there is no such function. `on_gone` is told the name of one that is not there any
    more.
    """

    def __init__(
        self,
        source: FunctionSource | None,
        *,
        settings: FunctionsSettings,
        access: Access,
        clock: Clock,
        monitor: Monitor,
        on_gone: Callable[[str], None],
    ) -> None:
        self._source = source
        self._settings = settings
        self._access = access
        self._clock = clock
        self._monitor = monitor
        self._on_gone = on_gone
        self._code = CodeFolders(settings.state)
        self._kept: dict[_Key, _Kept] = {}
        self._retiring: dict[asyncio.Task[None], Pool] = {}
        self._looking: asyncio.Task[None] | None = None
        self._look_again = False

    async def start(self) -> None:
        """Takes away code that a run before left."""
        if self._source is not None:
            await self._code.start()

    async def close(self) -> None:
        """Ends every environment."""
        tasks = [*self._retiring, *([self._looking] if self._looking else [])]
        pools = [*self._retiring.values(), *(kept.pool for kept in self._kept.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(pool.close() for pool in pools))

    def environments(self, name: str) -> list[Any]:
        """The environments that live now, of all versions of a function."""
        pools = [kept.pool for key, kept in self._kept.items() if key[1] == name]
        pools += [pool for pool in self._retiring.values() if pool.function.name == name]
        return [environment for pool in pools for environment in pool.environments]

    async def find(self, name: FunctionName, region: str) -> Deployed:
        """What a request is about that was made in a region. Raises ServiceError (503; 404 elsewhere)."""
        if name.region and name.region != region:
            raise not_found(f"Functions from '{name.region}' are not reachable in this region ('{region}')")
        account = self._settings.account
        qualifier = "" if name.qualifier == LATEST else name.qualifier
        asked = {"region": region, "account": account, "name": name.name, "qualifier": qualifier}
        mine = self._source is not None and name.account in ("", account)
        told = await self._source.function(asked) if self._source is not None and mine else None
        resource = f"{name.name}:{qualifier}" if qualifier else name.name
        return Deployed(
            name=name.name,
            qualifier=qualifier,
            region=region,
            arn=lambda_arn(region, name.account or account, name.name, qualifier=name.qualifier),
            function=lambda_arn(region, account, name.name),
            resource=resource,
            policies=FunctionPolicies(region, account, KeptStatements(told, asked, self._source)),
            asked=asked,
            told=told,
        )

    async def pool(self, found: Deployed) -> Pool:
        """The environments of a function's version, held for the caller, who releases them.

        Raises ServiceError for what does not run here, and for code that cannot be used.
        """
        for _ in range(_LOOKS):
            try:
                return await self._pool(found)
            except CodeChangedError:  # after it was looked up
                found = await self.find(FunctionName(found.name, found.qualifier), found.region)
        raise ServiceError("ServiceException", 500, "The code changes faster than it can be fetched.")

    async def _pool(self, found: Deployed) -> Pool:
        told = found.configuration()
        refuse_foreign(found.name, told, node=self._settings.node)
        key, content = (found.region, found.name, str(told["version"])), content_of(told)
        kept = self._kept.get(key)
        if kept is None or kept.content != content:
            kept = await self._replace(key, content, found, told)
        self._kept[key] = self._kept.pop(key)  # the last one is the one that was used last
        self._make_room()
        kept.pool.hold()
        return kept.pool

    def changed(self) -> None:
        """Looks whether functions are still what their environments run; never blocks."""
        if self._looking is not None and not self._looking.done():
            self._look_again = True
        elif self._kept:
            self._looking = asyncio.create_task(self._look())

    async def looked(self) -> None:
        """Returns when that look is over."""
        if self._looking is not None:
            await self._looking

    async def settled(self) -> None:
        """Returns when all that is not kept any more has ended."""
        while self._retiring:
            await asyncio.wait(self._retiring)

    async def _look(self) -> None:
        again = True
        while again:
            self._look_again = False
            for key, kept in list(self._kept.items()):
                await self._look_at(key, kept)
            again = self._look_again

    async def _look_at(self, key: _Key, kept: _Kept) -> None:
        assert self._source is not None
        asked = {**kept.found.asked, "qualifier": "" if key[2] == LATEST else key[2]}
        try:
            told = await self._source.function(asked)
        except ServiceError as problem:
            _LOG.debug("%s cannot be looked at: %s", key[1], problem)
            return
        gone = told is None or told["id"] != kept.found.id
        same = told is not None and told["version"] is not None and content_of(told) == kept.content
        if not same and self._kept.get(key) is kept:
            del self._kept[key]
            self._retire(kept)
        if gone:
            self._on_gone(key[1])

    async def _replace(self, key: _Key, content: str, found: Deployed, told: Mapping[str, Any]) -> _Kept:
        source = self._source
        assert source is not None
        sha256 = str(told["sha256"])
        folder, size = await self._code.use(sha256, lambda: source.function_code(found.asked))
        before = self._kept.get(key)
        if before is not None and before.content == content:  # somebody else was faster
            await self._code.leave(sha256)
            return before
        plane = replace(self._settings, region=found.region)
        if told["concurrency"] is not None:
            plane = replace(plane, concurrency=told["concurrency"])
        function = Function(
            name=found.name,
            arn=found.function,
            settings=FunctionSettings(
                path=folder,
                handler=told["handler"],
                environment=told["environment"],
                timeout=told["timeout"],
                memory=told["memory"],
                role=told["role"],
                warm=0,
            ),
            plane=plane,
            version=str(told["version"]),
            node=plane.node if str(told["runtime"]).startswith(NODE) else "",
        )
        pool = Pool(function, access=self._access, clock=self._clock, monitor=self._monitor)
        made = _Kept(found, content, pool, size)
        self._kept[key] = made
        if before is not None:
            self._retire(before)
        return made

    def _make_room(self) -> None:
        for key, kept in list(self._kept.items())[:-1]:
            size = sum(item.size for item in self._kept.values())
            if len(self._kept) <= POOLS and size <= DISK:
                return
            del self._kept[key]
            self._retire(kept)

    def _retire(self, kept: _Kept) -> None:
        task = asyncio.create_task(self._end(kept))
        self._retiring[task] = kept.pool
        task.add_done_callback(self._retiring.pop)

    async def _end(self, kept: _Kept) -> None:
        await kept.pool.retire()
        assert kept.found.told is not None
        await self._code.leave(str(kept.found.told["sha256"]))
