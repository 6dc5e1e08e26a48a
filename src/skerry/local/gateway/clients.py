"""What is kept of the gateway's clients between their requests: sessions, and who listens."""

from __future__ import annotations

from skerry.local.gateway import listening
from skerry.local.gateway.catalogue import Catalogue
from skerry.local.gateway.client_session import ClientSession
from skerry.local.gateway.listening import Subscriptions
from skerry.local.gateway.messages import McpError
from skerry.local.gateway.sessions import (
    TOOLS_CHANGED,
    Sessions,
    configuration,
    streaming,
)
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.ports.asgi import Receive, Send
from skerry.local.ports.callers import Caller
from skerry.local.ports.resources import Record
from skerry.local.ports.running import Clock
from skerry.relay.faces.listeners import Listener
from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope


class Clients:
    """The sessions and subscriptions of all gateways, whose tools `catalogue` knows."""

    def __init__(self, catalogue: Catalogue, clock: Clock, settings: GatewaySettings) -> None:
        self._catalogue = catalogue
        self._settings = settings
        self.sessions = Sessions(clock, settings.assumptions, limit=settings.clients)
        self.subscriptions = Subscriptions(
            settings.assumptions, catalogue, limit=settings.subscriptions, keep_alive=settings.keep_alive
        )
        catalogue.subscribe(self.tools_changed)

    def session(self, gateway: Record, caller: Caller, identifier: str | None) -> ClientSession:
        """The session that a request names. Raises McpError: 400 without a name, 404 for one that is none."""
        return self.sessions.find(gateway, caller, identifier)

    async def heard(self, message: Envelope, client: ClientSession | None) -> None:
        """A notification or response of a client. Raises McpError for a response that nothing waits for."""
        if message.kind == "response":
            if client is None or not client.answer(message):
                raise McpError(jsonrpc.INVALID_REQUEST, self._settings.assumptions.unasked, status=400)
        elif message.method == eras.CANCELLED and client is not None:
            await client.cancel(message.params.get("requestId"))

    async def listen(
        self, gateway: Record, session: ClientSession, caller: Caller, receive: Receive, send: Send
    ) -> None:
        """The GET stream of a session, until the client closes it or the session ends."""
        listener = Listener((*listening.METHODS, eras.ELICITATION_COMPLETE), bound=listening.BACKLOG)
        session.listen(listener)
        keep_alive = self._settings.keep_alive
        pieces = listening.told(listener, keep_alive, over=lambda: self.sessions.expired(session))
        try:
            tell = listening.told_to(listener)
            async with self._catalogue.followed(gateway, caller, session, tell):
                await listening.serve(listener, receive, send, pieces)
        finally:
            session.unlisten(listener)

    def tools_changed(self, gateway_id: str) -> None:
        """Tells everybody who listens at a gateway that its tools are others than before."""
        self.sessions.tell(gateway_id, TOOLS_CHANGED)
        self.subscriptions.tell(gateway_id, TOOLS_CHANGED)

    def forget(self, gateway_id: str) -> None:
        """Ends what is kept for a gateway that is deleted."""
        self.sessions.forget(gateway_id)
        self.subscriptions.forget(gateway_id)

    async def close(self) -> None:
        """Ends everything."""
        self.subscriptions.close()
        await self.sessions.close()


def session_methods(gateway: Record) -> tuple[str, ...]:
    """What a client may do with its session besides POST."""
    if configuration(gateway) is None:
        return ()
    return ("GET", "DELETE") if streaming(gateway) else ("DELETE",)
