"""The Lambda Runtime API of one environment, on a loopback port of its own.

    GET  /2018-06-01/runtime/invocation/next            the next event, when there is one
    POST /2018-06-01/runtime/invocation/{id}/response   what the handler returned
    POST /2018-06-01/runtime/invocation/{id}/error      what the handler raised
    POST /2018-06-01/runtime/init/error                 why the handler could not be loaded

A response whose Lambda-Runtime-Function-Response-Mode is `streaming` is passed on as it comes; an error in
the middle of it is told in trailers.

Source: Lambda developer guide, "Using the Lambda runtime API for custom runtimes" and "Building a custom
runtime".
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping

from aiohttp import web

from skerry.local.functions.invocation import MAX_RESPONSE, Invocation, Outcome, Stream, too_large
from skerry.local.ports.running import Clock

_SHUTDOWN = 0.1
BASE = "/2018-06-01/runtime"
MAX_ERROR = 1 << 20
_MAX_HEADER = 2 << 20
"""awslambdaric sends a traceback as a header, up to 1 MiB of it."""
_MAX_TRAILERS = 64 * 1024
_TRAILERS = re.compile(rb"\r\n0+\r\n((?:[!-9;-~]+:[^\r\n]*\r\n)+)\r\n\Z")
_BROWSERS = frozenset({"Origin", "Sec-Fetch-Site"})
"""Headers that only browsers send: a page must not take an event with a blind request."""
_ERROR_TYPE = "lambda-runtime-function-error-type"
_ERROR_BODY = "lambda-runtime-function-error-body"


class _Connection(web.RequestHandler):
    """Remembers the end of what was received: aiohttp reads trailers and keeps them to itself."""

    __slots__ = ("_tail",)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        before = getattr(self, "_tail", b"")
        self._tail = data[-_MAX_TRAILERS:] if len(data) >= _MAX_TRAILERS else (before + data)[-_MAX_TRAILERS:]
        super().data_received(data)

    def trailers(self) -> Mapping[str, str]:
        """The trailers of the request that was just read to its end."""
        found = _TRAILERS.search(getattr(self, "_tail", b""))
        lines = found[1].decode("latin-1").split("\r\n") if found else []
        parted = (line.partition(":") for line in lines if line)
        return {name.lower(): value.strip() for name, _, value in parted}


class _Server(web.Server):
    def __call__(self) -> _Connection:
        """A new connection."""
        return _Connection(self, loop=self._loop, **self._kwargs)


class RuntimeApi:
    """Hands invocations to the one process that it serves, and takes its answers.

    `on_idle` is called each time the process asks for work, `on_work` before it gets some. Use it between
    `start()` and `close()`.
    """

    def __init__(
        self, *, clock: Clock, on_idle: Callable[[], None], on_work: Callable[[], None] = lambda: None
    ) -> None:
        self.init_error: bytes = b""
        self._address = ""
        self._clock = clock
        self._on_idle = on_idle
        self._on_work = on_work
        self._waiting: asyncio.Queue[Invocation] = asyncio.Queue(maxsize=1)
        self._current: Invocation | None = None
        self._server: asyncio.Server | None = None
        self._handler = _Server(
            self._serve,
            max_field_size=_MAX_HEADER,
            max_line_size=64 * 1024,
            access_log=None,
            handler_cancellation=True,  # a process that died asks for nothing any more
        )

    async def start(self) -> str:
        """Listens; returns `host:port`, the value of AWS_LAMBDA_RUNTIME_API."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._handler, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        self._address = f"{host}:{port}"
        return self._address

    async def close(self) -> None:
        """Stops listening and drops the connections."""
        if self._server is not None:
            self._server.close()
            await self._handler.shutdown(_SHUTDOWN)

    def give(self, invocation: Invocation) -> None:
        """Offers the next event. One at a time: the environment is not given more before it answered."""
        self._waiting.put_nowait(invocation)

    async def _serve(self, request: web.BaseRequest) -> web.Response:
        if request.headers.get("Host") != self._address or _BROWSERS & request.headers.keys():
            return _refused(403, "Forbidden", "The function's own process asks here, no page in a browser.")
        path = request.path.removeprefix(BASE)
        if request.method == "GET" and path == "/invocation/next":
            return await self._next()
        if request.method == "POST" and path == "/init/error":
            self.init_error = await _read(request, MAX_ERROR) or b"{}"
            return _accepted()
        head, _, action = path.removeprefix("/invocation/").rpartition("/")
        if request.method == "POST" and action in ("response", "error"):
            return await self._answered(request, head, action)
        return _refused(404, "InvalidPath", f"There is no {request.method} {request.path[:200]}.")

    async def _next(self) -> web.Response:
        self._current = None
        self._on_idle()
        invocation = self._current = await self._waiting.get()
        deadline = int((self._clock.time() + invocation.timeout) * 1000)
        invocation.delivered.set()
        self._on_work()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(deadline),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
            "Lambda-Runtime-Trace-Id": invocation.trace,
        }
        if invocation.client_context:
            headers["Lambda-Runtime-Client-Context"] = invocation.client_context
        return web.Response(body=invocation.payload, headers=headers, content_type="application/json")

    async def _answered(self, request: web.BaseRequest, request_id: str, action: str) -> web.Response:
        invocation = self._current
        if invocation is None or request_id != invocation.id:
            return _refused(400, "InvalidRequestID", "This is not the invocation that was handed out.")
        mode = request.headers.get("Lambda-Runtime-Function-Response-Mode", "")
        streaming = action == "response" and mode.lower() == "streaming"
        if streaming and invocation.stream is not None:
            return await self._streamed(request, invocation, invocation.stream)
        limit = MAX_RESPONSE if action == "response" else MAX_ERROR
        body = await _read(request, limit)
        if body is None:
            invocation.finish(too_large(request.content_length or limit + 1))
            return _refused(413, "RequestEntityTooLarge", f"The {action} is larger than {limit} bytes.")
        failed = _failure(request) if streaming else None
        invocation.finish(failed or Outcome(body, "Unhandled" if action == "error" else ""))
        return _accepted()

    async def _streamed(
        self, request: web.BaseRequest, invocation: Invocation, stream: Stream
    ) -> web.Response:
        stream.begin(request.content_type)
        async for piece in request.content.iter_any():
            if not await stream.write(piece):
                invocation.finish(too_large(stream.size))
                return _refused(413, "RequestEntityTooLarge", "The response is larger than Lambda streams.")
        invocation.finish(_failure(request) or Outcome(b""))
        return _accepted()


async def _read(request: web.BaseRequest, limit: int) -> bytes | None:
    """The body; None when it is larger than `limit`, of which no more than that is kept."""
    pieces: list[bytes] = []
    size = 0
    async for piece in request.content.iter_any():
        size += len(piece)
        if size <= limit:
            pieces.append(piece)
    return b"".join(pieces) if size <= limit else None


def _failure(request: web.BaseRequest) -> Outcome | None:
    """What trailers say of an answer that broke off, or None."""
    assert isinstance(request.protocol, _Connection)
    trailers = request.protocol.trailers()
    if _ERROR_TYPE not in trailers:
        return None
    try:
        told = base64.b64decode(trailers.get(_ERROR_BODY, ""), validate=True)
    except binascii.Error:
        told = b""
    fallback = json.dumps({"errorType": trailers[_ERROR_TYPE], "errorMessage": ""}).encode()
    return Outcome(told or fallback, "Unhandled")


def _accepted() -> web.Response:
    return web.Response(status=202, body=b'{"status":"OK"}', content_type="application/json")


def _refused(status: int, kind: str, message: str) -> web.Response:
    body = json.dumps({"errorType": kind, "errorMessage": message}).encode()
    return web.Response(status=status, body=body, content_type="application/json")
