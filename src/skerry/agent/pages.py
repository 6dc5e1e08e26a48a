"""Pages that a gateway wants opened before it makes a call (error -32042): for the person, not for the model.

Source: MCP 2025-11-25, elicitation in URL mode (URLElicitationRequiredError). Strands 1.62 gives the model
such an error, links and all, which are none of its business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp.types import ElicitRequestURLParams
from strands.tools.mcp import MCPClient

from skerry.wire import eras

MAX_PAGES = 8
UNOPENED = (
    "The call was not made: it needs a page that the person has to open, and they did not. "
    "Do not try it again unasked."
)
STILL = "The call was not made: the person opened the page that it needs, and it needs one still."


class PageClient(MCPClient):
    """Strands' client, which remembers in `wanted` what its last call wants opened first."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.wanted: list[ElicitRequestURLParams] = []

    def _handle_tool_execution_error(self, tool_use_id: str, exception: Exception) -> Any:
        if isinstance(exception, MCPError) and exception.error.code == eras.URL_ELICITATION_REQUIRED:
            self.wanted = pages(exception.error.data)
        return super()._handle_tool_execution_error(tool_use_id, exception)


def pages(data: object) -> list[ElicitRequestURLParams]:
    """The pages that the `data` of an error names, as questions; what names none is left out."""
    listed = data.get("elicitations") if isinstance(data, Mapping) else None
    found = []
    for item in listed[:MAX_PAGES] if isinstance(listed, list) else ():
        url, message = (item.get("url"), item.get("message")) if isinstance(item, Mapping) else (None, None)
        if isinstance(url, str):
            text = message if isinstance(message, str) else "This call needs a page to be opened."
            found.append(ElicitRequestURLParams(message=text, url=url))
    return found
