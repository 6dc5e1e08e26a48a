"""Tools of a Lambda target: the event, the client context, the result, and what goes wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.kit.gateway_stack import ROLE, FakeLambda, Stack, post

HELLO: dict[str, Any] = {
    "name": "hello",
    "description": "Says hello.",
    "inputSchema": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "count": {"type": "integer"}},
        "required": ["name"],
    },
}


def with_function(stack: Stack, function: Any, *tools: Any, **members: Any) -> str:
    """A gateway with one Lambda target `fn`."""
    gateway = stack.gateway(**members.pop("gateway", {}))
    stack.functions.functions["fn"] = function
    stack.functions.invocations.clear()
    stack.lambda_target(gateway, "fn", tools or [HELLO], **members)
    return gateway


def call(stack: Stack, gateway: str, arguments: Any = None, **options: Any) -> dict[str, Any]:
    params = {"name": "fn___hello"} | ({} if arguments is None else {"arguments": arguments})
    answer = post(options.pop("url", stack.url(gateway)), "tools/call", params, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


class TestInvoke:
    @pytest.mark.behaviour("GW-LAMBDA-EVENT")
    def test_the_event_is_the_bare_arguments(self, stack: Stack) -> None:
        gateway = with_function(stack, lambda event, custom: "good")
        call(stack, gateway, {"name": "Zoë", "count": 2})
        assert stack.functions.invocations[-1].event == {"name": "Zoë", "count": 2}

    @pytest.mark.behaviour("GW-LAMBDA-CONTEXT")
    @pytest.mark.parametrize("identifier", [7, "call-é-1"])
    def test_everything_else_is_in_the_client_context(self, stack: Stack, identifier: Any) -> None:
        gateway = with_function(stack, lambda event, custom: custom["bedrockAgentCoreToolName"])
        result = call(stack, gateway, {"name": "a"}, identifier=identifier)
        custom = stack.functions.invocations[-1].custom
        assert len(custom.pop("bedrockAgentCoreAwsRequestId")) == 36
        assert custom == {
            "bedrockAgentCoreMessageVersion": "1.0",
            "bedrockAgentCoreMcpMessageId": str(identifier),
            "bedrockAgentCoreGatewayId": gateway,
            "bedrockAgentCoreTargetId": stack.resources.target_records[gateway][0]["targetId"],
            "bedrockAgentCoreToolName": "fn___hello",
        }
        assert result["content"][0]["text"] == '"fn___hello"'

    @pytest.mark.behaviour("GW-LAMBDA-PROPAGATED")
    def test_allowed_headers_and_query_parameters_are_in_it_too(self, stack: Stack) -> None:
        gateway = with_function(
            stack,
            lambda event, custom: "",
            metadataConfiguration={
                "allowedRequestHeaders": ["X-Client-Region", "Authorization", "X-TENANT-ID"],
                "allowedQueryParameters": ["version"],
            },
        )
        sent = {"x-client-region": "eu", "x-tenant-id": "evil", "x-other": "1", "authorization": "Bearer abc"}
        call(stack, gateway, {"name": "a"}, headers=sent, url=stack.url(gateway) + "?version=1&other=2")
        invocation = stack.functions.invocations[-1]
        assert invocation.custom["bedrockAgentCorePropagatedHeaders"] == {"x-client-region": "eu"}
        assert invocation.custom["bedrockAgentCorePropagatedQueryParameters"] == {"version": "1"}
        assert not {"x-client-region", "x-tenant-id", "x-other"} & set(invocation.headers)
        assert stack.recorder.named("→ lambda Invoke")[-1].detail["headers"] == "x-client-region"

    @pytest.mark.behaviour("GW-LAMBDA-ROLE")
    def test_the_gateway_invokes_with_its_own_role(self, stack: Stack) -> None:
        gateway = with_function(stack, lambda event, custom: "", gateway={"authorizer": "AWS_IAM"})
        call(stack, gateway, {"name": "a"}, sign=stack, headers={"x-session-id": "s" * 33})
        role = f"arn:aws:sts::123456789012:assumed-role/desk-gateway/gateway-{gateway}"
        assert stack.functions.invocations[-1].caller == role
        outbound = stack.recorder.named("→ lambda Invoke")[-1]
        inbound = stack.recorder.inbound(gateway, "tools/call")
        assert (outbound.identity, outbound.auth, outbound.target) == (role, "sigv4", "fn")
        assert inbound.identity == "arn:aws:iam::123456789012:user/skerry"
        assert (inbound.target, outbound.detail["tool"]) == ("fn___hello", "fn___hello")
        assert inbound.session == outbound.session == "s" * 33
        assert ROLE.endswith("role/desk-gateway")

    @pytest.mark.behaviour("GW-TRACE")
    def test_the_trace_context_goes_along(self, stack: Stack) -> None:
        gateway = with_function(stack, lambda event, custom: "")
        trace, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
        sent = {"traceparent": f"00-{trace}-{caller}-01", "tracestate": "a=1", "baggage": "b=2"}
        call(stack, gateway, {"name": "a"}, headers=sent)
        seen = stack.functions.invocations[-1].headers
        inbound, outbound = (
            stack.recorder.inbound(gateway, "tools/call"),
            stack.recorder.named("→ lambda Invoke")[-1],
        )
        assert (inbound.trace, inbound.parent) == (trace, caller)
        assert (outbound.trace, outbound.parent) == (trace, inbound.span)
        assert seen["traceparent"] == f"00-{trace}-{outbound.span}-01"
        assert (seen["tracestate"], seen["baggage"]) == ("a=1", "b=2")

    @pytest.mark.behaviour("TRACE-META")
    @pytest.mark.parametrize("modern", [False, True])
    @pytest.mark.parametrize("header", ["", "traceparent", "x-amzn-trace-id"])
    def test_the_trace_of_a_message_counts_where_no_traceparent_header_tells_one(
        self, stack: Stack, modern: bool, header: str
    ) -> None:
        gateway = with_function(stack, lambda event, custom: "")
        told, other, caller = "0af7651916cd43dd8448eb211c80319c", "b" * 32, "b7ad6b7169203331"
        meta = {"traceparent": f"00-{told}-{caller}-01", "tracestate": "a=1", "baggage": "b=2"}
        headers = {
            "": {"tracestate": "stray=1"},
            "traceparent": {"traceparent": f"00-{other}-{caller}-01", "tracestate": "c=3"},
            "x-amzn-trace-id": {"x-amzn-trace-id": f"Root=1-{other[:8]}-{other[8:]};Parent={caller}"},
        }[header]
        params = {"name": "fn___hello", "arguments": {"name": "a"}, "_meta": meta}
        assert (
            post(stack.url(gateway), "tools/call", params, modern=modern, headers=headers).status_code == 200
        )
        seen = stack.functions.invocations[-1].headers
        inbound, outbound = (
            stack.recorder.inbound(gateway, "tools/call"),
            stack.recorder.named("→ lambda Invoke")[-1],
        )
        trace = other if header == "traceparent" else told
        assert (inbound.trace, inbound.parent) == (trace, caller)
        assert seen["traceparent"] == f"00-{trace}-{outbound.span}-01"
        assert seen["tracestate"] == ("c=3" if header == "traceparent" else "a=1")
        assert seen.get("baggage") == (None if header == "traceparent" else "b=2")

    @pytest.mark.behaviour("TRACE-W3C")
    @pytest.mark.parametrize("sent", [{}, {"traceparent": "00-1-2-3"}])
    def test_without_a_good_trace_one_begins_at_the_gateway(self, stack: Stack, sent: dict[str, str]) -> None:
        gateway = with_function(stack, lambda event, custom: "")
        call(stack, gateway, {"name": "a"}, headers={**sent, "tracestate": "a=1", "baggage": "b=2"})
        seen = stack.functions.invocations[-1].headers
        inbound, outbound = (
            stack.recorder.inbound(gateway, "tools/call"),
            stack.recorder.named("→ lambda Invoke")[-1],
        )
        assert (len(inbound.trace), inbound.parent) == (32, "")
        assert (outbound.trace, outbound.parent) == (inbound.trace, inbound.span)
        assert seen["traceparent"] == f"00-{inbound.trace}-{outbound.span}-01"
        assert ("tracestate" in seen, seen["baggage"]) == (False, "b=2")


class TestResult:
    @pytest.mark.behaviour("GW-LAMBDA-RESULT")
    @pytest.mark.parametrize(
        "value", ["good", {"statusCode": 200, "body": "x"}, None, [1], {"content": [], "isError": True}]
    )
    def test_the_whole_return_value_is_the_text(self, stack: Stack, value: Any) -> None:
        result = call(stack, with_function(stack, lambda event, custom: value), {"name": "a"})
        assert result["content"] == [{"type": "text", "text": json.dumps(value)}]
        assert result["isError"] is False
        assert "structuredContent" not in result

    @pytest.mark.behaviour("GW-STRUCTURED")
    @pytest.mark.parametrize(("value", "structured"), [({"n": 1}, {"n": 1}), ([1], None), ("n", None)])
    def test_an_object_is_structured_content_when_there_is_an_output_schema(
        self, stack: Stack, value: Any, structured: Any
    ) -> None:
        tool = {**HELLO, "outputSchema": {"type": "object"}}
        result = call(stack, with_function(stack, lambda event, custom: value, tool), {"name": "a"})
        assert result.get("structuredContent") == structured

    def test_a_modern_client_gets_a_complete_result(self, stack: Stack) -> None:
        gateway = with_function(stack, lambda event, custom: "good")
        result = call(stack, gateway, {"name": "a"}, modern=True)
        assert result["resultType"] == "complete"
        info = result["_meta"]["io.modelcontextprotocol/serverInfo"]
        assert info == {"name": "agentcore-gateway", "version": "1.0.0"}

    def test_bad_arguments_are_refused_before_the_function_runs(self, stack: Stack) -> None:
        gateway = with_function(stack, lambda event, custom: "good")
        result = call(stack, gateway)
        assert result["isError"] is True
        assert result["content"][0]["text"] == (
            "ValidationException - Parameter validation failed: Invalid request parameters:\n"
            "- Missing required field(s): 'name'"
        )
        assert stack.functions.invocations == []

    def test_arguments_that_are_no_object_are_invalid_params(self, stack: Stack) -> None:
        gateway = with_function(stack, lambda event, custom: "good")
        answer = post(stack.url(gateway), "tools/call", {"name": "fn___hello", "arguments": [1]})
        assert answer.json()["error"]["code"] == -32602


class TestFailure:
    @staticmethod
    def fails(event: Any, custom: Any) -> Any:
        raise ValueError("no such table")

    @staticmethod
    def denies(event: Any, custom: Any) -> Any:
        raise FakeLambda.DeniedError

    @pytest.mark.behaviour("GW-LAMBDA-ERROR")
    def test_without_debug_the_reason_is_not_told(self, stack: Stack) -> None:
        result = call(stack, with_function(stack, self.fails), {"name": "a"})
        text = "An internal error occurred. Please retry later."
        assert result == {"content": [{"type": "text", "text": text}], "isError": True}
        hop = stack.recorder.named("→ lambda Invoke")[-1]
        assert "ValueError: no such table" in hop.detail["error"]

    @pytest.mark.behaviour("GW-LAMBDA-DEBUG")
    def test_with_debug_the_reason_is_in_the_text_and_in_meta(self, stack: Stack) -> None:
        gateway = with_function(stack, self.fails, gateway={"exceptionLevel": "DEBUG"})
        result = call(stack, gateway, {"name": "a"})
        text = result["content"][0]["text"]
        assert "ValueError: no such table" in text
        assert result["_meta"]["debug"] == {"type": "text", "text": text}
        assert result["isError"] is True

    @pytest.mark.behaviour("GW-LAMBDA-DENIED")
    def test_a_refused_invoke_names_the_function_and_the_role(self, stack: Stack) -> None:
        gateway = with_function(stack, self.denies, gateway={"exceptionLevel": "DEBUG"})
        assert call(stack, gateway, {"name": "a"})["content"][0]["text"] == (
            "Access denied while invoking Lambda function arn:aws:lambda:us-east-1:123456789012:function:fn. "
            "Check the permissions on the Lambda function and Gateway execution role, and retry the request."
        )

    @pytest.mark.behaviour("GW-LAMBDA-REGION")
    def test_a_function_of_another_region_fails_at_call_time(self, stack: Stack) -> None:
        gateway = with_function(
            stack, lambda event, custom: "", gateway={"exceptionLevel": "DEBUG"}, region="eu-west-1"
        )
        result = call(stack, gateway, {"name": "a"})
        assert "another Region" in result["content"][0]["text"]
        assert stack.functions.invocations == []
