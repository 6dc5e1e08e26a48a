"""The order of processing, with the other parts held still."""

from __future__ import annotations

from typing import Any, cast

import pytest

from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.interceptors import Calls, Interceptors
from skerry.local.gateway.limits import Limits
from skerry.local.gateway.messages import McpError, Relayed, Request, Result
from skerry.local.gateway.methods import Methods
from skerry.local.gateway.pipeline import Pipeline
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.ports.callers import Caller
from skerry.wire import jsonrpc
from tests.kit.clock import FakeClock
from tests.kit.gateway_stack import FakeResources

GATEWAY = {"gatewayId": "desk-0123456789"}
ENTRY = {"dimensions": {"targetName": "*"}, "connections": [{"rate": 1, "period": "second"}]}
BODY = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a___b"}}'


class NoMethods:
    """Stands for Methods: every request has an empty result, or fails with `problem`."""

    problem: Exception | None = None

    async def answer(self, request: Request) -> Result:
        if self.problem is not None:
            raise self.problem
        return Result({})


class NoCalls:
    """Stands for Calls: a gateway without interceptors never calls any."""


@pytest.fixture
def methods() -> NoMethods:
    return NoMethods()


@pytest.fixture
def pipeline(methods: NoMethods) -> Pipeline:
    """A pipeline whose one gateway takes one connection for each target."""
    resources = FakeResources()
    record = {"rateLimitId": "one", "dimensionKeys": ["targetName"], "entries": [ENTRY]}
    resources.limit_records[GATEWAY["gatewayId"]] = [record]
    settings = GatewaySettings(endpoint="http://127.0.0.1:1", region="us-east-1", account="123456789012")
    return Pipeline(
        limits=Limits(resources=resources, clock=FakeClock()),
        interceptors=Interceptors(cast(Calls, NoCalls()), settings),
        methods=cast(Methods, methods),
        table=Assumptions(),
    )


def request() -> Request:
    return Request(
        gateway=GATEWAY,
        caller=Caller(kind="anonymous"),
        message=jsonrpc.parse(BODY),
        era="legacy",
        headers=[],
    )


@pytest.mark.behaviour("LIM-CONNECTIONS")
async def test_a_connection_is_taken_until_the_answer_is_sent(pipeline: Pipeline) -> None:
    sent: list[Relayed] = []

    async def respond(reply: Relayed) -> None:
        with pytest.raises(McpError) as caught:
            await pipeline.serve(request(), respond)
        assert (caught.value.rpc_code, caught.value.status) == (-32003, 429)
        sent.append(reply)

    for _ in range(2):
        await pipeline.serve(request(), respond)
    assert len(sent) == 2


@pytest.mark.behaviour("LIM-CONNECTIONS")
async def test_a_client_that_leaves_gives_its_connection_back(pipeline: Pipeline) -> None:
    async def leaves(reply: Relayed) -> None:
        raise ConnectionResetError

    async def stays(reply: Relayed) -> None:
        assert b'"result":{}' in reply.body

    with pytest.raises(ConnectionResetError):
        await pipeline.serve(request(), leaves)
    await pipeline.serve(request(), stays)


@pytest.mark.behaviour("LIM-CONNECTIONS")
async def test_an_error_gives_it_back_too(pipeline: Pipeline, methods: NoMethods) -> None:
    seen: list[Any] = []

    async def respond(reply: Relayed) -> None:
        seen.append(reply.problem)

    methods.problem = McpError(-32602, "Unknown tool: a___b")
    for _ in range(2):
        await pipeline.serve(request(), respond)
    assert seen == ["-32602: Unknown tool: a___b"] * 2
