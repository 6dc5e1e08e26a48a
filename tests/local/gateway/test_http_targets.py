"""Requests to HTTP targets: what reaches the service, and what comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from skerry.local.gateway.assumptions import Assumptions
from skerry.wire.headers import RUNTIME_SESSION_ID
from tests.kit.gateway_stack import TIMEOUT, Stack, gateway_stack, post
from tests.kit.http_backend import HttpBackend
from tests.kit.mcp_backends import Backend

JSON = {"content-type": "application/json"}


def passthrough(service: HttpBackend, path: str = "", **members: Any) -> dict[str, Any]:
    return {"passthrough": {"endpoint": service.url + path, "protocolType": "CUSTOM", **members}}


def send(method: str, url: str, **options: Any) -> httpx2.Response:
    with httpx2.Client(trust_env=False, timeout=TIMEOUT) as client:
        return client.request(method, url, **options)


@pytest.fixture
def url(stack: Stack, service: HttpBackend) -> str:
    """The URL of a passthrough target of a gateway that takes everybody."""
    return stack.http_target(stack.gateway(), "api", passthrough(service, "/v1"))


class TestForwarding:
    @pytest.mark.behaviour("GW-HTTP-PATH")
    @pytest.mark.parametrize(
        ("below", "path", "query"),
        [
            ("/pets/7", "/v1/pets/7", ""),
            ("", "/v1", ""),
            ("/", "/v1/", ""),
            ("/a%2Fb%20c/d", "/v1/a%2Fb%20c/d", ""),
            ("/pets?limit=2&tag=a%20b&tag=c", "/v1/pets", "limit=2&tag=a%20b&tag=c"),
        ],
    )
    def test_the_path_after_the_target_follows_its_endpoint(
        self, url: str, service: HttpBackend, below: str, path: str, query: str
    ) -> None:
        assert send("GET", url + below).status_code == 200
        assert (service.seen[-1].path, service.seen[-1].query) == (path, query)

    @pytest.mark.behaviour("GW-HTTP-METHODS")
    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
    def test_every_method_passes(self, url: str, service: HttpBackend, method: str) -> None:
        body = b'{"a":1}' if method in ("POST", "PUT", "PATCH") else b""
        service.reply = (200, {**JSON, "content-length": "9"}, b"" if method == "HEAD" else b'{"ok":"y"')
        answer = send(method, f"{url}/pets", content=body or None)
        assert (service.seen[-1].method, service.seen[-1].body) == (method, body)
        assert (answer.status_code, answer.headers["content-length"]) == (200, "9")

    @pytest.mark.behaviour("GW-HTTP-ANSWER")
    @pytest.mark.parametrize("status", [201, 204, 302, 404, 418, 500, 503])
    def test_the_answer_passes_with_its_status_and_is_no_error_of_the_gateway(
        self, url: str, service: HttpBackend, status: int
    ) -> None:
        body = b"" if status == 204 else b"as it is"
        service.reply = (
            status,
            {"content-type": "text/plain", "location": "https://elsewhere.example/"},
            body,
        )
        answer = send("POST", f"{url}/x", content=b"1")
        assert (answer.status_code, answer.content) == (status, body)
        assert answer.headers["location"] == "https://elsewhere.example/"

    @pytest.mark.behaviour("GW-HTTP-DOTS")
    @pytest.mark.parametrize(
        "below", ["/../admin", "/a/%2e%2e/admin", "/..%2fadmin", "/.", "/a\\..\\b", "/%5c.."]
    )
    def test_a_path_cannot_leave_the_endpoint(self, url: str, service: HttpBackend, below: str) -> None:
        host, _, path = url.removeprefix("http://").partition("/")
        answer = raw_request(
            host, f"GET /{path}{below} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        assert b" 400 " in answer.split(b"\r\n")[0]
        assert service.seen == []

    @pytest.mark.behaviour("GW-HTTP-UNKNOWN")
    def test_a_name_that_is_no_http_target_is_not_found(self, stack: Stack, backend: Backend) -> None:
        gateway = stack.gateway()
        stack.target(gateway, "tools", {"mcpServer": {"endpoint": backend.url}})
        for name in ("nothing", "tools"):
            answer = send("POST", f"{stack.base}/gateway/{gateway}/{name}/mcp", content=b"{}")
            assert (answer.status_code, answer.text) == (404, "<UnknownOperationException/>")
        assert backend.seen == []

    @pytest.mark.behaviour("GW-HTTP-MIXED")
    def test_http_targets_have_no_part_in_the_tools_of_their_gateway(
        self, stack: Stack, service: HttpBackend, backend: Backend
    ) -> None:
        gateway = stack.gateway()
        stack.http_target(gateway, "api", passthrough(service))
        stack.target(gateway, "tools", {"mcpServer": {"endpoint": backend.url}})
        names = [tool["name"] for tool in post(stack.url(gateway), "tools/list").json()["result"]["tools"]]
        assert "tools___echo" in names
        assert all(name.startswith("tools___") for name in names)
        assert service.seen == []


def raw_request(host: str, request: str) -> bytes:
    """What a server answers to a request that no client library would send."""
    import socket

    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), timeout=TIMEOUT) as connection:
        connection.sendall(request.encode("ascii"))
        pieces = []
        while piece := connection.recv(65536):
            pieces.append(piece)
        return b"".join(pieces)


class TestQuery:
    @pytest.mark.behaviour("GW-HTTP-STATIC-QUERY")
    @pytest.mark.parametrize(
        ("resolution", "expected"),
        [
            (None, "version=mine&q=1&region=eu%20west"),
            ("CLIENT_OVERRIDE", "version=mine&q=1&region=eu%20west"),
            ("STATIC_OVERRIDE", "q=1&version=7&region=eu%20west"),
        ],
    )
    def test_static_parameters_are_appended(
        self, stack: Stack, service: HttpBackend, resolution: str | None, expected: str
    ) -> None:
        members: dict[str, Any] = {"staticQueryParameters": {"version": "7", "region": "eu west"}}
        if resolution is not None:
            members["staticQueryParameterConflictResolution"] = resolution
        url = stack.http_target(stack.gateway(), "api", passthrough(service, **members))
        send("GET", f"{url}/x?version=mine&q=1")
        assert service.seen[-1].query == expected

    @pytest.mark.behaviour("GW-HTTP-QUERY")
    @pytest.mark.parametrize(("switch", "query"), [("ALL", "a=1&b=2"), ("LISTED", "b=2")])
    def test_which_parameters_pass_is_a_switch(self, service: HttpBackend, switch: Any, query: str) -> None:
        with gateway_stack(assumptions=Assumptions(http_query=switch)) as other:
            metadata = {"allowedQueryParameters": ["b"]}
            url = other.http_target(
                other.gateway(), "api", passthrough(service), metadataConfiguration=metadata
            )
            send("GET", f"{url}?a=1&b=2")
        assert service.seen[-1].query == query

    def test_a_spelling_does_not_get_around_a_static_parameter(
        self, stack: Stack, service: HttpBackend
    ) -> None:
        members = {
            "staticQueryParameters": {"version": "7"},
            "staticQueryParameterConflictResolution": "STATIC_OVERRIDE",
        }
        url = stack.http_target(stack.gateway(), "api", passthrough(service, **members))
        send("GET", f"{url}/x?%76ersion=mine&version")
        assert service.seen[-1].query == "version=7"


CLAIMS = {
    "cookie": "LEAK-1",
    "x-user-id": "LEAK-2",
    "x-jwt-token": "LEAK-3",
    "x-tenant-id": "LEAK-4",
    "authorization": "Bearer LEAK-5",
    "x-forwarded-for": "LEAK-6",
    "x-amzn-bedrock-agentcore-runtime-user-id": "LEAK-7",
    "x-api-key": "LEAK-8",
    "user-agent": "LEAK-9",
    "proxy-authorization": "LEAK-10",
    "x-amz-security-token": "LEAK-11",
}


class TestHeaders:
    @pytest.mark.behaviour("GW-HTTP-HEADERS")
    def test_content_protocol_trace_and_session_pass_without_a_list(
        self, url: str, service: HttpBackend
    ) -> None:
        sent = {
            "content-type": "application/vnd.x+json",
            "accept": "text/event-stream",
            "accept-encoding": "gzip",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "tracestate": "a=1",
            "x-amzn-trace-id": "Root=1-2-3",
            "mcp-session-id": "m-1",
            "mcp-protocol-version": "2025-11-25",
            "a2a-version": "0.3",
            "last-event-id": "9",
            RUNTIME_SESSION_ID.lower(): "s" * 33,
        }
        send("POST", f"{url}/x", content=b"{}", headers=sent)
        seen = dict(service.seen[-1].headers)
        trace = sent.pop("traceparent").split("-")
        assert sent.items() <= seen.items()
        assert seen["traceparent"].split("-")[:2] == trace[:2]  # the same trace, one hop on
        assert seen["traceparent"].split("-")[2] != trace[2]

    @pytest.mark.behaviour("GW-HTTP-HEADERS")
    def test_nothing_else_does_and_no_credential_ever(
        self, url: str, service: HttpBackend, stack: Stack
    ) -> None:
        send("POST", f"{url}/x?X-Amz-Signature=LEAK-12", content=b"{}", headers=CLAIMS)
        seen = service.seen[-1]
        assert "LEAK" not in f"{seen.pairs} {seen.query}"
        assert not {"user-agent", "connection", "keep-alive", "te"} & set(seen.headers)
        hop = stack.recorder.named("→ HTTP POST")[-1]
        assert "x-user-id (claims an identity)" in hop.detail["dropped"]

    @pytest.mark.behaviour("GW-HTTP-ALLOWED")
    def test_the_allow_list_lets_more_pass_but_no_claimed_identity(
        self, stack: Stack, service: HttpBackend
    ) -> None:
        custom = "x-amzn-bedrock-agentcore-runtime-custom-team"
        metadata = {
            "allowedRequestHeaders": ["X-Trace-Team", custom, "X-User-Id", "Cookie"],
            "allowedResponseHeaders": ["X-Cost"],
        }
        url = stack.http_target(stack.gateway(), "api", passthrough(service), metadataConfiguration=metadata)
        service.reply = (200, {"x-cost": "5", "x-hidden": "1", "set-cookie": "a=b", "server": "s"}, b"{}")
        answer = send("GET", url, headers={**CLAIMS, "x-trace-team": "blue", custom: "red"})
        headers = service.seen[-1].headers
        assert (headers["x-trace-team"], headers[custom]) == ("blue", "red")
        assert "LEAK" not in str(headers)
        assert answer.headers["x-cost"] == "5"
        assert not {"x-hidden", "set-cookie"} & set(answer.headers)
        hop = stack.recorder.named("→ HTTP GET")[-1]
        assert hop.detail["headers"] == f"{custom}, x-trace-team"

    @pytest.mark.behaviour("GW-HTTP-HEADERS")
    def test_hop_by_hop_headers_end_at_each_side(self, url: str, service: HttpBackend) -> None:
        service.reply = (200, {"keep-alive": "timeout=9", "te": "x", "x-amzn-errortype": "Gone"}, b"{}")
        answer = send("GET", f"{url}/x", headers={"te": "trailers", "keep-alive": "1"})
        assert not {"te", "keep-alive"} & set(service.seen[-1].headers)
        assert not {"te", "keep-alive"} & set(answer.headers)
        assert answer.headers["x-amzn-errortype"] == "Gone"

    @pytest.mark.behaviour("GW-HTTP-CHALLENGE")
    def test_a_challenge_is_passed_on_only_with_the_callers_own_token(
        self, stack: Stack, service: HttpBackend
    ) -> None:
        service.reply = (401, {"www-authenticate": "Bearer"}, b"{}")
        passes = [{"credentialProviderType": "JWT_PASSTHROUGH"}]
        gateway = stack.gateway()
        with_token = stack.http_target(
            gateway, "one", passthrough(service), credentialProviderConfigurations=passes
        )
        without = stack.http_target(gateway, "two", passthrough(service))
        assert send("GET", with_token).headers["www-authenticate"] == "Bearer"
        assert "www-authenticate" not in send("GET", without).headers


class TestStreams:
    @pytest.mark.behaviour("GW-HTTP-STREAM")
    def test_an_answer_comes_in_pieces_as_the_target_sends_them(self, url: str, service: HttpBackend) -> None:
        with (
            httpx2.Client(trust_env=False, timeout=TIMEOUT) as client,
            client.stream("POST", f"{url}/held", content=b"{}") as answer,
        ):
            pieces = answer.iter_bytes()
            assert next(pieces) == b"data: one\n\n"
            service.release.set()
            assert b"".join(pieces) == b"data: two\n\n"
        assert answer.headers["content-type"] == "text/event-stream"

    @pytest.mark.behaviour("GW-HTTP-STREAM")
    @pytest.mark.parametrize("length", [True, False])
    def test_a_body_goes_in_pieces_as_the_client_sends_them(
        self, url: str, service: HttpBackend, length: bool
    ) -> None:
        def body() -> Iterator[bytes]:
            yield b"first"
            assert service.arrived.wait(TIMEOUT), "the first piece waited for the second"
            yield b"second"

        headers = {"content-length": "11"} if length else {}
        answer = send("POST", f"{url}/echo", content=body(), headers=headers)
        assert answer.content == b"firstsecond"
        framing = service.seen[-1].headers
        assert (framing.get("content-length"), framing.get("transfer-encoding")) == (
            ("11", None) if length else (None, "chunked")
        )

    @pytest.mark.behaviour("GW-HTTP-GONE")
    def test_a_client_that_goes_away_ends_the_request_at_the_target(
        self, url: str, service: HttpBackend, stack: Stack
    ) -> None:
        with pytest.raises(httpx2.ReadTimeout), httpx2.Client(trust_env=False) as client:
            client.post(f"{url}/hang", content=b"{}", timeout=0.5)
        assert service.left.wait(TIMEOUT)
        assert stack.recorder.inbound(url.split("/")[4], "POST /hang").status == 499

    @pytest.mark.behaviour("GW-HTTP-PAYLOAD")
    @pytest.mark.parametrize("streamed", [True, False])
    def test_more_than_the_quota_is_413(self, service: HttpBackend, streamed: bool) -> None:
        def pieces() -> Iterator[bytes]:
            for _ in range(20):
                yield b"x" * 100

        with gateway_stack(payload=1000) as small:
            url = small.http_target(small.gateway(), "api", passthrough(service))
            body = pieces() if streamed else b"x" * 2000
            assert send("POST", f"{url}/x", content=body).status_code == 413
        assert [seen.path for seen in service.seen if len(seen.body) > 1000] == []


class TestFailures:
    @pytest.mark.behaviour("GW-HTTP-FAILURE")
    @pytest.mark.parametrize("level", [None, "DEBUG"])
    def test_a_target_that_is_away_is_502(self, stack: Stack, level: str | None) -> None:
        members = {"exceptionLevel": level} if level else {}
        gateway = stack.gateway(**members)
        away = {"passthrough": {"endpoint": "http://127.0.0.1:9", "protocolType": "CUSTOM"}}
        answer = send("GET", stack.http_target(gateway, "away", away))
        assert answer.status_code == 502
        assert answer.json()["success"] is False
        hidden = "An internal error occurred. Please retry later."
        assert (answer.json()["error"] == hidden) is (level is None)
        assert stack.recorder.inbound(gateway, "GET /").detail["error"] == (
            "http://127.0.0.1:9 cannot be reached."
        )

    @pytest.mark.behaviour("GW-HTTP-FAILURE")
    def test_a_target_that_is_late_is_504(self, service: HttpBackend) -> None:
        with gateway_stack(call=0.3) as hasty:
            gateway = hasty.gateway(exceptionLevel="DEBUG")
            answer = send("POST", f"{hasty.http_target(gateway, 'api', passthrough(service))}/hang")
        assert answer.status_code == 504
        assert "within 0.3 s" in answer.json()["error"]

    @pytest.mark.behaviour("GW-HTTP-CUT")
    def test_an_answer_that_ends_too_soon_ends_too_soon_for_the_client(
        self, url: str, service: HttpBackend
    ) -> None:
        with pytest.raises(httpx2.RemoteProtocolError):
            send("GET", f"{url}/cut")

    @pytest.mark.behaviour("GW-HTTP-HOPS")
    def test_both_sides_of_a_request_are_recorded(self, url: str, service: HttpBackend, stack: Stack) -> None:
        service.reply = (207, JSON, b"{}")
        session = "session-" + "7" * 30
        send("PUT", f"{url}/pets/9?secret=LEAK", content=b"LEAK", headers={RUNTIME_SESSION_ID: session})
        inbound = stack.recorder.inbound(url.split("/")[4], "PUT /pets/9")
        outbound = stack.recorder.named("→ HTTP PUT")[-1]
        for hop in (inbound, outbound):
            assert (hop.status, hop.session, hop.target, hop.auth) == (207, session, "api", "none")
        assert "LEAK" not in f"{inbound} {outbound}"

    @pytest.mark.behaviour("GW-HTTP-SESSION")
    def test_the_session_stands_where_the_target_says(self, stack: Stack, service: HttpBackend) -> None:
        sticky = {"identifier": "$.AMZN_AC_GW_CONTEXT.headers.x-chat", "compositeIdentifier": ["x-team"]}
        gateway = stack.gateway()
        url = stack.http_target(gateway, "api", passthrough(service, stickinessConfiguration=sticky))
        send("GET", f"{url}/one", headers={"x-chat": "c1", "x-team": "blue"})
        send("GET", f"{url}/two", headers={"x-chat": "c1"})
        assert stack.recorder.inbound(gateway, "GET /one").session == "c1 blue"
        assert stack.recorder.inbound(gateway, "GET /two").session == ""

    @pytest.mark.behaviour("GW-HTTP-HEADERS")
    def test_which_further_headers_pass_is_a_switch(self, service: HttpBackend) -> None:
        table = Assumptions(http_request_headers=("anthropic-version",))
        with gateway_stack(assumptions=table) as open_stack:
            url = open_stack.http_target(open_stack.gateway(), "api", passthrough(service))
            send("GET", url, headers={"anthropic-version": "2023-06-01"})
        assert service.seen[-1].headers["anthropic-version"] == "2023-06-01"


def test_many_requests_at_once_do_not_mix(url: str, service: HttpBackend) -> None:
    answers: dict[int, bytes] = {}

    def one(number: int) -> None:
        answers[number] = send("POST", f"{url}/echo", content=b"%d" % number).content

    threads = [threading.Thread(target=one, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert answers == {number: b"%d" % number for number in range(20)}


@pytest.mark.behaviour("GW-HOST")
def test_a_page_whose_name_points_here_reads_nothing_without_proof(url: str, service: HttpBackend) -> None:
    answer = send("GET", f"{url}/pets", headers={"host": "evil.example:4700"})
    assert (answer.status_code, service.seen) == (403, [])
