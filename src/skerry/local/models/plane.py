"""The models plane: Converse and ConverseStream of bedrock-runtime, answered by the backend of the settings.

Source: service model of bedrock-runtime; Smithy, "Amazon Event Stream Specification".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from urllib.parse import unquote

from skerry.auth.sigv4 import Credentials
from skerry.errors import ConfigurationError, ServiceError, SkerryError
from skerry.local.asgi import ClientGoneError, read_body
from skerry.local.models import eventstream
from skerry.local.models.aws import CARRIED, Relay
from skerry.local.models.events import Backend, Event, fold
from skerry.local.models.exchange import Exchange, while_connected
from skerry.local.models.openai import OpenAI
from skerry.local.models.request import MAX_BODY, Operation, parse, service_model
from skerry.local.models.router.conversation import Router
from skerry.local.ports import Access, Clock, Receive, Recorder, Scope, Send
from skerry.local.rest_json import Reply, error_reply
from skerry.local.upstream import Limits, Upstream, UpstreamError
from skerry.settings import ModelsSettings
from skerry.wire.hop import Hop

LARGE = 256 * 1024
"""Bytes of a body from which on reading it would hold up the event loop."""

ACTIONS: dict[str, Operation] = {"converse": "Converse", "converse-stream": "ConverseStream"}

# Errors that a stream can carry; any other is the model's.
STREAM_ERRORS = {
    "ValidationException": "validationException",
    "ThrottlingException": "throttlingException",
    "ServiceUnavailableException": "serviceUnavailableException",
    "InternalServerException": "internalServerException",
}
_ROLE_MARK = ":assumed-role/"


class ModelsPlane:
    """ASGI application for `POST /model/{modelId}/converse` and `/converse-stream`.

    `credentials` gives the developer's own credentials for the `aws` backend; by default botocore's chain.
    Use it between `start()` and `close()`. Raises ConfigurationError for settings that cannot work.
    """

    def __init__(
        self,
        *,
        access: Access,
        recorder: Recorder,
        clock: Clock,
        settings: ModelsSettings,
        credentials: Callable[[], Awaitable[Credentials]] | None = None,
    ) -> None:
        self._access = access
        self._recorder = recorder
        self._clock = clock
        self._settings = settings
        self._upstream = Upstream(Limits(read=settings.timeout))
        self._backend = _backend(settings, clock, self._upstream, credentials)

    @staticmethod
    def serves(raw_path: bytes) -> bool:
        """Whether a raw path is one of this plane."""
        return _target(raw_path) is not None

    async def start(self) -> None:
        """Opens the pool of connections and reads the service model."""
        await self._upstream.start()
        await asyncio.to_thread(service_model)

    async def close(self) -> None:
        """Closes the connections."""
        await self._upstream.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        exchange = Exchange(send, self._record, self._clock.time(), self._clock.monotonic())
        try:
            await self._serve(exchange, scope, receive)
        except ServiceError as error:
            await _refuse(exchange, error)
        except SkerryError as error:  # the backend's settings or credentials, not the caller's request
            await _refuse(exchange, ServiceError("ServiceUnavailableException", 503, str(error)))
        except ClientGoneError:
            exchange.status = 499
        exchange.end()

    async def _serve(self, exchange: Exchange, scope: Scope, receive: Receive) -> None:
        body = await read_body(receive, MAX_BODY)
        caller = await self._access.signed_by(scope, body, service="bedrock")
        exchange.identity = caller.name
        target = _target(scope["raw_path"])
        if target is None or scope["method"] != "POST":
            raise ServiceError(
                "UnknownOperationException",
                404,
                "Of bedrock-runtime skerry serves Converse and ConverseStream.",
            )
        exchange.model_id, action = target
        operation = exchange.operation = ACTIONS[action]
        if isinstance(self._backend, Relay):
            await while_connected(receive, _relay(self._backend, exchange, action, body))
            return
        if len(body) > LARGE:
            request = await asyncio.to_thread(parse, operation, exchange.model_id, body)
        else:
            request = parse(operation, exchange.model_id, body)
        streaming = operation == "ConverseStream"
        events = self._backend.events(request, streaming=streaming)
        async with aclosing(events):
            work = _stream(exchange, events) if streaming else _whole(exchange, events)
            await while_connected(receive, work)

    def _record(self, exchange: Exchange) -> None:
        detail = {"backend": self._backend.name}
        if exchange.tools:
            detail["tool"] = ", ".join(exchange.tools)
        self._recorder.record(
            Hop(
                part="models",
                operation=exchange.operation,
                identity=exchange.identity,
                auth="none" if exchange.identity == "anonymous" else "sigv4",
                status=exchange.status,
                started=exchange.started,
                duration_ms=(self._clock.monotonic() - exchange.from_monotonic) * 1000,
                session=_session(exchange.identity),
                target=exchange.model_id,
                detail=detail,
            )
        )


def _backend(
    settings: ModelsSettings,
    clock: Clock,
    upstream: Upstream,
    credentials: Callable[[], Awaitable[Credentials]] | None,
) -> Backend | Relay:
    if settings.backend == "router":
        return Router()
    if settings.backend == "openai":
        return OpenAI(settings=settings, clock=clock, upstream=upstream)
    if settings.backend == "aws":
        if credentials is None:
            from skerry.auth.credentials import AwsCredentials  # late: only this backend needs it

            credentials = AwsCredentials().frozen
        return Relay(settings=settings, clock=clock, upstream=upstream, credentials=credentials)
    raise ConfigurationError(
        f"There is no models backend '{settings.backend}'.", hint="Write router, openai or aws."
    )


def _target(raw_path: bytes) -> tuple[str, str] | None:
    """Model id and action of a raw path; the id may hold slashes, encoded or not."""
    path = raw_path.decode("latin-1")
    head, _, action = path.rpartition("/")
    if action not in ACTIONS or not head.startswith("/model/"):
        return None
    return unquote(head.removeprefix("/model/")), action


def _session(identity: str) -> str:
    """The session name of an assumed role: for an agent that is its runtime session id."""
    return identity.rpartition("/")[2] if _ROLE_MARK in identity else ""


async def _refuse(exchange: Exchange, error: ServiceError) -> None:
    if exchange.status:  # the head is out: the server closes the connection of an answer that is not complete
        exchange.status = error.status
        return
    await exchange.reply(error_reply(error))


async def _whole(exchange: Exchange, events: AsyncIterator[Event]) -> None:
    answer = await fold(_noted(exchange, events))
    headers = [(b"content-type", b"application/json")]
    await exchange.reply(Reply(200, headers, json.dumps(answer).encode()))


async def _noted(exchange: Exchange, events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    async for event in events:
        exchange.note(event)
        yield event


async def _stream(exchange: Exchange, events: AsyncIterator[Event]) -> None:
    """Sends events as they come. An error before the first is a plain answer, a later one in the stream."""
    try:
        async for event in events:
            exchange.note(event)
            if not exchange.status:
                await exchange.begin(eventstream.CONTENT_TYPE)
            await exchange.piece(eventstream.event(*event))
    except ServiceError as error:
        if not exchange.status:
            raise
        name = STREAM_ERRORS.get(error.name, "modelStreamErrorException")
        await exchange.piece(eventstream.exception(name, str(error)))
        exchange.status = error.status
    await exchange.finish()


async def _relay(relay: Relay, exchange: Exchange, action: str, body: bytes) -> None:
    reply = await relay.forward(action, exchange.model_id, body)
    try:
        headers = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in reply.headers
            if name.lower() in CARRIED
        ]
        exchange.status = reply.status
        await exchange.send({"type": "http.response.start", "status": reply.status, "headers": headers})
        async for chunk in reply:
            await exchange.piece(chunk)
    except UpstreamError as problem:
        raise ServiceError("ModelErrorException", 424, f"Amazon Bedrock: {problem}") from problem
    finally:
        reply.close()
    await exchange.finish()
