"""The servers of the benchmark: `python -m bench.gateway.programs NAME PORT [BACKEND [DISCOVERY]]`.

echo      FastMCP, streamable HTTP, stateless, one tool `echo(text)`
proxy     FastMCP create_proxy in front of it, FastMCP's own default: a client and a session per request
gateway   skerry's Gateway plane under uvicorn; with DISCOVERY it wants a bearer token, else nothing
lists     the same with 1,000 tools of one Lambda function, on one page
bytes     an ASGI application that sends what it got on standard input, and nothing else
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack

from tests.kit.gateway_stack import FakeResources

GATEWAY = "bench-0123456789"
AUDIENCE = "bench-gateway"
OPTIONS = {
    "transport": "http",
    "host": "127.0.0.1",
    "path": "/mcp",
    "stateless_http": True,
    "log_level": "warning",
    "show_banner": False,
    "uvicorn_config": {"access_log": False},
}


def echo(port: int) -> None:
    from fastmcp import FastMCP

    mcp = FastMCP("echo")

    @mcp.tool
    def echo(text: str) -> str:
        """Echo the text back."""
        return text

    mcp.run(port=port, **OPTIONS)


def proxy(port: int, backend: str) -> None:
    from fastmcp.server import create_proxy

    asyncio.run(create_proxy(backend, name="proxy").run_http_async(port=port, **OPTIONS))


def records(backend: str = "", discovery: str = "", tools: int = 0) -> FakeResources:
    """The control plane of the benchmark: one gateway with one target.

    The target is the MCP server `backend`, or a function with so many `tools`, which are listed on one page.
    """
    found = FakeResources()
    found.gateways[GATEWAY] = {
        "gatewayId": GATEWAY,
        "gatewayArn": f"arn:aws:bedrock-agentcore:us-east-1:123456789012:gateway/{GATEWAY}",
        "name": "bench",
        "roleArn": "arn:aws:iam::123456789012:role/bench",
        "authorizerType": "CUSTOM_JWT" if discovery else "NONE",
        "authorizerConfiguration": {
            "customJWTAuthorizer": {"discoveryUrl": discovery, "allowedAudience": [AUDIENCE]}
        },
        "protocolConfiguration": {"mcp": {"disableMcpListToolsPagination": bool(tools)}},
        "status": "READY",
    }
    configuration = {"mcp": {"mcpServer": {"endpoint": backend}}}
    if tools:
        arn = "arn:aws:lambda:us-east-1:123456789012:function:none"
        configuration = {"mcp": {"lambda": {"lambdaArn": arn, "toolSchema": {"inlinePayload": many(tools)}}}}
    target = {
        "targetId": "BENCHECHO1",
        "name": "echo",
        "targetConfiguration": configuration,
        "status": "READY",
    }
    found.target_records[GATEWAY] = [target]
    return found


def many(count: int) -> list[dict]:
    schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    return [
        {"name": f"tool_{number}", "description": f"Does thing {number}. " * 5, "inputSchema": schema}
        for number in range(count)
    ]


class Nobody:
    """Signatures and roles, which the benchmark does not use."""

    workloads = None

    async def signed_by(self, scope, body, *, service):
        raise NotImplementedError

    def assume(self, role_arn, session_name):
        raise NotImplementedError

    def revoke(self, credentials) -> None:
        pass


class Hops:
    """Keeps as many hops as a stack's recorder would."""

    def __init__(self) -> None:
        from collections import deque

        self._hops = deque(maxlen=10_000)

    def record(self, hop) -> None:
        self._hops.append(hop)


class Clock:
    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.perf_counter()


async def no_object(bucket: str, key: str, version: str, *, limit: int) -> bytes:
    raise NotImplementedError


def gateway(port: int, backend: str, discovery: str = "") -> None:
    serve_plane(port, records(backend, discovery))


def lists(port: int, count: str) -> None:
    serve_plane(port, records(tools=int(count)))


def bytes_(port: int) -> None:
    import uvicorn

    body = sys.stdin.buffer.read()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]

    async def application(scope, receive, send) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    config = uvicorn.Config(
        application, host="127.0.0.1", port=port, log_level="warning", access_log=False, lifespan="off"
    )
    import uvloop

    uvloop.run(uvicorn.Server(config).serve())


def serve_plane(port: int, resources: FakeResources) -> None:
    import httpx2

    from skerry.auth.http.transport import Transport
    from skerry.local.gateway import GatewayPlane, GatewaySettings
    from skerry.serving import Server

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False))
            plane = GatewayPlane(
                resources=resources,
                access=Nobody(),
                recorder=Hops(),
                clock=Clock(),
                transport=Transport(client),
                fetch_object=no_object,
                settings=GatewaySettings(
                    endpoint=f"http://127.0.0.1:{port}", region="us-east-1", account="123456789012"
                ),
            )
            await plane.start()
            stack.push_async_callback(plane.close)
            await Server(plane, signals=False, host="127.0.0.1", port=port, lifespan="off").serve()

    import uvloop

    uvloop.run(serve())


PROGRAMS = {"echo": echo, "proxy": proxy, "gateway": gateway, "lists": lists, "bytes": bytes_}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
