"""Requests of ours to a client of the legacy era, and its answers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from skerry.relay.ports import Emit, RelayError
from skerry.wire import jsonrpc
from skerry.wire.eras import CANCELLED
from skerry.wire.jsonrpc import Envelope

Question = tuple[str, dict[str, Any] | None]
"""Method and parameters of a request to the client."""


@dataclass(slots=True, eq=False)
class _Asked:
    emit: Emit
    call: str | int | None
    open: dict[str, asyncio.Future[Envelope]] = field(default_factory=dict)


class Questions:
    """What a client is being asked. Ids are of our making, and never those of another face."""

    def __init__(self) -> None:
        self._prefix = f"ask-{os.urandom(6).hex()}"
        self._ids = itertools.count(1)
        self._asked: set[_Asked] = set()

    async def ask(self, call: str | int | None, questions: Sequence[Question], emit: Emit) -> list[Envelope]:
        """The client's responses, in the order of the questions; asked all at once, on the stream of `call`.

        Raises what `emit` raises.
        """
        loop = asyncio.get_running_loop()
        asked = _Asked(emit, call)
        self._asked.add(asked)
        try:
            requests = []
            for method, params in questions:
                identifier = f"{self._prefix}-{next(self._ids)}"
                asked.open[identifier] = loop.create_future()
                requests.append(jsonrpc.parse(jsonrpc.request(identifier, method, params)))
            futures = list(asked.open.values())
            for request in requests:
                await emit(request)
            return [await future for future in futures]
        finally:
            self._asked.discard(asked)

    def answer(self, response: Envelope) -> bool:
        """Takes a response of the client; one to nothing that was asked is dropped, which gives False."""
        for asked in self._asked:
            future = asked.open.get(response.id) if isinstance(response.id, str) else None
            if future is not None and not future.done():
                future.set_result(response)
                return True
        return False

    async def withdraw(self, call: object) -> None:
        """Tells the client that nobody waits for its answers any more: it cancelled the call."""
        for asked in list(self._asked):
            if asked.call is None or asked.call != call:
                continue
            for identifier, future in list(asked.open.items()):
                if not future.done():
                    params = {"requestId": identifier, "reason": "The call was cancelled."}
                    with contextlib.suppress(RelayError):
                        await asked.emit(jsonrpc.parse(jsonrpc.notification(CANCELLED, params)))
