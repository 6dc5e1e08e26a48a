"""An agent as a web service, by its URL: behind a Lambda Function URL, a load balancer, or on this machine.

What the service refuses before a stream begins with 409 (a question is open, another one is under way) comes
out as the RUN_ERROR that a Runtime would have sent, so that a chat knows one way only.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from skerry.chat.backend import Event, Kept, Listing, NotOfferedError, Reply, Tool
from skerry.chat.doors import bodies
from skerry.chat.doors.connection import Connection, RefusedError, Request
from skerry.chat.target import Target

PAGE = 100
"""Messages in one answer, the most that the service gives."""
_AS_EVENTS = ("SESSION_BUSY", "PENDING_INTERRUPTS", "UNKNOWN_INTERRUPT_ID", "UNKNOWN_RUN", "CONFLICT")


class ServiceDoor:
    """The Backend of a web service. `say` is told about waits."""

    def __init__(
        self,
        target: Target,
        *,
        say: Callable[[str], None] = lambda _text: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.target = target
        self.name = target.name
        self.region = target.region
        self._base = target.url.rstrip("/")
        self.connection = Connection(target.proof, self._base, say=say, sleep=sleep)

    def close(self) -> None:
        self.connection.close()

    def ask(
        self, conversation: str, prompt: str, *, preferences: Mapping[str, Any] | None = None
    ) -> Generator[Event]:
        yield from self._stream(conversation, {"prompt": prompt}, preferences)

    def answer(
        self, conversation: str, replies: Sequence[Reply], *, preferences: Mapping[str, Any] | None = None
    ) -> Generator[Event]:
        yield from self._stream(conversation, {"resume": [reply.to_wire() for reply in replies]}, preferences)

    def attach(self, conversation: str, run: str, *, after: int = 0) -> Generator[Event]:
        yield from self._stream(conversation, {"attach": {"runId": run, "after": after}}, reads=True)

    def cancel(self, conversation: str, run: str) -> bool:
        path = f"/api/runs/{quote(run, safe='')}/cancel"
        return bodies.was_running(self._data("POST", path, {"conversation_id": conversation}, reads=True))

    def conversations(self, *, cursor: str = "", limit: int = 20) -> Listing:
        query = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        return bodies.listing(self._data("GET", f"/api/conversations?{urlencode(query)}"))

    def conversation(self, identifier: str) -> Kept:
        path = f"/api/conversations/{quote(identifier, safe='')}?limit={PAGE}"
        return bodies.whole(self._data("GET", path), lambda after: self._data("GET", f"{path}&after={after}"))

    def delete(self, identifier: str) -> None:
        self._data("DELETE", f"/api/conversations/{quote(identifier, safe='')}")

    def tools(self) -> Sequence[Tool]:
        return bodies.tools(self._data("GET", "/api/tools/fetch"))

    def _stream(
        self,
        conversation: str,
        body: dict[str, Any],
        preferences: Mapping[str, Any] | None = None,
        *,
        reads: bool = False,
    ) -> Generator[Event]:
        context = bodies.context(conversation, self.name, self.region, preferences)
        whole = {**body, "conversation_id": conversation, "client_context": context}
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        request = Request("POST", f"{self._base}/stream", json.dumps(whole).encode(), headers, reads)
        try:
            yield from self.connection.events(request)
        except RefusedError as refusal:
            if refusal.kind not in _AS_EVENTS:
                raise
            yield {"type": "RUN_ERROR", "code": refusal.kind, "message": refusal.said}

    def _data(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, reads: bool = False
    ) -> Any:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = b"" if body is None else json.dumps(body).encode()
        request = Request(method, f"{self._base}{path}", content, headers, reads or method == "GET")
        try:
            return self.connection.data(request)
        except RefusedError as refusal:
            if refusal.status == 404 and refusal.kind == "HTTP 404":
                raise NotOfferedError(
                    f"the service at {self._base} has no {path.partition('?')[0]}.",
                    hint="Is the URL that of skerry's agent service?",
                ) from refusal
            raise
