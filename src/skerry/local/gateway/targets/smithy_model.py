"""Smithy targets: the operations of an AWS service, called at the local stack with the gateway's role."""

from __future__ import annotations

import asyncio
from functools import partial

from skerry.local.gateway.schemas import smithy
from skerry.local.gateway.schemas.operation import Api
from skerry.local.gateway.targets.rest import RestTarget
from skerry.local.ports.resources import Record


class SmithyTarget(RestTarget):
    """An AWS service that a Smithy model in JSON AST describes."""

    async def _api(self, gateway: Record) -> Api:
        del gateway
        text = await self._outbound.schemas.text(self._configuration)
        read = partial(smithy.read, base=self._settings.endpoint)
        # In a thread: a model of a megabyte takes a second.
        return await asyncio.to_thread(read, text, self._settings.assumptions)
