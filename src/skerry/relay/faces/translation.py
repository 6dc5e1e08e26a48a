"""Requests, responses and notifications rewritten from one era to the other.

Source: MCP 2025-11-25 and 2026-07-28; the tables are `wire.eras`. What both eras have in common is carried
as the bytes it is (`splice`). What the other side sent is checked here: a response that is none ends its
call with RelayError, never with an exception of Python's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skerry.relay.ports import RelayError
from skerry.relay.splice import splice
from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope, Id

_ROUND = ("inputResponses", "requestState")


@dataclass(slots=True)
class LegacyClient:
    """What a client of the legacy era said once and a modern server wants to read in every request.

    `version` is that of the modern server.
    """

    version: str
    capabilities: Mapping[str, Any]
    info: Mapping[str, Any] | None
    log_level: str | None
    server_capabilities: Mapping[str, Any] = field(default_factory=dict)


def answered(request: Envelope, result: object) -> Envelope:
    """A response made here."""
    return jsonrpc.parse(jsonrpc.response(request.raw_id, result))


def refused(request: Envelope, code: int, message: str, data: object = None) -> Envelope:
    """A JSON-RPC error made here."""
    return jsonrpc.parse(jsonrpc.error(request.raw_id, code, message, data))


def unknown(request: Envelope) -> Envelope:
    """The error for a method that the client's era does not have, or that is not offered."""
    return refused(request, jsonrpc.METHOD_NOT_FOUND, "Method not found", {"method": request.method})


def signed(result: dict[str, Any], server_info: Mapping[str, Any] | None) -> dict[str, Any]:
    """A modern result made here, with the name of the server."""
    if server_info is None:
        return result
    return {**result, "_meta": {**result.get("_meta", {}), eras.META_SERVER_INFO: server_info}}


def result_of(response: Envelope) -> dict[str, Any]:
    """The result object of a response. Raises RelayError when it is none."""
    if not isinstance(response.result, dict):
        raise RelayError("failed", "The server answered with a result that is no object.")
    return response.result


def error_of(response: Envelope) -> tuple[int, str, Any] | None:
    """Code, message and data of an error response, None for a result. Raises RelayError."""
    problem = response.error
    if problem is None:
        return None
    code, message = problem.get("code"), problem.get("message", "")
    if not isinstance(code, int) or isinstance(code, bool) or not isinstance(message, str):
        raise RelayError("failed", "The server answered with an error that has no code.")
    return code, message, problem.get("data")


def carried(response: Envelope, request: Envelope) -> Envelope:
    """The response as it is, under the id of `request`."""
    return jsonrpc.parse(response.with_id(request.raw_id))


# ── to a modern server and back ─────────────────────────────────────────────────────────────────────


def modern_request(
    request: Envelope, new_id: Id, client: LegacyClient, extra: Mapping[str, object], token: object = None
) -> Envelope:
    """A legacy client's request for a modern server.

    `extra` are members of a retry; such members in the client's own request mean nothing in its era. `token`
    replaces the progress token.
    """
    meta = eras.unreserved(eras.request_meta(request))
    if token is not None:
        meta["progressToken"] = token
    stamped = eras.with_meta(
        {"_meta": meta},
        version=client.version,
        capabilities=client.capabilities,
        client_info=client.info,
        log_level=client.log_level,
    )
    put = {**extra, "_meta": stamped["_meta"]}
    return jsonrpc.parse(splice(request.with_id(new_id), "params", request.params, put, _ROUND))


def legacy_response(response: Envelope, request: Envelope) -> Envelope:
    """A modern server's complete result as a legacy client knows it."""
    result = result_of(response)
    put, drop = _unstamped(result)
    body = splice(response.with_id(request.raw_id), "result", result, put, (*eras.MODERN_RESULT, *drop))
    return jsonrpc.parse(body)


def legacy_notification(message: Envelope, token: object = None) -> Envelope:
    """A modern server's notification for a legacy client; `token` replaces the progress token."""
    put, drop = _unstamped(message.params)
    if token is not None:
        put["progressToken"] = token
    if not put and not drop:
        return message
    return jsonrpc.parse(splice(message.body, "params", message.params, put, drop))


# ── to a legacy server and back ─────────────────────────────────────────────────────────────────────


def legacy_request(request: Envelope, new_id: Id, token: object = None) -> Envelope:
    """A modern client's request for a legacy server; `token` replaces the progress token."""
    put, drop = _unstamped(request.params)
    if token is not None:
        put["_meta"] = {**eras.unreserved(eras.request_meta(request)), "progressToken": token}
        drop = ()
    return jsonrpc.parse(splice(request.with_id(new_id), "params", request.params, put, (*drop, *_ROUND)))


def modern_response(response: Envelope, request: Envelope, server_info: Mapping[str, Any] | None) -> Envelope:
    """A legacy server's result as a modern client needs it; what says that it is one is not the server's."""
    result = result_of(response)
    put: dict[str, object] = {"resultType": "complete"}
    if request.method in eras.CACHEABLE:
        put |= {"ttlMs": 0, "cacheScope": "private"}
    if server_info is not None:
        kept = result.get("_meta")
        put["_meta"] = {**(kept if isinstance(kept, dict) else {}), eras.META_SERVER_INFO: server_info}
    return jsonrpc.parse(splice(response.with_id(request.raw_id), "result", result, put))


def modern_notification(message: Envelope, token: object = None) -> Envelope:
    """A legacy server's notification for a modern client; `token` replaces the progress token."""
    if token is None or message.params.get("progressToken") == token:
        return message
    return jsonrpc.parse(splice(message.body, "params", message.params, {"progressToken": token}))


def tagged(message: Envelope, subscription: Envelope) -> Envelope:
    """A notification as one of the subscription that this request opened."""
    meta = {**eras.request_meta(message), eras.META_SUBSCRIPTION_ID: subscription.id}
    return jsonrpc.parse(splice(message.body, "params", message.params, {"_meta": meta}))


def _unstamped(members: Mapping[str, Any]) -> tuple[dict[str, object], tuple[str, ...]]:
    """What to put and what to drop so that `_meta` holds nothing of the modern era."""
    meta = members.get("_meta")
    if not isinstance(meta, dict):
        return {}, ()
    kept = eras.unreserved(meta)
    if len(kept) == len(meta):
        return {}, ()
    return ({"_meta": kept}, ()) if kept else ({}, ("_meta",))
