"""`Mcp-Param-*` headers, held against the arguments of a call before the program sees it.

Source: MCP 2026-07-28, Streamable HTTP: what routes by a header must be able to rely on it. The schemas are
the program's own, from its `tools/list`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from skerry.relay.ports import Server, nowhere
from skerry.relay.tool_pages import tool_pages
from skerry.wire.headers import MCP_PARAM_PREFIX
from skerry.wire.jsonrpc import Envelope
from skerry.wire.param_headers import contradicting

_PREFIX = MCP_PARAM_PREFIX.lower()
_MAX_PAGES = 64


class Parameters:
    """Knows the tools of one program."""

    def __init__(self) -> None:
        self._schemas: dict[str, Any] = {}
        self._ids = itertools.count(1)

    async def contradiction(self, call: Envelope, headers: Mapping[str, str], server: Server) -> str | None:
        """The header that does not say what the arguments of a `tools/call` say, or None.

        The tools are read when the tool is not known, and once more before a call is refused. Raises
        RelayError.
        """
        name, arguments = call.params.get("name"), call.params.get("arguments")
        if not arguments and not any(header.startswith(_PREFIX) for header in headers):
            return None
        if not isinstance(name, str):
            return None
        fresh = name not in self._schemas
        if fresh:
            await self._read(call, server)
        found = contradicting(self._schemas.get(name), arguments, headers)
        if found is None or fresh:
            return found
        await self._read(call, server)
        return contradicting(self._schemas.get(name), arguments, headers)

    async def _read(self, call: Envelope, server: Server) -> None:
        """Asks for every page of the tools in the name of the client that calls."""
        schemas: dict[str, Any] = {str(call.params.get("name")): None}  # also when it is not listed
        pages = tool_pages(lambda asked: server.call(asked, nowhere), call, self._ids, limit=_MAX_PAGES)
        async for answer in pages:
            tools = answer.result.get("tools") if isinstance(answer.result, dict) else None
            for tool in tools if isinstance(tools, list) else ():
                if isinstance(tool, dict) and isinstance(tool.get("name"), str):
                    schemas[tool["name"]] = tool.get("inputSchema")
        self._schemas = schemas
