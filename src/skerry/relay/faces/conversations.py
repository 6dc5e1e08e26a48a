"""A modern client's calls at a legacy server, with the rounds that questions of the server make of them.

Source: MCP 2026-07-28, multi round-trip requests; MCP 2025-11-25, a server's requests during a call and the
error that names a URL. The server's question ends the client's request; the call itself waits (`parked`).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from skerry.errors import SkerryError
from skerry.relay.faces import translation
from skerry.relay.faces.calls import Errands, call_digest
from skerry.relay.faces.long_call import LongCall, asked
from skerry.relay.faces.pages import Pages
from skerry.relay.faces.parked import Parked
from skerry.relay.faces.session_pool import Place, SessionPool
from skerry.relay.http.recovery import REPEATABLE
from skerry.relay.ports import Emit, RelayError
from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope

_OURS = frozenset({eras.HEADER_MISMATCH, eras.MISSING_CLIENT_CAPABILITY, eras.UNSUPPORTED_VERSION})
"""Codes with which only the modern era means something, and from which a modern client draws conclusions."""


@dataclass(frozen=True, slots=True)
class Asker:
    """What a modern request says of its client. `token` and `level` are None where it wants none."""

    capabilities: Mapping[str, Any]
    info: Mapping[str, Any] | None
    level: str | None
    token: str | int | None
    emit: Emit


class Conversations:
    """The calls of one principal. `collect` is the wait in seconds for further questions, by `pause`."""

    def __init__(
        self,
        pool: SessionPool,
        parked: Parked,
        pages: Pages,
        errands: Errands,
        *,
        principal: str,
        collect: float,
        pause: Callable[[float], Awaitable[object]],
    ) -> None:
        self._pool = pool
        self._parked = parked
        self._pages = pages
        self._errands = errands
        self._principal = principal
        self._collect = collect
        self._pause = pause

    async def call(self, request: Envelope, asker: Asker) -> Envelope:
        """The response to a request that begins a call, or goes on with one. Raises RelayError."""
        if request.method in eras.MULTI_ROUND and "requestState" in request.params:
            return await self._retry(request, asker)
        return await self._forward(request, asker)

    def sweep(self) -> None:
        """Gives up the calls that nobody came back for in time."""
        for call in self._parked.expired():
            self._give_up(call, "Nobody answered in time.")

    def close(self) -> None:
        """Gives up the calls that wait."""
        for call in self._parked.leave(self):
            self._give_up(call, "The connection was closed.")

    async def _forward(self, request: Envelope, asker: Asker) -> Envelope:
        """A call that begins here. In a fresh session it is sent again only if it did not run, or reads."""
        for last in (False, True):
            place = await self._pool.acquire(asker.capabilities, asker.info)
            try:
                await place.session.talkative(asker.level)
                call = place.session.start(request)
            except (asyncio.CancelledError, SkerryError):
                self._pool.release(place)
                raise
            call.task.add_done_callback(functools.partial(self._returned, place))
            try:
                return await self._round(call, request, asker)
            except RelayError as problem:
                self._pool.doubt(place, problem)
                if last or not _repeatable(request, call, problem):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _returned(self, place: Place, _: object) -> None:
        self._pool.release(place)

    async def _round(self, call: LongCall, request: Envelope, asker: Asker) -> Envelope:
        """Listens to a call until it ends or the server has questions."""
        call.attach(asker.emit, asker.token, asker.level)
        try:
            while True:
                await call.moved()
                if call.task.done():
                    return self._finished(call, request, asker)
                await self._pause(self._collect)
                if call.task.done() or not call.questions:
                    continue
                required = _undeclared(call, asker.capabilities)
                if required is None:
                    return self._park(call, request)
                self._give_up(call, "The client cannot be asked this.")
                return _missing(request, required)
        except (asyncio.CancelledError, SkerryError):
            self._give_up(call, "Nobody waits for the result.")
            raise
        finally:
            call.detach()

    def _finished(self, call: LongCall, request: Envelope, asker: Asker) -> Envelope:
        if call.task.cancelled():
            raise RelayError(
                "closed", f"The session at the server ended before {request.method} was answered."
            )
        response = call.task.result()
        problem = translation.error_of(response)
        if problem is None:
            return translation.modern_response(response, request, self._pool.server_info)
        code, message, data = problem
        if code == eras.URL_ELICITATION_REQUIRED and request.method in eras.MULTI_ROUND:
            return self._page(request, asker, message, data)
        if code in _OURS or code == eras.URL_ELICITATION_REQUIRED:
            return translation.refused(request, jsonrpc.INTERNAL_ERROR, message, {"code": code, "data": data})
        modern = eras.to_modern_code(code)
        if modern != code:
            return translation.refused(request, modern, message, data)
        return translation.carried(response, request)

    # ── rounds ──────────────────────────────────────────────────────────────────────────────────

    def _park(self, call: LongCall, request: Envelope) -> Envelope:
        """The call waits; the client gets the questions and the handle to come back with."""
        questions = jsonrpc.encode({key: asked(question) for key, question in call.questions.items()})
        handle = self._parked.put(self, self._principal, call_digest(self._principal, request), call)
        result = {"resultType": "input_required", "requestState": handle}
        parts = jsonrpc.encode(translation.signed(result, self._pool.server_info))
        return translation.answered(request, b'%b,"inputRequests":%b}' % (parts[:-1], questions))

    async def _retry(self, request: Envelope, asker: Asker) -> Envelope:
        """A client that comes back with answers."""
        state, answers = request.params["requestState"], request.params.get("inputResponses", {})
        if not isinstance(state, str) or not isinstance(answers, dict):
            return invalid(request, "requestState is a string and inputResponses an object.")
        digest = call_digest(self._principal, request)
        if Pages.is_state(state):
            if not Pages.matches(state, digest):
                return _stale(request)
            if not Pages.agreed(answers):
                return self._declined(request)
            await self._pages.waited(digest)
            return await self._forward(request, asker)
        call = self._parked.find(state, digest)
        if call is None:
            return _stale(request)
        given = {key: answers[key] for key in call.questions if key in answers}
        if not all(isinstance(answer, dict) for answer in given.values()):
            return invalid(request, "Each of the inputResponses is an object.")
        self._parked.take(state)
        call.attach(asker.emit, asker.token, asker.level)
        for key, answer in given.items():
            with contextlib.suppress(RelayError):  # a server that is gone has ended the call
                await call.answer(key, answer)
        return await self._round(call, request, asker)

    def _page(self, request: Envelope, asker: Asker, message: str, data: object) -> Envelope:
        required: dict[str, Any] = {"elicitation": {"url": {}}}
        if not eras.declares(asker.capabilities, required):
            return _missing(request, required)
        result = self._pages.wanted(call_digest(self._principal, request), data)
        if result is None:
            return translation.refused(request, jsonrpc.INTERNAL_ERROR, message, data)
        return translation.answered(request, translation.signed(result, self._pool.server_info))

    def _declined(self, request: Envelope) -> Envelope:
        """The end of a call whose page nobody opened: a failed tool, which models read, else an error."""
        text = "The page that the server needs was not opened."
        if request.method != "tools/call":
            return translation.refused(request, jsonrpc.INTERNAL_ERROR, text)
        said = {"resultType": "complete", "content": [{"type": "text", "text": text}], "isError": True}
        return translation.answered(request, translation.signed(said, self._pool.server_info))

    def _give_up(self, call: LongCall, reason: str) -> None:
        if not call.task.done():
            self._errands.run(call.give_up(reason))


def _repeatable(request: Envelope, call: LongCall, problem: RelayError) -> bool:
    if problem.reason == "unreachable":
        return True
    return problem.reason in ("closed", "lost") and not call.said and request.method in REPEATABLE


def _undeclared(call: LongCall, capabilities: Mapping[str, Any]) -> dict[str, Any] | None:
    """The first capability that an open question needs and the client did not declare."""
    for question in call.questions.values():
        required = eras.required_capability(question.method, question.params)
        if not eras.declares(capabilities, required):
            return required
    return None


def _missing(request: Envelope, required: Mapping[str, Any]) -> Envelope:
    return translation.refused(
        request,
        eras.MISSING_CLIENT_CAPABILITY,
        f"The server needs {eras.capability_names(required)}, which this request does not declare.",
        {"requiredCapabilities": required},
    )


def invalid(request: Envelope, message: str) -> Envelope:
    """The error for parameters that cannot be."""
    return translation.refused(request, jsonrpc.INVALID_PARAMS, message)


def _stale(request: Envelope) -> Envelope:
    """The same for all: what does not exist, what is another's, what is over."""
    return invalid(request, "The requestState is none of this request, was used before, or is over.")
