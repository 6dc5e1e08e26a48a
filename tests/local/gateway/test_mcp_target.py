"""Calls relayed to MCP servers: both eras on both sides, sessions, questions, streams, failures."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from skerry.auth.aws import sigv4
from tests.kit.gateway_stack import Stack, gateway_stack, post
from tests.kit.mcp_backends import Backend, StrictLegacy, strict_legacy

ELICITING = {"account_id": "12345", "new_email": "new@example.com"}
META = "io.modelcontextprotocol/"
DEBUG: dict[str, Any] = {"exceptionLevel": "DEBUG"}
STREAMING: dict[str, Any] = {
    "protocolConfiguration": {"mcp": {"streamingConfiguration": {"enableResponseStreaming": True}}}
}


@pytest.fixture
def strict() -> Iterator[tuple[StrictLegacy, str]]:
    with strict_legacy() as running:
        yield running


def gateway_for(stack: Stack, url: str, name: str = "echo", *, gateway: Any = None, **members: Any) -> str:
    """The URL of a gateway with one MCP server target."""
    gateway_id = stack.gateway(**(gateway or {}))
    stack.target(gateway_id, name, {"mcpServer": {"endpoint": url}}, **members)
    return stack.url(gateway_id)


def call(url: str, name: str, arguments: Any = None, **options: Any) -> dict[str, Any]:
    params = {"name": name, "arguments": arguments or {}, **options.pop("params", {})}
    answer = post(url, "tools/call", params, **options)
    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] == options.get("identifier", 7)
    return answer.json()


class TestRelay:
    @pytest.mark.behaviour("GW-MCP-RELAY")
    @pytest.mark.parametrize("modern", [False, True])
    @pytest.mark.parametrize("server", ["backend", "legacy"])
    def test_a_call_reaches_the_tool_by_its_own_name(
        self, stack: Stack, request: pytest.FixtureRequest, server: str, modern: bool
    ) -> None:
        target: Backend = request.getfixturevalue(server)
        url = gateway_for(stack, target.url)
        result = call(url, "echo___echo", {"text": "né"}, modern=modern)["result"]
        assert result["content"] == [{"type": "text", "text": "né"}]
        assert ("resultType" in result) is modern
        sent = target.named("tools/call")[-1]
        assert sent.body["params"]["name"] == "echo"
        if server == "backend":
            assert sent.headers["mcp-name"] == "echo"
            assert sent.headers["mcp-protocol-version"] == "2026-07-28"
        else:
            assert "mcp-session-id" in sent.headers
            assert META + "protocolVersion" not in sent.body["params"].get("_meta", {})

    @pytest.mark.behaviour("TRACE-META")
    @pytest.mark.parametrize("good", [False, True])
    @pytest.mark.parametrize("modern", [False, True])
    @pytest.mark.parametrize("server", ["backend", "legacy"])
    def test_the_trace_in_a_message_goes_on_from_the_gateway(
        self, stack: Stack, request: pytest.FixtureRequest, server: str, modern: bool, good: bool
    ) -> None:
        target: Backend = request.getfixturevalue(server)
        url = gateway_for(stack, target.url)
        trace = "0af7651916cd43dd8448eb211c80319c"
        parent = f"00-{trace}-b7ad6b7169203331-01" if good else "not one"
        meta = {"traceparent": parent, "tracestate": "a=1", "own": 1}
        call(url, "echo___echo", {"text": "a"}, modern=modern, params={"_meta": meta})
        sent, hop = target.named("tools/call")[-1], stack.recorder.named("→ MCP tools/call")[-1]
        assert (hop.trace == trace) is good
        mine = f"00-{hop.trace}-{hop.span}-01"
        got = sent.body["params"]["_meta"]
        assert (sent.headers["traceparent"], got["traceparent"], got["own"]) == (mine, mine, 1)
        assert (got.get("tracestate"), sent.headers.get("tracestate")) == (
            ("a=1",) * 2 if good else (None, None)
        )

    @pytest.mark.behaviour("GW-MCP-ERA")
    def test_the_era_of_a_server_is_found_once(self, stack: Stack, backend: Backend, legacy: Backend) -> None:
        for target, greeting in ((backend, "server/discover"), (legacy, "initialize")):
            url = gateway_for(stack, target.url)
            for _ in range(3):
                call(url, "echo___echo", {"text": "x"})
            assert len(target.named("server/discover")) == 1
            if greeting == "initialize":  # one for the gateway itself, one for the caller
                assert len(target.named("initialize")) == 2

    @pytest.mark.parametrize("modern", [False, True])
    @pytest.mark.parametrize("server", ["backend", "legacy"])
    def test_a_tool_error_is_relayed(
        self, stack: Stack, request: pytest.FixtureRequest, server: str, modern: bool
    ) -> None:
        url = gateway_for(stack, request.getfixturevalue(server).url)
        result = call(url, "echo___fail", modern=modern)["result"]
        assert result["isError"] is True
        assert "it failed" in result["content"][0]["text"]

    def test_a_json_rpc_error_of_the_server_is_relayed_under_the_clients_id(
        self, stack: Stack, backend: Backend
    ) -> None:
        gateway = stack.gateway()
        tools = json.dumps([{"name": "gone", "inputSchema": {"type": "object"}}])
        static = {"endpoint": backend.url, "mcpToolSchema": {"inlinePayload": tools}}
        stack.target(gateway, "echo", {"mcpServer": static})
        answer = post(stack.url(gateway), "tools/call", {"name": "echo___gone"}, identifier="mine")
        assert answer.json()["id"] == "mine"
        assert "error" in answer.json() or answer.json()["result"]["isError"] is True

    @pytest.mark.behaviour("GW-CAPABILITIES")
    def test_the_clients_own_capabilities_are_declared_and_no_others(
        self, stack: Stack, backend: Backend
    ) -> None:
        url = gateway_for(stack, backend.url)
        call(url, "echo___echo", {"text": "x"}, modern=True, capabilities={"elicitation": {}})
        call(url, "echo___echo", {"text": "x"}, modern=True)
        call(url, "echo___echo", {"text": "x"})
        declared = [
            item.body["params"]["_meta"][META + "clientCapabilities"] for item in backend.named("tools/call")
        ]
        assert declared == [{"elicitation": {}}, {}, {}]

    def test_other_metadata_of_a_request_stays(self, stack: Stack, backend: Backend, legacy: Backend) -> None:
        for target in (backend, legacy):
            url = gateway_for(stack, target.url)
            for modern in (False, True):
                meta = {"params": {"_meta": {"progressToken": "p", "example.com/x": 1}}}
                call(url, "echo___echo", {"text": "x"}, modern=modern, **meta)
                sent = target.named("tools/call")[-1].body["params"]["_meta"]
                assert (sent["progressToken"], sent["example.com/x"]) == ("p", 1)


class TestQuestions:
    @pytest.mark.behaviour("GW-MCP-INPUT")
    def test_a_question_is_relayed_to_a_modern_client_untouched(self, stack: Stack, backend: Backend) -> None:
        url = gateway_for(stack, backend.url)
        options: dict[str, Any] = {"modern": True, "capabilities": {"elicitation": {"form": {}}}}
        first = call(url, "echo___change_email", ELICITING, **options)["result"]
        assert first["resultType"] == "input_required"
        assert first["inputRequests"]["confirm"]["method"] == "elicitation/create"
        answers = {"confirm": {"action": "accept", "content": {"confirm": True}}}
        again = {"inputResponses": answers, "requestState": first["requestState"]}
        second = call(url, "echo___change_email", ELICITING, params=again, identifier=8, **options)["result"]
        assert "changed to new@example.com" in second["content"][0]["text"]
        sent = backend.named("tools/call")[-1].body["params"]
        assert (sent["requestState"], sent["inputResponses"]) == (first["requestState"], answers)

    @pytest.mark.behaviour("GW-MCP-INPUT-LEGACY")
    @pytest.mark.parametrize("server", ["backend", "legacy"])
    def test_a_client_of_the_handshake_era_is_told_that_it_cannot_be_asked(
        self, stack: Stack, request: pytest.FixtureRequest, server: str
    ) -> None:
        target: Backend = request.getfixturevalue(server)
        url = gateway_for(stack, target.url)
        before = dict(target.emails)
        result = call(url, "echo___change_email", ELICITING)["result"]
        assert result["isError"] is True
        if server == "backend":
            assert "2026-07-28" in result["content"][0]["text"]
        assert target.emails == before

    @pytest.mark.behaviour("GW-MCP-CAPABILITY")
    def test_a_question_that_a_modern_client_cannot_answer_is_400(
        self, stack: Stack, backend: Backend
    ) -> None:
        before = dict(backend.emails)
        params = {"name": "echo___change_email", "arguments": ELICITING}
        answer = post(gateway_for(stack, backend.url), "tools/call", params, modern=True)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, -32021)
        assert error["data"] == {"requiredCapabilities": {"elicitation": {"form": {}}}}
        assert backend.emails == before


class TestSessions:
    @pytest.mark.behaviour("GW-MCP-SESSION")
    def test_each_caller_has_its_own_session_at_a_server_that_keeps_them(
        self, stack: Stack, strict: tuple[StrictLegacy, str]
    ) -> None:
        url = gateway_for(stack, strict[1], "strict", gateway={"authorizer": "AWS_IAM"})
        mine = {call(url, "strict___who", sign=stack)["result"]["content"][0]["text"] for _ in range(3)}
        other = gateway_for(stack, strict[1], "strict")
        theirs = {call(other, "strict___who")["result"]["content"][0]["text"] for _ in range(3)}
        assert (len(mine), len(theirs), mine & theirs) == (1, 1, set())
        assert [item["method"] for item in strict[0].posted].count("notifications/initialized") >= 2

    @pytest.mark.behaviour("GW-MCP-SESSION-404")
    def test_a_session_that_the_server_forgot_is_opened_anew_and_the_call_runs_once(
        self, stack: Stack, strict: tuple[StrictLegacy, str]
    ) -> None:
        server, endpoint = strict
        url = gateway_for(stack, endpoint, "strict")
        first = call(url, "strict___who")["result"]["content"][0]["text"]
        server.forget()
        second = call(url, "strict___who")["result"]["content"][0]["text"]
        assert first != second
        assert server.ran == 2

    @pytest.mark.behaviour("GW-MCP-REPEAT")
    @pytest.mark.parametrize(("read_only", "ran"), [(True, 2), (False, 1)])
    def test_a_lost_call_is_repeated_only_when_the_tool_says_it_may(
        self, stack: Stack, strict: tuple[StrictLegacy, str], read_only: bool, ran: int
    ) -> None:
        server, endpoint = strict
        server.read_only = read_only
        server.behave = ["drop"]
        url = gateway_for(stack, endpoint, "strict", gateway={"exceptionLevel": "DEBUG"})
        result = call(url, "strict___who")["result"]
        assert server.ran == ran
        assert result.get("isError", False) is not read_only

    @pytest.mark.parametrize(("read_only", "calls"), [(True, 2), (False, 1)])
    def test_a_404_inside_the_200_of_a_runtime_ends_the_session(
        self, stack: Stack, strict: tuple[StrictLegacy, str], read_only: bool, calls: int
    ) -> None:
        server, endpoint = strict
        server.read_only = read_only
        server.behave = ["runtime404"]
        url = gateway_for(stack, endpoint, "strict")
        answer = call(url, "strict___who")
        assert ("error" in answer) is not read_only
        assert len([item for item in server.seen if item.method == "tools/call"]) == calls
        call(url, "strict___who")
        assert (
            len({item.headers.get("mcp-session-id") for item in server.seen if item.method == "tools/call"})
            == 2
        )

    @pytest.mark.behaviour("GW-MCP-SERVER-REQUEST")
    @pytest.mark.parametrize(("asks", "answered"), [("elicitation/create", "error"), ("ping", "result")])
    def test_a_request_of_the_server_is_answered_and_the_call_goes_on(
        self, stack: Stack, strict: tuple[StrictLegacy, str], asks: str, answered: str
    ) -> None:
        server, endpoint = strict
        server.asks = asks
        url = gateway_for(stack, endpoint, "strict")
        assert call(url, "strict___who")["result"]["content"][0]["type"] == "text"
        response = server.posted[-1]
        assert (response["id"], answered in response) == ("s1", True)
        if answered == "error":
            assert response["error"]["code"] == -32601

    def test_sessions_are_bounded(self, strict: tuple[StrictLegacy, str]) -> None:
        with gateway_stack(sessions=2) as stack:
            url = gateway_for(stack, strict[1], "strict", gateway={"authorizer": "AWS_IAM"})
            first = call(url, "strict___who", sign=stack)
            for number in range(3):
                credentials = stack.access.assume("arn:aws:iam::123456789012:role/r", f"session-{number}")
                answer = _signed_call(url, credentials)
                assert answer.status_code == 200
            assert call(url, "strict___who", sign=stack)["result"] != first["result"]


def _signed_call(url: str, credentials: Any) -> httpx2.Response:
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"strict___who"}}'
    headers = sigv4.sign(
        "POST", url, {}, body, credentials=credentials, region="us-east-1",
        service="bedrock-agentcore", now=time.time(),
    )  # fmt: skip
    return httpx2.post(url, content=body, headers=headers, trust_env=False)


class TestSticky:
    @pytest.mark.behaviour("GW-MCP-AFFINITY")
    def test_a_session_id_of_a_modern_server_is_shown_again_per_caller(
        self, stack: Stack, backend: Backend
    ) -> None:
        backend.extra["mcp-session-id"] = "runtime-session-0123456789-0123456789"
        url = gateway_for(stack, backend.url)
        for _ in range(2):
            call(url, "echo___echo", {"text": "x"}, modern=True)
        sent = [item.headers.get("mcp-session-id") for item in backend.named("tools/call")]
        assert sent == ["runtime-session-0123456789-0123456789"] * 2
        first_of_each = [item.headers.get("mcp-session-id") for item in backend.named("server/discover")]
        assert first_of_each == [None, None]

    @pytest.mark.behaviour("GW-MCP-SESSION-HEADER")
    def test_an_allowed_session_id_travels_both_ways_and_selects_the_session_at_the_server(
        self, stack: Stack, strict: tuple[StrictLegacy, str]
    ) -> None:
        server, endpoint = strict
        both = {"allowedRequestHeaders": ["Mcp-Session-Id"], "allowedResponseHeaders": ["Mcp-Session-Id"]}
        url = gateway_for(stack, endpoint, "strict", metadataConfiguration=both)
        own = call(url, "strict___who")["result"]["content"][0]["text"]
        server.sessions["chosen"] = []
        params = {"name": "strict___who", "arguments": {}}
        answer = post(url, "tools/call", params, headers={"Mcp-Session-Id": "chosen"})
        assert answer.json()["result"]["content"][0]["text"] == "chosen"
        greetings = [seen for seen in server.seen if seen.method in ("initialize", "server/discover")]
        assert "chosen" not in {seen.headers.get("mcp-session-id") for seen in greetings}
        # One that the server does not know costs the gateway no session, and is not run in another.
        ran = server.ran
        unknown = post(url, "tools/call", params, headers={"Mcp-Session-Id": "gone"})
        assert "Session not found" in unknown.text
        assert server.ran == ran
        assert call(url, "strict___who")["result"]["content"][0]["text"] == own

    @pytest.mark.behaviour("GW-MCP-SESSION-HEADER")
    @pytest.mark.parametrize("listed", [True, False])
    def test_the_servers_session_id_reaches_the_client_only_when_listed(
        self, stack: Stack, backend: Backend, listed: bool
    ) -> None:
        backend.extra["mcp-session-id"] = "runtime-session-0123456789-0123456789"
        allowed = {"allowedResponseHeaders": ["Mcp-Session-Id"] if listed else ["X-Other"]}
        url = gateway_for(stack, backend.url, metadataConfiguration=allowed)
        params = {"name": "echo___echo", "arguments": {"text": "x"}}
        answer = post(url, "tools/call", params, headers={"Mcp-Session-Id": "of-the-client"}, modern=True)
        assert answer.headers.get("mcp-session-id") == (
            "runtime-session-0123456789-0123456789" if listed else None
        )
        sent = backend.named("tools/call")[-1].headers["mcp-session-id"]
        assert sent == "runtime-session-0123456789-0123456789"


class TestStreams:
    @pytest.mark.behaviour("GW-STREAMING")
    @pytest.mark.parametrize("modern", [False, True])
    @pytest.mark.parametrize("server", ["backend", "legacy"])
    def test_with_streaming_progress_arrives_before_the_result(
        self, stack: Stack, request: pytest.FixtureRequest, server: str, modern: bool
    ) -> None:
        url = gateway_for(stack, request.getfixturevalue(server).url, gateway=STREAMING)
        params = {"name": "echo___progress", "arguments": {}, "_meta": {"progressToken": "p"}}
        answer = post(url, "tools/call", params, modern=modern, identifier="mine")
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
        assert [item.get("method", "result") for item in events] == [
            "notifications/progress",
            "notifications/progress",
            "result",
        ]
        assert (events[0]["params"]["progressToken"], events[-1]["id"]) == ("p", "mine")
        assert events[-1]["result"]["content"][0]["text"] == "done"
        assert ("resultType" in events[-1]["result"]) is modern

    @pytest.mark.parametrize("modern", [False, True])
    def test_with_streaming_a_question_has_the_same_answers_as_without(
        self, stack: Stack, backend: Backend, modern: bool
    ) -> None:
        url = gateway_for(stack, backend.url, gateway=STREAMING)
        answer = post(
            url, "tools/call", {"name": "echo___change_email", "arguments": ELICITING}, modern=modern
        )
        if modern:
            assert answer.json()["error"]["code"] == -32021
        else:
            assert answer.json()["result"]["isError"] is True

    def test_a_stream_that_breaks_off_ends_with_an_error_result(
        self, stack: Stack, strict: tuple[StrictLegacy, str]
    ) -> None:
        server, endpoint = strict
        server.asks, server.cut = "ping", True
        url = gateway_for(stack, endpoint, "strict", gateway={**STREAMING, **DEBUG})
        answer = post(url, "tools/call", {"name": "strict___who"}, identifier="mine")
        events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
        assert events[0]["method"] == "notifications/message"
        assert (events[-1]["id"], events[-1]["result"]["isError"]) == ("mine", True)
        assert "without a response" in events[-1]["result"]["content"][0]["text"]

    def test_without_streaming_there_is_one_json_answer(self, stack: Stack, backend: Backend) -> None:
        params = {"name": "echo___progress", "arguments": {}, "_meta": {"progressToken": "p"}}
        answer = post(gateway_for(stack, backend.url), "tools/call", params, modern=True)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["result"]["content"][0]["text"] == "done"

    def test_with_streaming_a_plain_answer_stays_plain(self, stack: Stack, backend: Backend) -> None:
        url = gateway_for(stack, backend.url, gateway=STREAMING)
        assert call(url, "echo___echo", {"text": "x"}, modern=True)["result"]["content"][0]["text"] == "x"


class TestCancel:
    def disconnect(self, url: str, *, modern: bool, entered: Any) -> None:
        """Calls the hanging tool and closes the connection as soon as it runs."""
        host, port = url.split("/")[2].split(":")
        params: dict[str, Any] = {"name": "echo___hang", "arguments": {}}
        head = f"POST {url.partition(port)[2]} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
        if modern:
            params["_meta"] = {META + "protocolVersion": "2026-07-28", META + "clientCapabilities": {}}
            head += "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: echo___hang\r\n"
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode())
            assert entered.wait(20)

    @pytest.mark.behaviour("GW-CANCEL")
    def test_closing_a_modern_request_cancels_the_call(self, stack: Stack, backend: Backend) -> None:
        backend.entered.clear()
        backend.left.clear()
        url = gateway_for(stack, backend.url)
        self.disconnect(url, modern=True, entered=backend.entered)
        assert backend.left.wait(20), "the server was not told"
        hop = stack.recorder.inbound(url, "tools/call")
        assert (hop.status, hop.detail["error"]) == (499, "cancelled by the client")

    @pytest.mark.behaviour("GW-NO-CANCEL")
    def test_a_lost_connection_of_the_handshake_era_does_not_cancel(self, backend: Backend) -> None:
        backend.entered.clear()
        backend.left.clear()
        with gateway_stack(call=0.5) as stack:
            url = gateway_for(stack, backend.url)
            self.disconnect(url, modern=False, entered=backend.entered)
            hop = stack.recorder.inbound(url, "tools/call")
            assert hop.status == 200  # the time limit ended it, not the client
            assert stack.recorder.wait_for("→ MCP tools/call").detail["error"] == "cancelled"


class TestFailures:
    @pytest.mark.behaviour("GW-MCP-FAILURE")
    @pytest.mark.parametrize(
        ("status", "body", "text"),
        [
            (500, b"oops", "HTTP 500"),
            (
                401,
                b'{"jsonrpc":"2.0","id":0,"error":{"code":-32001,"message":"Missing Bearer token"}}',
                "401",
            ),
            (403, b'{"message":"no"}', "refused the gateway's credentials (HTTP 403): no"),
            (200, b"<html>", "does not speak MCP"),
            (200, b"", "without a response"),
            (302, b"", "without a response"),
        ],
    )
    def test_a_target_that_fails_is_an_error_result_that_tells_why_with_debug(
        self, stack: Stack, backend: Backend, status: int, body: bytes, text: str
    ) -> None:
        url = gateway_for(stack, backend.url, gateway=DEBUG)
        quiet = gateway_for(stack, backend.url)
        for ready in (url, quiet):
            call(ready, "echo___echo", {"text": "x"})
        backend.refuse = (status, body)
        result = call(url, "echo___echo", {"text": "x"})["result"]
        assert result["isError"] is True
        assert text in result["content"][0]["text"]
        assert result["_meta"]["debug"]["text"] == result["content"][0]["text"]
        hidden = call(quiet, "echo___echo", {"text": "x"})["result"]
        assert hidden["content"][0]["text"] == "An internal error occurred. Please retry later."
        assert "_meta" not in hidden

    def test_a_call_that_takes_too_long_ends_with_an_error(self, backend: Backend) -> None:
        with gateway_stack(call=0.2) as stack:
            url = gateway_for(stack, backend.url, gateway=DEBUG)
            result = call(url, "echo___hang")["result"]
            assert "did not answer within 0.2 s" in result["content"][0]["text"]


class TestPromptsAndResources:
    @pytest.mark.behaviour("GW-PROMPTS")
    @pytest.mark.parametrize("server", ["backend", "legacy"])
    def test_prompts_are_listed_with_their_target_and_fetched_live(
        self, stack: Stack, request: pytest.FixtureRequest, server: str
    ) -> None:
        target: Backend = request.getfixturevalue(server)
        url = gateway_for(stack, target.url)
        listed = post(url, "prompts/list").json()["result"]["prompts"]
        assert [item["name"] for item in listed] == ["echo___greet"]
        params = {"name": "echo___greet", "arguments": {"name": "Bo"}}
        for modern in (False, True):
            result = post(url, "prompts/get", params, modern=modern).json()["result"]
            assert result["messages"][0]["content"]["text"] == "Greet Bo."
        assert post(url, "prompts/get", {"name": "echo___no"}).json()["error"]["code"] == -32602

    @pytest.mark.behaviour("GW-RESOURCES")
    def test_resources_keep_their_uris_and_the_lower_priority_wins(
        self, stack: Stack, backend: Backend, legacy: Backend
    ) -> None:
        gateway = stack.gateway()
        stack.target(gateway, "late", {"mcpServer": {"endpoint": backend.url, "resourcePriority": 9}})
        stack.target(gateway, "first", {"mcpServer": {"endpoint": legacy.url, "resourcePriority": 1}})
        url = stack.url(gateway)
        listed = post(url, "resources/list").json()["result"]["resources"]
        assert [item["uri"] for item in listed] == ["note://one"]
        templates = post(url, "resources/templates/list").json()["result"]["resourceTemplates"]
        assert [item["uriTemplate"] for item in templates] == ["note://by/{name}"]
        read = post(url, "resources/read", {"uri": "note://one"}, modern=True).json()["result"]
        assert read["contents"][0]["text"] == "first note"
        assert (len(legacy.named("resources/read")), len(backend.named("resources/read"))) == (1, 0)
        by_name = post(url, "resources/read", {"uri": "note://by/me"}).json()["result"]
        assert by_name["contents"][0]["text"] == "note me"

    @pytest.mark.parametrize(("modern", "code"), [(False, -32002), (True, -32602)])
    def test_an_unknown_resource_has_the_code_of_the_era(self, stack: Stack, modern: bool, code: int) -> None:
        answer = post(stack.url(stack.gateway()), "resources/read", {"uri": "x://y"}, modern=modern)
        assert answer.json()["error"]["code"] == code
