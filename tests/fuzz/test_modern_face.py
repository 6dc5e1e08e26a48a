"""A modern client before a legacy server that says anything: one answer to each request, in its own era."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from skerry.relay.faces.modern_face import Bounds, ModernFace
from skerry.relay.ports import RelayError
from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope
from tests.fuzz.effort import examples
from tests.fuzz.scripted import META, NAMES, ODD, PARAMS, STEPS, Hurried, Scripted, Step, at_once, envelope

WITHIN = 20.0
RESERVED = "io.modelcontextprotocol/"
WELCOME: dict[str, Any] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {"listChanged": True}, "resources": {"subscribe": True}, "logging": {}},
    "serverInfo": {"name": "s", "version": "1"},
}
GOOD_META: dict[str, Any] = {
    eras.META_PROTOCOL_VERSION: "2026-07-28",
    eras.META_CLIENT_CAPABILITIES: {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}},
    eras.META_CLIENT_INFO: {"name": "c", "version": "1"},
}
METAS = st.one_of(
    st.just(GOOD_META),
    st.just(GOOD_META),
    META.map(lambda odd: {**GOOD_META, **odd}),
    META,
)
METHODS = st.one_of(
    st.just("tools/call"),
    st.just("tools/call"),
    st.sampled_from(["tools/list", "prompts/get", "resources/read", "server/discover"]),
    NAMES,
)
REQUESTS = st.lists(st.tuples(METHODS, PARAMS, METAS), max_size=5)
ANSWERS = st.one_of(st.just({"action": "accept", "content": {}}), ODD)


def legacy_only(request: Envelope) -> None:
    """What a legacy server may expect of every request."""
    assert request.method not in eras.MODERN_ONLY
    assert not [name for name in eras.request_meta(request) if name.startswith(RESERVED)], request.body
    assert not {"inputResponses", "requestState"} & set(request.params), request.body


class Servers:
    """Opens legacy servers that share one script."""

    def __init__(self, script: list[Step], welcome: Any) -> None:
        self.script, self.welcome = script, welcome
        self.opened: list[Scripted] = []

    async def open(self) -> Scripted:
        server = Scripted("legacy", [], {"initialize": self.welcome, "ping": {}}, legacy_only)
        server.script = self.script
        self.opened.append(server)
        return server


class Client:
    """A modern client that comes back with answers, as long as there are some."""

    def __init__(self, face: ModernFace, answers: list[Any]) -> None:
        self.face, self.answers = face, list(answers)
        self.ids = iter(range(100, 10_000))

    async def emit(self, message: Envelope) -> None:
        assert message.kind == "notification", "a modern client is asked nothing"
        assert jsonrpc.parse(message.body).method == message.method

    async def outcome(self, method: str, params: dict[str, Any], meta: dict[str, Any]) -> None:
        extra: dict[str, Any] = {}
        for _ in range(4):
            members = {"id": next(self.ids), "method": method, "params": {**params, "_meta": meta, **extra}}
            found = await self.once(envelope(members))
            if found is None or not self.answers:
                return
            questions = found.get("inputRequests") or {}
            extra = {"inputResponses": {key: self.answers.pop() for key in questions if self.answers}}
            if "requestState" in found:
                extra["requestState"] = found["requestState"]

    async def once(self, request: Envelope) -> dict[str, Any] | None:
        """The members of a result that wants more input."""
        try:
            answer = await self.face.call(request, self.emit)
        except RelayError as problem:
            assert jsonrpc.parse(problem.answer(request.raw_id)).raw_id == request.raw_id
            return None
        assert answer.kind == "response"
        assert answer.raw_id == request.raw_id
        value = json.loads(answer.body)
        assert value["id"] == request.id
        if "error" in value:
            assert isinstance(value["error"]["code"], int)
            assert value["error"]["code"] not in (eras.RESOURCE_NOT_FOUND, eras.URL_ELICITATION_REQUIRED)
            return None
        result: dict[str, Any] = value["result"]
        assert result["resultType"] in ("complete", "input_required")
        if result["resultType"] == "complete":
            assert request.method not in eras.CACHEABLE or {"ttlMs", "cacheScope"} <= set(result)
            return None
        assert request.method in eras.MULTI_ROUND
        assert "ttlMs" not in result
        for question in result.get("inputRequests", {}).values():
            assert question["method"] in eras.INPUT_METHODS
        return result


@examples(50, shrink=False)
@given(
    st.lists(STEPS, max_size=8),
    REQUESTS,
    st.lists(ANSWERS, max_size=6),
    st.sets(st.integers(100, 104)),
)
def test_each_request_of_a_modern_client_ends_once_and_in_its_era(
    script: list[Step],
    requests: list[tuple[str, dict[str, Any], dict[str, Any]]],
    answers: list[Any],
    cancelled: set[int],
) -> None:
    async def example() -> None:
        servers = Servers(script, WELCOME)
        bounds = Bounds(collect=0.0, handshake=1.0, page=0.01)
        face = ModernFace(servers.open, bounds=bounds, clock=Hurried(), pause=at_once)
        client = Client(face, answers)
        calls = [asyncio.create_task(client.outcome(*request)) for request in requests]
        for _ in range(5):
            await asyncio.sleep(0)
        for number in cancelled:
            await face.notify(
                envelope({"method": "notifications/cancelled", "params": {"requestId": number}})
            )
        for _ in range(60):
            await asyncio.sleep(0)
        face.sweep()
        async with asyncio.timeout(WITHIN):
            await face.close()
            await asyncio.gather(*calls)
        for server in servers.opened:
            assert server.closed >= 1
            assert not server.running
            assert not server.seen or server.seen[0].method == "initialize"
            used = Counter((type(request.id), request.id) for request in server.seen)
            assert max(used.values(), default=1) == 1, "an id was used twice"

    asyncio.run(example())


@examples(40, shrink=False)
@given(st.one_of(ODD, st.dictionaries(st.sampled_from(list(WELCOME)), ODD)), REQUESTS)
def test_whatever_the_server_says_of_itself_each_request_ends(
    welcome: Any, requests: list[tuple[str, dict[str, Any], dict[str, Any]]]
) -> None:
    async def example() -> None:
        servers = Servers([], {**WELCOME, **welcome} if isinstance(welcome, dict) else welcome)
        face = ModernFace(
            servers.open, bounds=Bounds(collect=0.0, handshake=1.0), clock=Hurried(), pause=at_once
        )
        client = Client(face, [])
        async with asyncio.timeout(WITHIN):
            await client.outcome("server/discover", {}, GOOD_META)
            for method, params, meta in requests:
                if method != "subscriptions/listen":
                    await client.outcome(method, params, meta)
            await face.close()

    asyncio.run(example())
