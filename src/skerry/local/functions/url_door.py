"""Requests to Function URLs: who may come in, what the function gets, how its answer goes out.

| refusal | answer |
|---|---|
| no such URL; no signature where one is needed; no permission | 403 `{"Message":"Forbidden"}` |
| a signature that does not hold | 403 `{"message": why}` |
| the request is larger than 6 MB | 413 |
| too many at once | 429 |
| the function failed, or answered with no HTTP response | 502 `Internal Server Error` |
| the function did not answer in time | 504 |
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from skerry.errors import ServiceError
from skerry.local.functions import cors, url_event
from skerry.local.functions.invocation import MAX_PAYLOAD, Invocation, Outcome, Stream, traced_run
from skerry.local.functions.pool import Pool
from skerry.local.functions.replies import request_id_header
from skerry.local.functions.streaming import Streams, begun
from skerry.local.functions.url_event import PRELUDE_TYPE, Answer, Asked, BadAnswerError, PreludeReader
from skerry.local.functions.urls import Url, Urls, asked
from skerry.local.http.asgi import read_body
from skerry.local.ports.asgi import Receive, Scope, Send
from skerry.local.ports.callers import Access, Caller
from skerry.local.ports.permissions import Notes
from skerry.local.ports.running import Clock
from skerry.wire import trace

_LARGE = 256 * 1024


@dataclass(slots=True)
class Visit:
    """What the recorder is told of a request to a URL.

    `complete` is called before the caller has the whole answer: then he may ask the recorder.
    """

    complete: Callable[[Visit], None]
    identity: str = "anonymous"
    proof: str = "none"
    target: str = ""
    status: int = 0
    detail: dict[str, str] = field(default_factory=dict)
    iam: Notes = field(default_factory=list)


Enter = Callable[[Url, Caller, Notes], Awaitable[Pool]]
"""Lets a caller use a URL: the environments of its function, held. Raises ServiceError."""


class UrlDoor:
    """Serves the URLs; `enter` says who may use one, and gives its function's environments."""

    def __init__(
        self,
        urls: Urls,
        *,
        access: Access,
        clock: Clock,
        streams: Streams,
        region: str,
        enter: Enter,
    ) -> None:
        self._urls = urls
        self._access = access
        self._clock = clock
        self._region = region
        self._enter = enter
        self._streams = streams

    async def serve(self, scope: Scope, receive: Receive, send: Send, visit: Visit) -> None:
        """One request. Raises ClientGoneError."""
        headers = _headers(scope)
        found = asked(scope["raw_path"], headers.get("host", ""))
        url = self._urls.get(found[0]) if found else None
        reply = _Reply(send, visit, url, headers)
        if found is None or url is None:
            visit.detail["error"] = "there is no such function URL"
            await reply.whole(_forbidden())
            return
        visit.target = url.function
        rules = url.settings.cors
        if rules is not None and cors.is_preflight(scope["method"], headers):
            visit.detail["type"] = "preflight"
            await reply.whole(Answer(200, cors.preflight(rules, headers)))
            return
        try:
            body = await read_body(receive, MAX_PAYLOAD)
            caller = await self._caller(url, scope, body, visit)
            request = Asked(
                url_id=url.id,
                domain=_domain(url.id, self._region),
                path=found[1],
                caller=caller,
                request_id=secrets.token_hex(16),
                now=self._clock.time(),
            )
            pool = await self._enter(url, caller, visit.iam)
            try:
                invocation = self._invocation(url, pool, scope, body, request)
                if not url.settings.stream:
                    await reply.outcome(await pool.invoke(invocation))
                elif not await self._streams.run(pool, invocation, receive, reply.stream):
                    visit.detail["client"] = "gone"
                    visit.complete(visit)
            finally:
                pool.release()
        except ServiceError as error:
            visit.detail["error"] = error.name
            await reply.whole(_refusal(error))

    async def _caller(self, url: Url, scope: Scope, body: bytes, visit: Visit) -> Caller:
        if url.settings.auth == "none":
            return Caller(kind="anonymous")
        authorization = _headers(scope).get("authorization", "")
        if not authorization.startswith("AWS4-") and b"X-Amz-Signature=" not in scope["query_string"]:
            raise ServiceError("MissingAuthenticationTokenException", 403, "The request is not signed.")
        caller = await self._access.signed_by(scope, body, service="lambda")
        visit.identity, visit.proof = caller.name, "sigv4"
        return caller

    def _invocation(self, url: Url, pool: Pool, scope: Scope, body: bytes, request: Asked) -> Invocation:
        """Raises ServiceError for an event that is too large."""
        event = json.dumps(url_event.event(scope, body, request), separators=(",", ":")).encode()
        if len(event) > MAX_PAYLOAD:
            raise ServiceError("RequestEntityTooLargeException", 413, "The request is larger than 6 MB.")
        return Invocation(
            payload=event,
            arn=pool.function.arn,
            timeout=pool.function.settings.timeout,
            trace=traced_run(trace.CURRENT.get() or trace.begin(), _headers(scope).get(trace.AMAZON, "")),
            stream=Stream() if url.settings.stream else None,
        )


class _Reply:
    """The way out: headers that every answer of a URL has, and what the recorder is told."""

    def __init__(self, send: Send, visit: Visit, url: Url | None, headers: Mapping[str, str]) -> None:
        self.visit = visit
        self._send = send
        self._cors = url.settings.cors if url else None
        self._headers = headers

    async def whole(self, answer: Answer) -> None:
        """An answer that is there."""
        length = (b"content-length", str(len(answer.body)).encode())
        await self._start(answer, [] if answer.status in (204, 304) else [length])
        body = b"" if answer.status in (204, 304) else answer.body
        self.visit.complete(self.visit)
        await self._send({"type": "http.response.body", "body": body})

    async def outcome(self, outcome: Outcome) -> None:
        """What a function's outcome stands for."""
        if outcome.error:
            self.visit.detail["error"] = _kind(outcome) or outcome.error
            await self.whole(_failed(504 if _kind(outcome) == "Sandbox.Timedout" else 502))
            return
        try:
            if len(outcome.payload) > _LARGE:
                answer = await asyncio.to_thread(url_event.answer, outcome.payload)
            else:
                answer = url_event.answer(outcome.payload)
        except BadAnswerError as error:
            self.visit.detail["error"] = f"bad answer: {error}"
            await self.whole(_failed(502))
            return
        await self.whole(answer)

    async def stream(self, stream: Stream, running: asyncio.Task[Outcome]) -> None:
        """The answer as it comes. One that breaks off is left unfinished: the connection ends with it."""
        if not await begun(stream, running):  # the handler does not stream
            await self.outcome(await running)
            return
        try:
            answer, first = await self._head(stream)
        except BadAnswerError as error:
            self.visit.detail["error"] = f"bad answer: {error}"
            await self.whole(_failed(504 if stream.error == "Sandbox.Timedout" else 502))
            return
        await self._start(answer, [])
        piece: bytes | None = first
        while piece is not None:
            if piece:
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            piece = await stream.read()
        if stream.error:
            self.visit.detail["error"] = stream.error
            self.visit.complete(self.visit)
            return
        self.visit.complete(self.visit)
        await self._send({"type": "http.response.body", "body": b""})

    async def _head(self, stream: Stream) -> tuple[Answer, bytes]:
        if stream.content_type != PRELUDE_TYPE:
            return Answer(200, [(b"content-type", stream.content_type.encode("latin-1"))]), b""
        reader = PreludeReader()
        while True:
            piece = await stream.read()
            if piece is None:
                raise BadAnswerError("the answer ended before its prelude did")
            found = reader.feed(piece)
            if found is not None:
                return found

    async def _start(self, answer: Answer, more: list[tuple[bytes, bytes]]) -> None:
        headers = list(answer.headers)
        if self._cors is not None and self.visit.detail.get("type") != "preflight":
            headers = cors.answered(self._cors, self._headers, headers)
        self.visit.status = answer.status
        await self._send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [*request_id_header(), *headers, *more],
            }
        )


def _domain(identifier: str, region: str) -> str:
    return f"{identifier}.lambda-url.{region}.on.aws"


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _refusal(error: ServiceError) -> Answer:
    """A refusal in the words of a Function URL."""
    if error.name in ("MissingAuthenticationTokenException", "AccessDeniedException"):
        return _forbidden()
    if error.status in (403, 413, 429):
        return _told(error.status, error.name, {**error.members, "message": str(error)})
    return _failed(error.status if error.status in (502, 503) else 502)


def _forbidden() -> Answer:
    return _told(403, "AccessDeniedException", {"Message": "Forbidden"})


def _told(status: int, name: str, body: Mapping[str, Any]) -> Answer:
    headers = [(b"content-type", b"application/json"), (b"x-amzn-errortype", name.encode())]
    return Answer(status, headers, json.dumps(body, separators=(",", ":")).encode())


def _failed(status: int) -> Answer:
    text = {504: b"Gateway Timeout", 503: b"Service Unavailable"}.get(status, b"Internal Server Error")
    return Answer(status, [(b"content-type", b"text/plain")], text)


def _kind(outcome: Outcome) -> str:
    try:
        value = json.loads(outcome.payload)
    except ValueError:
        return ""
    kind = value.get("errorType") if isinstance(value, dict) else None
    return str(kind)[:128] if kind else ""
