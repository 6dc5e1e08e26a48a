"""Scripted MCP servers of both eras behind the port `relay.ports.Server`: no process, no socket.

Each does what its script says and writes down what reaches it. They are strict: what a real server of the
era would not accept ends as an error, and is noted in `broken`, which a test expects to be empty.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

from skerry.relay.ports import Emit, RelayError
from skerry.wire import eras, jsonrpc
from skerry.wire.eras import Era
from skerry.wire.jsonrpc import Envelope

LEGACY_INFO = {"name": "old", "version": "1"}
MODERN_INFO = {"name": "new", "version": "2"}
CAPABILITIES = {
    "tools": {"listChanged": True},
    "prompts": {"listChanged": True},
    "resources": {"listChanged": True, "subscribe": True},
    "completions": {},
}


class RefusalError(Exception):
    """A JSON-RPC error of the script."""

    def __init__(self, code: int, message: str = "no", data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class Turn:
    """One request and what its handler may do. `params` are the request's, `meta` their `_meta`."""

    def __init__(self, server: ScriptedServer, request: Envelope, emit: Emit) -> None:
        self.server = server
        self.request = request
        self.emit = emit
        self.params = request.params
        self.meta = request.params.get("_meta") or {}
        self.arguments = request.params.get("arguments") or {}

    async def notify(self, method: str, params: object = None) -> None:
        """A notification on the stream of the call."""
        await self.emit(jsonrpc.parse(jsonrpc.notification(method, params)))

    async def progress(self, value: float) -> None:
        """Progress of this call, as the server would report it."""
        await self.notify(eras.PROGRESS, {"progressToken": self.meta["progressToken"], "progress": value})

    async def log(self, level: str, data: object) -> None:
        """A log message on the stream of the call."""
        await self.notify(eras.MESSAGE, {"level": level, "data": data})

    async def ask(self, method: str, params: object = None) -> Any:
        """A request to the client on the stream of the call (legacy); its result, or RefusalError."""
        return await (await self.asked(method, params))

    async def asked(self, method: str, params: object = None) -> asyncio.Future[Any]:
        """The same without waiting for the answer."""
        return await self.server.asks(self.emit, method, params)


Handler = Callable[[Turn], Awaitable[Any]]


class ScriptedServer:
    """Implements `relay.ports.Server`.

    `script` has handlers by method, and for tools by `tools/call NAME`; they win over what the server does
    by itself. A handler returns the result (an object, or the bytes of one) or raises RefusalError.
    """

    era: Era

    def __init__(self, script: dict[str, Handler] | None = None) -> None:
        self.script = script or {}
        self.requests: list[Envelope] = []
        self.notifications: list[Envelope] = []
        self.responses: list[Envelope] = []
        self.broken: list[str] = []
        self.cancelled: list[Envelope] = []
        self.arrived = asyncio.Condition()
        self.closed = False
        self.dead: RelayError | None = None
        self.deliver: Emit | None = None
        self._tasks: dict[str | int | None, asyncio.Task[Envelope]] = {}
        self._used: set[Any] = set()
        self._waiting: dict[Any, asyncio.Future[Any]] = {}
        self._count = 100

    # the port

    def listen(self, deliver: Emit) -> None:
        self.deliver = deliver

    async def call(self, request: Envelope, emit: Emit) -> Envelope:
        if self.dead is not None:
            raise self.dead
        if request.id in self._used:
            self.broken.append(f"the id {request.id!r} was used twice")
        self._used.add(request.id)
        self.requests.append(request)
        await self._tell()
        task = asyncio.get_running_loop().create_task(self._run(request, emit))
        self._tasks[request.id] = task
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise self.dead or RelayError("cancelled", "cancelled") from None
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, RelayError):
                await task
            self.cancelled.append(request)
            await self._tell()
            raise
        finally:
            self._tasks.pop(request.id, None)

    async def notify(self, notification: Envelope) -> None:
        if self.dead is not None:
            raise self.dead
        self.notifications.append(notification)
        await self._tell()

    async def respond(self, response: Envelope) -> None:
        if self.dead is not None:
            raise self.dead
        self.responses.append(response)
        await self._tell()
        waiting = self._waiting.pop(response.id, None)
        if waiting is None:
            self.broken.append(f"an answer to nothing: {response.body!r}")
        elif not waiting.done():
            if response.error is not None:
                waiting.set_exception(RefusalError(response.error["code"], response.error["message"]))
            else:
                waiting.set_result(response.result)

    async def close(self) -> None:
        if self.closed:
            self.broken.append("closed twice")
        self.closed = True
        self.die(RelayError("closed", "closed"))

    # for tests

    def die(self, problem: RelayError | None = None) -> None:
        """The process ends, or the connection: calls in flight and all later ones fail."""
        self.dead = problem or RelayError("closed", "The server died.")
        for task in self._tasks.values():
            task.cancel()

    async def asks(self, emit: Emit, method: str, params: object = None) -> asyncio.Future[Any]:
        self._count += 1
        future = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._waiting[self._count] = future
        await emit(jsonrpc.parse(jsonrpc.request(self._count, method, params)))
        return future

    async def says(self, method: str, params: object = None) -> None:
        """A notification that belongs to no call."""
        assert self.deliver is not None
        await self.deliver(jsonrpc.parse(jsonrpc.notification(method, params)))

    def named(self, method: str) -> list[Envelope]:
        """The requests of this method, in their order."""
        return [request for request in self.requests if request.method == method]

    def told(self, method: str) -> list[Envelope]:
        """The notifications of this method, in their order."""
        return [notification for notification in self.notifications if notification.method == method]

    async def until(self, condition: Callable[[], object]) -> None:
        """Waits until something that reached the server made `condition` true."""
        async with self.arrived, asyncio.timeout(10):
            await self.arrived.wait_for(lambda: bool(condition()))

    # the server

    async def _tell(self) -> None:
        async with self.arrived:
            self.arrived.notify_all()

    async def _run(self, request: Envelope, emit: Emit) -> Envelope:
        turn = Turn(self, request, emit)
        try:
            self.check(turn)
            result = await self.handler(request)(turn)
        except RefusalError as refusal:
            body = jsonrpc.error(request.raw_id, refusal.code, refusal.message, refusal.data)
            return jsonrpc.parse(body)
        return jsonrpc.parse(jsonrpc.response(request.raw_id, result))

    def handler(self, request: Envelope) -> Handler:
        name = f"{request.method} {request.params.get('name')}"
        for key in (name, request.method):
            if key in self.script:
                return self.script[key]
        own = getattr(self, "do_" + request.method.replace("/", "_").lower(), None)
        return own or self._unknown

    async def _unknown(self, turn: Turn) -> Any:
        raise RefusalError(jsonrpc.METHOD_NOT_FOUND, "Method not found")

    def check(self, turn: Turn) -> None:
        raise NotImplementedError

    def refuse(self, code: int, message: str) -> None:
        self.broken.append(message)
        raise RefusalError(code, message)


class LegacyServer(ScriptedServer):
    """A server of 2025-11-25: knows nobody before `initialize`, and nothing of the modern era."""

    era: Era = "legacy"

    def __init__(self, script: dict[str, Handler] | None = None) -> None:
        super().__init__(script)
        self.capabilities: dict[str, Any] = {**CAPABILITIES, "logging": {}, "tasks": {"list": {}}}
        self.client: dict[str, Any] = {}
        self.initialized = False
        self.subscribed: list[str] = []
        self.levels: list[str] = []

    def check(self, turn: Turn) -> None:
        method = turn.request.method
        if not self.initialized and method not in ("initialize", "ping"):
            self.refuse(jsonrpc.INVALID_PARAMS, f"{method} before the handshake")
        if method in eras.MODERN_ONLY:
            self.refuse(jsonrpc.METHOD_NOT_FOUND, f"{method} is modern")
        if any(key.startswith("io.modelcontextprotocol/") for key in turn.meta):
            self.refuse(jsonrpc.INVALID_PARAMS, f"{method} has modern metadata")
        if {"inputResponses", "requestState"} & set(turn.params):
            self.refuse(jsonrpc.INVALID_PARAMS, f"{method} is a modern retry")

    async def notify(self, notification: Envelope) -> None:
        await super().notify(notification)
        if notification.method == "notifications/initialized":
            self.initialized = True
        elif notification.method == eras.CANCELLED:
            task = self._tasks.get(notification.params.get("requestId"))
            if task is not None:
                task.cancel()

    async def do_initialize(self, turn: Turn) -> Any:
        self.client = turn.params
        return {
            "protocolVersion": turn.params["protocolVersion"],
            "capabilities": self.capabilities,
            "serverInfo": LEGACY_INFO,
            "instructions": "Be kind.",
        }

    async def do_ping(self, turn: Turn) -> Any:
        return {}

    async def do_logging_setlevel(self, turn: Turn) -> Any:
        self.levels.append(turn.params["level"])
        return {}

    async def do_resources_subscribe(self, turn: Turn) -> Any:
        if turn.params["uri"].startswith("none:"):
            raise RefusalError(eras.RESOURCE_NOT_FOUND, "no such resource")
        self.subscribed.append(turn.params["uri"])
        await self._tell()
        return {}

    async def do_resources_unsubscribe(self, turn: Turn) -> Any:
        self.subscribed.remove(turn.params["uri"])
        await self._tell()
        return {}


class ModernServer(ScriptedServer):
    """A server of 2026-07-28: wants the metadata in every request and asks nobody."""

    era: Era = "modern"

    def __init__(self, script: dict[str, Handler] | None = None) -> None:
        super().__init__(script)
        extensions = {"io.modelcontextprotocol/tasks": {}}
        self.capabilities: dict[str, Any] = {**CAPABILITIES, "extensions": extensions}
        self.open: dict[Any, tuple[Turn, dict[str, Any], asyncio.Queue[bytes | None]]] = {}

    def check(self, turn: Turn) -> None:
        if eras.meta_violation(turn.request, eras.MODERN_VERSIONS) is not None:
            self.refuse(jsonrpc.INVALID_PARAMS, f"{turn.request.method} lacks metadata")
        if turn.request.method in eras.REMOVED:
            self.refuse(jsonrpc.METHOD_NOT_FOUND, f"{turn.request.method} is legacy")

    async def respond(self, response: Envelope) -> None:
        self.broken.append(f"a response: {response.body!r}")

    async def do_server_discover(self, turn: Turn) -> Any:
        return {
            "resultType": "complete",
            "supportedVersions": ["2026-07-28"],
            "capabilities": self.capabilities,
            "instructions": "Be quick.",
            "ttlMs": 1000,
            "cacheScope": "public",
            "_meta": {eras.META_SERVER_INFO: MODERN_INFO},
        }

    async def do_subscriptions_listen(self, turn: Turn) -> Any:
        wanted = turn.params["notifications"]
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        identifier = turn.request.id
        meta = {"_meta": {eras.META_SUBSCRIPTION_ID: identifier}}
        await turn.notify(eras.ACKNOWLEDGED, {"notifications": wanted, **meta})
        self.open[identifier] = (turn, wanted, queue)
        await self._tell()
        try:
            while (body := await queue.get()) is not None:
                await turn.emit(jsonrpc.parse(body))
        finally:
            del self.open[identifier]
            await self._tell()
        return {"resultType": "complete", **meta}

    def changed(self, method: str, **params: Any) -> int:
        """Something changed: tells whoever listens to it, and how many that were."""
        count = 0
        for identifier, (_, wanted, queue) in self.open.items():
            members = [name for name, (_, told) in eras.LIST_CHANGES.items() if told == method]
            listens = any(wanted.get(name) is True for name in members)
            if listens or params.get("uri") in (wanted.get("resourceSubscriptions") or []):
                meta = {"_meta": {eras.META_SUBSCRIPTION_ID: identifier}}
                queue.put_nowait(jsonrpc.notification(method, {**params, **meta}))
                count += 1
        return count

    def end_subscriptions(self) -> None:
        """Ends every subscription, as a server does that shuts down."""
        for _, _, queue in self.open.values():
            queue.put_nowait(None)


class Client:
    """A client in front of a `Server`: sends requests and notes what comes back on their streams.

    `answers` has a function by method for what a legacy server asks; it gets the parameters and returns the
    result or raises RefusalError.
    """

    def __init__(self, server: Any) -> None:
        self.server = server
        self.seen: list[Envelope] = []
        self.delivered: list[Envelope] = []
        self.asked: list[Envelope] = []
        self.answers: dict[str, Any] = {}
        self.arrived = asyncio.Condition()
        self._answering: set[asyncio.Task[None]] = set()
        self._count = 0
        server.listen(self.deliver)

    async def send(self, method: str, params: Any = None, *, identifier: Any = None) -> Envelope:
        """The response to a request."""
        self._count += 1
        identifier = self._count if identifier is None else identifier
        body = jsonrpc.request(identifier, method, params)
        response = await self.server.call(jsonrpc.parse(body), self.emit)
        assert response.kind == "response"
        assert response.raw_id == jsonrpc.encode(identifier)
        json.loads(response.body)
        return response

    async def tell(self, method: str, params: Any = None) -> None:
        await self.server.notify(jsonrpc.parse(jsonrpc.notification(method, params)))

    async def emit(self, message: Envelope) -> None:
        self.seen.append(message)
        await self._note(message)

    async def deliver(self, message: Envelope) -> None:
        self.delivered.append(message)
        await self._note(message)

    async def until(self, condition: Callable[[], object]) -> None:
        async with self.arrived, asyncio.timeout(10):
            await self.arrived.wait_for(lambda: bool(condition()))

    def heard(self, method: str) -> list[dict[str, Any]]:
        """The parameters of the notifications of this method on the streams of calls."""
        return [message.params for message in self.seen if message.method == method]

    def got(self, method: str) -> list[dict[str, Any]]:
        """The parameters of the notifications of this method outside calls."""
        return [message.params for message in self.delivered if message.method == method]

    async def _note(self, message: Envelope) -> None:
        if message.kind == "request":
            self.asked.append(message)
            if message.method in self.answers:
                task = asyncio.get_running_loop().create_task(self._answer(message))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
        async with self.arrived:
            self.arrived.notify_all()

    async def _answer(self, message: Envelope) -> None:
        try:
            body = jsonrpc.response(message.raw_id, self.answers[message.method](message.params))
        except RefusalError as refusal:
            body = jsonrpc.error(message.raw_id, refusal.code, refusal.message, refusal.data)
        await self.server.respond(jsonrpc.parse(body))


class LegacyClient(Client):
    """A client of 2025-11-25."""

    async def open(self, capabilities: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        """The handshake; its result."""
        response = await self.send(
            "initialize",
            {
                "protocolVersion": "2025-11-25",
                "capabilities": capabilities or {},
                "clientInfo": {"name": "host", "version": "3"},
                **params,
            },
        )
        assert response.error is None, response.error
        await self.tell("notifications/initialized")
        return dict(response.result)


class ModernClient(Client):
    """A client of 2026-07-28 with the capabilities of its requests."""

    def __init__(self, server: Any, capabilities: dict[str, Any] | None = None) -> None:
        super().__init__(server)
        self.capabilities = capabilities or {}
        self.level: str | None = None

    async def send(
        self, method: str, params: Any = None, *, identifier: Any = None, meta: dict[str, Any] | None = None
    ) -> Envelope:
        stamped = eras.with_meta(
            params or {},
            version="2026-07-28",
            capabilities=self.capabilities,
            client_info={"name": "agent", "version": "4"},
            log_level=self.level,
        )
        stamped["_meta"] |= meta or {}
        return await super().send(method, stamped, identifier=identifier)
