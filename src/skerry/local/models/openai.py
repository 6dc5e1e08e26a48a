"""The `openai` backend: any server that speaks chat completions, such as Ollama, vLLM or llama.cpp."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from typing import Any

from skerry.errors import ConfigurationError, ProtocolError, ServiceError
from skerry.local.http.upstream import Reply, Upstream, UpstreamError
from skerry.local.models import openai_format as wire
from skerry.local.models.events import Blocks, Event, message_start, message_stop, metadata
from skerry.local.models.request import ConverseRequest
from skerry.local.ports.running import Clock
from skerry.settings import ModelsSettings
from skerry.wire.sse import Decoder

MAX_ANSWER = 24 << 20


class OpenAI:
    """Asks `settings.url` + `/chat/completions`. The key goes into one header and into no message."""

    name = "openai"

    def __init__(self, *, settings: ModelsSettings, clock: Clock, upstream: Upstream) -> None:
        if not settings.url.startswith(("http://", "https://")):
            raise ConfigurationError(
                "The openai backend needs the URL of a server.",
                hint='Set it in [models], for example url = "http://127.0.0.1:11434/v1".',
            )
        self._settings = settings
        self._clock = clock
        self._upstream = upstream

    async def close(self) -> None:
        """The connections belong to the plane."""

    async def events(self, request: ConverseRequest, *, streaming: bool) -> AsyncGenerator[Event]:
        """The answer. Raises ServiceError: what the server refused, or that it cannot be reached."""
        started = self._clock.monotonic()
        reply = await self._ask(request, streaming=streaming)
        answer = _Answer()
        yield message_start()
        try:
            chunks = _chunks(reply) if streaming else _whole(reply)
            async for chunk in chunks:
                for event in answer.take(chunk):
                    yield event
        except (UpstreamError, ProtocolError) as problem:
            raise _broken(problem) from problem
        finally:
            reply.close()
        for event in answer.finish():
            yield event
        yield metadata(answer.usage, int((self._clock.monotonic() - started) * 1000))

    async def _ask(self, request: ConverseRequest, *, streaming: bool) -> Reply:
        settings = self._settings
        body = wire.body(request, model=settings.model or request.model_id, streaming=streaming)
        headers = {"content-type": "application/json", "accept": "text/event-stream" if streaming else "*/*"}
        if settings.api_key:
            headers["authorization"] = f"Bearer {settings.api_key}"
        url = f"{settings.url.rstrip('/')}/chat/completions"
        try:
            reply = await self._upstream.request(
                "POST", url, headers, json.dumps(body).encode(), read=settings.timeout
            )
            if reply.status != 200:
                text = (await reply.read(MAX_ANSWER)).decode("utf-8", "replace")
                raise wire.refused(reply.status, self._without_key(text))
        except UpstreamError as problem:
            raise _broken(problem) from problem
        return reply

    def _without_key(self, text: str) -> str:
        """Some servers repeat the key that they refuse."""
        return text.replace(self._settings.api_key, "***") if self._settings.api_key else text


def _broken(problem: UpstreamError | ProtocolError) -> ServiceError:
    if isinstance(problem, ProtocolError):
        return ServiceError("ModelErrorException", 424, str(problem))
    if problem.reason == "timeout":
        return ServiceError("ModelTimeoutException", 408, str(problem))
    if problem.reason == "connect":
        return ServiceError("ServiceUnavailableException", 503, f"The model server: {problem}")
    return ServiceError("ModelErrorException", 424, str(problem))


async def _chunks(reply: Reply) -> AsyncIterator[Mapping[str, Any]]:
    """The chunks of a streamed answer; a server that does not stream gives its whole answer as one."""
    if not reply.header("content-type").startswith("text/event-stream"):
        async for answer in _whole(reply):
            yield answer
        return
    decoder = Decoder(max_event=MAX_ANSWER)
    async for piece in reply:
        for event in decoder.feed(piece):
            if event.data == b"[DONE]":
                return
            yield _object(event.data)


async def _whole(reply: Reply) -> AsyncIterator[Mapping[str, Any]]:
    yield _object(await reply.read(MAX_ANSWER))


def _object(data: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("The model server sent something that is not JSON.") from error
    if not isinstance(found, Mapping):
        raise ProtocolError("The model server sent JSON that is no object.")
    if "error" in found and not found.get("choices"):
        raise ProtocolError(f"The model server reports: {wire.message(json.dumps(found))}")
    return found


class _Answer:
    """Chunks in, events out. One block is open at a time; tool calls that overlap wait for their turn."""

    def __init__(self) -> None:
        self.usage = wire.usage(None)
        self._blocks = Blocks()
        self._open: str | int = ""
        self._waiting: dict[int, list[str]] = {}
        self._names: dict[int, tuple[str, str]] = {}
        self._done: set[int] = set()
        self._reason = "end_turn"

    def take(self, chunk: Mapping[str, Any]) -> Iterator[Event]:
        """The events of one chunk, or of a whole answer."""
        if chunk.get("usage"):
            self.usage = wire.usage(chunk["usage"])
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or choice.get("message") or {}
            thought = delta.get("reasoning_content") or delta.get("reasoning")
            if isinstance(thought, str) and thought:
                yield from self._switch("reasoning")
                yield self._blocks.delta({"reasoningContent": {"text": thought}})
            if isinstance(delta.get("content"), str) and delta["content"]:
                yield from self._switch("text")
                yield self._blocks.delta({"text": delta["content"]})
            for place, call in enumerate(delta.get("tool_calls") or ()):
                yield from self._call(call.get("index", place), call)
            if choice.get("finish_reason"):
                self._reason = wire.STOP_REASONS.get(choice["finish_reason"], "end_turn")

    def finish(self) -> Iterator[Event]:
        """Closes what is open, gives the calls that waited, and stops."""
        if self._open != "":
            yield self._close()
        for index in [index for index in self._names if index not in self._done]:
            yield self._start(index)
            for piece in self._waiting.pop(index, ()):
                yield self._blocks.delta({"toolUse": {"input": piece}})
            yield self._close()
        # Some servers end a tool call with `stop`; Converse says tool_use whenever there is one.
        yield message_stop("tool_use" if self._names and self._reason == "end_turn" else self._reason)

    def _call(self, index: int, call: Mapping[str, Any]) -> Iterator[Event]:
        function = call.get("function") or {}
        if index not in self._names and function.get("name"):
            self._names[index] = (call.get("id") or f"call_{secrets.token_hex(12)}", function["name"])
            if not isinstance(self._open, int):
                yield from self._switch("")
                yield self._start(index)
        pieces = function.get("arguments") or ""
        if not isinstance(pieces, str):  # some servers send the object itself
            pieces = json.dumps(pieces)
        if pieces and self._open == index:
            yield self._blocks.delta({"toolUse": {"input": pieces}})
        elif pieces:
            self._waiting.setdefault(index, []).append(pieces)

    def _start(self, index: int) -> Event:
        self._open = index
        self._done.add(index)
        return self._blocks.start(*self._names[index])

    def _switch(self, kind: str) -> Iterator[Event]:
        if self._open not in ("", kind):
            yield self._close()
        self._open = kind

    def _close(self) -> Event:
        self._open = ""
        return self._blocks.stop()
