"""A legacy client before a modern server that says anything: one answer to each request, in its own era."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from skerry.relay.faces.legacy_face import LegacyFace
from skerry.relay.ports import RelayError
from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope
from tests.fuzz.effort import examples
from tests.fuzz.scripted import (
    NAMES,
    NOTIFICATIONS,
    ODD,
    PARAMS,
    STEPS,
    Hurried,
    Scripted,
    Step,
    at_once,
    envelope,
)

WITHIN = 20.0
GONE = {name for name in eras.REMOVED if not name.startswith("notifications/")}
DISCOVER: dict[str, Any] = {
    "resultType": "complete",
    "supportedVersions": ["2026-07-28"],
    "capabilities": {"tools": {"listChanged": True}, "resources": {"subscribe": True}},
    "ttlMs": 0,
    "cacheScope": "private",
}
INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}},
    "clientInfo": {"name": "c", "version": "1"},
}
ANSWERS = st.one_of(
    st.just({"result": {"action": "accept", "content": {}}}),
    st.just({"error": {"code": -32601, "message": "no"}}),
    ODD.map(lambda value: {"result": value}),
    st.none(),
)
REQUESTS = st.lists(
    st.tuples(st.one_of(st.just("tools/call"), NAMES.filter(lambda m: m != "initialize")), PARAMS),
    max_size=5,
)


def modern_only(request: Envelope) -> None:
    """What a modern server may expect of every request."""
    assert eras.meta_violation(request, eras.MODERN_VERSIONS) is None, request.body
    assert request.method not in GONE, request.method


class Client:
    """Keeps what reaches the client, and answers its questions by and by."""

    def __init__(self, face: LegacyFace, answers: list[dict[str, Any] | None]) -> None:
        self.face, self.answers = face, list(answers)
        self.heard: list[Envelope] = []
        self.tasks: set[asyncio.Task[None]] = set()

    async def emit(self, message: Envelope) -> None:
        assert message.kind != "response"
        assert jsonrpc.parse(message.body).method == message.method
        assert not [
            name for name in eras.request_meta(message) if name.startswith("io.modelcontextprotocol/")
        ]
        self.heard.append(message)
        if message.kind == "request":
            assert message.method in eras.INPUT_METHODS
            answer = self.answers.pop(0) if self.answers else {"result": {"action": "cancel"}}
            if answer is not None:
                response = envelope({"id": message.id, **answer})
                self.tasks.add(asyncio.create_task(self.face.respond(response)))

    async def outcome(self, request: Envelope) -> str:
        """How a request ends."""
        try:
            answer = await self.face.call(request, self.emit)
        except RelayError as problem:
            assert jsonrpc.parse(problem.answer(request.raw_id)).raw_id == request.raw_id
            return problem.reason
        assert answer.kind == "response"
        assert answer.raw_id == request.raw_id
        value = json.loads(answer.body)
        assert value["id"] == request.id
        if "result" in value:
            assert isinstance(value["result"], dict)
            assert not set(value["result"]) & set(eras.MODERN_RESULT)
        else:
            assert isinstance(value["error"]["code"], int)
        return "answered"


@examples(60, shrink=False)
@given(
    st.lists(STEPS, max_size=8),
    REQUESTS,
    st.lists(ANSWERS, max_size=6),
    st.lists(NOTIFICATIONS, max_size=3),
    st.sets(st.integers(0, 4)),
)
def test_each_request_of_a_legacy_client_ends_once_and_in_its_era(
    script: list[Step],
    requests: list[tuple[str, dict[str, Any]]],
    answers: list[dict[str, Any] | None],
    notifications: list[dict[str, Any]],
    cancelled: set[int],
) -> None:
    async def example() -> None:
        server = Scripted("modern", script, {"server/discover": DISCOVER}, modern_only)
        face = LegacyFace(server, clock=Hurried(), pause=at_once)
        client = Client(face, answers)
        face.listen(client.emit)
        assert (
            await client.outcome(envelope({"id": "i", "method": "initialize", "params": INITIALIZE}))
            == "answered"
        )
        await face.notify(envelope({"method": "notifications/initialized"}))
        calls = [
            asyncio.create_task(client.outcome(envelope({"id": number, "method": method, "params": params})))
            for number, (method, params) in enumerate(requests)
        ]
        for _ in range(3):
            await asyncio.sleep(0)
        for members in notifications:
            if members["method"] != "initialize":
                try:
                    await face.notify(envelope(members))
                except RelayError:
                    continue
        for number in cancelled:
            await face.notify(
                envelope({"method": "notifications/cancelled", "params": {"requestId": number}})
            )
        for _ in range(40):
            await asyncio.sleep(0)
        async with asyncio.timeout(WITHIN):
            await face.close()
            ends = await asyncio.gather(*calls)
            await asyncio.gather(*client.tasks)
        assert len(ends) == len(requests)
        assert server.closed == 1
        assert not server.answers, "a modern server gets no responses"
        assert not server.running
        used = Counter(request.raw_id for request in server.seen)
        assert max(used.values(), default=1) == 1, "an id was used twice"

    asyncio.run(example())


@examples(40, shrink=False)
@given(st.one_of(ODD, st.dictionaries(st.sampled_from(list(DISCOVER)), ODD)), PARAMS)
def test_whatever_the_server_says_of_itself_the_handshake_ends(discover: Any, params: dict[str, Any]) -> None:
    async def example() -> None:
        server = Scripted("modern", [Step(result=discover)], {}, modern_only)
        face = LegacyFace(server, clock=Hurried(), pause=at_once)
        client = Client(face, [])
        face.listen(client.emit)
        await client.outcome(envelope({"id": 1, "method": "initialize", "params": {**INITIALIZE, **params}}))
        await face.notify(envelope({"method": "notifications/initialized"}))
        await client.outcome(envelope({"id": 2, "method": "tools/list"}))
        async with asyncio.timeout(WITHIN):
            await face.close()

    asyncio.run(example())
