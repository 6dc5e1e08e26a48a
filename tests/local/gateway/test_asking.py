"""Servers that ask through the gateway: elicitation, sampling and roots, every pair of eras, real clients."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import fastmcp
import httpx2
import mcp_types
import pytest
from mcp import types
from mcp.client import Client

from tests.conformance.test_reference_server import FIXTURES, SAID, fill, roots, sample
from tests.kit.clock import FakeClock
from tests.kit.gateway_stack import LEGACY, TIMEOUT, Stack, gateway_stack, post
from tests.kit.mcp_backends import Backend, StrictLegacy, reference_backend, strict_legacy
from tests.kit.reference.asking import ASKING
from tests.local.gateway.test_sessions import STREAM, listening, opened, sessions, within

# Log messages are deprecated from 2026-07-28 on; the reference server sends them nevertheless.
pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
MODES = ["legacy", "2026-07-28"]
CHANGE = {"account_id": "12345", "new_email": "new@example.com"}
FORM = {"elicitation": {"form": {}}}


@pytest.fixture(scope="module")
def reference() -> Iterator[Backend]:
    """The reference server, which speaks both eras."""
    with reference_backend() as running:
        yield running


@pytest.fixture(scope="module")
def old_reference() -> Iterator[Backend]:
    """The reference server as one that knows the handshake era only."""
    with reference_backend(legacy=True) as running:
        yield running


@pytest.fixture
def strict() -> Iterator[tuple[StrictLegacy, str]]:
    with strict_legacy() as running:
        yield running


def gateway_for(stack: Stack, url: str, name: str = "t", **members: Any) -> str:
    gateway = stack.gateway(**(members or sessions(streams=True)))
    stack.target(gateway, name, {"mcpServer": {"endpoint": url}})
    return stack.url(gateway)


@asynccontextmanager
async def able(url: str, mode: str) -> AsyncIterator[Client]:
    """A client that can answer everything."""
    async with Client(
        url,
        mode=mode,
        elicitation_callback=fill,
        sampling_callback=sample,
        list_roots_callback=roots,
    ) as client:
        yield client


@pytest.mark.behaviour("GWS-ASK-PAIRS")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("server", ["reference", "old_reference"])
async def test_every_fixture_works_through_the_gateway_whatever_the_eras(
    stack: Stack, request: pytest.FixtureRequest, server: str, mode: str
) -> None:
    url = gateway_for(stack, request.getfixturevalue(server).url)
    async with able(url, mode) as client:
        listed = [tool.name for tool in (await client.list_tools()).tools]
        assert listed == [f"t___{name}" for name in FIXTURES]
        for name in FIXTURES:
            arguments = {"message": "?", "prompt": "?", "region": "north"}
            result = await client.call_tool(f"t___{name}", arguments)
            assert result.is_error == (name == "test_error_handling"), (name, result)
            if name in ASKING:
                said = result.content[0]
                assert isinstance(said, types.TextContent)
                assert said.text == SAID.get(name, said.text)
        asked = await client.get_prompt("t___test_input_required_result_prompt")
        assert isinstance(asked.messages[0].content, types.TextContent)
        assert asked.messages[0].content.text == "Talk about ships."


@pytest.mark.behaviour("GWS-ASK-ACTIONS")
@pytest.mark.parametrize("action", ["accept", "decline", "cancel"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("server", ["backend", "legacy"])
@pytest.mark.parametrize("kind", ["sdk", "fastmcp"])
async def test_accept_decline_and_cancel_reach_the_server_as_what_they_are(
    stack: Stack, request: pytest.FixtureRequest, server: str, mode: str, kind: str, action: Any
) -> None:
    target: Backend = request.getfixturevalue(server)
    target.emails["12345"] = "user@example.com"
    url = gateway_for(stack, target.url)
    content: Any = {"confirm": True} if action == "accept" else None
    questions: list[str] = []

    async def answer(_context: Any, params: mcp_types.ElicitRequestParams) -> mcp_types.ElicitResult:
        questions.append(params.message)
        return mcp_types.ElicitResult(action=action, content=content)

    async def handler(message: str, _kind: Any, _params: Any, _context: Any) -> Any:
        questions.append(message)
        return mcp_types.ElicitResult(action=action, content=content)

    if kind == "sdk":
        async with Client(url, mode=mode, elicitation_callback=answer) as client:
            result: Any = await client.call_tool("t___change_email", CHANGE)
    else:
        async with fastmcp.Client(url, mode=mode, elicitation_handler=handler) as fast:
            result = await fast.call_tool("t___change_email", CHANGE)
    assert questions == ["Change the address of 12345 to new@example.com?"]
    assert ("changed to" in result.content[0].text) is (action == "accept")
    assert target.emails["12345"] == ("new@example.com" if action == "accept" else "user@example.com")


class Wire:
    """A client of the handshake era by hand: one session, calls whose stream can be read piece by piece."""

    def __init__(self, url: str, capabilities: dict[str, Any], **options: Any) -> None:
        hello = {
            "protocolVersion": LEGACY,
            "capabilities": capabilities,
            "clientInfo": {"name": "wire", "version": "1"},
        }
        self.url = url
        self.session = post(url, "initialize", hello, **options).headers["mcp-session-id"]
        self.headers = {
            "accept": "application/json, text/event-stream",
            "mcp-session-id": self.session,
            "mcp-protocol-version": LEGACY,
        }

    def call(self, client: httpx2.Client, name: str, arguments: Any = None, identifier: Any = 5) -> Any:
        body = {
            "jsonrpc": "2.0",
            "id": identifier,
            "method": "tools/call",
            "params": {"name": name, "arguments": arguments or {}},
        }
        return client.stream("POST", self.url, json=body, headers=self.headers)

    def say(self, message: dict[str, Any]) -> httpx2.Response:
        body = {"jsonrpc": "2.0", **message}
        return httpx2.post(self.url, json=body, headers=self.headers, trust_env=False)


def events(answer: httpx2.Response) -> Iterator[dict[str, Any]]:
    return (json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: "))


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client(trust_env=False, timeout=TIMEOUT) as client:
        yield client


class TestLegacyClient:
    @pytest.mark.behaviour("GWS-ASK-ID")
    @pytest.mark.parametrize("server", ["backend", "legacy"])
    def test_a_question_has_an_id_of_the_gateway_and_is_answered_by_post(
        self, stack: Stack, http: httpx2.Client, request: pytest.FixtureRequest, server: str
    ) -> None:
        target: Backend = request.getfixturevalue(server)
        target.emails["12345"] = "user@example.com"
        wire = Wire(gateway_for(stack, target.url), FORM)
        with wire.call(http, "t___change_email", CHANGE) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            said = events(answer)
            question = next(said)
            assert question["method"] == "elicitation/create"
            accepted = {"action": "accept", "content": {"confirm": True}}
            posted = wire.say({"id": question["id"], "result": accepted})
            assert (posted.status_code, posted.content) == (202, b"")
            last = list(said)[-1]
        assert last["id"] == 5
        assert "changed to" in last["result"]["content"][0]["text"]
        if server == "legacy":
            answered = [item.body for item in target.seen if "result" in item.body]
            assert answered[-1]["id"] != question["id"]

    @pytest.mark.behaviour("GWS-ASK-WRONG-ID")
    def test_a_response_that_nothing_waits_for_is_refused_and_the_question_stays(
        self, stack: Stack, http: httpx2.Client, legacy: Backend
    ) -> None:
        url = gateway_for(stack, legacy.url)
        wire, other = Wire(url, FORM), Wire(url, FORM)
        with wire.call(http, "t___change_email", CHANGE) as answer:
            said = events(answer)
            question = next(said)
            declined = {"action": "decline"}
            for who, identifier in ((wire, "ask-none"), (wire, 1), (other, question["id"])):
                refused = who.say({"id": identifier, "result": declined})
                assert (refused.status_code, refused.json()["error"]["code"]) == (400, -32600)
            assert wire.say({"id": question["id"], "result": declined}).status_code == 202
            assert "not changed" in list(said)[-1]["result"]["content"][0]["text"]
            assert wire.say({"id": question["id"], "result": declined}).status_code == 400

    @pytest.mark.behaviour("GWS-ASK-UNDECLARED")
    def test_a_server_that_asks_what_the_client_did_not_declare_gets_32601(
        self, stack: Stack, http: httpx2.Client, strict: tuple[StrictLegacy, str]
    ) -> None:
        server, endpoint = strict
        server.asks = "sampling/createMessage"
        wire = Wire(gateway_for(stack, endpoint, "strict"), FORM)
        with wire.call(http, "strict___who") as answer:
            methods = [item.get("method", "result") for item in events(answer)]
        assert methods == ["notifications/message", "result"]
        server.answered.wait(TIMEOUT)
        assert (server.posted[-1]["id"], server.posted[-1]["error"]["code"]) == ("s1", -32601)

    def test_the_server_hears_of_the_clients_own_capabilities(
        self, stack: Stack, http: httpx2.Client, legacy: Backend
    ) -> None:
        url = gateway_for(stack, legacy.url)
        for capabilities in (FORM, {}):
            with Wire(url, capabilities).call(http, "t___echo", {"text": "x"}) as answer:
                answer.read()
        declared = [item.body["params"]["capabilities"] for item in legacy.named("initialize")]
        assert declared[-2:] == [FORM, {}]

    @pytest.mark.behaviour("GWS-ASK-LOST")
    def test_a_server_lost_while_it_waits_is_a_dependency_failure(
        self, stack: Stack, http: httpx2.Client, strict: tuple[StrictLegacy, str]
    ) -> None:
        server, endpoint = strict
        server.asks, server.hold, server.cut = "elicitation/create", True, True
        wire = Wire(gateway_for(stack, endpoint, "strict"), FORM)
        with wire.call(http, "strict___who") as answer:
            said = events(answer)
            assert next(said)["method"] == "elicitation/create"
            server.go.set()
            last = list(said)[-1]
        assert last["id"] == 5
        assert "DependencyFailedException" in last["error"]["message"]

    def test_a_question_that_the_server_no_longer_waits_for_is_withdrawn(
        self, stack: Stack, http: httpx2.Client, strict: tuple[StrictLegacy, str]
    ) -> None:
        server, endpoint = strict
        server.asks, server.hold = "elicitation/create", True
        wire = Wire(gateway_for(stack, endpoint, "strict"), FORM)
        with wire.call(http, "strict___who") as answer:
            messages = events(answer)
            asked = next(messages)
            server.go.set()  # it answers without waiting
            said = list(messages)
        methods = [item.get("method", "result") for item in said]
        assert methods == ["notifications/message", "notifications/cancelled", "result"]
        assert said[1]["params"]["requestId"] == asked["id"]
        assert wire.say({"id": asked["id"], "result": {"action": "accept"}}).status_code == 400

    @pytest.mark.behaviour("GWS-ASK-NEEDS")
    @pytest.mark.parametrize("members", [sessions(), {"protocolConfiguration": {"mcp": STREAM}}])
    def test_without_sessions_or_streaming_a_legacy_client_is_told_what_it_takes(
        self, stack: Stack, backend: Backend, members: dict[str, Any]
    ) -> None:
        url = gateway_for(stack, backend.url, **members)
        params = {"name": "t___change_email", "arguments": CHANGE}
        if "sessionConfiguration" in members["protocolConfiguration"]["mcp"]:
            answer = within(url, opened(url), "tools/call", params=params)
        else:
            answer = post(url, "tools/call", params)
        result = answer.json()["result"]
        assert result["isError"] is True
        assert "sessionConfiguration" in result["content"][0]["text"]

    def test_a_session_that_ends_ends_its_calls_and_its_session_at_the_server(
        self, stack: Stack, http: httpx2.Client, legacy: Backend
    ) -> None:
        wire = Wire(gateway_for(stack, legacy.url), FORM)
        with wire.call(http, "t___change_email", CHANGE) as answer:
            said = events(answer)
            next(said)
            httpx2.delete(wire.url, headers=wire.headers, trust_env=False)
            assert list(said) == []
        hop = stack.recorder.wait_for("→ MCP end session")
        assert hop.target == "t"

    @pytest.mark.behaviour("GWS-UPSTREAM")
    def test_each_session_has_one_of_its_own_at_the_server(
        self, stack: Stack, http: httpx2.Client, strict: tuple[StrictLegacy, str]
    ) -> None:
        url = gateway_for(stack, strict[1], "strict")
        found = []
        for wire in (Wire(url, {}), Wire(url, {})):
            texts = set()
            for _ in range(2):
                with wire.call(http, "strict___who") as answer:
                    texts.add(json.loads(answer.read())["result"]["content"][0]["text"])
            assert len(texts) == 1
            found.append(texts.pop())
        assert found[0] != found[1]


class TestModernClient:
    def ask(self, url: str, *, capabilities: Any = FORM, identifier: Any = 1, **params: Any) -> Any:
        sent = {"name": "t___change_email", "arguments": CHANGE, **params}
        return post(url, "tools/call", sent, modern=True, capabilities=capabilities, identifier=identifier)

    @pytest.mark.behaviour("GWS-PARK")
    @pytest.mark.parametrize("streams", [False, True])
    def test_a_legacy_servers_question_parks_the_call(
        self, stack: Stack, legacy: Backend, streams: bool
    ) -> None:
        legacy.emails["12345"] = "user@example.com"
        members = {"protocolConfiguration": {"mcp": STREAM}} if streams else {"description": "plain"}
        url = gateway_for(stack, legacy.url, **members)
        first = self.ask(url).json()["result"]
        assert first["resultType"] == "input_required"
        assert first["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "agentcore-gateway"
        (key,) = first["inputRequests"]
        assert first["inputRequests"][key]["method"] == "elicitation/create"
        answers = {key: {"action": "accept", "content": {"confirm": True}}}
        state = first["requestState"]
        again = self.ask(url, identifier=2, inputResponses=answers, requestState=state).json()
        assert again["id"] == 2
        assert "changed to" in again["result"]["content"][0]["text"]
        assert len(legacy.named("tools/call")) == 1
        late = self.ask(url, identifier=3, inputResponses=answers, requestState=state).json()
        assert late["error"]["code"] == -32602

    @pytest.mark.behaviour("GWS-PARK-BOUND")
    def test_a_parked_call_is_bound_to_its_caller_and_its_arguments(
        self, stack: Stack, legacy: Backend
    ) -> None:
        legacy.emails["12345"] = "user@example.com"
        gateway = stack.gateway(authorizer="AWS_IAM")
        stack.target(gateway, "t", {"mcpServer": {"endpoint": legacy.url}})
        url = stack.url(gateway)
        sent = {"name": "t___change_email", "arguments": CHANGE}
        options: dict[str, Any] = {"modern": True, "capabilities": FORM}
        first = post(url, "tools/call", sent, sign=stack, **options).json()["result"]
        (key,) = first["inputRequests"]
        retry = {
            "inputResponses": {key: {"action": "accept", "content": {"confirm": True}}},
            "requestState": first["requestState"],
        }
        changed = {**sent, "arguments": {**CHANGE, "new_email": "thief@example.com"}}
        stranger = stack.as_role("r", "stranger")
        for message, who in ((changed, stack), (sent, stranger)):
            answer = post(url, "tools/call", {**message, **retry}, sign=who, **options)
            assert answer.json()["error"]["code"] == -32602
        assert legacy.emails["12345"] == "user@example.com"
        done = post(url, "tools/call", {**sent, **retry}, sign=stack, **options).json()["result"]
        assert "changed to" in done["content"][0]["text"]

    def test_a_parked_call_ends_after_its_time(self, legacy: Backend) -> None:
        clock = FakeClock()
        with gateway_stack(clock=clock, parked=60.0) as stack:
            url = gateway_for(stack, legacy.url, description="plain")
            first = self.ask(url).json()["result"]
            clock.advance(61)
            answers = {key: {"action": "decline"} for key in first["inputRequests"]}
            late = self.ask(url, inputResponses=answers, requestState=first["requestState"]).json()
            assert late["error"]["code"] == -32602
            stack.recorder.wait_for("→ MCP notifications/cancelled")

    @pytest.mark.behaviour("GWS-CAPABILITY")
    @pytest.mark.parametrize("capabilities", [{"sampling": {}}, {"roots": {}}])
    def test_a_question_that_was_not_declared_is_400(
        self, stack: Stack, strict: tuple[StrictLegacy, str], capabilities: dict[str, Any]
    ) -> None:
        server, endpoint = strict
        server.asks = "elicitation/create"
        server.hold = True
        url = gateway_for(stack, endpoint, "strict", description="plain")
        answer = post(url, "tools/call", {"name": "strict___who"}, modern=True, capabilities=capabilities)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, -32021)
        assert error["data"] == {"requiredCapabilities": {"elicitation": {"form": {}}}}

    def test_a_client_that_declared_nothing_is_400_too(
        self, stack: Stack, strict: tuple[StrictLegacy, str]
    ) -> None:
        server, endpoint = strict
        server.asks = "elicitation/create"
        url = gateway_for(stack, endpoint, "strict", description="plain")
        answer = post(url, "tools/call", {"name": "strict___who"}, modern=True)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32021)

    def test_a_server_lost_while_a_call_is_parked_is_a_dependency_failure(
        self, stack: Stack, strict: tuple[StrictLegacy, str]
    ) -> None:
        server, endpoint = strict
        server.asks, server.hold, server.cut = "elicitation/create", True, True
        url = gateway_for(stack, endpoint, "strict", description="plain")
        sent = {"name": "strict___who"}
        first = post(url, "tools/call", sent, modern=True, capabilities=FORM).json()["result"]
        server.go.set()
        answers = {key: {"action": "accept", "content": {}} for key in first["inputRequests"]}
        retry = {**sent, "inputResponses": answers, "requestState": first["requestState"]}
        answer = post(url, "tools/call", retry, modern=True, capabilities=FORM)
        assert "DependencyFailedException" in answer.json()["error"]["message"]

    @pytest.mark.behaviour("GWS-LOG-LEVEL")
    @pytest.mark.parametrize("server", ["reference", "old_reference"])
    async def test_log_messages_come_only_to_who_asked_for_them(
        self, stack: Stack, request: pytest.FixtureRequest, server: str
    ) -> None:
        url = gateway_for(stack, request.getfixturevalue(server).url)
        for level, expected in ((None, []), ("info", ["begun", "half done", "done"])):
            meta = {"io.modelcontextprotocol/logLevel": level} if level else {}
            params = {"name": "t___test_tool_with_logging", "arguments": {}, "_meta": meta}
            answer = post(url, "tools/call", params, modern=True)
            said = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
            logged = [
                item["params"]["data"] for item in said if item.get("method") == "notifications/message"
            ]
            assert logged == expected


class TestDynamic:
    """A DYNAMIC target: listed for each caller, and followed for who listens."""

    @pytest.mark.behaviour("GWS-DYNAMIC")
    @pytest.mark.parametrize("server", ["reference", "old_reference"])
    def test_a_list_change_of_the_server_reaches_a_session_that_listens(
        self, stack: Stack, http: httpx2.Client, request: pytest.FixtureRequest, server: str
    ) -> None:
        target: Backend = request.getfixturevalue(server)
        gateway = stack.gateway(**sessions(streams=True))
        stack.target(gateway, "t", {"mcpServer": {"endpoint": target.url, "listingMode": "DYNAMIC"}})
        wire, heard = Wire(stack.url(gateway), {}), threading.Event()

        def trigger() -> None:
            while not heard.is_set():  # until the server has the stream that the gateway opens there
                with wire.call(http, "t___test_trigger_tool_change") as answer:
                    answer.read()

        with listening(wire.url, wire.session) as messages:
            triggering = threading.Thread(target=trigger)
            triggering.start()
            try:
                assert next(messages)["method"] == "notifications/tools/list_changed"
            finally:
                heard.set()
                triggering.join(TIMEOUT)

    async def test_tools_are_listed_for_each_caller(self, stack: Stack, reference: Backend) -> None:
        gateway = stack.gateway()
        endpoint = {"endpoint": reference.url, "listingMode": "DYNAMIC"}
        stack.target(gateway, "t", {"mcpServer": endpoint})
        reference.seen.clear()
        for _ in range(2):
            assert post(stack.url(gateway), "tools/list").json()["result"]["tools"]
        assert len(reference.named("tools/list")) == 2


@pytest.mark.behaviour("GWS-INTERCEPTED")
def test_a_response_interceptor_sees_the_question_and_the_result_of_a_call(
    stack: Stack, http: httpx2.Client, legacy: Backend
) -> None:
    methods: list[str] = []

    def look(event: Any, _custom: Any) -> Any:
        body = event["mcp"]["gatewayResponse"]["body"]
        methods.append(body.get("method", "result"))
        return {"interceptorOutputVersion": "1.0", "mcp": {}}

    stack.functions.functions["look"] = look
    arn = "arn:aws:lambda:us-east-1:123456789012:function:look"
    interceptor = {"interceptor": {"lambda": {"arn": arn}}, "interceptionPoints": ["RESPONSE"]}
    members = sessions(streams=True, interceptorConfigurations=[interceptor])
    wire = Wire(gateway_for(stack, legacy.url, **members), FORM)
    methods.clear()
    with wire.call(http, "t___change_email", CHANGE) as answer:
        said = events(answer)
        question = next(said)
        wire.say({"id": question["id"], "result": {"action": "decline"}})
        assert "not changed" in list(said)[-1]["result"]["content"][0]["text"]
    assert methods == ["elicitation/create", "result"]
