"""Which HTTP client carries the planes: CPU per call of httpx2, aiohttp, `Upstream` and plain sockets.

    python -m bench.gateway.clients

One server process answers a POST of 200 bytes with 300 bytes; one client process at a time calls it in
a closed loop over 1, 16 and 64 connections. Only the client's own CPU is counted.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import socket
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

import httptools

LEVELS = (1, 16, 64)
NAMES = ("httpx2", "aiohttp", "upstream", "sockets")
BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"text": "x" * 120}}).encode()
HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
Call = Callable[[], Awaitable[int]]


def serve(listener: socket.socket) -> None:
    import uvicorn

    answer = b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"' + b"y" * 220 + b'"}]}}'
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]

    async def app(scope, receive, send) -> None:
        more = True
        while more:
            more = (await receive()).get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": answer})

    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_keep_alive=60)
    uvicorn.Server(config).run(sockets=[listener])


class Exchange(asyncio.Protocol):
    """The floor: one keep-alive connection, parsed by httptools."""

    def __init__(self) -> None:
        self.done: asyncio.Future[int] | None = None

    def connection_made(self, transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.done.set_result(self.parser.get_status_code())

    def call(self, head: bytes) -> asyncio.Future[int]:
        self.parser = httptools.HttpResponseParser(self)
        self.done = asyncio.get_running_loop().create_future()
        self.transport.write(head + BODY)
        return self.done


async def client(name: str, url: str, connections: int) -> tuple[Call, Callable[[], Awaitable[None]]]:
    if name == "httpx2":
        import httpx2

        http = httpx2.AsyncClient(limits=httpx2.Limits(max_connections=256, max_keepalive_connections=256))

        async def call() -> int:
            reply = await http.post(url, content=BODY, headers=HEADERS)
            return reply.status_code

        return call, http.aclose
    if name == "aiohttp":
        import aiohttp

        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=256))

        async def call() -> int:
            async with session.post(url, data=BODY, headers=HEADERS) as reply:
                await reply.read()
                return reply.status

        return call, session.close
    if name == "upstream":
        from skerry.local.http.upstream import Upstream

        upstream = Upstream()
        await upstream.start()

        async def call() -> int:
            reply = await upstream.request("POST", url, HEADERS, BODY)
            await reply.read()
            return reply.status

        return call, upstream.close
    host, port = url.split("/")[2].split(":")
    loop = asyncio.get_running_loop()
    idle = [(await loop.create_connection(Exchange, host, int(port)))[1] for _ in range(connections)]
    lines = "".join(f"{key}: {value}\r\n" for key, value in HEADERS.items())
    head = f"POST / HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(BODY)}\r\n{lines}\r\n".encode()

    async def call() -> int:
        exchange = idle.pop()
        status = await exchange.call(head)
        idle.append(exchange)
        return status

    async def close() -> None:
        for exchange in idle:
            exchange.transport.close()

    return call, close


async def load(name: str, url: str, connections: int, seconds: float) -> tuple[float, float, float]:
    """CPU milliseconds per call, calls per second, median latency in milliseconds."""
    call, close = await client(name, url, connections)
    times: list[float] = []
    ends = time.perf_counter() + 0.5

    async def worker() -> None:
        while (began := time.perf_counter()) < ends:
            assert await call() == 200
            times.append(time.perf_counter() - began)

    await asyncio.gather(*(worker() for _ in range(connections)))
    times.clear()
    began, cpu = time.perf_counter(), time.process_time()
    ends = began + seconds
    await asyncio.gather(*(worker() for _ in range(connections)))
    cpu = time.process_time() - cpu
    took = time.perf_counter() - began
    await close()
    return 1000 * cpu / len(times), len(times) / took, 1000 * statistics.median(times)


def run(name: str, url: str, connections: int, seconds: float, answer) -> None:
    import uvloop

    answer.put(uvloop.run(load(name, url, connections, seconds)))


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    spawn = multiprocessing.get_context("spawn")
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    server = spawn.Process(target=serve, args=(listener,), daemon=True)
    server.start()
    answer = spawn.SimpleQueue()
    table: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    try:
        for _ in range(3):
            for level in LEVELS:
                for name in NAMES:
                    child = spawn.Process(target=run, args=(name, url, level, seconds, answer))
                    child.start()
                    child.join()
                    table.setdefault((name, level), []).append(answer.get())
    finally:
        server.terminate()
        server.join()
    print("| client | connections | CPU ms/call | to sockets | calls/s | p50 ms |\n|---|---|---|---|---|---|")
    for (name, level), rows in table.items():
        cpu, rate, median = (statistics.median(column) for column in zip(*rows, strict=True))
        floor = statistics.median(row[0] for row in table["sockets", level])
        print(f"| {name} | {level} | {cpu:.3f} | {cpu / floor:.1f}x | {rate:.0f} | {median:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
