"""One call of an interceptor's function, and what the gateway's record says about it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from skerry.local.gateway.interceptors import payloads
from skerry.local.gateway.interceptors.payloads import Family, Output, OutputError
from skerry.local.gateway.invoke import invoke
from skerry.local.gateway.outbound import Outbound
from skerry.local.gateway.outgoing import Outgoing, TargetError
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.ports.resources import Record

Point = Literal["REQUEST", "RESPONSE"]
_LARGE = 256 * 1024


def configuration(gateway: Record, point: Point) -> Mapping[str, Any] | None:
    """The gateway's interceptor for a point, if it has one."""
    for found in gateway.get("interceptorConfigurations") or ():
        if point in found["interceptionPoints"]:
            configured: Mapping[str, Any] = found
            return configured
    return None


def passes_headers(configured: Mapping[str, Any]) -> bool:
    """Whether the interceptor may see the request's headers."""
    return (configured.get("inputConfiguration") or {}).get("passRequestHeaders") is True


def without_body(configured: Mapping[str, Any]) -> bool:
    """Whether the body of the response is kept from the interceptor."""
    filtered = (configured.get("inputConfiguration") or {}).get("payloadFilter") or {}
    return any(item.get("field") == "RESPONSE_BODY" for item in filtered.get("exclude") or ())


class Calls:
    """Invokes interceptors through `outbound`, with the gateway's role; each is a hop of its own."""

    def __init__(self, outbound: Outbound, settings: GatewaySettings) -> None:
        self._outbound = outbound
        self._settings = settings

    async def ask(
        self, point: Point, configured: Mapping[str, Any], call: Outgoing, family: Family = "mcp"
    ) -> Output:
        """What the function says to the event in `call.body`.

        Raises TargetError when it fails, takes too long or returns no interceptor output.
        """
        arn = str(configured["interceptor"]["lambda"]["arn"])
        name = arn.rpartition(":function:")[2]
        shown = replace(call, target={"name": name}, operation=f"→ interceptor {point}")
        limit = self._settings.assumptions.interceptor_timeout
        try:
            async with asyncio.timeout(limit):
                payload = await invoke(arn, shown, self._outbound, self._settings)
            if len(payload) > _LARGE:
                return await asyncio.to_thread(payloads.output, payload, family)
            return payloads.output(payload, family)
        except TimeoutError as problem:
            raise TargetError(f"The {point} interceptor did not answer within {limit:g} s.") from problem
        except OutputError as problem:
            raise TargetError(f"The {point} interceptor {name} failed: {problem.message}") from problem
