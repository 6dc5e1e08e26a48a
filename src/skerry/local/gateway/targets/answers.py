"""A server's answer for a client of either era: what can be told, and in which words.

Source: MCP 2026-07-28, and the tables of `wire.eras`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.local.gateway.messages import McpError, Request
from skerry.local.gateway.outgoing import TargetError
from skerry.relay.faces import translation
from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope

ELICITATION = (
    "This tool asks the user a question while it runs. Through this gateway that needs a client of the "
    "2026-07-28 revision of MCP that declares the elicitation capability, or sessionConfiguration and "
    "enableResponseStreaming on the gateway and a client that declared it in initialize and accepts event "
    "streams. The call was not completed."
)
_NOT_FOR_LEGACY = frozenset({eras.HEADER_MISMATCH, eras.UNSUPPORTED_VERSION})


def unanswerable(request: Request, answer: Envelope, era: eras.Era) -> str | None:
    """Why an answer of a server of `era` cannot be given to this client, or None.

    A client of a handshake revision cannot be asked for input here, and errors of the other era mean nothing
    to it. Raises TargetError for an error that is the gateway's own mistake, and McpError when the answer
    asks for what a modern client did not declare.
    """
    code = (answer.error or {}).get("code")
    if request.modern:
        missing = undeclared(answer.result, request.capabilities)
        if missing:
            text = f"The target asks for what the client did not declare: {', '.join(missing)}."
            data = {"requiredCapabilities": missing}
            raise McpError(eras.MISSING_CLIENT_CAPABILITY, text, status=400, data=data)
        if code == eras.URL_ELICITATION_REQUIRED and era == "legacy":
            text = "The target asks for what the client did not declare: elicitation.url."
            needed: dict[str, Any] = {"requiredCapabilities": {"elicitation": {"url": {}}}}
            raise McpError(eras.MISSING_CLIENT_CAPABILITY, text, status=400, data=needed)
        return None
    if era == "legacy":
        return None
    if code == eras.MISSING_CLIENT_CAPABILITY:
        return ELICITATION
    if code in _NOT_FOR_LEGACY:
        raise TargetError(f"The target did not accept the gateway's request ({code}).")
    kind = answer.result.get("resultType", "complete") if isinstance(answer.result, dict) else "complete"
    if kind == "input_required":
        return ELICITATION
    return (
        None if kind == "complete" else f"The tool answered with a {kind!r} result, which needs 2026-07-28."
    )


def said(request: Request, message: Envelope, era: eras.Era, *, dynamic: bool) -> Envelope | None:
    """What a server says during a call, for the client; None for what it should not get.

    Changes of lists are the client's business only where the target is listed for it (`dynamic`): all others
    change when they are synchronised. A modern client gets log messages only if its request asks for them.
    """
    if message.method in eras.CHANGES and not dynamic:
        return None
    if request.era == era:
        return message
    if request.modern:
        return None if message.method == eras.MESSAGE else message
    return translation.legacy_notification(message)


def translated(request: Request, answer: Envelope, era: eras.Era, info: Mapping[str, Any]) -> bytes:
    """The answer as the client's era knows it, under the client's id; `info` is the gateway's serverInfo."""
    raw_id = request.message.raw_id
    if request.era == era:
        return answer.with_id(raw_id)
    if answer.error is not None:
        code = answer.error.get("code")
        if request.modern and code == eras.RESOURCE_NOT_FOUND:
            text = str(answer.error.get("message", ""))
            return jsonrpc.error(raw_id, eras.to_modern_code(code), text, answer.error.get("data"))
        return answer.with_id(raw_id)
    result = answer.result if isinstance(answer.result, dict) else {}
    if request.modern:
        modern = eras.to_modern_result(request.message.method, result, server_info=info)
        return jsonrpc.response(raw_id, modern)
    return jsonrpc.response(raw_id, eras.to_legacy_result(result))


def status(request: Request, answer: Envelope) -> int:
    """The HTTP status of the answer in the client's era."""
    code = (answer.error or {}).get("code")
    return eras.error_status(code, request.era) if isinstance(code, int) else 200


def undeclared(result: object, declared: Mapping[str, Any]) -> dict[str, Any]:
    """The capabilities that the questions of an `input_required` result need and the client lacks.

    `elicitation: {}` means forms (MCP 2026-07-28, elicitation).
    """
    missing: dict[str, Any] = {}
    asked = result.get("inputRequests") if isinstance(result, dict) else None
    for question in asked.values() if isinstance(asked, dict) else ():
        method = question.get("method") if isinstance(question, dict) else None
        capability = str(method).partition("/")[0]
        known = declared.get(capability)
        if capability != "elicitation":
            if not isinstance(known, dict):
                missing[capability] = {}
            continue
        params = question.get("params")
        mode = params.get("mode", "form") if isinstance(params, dict) else "form"
        if not isinstance(known, dict) or (mode not in known and not (mode == "form" and not known)):
            missing.setdefault(capability, {})[str(mode)] = {}
    return missing
