"""Sessions of MCP clients up to 2025-11-25 at a gateway that has a `sessionConfiguration`.

Source: AWS developer guide, gateway sessions: the time counts from `initialize`, use does not prolong it, and
a session belongs to the identity that opened it. MCP 2025-11-25, session management. What one session is:
`client_session`.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.client_session import ClientSession
from skerry.local.gateway.messages import McpError, mcp_configuration
from skerry.local.ports.callers import Caller
from skerry.local.ports.resources import Record
from skerry.local.ports.running import Clock
from skerry.relay.faces.calls import Errands
from skerry.wire import eras, jsonrpc
from skerry.wire.headers import MCP_SESSION_ID
from skerry.wire.jsonrpc import INVALID_REQUEST, Envelope

HEADER = MCP_SESSION_ID.lower()
DEFAULT_TIMEOUT = 3600
TOOLS_CHANGED = jsonrpc.parse(jsonrpc.notification(eras.LIST_CHANGES["toolsListChanged"][1]))
"""What tells a client that the list of tools is another one."""
ASKABLE = ("elicitation", "sampling", "roots")
"""Client capabilities that a server may use through a gateway."""
_MAX_DECLARED = 65_536


class Sessions:
    """The sessions of all gateways, at most `limit`: beyond that the oldest one ends."""

    def __init__(self, clock: Clock, table: Assumptions, *, limit: int) -> None:
        self._clock = clock
        self._table = table
        self._limit = limit
        self._sessions: OrderedDict[str, ClientSession] = OrderedDict()
        self._errands = Errands()

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, gateway: Record, caller: Caller, declared: object) -> ClientSession:
        """A new session, after `initialize` with these client capabilities."""
        self.sweep()
        now = self._clock.monotonic()
        configured = configuration(gateway) or {}
        session = ClientSession(
            id=secrets.token_hex(16),
            gateway_id=str(gateway["gatewayId"]),
            owner=owner(caller),
            until=now + float(configured.get("sessionTimeoutInSeconds") or DEFAULT_TIMEOUT),
            capabilities=_declared(declared),
        )
        while len(self._sessions) >= self._limit:
            self._end(next(iter(self._sessions.values())))
        self._sessions[session.id] = session
        return session

    def find(self, gateway: Record, caller: Caller, identifier: str | None) -> ClientSession:
        """The session that a request names. Raises McpError: 400 without a name, 404 for one that is none."""
        if not identifier:
            raise McpError(INVALID_REQUEST, self._table.session_missing, status=400)
        session = self._sessions.get(identifier)
        if (
            session is None
            or self.expired(session)
            or (session.gateway_id, session.owner)
            != (
                str(gateway["gatewayId"]),
                owner(caller),
            )
        ):
            raise McpError(INVALID_REQUEST, self._table.session_unknown, status=404)
        return session

    def end(self, session: ClientSession) -> None:
        """The client's DELETE."""
        self._end(session)

    def expired(self, session: ClientSession) -> bool:
        """Whether the time of a session has come, which then ends."""
        if self._clock.monotonic() >= session.until:
            self._end(session)
        return session.id not in self._sessions

    def sweep(self) -> None:
        """Ends what is over. Sessions of one time limit stand in the order of their ends."""
        now = self._clock.monotonic()
        while self._sessions and now >= (first := next(iter(self._sessions.values()))).until:
            self._end(first)

    def tell(self, gateway_id: str, message: Envelope) -> None:
        """Says to every listening session of a gateway what belongs to no request."""
        for session in self._sessions.values():
            if session.gateway_id == gateway_id:
                session.tell(message)

    def forget(self, gateway_id: str) -> None:
        """Ends the sessions of a gateway that is deleted."""
        for session in [found for found in self._sessions.values() if found.gateway_id == gateway_id]:
            self._end(session)

    async def close(self) -> None:
        """Ends every session."""
        for session in list(self._sessions.values()):
            self._end(session)
        await self._errands.close()

    def _end(self, session: ClientSession) -> None:
        if self._sessions.pop(session.id, None) is not None:
            session.end(self._errands)


def configuration(gateway: Record) -> Mapping[str, Any] | None:
    """The gateway's `sessionConfiguration`; None for a gateway that keeps no sessions."""
    mcp = mcp_configuration(gateway)
    found = mcp.get("sessionConfiguration")
    return found if isinstance(found, Mapping) else None


def streaming(gateway: Record) -> bool:
    """Whether the gateway answers with event streams."""
    mcp = mcp_configuration(gateway)
    return (mcp.get("streamingConfiguration") or {}).get("enableResponseStreaming") is True


def owner(caller: Caller) -> str:
    """What a session is bound to: the subject of a token, the ARN of a principal, or nothing.

    A token without subject is known by its client, and one without either by itself: nobody else has those.
    """
    if caller.kind == "jwt":
        claims = caller.claims
        if subject := claims.get("sub"):
            return f"jwt {claims.get('iss', '')} {subject}"
        client = claims.get("client_id") or claims.get("azp")
        whose = f"client {client}" if client else hashlib.sha256(caller.token.encode()).hexdigest()
        return f"jwt {claims.get('iss', '')}  {whose}"
    return f"iam {caller.arn}" if caller.kind == "iam" else ""


def _declared(capabilities: object) -> Mapping[str, Any]:
    """The capabilities that matter here; equal ones are one object for all sessions."""
    known = capabilities if isinstance(capabilities, dict) else {}
    kept = {name: known[name] for name in ASKABLE if isinstance(known.get(name), dict)}
    text = json.dumps(kept, sort_keys=True)
    if len(text) > _MAX_DECLARED:
        return {}
    return _shared(text)


@lru_cache(maxsize=64)
def _shared(text: str) -> Mapping[str, Any]:
    value: dict[str, Any] = json.loads(text)
    return value
