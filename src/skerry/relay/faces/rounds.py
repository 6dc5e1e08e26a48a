"""A legacy client's call at a modern server: what the server wants to know is asked, and the call repeated.

Source: MCP 2026-07-28, multi round-trip requests; MCP 2025-11-25, elicitation (URL mode and its error),
sampling, roots. A server that needs input ends the call with what it wants to know. The legacy client is
asked on the stream of its call and notices nothing of the repetitions.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skerry.errors import ProtocolError
from skerry.relay.faces import translation
from skerry.relay.faces.calls import call_digest
from skerry.relay.faces.clock import Clock
from skerry.relay.faces.questions import Question, Questions
from skerry.relay.ports import Emit, RelayError, Server
from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long a call is repeated; times in seconds.

    `rounds` counts rounds of questions. A server that gives a state and no questions is asked again after
    the `pauses`, the last one for ever, until `state` is over. `url` is how long a client may take to come
    back from the error that names a URL, `urls` how many such calls are remembered.
    """

    rounds: int = 10
    questions: int = 32
    pauses: tuple[float, ...] = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
    state: float = 600.0
    url: float = 600.0
    urls: int = 64


@dataclass(slots=True)
class Sent:
    """A call that ended with a URL for the client to open, until the client repeats it."""

    retry: Mapping[str, object]
    elicitations: list[str]
    until: float


@dataclass(slots=True)
class _Call:
    """A call on its way through the rounds. `opened` are URL elicitations that the client agreed to."""

    request: Envelope
    client: translation.LegacyClient
    emit: Emit
    retry: Mapping[str, object] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    first: bool = True
    shown: object = None
    used: object = None


class Rounds:
    """The calls of one legacy client at `server`. `ids` gives ids that are unique there.

    `sent` remembers the calls that ended with a URL; who makes this anew for each call keeps it.
    """

    def __init__(
        self,
        server: Server,
        questions: Questions,
        ids: Callable[[], str],
        *,
        patience: Patience,
        clock: Clock,
        pause: Callable[[float], Awaitable[object]],
        sent: OrderedDict[str, Sent] | None = None,
    ) -> None:
        self._server = server
        self._questions = questions
        self._ids = ids
        self._patience = patience
        self._clock = clock
        self._pause = pause
        self._sent: OrderedDict[str, Sent] = OrderedDict() if sent is None else sent

    async def call(self, request: Envelope, client: translation.LegacyClient, emit: Emit) -> Envelope:
        """The response for the client. Raises RelayError."""
        call = _Call(request, client, emit)
        token = eras.request_meta(request).get("progressToken")
        call.shown = token if isinstance(token, (str, int)) else None
        self._resume(call)
        asked = 0
        pauses = itertools.chain(self._patience.pauses, itertools.repeat(self._patience.pauses[-1]))
        limit = self._clock.monotonic() + self._patience.state
        while True:
            response = await self._once(call)
            problem = translation.error_of(response)
            if problem is not None:
                return _error(response, request, *problem)
            questions, state = _wanted(request, translation.result_of(response), self._patience.questions)
            if questions is None:
                await _complete(call)
                return translation.legacy_response(response, request)
            if questions:
                asked += 1
                if asked > self._patience.rounds:
                    raise RelayError("failed", f"The server asked {asked} times and still has no result.")
                answers = await self._answers(call, questions, state)
                if isinstance(answers, Envelope):
                    return answers
                call.retry = {"inputResponses": answers, **state}
            else:
                if self._clock.monotonic() >= limit:
                    raise RelayError("timeout", "The server asked for patience until it was over.")
                await self._pause(next(pauses))
                call.retry = state

    async def _once(self, call: _Call) -> Envelope:
        """One round at the server: a new id, and from the second on a new progress token."""
        call.used = call.shown if call.first or call.shown is None else self._ids()
        token = None if call.first else call.used
        call.first = False
        request = translation.modern_request(call.request, self._ids(), call.client, call.retry, token)

        async def passed(message: Envelope) -> None:
            await _passed(call, message)

        return await self._server.call(request, passed)

    # ── questions ───────────────────────────────────────────────────────────────────────────────

    async def _answers(
        self, call: _Call, wanted: Mapping[str, Question], state: Mapping[str, object]
    ) -> dict[str, object] | Envelope:
        """The client's answers by their keys, or how the call ends without them."""
        urls = {key: params for key, (method, params) in wanted.items() if _is_url(method, params) and params}
        elicitations = {key: os.urandom(16).hex() for key in urls}
        for key, (method, params) in wanted.items():
            required = eras.required_capability(method, params or {})
            if not eras.declares(call.client.capabilities, required):
                if key in urls:
                    return self._open(call, urls, elicitations, state)
                return _undeclared(call.request, required)
        questions = [
            (method, {**urls[key], "elicitationId": elicitations[key]} if key in urls else params)
            for key, (method, params) in wanted.items()
        ]
        try:
            responses = await self._questions.ask(call.request.id, questions, call.emit)
        except RelayError:
            if urls:  # nothing reaches the client but the response
                return self._open(call, urls, elicitations, state)
            raise
        return self._collected(call, wanted, responses, (urls, elicitations, state))

    def _collected(
        self,
        call: _Call,
        wanted: Mapping[str, Question],
        responses: Sequence[Envelope],
        page: tuple[Mapping[str, Any], Mapping[str, str], Mapping[str, object]],
    ) -> dict[str, object] | Envelope:
        urls, elicitations, state = page
        answers: dict[str, object] = {}
        for (key, (method, _)), response in zip(wanted.items(), responses, strict=True):
            if response.error is not None:
                if key in urls:
                    return self._open(call, urls, elicitations, state)
                if method != "elicitation/create":
                    return _declined(call.request, method, response)
                answers[key] = {"action": "cancel"}
                continue
            if not isinstance(response.result, dict):
                raise RelayError("failed", f"The client answered {method} with something that is no object.")
            if key in urls and response.result.get("action") == "accept":
                call.opened.append(elicitations[key])
            answers[key] = response.result
        return answers

    # ── URLs that the client opens by itself ────────────────────────────────────────────────────

    def _open(
        self,
        call: _Call,
        urls: Mapping[str, Mapping[str, Any]],
        elicitations: Mapping[str, str],
        state: Mapping[str, object],
    ) -> Envelope:
        """The legacy error that names the URLs; the state waits for the client to repeat its call."""
        retry = {"inputResponses": {key: {"action": "accept"} for key in urls}, **state}
        until = self._clock.monotonic() + self._patience.url
        self._sent[call_digest("", call.request)] = Sent(retry, list(elicitations.values()), until)
        while len(self._sent) > self._patience.urls:
            self._sent.popitem(last=False)
        listed = [{**params, "elicitationId": elicitations[key]} for key, params in urls.items()]
        return translation.refused(
            call.request,
            eras.URL_ELICITATION_REQUIRED,
            "This request needs a page to be opened first; open it, then send the request again.",
            {"elicitations": listed},
        )

    def _resume(self, call: _Call) -> None:
        """Picks up the state of a call that the client repeats after it opened a URL."""
        if not self._sent or call.request.method not in eras.MULTI_ROUND:
            return
        sent = self._sent.pop(call_digest("", call.request), None)
        if sent is not None and self._clock.monotonic() < sent.until:
            call.retry, call.opened = sent.retry, sent.elicitations


def _wanted(
    request: Envelope, result: Mapping[str, Any], limit: int
) -> tuple[dict[str, Question] | None, dict[str, object]]:
    """The questions of a result by their keys and its state; None for one that is complete.

    Raises RelayError for a result that a legacy client cannot get.
    """
    kind = result.get("resultType", "complete")
    if kind == "complete":
        return None, {}
    if kind != "input_required" or request.method not in eras.MULTI_ROUND:
        raise RelayError("failed", f"The server answered {request.method} with an unknown kind of result.")
    state: dict[str, object] = {}
    if "requestState" in result:
        if not isinstance(result["requestState"], str):
            raise RelayError("failed", "The server gave a requestState that is no string.")
        state["requestState"] = result["requestState"]
    asked = result.get("inputRequests", {})
    if not isinstance(asked, dict) or (not asked and not state):
        raise RelayError("failed", "The server wants input and does not say what.")
    if len(asked) > limit:
        raise RelayError("failed", f"The server asks {len(asked)} questions at once; {limit} are allowed.")
    return {key: _question(value) for key, value in asked.items()}, state


def _question(value: object) -> Question:
    method = value.get("method") if isinstance(value, dict) else None
    params = value.get("params") if isinstance(value, dict) else None
    if not isinstance(method, str) or method not in eras.INPUT_METHODS:
        raise RelayError("failed", "The server asks for something that no client can give.")
    if params is not None and not isinstance(params, dict):
        raise RelayError("failed", f"The server asks {method} with parameters that are no object.")
    return method, params


def _is_url(method: str, params: Mapping[str, Any] | None) -> bool:
    return method == "elicitation/create" and params is not None and params.get("mode") == "url"


async def _passed(call: _Call, message: Envelope) -> None:
    """What a modern server says during a call, for the client."""
    if message.kind != "notification" or message.method == eras.CANCELLED:
        log.info("dropped what a modern server does not send during a call: %s", message.method)
        return
    token = None
    if message.method == eras.PROGRESS and call.used != call.shown:
        token = call.shown
    try:
        translated = translation.legacy_notification(message, token)
    except ProtocolError as problem:
        log.info("dropped %s: %s", message.method, problem.message)
        return
    await call.emit(translated)


async def _complete(call: _Call) -> None:
    for elicitation in call.opened:
        done = jsonrpc.notification(eras.ELICITATION_COMPLETE, {"elicitationId": elicitation})
        with contextlib.suppress(RelayError):  # the call is done, whether or not this arrives
            await call.emit(jsonrpc.parse(done))


def _error(response: Envelope, request: Envelope, code: int, message: str, data: object) -> Envelope:
    """A modern server's error for the client; those that only we can have caused say so."""
    if code == eras.MISSING_CLIENT_CAPABILITY:
        required = data.get("requiredCapabilities") if isinstance(data, dict) else None
        return _undeclared(request, required if isinstance(required, dict) else {})
    if code == eras.HEADER_MISMATCH:
        log.error("the server refused the headers made for %s: %s", request.method, message)
        raise RelayError("refused", "The server refused the headers that were made for it.")
    if code == eras.UNSUPPORTED_VERSION:
        log.error("the server does not serve the protocol version any more that it named: %s", message)
        raise RelayError(
            "lost", "The server does not serve this protocol version any more.", hint="Connect to it again."
        )
    if code == jsonrpc.INVALID_PARAMS and request.method == "resources/read" and isinstance(data, dict):
        uri = request.params.get("uri")
        if isinstance(uri, str) and data.get("uri") == uri:  # says that it is this resource that is missing
            return translation.refused(request, eras.RESOURCE_NOT_FOUND, message, data)
    return translation.carried(response, request)


def _undeclared(request: Envelope, required: Mapping[str, Any]) -> Envelope:
    names = eras.capability_names(required) or "a capability"
    return translation.refused(
        request,
        eras.MISSING_CLIENT_CAPABILITY,
        f"The server needs {names}, which this client did not declare.",
        {"requiredCapabilities": required},
    )


def _declined(request: Envelope, method: str, response: Envelope) -> Envelope:
    """The client answered a question with an error, for which the modern era has no form."""
    code, message, data = translation.error_of(response) or (jsonrpc.INTERNAL_ERROR, "", None)
    return translation.refused(request, code, f"The client did not answer {method}: {message}", data)
