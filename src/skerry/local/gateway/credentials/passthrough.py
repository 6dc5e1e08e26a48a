"""JWT_PASSTHROUGH: an HTTP target gets the bearer token that the request came with.

Source: AWS developer guide, gateway outbound authorization: for HTTP targets only. The MCP specification
forbids it towards MCP servers behind the gateway's own endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.local.gateway.outgoing import Credential, Outgoing, TargetError


async def credential(call: Outgoing, configuration: Mapping[str, Any]) -> Credential:
    """The inbound token, or nothing when there was none: the target says what it misses.

    Raises TargetError for an MCP target.
    """
    del configuration
    if "http" not in (call.target.get("targetConfiguration") or {}):
        raise TargetError(
            "JWT_PASSTHROUGH is for HTTP targets only; an MCP target never gets the caller's token.",
            hint="Use OAUTH with TOKEN_EXCHANGE.",
        )
    if not call.bearer:
        return Credential()
    proved = call.caller is not None and call.caller.kind == "jwt"
    identity = call.caller.name if call.caller is not None and proved else "anonymous"
    detail = {"passthrough": "verified by the gateway" if proved else "not verified by the gateway"}
    return Credential("jwt", identity, {"authorization": f"Bearer {call.bearer}"}, detail=detail)
