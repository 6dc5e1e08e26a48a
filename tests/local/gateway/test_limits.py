"""Rate limits at the MCP endpoint: what they count, by whose name, in which order, and what a caller is told."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from skerry.local.gateway.assumptions import Assumptions
from skerry.local.ports.resources import Change
from tests.kit.gateway_stack import Stack, StandingClock, gateway_stack, post
from tests.kit.idp import Desk, desk

TOOLS = [
    {
        "name": name,
        "description": "d",
        "inputSchema": {"type": "object", "properties": {"to": {"type": "string"}}},
    }
    for name in ("read", "write")
]
ANY = {"targetName": "*"}


@pytest.fixture(scope="module")
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture(scope="module")
def stack(clock: StandingClock) -> Iterator[Stack]:
    """A plane whose windows of time end when a test says so."""
    with gateway_stack(clock=clock) as running:
        yield running


@pytest.fixture(scope="module")
def idp() -> Iterator[Desk]:
    with desk() as running:
        yield running


def requests(rate: float, period: str = "minute", **dimensions: str) -> dict[str, Any]:
    return {"dimensions": dimensions, "requests": [{"rate": rate, "period": period}]}


def gateway_with(stack: Stack, **members: Any) -> str:
    """A gateway with two Lambda targets `a` and `b`; its id."""
    gateway = stack.gateway(**members)
    for name in ("a", "b"):
        stack.functions.functions[name] = lambda event, custom: "done"
        stack.lambda_target(gateway, name, TOOLS)
    return gateway


def call(stack: Stack, gateway: str, tool: str = "a___read", arguments: Any = None, **options: Any) -> Any:
    params = {"name": tool, "arguments": arguments or {}}
    return post(stack.url(gateway), "tools/call", params, **options)


def throttled(answer: Any) -> bool:
    return "error" in answer.json() and answer.json()["error"]["code"] == -32003


class TestAnswer:
    @pytest.mark.behaviour("LIM-ANSWER")
    @pytest.mark.parametrize("modern", [False, True])
    def test_a_refused_caller_is_told_which_limit_and_when_to_come_again(
        self, stack: Stack, clock: StandingClock, modern: bool
    ) -> None:
        gateway = gateway_with(stack)
        limit = stack.rate_limit(gateway, ["targetName"], requests(1, targetName="a"))
        assert not throttled(call(stack, gateway, modern=modern))
        clock.advance(20)
        answer = call(stack, gateway, modern=modern, identifier="request-1")
        assert answer.status_code == 200
        assert answer.json() == {
            "jsonrpc": "2.0",
            "id": "request-1",
            "error": {
                "code": -32003,
                "message": "Rate limit exceeded",
                "data": {"limitKey": f"{limit}/targetName=a", "metric": "requests", "retryAfter": 40},
            },
        }
        hop = stack.recorder.inbound(gateway, "tools/call")
        assert (hop.detail["limit"], hop.detail["metric"]) == (f"{limit}/targetName=a", "requests")
        assert hop.detail["error"] == "-32003: Rate limit exceeded"

    @pytest.mark.behaviour("LIM-ANSWER")
    def test_the_status_can_be_switched(self) -> None:
        with gateway_stack(assumptions=Assumptions(throttled_status=429)) as other:
            gateway = gateway_with(other)
            other.rate_limit(gateway, ["targetName"], requests(0, targetName="*"))
            assert call(other, gateway).status_code == 429

    @pytest.mark.behaviour("LIM-ZERO")
    def test_a_rate_of_zero_blocks(self, stack: Stack, clock: StandingClock) -> None:
        gateway = gateway_with(stack)
        stack.rate_limit(gateway, ["targetName"], requests(0, "second", targetName="b"))
        answer = call(stack, gateway, "b___read")
        assert answer.json()["error"]["data"]["retryAfter"] == 1
        clock.advance(100)
        assert throttled(call(stack, gateway, "b___read"))
        assert not throttled(call(stack, gateway, "a___read"))


class TestCounting:
    @pytest.mark.behaviour("LIM-REQUESTS")
    @pytest.mark.parametrize(("period", "seconds"), [("second", 1), ("minute", 60)])
    def test_so_many_requests_pass_within_a_period(
        self, stack: Stack, clock: StandingClock, period: str, seconds: int
    ) -> None:
        gateway = gateway_with(stack)
        stack.rate_limit(gateway, ["targetName"], requests(30, "minute", targetName="b"))
        stack.rate_limit(gateway, ["toolName"], requests(3, period, toolName="a___read"))
        assert [throttled(call(stack, gateway)) for _ in range(4)] == [False, False, False, True]
        clock.advance(seconds - 0.01)
        assert throttled(call(stack, gateway))
        clock.advance(0.01)
        assert not throttled(call(stack, gateway))

    @pytest.mark.behaviour("LIM-CONNECTIONS")
    def test_so_many_calls_are_under_way_at_once(self, stack: Stack) -> None:
        gateway = gateway_with(stack)
        running, go_on = threading.Event(), threading.Event()

        async def waits(event: Any, custom: Any) -> str:
            running.set()
            await asyncio.to_thread(go_on.wait, 60)
            return "done"

        stack.functions.functions["a"] = waits
        entry = {"dimensions": ANY, "connections": [{"rate": 1, "period": "second"}]}
        limit = stack.rate_limit(gateway, ["targetName"], entry)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(call, stack, gateway)
            try:
                assert running.wait(60)
                refused = call(stack, gateway)
                other = call(stack, gateway, "b___read")
            finally:
                go_on.set()
            assert not throttled(first.result(60))
        assert refused.status_code == 429
        assert refused.json()["error"]["data"] == {
            "limitKey": f"{limit}/targetName=*",
            "metric": "connections",
            "retryAfter": 1,
        }
        assert not throttled(other)
        assert not throttled(call(stack, gateway))

    @pytest.mark.behaviour("LIM-TOKENS")
    def test_tokens_are_not_counted_for_mcp_targets(self, stack: Stack) -> None:
        gateway = gateway_with(stack)
        entry = {"dimensions": ANY, "tokens": [{"rate": 0, "period": "minute"}]}
        stack.rate_limit(gateway, ["targetName"], entry)
        assert not throttled(call(stack, gateway))

    @pytest.mark.behaviour("LIM-REFUSED-COUNTS-NOWHERE")
    def test_a_refused_request_uses_up_no_other_limit(self, stack: Stack) -> None:
        gateway = gateway_with(stack)
        stack.rate_limit(gateway, ["targetName", "toolName"], requests(2, targetName="a", toolName="*"))
        blocking = stack.rate_limit(gateway, ["toolName"], requests(0, toolName="a___read"))
        for _ in range(3):
            assert throttled(call(stack, gateway))
        stack.resources.limit_records[gateway].pop()
        change = Change("rate-limit", "deleted", f"{gateway}/{blocking}", {})
        stack.resources.change(change)
        assert [throttled(call(stack, gateway)) for _ in range(3)] == [False, False, True]


class TestMatching:
    @pytest.mark.behaviour("LIM-WILDCARD")
    def test_each_value_behind_a_star_has_a_bucket_of_its_own(self, stack: Stack) -> None:
        gateway = gateway_with(stack)
        stack.rate_limit(gateway, ["targetName"], requests(1, targetName="*"))
        assert [throttled(call(stack, gateway, tool)) for tool in ("a___read", "b___read")] == [False] * 2
        assert [throttled(call(stack, gateway, tool)) for tool in ("a___write", "b___read")] == [True] * 2

    @pytest.mark.behaviour("LIM-SPECIFIC")
    def test_an_exact_entry_comes_before_a_star(self, stack: Stack) -> None:
        gateway = gateway_with(stack)
        keys = ["targetName", "toolName"]
        stack.rate_limit(
            gateway,
            keys,
            requests(0, targetName="*", toolName="*"),
            requests(0, targetName="a", toolName="*"),
            requests(9, targetName="a", toolName="a___read"),
        )
        assert not throttled(call(stack, gateway, "a___read"))
        answer = call(stack, gateway, "a___write")
        assert answer.json()["error"]["data"]["limitKey"].endswith("/targetName=a,toolName=*")
        answer = call(stack, gateway, "b___read")
        assert answer.json()["error"]["data"]["limitKey"].endswith("/targetName=*,toolName=*")

    @pytest.mark.behaviour("LIM-ORDER")
    def test_more_dimensions_come_first_then_the_tighter_rate(self, stack: Stack) -> None:
        gateway = gateway_with(stack)
        stack.rate_limit(gateway, ["targetName"], requests(0, targetName="a"))
        stack.rate_limit(gateway, ["toolName"], requests(0, "minute", toolName="b___read"))
        wide = stack.rate_limit(
            gateway, ["toolName", "targetName"], requests(0, toolName="*", targetName="*")
        )
        assert call(stack, gateway).json()["error"]["data"]["limitKey"].startswith(f"{wide}/")
        other = gateway_with(stack)
        stack.rate_limit(other, ["targetName"], requests(2, targetName="a"))
        tight = stack.rate_limit(other, ["toolName"], requests(1, toolName="a___read"))
        assert not throttled(call(stack, other))
        assert call(stack, other).json()["error"]["data"]["limitKey"].startswith(f"{tight}/")

    @pytest.mark.behaviour("LIM-UNRESOLVED")
    def test_a_limit_whose_dimension_is_missing_does_not_apply(self, stack: Stack) -> None:
        gateway = gateway_with(stack)
        stack.rate_limit(gateway, ["toolName"], requests(0, toolName="*"))
        stack.rate_limit(gateway, ["$.context.jwt.sub"], requests(0, **{"$.context.jwt.sub": "*"}))
        stack.rate_limit(
            gateway, ["$.context.iam.sourceIdentity"], requests(0, **{"$.context.iam.sourceIdentity": "*"})
        )
        stack.rate_limit(gateway, ["qualifiedModelId"], requests(0, qualifiedModelId="*"))
        assert "result" in post(stack.url(gateway), "tools/list").json()

    @pytest.mark.behaviour("LIM-NO-ENTRY")
    def test_a_limit_without_a_matching_entry_does_not_apply(self, stack: Stack) -> None:
        gateway = gateway_with(stack)
        stack.rate_limit(gateway, ["targetName"], requests(0, targetName="b"))
        assert not throttled(call(stack, gateway))


class TestDimensions:
    @pytest.mark.behaviour("LIM-BODY-NOT-HEADER")
    def test_the_tool_is_that_of_the_body(self, stack: Stack) -> None:
        gateway = gateway_with(stack)
        stack.rate_limit(gateway, ["toolName"], requests(0, toolName="a___read"))
        answer = call(stack, gateway, headers={"mcp-name": "a___write", "mcp-method": "tools/list"})
        assert throttled(answer)

    @pytest.mark.behaviour("LIM-JWT")
    @pytest.mark.parametrize(
        ("claim", "value"), [("sub", "chat"), ("tenant_id", "acme"), ("plan.name", "gold")]
    )
    def test_a_claim_of_the_verified_token(self, stack: Stack, idp: Desk, claim: str, value: str) -> None:
        url = f"{idp.idp.issuers['desk']}/.well-known/openid-configuration"
        jwt = {"discoveryUrl": url, "allowedAudience": ["desk-gateway"]}
        gateway = gateway_with(stack, authorizer="CUSTOM_JWT", jwt=jwt)
        key = f"$.context.jwt.{claim}"
        stack.rate_limit(gateway, [key], requests(1, **{key: value}), requests(0, **{key: "*"}))
        headers = {"authorization": f"Bearer {idp.token(audience='desk-gateway')}"}
        answers = [call(stack, gateway, headers=headers) for _ in range(2)]
        assert [throttled(answer) for answer in answers] == [False, True]

    @pytest.mark.behaviour("LIM-IAM")
    def test_the_principal_of_a_signature(self, stack: Stack) -> None:
        gateway = gateway_with(stack, authorizer="AWS_IAM")
        key = "$.context.iam.principal"
        stack.rate_limit(gateway, [key], requests(0, **{key: "arn:aws:iam::123456789012:user/skerry"}))
        assert throttled(call(stack, gateway, sign=stack))

    @pytest.mark.behaviour("LIM-HEADER")
    def test_a_header(self, stack: Stack) -> None:
        gateway = gateway_with(stack)
        key = "$.context.request.header.X-Tenant"
        stack.rate_limit(gateway, [key], requests(0, **{key: "acme"}), requests(1, **{key: "*"}))
        assert throttled(call(stack, gateway, headers={"x-tenant": "acme"}))
        answers = [call(stack, gateway, headers={"x-tenant": "secret-value"}) for _ in range(2)]
        assert [throttled(answer) for answer in answers] == [False, True]
        assert "secret-value" not in str(stack.recorder.inbound(gateway, "tools/call"))
        assert not throttled(call(stack, gateway))

    @pytest.mark.behaviour("LIM-BODY")
    def test_a_member_of_the_body(self, stack: Stack) -> None:
        gateway = gateway_with(stack)
        key = "$.context.request.body.params.arguments.to"
        stack.rate_limit(gateway, [key], requests(0, **{key: "spam@example.com"}))
        assert throttled(call(stack, gateway, arguments={"to": "spam@example.com"}))
        assert not throttled(call(stack, gateway, arguments={"to": "bo@example.com"}))
        method = "$.context.request.body.method"
        stack.rate_limit(gateway, [method], requests(0, **{method: "tools/list"}))
        assert throttled(post(stack.url(gateway), "tools/list"))


class TestPipeline:
    @pytest.mark.behaviour("LIM-BEFORE-INTERCEPTOR")
    @pytest.mark.parametrize("first", [True, False])
    def test_limits_judge_the_request_as_it_came(self, first: bool) -> None:
        def to_b(event: Any, custom: Any) -> Any:
            body = event["mcp"]["gatewayRequest"]["body"]
            body["params"]["name"] = "b___read"
            transformed = {"transformedGatewayRequest": {"body": body}}
            return {"interceptorOutputVersion": "1.0", "mcp": transformed}

        with gateway_stack(assumptions=Assumptions(limits_before_interceptor=first)) as other:
            before = other.interceptor("before", to_b, "REQUEST")
            gateway = gateway_with(other, interceptorConfigurations=[before])
            other.rate_limit(gateway, ["targetName"], requests(0, targetName="a"))
            assert throttled(call(other, gateway)) is first
            asked = [item.function for item in other.functions.invocations if item.function == "before"]
            assert bool(asked) is not first

    @pytest.mark.behaviour("LIM-LIVE")
    def test_a_change_holds_at_once(self, stack: Stack) -> None:
        gateway = gateway_with(stack)
        assert not throttled(call(stack, gateway))
        stack.rate_limit(gateway, ["targetName"], requests(0, targetName="*"))
        assert throttled(call(stack, gateway))
        assert json.loads(call(stack, gateway).content)["error"]["data"]["retryAfter"] == 60
