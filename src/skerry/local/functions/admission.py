"""Requests to Lambda that the embedded cloud performs: what is to be said of them before.

| operation | |
|---|---|
| CreateFunction | not with the name of a declared function |
| CreateFunction, UpdateFunctionConfiguration | iam:PassRole, a role for Lambda, no reserved variables |
| ListFunctions | shows the declared functions too |
| InvokeAsync | refused: the embedded cloud runs no functions |

Source: Lambda API reference; Lambda developer guide, "Execution role" (permissions to pass it), "Environment
variables".
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import unquote

from skerry.errors import ServiceError
from skerry.local.functions import configurations, names
from skerry.local.functions.function import Function
from skerry.local.functions.policies import PUBLISHED
from skerry.local.functions.settings import RESERVED
from skerry.local.ports.asgi import Scope
from skerry.local.ports.callers import Caller
from skerry.local.ports.functions import Narrow
from skerry.local.ports.permissions import Ask, Notes, Permissions
from skerry.wire.arn import lambda_arn

_ALL = re.compile(r"/[^/]+/functions/?")
_CONFIGURATION = re.compile(r"/[^/]+/functions/.+/configuration/?")
_INVOKE = re.compile(r"/[^/]+/functions/.+/(invocations|invoke-async)/?")
"""As the embedded cloud reads paths: decoded, and with any version of the API."""
_LARGE = 256 * 1024


class Admission:
    """`declared` are the functions of skerry.toml by name, which are there `since` a time.

    `place` is the stack's region and account.
    """

    def __init__(
        self,
        declared: Mapping[str, Function],
        permissions: Permissions,
        *,
        place: tuple[str, str],
        since: float,
    ) -> None:
        self._declared = declared
        self._permissions = permissions
        self._region, self._account = place
        self._since = since

    async def admit(
        self, scope: Scope, body: bytes, caller: Caller, region: str, notes: Notes
    ) -> Narrow | None:
        """See `ports.LambdaRequests`."""
        method, path = scope["method"], unquote(scope["raw_path"].decode("latin-1"))
        home = region in ("", self._region)
        if _ALL.fullmatch(path) and method == "GET":
            shown = self._declared.values()
            return partial(configurations.listed, functions=shown, since=self._since) if home else None
        if _ALL.fullmatch(path) and method == "POST":
            given = await _members(body)
            name = _name(given)
            if home and name in self._declared:
                raise ServiceError(
                    "ResourceConflictException",
                    409,
                    f"Function already exist: {name}",
                    members={"Type": "User"},
                )
            await self._check(given, name, caller, region, notes)
        elif _CONFIGURATION.fullmatch(path) and method == "PUT":
            given = await _members(body)
            await self._check(given, "*", caller, region, notes)
        elif _INVOKE.fullmatch(path):  # all others are the functions plane's
            raise ServiceError(
                "UnknownOperationException",
                404,
                "skerry serves Invoke at /2015-03-31/functions/NAME/invocations; in place of InvokeAsync use "
                "it with InvocationType Event.",
            )
        return None

    async def _check(
        self, given: Mapping[str, Any], name: str, caller: Caller, region: str, notes: Notes
    ) -> None:
        environment = given.get("Environment")
        variables = environment.get("Variables") if isinstance(environment, dict) else None
        taken = sorted(RESERVED & set(variables)) if isinstance(variables, dict) else []
        if taken:
            raise names.invalid(
                "Lambda was unable to configure your environment variables because the environment variables "
                "you have provided contains reserved keys that are currently not supported for modification. "
                f"Reserved keys used in this request: {', '.join(taken)}"
            )
        role = given.get("Role")
        if not isinstance(role, str) or not role.startswith("arn:"):
            return  # which the embedded cloud says
        await self._permissions.check(
            caller, [Ask("iam:PassRole", role, {"iam:passedtoservice": (PUBLISHED,)})], notes
        )
        source = lambda_arn(region or self._region, self._account, name)
        if role.split(":")[4:5] == [self._account] and await self._permissions.trusted(
            role, PUBLISHED, source, notes
        ):
            raise names.invalid("The role defined for the function cannot be assumed by Lambda.")


async def _members(body: bytes) -> Mapping[str, Any]:
    """The members of a JSON object; none where it is none, which the embedded cloud says."""
    try:
        given = await asyncio.to_thread(json.loads, body) if len(body) > _LARGE else json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return given if isinstance(given, dict) else {}


def _name(given: Mapping[str, Any]) -> str:
    try:
        return names.parse(str(given.get("FunctionName", ""))).name
    except ServiceError:
        return "*"
