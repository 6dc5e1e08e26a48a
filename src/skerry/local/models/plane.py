"""The models plane: Converse and ConverseStream of bedrock-runtime, answered by the backend of the settings.

ApplyGuardrail is answered from the declared guardrails, or by AWS where AWS is the backend.

Source: service model of bedrock-runtime; Smithy, "Amazon Event Stream Specification".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import unquote

from skerry.auth.aws.sigv4 import Credentials
from skerry.errors import ConfigurationError, ServiceError, SkerryError
from skerry.local.api import eventstream
from skerry.local.api.rest_json import Reply, error_reply
from skerry.local.http.asgi import ClientGoneError, read_body, traced
from skerry.local.http.upstream import Limits, Upstream, UpstreamError
from skerry.local.http.upstream import Reply as UpstreamReply
from skerry.local.models import actions
from skerry.local.models.aws import CARRIED, Relay
from skerry.local.models.events import Backend, Event, fold
from skerry.local.models.exchange import Exchange, while_connected
from skerry.local.models.guardrails import apply, converse
from skerry.local.models.guardrails.rules import Guardrails
from skerry.local.models.openai import OpenAI
from skerry.local.models.request import (
    MAX_BODY,
    ConverseRequest,
    Operation,
    checked,
    document,
    parse,
    service_model,
)
from skerry.local.models.router.conversation import Router
from skerry.local.ports.asgi import Receive, Scope, Send
from skerry.local.ports.callers import Access
from skerry.local.ports.permissions import Permissions, Unrestricted
from skerry.local.ports.running import Clock, Recorder
from skerry.settings import ModelsSettings
from skerry.wire import trace
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
    """ASGI application for `POST /model/{modelId}/converse`, `/converse-stream` and `/guardrail/…/apply`.

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
        guardrails: Guardrails | None = None,
        credentials: Callable[[], Awaitable[Credentials]] | None = None,
        permissions: Permissions | None = None,
    ) -> None:
        self._guardrails = guardrails or Guardrails()
        self._permissions: Permissions = permissions or Unrestricted()
        self._access = access
        self._recorder = recorder
        self._clock = clock
        self._settings = settings
        self._upstream = Upstream(Limits(read=settings.timeout))
        self._backend = _backend(settings, clock, self._upstream, credentials)

    @staticmethod
    def serves(raw_path: bytes) -> bool:
        """Whether a raw path is one of this plane."""
        return _target(raw_path) is not None or _guardrail(raw_path) is not None

    async def start(self) -> None:
        """Opens the pool of connections and reads the service model."""
        await self._upstream.start()
        await asyncio.to_thread(service_model)

    async def close(self) -> None:
        """Closes the connections."""
        await self._upstream.close()

    @traced
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
        labels = _guardrail(scope["raw_path"])
        place = self._guardrails.region, self._guardrails.account
        if labels is not None and scope["method"] == "POST":
            asked = actions.guardrail(labels["guardrailIdentifier"], *place)
            await self._permissions.check(caller, [asked], exchange.iam)
            await self._apply(exchange, receive, scope["raw_path"], labels, body)
            return
        target = _target(scope["raw_path"])
        if target is None or scope["method"] != "POST":
            raise ServiceError(
                "UnknownOperationException",
                404,
                "Of bedrock-runtime skerry serves Converse, ConverseStream and ApplyGuardrail.",
            )
        exchange.model_id, action = target
        operation = exchange.operation = ACTIONS[action]
        await self._permissions.check(
            caller, [actions.model(action, exchange.model_id, *place)], exchange.iam
        )
        if isinstance(self._backend, Relay):
            reply = self._backend.converse(action, exchange.model_id, body)
            await while_connected(receive, _relay(exchange, reply))
            return
        if len(body) > LARGE:
            request = await asyncio.to_thread(parse, operation, exchange.model_id, body)
        else:
            request = parse(operation, exchange.model_id, body)
        chosen = request.body.get("guardrailConfig", {}).get("guardrailIdentifier")
        if chosen:
            await self._permissions.check(caller, [actions.guardrail(chosen, *place)], exchange.iam)
        streaming = operation == "ConverseStream"
        events = self._events(exchange, self._backend, request, streaming=streaming)
        async with aclosing(events):
            work = _stream(exchange, events) if streaming else _whole(exchange, events)
            await while_connected(receive, work)

    def _events(
        self, exchange: Exchange, backend: Backend, request: ConverseRequest, *, streaming: bool
    ) -> AsyncGenerator[Event]:
        guard = converse.guard(request, self._guardrails, self._clock.monotonic)
        if guard is None:
            return backend.events(converse.unwrapped(request), streaming=streaming)
        exchange.outcomes = guard.outcomes
        return guard.around(request, lambda changed: backend.events(changed, streaming=streaming))

    async def _apply(
        self, exchange: Exchange, receive: Receive, raw_path: bytes, labels: Mapping[str, str], body: bytes
    ) -> None:
        exchange.operation = "ApplyGuardrail"
        exchange.model_id = labels["guardrailIdentifier"]
        if isinstance(self._backend, Relay):
            reply = self._backend.forward(raw_path.decode("ascii"), body)
            await while_connected(receive, _relay(exchange, reply))
            return
        request = checked("ApplyGuardrail", {**document(body), **labels})
        began = self._clock.monotonic()
        outcome = await asyncio.to_thread(apply.apply, self._guardrails, request)
        exchange.outcomes.append(outcome)
        milliseconds = int((self._clock.monotonic() - began) * 1000)
        answer = apply.answer(self._guardrails, request, outcome, milliseconds)
        await exchange.reply(
            Reply(200, [(b"content-type", b"application/json")], json.dumps(answer).encode())
        )

    def _record(self, exchange: Exchange) -> None:
        applied = exchange.operation == "ApplyGuardrail" and not isinstance(self._backend, Relay)
        detail = {"backend": "rules" if applied else self._backend.name}
        if exchange.tools:
            detail["tool"] = ", ".join(exchange.tools)
        if exchange.outcomes:
            detail["guardrail"] = exchange.outcomes[0].guardrail.name
            detail["action"] = ", ".join(f"{item.source} {item.action}" for item in exchange.outcomes)
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
                iam=exchange.iam,
                **trace.members(),
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
            from skerry.auth.aws.credentials import AwsCredentials  # late: only this backend needs it

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


def _guardrail(raw_path: bytes) -> Mapping[str, str] | None:
    """Identifier and version in the raw path of ApplyGuardrail."""
    match = service_model().match("POST", raw_path)
    return match.labels if match is not None and match.operation.name == "ApplyGuardrail" else None


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


async def _relay(exchange: Exchange, answer: Coroutine[Any, Any, UpstreamReply]) -> None:
    reply = await answer
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
