"""A call at a legacy server that may outlive the request that began it.

The server asks in the middle of a call, the modern client answers with another request. In between the call
stands at the server and nobody waits for it here: it is parked.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any

from skerry.errors import ProtocolError
from skerry.relay.faces import translation
from skerry.relay.ports import Emit, RelayError, Server
from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope

log = logging.getLogger(__name__)

_QUESTIONS = 32


class LongCall:
    """The call `sent`, as the server knows it.

    `elsewhere` takes what belongs to listeners. Between `attach` and `detach` a client listens to the call.
    """

    def __init__(self, server: Server, sent: Envelope, elsewhere: Emit) -> None:
        self.sent = sent
        self.said = False
        self.level: str | None = None
        self._server = server
        self._elsewhere = elsewhere
        self._emit: Emit | None = None
        self._token: object = None
        self._questions: dict[str, Envelope] = {}
        self._count = 0
        self._wake = asyncio.Event()
        self.task = asyncio.get_running_loop().create_task(server.call(sent, self.take))
        self.task.add_done_callback(self._ended)

    @property
    def questions(self) -> Mapping[str, Envelope]:
        """What the server asked and nobody answered yet, by the keys that the client sees."""
        return self._questions

    @property
    def attached(self) -> bool:
        """Whether a client listens."""
        return self._emit is not None

    def attach(self, emit: Emit, token: object, level: str | None) -> None:
        """From now on messages go to `emit`: progress under `token`, log messages from `level` on."""
        self._emit, self._token, self.level = emit, token, level

    def detach(self) -> None:
        """From now on nobody listens."""
        self._emit = None

    async def moved(self) -> None:
        """Waits until the call has ended or the server has asked something."""
        while not self.task.done() and not self._questions:
            self._wake.clear()
            await self._wake.wait()

    async def answer(self, key: str, result: object) -> None:
        """Gives the server the answer to a question. Raises RelayError."""
        question = self._questions.pop(key, None)
        if question is None:
            return  # the server took it back
        await self._server.respond(jsonrpc.parse(jsonrpc.response(question.raw_id, result)))

    async def give_up(self, reason: str) -> None:
        """Ends the call: its questions are refused and the server is told that nobody waits."""
        try:
            if self.task.done():
                return
            while self._questions:
                _, question = self._questions.popitem()
                with contextlib.suppress(RelayError):
                    await self._refuse(question, jsonrpc.INTERNAL_ERROR, reason)
            params = {"requestId": self.sent.id, "reason": reason}
            await self._server.notify(jsonrpc.parse(jsonrpc.notification(eras.CANCELLED, params)))
        finally:
            self.task.cancel()

    async def take(self, message: Envelope) -> None:
        """What the server says during the call."""
        self.said = True
        if message.kind == "request":
            with contextlib.suppress(RelayError):  # a server that is gone ends the call anyway
                await self._asked(message)
        elif message.kind == "notification":
            await self._told(message)

    async def _asked(self, question: Envelope) -> None:
        if question.method == "ping":
            await self._server.respond(translation.answered(question, {}))
        elif question.method not in eras.INPUT_METHODS or self.sent.method not in eras.MULTI_ROUND:
            await self._refuse(question, jsonrpc.METHOD_NOT_FOUND, "The client cannot be asked this now.")
        elif len(self._questions) >= _QUESTIONS:
            await self._refuse(question, jsonrpc.INVALID_REQUEST, "Too many questions are open.")
        else:
            self._count += 1
            self._questions[f"q{self._count}"] = question
            self._wake.set()

    async def _refuse(self, question: Envelope, code: int, message: str) -> None:
        await self._server.respond(translation.refused(question, code, message))

    async def _told(self, message: Envelope) -> None:
        token = None
        if message.method == eras.CANCELLED:
            self._withdrawn(message.params.get("requestId"))
            return
        if message.method in eras.CHANGES or message.method == eras.ELICITATION_COMPLETE:
            await self._elsewhere(message)
            return
        if message.method == eras.MESSAGE and not self.wants(message):
            return
        if message.method == eras.PROGRESS:
            token = self._token
            if token is None or not self.reports(message):
                return
        if self._emit is None:
            return
        try:
            translated = translation.modern_notification(message, token)
        except ProtocolError as problem:
            log.info("dropped %s: %s", message.method, problem.message)
            return
        await self._emit(translated)

    def wants(self, message: Envelope) -> bool:
        """Whether the client asked for this log message."""
        return (
            self.attached
            and self.level is not None
            and eras.loud_enough(message.params.get("level"), self.level)
        )

    def reports(self, message: Envelope) -> bool:
        """Whether this is progress of the call."""
        token = eras.request_meta(self.sent).get("progressToken")
        return token is not None and message.params.get("progressToken") == token

    def _withdrawn(self, identifier: object) -> None:
        """The server takes a question back."""
        for key, question in list(self._questions.items()):
            if question.id == identifier:
                del self._questions[key]

    def _ended(self, task: asyncio.Task[Envelope]) -> None:
        self._questions.clear()
        self._wake.set()
        if not task.cancelled():
            task.exception()  # read, even when nobody comes back for it


def asked(question: Envelope) -> dict[str, Any]:
    """A legacy server's question as a value of `inputRequests`."""
    params = eras.without_meta(question.params)
    if question.method == "elicitation/create" and params.get("mode") == "url":
        params.pop("elicitationId", None)  # the modern form has none
    return {"method": question.method, "params": params} if params else {"method": question.method}
