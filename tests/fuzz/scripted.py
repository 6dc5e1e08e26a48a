"""A `relay.ports.Server` that behaves as a script says, and keeps the rules of the port where it can tell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from hypothesis import strategies as st

from skerry.relay.ports import Emit, Reason, RelayError
from skerry.wire import eras, jsonrpc
from skerry.wire.eras import Era
from skerry.wire.jsonrpc import Envelope
from tests.fuzz.hostile import IDS, JSON_VALUES, METHODS

REASONS = st.sampled_from(list(get_args(Reason)))
NAMES = METHODS.filter(str.isprintable)
LONE = "\ud800"
"""Half of a character: JSON can spell it, UTF-8 cannot."""
ODD = st.one_of(JSON_VALUES, st.sampled_from([None, True, 1.5, "", [], {}, LONE]))


@dataclass
class Step:
    """What the server does with one call: says things, then answers, fails, or never answers."""

    said: list[dict[str, Any]] = field(default_factory=list)
    result: Any = None
    error: dict[str, Any] | None = None
    reason: Reason | None = None
    silent: bool = False
    waits: bool = False
    """Before it answers: until each question that it asked has an answer."""


class Scripted:
    """Takes its steps from `script` in the order of calls; after the last one every call gets an empty result.

    `check` sees each request; `seen` and `told` are requests and notifications, `answers` the responses.
    """

    def __init__(
        self,
        era: Era,
        script: list[Step],
        openings: Mapping[str, Any],
        check: Callable[[Envelope], None] = lambda _: None,
    ) -> None:
        self.era = era
        self.script = list(script)
        self.openings = openings
        self.check = check
        self.running: set[tuple[type, object]] = set()
        self.seen: list[Envelope] = []
        self.told: list[Envelope] = []
        self.answers: list[Envelope] = []
        self.open: dict[tuple[type, object], asyncio.Future[None]] = {}
        self.deliver: Emit | None = None
        self.closed = 0

    def listen(self, deliver: Emit) -> None:
        self.deliver = deliver

    async def call(self, request: Envelope, emit: Emit) -> Envelope:
        assert request.kind == "request"
        assert json.loads(request.body)["method"] == request.method
        key = (type(request.id), request.id)
        assert key not in self.running, "two calls under one id"
        self.check(request)
        self.seen.append(request)
        self.running.add(key)
        try:
            return await self._answer(request, emit)
        finally:
            self.running.discard(key)

    async def _answer(self, request: Envelope, emit: Emit) -> Envelope:
        if request.method in self.openings:
            return jsonrpc.parse(jsonrpc.response(request.raw_id, self.openings[request.method]))
        step = self.script.pop(0) if self.script else Step(result={})
        questions = []
        for members in step.said:
            message = envelope(members)
            if message.kind == "request":
                key = (type(message.id), message.id)
                self.open[key] = asyncio.get_running_loop().create_future()
                questions.append(self.open[key])
            await emit(message)
        if step.waits and questions:
            await asyncio.wait(questions)
        if step.silent:
            await asyncio.Event().wait()
        if step.reason is not None:
            raise RelayError(step.reason, "It was so scripted.")
        outcome = {"error": step.error} if step.error is not None else {"result": step.result}
        return envelope({"id": request.id, **outcome}, request)

    async def notify(self, notification: Envelope) -> None:
        assert notification.kind == "notification"
        self.told.append(notification)

    async def respond(self, response: Envelope) -> None:
        assert response.kind == "response"
        self.answers.append(response)
        waiting = self.open.get((type(response.id), response.id))
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def close(self) -> None:
        self.closed += 1


def envelope(members: Mapping[str, Any], request: Envelope | None = None) -> Envelope:
    """A message as it would come over the wire, lone surrogates escaped; under the very id of `request`."""
    message = jsonrpc.parse(json.dumps({"jsonrpc": "2.0", **members}).encode())
    return message if request is None else jsonrpc.parse(message.with_id(request.raw_id))


META = st.dictionaries(
    st.sampled_from(
        [
            "progressToken",
            eras.META_PROTOCOL_VERSION,
            eras.META_CLIENT_CAPABILITIES,
            eras.META_CLIENT_INFO,
            eras.META_LOG_LEVEL,
            eras.META_SERVER_INFO,
            eras.META_SUBSCRIPTION_ID,
            "own",
        ]
    ),
    st.one_of(ODD, st.sampled_from(["2026-07-28", "info", {"elicitation": {}}, "token"])),
    max_size=4,
)
PARAMS = st.dictionaries(
    st.sampled_from(
        [
            "name",
            "arguments",
            "uri",
            "_meta",
            "level",
            "requestId",
            "progressToken",
            "cursor",
            "notifications",
        ]
    ),
    ODD,
    max_size=4,
).flatmap(lambda params: META.map(lambda meta: {**params, "_meta": meta}) | st.just(params))
QUESTION_PARAMS = st.one_of(
    st.just({"message": "?", "requestedSchema": {}}),
    st.just({"mode": "url", "url": "https://example.com", "message": "?"}),
    PARAMS,
)
QUESTIONS = st.builds(
    lambda identifier, method, params: {"id": identifier, "method": method, "params": params},
    IDS,
    st.one_of(
        st.sampled_from(["elicitation/create", "sampling/createMessage", "roots/list", "ping"]), METHODS
    ),
    QUESTION_PARAMS,
)
NOTIFICATIONS = st.builds(
    lambda method, params: {"method": method, "params": params},
    st.one_of(
        st.sampled_from(
            [
                "notifications/progress",
                "notifications/message",
                "notifications/cancelled",
                "notifications/tools/list_changed",
                "notifications/resources/updated",
                eras.ACKNOWLEDGED,
                eras.ELICITATION_COMPLETE,
            ]
        ),
        NAMES,
    ),
    PARAMS,
)
ERRORS = st.fixed_dictionaries(
    {"code": st.one_of(st.sampled_from([-32020, -32021, -32022, -32002, -32042, -32601, -32602]), ODD)},
    optional={"message": ODD, "data": ODD},
)
COMPLETE = st.fixed_dictionaries(
    {"resultType": st.just("complete")},
    optional={"ttlMs": ODD, "cacheScope": ODD, "_meta": META, "content": ODD, "own": ODD},
)
RESULTS = st.one_of(
    ODD,
    COMPLETE,
    COMPLETE,
    st.dictionaries(
        st.sampled_from(["resultType", "ttlMs", "cacheScope", "_meta", "content", "tools", "own"]),
        st.one_of(ODD, st.just("complete"), st.just("input_required"), META),
        max_size=4,
    ),
    st.fixed_dictionaries(
        {"resultType": st.just("input_required")},
        optional={
            "requestState": st.one_of(ODD, st.just("state")),
            "inputRequests": st.one_of(
                ODD,
                st.dictionaries(
                    st.text(max_size=3),
                    st.one_of(
                        ODD,
                        QUESTIONS.map(lambda each: {"method": each["method"], "params": each["params"]}),
                    ),
                    max_size=3,
                ),
            ),
        },
    ),
)
STEPS = st.builds(
    Step,
    said=st.lists(st.one_of(NOTIFICATIONS, QUESTIONS), max_size=3),
    result=RESULTS,
    error=st.one_of(st.none(), st.none(), ERRORS),
    reason=st.one_of(st.none(), st.none(), st.none(), REASONS),
    silent=st.sampled_from([False, False, False, False, True]),
    waits=st.booleans(),
)


@dataclass
class Hurried:
    """A clock on which every look takes a while, so that nothing is waited for for ever."""

    now: float = 0.0

    def monotonic(self) -> float:
        self.now += 20.0
        return self.now


async def at_once(_: float) -> None:
    """A pause that only lets others run."""
    await asyncio.sleep(0)
