"""The tools of a server, read by who stands between: all of them, as the client that calls sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope


async def tool_pages(
    ask: Callable[[Envelope], Awaitable[Envelope]], request: Envelope, ids: Iterator[int], *, limit: int
) -> AsyncIterator[Envelope]:
    """The answers to `tools/list`, page by page, asked in the name of the client that sent `request`.

    The ids of these requests begin with `skerry-tools-`. After `limit` pages there are no more.
    """
    meta = {key: value for key, value in eras.request_meta(request).items() if key != "progressToken"}
    params: dict[str, Any] = {"_meta": meta} if meta else {}
    for _ in range(limit):
        answer = await ask(jsonrpc.parse(jsonrpc.request(f"skerry-tools-{next(ids)}", "tools/list", params)))
        yield answer
        cursor = answer.result.get("nextCursor") if isinstance(answer.result, dict) else None
        if not isinstance(cursor, str):
            return
        params = {**params, "cursor": cursor}
