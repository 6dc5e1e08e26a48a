"""FastMCP's OAuth: `URL MODE [DOCUMENT]`. It opens the browser and serves its callback by itself."""

from __future__ import annotations

import asyncio
import sys
import warnings

from fastmcp import Client
from fastmcp.client.auth import OAuth
from fastmcp.client.transports import StreamableHttpTransport


async def main() -> None:
    url, mode, *document = sys.argv[1:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that tokens are kept in memory
        if document:
            auth = OAuth(url, client_metadata_url=document[0], callback_host="127.0.0.1", callback_timeout=60)
        else:
            auth = OAuth(url, callback_timeout=60)
    async with Client(StreamableHttpTransport(url, auth=auth), mode=mode) as client:
        names = {tool.name for tool in await client.list_tools()}
        assert "shop___echo" in names, names
        result = await client.call_tool("shop___echo", {"text": "first"})
        print(result.content[0].text)


if __name__ == "__main__":
    asyncio.run(main())
