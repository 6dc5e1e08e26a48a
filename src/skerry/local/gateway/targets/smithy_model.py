"""Smithy targets: the operations of an AWS service, called at the local stack with the gateway's role."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from skerry.local.gateway.outbound import Outbound
from skerry.local.gateway.schemas import smithy
from skerry.local.gateway.schemas.operation import Api
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.gateway.targets.rest import RestTarget
from skerry.local.ports import Clock, Record


class SmithyTarget(RestTarget):
    """An AWS service that a Smithy model in JSON AST describes."""

    def __init__(
        self,
        record: Record,
        configuration: Mapping[str, Any],
        outbound: Outbound,
        clock: Clock,
        settings: GatewaySettings,
    ) -> None:
        del clock
        super().__init__(record, outbound, settings)
        self._schema = configuration

    async def _api(self, gateway: Record) -> Api:
        del gateway
        text = await self._outbound.schemas.text(self._schema)
        read = partial(smithy.read, base=self._settings.endpoint)
        # In a thread: a model of a megabyte takes a second.
        return await asyncio.to_thread(read, text, self._settings.assumptions)
