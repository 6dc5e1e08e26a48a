"""`skerry bridge` as a process, and a client that speaks its HTTP side message by message."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx2

from skerry.wire import sse

PROGRAMS = Path(__file__).parents[1] / "bridge" / "programs"
VERSION = "2025-11-25"
MODERN = "2026-07-28"
WITHIN = 30
Json = dict[str, Any]


def program(name: str, *arguments: str) -> list[str]:
    """The command line of a test program."""
    return [sys.executable, "-u", str(PROGRAMS / f"{name}.py"), *arguments]


class Running:
    """A bridge that runs. `said` is its standard error, line by line; `ended` is done at its end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []
        self.urls: list[str] = []
        self.ready = asyncio.Event()
        self._more = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    @property
    def base(self) -> str:
        return self.urls[0].rsplit("/", 1)[0]

    async def _read(self) -> None:
        async for raw in self.process.stderr:
            line = raw.decode().rstrip()
            if line.startswith('{"ready"'):
                self.urls = json.loads(line)["urls"]
                self.ready.set()
            async with self._more:
                self.said.append(line)
                self._more.notify_all()
        self.ready.set()

    async def until_said(self, words: str) -> str:
        """Waits for a line with these words."""
        async with asyncio.timeout(WITHIN), self._more:
            while True:
                for line in self.said:
                    if words in line:
                        return line
                await self._more.wait()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def end(self) -> int:
        """The exit code, after SIGTERM where it still runs."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
        async with asyncio.timeout(WITHIN):
            code = await self.process.wait()
            await self._reading
        return code


@contextlib.asynccontextmanager
async def bridge(
    *flags: str, command: Sequence[str], env: Mapping[str, str] | None = None, port: str | None = "0"
) -> AsyncIterator[Running]:
    """A bridge on a free port of loopback, ended at the end of the block."""
    where = ["--port", port] if port is not None else []
    clean = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **(env or {})}
    process = await asyncio.create_subprocess_exec(
        *[
            sys.executable,
            "-m",
            "skerry",
            "bridge",
            "--host",
            "127.0.0.1",
            *where,
            "--json",
            *flags,
            "--",
            *command,
        ],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=clean,
        limit=1 << 24,
    )
    running = Running(process)
    try:
        async with asyncio.timeout(WITHIN):
            await running.ready.wait()
        assert running.urls, running.said
        yield running
    finally:
        try:
            await running.end()
        except TimeoutError:
            process.send_signal(signal.SIGKILL)
            await process.wait()
            raise


class Answer:
    """An HTTP answer: its status and headers, and the JSON-RPC messages of its body as they come."""

    def __init__(self, response: httpx2.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.streamed = response.headers.get("content-type", "").startswith("text/event-stream")
        self.messages: list[Json] = []
        self._source = self._read(response)

    async def _read(self, response: httpx2.Response) -> AsyncIterator[Json]:
        if not self.streamed:
            body = await response.aread()
            if body:
                yield json.loads(body)
            return
        decoder = sse.Decoder(max_event=1 << 27)
        async for chunk in response.aiter_raw():
            for event in decoder.feed(chunk):
                yield json.loads(event.data)

    async def next(self) -> Json | None:
        """The next message, None at the end."""
        async with asyncio.timeout(WITHIN):
            message = await anext(self._source, None)
        if message is not None:
            self.messages.append(message)
        return message

    async def until(self, method: str) -> Json:
        """Reads until a message of this method."""
        while (message := await self.next()) is not None:
            if message.get("method") == method:
                return message
        raise AssertionError(f"no {method} in {self.messages}")

    async def rest(self) -> Answer:
        """Reads to the end."""
        while await self.next() is not None:
            pass
        return self

    @property
    def final(self) -> Json:
        """The response."""
        return next(message for message in reversed(self.messages) if "method" not in message)

    @property
    def text(self) -> str:
        """The text of a tool's result."""
        return self.final["result"]["content"][0]["text"]

    @property
    def error(self) -> Json:
        return self.final["error"]

    def methods(self) -> list[str]:
        """What was said before the response."""
        return [message["method"] for message in self.messages if "method" in message]


class Client:
    """One MCP client of a bridge at the byte level. `path` is `/mcp` or `/invocations`."""

    def __init__(self, base: str, path: str = "/mcp", *, runtime_session: str = "") -> None:
        self.path = path
        self.session = ""
        self.runtime_session = runtime_session
        self.http = httpx2.AsyncClient(base_url=base, timeout=WITHIN, trust_env=False)
        self._count = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    def headers(self, more: Mapping[str, str | None] = {}) -> dict[str, str]:
        """The headers of a request; a value of None leaves one out."""
        headers: dict[str, str | None] = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": VERSION,
            "mcp-session-id": self.session or None,
            "x-amzn-bedrock-agentcore-runtime-session-id": self.runtime_session or None,
            **more,
        }
        return {name: value for name, value in headers.items() if value is not None}

    @contextlib.asynccontextmanager
    async def open(
        self, message: object, *, method: str = "POST", headers: Mapping[str, str | None] = {}
    ) -> AsyncIterator[Answer]:
        """Sends one message (bytes go as they are); the answer can be read while it comes."""
        body = message if isinstance(message, bytes | str) else json.dumps(message)
        content = {"content": body} if method == "POST" else {}
        async with self.http.stream(method, self.path, headers=self.headers(headers), **content) as response:
            answer = Answer(response)
            self.session = response.headers.get("mcp-session-id") or self.session
            yield answer

    async def send(self, message: object, **more: Any) -> Answer:
        """Sends one message and reads the whole answer."""
        async with self.open(message, **more) as answer:
            return await answer.rest()

    def request(self, method: str, params: Json | None = None, identifier: Any = None) -> Json:
        self._count += 1
        message = {
            "jsonrpc": "2.0",
            "id": self._count if identifier is None else identifier,
            "method": method,
        }
        return message if params is None else {**message, "params": params}

    def call(self, tool: str, identifier: Any = None, /, *, token: Any = None, **arguments: Any) -> Json:
        """A `tools/call`."""
        params: Json = {"name": tool, "arguments": arguments}
        if token is not None:
            params["_meta"] = {"progressToken": token}
        return self.request("tools/call", params, identifier)

    async def tool(
        self, name: str, identifier: Any = None, /, *, token: Any = None, **arguments: Any
    ) -> Answer:
        """Calls a tool and reads the whole answer."""
        return await self.send(self.call(name, identifier, token=token, **arguments))

    async def tool_status(self, name: str, /, **arguments: Any) -> int:
        """The HTTP status of a tool call; 503 too when the bridge no longer listens."""
        try:
            return (await self.tool(name, **arguments)).status
        except httpx2.TransportError:
            return 503

    async def initialize(self, capabilities: Json | None = None, **more: Any) -> Answer:
        """The handshake, to its end."""
        info = {"name": "test", "version": "1"}
        params = {"protocolVersion": VERSION, "capabilities": capabilities or {}, "clientInfo": info}
        answer = await self.send(self.request("initialize", params), **more)
        if "result" in answer.final:
            await self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer

    async def state(self) -> Json:
        """What the program has seen."""
        return json.loads((await self.tool("state")).text)

    async def respond(self, identifier: Any, result: Json) -> Answer:
        """Answers a request of the server."""
        return await self.send({"jsonrpc": "2.0", "id": identifier, "result": result})

    def modern(
        self, method: str, params: Json | None = None, identifier: Any = None, **capabilities: Any
    ) -> Json:
        """A request of the modern era."""
        meta = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": capabilities,
            **((params or {}).get("_meta") or {}),
        }
        return self.request(method, {**(params or {}), "_meta": meta}, identifier)

    def modern_headers(self, message: Json) -> dict[str, str | None]:
        name = message["params"].get("name")
        return {
            "mcp-protocol-version": MODERN,
            "mcp-method": message["method"],
            "mcp-name": name,
            "mcp-session-id": None,
        }

    async def ask_modern(self, message: Json) -> Answer:
        """Sends a modern request and reads the whole answer."""
        return await self.send(message, headers=self.modern_headers(message))
