"""Who follows what at one legacy server: modern subscriptions on what the server tells about changes.

Source: MCP 2026-07-28, subscriptions; MCP 2025-11-25, resources (subscriptions). The server knows one client
and each resource once; here stand the listeners behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from skerry.relay.faces import translation
from skerry.relay.ports import RelayError
from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope

Ask = Callable[[str, dict[str, Any]], Awaitable[Envelope]]
"""Sends a request of ours, method and parameters, to the server. Raises RelayError."""


class Listener:
    """One subscription: the list changes `methods` and the resources in `uris`.

    What arrives waits here until it is taken; more than `bound` messages end the subscription.
    """

    def __init__(self, methods: Collection[str], *, bound: int = 1000) -> None:
        self.uris: set[str] = set()
        self._methods = methods
        self._bound = bound
        self._waiting: deque[Envelope] = deque()
        self._wake = asyncio.Event()
        self._over = False

    def take(self, message: Envelope) -> None:
        """A change that happened at the server."""
        if message.method == eras.UPDATED:
            if not self._follows(message.params.get("uri")):
                return
        elif message.method not in self._methods:
            return
        if len(self._waiting) >= self._bound:
            self._over = True  # who does not read will not miss the rest
        else:
            self._waiting.append(message)
        self._wake.set()

    def look(self) -> None:
        """Whatever is followed may have changed unseen."""
        for method in self._methods:
            self.take(jsonrpc.parse(jsonrpc.notification(method)))
        for uri in self.uris:
            self.take(jsonrpc.parse(jsonrpc.notification(eras.UPDATED, {"uri": uri})))

    def end(self) -> None:
        """Nothing more will come."""
        self._over = True
        self._wake.set()

    async def next(self) -> Envelope | None:
        """The next change; None when the subscription is over."""
        while not self._waiting:
            if self._over:
                return None
            self._wake.clear()
            await self._wake.wait()
        return self._waiting.popleft()

    def _follows(self, uri: object) -> bool:
        """Whether this resource, or one that it is a part of, is followed."""
        return isinstance(uri, str) and (
            uri in self.uris or any(uri.startswith(parent.rstrip("/") + "/") for parent in self.uris)
        )


class Following:
    """The listeners of one server, and how many of them follow each resource."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._listeners: set[Listener] = set()
        self._users: dict[str, int] = {}
        self._lock = asyncio.Lock()
        self._over = False

    async def add(self, listener: Listener, uris: Collection[str]) -> list[str]:
        """Lets a listener in; the resources that the server lets it follow. Raises RelayError.

        Whether this succeeds or not, `remove` is due afterwards.
        """
        self._listeners.add(listener)
        if self._over:
            listener.end()
        async with self._lock:
            fresh = []
            for uri in dict.fromkeys(uris):
                listener.uris.add(uri)
                self._users[uri] = self._users.get(uri, 0) + 1
                if self._users[uri] == 1:
                    fresh.append(uri)
            answers = await asyncio.gather(*(self._ask("resources/subscribe", {"uri": uri}) for uri in fresh))
            for uri, answer in zip(fresh, answers, strict=True):
                if translation.error_of(answer) is not None:
                    listener.uris.discard(uri)
                    del self._users[uri]
        return [uri for uri in dict.fromkeys(uris) if uri in listener.uris]

    async def remove(self, listener: Listener) -> None:
        """Lets a listener go; what nobody follows any more is unsubscribed."""
        self._listeners.discard(listener)
        async with self._lock:
            over = []
            for uri in listener.uris:
                self._users[uri] -= 1
                if not self._users[uri]:
                    del self._users[uri]
                    over.append(uri)
            listener.uris.clear()
            if self._over:
                return
            for uri in over:
                with contextlib.suppress(RelayError):
                    await self._ask("resources/unsubscribe", {"uri": uri})

    async def restore(self) -> None:
        """After the server may have forgotten everything: subscribes again. Raises RelayError."""
        async with self._lock:
            uris = list(self._users)
            await asyncio.gather(*(self._ask("resources/subscribe", {"uri": uri}) for uri in uris))
        for listener in self._listeners:
            listener.look()

    def tell(self, message: Envelope) -> None:
        """A change that happened at the server."""
        for listener in self._listeners:
            listener.take(message)

    def end(self) -> None:
        """The server is gone."""
        self._over = True
        for listener in self._listeners:
            listener.end()
