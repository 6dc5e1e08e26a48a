"""How AWS's front door and MCP servers refuse: the forms that were documented or seen. See `agentcore`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.kit.http_peer import Exchange

Json = dict[str, Any]

LOST: Mapping[str, tuple[int, Json]] = {
    "404": (404, {"code": -32600, "message": "Session not found"}),
    "404 empty": (404, {}),
    "404 -32001": (404, {"code": -32001, "message": "Session not found"}),
    "200 -32001": (200, {"code": -32001, "message": "Session not found"}),
    "400": (400, {"code": -32000, "message": "Bad Request: No valid session ID provided"}),
    "handshake": (200, {"code": -32602, "message": "Invalid request parameters", "data": ""}),
    "runtime": (
        200,
        {
            "code": -32010,
            "message": "Received error (404) from runtime. Please check your CloudWatch logs for more information.",
        },
    ),
}
"""How servers say that a session is gone: HTTP status and JSON-RPC error. `handshake` answers pings all the same."""

NAMES = {
    400: "ValidationException",
    401: "UnauthorizedException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    409: "RetryableConflictException",
    424: "RuntimeClientError",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
MISMATCH = (
    "Authorization method mismatch. The agent is configured for a different authorization method than what was "
    "used in your request. Check the agent's authorization configuration and ensure your request uses the "
    "matching method (OAuth or SigV4)"
)


async def aws_error(
    exchange: Exchange, status: int, text: str = "", *, extra: Mapping[str, str] | None = None
) -> None:
    """An error as AWS's front door gives it, with headers that belong in no message to a person."""
    name = NAMES.get(status, "InternalServerException")
    headers = {"x-amzn-errortype": name, "x-amzn-requestid": "request-of-the-fake", **(extra or {})}
    await exchange.answer(status, json.dumps({"message": text or f"fake {name}"}).encode(), headers)
