"""`Mcp-Param-*` headers, held against the arguments of a call before the program sees it.

Source: MCP 2026-07-28, Streamable HTTP: what routes by a header must be able to rely on it. The schemas are
the program's own, from its `tools/list`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.relay.ports import Server
from skerry.wire import jsonrpc
from skerry.wire.headers import MCP_PARAM_PREFIX
from skerry.wire.jsonrpc import Envelope
from skerry.wire.param_headers import contradicting

_PREFIX = MCP_PARAM_PREFIX.lower()
_MAX_PAGES = 64


class Parameters:
    """Knows the tools of one program."""

    def __init__(self) -> None:
        self._schemas: dict[str, Any] = {}

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
        meta = dict(call.params.get("_meta") or {})
        meta.pop("progressToken", None)
        schemas: dict[str, Any] = {str(call.params.get("name")): None}  # also when it is not listed
        cursor: object = None
        for page in range(_MAX_PAGES):
            params = {"_meta": meta} if cursor is None else {"_meta": meta, "cursor": cursor}
            answer = await server.call(
                jsonrpc.parse(jsonrpc.request(f"skerry-tools-{page}", "tools/list", params)), _ignore
            )
            result = answer.result if isinstance(answer.result, dict) else {}
            for tool in result.get("tools") or ():
                if isinstance(tool, dict) and isinstance(tool.get("name"), str):
                    schemas[tool["name"]] = tool.get("inputSchema")
            cursor = result.get("nextCursor")
            if not isinstance(cursor, str):
                break
        self._schemas = schemas


async def _ignore(_: Envelope) -> None:
    return
