"""An MCP server of 2026-07-28 behind a URL: no session, the metadata in every request and its headers.

Source: MCP 2026-07-28, transports (Streamable HTTP, standard and parameter headers, cancellation).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from skerry.relay.http.endpoint import EndedError, Endpoint, RefusedError, Said, ended
from skerry.relay.http.recovery import REPEATABLE
from skerry.relay.ports import Emit, RelayError, nowhere
from skerry.relay.tool_pages import tool_pages
from skerry.wire import jsonrpc
from skerry.wire.eras import HEADER_MISMATCH, Era, standard_headers
from skerry.wire.jsonrpc import Envelope
from skerry.wire.param_headers import annotation_problem, param_headers

log = logging.getLogger(__name__)

_ANNOTATION = b"x-mcp-header"
_MAX_PAGES = 100


class ModernHttp:
    """A `Server` of the modern era at an endpoint."""

    era: Era = "modern"

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._running: dict[str | int | None, asyncio.Task[Envelope]] = {}
        self._stopped: set[asyncio.Task[Envelope]] = set()
        self._annotated: dict[str, Mapping[str, Any]] = {}
        self._ids = itertools.count(1)

    def listen(self, deliver: Emit) -> None:
        """Does nothing: in this era everything belongs to a call."""

    async def call(self, request: Envelope, emit: Emit) -> Envelope:
        task = asyncio.get_running_loop().create_task(self._called(request, emit))
        self._running[request.id] = task
        try:
            return await task
        except asyncio.CancelledError:
            if task in self._stopped:
                raise RelayError("cancelled", f"{request.method} was cancelled.") from None
            task.cancel()  # closing the stream is the cancel
            raise
        finally:
            self._stopped.discard(task)
            if self._running.get(request.id) is task:
                del self._running[request.id]

    async def notify(self, notification: Envelope) -> None:
        if notification.method == "notifications/cancelled":
            identifier = notification.params.get("requestId")
            task = self._running.get(identifier) if isinstance(identifier, (str, int)) else None
            if task is not None and not task.done():
                self._stopped.add(task)
                task.cancel()
            return
        try:
            reply = await self._endpoint.post(notification.body, standard_headers(notification).items())
        except RefusedError as refusal:
            log.info("the server refused %s (HTTP %d)", notification.method, refusal.status)
            return
        reply.leave()

    async def respond(self, response: Envelope) -> None:
        """Does nothing: in this era a server asks nobody."""

    async def close(self) -> None:
        for task in list(self._running.values()):
            self._stopped.add(task)
            task.cancel()

    async def _called(self, request: Envelope, emit: Emit) -> Envelope:
        answer = await self._answered(request, emit)
        if request.method == "tools/list":
            return self._listed(answer)
        if _mismatch(answer) and request.method == "tools/call":
            # Nothing ran. The tool wants arguments in headers that its last known schema did not ask for.
            await self._learn(request)
            answer = await self._answered(request, emit)
        return answer

    async def _answered(self, request: Envelope, emit: Emit) -> Envelope:
        try:
            return await self._asked(request, emit)
        except RelayError as problem:
            if problem.reason != "closed" or request.method not in REPEATABLE:
                raise
        return await self._asked(request, emit)

    async def _asked(self, request: Envelope, emit: Emit) -> Envelope:
        headers = standard_headers(request)
        if request.method == "tools/call":
            headers |= self._parameters(request)
        patient = request.method == "subscriptions/listen"
        try:
            answer, _ = await self._endpoint.ask(request, headers.items(), Said(emit), patient=patient)
        except RefusedError as refusal:
            return self._endpoint.outcome(refusal, request)
        except EndedError as end:
            raise ended(request.method) from end
        return answer

    # ── arguments in headers ────────────────────────────────────────────────────────────────────

    def _parameters(self, request: Envelope) -> dict[str, str]:
        name = request.params.get("name")
        schema = self._annotated.get(name) if isinstance(name, str) else None
        return param_headers(schema, request.params.get("arguments")) if schema is not None else {}

    async def _learn(self, request: Envelope) -> None:
        """Reads the tools again, in the name of the client that calls."""
        pages = tool_pages(lambda asked: self._answered(asked, nowhere), request, self._ids, limit=_MAX_PAGES)
        async for answer in pages:
            self._listed(answer)

    def _listed(self, answer: Envelope) -> Envelope:
        """Remembers the tools with arguments in headers; leaves out those whose annotations are invalid."""
        if _ANNOTATION not in answer.body or not isinstance(answer.result, dict):
            return answer
        tools = answer.result.get("tools")
        if not isinstance(tools, list):
            return answer
        kept = []
        for tool in tools:
            name = tool.get("name") if isinstance(tool, dict) else None
            problem = annotation_problem(tool.get("inputSchema")) if isinstance(tool, dict) else None
            if problem is not None:
                log.warning("the tool %r is left out: %s", name, problem)
                continue
            if isinstance(name, str) and _ANNOTATION in json.dumps(tool).encode():
                self._annotated[name] = tool["inputSchema"]
            kept.append(tool)
        if len(kept) == len(tools):
            return answer
        result = {**answer.result, "tools": kept}
        return replace(
            jsonrpc.parse(jsonrpc.response(answer.raw_id, result)), raw_id=answer.raw_id, id=answer.id
        )


def _mismatch(answer: Envelope) -> bool:
    return answer.error is not None and answer.error.get("code") == HEADER_MISMATCH
