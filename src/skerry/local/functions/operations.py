"""The operations of Lambda's API that are performed here, besides Invoke: who may, on what, and by whom.

| of | operations |
|---|---|
| every function | AddPermission, RemovePermission, GetPolicy; those of Function URLs |
| declared ones | GetFunction, GetFunctionConfiguration, and a refusal of what would change them |
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from skerry.local.api.rest_json import Reply, iso8601
from skerry.local.api.service_model import Match
from skerry.local.functions import configurations, names, policies
from skerry.local.functions.deployed import DeployedFunctions
from skerry.local.functions.names import LATEST, FunctionName
from skerry.local.functions.policies import FunctionPolicies
from skerry.local.functions.pool import Pool
from skerry.local.functions.replies import not_found
from skerry.local.functions.settings import FunctionsSettings
from skerry.local.functions.urls import Urls
from skerry.local.ports.asgi import Scope
from skerry.local.ports.callers import Caller
from skerry.local.ports.permissions import Notes, Permissions
from skerry.local.ports.running import Clock
from skerry.wire.arn import lambda_arn


@dataclass(frozen=True, slots=True)
class Call:
    """A signed request for an operation on a function."""

    match: Match
    name: FunctionName
    caller: Caller
    scope: Scope
    body: bytes
    notes: Notes


class Operations:
    """Performs them; `declared` are the policies of the declared functions."""

    def __init__(
        self,
        settings: FunctionsSettings,
        permissions: Permissions,
        *,
        declared: FunctionPolicies,
        deployed: DeployedFunctions,
        urls: Urls,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._permissions = permissions
        self._declared = declared
        self._deployed = deployed
        self._urls = urls
        self._clock = clock
        self._since = clock.time()
        self._one_at_a_time = asyncio.Lock()

    async def perform(self, call: Call, pool: Pool | None) -> Reply:
        """The answer; `pool` is the declared function's, None for another one. Raises ServiceError."""
        if pool is None:
            async with self._one_at_a_time:  # what was looked up is what is changed
                return await self._of_deployed(call)
        operation = call.match.operation.name
        asked = self._declared.operation(operation, call.name.name)
        await self._permissions.check(call.caller, [asked], call.notes)
        check_place(call.name, self._settings)
        if operation in configurations.OPERATIONS:
            return configurations.perform(call.match, pool.function, self._since)
        if operation in policies.OPERATIONS:
            return await self._declared.perform(call.match, *_sent(call))
        return self._of_url(call)

    async def _of_deployed(self, call: Call) -> Reply:
        operation = call.match.operation.name
        found = await self._deployed.find(call.name, region_of(call.caller, self._settings))
        asked = found.policies.operation(operation, found.name)
        await self._permissions.check(call.caller, [asked], call.notes)
        told = found.configuration()
        if operation in policies.OPERATIONS:
            return await found.policies.perform(call.match, *_sent(call), resource=found.resource)
        if found.qualifier:
            raise names.invalid("skerry has no URLs of versions and aliases; leave out the Qualifier.")
        if found.region != self._settings.region:
            raise names.invalid(f"skerry has Function URLs in its own Region, {self._settings.region}, only.")
        self._urls.settle(found.name, found.id, told["url"], now=iso8601(self._clock.time()))
        return self._of_url(call)

    def _of_url(self, call: Call) -> Reply:
        return self._urls.perform(call.match, *_sent(call), now=iso8601(self._clock.time()))


def _sent(call: Call) -> tuple[bytes, list[tuple[bytes, bytes]], bytes]:
    return call.scope["query_string"], call.scope["headers"], call.body


def region_of(caller: Caller, settings: FunctionsSettings) -> str:
    """For which region a request was signed."""
    return next(iter(caller.request.get("aws:requestedregion", ())), settings.region)


def check_place(name: FunctionName, settings: FunctionsSettings) -> None:
    """Raises ResourceNotFoundException for a place or version in which a declared function is not."""
    if name.region and name.region != settings.region:
        raise not_found(
            f"Functions from '{name.region}' are not reachable in this region ('{settings.region}')"
        )
    account = name.account or settings.account
    if account != settings.account or name.qualifier not in ("", LATEST):
        arn = lambda_arn(settings.region, account, name.name, qualifier=name.qualifier)
        raise not_found(f"Function not found: {arn}")
