"""An MCP host over stdio by hand: it starts a server process and speaks raw JSON-RPC with it, in either era.

    async with StdioHost(argv, environment) as host:
        await host.initialize()
        answer = await host.call("echo", {"text": "hi"})

Responses are matched by id; notifications, requests of the server and everything that is none of these are kept.
A second response to one request, a response to nothing, and a line that is no message end up in `unmatched`,
which the end of the block asserts to be empty.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from skerry.wire import eras
from tests.kit.news import WITHIN, News

Json = dict[str, Any]

LEGACY = "2025-11-25"
MODERN = "2026-07-28"
INFO = {"name": "host-under-test", "version": "1.2"}


def friendly(message: Json) -> Json:
    """What a willing person answers to a question of the server: the result of its response."""
    method, params = message["method"], message.get("params", {})
    if method == "sampling/createMessage":
        content = params["messages"][-1]["content"]
        return {
            "role": "assistant",
            "content": {"type": "text", "text": "re: " + content["text"]},
            "model": "m",
        }
    if method == "elicitation/create":
        if params.get("mode") == "url":
            return {"action": "accept"}
        names = params.get("requestedSchema", {}).get("properties", {})
        return {"action": "accept", "content": dict.fromkeys(names, "bob")}
    if method == "roots/list":
        return {"roots": [{"uri": "file:///srv/project", "name": "project"}]}
    return {}


class StdioHost:
    """The host. `on_request` gives the result for a request of the server, or None to leave it open."""

    def __init__(
        self, argv: Sequence[str], environment: Mapping[str, str], *, within: float = WITHIN
    ) -> None:
        self._argv, self._environment, self._within = list(argv), dict(environment), within
        self._ids = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Json]] = {}
        self._news = News()
        self._held: list[asyncio.Task[None]] = []
        self.on_request: Callable[[Json], Json | None] = friendly
        self.capabilities: Json = {}
        self.info: Json = dict(INFO)
        self.notifications: list[Json] = []
        self.requests: list[Json] = []
        self.unmatched: list[Any] = []
        self.lines: list[bytes] = []
        self.stderr = bytearray()
        self.ended = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.process = await asyncio.create_subprocess_exec(
            *self._argv,
            env=self._environment,
            limit=1 << 28,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self._held = [asyncio.ensure_future(self._read()), asyncio.ensure_future(self._listen())]
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        if self.process.returncode is None and kind is not None:
            self.process.kill()  # the block has failed: how the process ends proves nothing any more
        elif self.process.returncode is None:
            self.hang_up()
            try:
                await asyncio.wait_for(self.process.wait(), self._within)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
                raise AssertionError(
                    f"the process did not end with its input within {self._within} s; {self._seen()}"
                ) from None
        await self.process.wait()
        await asyncio.gather(*self._held)
        if kind is None:
            assert self.unmatched == [], self.unmatched

    @property
    def pid(self) -> int:
        return self.process.pid

    def hang_up(self) -> None:
        """Closes the process's standard input."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    async def exit_code(self) -> int:
        """Waits for the end of the process."""
        return await asyncio.wait_for(self.process.wait(), self._within)

    # What a host says

    async def write(self, data: bytes) -> None:
        """Bytes as they are."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        with contextlib.suppress(ConnectionError):
            await self.process.stdin.drain()

    async def send(self, message: Json) -> None:
        await self.write(json.dumps(message).encode() + b"\n")

    async def notify(self, method: str, params: Json | None = None) -> None:
        message: Json = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            message["params"] = params
        await self.send(message)

    async def respond(self, request: Json, result: Json) -> None:
        """The answer to a request of the server."""
        await self.send({"jsonrpc": "2.0", "id": request["id"], "result": result})

    def new_id(self) -> int:
        return next(self._ids)

    async def begin(
        self, method: str, params: Json | None = None, *, identifier: Any = None
    ) -> asyncio.Future[Json]:
        """Sends a request and gives the future of its response (of an error, too)."""
        identifier = self.new_id() if identifier is None else identifier
        future = self.expect(identifier)
        message: Json = {"jsonrpc": "2.0", "id": identifier, "method": method}
        if params is not None:
            message["params"] = params
        await self.send(message)
        return future

    async def request(self, method: str, params: Json | None = None, *, identifier: Any = None) -> Json:
        """The response to a request, an error included."""
        return await self.wait(await self.begin(method, params, identifier=identifier), method)

    async def wait(self, future: asyncio.Future[Json], what: str = "an answer") -> Json:
        """The response in a future of `begin`."""
        try:
            return await asyncio.wait_for(asyncio.shield(future), self._within)
        except TimeoutError:
            raise AssertionError(f"no answer to {what} within {self._within} s; {self._seen()}") from None

    async def initialize(self, capabilities: Json | None = None, *, version: str = LEGACY) -> Json:
        """The handshake of the legacy era; the result of `initialize`."""
        self.capabilities = capabilities or {}
        params = {"protocolVersion": version, "capabilities": self.capabilities, "clientInfo": self.info}
        answer = await self.request("initialize", params)
        assert "result" in answer, answer
        await self.notify("notifications/initialized")
        return dict(answer["result"])

    def modern(self, params: Json | None = None, **meta: Any) -> Json:
        """`params` with the metadata of 2026-07-28."""
        kept = {**(params or {}).get("_meta", {}), **meta}
        return eras.with_meta(
            {**(params or {}), "_meta": kept} if kept else params or {},
            version=MODERN,
            capabilities=self.capabilities,
            client_info=self.info,
        )

    async def discover(self, capabilities: Json | None = None) -> Json:
        """The opening of a modern client; the result of `server/discover`."""
        self.capabilities = capabilities or {}
        answer = await self.request("server/discover", self.modern())
        assert "result" in answer, answer
        return dict(answer["result"])

    async def call(
        self, tool: str, arguments: Json | None = None, *, identifier: Any = None, **more: Any
    ) -> Json:
        """The response to a `tools/call` of the legacy era; `meta` is its `_meta`."""
        return await self.wait(await self.begin_call(tool, arguments, identifier=identifier, **more), tool)

    async def begin_call(
        self, tool: str, arguments: Json | None = None, *, identifier: Any = None, meta: Json | None = None
    ) -> asyncio.Future[Json]:
        """Like `call`, without waiting."""
        params: Json = {"name": tool, "arguments": arguments or {}}
        if meta is not None:
            params["_meta"] = meta
        return await self.begin("tools/call", params, identifier=identifier)

    async def modern_call(self, tool: str, arguments: Json | None = None, **more: Any) -> Json:
        """The last response to a `tools/call` of the modern era: questions are answered, round by round."""
        params: Json = {"name": tool, "arguments": arguments or {}, **more}
        for _ in range(10):
            answer = await self.request("tools/call", self.modern(params))
            result = answer.get("result", {})
            if result.get("resultType") != "input_required":
                return answer
            asked = result.get("inputRequests", {})
            self.requests += asked.values()
            params = {"name": tool, "arguments": arguments or {}, **more}
            params["inputResponses"] = {key: self.on_request(item) for key, item in asked.items()}
            if "requestState" in result:
                params["requestState"] = result["requestState"]
        raise AssertionError("ten rounds, and still a question")

    # What a host hears

    def heard(self, method: str) -> list[Json]:
        """The notifications of a method, in order."""
        return [item for item in self.notifications if item["method"] == method]

    async def hears(self, method: str, count: int = 1) -> Json:
        """Waits for the `count`-th notification of a method, and gives it."""
        await self._until(lambda: len(self.heard(method)) >= count, f"{count} x {method}")
        return self.heard(method)[count - 1]

    async def asked(self, count: int = 1) -> Json:
        """Waits for the `count`-th request of the server, and gives it."""
        await self._until(lambda: len(self.requests) >= count, f"{count} requests")
        return self.requests[count - 1]

    async def _until(self, holds: Callable[[], bool], what: str) -> None:
        await self._news.until(
            holds, lambda: f"the host waits for {what}; it heard {self._seen()}", within=self._within
        )

    def _seen(self) -> str:
        return (
            f"notifications {self.notifications[-5:]}, errors: {self.stderr[-1500:].decode(errors='replace')}"
        )

    def expect(self, identifier: Any) -> asyncio.Future[Json]:
        """The future of the response with this id, for a request that a test writes byte by byte."""
        future = self._waiting[json.dumps(identifier)] = asyncio.get_running_loop().create_future()
        return future

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.lines.append(line)
            try:
                message = json.loads(line)
            except ValueError:
                message = None
            if isinstance(message, dict) and line.endswith(b"\n"):
                await self._take(message)
            else:
                self.unmatched.append(line[:300])
            self._news()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(EOFError(f"stdout ended; {self._seen()}"))
                future.exception()  # nobody may be waiting any more
        self.ended.set()
        self._news()

    async def _take(self, message: Json) -> None:
        if "method" not in message:
            future = self._waiting.pop(json.dumps(message.get("id")), None)
            if future is None:
                self.unmatched.append(message)
            elif not future.done():
                future.set_result(message)
        elif "id" in message:
            self.requests.append(message)
            result = self.on_request(message)
            if result is not None:
                await self.respond(message, result)
        else:
            self.notifications.append(message)

    async def _listen(self) -> None:
        """Standard error, for what a failing test shows."""
        assert self.process.stderr is not None
        while data := await self.process.stderr.read(1 << 16):
            self.stderr += data


def text_of(answer: Json) -> str | None:
    """The text of the first content block of an answer to `tools/call`, None when there is none."""
    try:
        return str(answer["result"]["content"][0]["text"])
    except (KeyError, IndexError, TypeError):
        return None
