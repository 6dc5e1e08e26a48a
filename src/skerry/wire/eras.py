"""The two eras of MCP as tables: revisions with a handshake, and 2026-07-28 with metadata in every request.

Source: MCP specification, revisions 2024-11-05 to 2026-07-28. Pure: who calls gives headers and members,
and gets members, codes and statuses back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from skerry.wire import jsonrpc
from skerry.wire.headers import MCP_METHOD, MCP_NAME, MCP_PROTOCOL_VERSION, decode_value, encode_value

Era = Literal["legacy", "modern"]

LEGACY_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions that open with `initialize`, oldest first."""
MODERN_VERSIONS = ("2026-07-28",)
"""Revisions that carry their metadata in every request, oldest first."""

HEADER_MISMATCH = -32020
MISSING_CLIENT_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022
RESOURCE_NOT_FOUND = -32002  # legacy only; modern says INVALID_PARAMS
URL_ELICITATION_REQUIRED = -32042  # legacy only; modern says input_required

_META = "io.modelcontextprotocol/"
META_PROTOCOL_VERSION = _META + "protocolVersion"
META_CLIENT_CAPABILITIES = _META + "clientCapabilities"
META_CLIENT_INFO = _META + "clientInfo"
META_LOG_LEVEL = _META + "logLevel"
META_SERVER_INFO = _META + "serverInfo"
META_SUBSCRIPTION_ID = _META + "subscriptionId"

NAME_MEMBER: Mapping[str, str] = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
"""Which member of `params` the header `Mcp-Name` repeats."""

MODERN_STATUS: Mapping[int, int] = {
    HEADER_MISMATCH: 400,
    MISSING_CLIENT_CAPABILITY: 400,
    UNSUPPORTED_VERSION: 400,
    jsonrpc.PARSE_ERROR: 400,
    jsonrpc.INVALID_REQUEST: 400,
    jsonrpc.METHOD_NOT_FOUND: 404,
}
"""HTTP status of a JSON-RPC error in the modern era; what is not listed travels in a 200."""

REMOVED = frozenset(
    {
        "initialize",
        "notifications/initialized",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "notifications/roots/list_changed",
    }
)
"""Methods of the legacy era that a modern server does not know."""
MODERN_ONLY = frozenset({"server/discover", "subscriptions/listen"})

CACHEABLE = frozenset(
    {
        "server/discover",
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "resources/read",
    }
)
"""Methods whose complete modern results must say `ttlMs` and `cacheScope`."""
_MODERN_RESULT = ("resultType", "ttlMs", "cacheScope")


@dataclass(frozen=True, slots=True)
class Violation:
    """Why a request is refused: the JSON-RPC error and the HTTP status to answer it with."""

    code: int
    message: str
    status: int = 400
    data: Mapping[str, Any] = field(default_factory=dict)


def era_of(version: str) -> Era | None:
    """The era of a revision, or None for one that does not exist."""
    if version in MODERN_VERSIONS:
        return "modern"
    return "legacy" if version in LEGACY_VERSIONS else None


def request_era(header_version: str | None, message: jsonrpc.Envelope) -> Era:
    """The era in which a client speaks: modern when the header or the `_meta` of the message says so.

    `initialize` and a message without either are legacy. An unknown version counts as modern when `_meta`
    carries it, because only that era has it there.
    """
    if message.method == "initialize":
        return "legacy"
    if META_PROTOCOL_VERSION in request_meta(message):
        return "modern"
    return "modern" if header_version in MODERN_VERSIONS else "legacy"


def request_meta(message: jsonrpc.Envelope) -> Mapping[str, Any]:
    """The `_meta` of a request, empty when it is missing or no object."""
    meta = message.params.get("_meta")
    return meta if isinstance(meta, dict) else {}


def negotiate(requested: object, supported: Sequence[str]) -> str | None:
    """The version to answer `initialize` with: the one asked for, or the newest served.

    Only legacy versions count; None when `supported` has none.
    """
    legacy = sorted(version for version in supported if version in LEGACY_VERSIONS)
    if isinstance(requested, str) and requested in legacy:
        return requested
    return legacy[-1] if legacy else None


def modern_violation(
    headers: Mapping[str, str], message: jsonrpc.Envelope, supported: Iterable[str]
) -> Violation | None:
    """What is wrong with a modern request, in the order the specification suggests, or None.

    `headers` has lower-case names. Checked are the required `_meta` members, the version, and that the
    headers `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name` say what the body says. The body decides;
    headers are for routing only.
    """
    if message.kind != "request":
        return None
    meta = request_meta(message)
    version = meta.get(META_PROTOCOL_VERSION)
    if not isinstance(version, str):
        return Violation(jsonrpc.INVALID_PARAMS, f"params._meta lacks {META_PROTOCOL_VERSION}.")
    if not isinstance(meta.get(META_CLIENT_CAPABILITIES), dict):
        return Violation(jsonrpc.INVALID_PARAMS, f"params._meta lacks {META_CLIENT_CAPABILITIES}.")
    served = [item for item in supported if item in MODERN_VERSIONS]
    if version not in served:
        data = {"supported": list(supported), "requested": version}
        return Violation(
            UNSUPPORTED_VERSION, f"The protocol version {version[:40]!r} is not served.", 400, data
        )
    return _header_violation(headers, message, version)


def standard_headers(message: jsonrpc.Envelope) -> dict[str, str]:
    """The headers that a modern request repeats from its body."""
    version = request_meta(message).get(META_PROTOCOL_VERSION)
    result = {MCP_PROTOCOL_VERSION: version} if isinstance(version, str) else {}
    result[MCP_METHOD] = encode_value(message.method)
    name = message.params.get(NAME_MEMBER.get(message.method, ""))
    if isinstance(name, str):
        result[MCP_NAME] = encode_value(name)
    return result


def with_meta(
    params: Mapping[str, Any],
    *,
    version: str,
    capabilities: Mapping[str, Any],
    client_info: Mapping[str, Any] | None = None,
    log_level: str | None = None,
) -> dict[str, Any]:
    """`params` with the `_meta` of a modern request; other members of `_meta` stay."""
    kept = params.get("_meta")
    meta = dict(kept) if isinstance(kept, dict) else {}
    meta[META_PROTOCOL_VERSION] = version
    meta[META_CLIENT_CAPABILITIES] = dict(capabilities)
    if client_info is not None:
        meta[META_CLIENT_INFO] = dict(client_info)
    if log_level is not None:
        meta[META_LOG_LEVEL] = log_level
    return {**params, "_meta": meta}


def without_meta(params: Mapping[str, Any]) -> dict[str, Any]:
    """`params` for a legacy server: the reserved members of `_meta` are gone, the rest stays."""
    return _strip_meta(params)


def to_legacy_result(result: Mapping[str, Any]) -> dict[str, Any]:
    """A modern result as a legacy client knows it: no `resultType`, caching hints or reserved `_meta`."""
    return _strip_meta({key: value for key, value in result.items() if key not in _MODERN_RESULT})


def to_modern_result(
    method: str, result: Mapping[str, Any], *, server_info: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A legacy result as a modern client needs it: complete, not to be cached, with the server's name."""
    modern = {"resultType": "complete", **result}
    if method in CACHEABLE and modern["resultType"] == "complete":
        modern.setdefault("ttlMs", 0)
        modern.setdefault("cacheScope", "private")
    if server_info is not None:
        kept = result.get("_meta")
        modern["_meta"] = {**(kept if isinstance(kept, dict) else {}), META_SERVER_INFO: dict(server_info)}
    return modern


def to_modern_code(code: int) -> int:
    """The modern code for a legacy error code."""
    return jsonrpc.INVALID_PARAMS if code == RESOURCE_NOT_FOUND else code


def error_status(code: int, era: Era) -> int:
    """The HTTP status of a JSON-RPC error.

    In the legacy era an unknown method travels in a 200, because 404 means that the session is gone.
    """
    if era == "modern":
        return MODERN_STATUS.get(code, 200)
    return 400 if code in {jsonrpc.PARSE_ERROR, jsonrpc.INVALID_REQUEST} else 200


def _header_violation(
    headers: Mapping[str, str], message: jsonrpc.Envelope, version: str
) -> Violation | None:
    expected = {MCP_PROTOCOL_VERSION: version, MCP_METHOD: message.method}
    member = NAME_MEMBER.get(message.method)
    if member is not None:
        name = message.params.get(member)
        if not isinstance(name, str):
            return Violation(jsonrpc.INVALID_PARAMS, f"params.{member} must be a string.", 200)
        expected[MCP_NAME] = name
    for name, value in expected.items():
        sent = headers.get(name.lower())
        if sent is None:
            return Violation(HEADER_MISMATCH, f"The header {name} is missing.")
        if decode_value(sent) != value:
            return Violation(HEADER_MISMATCH, f"The header {name} does not say what the body says.")
    return None


def _strip_meta(members: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(members)
    meta = result.get("_meta")
    if isinstance(meta, dict):
        kept = {key: value for key, value in meta.items() if not key.startswith(_META)}
        if kept:
            result["_meta"] = kept
        else:
            del result["_meta"]
    return result
