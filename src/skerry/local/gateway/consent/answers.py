"""What a client is told when a person has to agree first, in the words of its era.

Sources: AWS developer guide, authorization code grant (URLElicitationRequiredError, -32042); MCP 2025-11-25,
elicitation in URL mode; MCP 2026-07-28, multi round-trip requests, where -32042 must not be sent. What AWS
does in that era is not known (`Assumptions.consent_modern`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.messages import McpError, Relayed, Request, Result, server_info, tool_error
from skerry.wire import eras, jsonrpc

QUESTION = "consent"
"""The key of the question in `inputRequests`."""
_URL_MODE: dict[str, Any] = {"elicitation": {"url": {}}}


def check_askable(request: Request, table: Assumptions) -> None:
    """Raises McpError where this client cannot be shown a URL.

    A client up to 2025-11-25 without a session has not said what it can do, and is taken to be able.
    """
    if request.modern:
        declared = eras.declares(request.capabilities, _URL_MODE)
        if not declared and table.consent_modern == "INPUT_REQUIRED":
            text = "A person has to agree first, at a URL that needs the capability elicitation.url."
            data = {"requiredCapabilities": _URL_MODE}
            raise McpError(eras.MISSING_CLIENT_CAPABILITY, text, status=400, data=data)
        return
    client = request.client
    if (
        client is not None
        and not table.consent_undeclared
        and not eras.declares(client.capabilities, _URL_MODE)
    ):
        text = "A person has to agree first, at a URL that this client did not declare elicitation.url for."
        raise McpError(jsonrpc.INVALID_REQUEST, text, status=200)


def asked(request: Request, *, url: str, name: str, state: str, table: Assumptions) -> Result | Relayed:
    """The answer that asks for the consent `name` at `url`; `state` comes back with a modern client's retry.

    Raises McpError (-32042) for a client up to 2025-11-25.
    """
    target = str(request.params.get("name") or request.params.get("uri") or "")[:200]
    message = table.consent_message.format(name=target)
    params = {"mode": "url", "message": message, "url": url}
    if not request.modern:
        listed = {"elicitations": [{**params, "elicitationId": name}]}
        raise McpError(
            eras.URL_ELICITATION_REQUIRED, table.consent_required, data=listed, detail={"consent": "asked"}
        )
    if table.consent_modern == "TOOL_ERROR":
        return ended(request, f"{message} {url}")
    members: Mapping[str, Any] = {
        "resultType": "input_required",
        "inputRequests": {QUESTION: {"method": "elicitation/create", "params": params}},
        "requestState": state,
        "_meta": {eras.META_SERVER_INFO: server_info(table)},
    }
    return Relayed(jsonrpc.response(request.message.raw_id, members), problem="a consent is needed")


def ended(request: Request, text: str) -> Result:
    """The answer to a call that cannot be made without the consent: a failed tool call, else an error."""
    if request.message.method == "tools/call":
        return tool_error(text)
    raise McpError(jsonrpc.INTERNAL_ERROR, text)


def stale() -> McpError:
    """The same for all: a state that does not exist, that is another's, that was used, that is over."""
    text = "The requestState is none of this request, was used before, or is over."
    return McpError(jsonrpc.INVALID_PARAMS, text)


def agreed(responses: object) -> bool | None:
    """Whether the person agreed to open the page; None when nothing was answered. Raises McpError."""
    if responses is None:
        return None
    answer = responses.get(QUESTION) if isinstance(responses, dict) else ""
    if answer is None:
        return None
    action = answer.get("action") if isinstance(answer, dict) else None
    if action not in ("accept", "decline", "cancel"):
        text = f"inputResponses.{QUESTION}.action is accept, decline or cancel."
        raise McpError(jsonrpc.INVALID_PARAMS, text)
    return bool(action == "accept")
