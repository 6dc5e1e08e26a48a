"""An MCP message that was posted to a gateway, as a checked request: its headers, era and session."""

from __future__ import annotations

from skerry.local.gateway.client_session import ClientSession
from skerry.local.gateway.clients import Clients
from skerry.local.gateway.messages import McpError, Request, check_single, check_version, supported_versions
from skerry.local.gateway.seen import Seen, session_name
from skerry.local.gateway.sessions import HEADER, configuration, streaming
from skerry.local.ports.asgi import Scope
from skerry.local.ports.resources import Record
from skerry.wire import eras, trace
from skerry.wire.jsonrpc import Envelope


def checked_request(
    gateway: Record, scope: Scope, message: Envelope, seen: Seen, clients: Clients
) -> Request:
    """The message as a request of the caller that `seen` has noted; notes its session there.

    A trace in its `_meta` counts as if its headers told it, where no header does.
    Raises McpError for what this gateway does not serve, and for a session that is none.
    """
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    first: dict[str, str] = {}
    for name, value in headers:
        first.setdefault(name, value)
    if trace.TRACEPARENT not in first and (told := trace.of_meta(message.params.get("_meta"))):
        headers = [pair for pair in headers if pair[0] not in told] + list(told.items())
        trace.CURRENT.set(trace.of_mapping(told))
    seen.session = session_name(first.get("x-session-id", ""), seen.caller)
    versions = supported_versions(gateway)
    era = check_version(first.get("mcp-protocol-version"), message, versions)
    if era == "modern":
        check_single(headers)
        wrong = eras.modern_violation(first, message, versions)
        if wrong is not None:
            raise McpError(wrong.code, wrong.message, status=wrong.status, data=wrong.data or None)
    client: ClientSession | None = None
    if era == "legacy" and message.method != "initialize" and configuration(gateway) is not None:
        client = clients.session(gateway, seen.caller, first.get(HEADER))
    return Request(
        gateway=gateway,
        caller=seen.caller,
        message=message,
        era=era,
        headers=headers,
        query=scope["query_string"].decode("latin-1"),
        session=seen.session,
        streams=streaming(gateway) and "text/event-stream" in first.get("accept", ""),
        client=client,
        notes=seen.detail,
        iam=seen.iam,
    )
