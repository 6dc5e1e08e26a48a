"""Starts a bridge (HTTP in front, a stdio MCP server behind) and speaks its HTTP side."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from bench.proxy import usage
from bench.proxy.commands import CHILD, Command
from bench.proxy.figures import brief
from bench.proxy.http import Http, Response
from bench.proxy.stdio import PROTOCOL, answer_server_request, text_of

Json = dict[str, Any]
SESSION = "session-" + "a" * 36
UP_WITHIN = 15.0
BROKEN = (OSError, EOFError, TimeoutError, ValueError)


class Reply:
    """One HTTP exchange: status, time, and every JSON-RPC message of the body."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.seconds = 0.0
        self.messages: list[Any] = []
        self.error = ""
        self.content_type = ""

    def final(self, ident: Any) -> Json:
        """The answer to this id, or {}."""
        for message in self.messages:
            if isinstance(message, dict) and "method" not in message and message.get("id") == ident:
                return message
        return {}

    def text(self, ident: Any) -> str | None:
        return text_of(self.final(ident))

    @property
    def refused(self) -> bool:
        return self.status is not None and 400 <= self.status < 500

    def show(self) -> list[Any]:
        shown = [brief(message, 150) for message in self.messages[:4]]
        return [self.error or self.status, round(self.seconds, 2), shown]


class Bridge:
    """A running bridge and one client of it."""

    def __init__(self, command: Command, port: int, log: Path) -> None:
        self.command, self.port, self.log = command, port, log
        self.session: str | None = None
        self.path = command.path
        self.count = 0
        self.up_seconds = self.init_seconds = 0.0
        self.stop_seconds: float | None = None
        self.orphans: list[int] = []

    async def __aenter__(self) -> Self:
        self.errors = self.log.open("ab")
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.command.argv,
            env=self.command.env,
            stdin=subprocess.PIPE,
            stdout=self.errors,
            stderr=self.errors,
        )
        self.http = Http(self.port)
        try:
            await self._wait_until_up()
        except BaseException:
            await self.close()
            raise
        return self

    async def _wait_until_up(self) -> None:
        while time.monotonic() - self.started < UP_WITHIN:
            if self.process.poll() is not None:
                raise RuntimeError(f"the bridge exited with {self.process.returncode}")
            try:
                await self.ping()
                self.up_seconds = time.monotonic() - self.started
                return
            except BROKEN:
                await asyncio.sleep(0.02)
        raise RuntimeError(f"the bridge did not listen within {UP_WITHIN:g} s")

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        self.http.close()
        children = [each.pid for each in usage.tree(self.process.pid)[1:]]
        self.process.terminate()
        start = time.monotonic()
        try:
            await asyncio.to_thread(self.process.wait, 12)
            self.stop_seconds = round(time.monotonic() - start, 2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        await asyncio.sleep(0.2)
        for pid in children:
            if usage.running(pid):
                self.orphans.append(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if self.process.stdin:
            self.process.stdin.close()
        self.errors.close()

    def headers(self, runtime_session: str = SESSION) -> dict[str, str]:
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "x-amzn-bedrock-agentcore-runtime-session-id": runtime_session,
            "mcp-protocol-version": PROTOCOL,
        }
        return headers | ({"mcp-session-id": self.session} if self.session else {})

    async def post(
        self,
        content: Any,
        timeout: float = 60,
        *,
        answer: bool = True,
        delay: float = 0.0,
        fresh: bool = False,
        runtime_session: str = SESSION,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Sends one body; server requests that arrive on its stream are answered on other POSTs.

        `delay` waits before such an answer. `fresh` opens a new connection, for bridges that close the old
        one after an error.
        """
        body = content.encode() if isinstance(content, str) else content
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        reply, answers = Reply(), []
        start = time.monotonic()

        async def say(message: Json) -> Reply:
            await asyncio.sleep(delay)
            return await self.post(message, 10, runtime_session=runtime_session)

        def take(message: Any) -> None:
            reply.messages.append(message)
            asked = isinstance(message, dict) and "method" in message and message.get("id") is not None
            if answer and asked:
                answers.append(asyncio.ensure_future(say(answer_server_request(message))))

        shown = self.headers(runtime_session) | (headers or {})
        try:
            async with (
                asyncio.timeout(timeout),
                self.http.exchange("POST", self.path, shown, body, fresh=fresh) as response,
            ):
                reply.status = response.status
                reply.content_type = response.headers.get("content-type", "")
                self.session = response.headers.get("mcp-session-id") or self.session
                await self._messages(response, take, reply)
        except BROKEN as failure:
            reply.error = type(failure).__name__
        reply.seconds = time.monotonic() - start
        for task in answers:  # a bridge may return the tool's answer as the reply to the client's answer
            reply.messages += (await task).messages
        return reply

    @staticmethod
    async def _messages(response: Response, take: Callable[[Any], None], reply: Reply) -> None:
        if response.is_stream:
            async for data in response.events():
                take(json.loads(data))
        elif data := await response.body():
            try:
                take(json.loads(data))
            except ValueError:
                reply.messages.append(data[:200].decode(errors="replace"))

    async def call(
        self,
        tool: str,
        arguments: Json | None = None,
        ident: Any = None,
        timeout: float = 60,
        meta: Json | None = None,
        **options: Any,
    ) -> Reply:
        self.count += 1
        params: Json = {"name": tool, "arguments": arguments or {}}
        if meta:
            params["_meta"] = meta
        ident = self.count if ident is None else ident
        request = {"jsonrpc": "2.0", "id": ident, "method": "tools/call", "params": params}
        return await self.post(request, timeout, **options)

    async def echo(self, text: str, timeout: float = 6, **options: Any) -> tuple[bool, Reply]:
        reply = await self.call("echo", {"text": text}, ident=text, timeout=timeout, **options)
        return reply.text(text) == text, reply

    async def initialize(self, capabilities: Json | None = None, **options: Any) -> Reply:
        info = {"name": "bench", "version": "1"}
        params = {"protocolVersion": PROTOCOL, "capabilities": capabilities or {}, "clientInfo": info}
        request = {"jsonrpc": "2.0", "id": "init", "method": "initialize", "params": params}
        reply = await self.post(request, 15, **options)
        self.init_seconds = time.monotonic() - self.started
        await self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, 15, **options)
        return reply

    async def ping(self) -> list[Any]:
        """Status of GET /ping, milliseconds and the start of the body."""
        start = time.monotonic()
        async with asyncio.timeout(5), self.http.exchange("GET", "/ping", {}) as response:
            body = (await response.body()).decode(errors="replace")
            return [response.status, round((time.monotonic() - start) * 1000, 2), body[:60]]

    async def ping_status(self) -> int | None:
        """None where the bridge has no /ping, -1 when it does not answer."""
        try:
            status = int((await self.ping())[0])
        except BROKEN:
            return -1
        return None if status == 404 else status

    def children(self) -> list[int]:
        """The stdio servers behind the bridge, without the bridge's own processes and shells."""
        found = []
        for process in usage.tree(self.process.pid)[1:]:
            words = process.command[:4]
            if words and any(word.endswith(CHILD.name) for word in words) and "python" in words[0]:
                found.append(process.pid)
        return found

    def _own(self) -> list[usage.Process]:
        behind = self.children()
        return [each for each in usage.tree(self.process.pid) if each.pid not in behind]

    def rss(self) -> float:
        return round(sum(each.rss for each in self._own()), 1)

    def peak(self) -> float:
        return round(sum(each.peak for each in self._own()), 1)

    def cpu(self) -> float:
        return sum(each.cpu for each in self._own())
