"""What a program prints, message by message: whose it is, and what becomes of output that is no message."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from skerry.bridge import routing
from skerry.bridge.calls import Call, Caller, Suspects
from skerry.relay.lines import Lines, Oversized
from skerry.relay.ports import RelayError
from skerry.wire import jsonrpc
from skerry.wire.eras import Era
from skerry.wire.jsonrpc import Envelope

log = logging.getLogger(__name__)

HANDSHAKE = frozenset({"initialize", "server/discover"})
MAX_ASKED = 1000
"""Questions of the program that one client may leave open."""
_SHOWN = 200
_NAMED = 5


class Speaker(Protocol):
    """The program that is heard: who waits for what it says, and what comes of it."""

    @property
    def era(self) -> Era:
        """The era in which it was opened."""
        ...

    @property
    def calls(self) -> Mapping[int, Call]:
        """The calls in flight by their numbers, in the order of their start."""
        ...

    @property
    def tokens(self) -> Mapping[routing.Key, Call]:
        """The calls in flight by the progress tokens that it was given."""
        ...

    @property
    def channels(self) -> Sequence[Caller]:
        """All clients."""
        ...

    @property
    def suspects(self) -> Suspects:
        """The calls whose answer was lost on the way."""
        ...

    def serves(self) -> None:
        """It has answered more than a handshake."""
        ...

    def finish(self, number: int, answer: Envelope | RelayError) -> None:
        """Ends a call with its answer."""
        ...

    def send(self, message: bytes) -> None:
        """Sends a response. Raises RelayError when that cannot be done."""
        ...


class Hearing:
    """Reads the standard output of `child` and hands out what it says.

    `name` is how the log calls it, `max_message` the bytes of its longest line.
    """

    def __init__(self, child: Speaker, *, name: str, max_message: int) -> None:
        self._child = child
        self._name = name
        self._max_message = max_message
        self._lines = Lines(max_message)
        self._strange = 0

    def received(self, data: bytes) -> None:
        """Takes the next piece of output, wherever it was cut."""
        for line in self._lines.feed(data):
            self._take(line)

    def _take(self, line: bytes | Oversized) -> None:
        if isinstance(line, Oversized):
            self._oversized(line)
            return
        try:
            message = jsonrpc.parse(line, max_size=self._max_message)
        except jsonrpc.RpcError as problem:
            self._damaged(line, problem)
            return
        if message.kind == "response":
            self._answered(message)
        elif message.kind == "notification":
            self._notified(message)
        else:
            self._asked(message)

    def _answered(self, response: Envelope) -> None:
        number = response.id
        if number is None and len(self._child.calls) == 1:  # an error that names no call: there is only one
            number = next(iter(self._child.calls))
            response = jsonrpc.parse(jsonrpc.error(number, *_code_and_message(response)))
        call = self._child.calls.get(number) if type(number) is int else None
        if call is None:
            return  # late, or never asked for
        if call.request.method not in HANDSHAKE:
            self._child.serves()
        if call.request.method == "subscriptions/listen":
            response = routing.for_subscriber(response, call)
        self._child.finish(call.number, response.under(call.request))

    def _notified(self, message: Envelope) -> None:
        if message.method == "notifications/progress":
            token = message.params.get("progressToken")
            call = self._child.tokens.get(routing.key(token)) if isinstance(token, str | int) else None
            if call is not None:
                if call.token_sent is not None:
                    message = routing.with_member(message, "progressToken", call.token)
                call.lane.put(message)
            return
        if self._child.era == "modern":
            self._notified_modern(message)
            return
        call = None
        if message.method not in routing.OF_SESSION:
            call = routing.newest_asking(self._child.calls.values())
        if call is not None:
            call.lane.put(message)
            return
        for channel in self._child.channels:
            channel.mail.put(message)

    def _notified_modern(self, message: Envelope) -> None:
        number = routing.of_subscription(message)
        if number is None and message.method == "notifications/cancelled":
            number = message.params.get("requestId")
        if number is not None:
            call = self._child.calls.get(number) if type(number) is int else None
            if call is None:
                return
            if message.method == "notifications/cancelled":
                message = routing.with_member(message, "requestId", call.request.id)
            else:
                message = routing.for_subscriber(message, call)
        else:
            call = routing.newest_logging(self._child.calls.values())
        if call is not None:
            call.lane.put(message)

    def _asked(self, request: Envelope) -> None:
        if self._child.era == "modern":
            self._refuse(request, jsonrpc.METHOD_NOT_FOUND, "Servers send no requests in this revision.")
            return
        if request.method == "ping":
            with contextlib.suppress(RelayError):
                self._child.send(jsonrpc.response(request.raw_id, {}))
            return
        call = routing.newest_asking(self._child.calls.values())
        channel = call.channel if call is not None else next(iter(self._child.channels), None)
        if channel is None:
            self._refuse(request, jsonrpc.METHOD_NOT_FOUND, "No client is there to ask.")
            return
        while len(channel.asked) >= MAX_ASKED:  # never answered, never will be
            del channel.asked[next(iter(channel.asked))]
        channel.asked[routing.key(request.id)] = request.raw_id
        lane = call.lane if call is not None else channel.mail
        if not lane.put(request):
            del channel.asked[routing.key(request.id)]
            self._refuse(request, jsonrpc.INTERNAL_ERROR, "The client does not read.")

    def _refuse(self, request: Envelope, code: int, message: str) -> None:
        with contextlib.suppress(RelayError):
            self._child.send(jsonrpc.error(request.raw_id, code, message))

    def _damaged(self, line: bytes, problem: jsonrpc.RpcError) -> None:
        """Output that is no message is ignored, unless it is a damaged answer: then its call fails."""
        text = line.decode("utf-8", "replace")
        self._strange += 1
        if self._strange <= _NAMED or self._strange % 1000 == 0:
            log.warning("%s printed what is no MCP message: %s", self._name, text[:_SHOWN])
        if not line.lstrip().startswith(b"{") or b'"jsonrpc"' not in line:
            return
        with contextlib.suppress(jsonrpc.RpcError):  # only its encoding was wrong: better than no answer
            repaired = jsonrpc.parse(text.encode("utf-8"), max_size=2 * self._max_message)
            if line != repaired.body:
                self._take(repaired.body)
                return
        error = RelayError("failed", f"The MCP server's answer is damaged: {problem.message}")
        try:
            number = json.loads(text).get("id")
        except (ValueError, RecursionError):  # not even its id can be read
            self._blame(None, error)
        else:
            if type(number) is int:
                self._blame(number, error)

    def _oversized(self, line: Oversized) -> None:
        limit = self._max_message
        log.warning("%s printed a line of more than %d bytes", self._name, limit)
        number: object = None
        with contextlib.suppress(ValueError):
            number = json.loads(line.raw_id or b"null")
        error = RelayError(
            "size",
            f"The MCP server's answer is larger than {limit} bytes.",
            hint="Raise --max-message, or ask for less.",
        )
        if b'"method"' not in line.prefix and line.prefix.lstrip().startswith(b"{"):
            self._blame(number, error)

    def _blame(self, number: object, error: RelayError) -> None:
        if type(number) is int:
            self._child.finish(number, error)
        else:
            for found in self._child.suspects.add(error):
                self._child.finish(found, error)

    def ended(self) -> None:
        """The output has ended: what stands in its last line counts, line end or not."""
        for line in self._lines.end():
            self._take(line)


def _code_and_message(response: Envelope) -> tuple[int, str]:
    error = response.error or {}
    code, message = error.get("code"), error.get("message")
    return (
        code if type(code) is int else jsonrpc.INTERNAL_ERROR,
        message if isinstance(message, str) else "The MCP server refused the message.",
    )
