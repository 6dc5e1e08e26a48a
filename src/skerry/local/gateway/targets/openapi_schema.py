"""OpenAPI targets: the operations of a document in the configuration or in S3."""

from __future__ import annotations

import asyncio

from skerry.local.gateway.schemas import openapi
from skerry.local.gateway.schemas.operation import Api
from skerry.local.gateway.targets.rest import RestTarget
from skerry.local.ports.resources import Record


class OpenApiTarget(RestTarget):
    """A REST API that an OpenAPI 3.0 or 3.1 document describes."""

    async def _api(self, gateway: Record) -> Api:
        del gateway
        text = await self._outbound.schemas.text(self._configuration)
        # In a thread: a document of a megabyte takes a second.
        return await asyncio.to_thread(openapi.read, text, self._settings.assumptions)
