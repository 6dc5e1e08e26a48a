"""Event streams of calls: when they begin, how they stay awake, what ends them; pages to be opened."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from skerry.local.gateway.targets.conversation import BOUND, Conversation
from skerry.relay.ports import RelayError
from skerry.wire import jsonrpc
from skerry.wire.jsonrpc import Envelope
from tests.kit.gateway_stack import MODERN, TIMEOUT, Stack, gateway_stack, post
from tests.kit.mcp_backends import Backend, reference_backend, strict_legacy
from tests.local.gateway.test_asking import Wire, events, gateway_for
from tests.local.gateway.test_sessions import STREAM, sessions

STREAMS = {"protocolConfiguration": {"mcp": STREAM}}
META = "io.modelcontextprotocol/"
URLS = {"elicitation": {"form": {}, "url": {}}}


@pytest.fixture(scope="module")
def old_reference() -> Iterator[Backend]:
    with reference_backend(legacy=True) as running:
        yield running


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client(trust_env=False, timeout=TIMEOUT) as client:
        yield client


def modern(url: str, name: str) -> dict[str, Any]:
    """The arguments of an HTTP request for a modern call."""
    meta = {META + "protocolVersion": MODERN, META + "clientCapabilities": {}}
    params = {"name": name, "arguments": {}, "_meta": meta}
    return {
        "url": url,
        "json": {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params},
        "headers": {
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": MODERN,
            "mcp-method": "tools/call",
            "mcp-name": name,
        },
    }


class TestStreams:
    @pytest.mark.behaviour("GWS-AWAKE")
    @pytest.mark.parametrize("server", ["backend", "legacy"])
    def test_a_quiet_call_is_kept_awake_with_comments(
        self, http: httpx2.Client, request: pytest.FixtureRequest, server: str
    ) -> None:
        target: Backend = request.getfixturevalue(server)
        target.go.clear()
        with gateway_stack(keep_alive=0.05) as stack:
            url = gateway_for(stack, target.url, **STREAMS)
            with http.stream("POST", **modern(url, "t___quiet")) as answer:
                lines = answer.iter_lines()
                assert [next(lines) for _ in range(4)] == [":", "", ":", ""]
                target.go.set()
                data = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
            assert data[-1]["result"]["content"][0]["text"] == "at last"

    @pytest.mark.behaviour("GWS-GONE")
    @pytest.mark.parametrize("server", ["backend", "legacy"])
    def test_a_modern_client_that_leaves_its_stream_cancels_the_call(
        self, http: httpx2.Client, request: pytest.FixtureRequest, server: str
    ) -> None:
        target: Backend = request.getfixturevalue(server)
        target.left.clear()
        with gateway_stack(keep_alive=0.05) as stack:
            url = gateway_for(stack, target.url, **STREAMS)
            with http.stream("POST", **modern(url, "t___hang")) as answer:
                assert next(answer.iter_lines()) == ":"
            assert target.left.wait(TIMEOUT), "the server was not told"

    @pytest.mark.behaviour("GWS-RESUME")
    @pytest.mark.parametrize("streams", [False, True])
    def test_a_stream_that_a_legacy_server_lets_go_of_is_resumed(
        self, stack: Stack, old_reference: Backend, streams: bool
    ) -> None:
        url = gateway_for(stack, old_reference.url, **(STREAMS if streams else {"description": "plain"}))
        answer = post(url, "tools/call", {"name": "t___test_reconnection"})
        text = answer.text.splitlines()[-2][6:] if streams else answer.text
        assert json.loads(text)["result"]["content"][0]["text"] == "Found again."
        stack.recorder.wait_for("→ MCP resume")

    def test_a_client_that_takes_no_streams_gets_json_from_a_streaming_gateway(
        self, stack: Stack, legacy: Backend
    ) -> None:
        url = gateway_for(stack, legacy.url, **STREAMS)
        params = {"name": "t___progress", "_meta": {"progressToken": "p"}}
        answer = post(url, "tools/call", params, headers={"accept": "application/json"})
        assert answer.json()["result"]["content"][0]["text"] == "done"


class TestPages:
    @pytest.mark.behaviour("GWS-PAGE")
    def test_a_page_that_a_modern_server_needs_is_a_question_to_a_legacy_client(
        self, stack: Stack, http: httpx2.Client, backend: Backend
    ) -> None:
        wire = Wire(gateway_for(stack, backend.url), URLS)
        with wire.call(http, "t___open_page") as answer:
            said = events(answer)
            question = next(said)
            assert (question["method"], question["params"]["mode"]) == ("elicitation/create", "url")
            assert question["params"]["elicitationId"]
            wire.say({"id": question["id"], "result": {"action": "accept"}})
            rest = list(said)
        assert rest[0]["method"] == "notifications/elicitation/complete"
        assert rest[-1]["result"]["content"][0]["text"] == "signed in"

    @pytest.mark.behaviour("GWS-PAGE-ERROR")
    def test_a_legacy_client_without_url_mode_gets_the_error_that_names_the_page(
        self, stack: Stack, http: httpx2.Client, backend: Backend
    ) -> None:
        wire = Wire(gateway_for(stack, backend.url), {"elicitation": {"form": {}}})
        with wire.call(http, "t___open_page") as answer:
            error = json.loads(answer.read())["error"]
        assert error["code"] == -32042
        assert error["data"]["elicitations"][0]["url"] == "https://page.example/1"
        with wire.call(http, "t___open_page", identifier=6) as answer:  # the page was opened meanwhile
            last = (
                list(events(answer))[-1]
                if "event-stream" in answer.headers["content-type"]
                else (json.loads(answer.read()))
            )
        assert last["result"]["content"][0]["text"] == "signed in"

    @pytest.mark.behaviour("GWS-PAGE-ERROR")
    def test_without_streams_it_is_the_error_too(
        self, stack: Stack, http: httpx2.Client, backend: Backend
    ) -> None:
        wire = Wire(gateway_for(stack, backend.url, **sessions()), URLS)
        with wire.call(http, "t___open_page") as answer:
            assert json.loads(answer.read())["error"]["code"] == -32042
        with wire.call(http, "t___open_page", identifier=6) as answer:
            assert json.loads(answer.read())["result"]["content"][0]["text"] == "signed in"
        with wire.call(http, "t___change_email", {"account_id": "1", "new_email": "n"}) as answer:
            said = json.loads(answer.read())["result"]
        assert said["isError"]
        assert "asks the user a question" in said["content"][0]["text"]  # a form has no other way

    def test_the_error_of_a_legacy_server_is_a_legacy_clients_own(
        self, stack: Stack, http: httpx2.Client
    ) -> None:
        with strict_legacy() as (server, endpoint):
            server.behave = ["page"]
            wire = Wire(gateway_for(stack, endpoint), URLS)
            with wire.call(http, "t___who") as answer:
                error = json.loads(answer.read())["error"]
        assert (error["code"], error["data"]["elicitations"][0]["elicitationId"]) == (-32042, "e1")

    def test_the_error_of_a_legacy_server_is_a_question_to_a_modern_client(self) -> None:
        sent: dict[str, Any] = {"name": "t___who"}
        with strict_legacy() as (server, endpoint), gateway_stack(page=0.05) as stack:
            server.behave = ["page", "page"]
            url = gateway_for(stack, endpoint, description="plain")
            refused = post(url, "tools/call", sent, modern=True)
            assert (refused.status_code, refused.json()["error"]["code"]) == (400, -32021)
            first = post(url, "tools/call", sent, modern=True, capabilities=URLS).json()["result"]
            ((key, question),) = first["inputRequests"].items()
            page = {"mode": "url", "message": "Sign in.", "url": "https://page.example/1"}
            assert question["params"] == page
            agreed = {"inputResponses": {key: {"action": "accept"}}, "requestState": first["requestState"]}
            answer = post(url, "tools/call", {**sent, **agreed}, modern=True, capabilities=URLS)
        assert answer.json()["result"]["content"][0]["type"] == "text"
        assert server.ran == 1


def note(number: int) -> Envelope:
    return jsonrpc.parse(jsonrpc.notification("notifications/message", {"data": number}))


class TestConversation:
    """The buffer between a server and a slow client."""

    @pytest.mark.behaviour("GWS-BACKPRESSURE")
    async def test_what_is_not_read_stops_the_work(self) -> None:
        said = 0

        async def work(conversation: Conversation[str]) -> str:
            nonlocal said
            for number in range(1000):
                await conversation.emit(note(number))
                said += 1
            return "done"

        conversation: Conversation[str] = Conversation(work)
        assert await conversation.opened(5.0)
        for _ in range(10):
            await asyncio.sleep(0)
        assert said == BOUND
        read = [await conversation.next()]
        while (message := await conversation.next()) is not None:
            read.append(message)
        assert [item.params["data"] for item in read if item is not None] == list(range(1000))
        assert conversation.answer() == "done"

    async def test_who_stops_listening_ends_the_work(self) -> None:
        ended = asyncio.Event()

        async def work(conversation: Conversation[str]) -> str:
            try:
                while True:
                    await conversation.emit(note(1))
            finally:
                ended.set()

        conversation: Conversation[str] = Conversation(work)
        await conversation.next()
        await conversation.close()
        assert ended.is_set()

    async def test_without_a_stream_notes_are_dropped_and_questions_fail(self) -> None:
        async def work(conversation: Conversation[str]) -> str:
            await conversation.emit(note(1))
            with pytest.raises(RelayError):
                await conversation.emit(jsonrpc.parse(jsonrpc.request(1, "roots/list")))
            return "done"

        conversation: Conversation[str] = Conversation(work, streams=False)
        assert not await conversation.opened(0.01)
        assert conversation.answer() == "done"

    async def test_a_failure_is_the_answer(self) -> None:
        async def work(conversation: Conversation[str]) -> str:
            raise RelayError("failed", "no")

        conversation: Conversation[str] = Conversation(work)
        assert not await conversation.opened(5.0)
        with pytest.raises(RelayError):
            conversation.answer()
