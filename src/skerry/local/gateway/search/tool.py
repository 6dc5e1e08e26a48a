"""The tool `x_amz_bedrock_agentcore_search` of gateways with the search type SEMANTIC.

Source: AWS developer guide, gateway search; the answer's shape from AWS's SDK, whose clients read
`structuredContent.tools` or else the JSON in the text.
"""

from __future__ import annotations

import asyncio
import operator
from collections import deque
from collections.abc import Callable, Sequence

from skerry.local.gateway.messages import McpError, Result, mcp_configuration, tool_error
from skerry.local.gateway.search.index import Index, Segment
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.gateway.targets.base import Listing
from skerry.local.gateway.tools import Item, array
from skerry.local.ports.resources import Record
from skerry.local.ports.running import Clock
from skerry.wire.jsonrpc import encode

NAME = "x_amz_bedrock_agentcore_search"
RESULTS = 10
MINUTE = 60.0
THROTTLED = -32003


def searches(gateway: Record) -> bool:
    """Whether a gateway has the tool."""
    mcp = mcp_configuration(gateway)
    return mcp.get("searchType") == "SEMANTIC"


class Search:
    """Answers searches; keeps an index for each gateway, of which only what changed is made anew."""

    def __init__(self, settings: GatewaySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._indices: dict[str, tuple[list[Listing], list[Segment], Index]] = {}
        self._made: dict[str, asyncio.Lock] = {}
        self._recent: dict[str, deque[float]] = {}
        definition = {
            "name": NAME,
            "description": settings.assumptions.search_description,
            "inputSchema": {
                "type": "object",
                "properties": {"query": {"type": "string", "description": "What the tools are needed for."}},
                "required": ["query"],
            },
        }
        self.item = Item(NAME, NAME, definition, encode(definition))
        """The tool as it is listed."""

    async def answer(
        self,
        gateway: Record,
        arguments: object,
        listings: Sequence[Listing],
        permitted: Callable[[Item], bool],
    ) -> Result:
        """The tools that fit `arguments["query"]`, best first, of those that the caller may call.

        Raises McpError when the gateway was searched more often in the last minute than its quota allows.
        """
        query = arguments.get("query") if isinstance(arguments, dict) else None
        if not isinstance(query, str) or not query.strip():
            return tool_error(self._settings.assumptions.search_without_query)
        gateway_id = str(gateway["gatewayId"])
        self._count(gateway_id)
        index = await self._index(gateway_id, listings)
        tools = array(item.encoded for item in index.search(query, RESULTS, permitted))
        found = b'{"tools":%b}' % b"".join(tools)
        content = b'[{"type":"text","text":%b}]' % encode(found.decode())
        return Result({"content": content, "structuredContent": found, "isError": False})

    def forget(self, gateway_id: str) -> None:
        """Drops what is kept for a gateway that was deleted."""
        for kept in (self._indices, self._made, self._recent):
            kept.pop(gateway_id, None)

    def _count(self, gateway_id: str) -> None:
        allowed = self._settings.searches
        if not allowed:
            return
        now = self._clock.monotonic()
        recent = self._recent.setdefault(gateway_id, deque(maxlen=allowed))
        if len(recent) == allowed and now - recent[0] < MINUTE:
            wait = MINUTE - (now - recent[0])
            message = f"Rate limit exceeded: {allowed} searches a minute. Search again in {wait:.0f} s."
            raise McpError(THROTTLED, message, status=200)
        recent.append(now)

    async def _index(self, gateway_id: str, listings: Sequence[Listing]) -> Index:
        """The index of these listings; segments are made in a thread, since a thousand tools take a while."""
        async with self._made.setdefault(gateway_id, asyncio.Lock()):
            kept, segments, index = self._indices.get(gateway_id, ([], [], Index(())))
            if len(kept) == len(listings) and all(map(operator.is_, kept, listings)):
                return index
            known = {id(listing): segment for listing, segment in zip(kept, segments, strict=True)}
            segments = []
            for listing in listings:
                segment = known.get(id(listing))
                if segment is None:
                    segment = await asyncio.to_thread(Segment, listing.tools.values())
                segments.append(segment)
            index = Index(segments)
            self._indices[gateway_id] = (list(listings), segments, index)
            return index
