"""Sessions of clients up to 2025-11-25, and their streams for what belongs to no call."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from skerry.auth.aws import sigv4
from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.messages import McpError
from skerry.local.gateway.sessions import Sessions, owner
from skerry.local.ports.callers import Caller
from tests.kit.clock import FakeClock
from tests.kit.gateway_stack import LEGACY, MODERN, TIMEOUT, Stack, gateway_stack, post
from tests.kit.mcp_backends import Backend

HELLO: dict[str, Any] = {
    "protocolVersion": LEGACY,
    "capabilities": {},
    "clientInfo": {"name": "t", "version": "1"},
}
STREAM = {"streamingConfiguration": {"enableResponseStreaming": True}}
TOOL = {"name": "t", "description": "d", "inputSchema": {"type": "object"}}


def sessions(*, streams: bool = False, seconds: int = 900, **members: Any) -> dict[str, Any]:
    """Members of a gateway that keeps sessions."""
    mcp: dict[str, Any] = {"sessionConfiguration": {"sessionTimeoutInSeconds": seconds}}
    return {"protocolConfiguration": {"mcp": {**mcp, **(STREAM if streams else {})}}, **members}


def opened(url: str, **options: Any) -> str:
    """A new session; its id."""
    answer = post(url, "initialize", HELLO, **options)
    assert answer.status_code == 200, answer.text
    return answer.headers["mcp-session-id"]


def within(url: str, session: str, method: str = "tools/list", **options: Any) -> httpx2.Response:
    return post(url, method, headers={"mcp-session-id": session}, **options)


@contextmanager
def listening(
    url: str, session: str, more: Mapping[str, str] | None = None
) -> Iterator[Iterator[dict[str, Any]]]:
    """The messages on the GET stream of a session; `more` are further headers."""
    headers = {"accept": "text/event-stream", "mcp-session-id": session, "mcp-protocol-version": LEGACY}
    headers |= more or {}
    with (
        httpx2.Client(trust_env=False, timeout=TIMEOUT) as client,
        client.stream("GET", url, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        lines = answer.iter_lines()
        assert next(lines) == ": "[:1]  # it is open once the first comment is there
        yield (json.loads(line[6:]) for line in lines if line.startswith("data: "))


class TestOpening:
    @pytest.mark.behaviour("GWS-INITIALIZE")
    def test_initialize_gives_a_session_that_later_requests_name(self, stack: Stack) -> None:
        url = stack.url(stack.gateway(**sessions()))
        session = opened(url)
        assert len(session) >= 32
        assert session.isalnum()
        assert within(url, session).json()["result"] == {"tools": []}
        assert opened(url) != session

    @pytest.mark.behaviour("GWS-MISSING")
    @pytest.mark.parametrize("method", ["tools/list", "ping", "tools/call"])
    def test_a_request_without_a_session_is_400(self, stack: Stack, method: str) -> None:
        answer = post(stack.url(stack.gateway(**sessions())), method, {"name": "x___y"})
        assert answer.status_code == 400
        assert answer.json()["error"]["message"] == "Missing required Mcp-Session-Id header"

    def test_a_notification_without_a_session_is_400_too(self, stack: Stack) -> None:
        body = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        answer = httpx2.post(stack.url(stack.gateway(**sessions())), json=body, trust_env=False)
        assert answer.status_code == 400

    @pytest.mark.behaviour("GWS-UNKNOWN")
    def test_an_unknown_session_is_404(self, stack: Stack) -> None:
        answer = within(stack.url(stack.gateway(**sessions())), "f" * 32)
        assert answer.status_code == 404
        assert answer.json()["error"]["message"] == "Session not found or expired"

    def test_a_session_of_another_gateway_is_404(self, stack: Stack) -> None:
        session = opened(stack.url(stack.gateway(**sessions())))
        assert within(stack.url(stack.gateway(**sessions())), session).status_code == 404

    @pytest.mark.behaviour("GWS-IDENTITY")
    def test_a_session_of_another_caller_is_404(self, stack: Stack) -> None:
        url = stack.url(stack.gateway(authorizer="AWS_IAM", **sessions()))
        session = opened(url, sign=stack)
        assert within(url, session, sign=stack).status_code == 200
        other = stack.access.assume("arn:aws:iam::123456789012:role/r", "other")
        body = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
        headers = {"mcp-session-id": session}
        signed = sigv4.sign(
            "POST", url, headers, body, credentials=other, region="us-east-1",
            service="bedrock-agentcore", now=time.time(),
        )  # fmt: skip
        answer = httpx2.post(url, content=body, headers={**headers, **signed}, trust_env=False)
        assert (answer.status_code, answer.json()["error"]["message"]) == (
            404,
            "Session not found or expired",
        )

    @pytest.mark.behaviour("GWS-TIMEOUT")
    def test_the_time_of_a_session_counts_from_initialize_whatever_is_done_in_it(self) -> None:
        clock = FakeClock()
        with gateway_stack(clock=clock) as stack:
            url = stack.url(stack.gateway(**sessions(seconds=900)))
            session = opened(url)
            clock.advance(899)
            assert within(url, session).status_code == 200
            clock.advance(1)
            assert within(url, session).status_code == 404

    def test_without_a_number_a_session_lives_an_hour(self) -> None:
        clock = FakeClock()
        with gateway_stack(clock=clock) as stack:
            gateway = stack.gateway(protocolConfiguration={"mcp": {"sessionConfiguration": {}}})
            session = opened(stack.url(gateway))
            clock.advance(3599)
            assert within(stack.url(gateway), session).status_code == 200
            clock.advance(1)
            assert within(stack.url(gateway), session).status_code == 404

    @pytest.mark.behaviour("GWS-MODERN")
    def test_a_modern_request_neither_needs_nor_gets_a_session(self, stack: Stack) -> None:
        url = stack.url(stack.gateway(**sessions()))
        for headers in ({}, {"mcp-session-id": "what"}):
            answer = post(url, "tools/list", modern=True, headers=headers)
            assert answer.status_code == 200
            assert "mcp-session-id" not in answer.headers

    def test_without_a_session_configuration_the_header_means_nothing(self, stack: Stack) -> None:
        assert within(stack.url(stack.gateway()), "what").status_code == 200


class TestEnding:
    def request(self, method: str, url: str, session: str = "", **headers: str) -> httpx2.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if session:
            sent["mcp-session-id"] = session
        return httpx2.request(method, url, headers=sent, trust_env=False)

    @pytest.mark.behaviour("GWS-DELETE")
    def test_delete_ends_the_session(self, stack: Stack) -> None:
        url = stack.url(stack.gateway(**sessions()))
        session = opened(url)
        assert self.request("DELETE", url, session).status_code == 200
        assert within(url, session).status_code == 404
        assert self.request("DELETE", url, session).status_code == 404
        assert self.request("DELETE", url).status_code == 400

    @pytest.mark.behaviour("GWS-405")
    def test_what_a_gateway_does_not_serve_is_405_and_it_says_what_it_does(self, stack: Stack) -> None:
        plain, kept = stack.gateway(), stack.gateway(**sessions())
        streamed = stack.gateway(**sessions(streams=True))
        assert self.request("GET", stack.url(plain)).headers["allow"] == "POST"
        assert self.request("DELETE", stack.url(plain)).status_code == 405
        found = self.request("GET", stack.url(kept))
        assert (found.status_code, found.headers["allow"]) == (405, "POST, DELETE")
        assert self.request("PUT", stack.url(streamed)).headers["allow"] == "POST, GET, DELETE"

    def test_get_and_delete_need_the_same_proof_as_a_post(self, stack: Stack) -> None:
        url = stack.url(stack.gateway(authorizer="AWS_IAM", **sessions(streams=True)))
        session = opened(url, sign=stack)
        for method in ("GET", "DELETE"):
            assert self.request(method, url, session).status_code == 403
        assert within(url, session, sign=stack).status_code == 200

    def test_a_deleted_gateway_has_no_sessions(self, stack: Stack) -> None:
        gateway = stack.gateway(**sessions(streams=True))
        url, record = stack.url(gateway), stack.resources.gateways[gateway]
        with listening(url, opened(url)) as messages:
            stack.changed_gateway("deleted", gateway, record)
            assert list(messages) == []


class TestListening:
    @pytest.mark.behaviour("GWS-LIST-CHANGED")
    def test_the_get_stream_tells_when_tools_come_and_go(self, stack: Stack) -> None:
        gateway = stack.gateway(**sessions(streams=True))
        url = stack.url(gateway)
        session = opened(url)
        with listening(url, session) as messages:
            record = stack.lambda_target(gateway, "new", [TOOL], tell=True)
            changed = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
            assert next(messages) == changed
            assert len(within(url, session).json()["result"]["tools"]) == 1
            stack.resources.target_records[gateway].remove(record)
            stack.told("deleted", record)
            assert next(messages) == changed
            assert within(url, session).json()["result"]["tools"] == []

    def test_a_synchronisation_is_told_only_when_it_found_other_tools(
        self, stack: Stack, backend: Backend
    ) -> None:
        gateway = stack.gateway(**sessions(streams=True))
        record = stack.target(gateway, "echo", {"mcpServer": {"endpoint": backend.url}})
        url = stack.url(gateway)
        session = opened(url)
        within(url, session)
        with listening(url, session) as messages:
            stack.told("updated", record)  # the same tools
            stack.recorder.wait_for("→ MCP tools/list")
            stack.lambda_target(gateway, "new", [TOOL], tell=True)
            next(messages)
            self.end(url, session)
            assert list(messages) == []

    def end(self, url: str, session: str) -> None:
        httpx2.delete(url, headers={"mcp-session-id": session}, trust_env=False)

    @pytest.mark.behaviour("GWS-GET")
    def test_a_second_stream_takes_the_place_of_the_first(self, stack: Stack) -> None:
        gateway = stack.gateway(**sessions(streams=True))
        url = stack.url(gateway)
        session = opened(url)
        with listening(url, session) as first, listening(url, session) as second:
            assert list(first) == []
            stack.lambda_target(gateway, "new", [TOOL], tell=True)
            assert next(second)["method"] == "notifications/tools/list_changed"

    @pytest.mark.behaviour("GWS-KEEP-ALIVE")
    def test_a_quiet_stream_gets_comments_and_ends_with_its_session(self) -> None:
        clock = FakeClock()
        with gateway_stack(clock=clock, keep_alive=0.02) as stack:
            url = stack.url(stack.gateway(**sessions(streams=True)))
            headers = {"accept": "text/event-stream", "mcp-session-id": opened(url)}
            with httpx2.stream("GET", url, headers=headers, trust_env=False, timeout=TIMEOUT) as answer:
                lines = answer.iter_lines()
                assert [next(lines) for _ in range(6)] == [":", ""] * 3
                clock.advance(900)
                assert set(lines) <= {":", ""}

    @pytest.mark.behaviour("GWS-LISTEN")
    def test_a_modern_client_listens_with_a_subscription(self, stack: Stack) -> None:
        gateway = stack.gateway(protocolConfiguration={"mcp": STREAM})
        url = stack.url(gateway)
        discovered = post(url, "server/discover", modern=True).json()["result"]
        assert discovered["capabilities"] == {"tools": {"listChanged": True}}
        prefix = "io.modelcontextprotocol/"
        params = {
            "notifications": {"toolsListChanged": True, "resourceSubscriptions": ["x://y"]},
            "_meta": {prefix + "protocolVersion": MODERN, prefix + "clientCapabilities": {}},
        }
        body = {"jsonrpc": "2.0", "id": "sub", "method": "subscriptions/listen", "params": params}
        headers = {
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": MODERN,
            "mcp-method": "subscriptions/listen",
        }
        with httpx2.stream(
            "POST", url, json=body, headers=headers, trust_env=False, timeout=TIMEOUT
        ) as answer:
            messages = (json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: "))
            first = next(messages)
            assert first["method"] == "notifications/subscriptions/acknowledged"
            assert first["params"]["notifications"] == {"toolsListChanged": True}
            stack.lambda_target(gateway, "new", [TOOL], tell=True)
            told = next(messages)
            assert told["method"] == "notifications/tools/list_changed"
            assert {item["params"]["_meta"][prefix + "subscriptionId"] for item in (first, told)} == {"sub"}
            stack.changed_gateway("deleted", gateway, stack.resources.gateways[gateway])
            ending = list(messages)
            assert ending[0]["method"] == "notifications/cancelled"
            assert (ending[1]["id"], ending[1]["result"]["resultType"]) == ("sub", "complete")

    def test_without_streaming_there_is_nothing_to_listen_to(self, stack: Stack) -> None:
        url = stack.url(stack.gateway())
        answer = post(url, "subscriptions/listen", {"notifications": {}}, modern=True)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, -32601)


@pytest.mark.behaviour("GWS-IDENTITY")
def test_a_token_is_known_by_its_subject_whatever_else_it_says() -> None:
    claims = {"iss": "https://idp.example.com", "sub": "ada"}
    first = Caller(kind="jwt", claims={**claims, "jti": "1"}, token="one")
    second = Caller(kind="jwt", claims={**claims, "jti": "2"}, token="two")
    assert owner(first) == owner(second)
    others = (
        Caller(kind="jwt", claims={**claims, "sub": "bo"}),
        Caller(kind="jwt", claims={**claims, "iss": "https://other.example.com"}),
        Caller(kind="iam", arn="ada"),
        Caller(kind="anonymous"),
    )
    assert len({owner(caller) for caller in (first, *others)}) == 5


@pytest.mark.behaviour("GWS-IDENTITY")
def test_tokens_without_subject_are_not_all_of_one_caller() -> None:
    machine = [
        Caller(kind="jwt", claims={"iss": "https://idp.example.com", "client_id": name}, token=str(number))
        for number, name in enumerate(("crawler", "crawler", "billing"))
    ]
    nameless = [Caller(kind="jwt", claims={"iss": "https://idp.example.com"}, token=name) for name in "ab"]
    owners = [owner(caller) for caller in (*machine, *nameless)]
    assert owners[0] == owners[1]
    assert len(set(owners)) == 4


class TestBounds:
    def table(self, limit: int, clock: FakeClock | None = None) -> Sessions:
        return Sessions(clock or FakeClock(), Assumptions(), limit=limit)

    async def test_the_oldest_session_makes_room(self) -> None:
        table = self.table(2)
        gateway = {"gatewayId": "g", **sessions()}
        caller = Caller(kind="anonymous")
        first, second, third = (table.open(gateway, caller, {}) for _ in range(3))
        assert len(table) == 2
        with pytest.raises(McpError):
            table.find(gateway, caller, first.id)
        assert table.find(gateway, caller, second.id) is second
        assert table.find(gateway, caller, third.id) is third

    @pytest.mark.behaviour("GWS-BOUND")
    async def test_ten_thousand_idle_sessions_take_less_than_a_kilobyte_each(self) -> None:
        import tracemalloc

        table = self.table(20_000)
        gateway = {"gatewayId": "g", **sessions()}
        declared = {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}}
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for number in range(10_000):
                caller = Caller(
                    kind="iam", arn=f"arn:aws:sts::123456789012:assumed-role/desk/person-{number}"
                )
                table.open(gateway, caller, json.loads(json.dumps(declared)))
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(table) == 10_000
        assert (after - before) / 10_000 < 1024

    async def test_what_is_over_is_swept_when_a_new_one_opens(self) -> None:
        clock = FakeClock()
        table = self.table(10, clock)
        gateway = {"gatewayId": "g", **sessions()}
        for _ in range(5):
            table.open(gateway, Caller(kind="anonymous"), {})
        clock.advance(900)
        table.open(gateway, Caller(kind="anonymous"), {})
        assert len(table) == 1


class TestCancelling:
    @pytest.mark.behaviour("GWS-CANCEL")
    @pytest.mark.parametrize("server", ["backend", "legacy"])
    @pytest.mark.parametrize("streams", [False, True])
    def test_a_cancelled_notification_ends_the_call_here_and_at_the_server(
        self, stack: Stack, request: pytest.FixtureRequest, server: str, streams: bool
    ) -> None:
        target: Backend = request.getfixturevalue(server)
        target.entered.clear()
        target.left.clear()
        gateway = stack.gateway(**sessions(streams=streams))
        stack.target(gateway, "echo", {"mcpServer": {"endpoint": target.url}})
        url = stack.url(gateway)
        session = opened(url)
        answers: list[httpx2.Response] = []

        def call() -> None:
            headers = {"mcp-session-id": session}
            answers.append(
                post(url, "tools/call", {"name": "echo___hang"}, identifier="mine", headers=headers)
            )

        caller = threading.Thread(target=call)
        caller.start()
        assert target.entered.wait(20)
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "mine"}}
        headers = {"mcp-session-id": session, "mcp-protocol-version": LEGACY}
        assert httpx2.post(url, json=cancel, headers=headers, trust_env=False).status_code == 202
        assert target.left.wait(20), "the server was not told"
        caller.join(20)
        assert answers[0].status_code == 200
        hop = stack.recorder.inbound(url, "tools/call")
        assert hop.detail["error"] == "cancelled by the client"
