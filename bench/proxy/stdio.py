"""A raw JSON-RPC client, without an SDK, of a stdio process under test."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.proxy import usage
from bench.proxy.commands import Command

Json = dict[str, Any]
PROTOCOL = "2025-06-18"
MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"


def answer_server_request(message: Json) -> Json:
    """What a friendly client says to sampling (it repeats the prompt), elicitation and roots/list."""
    return {"jsonrpc": "2.0", "id": message["id"], "result": answer_question(message)}


def answer_question(message: Json) -> Json:
    """The result for a request of the server: `method` and `params`."""
    method = message["method"]
    if method == "sampling/createMessage":
        content = message["params"]["messages"][-1]["content"]
        content = content[-1] if isinstance(content, list) else content
        text = {"type": "text", "text": "re: " + content["text"]}
        return {"role": "assistant", "content": text, "model": "m"}
    if method == "elicitation/create":
        names = list(message["params"].get("requestedSchema", {}).get("properties", {"name": None}))
        return {"action": "accept", "content": dict.fromkeys(names, "bob")}
    if method == "roots/list":
        return {"roots": []}
    return {}


def modern_meta(capabilities: Json | None = None) -> Json:
    """The `_meta` of a request of revision 2026-07-28."""
    return {
        META + "protocolVersion": MODERN,
        META + "clientCapabilities": capabilities or {},
        META + "clientInfo": {"name": "bench", "version": "1"},
    }


def text_of(message: Any) -> str | None:
    """The text of the first content block of a tools/call answer, or None."""
    try:
        return str(message["result"]["content"][0]["text"])
    except (KeyError, IndexError, TypeError):
        return None


class StdioClient:
    """Starts the process, matches answers by id, keeps everything else that came out of stdout."""

    def __init__(self, command: Command, log: Path | None = None) -> None:
        self.command, self.log = command, log
        self.ids = itertools.count(1)
        self.pending: dict[Any, asyncio.Future[tuple[float, Json]]] = {}
        self.notifications: list[tuple[float, Json]] = []
        self.server_requests: list[Json] = []
        self.unmatched: list[Any] = []
        self.on_request: Callable[[Json], Json | None] | None = answer_server_request
        self.startup = 0.0

    async def __aenter__(self) -> Self:
        self.errors = self.log.open("ab") if self.log else None
        self.started = time.monotonic()
        self.process = await asyncio.create_subprocess_exec(
            *self.command.argv,
            env=self.command.env,
            limit=1 << 28,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self.errors or asyncio.subprocess.DEVNULL,
        )
        self.reader = asyncio.ensure_future(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _read(self) -> None:
        assert self.process.stdout
        while line := await self.process.stdout.readline():
            try:
                message = json.loads(line)
            except ValueError:
                message = None
            if isinstance(message, dict):
                await self._take(message)
            else:
                self.unmatched.append(line[:300].decode(errors="replace"))
        for future in self.pending.values():
            if not future.done():
                future.set_exception(EOFError("stdout closed"))
                future.exception()  # mark as seen: nobody may be waiting any more

    async def _take(self, message: Json) -> None:
        now = time.monotonic()
        if "method" not in message:
            future = self.pending.pop(message.get("id"), None)
            if future is None:
                self.unmatched.append(message)
            elif not future.done():
                future.set_result((now, message))
        elif message.get("id") is None:
            self.notifications.append((now, message))
        else:
            self.server_requests.append(message)
            reply = self.on_request(message) if self.on_request else None
            if reply is not None:
                await self.send(reply)

    async def write(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        await self.process.stdin.drain()

    async def send(self, message: Json) -> None:
        await self.write(json.dumps(message).encode() + b"\n")

    def expect(self, ident: Any) -> asyncio.Future[tuple[float, Json]]:
        future = self.pending[ident] = asyncio.get_running_loop().create_future()
        return future

    async def request(
        self, method: str, params: Json | None = None, timeout: float = 60, ident: Any = None
    ) -> tuple[float, Json]:
        """Seconds until the answer, and the answer. Raises TimeoutError, or EOFError after the end."""
        ident = next(self.ids) if ident is None else ident
        future = self.expect(ident)
        start = time.monotonic()
        try:
            await self.send({"jsonrpc": "2.0", "id": ident, "method": method, "params": params or {}})
        except (BrokenPipeError, ConnectionResetError) as error:
            self.pending.pop(ident, None)
            raise EOFError("stdin closed") from error
        end, message = await asyncio.wait_for(future, timeout)
        return end - start, message

    async def initialize(
        self, capabilities: Json | None = None, version: str = PROTOCOL, timeout: float = 60
    ) -> Json:
        info = {"name": "bench", "version": "1"}
        params = {"protocolVersion": version, "capabilities": capabilities or {}, "clientInfo": info}
        _, message = await self.request("initialize", params, timeout)
        self.startup = time.monotonic() - self.started
        await self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return message

    async def call(
        self,
        tool: str,
        arguments: Json | None = None,
        timeout: float = 60,
        meta: Json | None = None,
        ident: Any = None,
    ) -> tuple[float, Json]:
        params: Json = {"name": tool, "arguments": arguments or {}}
        if meta:
            params["_meta"] = meta
        return await self.request("tools/call", params, timeout, ident)

    async def modern(
        self, method: str, params: Json | None = None, capabilities: Json | None = None, timeout: float = 10
    ) -> Json:
        """A request of revision 2026-07-28 and its answer."""
        meta = {"_meta": modern_meta(capabilities)}
        return (await self.request(method, {**(params or {}), **meta}, timeout))[1]

    def rss(self) -> float:
        return round(sum(each.rss for each in usage.tree(self.process.pid)), 1)

    def peak(self) -> float:
        """Megabytes: the peaks of the processes that are alive now."""
        return round(sum(each.peak for each in usage.tree(self.process.pid)), 1)

    def cpu(self) -> float:
        return sum(each.cpu for each in usage.tree(self.process.pid))

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def close(self, grace: float = 5) -> float | None:
        """Closes stdin; seconds until the process ended by itself, or None when it had to be killed."""
        took: float | None = 0.0
        if self.alive:
            assert self.process.stdin
            start = time.monotonic()
            self.process.stdin.close()
            try:
                await asyncio.wait_for(self.process.wait(), grace)
                took = time.monotonic() - start
            except TimeoutError:
                took = None
                for process in reversed(usage.tree(self.process.pid)):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process.pid, signal.SIGKILL)
                await self.process.wait()
        self.reader.cancel()
        if self.errors:
            self.errors.close()
            self.errors = None
        return took
