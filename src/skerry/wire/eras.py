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
MODERN_RESULT = ("resultType", "ttlMs", "cacheScope")

MULTI_ROUND = frozenset({"tools/call", "prompts/get", "resources/read"})
"""Methods whose modern result may be `input_required`, and during which a legacy server may ask."""
INPUT_METHODS = frozenset({"elicitation/create", "sampling/createMessage", "roots/list"})
"""What a server may ask a client: requests in the legacy era, values of `inputRequests` in the modern one."""

LOG_LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""Levels of log messages (RFC 5424), the most talkative first."""

LIST_CHANGES: Mapping[str, tuple[str, str]] = {
    "toolsListChanged": ("tools", "notifications/tools/list_changed"),
    "promptsListChanged": ("prompts", "notifications/prompts/list_changed"),
    "resourcesListChanged": ("resources", "notifications/resources/list_changed"),
}
"""Members of a `subscriptions/listen` filter: the server capability with `listChanged`, and what arrives."""

UPDATED = "notifications/resources/updated"
CHANGES = frozenset({UPDATED, *(method for _, method in LIST_CHANGES.values())})
"""What a server says because something changed, and not because of a call."""
CANCELLED = "notifications/cancelled"
PROGRESS = "notifications/progress"
MESSAGE = "notifications/message"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
ELICITATION_COMPLETE = "notifications/elicitation/complete"


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

    A message without either is legacy, and so is `initialize` whatever the header says. An unknown version
    counts as modern when `_meta` carries it, because only that era has it there.
    """
    if META_PROTOCOL_VERSION in request_meta(message):
        return "modern"
    if message.method == "initialize":
        return "legacy"
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
    version, sent = (
        request_meta(message).get(META_PROTOCOL_VERSION),
        headers.get(MCP_PROTOCOL_VERSION.lower()),
    )
    if (
        isinstance(version, str) and sent is not None and sent != version
    ):  # before the version itself is judged
        return _contradiction(MCP_PROTOCOL_VERSION)
    found = meta_violation(message, supported)
    if found is not None:
        return found
    return _header_violation(headers, message, str(request_meta(message)[META_PROTOCOL_VERSION]))


def meta_violation(message: jsonrpc.Envelope, supported: Iterable[str]) -> Violation | None:
    """What is wrong with the metadata of a modern request, whatever carried it, or None."""
    meta = request_meta(message)
    version = meta.get(META_PROTOCOL_VERSION)
    if not isinstance(version, str):
        return Violation(jsonrpc.INVALID_PARAMS, f"params._meta lacks {META_PROTOCOL_VERSION}.")
    if not isinstance(meta.get(META_CLIENT_CAPABILITIES), dict):
        return Violation(jsonrpc.INVALID_PARAMS, f"params._meta lacks {META_CLIENT_CAPABILITIES}.")
    supported = list(supported)
    if version not in supported or version not in MODERN_VERSIONS:
        data = {"supported": supported, "requested": version}
        return Violation(
            UNSUPPORTED_VERSION, f"The protocol version {version[:40]!r} is not served.", 400, data
        )
    return None


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


def unreserved(meta: Mapping[str, Any]) -> dict[str, Any]:
    """A `_meta` without the members that only the modern era knows."""
    return {key: value for key, value in meta.items() if not key.startswith(_META)}


def to_legacy_result(result: Mapping[str, Any]) -> dict[str, Any]:
    """A modern result as a legacy client knows it: no `resultType`, caching hints or reserved `_meta`."""
    return _strip_meta({key: value for key, value in result.items() if key not in MODERN_RESULT})


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


def to_legacy_capabilities(capabilities: Mapping[str, Any]) -> dict[str, Any]:
    """A modern server's capabilities for a legacy client.

    Log messages and resource updates are there, because who translates gives them; extensions and tasks
    have results that such a client cannot read.
    """
    result = _without(capabilities, "extensions", "tasks")
    result.setdefault("logging", {})
    resources = result.get("resources")
    if isinstance(resources, dict):
        result["resources"] = {**resources, "subscribe": True}
    return result


def to_modern_capabilities(capabilities: Mapping[str, Any]) -> dict[str, Any]:
    """A legacy server's capabilities for a modern client: the tasks of 2025-11-25 are gone."""
    return _without(capabilities, "tasks")


def kept_client_capabilities(capabilities: Mapping[str, Any], client: Era) -> dict[str, Any]:
    """What a client of era `client` declared, as the server of the other era may know it.

    `tasks` differ too much between the eras. Extensions of a legacy client would bring result types that it
    cannot read.
    """
    return (
        _without(capabilities, "tasks")
        if client == "modern"
        else _without(capabilities, "tasks", "extensions")
    )


def required_capability(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The client capability that a request of a server needs, in the shape of `requiredCapabilities`."""
    if method == "elicitation/create":
        return {"elicitation": {"url" if params.get("mode") == "url" else "form": {}}}
    if method == "sampling/createMessage":
        tools = params.get("tools") is not None or params.get("toolChoice") is not None
        return {"sampling": {"tools": {}} if tools else {}}
    return {"roots": {}}


def declares(capabilities: Mapping[str, Any], required: Mapping[str, Any]) -> bool:
    """Whether a client declared what `required_capability` asks for; `elicitation: {}` means form."""
    for name, parts in required.items():
        declared = capabilities.get(name)
        if not isinstance(declared, dict):
            return False
        for part in parts:
            implied = name == "elicitation" and part == "form" and "url" not in declared
            if not isinstance(declared.get(part), dict) and not implied:
                return False
    return True


def capability_names(capabilities: object) -> str:
    """Capabilities as a person reads them: `elicitation.url, roots`; empty for what is none."""
    if not isinstance(capabilities, dict):
        return ""
    names: list[str] = []
    for name, parts in capabilities.items():
        names += [f"{name}.{part}" for part in parts] if isinstance(parts, dict) and parts else [name]
    return ", ".join(names)


def list_changes(capabilities: Mapping[str, Any]) -> dict[str, bool]:
    """The filter members for the list changes that a server declares."""
    return {
        member: True
        for member, (capability, _) in LIST_CHANGES.items()
        if isinstance(declared := capabilities.get(capability), dict) and declared.get("listChanged") is True
    }


def loud_enough(level: object, wanted: str) -> bool:
    """Whether a log message of `level` goes to who asked for `wanted`; an unknown level does."""
    return level not in LOG_LEVELS or LOG_LEVELS.index(str(level)) >= LOG_LEVELS.index(wanted)


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
            return _contradiction(name)
    return None


def _contradiction(header: str) -> Violation:
    return Violation(HEADER_MISMATCH, f"The header {header} does not say what the body says.")


def _without(members: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name not in names}


def _strip_meta(members: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(members)
    meta = result.get("_meta")
    if isinstance(meta, dict):
        kept = unreserved(meta)
        if kept:
            result["_meta"] = kept
        else:
            del result["_meta"]
    return result
