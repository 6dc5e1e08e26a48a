"""One client's view of a program."""

from __future__ import annotations

import asyncio
from typing import Protocol

from skerry.bridge import routing
from skerry.bridge.calls import Call
from skerry.bridge.lane import Gate, Lane
from skerry.relay.ports import Emit, RelayError
from skerry.wire.eras import Era
from skerry.wire.jsonrpc import Envelope


class Host(Protocol):
    """The program, as its clients' channels use it."""

    @property
    def era(self) -> Era:
        """The era in which it was opened."""
        ...

    @property
    def gate(self) -> Gate:
        """What holds its output back while a client does not read."""
        ...

    @property
    def alive(self) -> bool:
        """Whether calls can be made."""
        ...

    def begin(self, channel: Channel, request: Envelope) -> Call:
        """Sends a request. Raises RelayError when that cannot be done."""
        ...

    def abandon(self, call: Call) -> None:
        """Nobody waits for the answer of a call any more."""
        ...

    def cancel(self, channel: Channel, notification: Envelope) -> None:
        """Passes a client's `notifications/cancelled` on."""
        ...

    def send(self, message: bytes) -> None:
        """Sends a notification or a response. Raises RelayError when that cannot be done."""
        ...

    def leave(self, channel: Channel) -> None:
        """The client of a channel is gone: its calls end."""
        ...


class Channel:
    """One client's view of a program: the port `relay.ports.Server`.

    `asked` are the program's requests that this client may answer, `mail` is what belongs to no call.
    """

    def __init__(self, child: Host) -> None:
        self.child = child
        self.asked: dict[routing.Key, bytes] = {}
        self.mail = Lane(child.gate)
        self._mailer: asyncio.Task[None] | None = None

    @property
    def era(self) -> Era:
        """The era in which the program was opened."""
        return self.child.era

    def listen(self, deliver: Emit) -> None:
        """See `Server.listen`."""
        if self._mailer is not None:
            self._mailer.cancel()
        self._mailer = asyncio.create_task(self._deliver(deliver))

    async def _deliver(self, deliver: Emit) -> None:
        while (message := await self.mail.get()) is not None:
            await deliver(message)

    async def call(self, request: Envelope, emit: Emit) -> Envelope:
        """See `Server.call`."""
        call = self.child.begin(self, request)
        try:
            while (message := await call.lane.get()) is not None:
                await emit(message)
        finally:
            self.child.abandon(call)
        if isinstance(call.answer, RelayError):
            raise call.answer
        assert call.answer is not None
        return call.answer

    async def notify(self, notification: Envelope) -> None:
        """See `Server.notify`."""
        if notification.method == "notifications/cancelled":
            self.child.cancel(self, notification)
        else:
            self.child.send(notification.body)

    async def respond(self, response: Envelope) -> None:
        """See `Server.respond`."""
        raw_id = self.asked.pop(routing.key(response.id), None)
        if raw_id is not None:
            self.child.send(response.with_id(raw_id))

    async def close(self) -> None:
        """The client is gone; the program goes on for the others."""
        self.child.leave(self)
        self.shut()

    def shut(self) -> None:
        """Ends the delivery of mail."""
        self.mail.drop()
        if self._mailer is not None:
            self._mailer.cancel()
