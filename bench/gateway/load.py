"""Closed-loop load on one echo tool, from raw sockets: no MCP client sits between the clock and the socket.

Reads its settings as JSON on standard input, so that a token never shows in a process list, and prints one
JSON line. The window opens after the warm-up, once every connection has completed a call. A call counts
only with HTTP 200, its own JSON-RPC id, no `isError`, and the echoed text. CPU times need Linux.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

LEGACY, MODERN = "2025-06-18", "2026-07-28"
META = "io.modelcontextprotocol/"


class Connection:
    """One keep-alive connection that POSTs to one URL."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname, parts.port
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.head = f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\n{lines}content-length: "
        self.writer: asyncio.StreamWriter | None = None

    async def post(self, body: bytes) -> tuple[int, str, bytes]:
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
        self.writer.write(f"{self.head}{len(body)}\r\n\r\n".encode() + body)
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        self.last = headers
        if "content-length" in headers:
            data = await self.reader.readexactly(int(headers["content-length"]))
        else:
            chunks = []
            while size := int(await self.reader.readline(), 16):
                chunks.append(await self.reader.readexactly(size))
                await self.reader.readline()
            await self.reader.readline()
            data = b"".join(chunks)
        return int(lines[0].split()[1]), headers.get("content-type", ""), data

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None


class Caller:
    """Calls the tool in one era, without a handshake unless `sessions` says that the server wants one."""

    def __init__(self, url: str, tool: str, *, modern: bool, token: str, sessions: bool = False) -> None:
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        headers["mcp-protocol-version"] = MODERN if modern else LEGACY
        self.params = {"name": tool}
        if modern:
            headers |= {"mcp-method": "tools/call", "mcp-name": tool}
            meta = {
                "protocolVersion": MODERN,
                "clientInfo": {"name": "b", "version": "1"},
                "clientCapabilities": {},
            }
            self.params["_meta"] = {META + key: value for key, value in meta.items()}
        if token:
            headers["authorization"] = f"Bearer {token}"
        self.url, self.headers = url, headers
        self.connection = Connection(url, headers)
        self.waits = sessions

    async def begin(self) -> None:
        """The handshake; later calls are in its session."""
        client = {"name": "b", "version": "1"}
        params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": client}
        message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        await self.connection.post(json.dumps(message).encode())
        session = self.connection.last.get("mcp-session-id", "")
        self.connection.close()
        self.connection = Connection(self.url, {**self.headers, "mcp-session-id": session})
        await self.connection.post(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        self.waits = False

    async def call(self, number: int) -> str:
        """Empty when the answer is right, else what came."""
        if self.waits:
            await self.begin()
        text = f"hello-{number}"
        params = {**self.params, "arguments": {"text": text}}
        message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
        status, kind, body = await self.connection.post(json.dumps(message, separators=(",", ":")).encode())
        if kind.startswith("text/event-stream"):
            body = next((line[6:] for line in body.splitlines() if line.startswith(b"data: ")), b"{}")
        reply = json.loads(body) if status == 200 else {}
        result = reply.get("result") or {"isError": True}
        good = reply.get("id") == number and not result.get("isError") and text in json.dumps(result)
        return "" if good else f"HTTP {status}: {body[:200]!r}"


def cpu_seconds(pid: int | None) -> float | None:
    """User plus system CPU seconds of a process; None where /proc is not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(cfg: dict) -> dict:
    calls: list[tuple[float, float, str]] = []
    base: list[tuple[float, float]] = []
    warm: set[int] = set()
    stopping = False

    async def compare(direct: Caller, sequence: int) -> None:
        """One call of the backend itself, right after one through the gateway: the same noise for both."""
        began = time.perf_counter()
        if not await direct.call(sequence):
            base.append((time.perf_counter(), time.perf_counter() - began))

    async def worker(number: int) -> None:
        direct = Caller(cfg["base"], "echo", modern=cfg["modern"], token="") if cfg.get("base") else None
        caller = Caller(
            cfg["url"], cfg["tool"], modern=cfg["modern"], token=cfg["token"], sessions=cfg["sessions"]
        )
        sequence = number * 10_000_000
        while not stopping:
            sequence += 1
            began = time.perf_counter()
            try:
                error = await caller.call(sequence)
            except (OSError, EOFError, ValueError) as problem:
                error = repr(problem)[:200]
                caller.connection.close()
                await asyncio.sleep(0.02)
            calls.append((time.perf_counter(), time.perf_counter() - began, error))
            warm.add(number)
            if direct is not None and not error:
                await compare(direct, sequence)
        caller.connection.close()
        if direct is not None:
            direct.connection.close()

    async def until(done, floor: float, ceiling: float) -> None:
        """Waits `floor` seconds, and then until `done()`, at most `ceiling` seconds in all."""
        began = time.perf_counter()
        await asyncio.sleep(floor)
        while not done() and time.perf_counter() < began + ceiling:
            await asyncio.sleep(0.02)

    workers = [asyncio.create_task(worker(number)) for number in range(cfg["connections"])]
    await until(lambda: len(warm) == len(workers), cfg["warmup"], cfg["warmup"] + 20)
    seen, cpu, opened = len(calls), cpu_seconds(cfg["pid"]), time.perf_counter()
    await until(lambda: len(calls) - seen >= 3 * len(workers), cfg["seconds"], 40)
    closed, after = time.perf_counter(), cpu_seconds(cfg["pid"])
    stopping = True
    await asyncio.wait(workers, timeout=20)
    inside = [call for call in calls[seen:] if call[0] <= closed]
    good = sorted(took for _, took, error in inside if not error)
    errors = [error for _, _, error in inside if error]
    compared = [took for ended, took in base if opened <= ended <= closed]
    return {
        "added": 1000 * (statistics.median(good) - statistics.median(compared))
        if good and compared
        else None,
        "rps": len(good) / (closed - opened),
        "p50": 1000 * statistics.median(good) if good else None,
        "p99": 1000 * good[int(len(good) * 0.99)] if good else None,
        "cpu": 1000 * (after - cpu) / len(good) if good and cpu is not None and after is not None else None,
        "errors": len(errors),
        "first": errors[0] if errors else "",
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(json.load(sys.stdin)))))
