"""Two calls at once through a gateway to an MCP server, over real sockets: who called what is told right.

The second call begins and ends while the first is open, so that by their times it would be a part of it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace

import httpx2
import pytest
from fastmcp import Context, FastMCP

from skerry.auth.http.transport import Transport
from skerry.servers.caller import request_headers
from skerry.servers.visit import recorded
from skerry.stack.hop_tree import placed
from skerry.wire.hop import Hop, decode
from tests.kit.asgi_thread import serve
from tests.kit.gateway_stack import Stack, gateway_stack, post
from tests.kit.http_backend import HttpBackend, http_backend

TIMEOUT = 20


@dataclass
class Meeting:
    """The first call waits in its tool until the second one is over."""

    first_is_there: threading.Event = field(default_factory=threading.Event)
    second_is_over: threading.Event = field(default_factory=threading.Event)


def desk(meeting: Meeting, behind: str) -> FastMCP:
    """A server whose tool calls a service at `behind`, as the accounts server calls its API."""
    server: FastMCP = FastMCP("desk")

    @server.tool
    async def look(name: str, ctx: Context) -> str:
        async with (
            recorded("desk", name, target="desk", clock=time, headers=request_headers(ctx)),
            httpx2.AsyncClient(trust_env=False) as http,
        ):
            if name == "first":
                meeting.first_is_there.set()
                assert await asyncio.to_thread(meeting.second_is_over.wait, TIMEOUT)
            await Transport(http).post(f"{behind}/{name}", {"a": "1"}, {})
        return name

    return server


@pytest.fixture(scope="module")
def service() -> Iterator[HttpBackend]:
    with http_backend() as running:
        yield running


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with gateway_stack() as running:
        yield running


def both(stack: Stack, service: HttpBackend, headers: dict[str, dict[str, str]]) -> None:
    """The two calls; each has returned."""
    meeting = Meeting()
    app = desk(meeting, service.url).http_app(path="/mcp", stateless_http=True)
    with serve(app) as base, ThreadPoolExecutor(1) as apart:
        gateway = stack.gateway()
        stack.target(gateway, "desk", {"mcpServer": {"endpoint": f"{base}/mcp"}})

        def ask(name: str) -> None:
            params = {"name": "desk___look", "arguments": {"name": name}}
            answer = post(stack.url(gateway), "tools/call", params, headers=headers.get(name))
            assert answer.json()["result"]["content"][0]["text"] == name

        asking = apart.submit(ask, "first")
        try:
            assert meeting.first_is_there.wait(TIMEOUT)
            ask("second")
            stack.recorder.wait_for("tools/call")
        finally:
            meeting.second_is_over.set()
        asking.result(TIMEOUT)
        stack.recorder.wait_for("tools/call", 2)


def calls(hops: list[Hop]) -> list[str]:
    """How the hops of the calls stand; what the gateway asked to know the server is left out."""
    seen = [hop for hop in hops if hop.operation.rpartition("/")[2].startswith("call")]
    return ["  " * depth + f"{hop['part']} {hop['operation']}" for depth, hop in placed([*map(asdict, seen)])]


@pytest.mark.behaviour("HOPS-TREE")
@pytest.mark.behaviour("TRACE-ON")
@pytest.mark.parametrize("sent", ["no trace", "one trace"])
def test_calls_side_by_side_are_told_apart(
    stack: Stack, service: HttpBackend, caplog: pytest.LogCaptureFixture, sent: str
) -> None:
    caplog.set_level(logging.INFO, "skerry.hop")
    stack.recorder.hops.clear()
    service.seen.clear()
    headers = {}
    if sent == "one trace":  # of a client that makes both calls for one request
        headers = {name: {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"} for name in ("first", "second")}
    both(stack, service, headers)
    said = (decode(record.getMessage()) for record in caplog.records if record.name == "skerry.hop")
    hops = [*stack.recorder.hops, *(hop for hop in said if hop is not None)]

    assert calls(hops) == [
        "gateway tools/call",
        "  gateway → MCP tools/call",
        "    desk tools/call first",
        "gateway tools/call",
        "  gateway → MCP tools/call",
        "    desk tools/call second",
    ]
    mixed = calls([replace(hop, trace="", span="", parent="") for hop in hops])
    assert mixed.index("      gateway tools/call") > 2  # by their times the second is a part of the first

    tools = {hop.operation.rpartition(" ")[2]: hop for hop in hops if hop.part == "desk"}
    assert (tools["first"].trace == tools["second"].trace) is (sent == "one trace")
    for name, hop in tools.items():
        (reached,) = [seen for seen in service.seen if seen.path == f"/{name}"]
        assert reached.headers["traceparent"] == f"00-{hop.trace}-{hop.span}-01"
