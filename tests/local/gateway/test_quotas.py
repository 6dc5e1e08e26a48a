"""Quotas of an account: calls and lists a second, and requests at a time; off unless they are set."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from skerry.local.gateway.quotas import quotas
from skerry.local.gateway.settings import GatewaySettings
from tests.kit.clock import FakeClock
from tests.kit.gateway_stack import TIMEOUT, Stack, StandingClock, gateway_stack, post

CALL = {"name": "fn___hello", "arguments": {}}
TOOL = {"name": "hello", "description": "d", "inputSchema": {"type": "object"}}


def gateway_for(stack: Stack, function: Any = lambda event, custom: "hi") -> str:
    stack.functions.functions["fn"] = function
    gateway = stack.gateway()
    stack.lambda_target(gateway, "fn", [TOOL])
    return stack.url(gateway)


def error(answer: httpx2.Response) -> Any:
    return answer.json().get("error")


class TestCalls:
    @pytest.mark.behaviour("GW-QUOTA-CALLS")
    def test_calls_and_lists_over_the_quota_are_refused_until_time_passes(self) -> None:
        clock = StandingClock()
        with gateway_stack(clock=clock, calls=2) as stack:
            url = gateway_for(stack)
            assert error(post(url, "tools/call", CALL)) is None
            assert error(post(url, "tools/list")) is None
            refused = post(url, "tools/call", CALL)
            assert refused.status_code == 200
            assert refused.json()["id"] == 7
            assert error(refused) == {
                "code": -32003,
                "message": "Rate limit exceeded",
                "data": {"metric": "requests", "retryAfter": 1},
            }
            assert len(stack.functions.invocations) == 1
            # Others are not counted.
            assert [error(post(url, "ping")) for _ in range(3)] == [None] * 3
            told = [hop.detail.get("limit") for hop in stack.recorder.hops if hop.operation == "tools/call"]
            assert told == [None, "quota"]
            clock.advance(0.5)
            assert error(post(url, "tools/list")) is None
            assert error(post(url, "tools/list"))["code"] == -32003

    @pytest.mark.behaviour("GW-QUOTA-CALLS")
    def test_gateways_share_the_quota_of_the_account(self) -> None:
        with gateway_stack(clock=StandingClock(), calls=2) as stack:
            urls = [gateway_for(stack), gateway_for(stack)]
            assert [error(post(url, "tools/list")) for url in urls] == [None, None]
            assert [error(post(url, "tools/list"))["code"] for url in urls] == [-32003, -32003]

    @pytest.mark.behaviour("GW-QUOTA-CALLS", "GW-QUOTA-CONNECTIONS")
    def test_nothing_is_counted_unless_it_is_set(self) -> None:
        settings = GatewaySettings(endpoint="http://127.0.0.1", region="r", account="a")
        assert (settings.calls, settings.connections) == (0, 0)
        assert quotas(settings, FakeClock()) is None


class TestConnections:
    @pytest.mark.behaviour("GW-QUOTA-CONNECTIONS")
    def test_one_more_request_at_a_time_is_a_429(self) -> None:
        begun, go = threading.Event(), threading.Event()

        async def slow(event: Any, custom: Any) -> str:
            begun.set()
            await asyncio.to_thread(go.wait, TIMEOUT)
            return "done"

        with gateway_stack(connections=1) as stack, ThreadPoolExecutor(1) as pool:
            url = gateway_for(stack, slow)
            first = pool.submit(post, url, "tools/call", CALL)
            try:
                assert begun.wait(TIMEOUT)
                refused = post(url, "tools/list")
                assert refused.status_code == 429
                assert error(refused) == {
                    "code": -32003,
                    "message": "Rate limit exceeded",
                    "data": {"metric": "connections", "retryAfter": 1},
                }
                http = httpx2.post(f"{url.removesuffix('/mcp')}/api/x", trust_env=False, timeout=TIMEOUT)
                assert (http.status_code, http.json()["metric"]) == (429, "connections")
            finally:
                go.set()
            assert first.result()
            assert error(first.result()) is None
            assert error(post(url, "tools/list")) is None
