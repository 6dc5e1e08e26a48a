"""The resources and the one template."""

from __future__ import annotations

import json
import re

from mcp import MCPError, types

from tests.kit.reference.content import PICTURE, WATCHED
from tests.kit.reference.conversation import Context

STATIC_TEXT, STATIC_BINARY = "test://static-text", "test://static-binary"
TEXTS = {STATIC_TEXT: "A text that never changes.", WATCHED: "A text that may change."}
TEMPLATE = "test://template/{id}/data"
FROM_TEMPLATE = re.compile(r"test://template/([^/]+)/data")


def listed() -> list[types.Resource]:
    return [
        *(types.Resource(uri=uri, name=uri.partition("//")[2], mime_type="text/plain") for uri in TEXTS),
        types.Resource(uri=STATIC_BINARY, name="static-binary", mime_type="image/png"),
    ]


def templates() -> list[types.ResourceTemplate]:
    return [types.ResourceTemplate(uri_template=TEMPLATE, name="data", mime_type="application/json")]


async def read(_context: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
    """Raises MCPError for an unknown URI."""
    uri = str(params.uri)
    if uri in TEXTS:
        return _result(types.TextResourceContents(uri=uri, mime_type="text/plain", text=TEXTS[uri]))
    if uri == STATIC_BINARY:
        return _result(types.BlobResourceContents(uri=uri, mime_type="image/png", blob=PICTURE))
    if match := FROM_TEMPLATE.fullmatch(uri):
        words = json.dumps({"id": match[1], "from": TEMPLATE})
        return _result(types.TextResourceContents(uri=uri, mime_type="application/json", text=words))
    raise MCPError(types.INVALID_PARAMS, f"there is no resource {uri}", {"uri": uri})


def _result(contents: types.TextResourceContents | types.BlobResourceContents) -> types.ReadResourceResult:
    return types.ReadResourceResult(contents=[contents])
