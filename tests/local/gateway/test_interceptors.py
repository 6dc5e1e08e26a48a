"""REQUEST and RESPONSE interceptors around MCP requests: what they see, what they can change, and failing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any

import fastmcp
import httpx2
import pytest
from mcp.client import Client

from skerry.local.gateway.assumptions import Assumptions
from tests.kit.gateway_stack import TIMEOUT, FakeLambda, Stack, gateway_stack, post
from tests.kit.mcp_backends import Backend, strict_legacy

HELLO: dict[str, Any] = {
    "name": "hello",
    "description": "Says hello.",
    "inputSchema": {"type": "object", "properties": {"name": {"type": "string"}}},
}
STREAMING = {"mcp": {"streamingConfiguration": {"enableResponseStreaming": True}}}
INTERNAL = "An internal error occurred. Please retry later."


def request_output(**transformed: Any) -> dict[str, Any]:
    return {"interceptorOutputVersion": "1.0", "mcp": {"transformedGatewayRequest": transformed}}


def response_output(**transformed: Any) -> dict[str, Any]:
    return {"interceptorOutputVersion": "1.0", "mcp": {"transformedGatewayResponse": transformed}}


UNCHANGED = {"interceptorOutputVersion": "1.0", "mcp": {}}


def gateway_with(stack: Stack, *interceptors: Mapping[str, Any], **members: Any) -> str:
    """The URL of a gateway with a Lambda target `fn` that returns its event."""
    target = members.pop("target", {})
    gateway = stack.gateway(interceptorConfigurations=list(interceptors), **members)
    stack.functions.functions["fn"] = lambda event, custom: {"event": event, "custom": custom}
    stack.functions.invocations.clear()
    stack.lambda_target(gateway, "fn", [HELLO], **target)
    return stack.url(gateway)


def events_of(stack: Stack, function: str) -> list[Any]:
    return [call.event for call in stack.functions.invocations if call.function == function]


def hello(url: str, **options: Any) -> Any:
    params = {"name": "fn___hello", "arguments": options.pop("arguments", {"name": "Zoë"})}
    return post(url, "tools/call", params, **options)


def said(answer: Any) -> Any:
    """What the Lambda target returned."""
    return json.loads(answer.json()["result"]["content"][0]["text"])


class TestRequest:
    @pytest.mark.behaviour("ICP-REQUEST-INPUT")
    @pytest.mark.parametrize("modern", [False, True])
    def test_it_gets_the_request_raw_and_parsed_and_no_headers(self, stack: Stack, modern: bool) -> None:
        url = gateway_with(stack, stack.interceptor("before", lambda e, c: UNCHANGED, "REQUEST"))
        answer = hello(url, modern=modern, identifier="é-1", headers={"x-secret": "s"})
        assert said(answer)["event"] == {"name": "Zoë"}
        (event,) = events_of(stack, "before")
        raw = event["mcp"]["rawGatewayRequest"]["body"]
        body = event["mcp"]["gatewayRequest"]["body"]
        assert json.loads(raw) == body
        assert (body["method"], body["id"]) == ("tools/call", "é-1")
        assert body["params"]["arguments"] == {"name": "Zoë"}
        assert event == {
            "interceptorInputVersion": "1.0",
            "mcp": {
                "rawGatewayRequest": {"body": raw},
                "gatewayRequest": {"path": "/mcp", "httpMethod": "POST", "body": body},
            },
        }

    @pytest.mark.behaviour("ICP-HEADERS-INPUT")
    @pytest.mark.parametrize(("passed", "seen"), [(True, True), (False, False)])
    def test_it_gets_headers_in_lower_case_when_it_is_to(
        self, stack: Stack, passed: bool, seen: bool
    ) -> None:
        before = stack.interceptor("before", lambda e, c: UNCHANGED, "REQUEST", passRequestHeaders=passed)
        after = stack.interceptor("after", lambda e, c: UNCHANGED, "RESPONSE", passRequestHeaders=passed)
        hello(gateway_with(stack, before, after), headers={"X-Tenant": "acme"})
        for function in ("before", "after"):
            (event,) = events_of(stack, function)
            given = event["mcp"]["gatewayRequest"]
            assert ("headers" in given) is seen
            assert given.get("headers", {}).get("x-tenant") == ("acme" if seen else None)

    @pytest.mark.behaviour("ICP-ALL-METHODS")
    @pytest.mark.parametrize(
        ("method", "modern"),
        [
            ("initialize", False),
            ("ping", False),
            ("tools/list", False),
            ("prompts/list", False),
            ("server/discover", True),
            ("tools/list", True),
            ("no/such", False),
        ],
    )
    def test_every_method_is_intercepted_on_both_sides(self, stack: Stack, method: str, modern: bool) -> None:
        before = stack.interceptor("before", lambda e, c: UNCHANGED, "REQUEST")
        after = stack.interceptor("after", lambda e, c: UNCHANGED, "RESPONSE")
        url = gateway_with(stack, before, after)
        answer = post(
            url, method, {"protocolVersion": "2025-11-25"} if method == "initialize" else None, modern=modern
        )
        (event,) = events_of(stack, "before")
        assert event["mcp"]["gatewayRequest"]["body"]["method"] == method
        (event,) = events_of(stack, "after")
        assert event["mcp"]["gatewayResponse"]["body"] == answer.json()
        assert event["mcp"]["gatewayResponse"]["statusCode"] == answer.status_code

    @pytest.mark.behaviour("ICP-NOTIFICATIONS")
    def test_a_notification_is_not(self, stack: Stack) -> None:
        url = gateway_with(stack, stack.interceptor("before", lambda e, c: UNCHANGED, "REQUEST"))
        notification = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        with httpx2.Client(trust_env=False, timeout=TIMEOUT) as client:
            assert client.post(url, json=notification).status_code == 202
        assert events_of(stack, "before") == []

    @pytest.mark.behaviour("ICP-REQUEST-BODY")
    @pytest.mark.parametrize("modern", [False, True])
    def test_its_body_goes_on_in_place_of_the_clients(self, stack: Stack, modern: bool) -> None:
        def rename(event: Any, custom: Any) -> Any:
            body = event["mcp"]["gatewayRequest"]["body"]
            body["params"]["arguments"] = {"name": "renamed"}
            body["id"] = "another id"
            return request_output(body=body)

        after = stack.interceptor("after", lambda e, c: UNCHANGED, "RESPONSE")
        url = gateway_with(stack, stack.interceptor("before", rename, "REQUEST"), after)
        answer = hello(url, modern=modern, identifier="mine")
        assert said(answer)["event"] == {"name": "renamed"}
        assert answer.json()["id"] == "mine"
        (event,) = events_of(stack, "after")
        original = event["mcp"]["gatewayRequest"]["body"]
        assert original["params"]["arguments"] == {"name": "Zoë"}

    @pytest.mark.behaviour("ICP-SHORT-CIRCUIT")
    @pytest.mark.parametrize("modern", [False, True])
    def test_its_own_response_is_the_answer_and_still_passes_the_response_interceptor(
        self, stack: Stack, modern: bool
    ) -> None:
        refusal = {"jsonrpc": "2.0", "id": 7, "error": {"code": -32000, "message": "Not on Sundays"}}

        def refuse(event: Any, custom: Any) -> Any:
            output = response_output(statusCode=403, headers={"X-Reason": "sunday"}, body=refusal)
            output["mcp"]["transformedGatewayRequest"] = {"body": event["mcp"]["gatewayRequest"]["body"]}
            return output

        after = stack.interceptor("after", lambda e, c: response_output(headers={"x-seen": "1"}), "RESPONSE")
        url = gateway_with(stack, stack.interceptor("before", refuse, "REQUEST"), after)
        answer = hello(url, modern=modern)
        assert (answer.status_code, answer.json()) == (403, refusal)
        assert (answer.headers["x-reason"], answer.headers["x-seen"]) == ("sunday", "1")
        (event,) = events_of(stack, "after")
        assert event["mcp"]["gatewayResponse"]["statusCode"] == 403
        assert event["mcp"]["gatewayResponse"]["body"] == refusal
        assert events_of(stack, "fn") == []

    @pytest.mark.behaviour("ICP-HOP")
    def test_each_call_of_one_is_a_hop_with_the_gateways_role(self, stack: Stack) -> None:
        before = stack.interceptor("before", lambda e, c: UNCHANGED, "REQUEST")
        after = stack.interceptor("after", lambda e, c: UNCHANGED, "RESPONSE")
        url = gateway_with(stack, before, after)
        trace = "0af7651916cd43dd8448eb211c80319c"
        sent = f"00-{trace}-b7ad6b7169203331-01"
        hello(url, headers={"traceparent": sent, "x-session-id": "s" * 33})
        role = f"arn:aws:sts::123456789012:assumed-role/desk-gateway/gateway-{url.split('/')[4]}"
        for name, point in (("before", "REQUEST"), ("after", "RESPONSE")):
            hop = stack.recorder.named(f"→ interceptor {point}")[-1]
            assert (hop.target, hop.identity, hop.auth, hop.status) == (name, role, "sigv4", 200)
            assert hop.session == "s" * 33
            call = next(call for call in stack.functions.invocations if call.function == name)
            assert (call.caller, call.custom) == (role, {})
            assert call.headers["traceparent"] == f"00-{trace}-{hop.span}-01"
        order = [call.function for call in stack.functions.invocations]
        assert order == ["before", "fn", "after"]


class TestHeaders:
    @pytest.mark.behaviour("ICP-REQUEST-HEADERS")
    def test_its_headers_need_the_allow_list_and_win_over_the_clients(self, stack: Stack) -> None:
        added = {"X-Region": "us", "x-other": "1", "X-TENANT-ID": "acme"}
        before = stack.interceptor("before", lambda e, c: request_output(headers=added), "REQUEST")
        allowed = ["X-Region", "X-Tenant-Id", "X-Kept"]
        url = gateway_with(
            stack, before, target={"metadataConfiguration": {"allowedRequestHeaders": allowed}}
        )
        sent = {"x-region": "eu", "x-tenant-id": "evil", "x-kept": "k"}
        custom = said(hello(url, headers=sent))["custom"]
        assert custom["bedrockAgentCorePropagatedHeaders"] == {
            "x-region": "us",
            "x-tenant-id": "acme",
            "x-kept": "k",
        }
        hop = stack.recorder.named("→ lambda Invoke")[-1]
        assert hop.detail["dropped"] == "x-other (not on the allow-list)"

    @pytest.mark.behaviour("ICP-REQUEST-HEADERS")
    @pytest.mark.parametrize("modern", [False, True])
    def test_an_mcp_server_gets_them_likewise(self, stack: Stack, backend: Backend, modern: bool) -> None:
        added = {"X-Region": "us", "x-other": "1"}
        before = stack.interceptor("before", lambda e, c: request_output(headers=added), "REQUEST")
        gateway = stack.gateway(interceptorConfigurations=[before])
        allowed = {"metadataConfiguration": {"allowedRequestHeaders": ["X-Region"]}}
        stack.target(gateway, "echo", {"mcpServer": {"endpoint": backend.url}}, **allowed)
        params = {"name": "echo___echo", "arguments": {"text": "x"}}
        post(stack.url(gateway), "tools/call", params, modern=modern, headers={"x-region": "eu"})
        headers = backend.named("tools/call")[-1].headers
        assert (headers["x-region"], "x-other" in headers) == ("us", False)

    @pytest.mark.behaviour("ICP-CALLER")
    def test_a_claimed_identity_travels_only_when_the_interceptor_says_so(self, stack: Stack) -> None:
        allowed = {"metadataConfiguration": {"allowedRequestHeaders": ["X-Tenant-Id"]}}
        before = stack.interceptor("before", lambda e, c: UNCHANGED, "REQUEST")
        url = gateway_with(stack, before, target=allowed)
        custom = said(hello(url, headers={"x-tenant-id": "evil"}))["custom"]
        assert "bedrockAgentCorePropagatedHeaders" not in custom

    @pytest.mark.behaviour("ICP-AUTHORIZATION")
    def test_its_authorization_takes_the_place_of_the_targets_credential(
        self, stack: Stack, backend: Backend
    ) -> None:
        added = {"Authorization": "Bearer of-the-interceptor"}
        before = stack.interceptor("before", lambda e, c: request_output(headers=added), "REQUEST")
        gateway = stack.gateway(interceptorConfigurations=[before])
        role = [
            {
                "credentialProviderType": "GATEWAY_IAM_ROLE",
                "credentialProvider": {"iamCredentialProvider": {"service": "bedrock-agentcore"}},
            }
        ]
        stack.target(
            gateway, "echo", {"mcpServer": {"endpoint": backend.url}}, credentialProviderConfigurations=role
        )
        post(stack.url(gateway), "tools/call", {"name": "echo___echo", "arguments": {"text": "x"}})
        called = backend.named("tools/call")[-1]
        assert called.headers["authorization"] == "Bearer of-the-interceptor"
        listed = backend.named("tools/list")[-1]
        assert listed.headers["authorization"].startswith("AWS4-HMAC-SHA256")
        hop = stack.recorder.named("→ MCP tools/call")[-1]
        assert hop.identity == "interceptor"
        assert "of-the-interceptor" not in str(hop)

    @pytest.mark.behaviour("ICP-AUTHORIZATION")
    def test_a_function_gets_it_beside_the_roles_signature(self, stack: Stack) -> None:
        added = {"authorization": "Bearer x"}
        url = gateway_with(
            stack, stack.interceptor("before", lambda e, c: request_output(headers=added), "REQUEST")
        )
        custom = said(hello(url))["custom"]
        assert custom["bedrockAgentCorePropagatedHeaders"] == {"authorization": "Bearer x"}

    @pytest.mark.behaviour("ICP-RESPONSE-HEADERS")
    def test_headers_of_the_response_are_added_but_for_those_that_frame_it(self, stack: Stack) -> None:
        added = {
            "X-Custom": "1",
            "Content-Length": "3",
            "Transfer-Encoding": "chunked",
            "Content-Type": "x/y",
        }
        after = stack.interceptor("after", lambda e, c: response_output(headers=added), "RESPONSE")
        answer = hello(gateway_with(stack, after))
        assert answer.headers["x-custom"] == "1"
        assert answer.headers["content-type"] == "application/json"
        assert int(answer.headers["content-length"]) == len(answer.content)


class TestResponse:
    @pytest.mark.behaviour("ICP-RESPONSE-INPUT")
    @pytest.mark.parametrize("modern", [False, True])
    def test_it_gets_the_request_and_the_response(self, stack: Stack, modern: bool) -> None:
        after = stack.interceptor("after", lambda e, c: UNCHANGED, "RESPONSE")
        answer = hello(gateway_with(stack, after), modern=modern)
        (event,) = events_of(stack, "after")
        assert event["mcp"]["gatewayRequest"]["body"]["method"] == "tools/call"
        assert event["mcp"]["gatewayResponse"] == {
            "statusCode": 200,
            "headers": {"content-type": "application/json"},
            "body": answer.json(),
        }

    @pytest.mark.behaviour("ICP-RESPONSE-CHANGE")
    @pytest.mark.parametrize("modern", [False, True])
    def test_it_changes_status_and_body(self, stack: Stack, modern: bool) -> None:
        def hide(event: Any, custom: Any) -> Any:
            body = event["mcp"]["gatewayResponse"]["body"]
            body["result"]["tools"] = []
            return response_output(statusCode=203, body=body)

        url = gateway_with(stack, stack.interceptor("after", hide, "RESPONSE"))
        answer = post(url, "tools/list", modern=modern)
        assert answer.status_code == 203
        assert answer.json()["result"]["tools"] == []

    @pytest.mark.behaviour("ICP-BOTH-POINTS")
    def test_one_function_may_stand_at_both_points(self, stack: Stack) -> None:
        both = stack.interceptor("both", lambda e, c: UNCHANGED, "REQUEST", "RESPONSE")
        hello(gateway_with(stack, both))
        kinds = ["gatewayResponse" in event["mcp"] for event in events_of(stack, "both")]
        assert kinds == [False, True]

    @pytest.mark.behaviour("ICP-PAYLOAD-FILTER")
    def test_the_body_can_be_kept_from_it(self, stack: Stack) -> None:
        after = stack.interceptor(
            "after",
            lambda e, c: response_output(statusCode=201, body=None),
            "RESPONSE",
            passRequestHeaders=False,
            payloadFilter={"exclude": [{"field": "RESPONSE_BODY"}]},
        )
        answer = hello(gateway_with(stack, after))
        (event,) = events_of(stack, "after")
        assert event["mcp"]["gatewayResponse"]["body"] is None
        assert (answer.status_code, said(answer)["event"]) == (201, {"name": "Zoë"})

    @pytest.mark.behaviour("ICP-RESPONSE-ERRORS")
    def test_it_sees_errors_too(self, stack: Stack) -> None:
        after = stack.interceptor("after", lambda e, c: UNCHANGED, "RESPONSE")
        url = gateway_with(stack, after)
        answer = post(url, "tools/call", {"name": "fn___nothing"})
        assert answer.json()["error"]["code"] == -32602
        (event,) = events_of(stack, "after")
        assert event["mcp"]["gatewayResponse"]["body"] == answer.json()
        hop = stack.recorder.inbound(url, "tools/call")
        assert hop.detail["error"].startswith("-32602: Unknown tool")


def messages(answer: Any) -> list[Any]:
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]


class TestStreams:
    def progressing(self, stack: Stack, backend: Backend, function: Any, **inputs: Any) -> str:
        after = stack.interceptor("after", function, "RESPONSE", **inputs)
        gateway = stack.gateway(interceptorConfigurations=[after], protocolConfiguration=STREAMING)
        stack.target(gateway, "echo", {"mcpServer": {"endpoint": backend.url}})
        stack.functions.invocations.clear()
        return stack.url(gateway)

    def stream(self, url: str, *, progress: bool, modern: bool = True) -> Any:
        meta = {"_meta": {"progressToken": "p"}} if progress else {}
        params = {"name": "echo___progress", "arguments": {}, **meta}
        answer = post(url, "tools/call", params, modern=modern)
        assert answer.headers["content-type"].startswith("text/event-stream")
        return answer

    @pytest.mark.behaviour("ICP-STREAM-EVENTS")
    @pytest.mark.parametrize("modern", [False, True])
    def test_it_sees_results_and_no_notifications(self, stack: Stack, backend: Backend, modern: bool) -> None:
        def mark(event: Any, custom: Any) -> Any:
            body = event["mcp"]["gatewayResponse"]["body"]
            body["result"]["content"][0]["text"] += "!"
            return response_output(statusCode=500, headers={"x-late": "1"}, body=body)

        answer = self.stream(self.progressing(stack, backend, mark), progress=True, modern=modern)
        (event,) = events_of(stack, "after")
        assert set(event["mcp"]["gatewayResponse"]) == {"isStreamingResponse", "body"}
        assert event["mcp"]["gatewayResponse"]["isStreamingResponse"] is True
        found = messages(answer)
        assert [item.get("method", "result") for item in found][-1:] == ["result"]
        assert found[0]["method"] == "notifications/progress"
        assert found[-1]["result"]["content"][0]["text"] == "done!"
        assert (answer.status_code, "x-late" in answer.headers) == (200, False)

    @pytest.mark.behaviour("ICP-STREAM-FIRST")
    def test_at_the_first_event_it_can_change_status_and_headers(
        self, stack: Stack, backend: Backend, strict: str
    ) -> None:
        def head(event: Any, custom: Any) -> Any:
            return response_output(statusCode=207, headers={"x-early": "1"})

        url = self.progressing(stack, backend, head)
        gateway = url.split("/")[4]
        stack.target(gateway, "strict", {"mcpServer": {"endpoint": strict}})
        answer = post(url, "tools/call", {"name": "strict___who", "arguments": {}})
        (event,) = events_of(stack, "after")
        assert event["mcp"]["gatewayResponse"]["statusCode"] == 200
        assert event["mcp"]["gatewayResponse"]["isStreamingResponse"] is True
        assert (answer.status_code, answer.headers["x-early"]) == (207, "1")
        assert "result" in messages(answer)[-1]

    @pytest.mark.behaviour("ICP-STREAM-FAILURE")
    def test_a_failure_takes_the_place_of_the_result(self, stack: Stack, backend: Backend) -> None:
        answer = self.stream(self.progressing(stack, backend, lambda e, c: "no"), progress=True)
        last = messages(answer)[-1]
        assert last["id"] == 7
        assert last["result"]["isError"] is True
        assert last["result"]["content"][0]["text"] == INTERNAL
        assert "done" not in answer.text


@pytest.fixture(scope="module")
def strict() -> Iterator[str]:
    """A server that answers every call with an event stream of one result."""
    with strict_legacy() as (server, url):
        server.streams = True
        yield url


class TestFailure:
    BROKEN: tuple[Any, ...] = (
        None,
        "text",
        [],
        {},
        {"interceptorOutputVersion": "2.0", "mcp": {}},
        {"interceptorOutputVersion": "1.0"},
        {"interceptorOutputVersion": "1.0", "mcp": {"transformedGatewayResponse": []}},
        response_output(statusCode="200", body={}),
        response_output(statusCode=42, body={}),
        response_output(body="text"),
        response_output(headers={"x y": "1"}, body={}),
        response_output(headers={"x": "a\r\nb: c"}, body={}),
    )

    @pytest.mark.behaviour("ICP-FAILURE")
    @pytest.mark.parametrize("output", BROKEN)
    @pytest.mark.parametrize("point", ["REQUEST", "RESPONSE"])
    def test_what_is_no_output_lets_nothing_past(self, stack: Stack, point: str, output: Any) -> None:
        url = gateway_with(stack, stack.interceptor("broken", lambda e, c: output, point))
        answer = hello(url)
        assert answer.status_code == 200
        result = answer.json()["result"]
        assert result == {"content": [{"type": "text", "text": INTERNAL}], "isError": True}
        assert bool(events_of(stack, "fn")) is (point == "RESPONSE")
        assert "interceptor" in stack.recorder.inbound(url, "tools/call").detail["error"]

    @pytest.mark.behaviour("ICP-FAILURE")
    @pytest.mark.parametrize(
        "body",
        [{"jsonrpc": "2.0", "method": "tools/call"}, {"id": 1}, {"jsonrpc": "2.0", "id": 7, "result": {}}],
    )
    def test_a_body_that_is_no_request_is_one_of_these(self, stack: Stack, body: Any) -> None:
        before = stack.interceptor("before", lambda e, c: request_output(body=body), "REQUEST")
        url = gateway_with(stack, before, exceptionLevel="DEBUG")
        text = hello(url).json()["result"]["content"][0]["text"]
        assert "no JSON-RPC request" in text
        assert events_of(stack, "fn") == []

    @pytest.mark.behaviour("ICP-FAILURE-DEBUG")
    @pytest.mark.parametrize("point", ["REQUEST", "RESPONSE"])
    def test_with_debug_the_reason_is_told(self, stack: Stack, point: str) -> None:
        def fails(event: Any, custom: Any) -> Any:
            raise ValueError("no such tenant")

        url = gateway_with(stack, stack.interceptor("fails", fails, point), exceptionLevel="DEBUG")
        result = hello(url).json()["result"]
        text = result["content"][0]["text"]
        assert "ValueError: no such tenant" in text
        assert result["_meta"]["debug"] == {"type": "text", "text": text}

    @pytest.mark.behaviour("ICP-FAILURE-DEBUG")
    def test_a_refused_invoke_names_function_and_role(self, stack: Stack) -> None:
        def denies(event: Any, custom: Any) -> Any:
            raise FakeLambda.DeniedError

        url = gateway_with(stack, stack.interceptor("denies", denies, "REQUEST"), exceptionLevel="DEBUG")
        assert hello(url).json()["result"]["content"][0]["text"] == (
            "Access denied while invoking Lambda function "
            "arn:aws:lambda:us-east-1:123456789012:function:denies. "
            "Check the permissions on the Lambda function and Gateway execution role, and retry the request."
        )

    @pytest.mark.behaviour("ICP-FAILURE-OTHER")
    @pytest.mark.parametrize(("level", "told"), [({}, False), ({"exceptionLevel": "DEBUG"}, True)])
    def test_other_methods_get_an_error(self, stack: Stack, level: Any, told: bool) -> None:
        url = gateway_with(stack, stack.interceptor("broken", lambda e, c: 1, "REQUEST"), **level)
        answer = post(url, "tools/list")
        problem = answer.json()["error"]
        assert problem["code"] == -32603
        assert (problem["message"] == INTERNAL) is not told
        assert ("returned no JSON object" in problem["message"]) is told

    @pytest.mark.behaviour("ICP-TIMEOUT")
    def test_one_that_takes_too_long_is_a_failure(self) -> None:
        table = Assumptions(interceptor_timeout=0.05, interceptor_failure_status=504)
        with gateway_stack(assumptions=table) as slow:
            never = asyncio.Event()

            async def waits(event: Any, custom: Any) -> Any:
                await asyncio.wait_for(never.wait(), 60)

            url = gateway_with(slow, slow.interceptor("slow", waits, "REQUEST"), exceptionLevel="DEBUG")
            answer = hello(url)
            assert answer.status_code == 504
            assert "did not answer within 0.05 s" in answer.json()["result"]["content"][0]["text"]


def shouting(stack: Stack) -> str:
    """The URL of a gateway that calls everybody `bo` and answers tool calls in capitals."""

    def shout(event: Any, custom: Any) -> Any:
        body = event["mcp"]["gatewayResponse"]["body"]
        for item in body.get("result", {}).get("content", ()):
            item["text"] = item["text"].upper()
        return response_output(body=body)

    def name(event: Any, custom: Any) -> Any:
        body = event["mcp"]["gatewayRequest"]["body"]
        if body["method"] == "tools/call":
            body["params"]["arguments"]["name"] = "bo"
        return request_output(body=body)

    before = stack.interceptor("before", name, "REQUEST")
    return gateway_with(stack, before, stack.interceptor("after", shout, "RESPONSE"))


@pytest.mark.behaviour("ICP-CLIENTS")
@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
async def test_the_sdk_client_works_through_both(stack: Stack, mode: str) -> None:
    async with Client(shouting(stack), mode=mode) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["fn___hello"]
        result = await client.call_tool("fn___hello", {"name": "al"})
        assert '{"EVENT": {"NAME": "BO"}' in result.content[0].text


@pytest.mark.behaviour("ICP-CLIENTS")
@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
async def test_the_fastmcp_client_works_through_both(stack: Stack, mode: str) -> None:
    async with fastmcp.Client(shouting(stack), mode=mode) as client:
        assert [tool.name for tool in await client.list_tools()] == ["fn___hello"]
        result = await client.call_tool("fn___hello", {"name": "al"})
        assert '{"EVENT": {"NAME": "BO"}' in result.content[0].text
