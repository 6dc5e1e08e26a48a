"""The agent's program: BedrockAgentCoreApp around conversations.

The runtime calls `POST /invocations`; every event that the entrypoint yields becomes one `data:` line of
the answer. The agent has no local mode: its model is Bedrock through boto3, its tools are a Gateway's,
and what changes between one machine and AWS is their URLs and credentials.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from bedrock_agentcore import BedrockAgentCoreApp
from bedrock_agentcore.runtime.context import RequestContext
from bedrock_agentcore.runtime.models import PingStatus
from strands.models import Model

from skerry.agent.desk import Request, client_headers, given
from skerry.agent.errors import AgentError, run_error
from skerry.agent.events import Event, Run
from skerry.agent.identity import Caller, caller
from skerry.agent.operations import Operations
from skerry.agent.proof import Keys, Tokens
from skerry.agent.sources import desk
from skerry.agent.work import unexpected
from skerry.settings import AgentSettings
from skerry.store.records import MAX_PAGE, KeptStore
from skerry.wire import session, trace

CLOSE_TIME = 4.0
LEASE = 15.0
"""Seconds for which others on the same store, such as the web service, take a run for alive; see Times."""


def build(
    settings: AgentSettings,
    *,
    model: Model | None = None,
    keys: Keys | None = None,
    tokens: Tokens | None = None,
    store: KeptStore | None = None,
    clock: Callable[[], float] = time.time,
) -> BedrockAgentCoreApp:
    """The agent as an ASGI application.

    `model`, `keys`, `tokens` and `store` replace Bedrock, the role's credentials, the token endpoint and the
    store that the settings name; `clock` gives seconds since the epoch.
    """
    made = desk(
        settings, model=model, keys=keys, tokens=tokens, store=store, clock=clock, lease=LEASE, alone=True
    )
    entry = _Entry(Operations(made), trust_user=settings.trust_user, clock=clock)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(entry.close)
        made.store.close()

    app = BedrockAgentCoreApp(lifespan=lifespan)

    @app.ping
    def ping() -> PingStatus:
        # Listeners are not asked after: the SDK learns that one has gone only with the next event.
        return PingStatus.HEALTHY_BUSY if entry.operations.working else PingStatus.HEALTHY

    @app.entrypoint
    async def invoke(payload: Any, context: RequestContext) -> AsyncGenerator[Event]:
        try:
            async with aclosing(entry.events(payload, context)) as events:
                async for event in events:
                    yield event
        except Exception as error:  # noqa: BLE001  (the outermost loop: a client gets RUN_ERROR, never less)
            problem = run_error(error) or unexpected(error)
            yield {"type": "RUN_ERROR", "code": problem.kind, "message": str(problem)}

    return app


class _Entry:
    """The payloads of the entry point. All of it runs on the loop that AgentCore's SDK makes for handlers."""

    def __init__(self, operations: Operations, *, trust_user: bool, clock: Callable[[], float]) -> None:
        self.operations = operations
        self._trust_user = trust_user
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None

    async def events(self, payload: Any, context: RequestContext) -> AsyncGenerator[Event]:
        """The events of one invocation. Raises AgentError for a payload that is wrong."""
        self._loop = asyncio.get_running_loop()
        if not isinstance(payload, Mapping):
            raise AgentError("VALIDATION_ERROR", "the payload must be a JSON object.")
        session_id = context.session_id or session.new()
        received = context.request_headers or {}
        who = caller(received, session_id=session_id, trust_user=self._trust_user)
        trace.CURRENT.set(trace.caller(_lower(received)))
        headers = client_headers(payload, received, now=self._clock(), session_id=session_id)
        if "query" in payload:
            yield await self._query(payload["query"], who, headers)
        elif "cancel" in payload:
            value = await self.operations.cancel(who, session_id, text(payload, "cancel"))
            yield custom("cancelled", value)
        else:
            async with aclosing(self._run(payload, who, session_id, headers)) as events:
                async for event in events:
                    yield event

    async def _run(
        self, payload: Mapping[str, Any], who: Caller, session_id: str, headers: Mapping[str, str]
    ) -> AsyncGenerator[Event]:
        after = 0
        try:
            if "attach" in payload:
                run, after = attachment(payload["attach"])
                live = await self.operations.attach(who, session_id, run)
            else:
                request = Request(given(payload), who, headers)
                live = await self.operations.begin(session_id, request)
        except AgentError as error:
            run_without = Run(session_id)
            yield run_without.started()
            for event in run_without.failed(error.kind, str(error)):
                yield event
            return
        async with aclosing(live.heard(after)) as events:
            async for event in events:
                yield event

    async def _query(self, query: Any, who: Caller, headers: Mapping[str, str]) -> Event:
        if not isinstance(query, Mapping):
            raise AgentError("VALIDATION_ERROR", "query must be an object with a name.")
        name = query.get("name")
        operations = self.operations
        if name == "conversations":
            limit, cursor = number(query, "limit", 20, MAX_PAGE), str(query.get("cursor") or "")
            return custom(name, await operations.conversations(who, limit=limit, cursor=cursor))
        if name == "conversation":
            after, limit = number(query, "after", 0), number(query, "limit", MAX_PAGE, MAX_PAGE)
            found = await operations.conversation(who, text(query, "id"), after=after, limit=limit)
            return custom(name, found)
        if name == "delete":
            return custom(name, await operations.delete(who, text(query, "id")))
        if name == "tools":
            return custom(name, await operations.tools(who, headers))
        raise AgentError(
            "VALIDATION_ERROR",
            f"there is no query {str(name)[:40]!r}.",
            hint="Use conversations, conversation, delete or tools.",
        )

    def close(self) -> None:
        """Ends what is under way, from another thread than the handlers' loop."""
        if self._loop is not None and self._loop.is_running():
            ending = asyncio.run_coroutine_threadsafe(self.operations.close(), self._loop)
            with suppress(TimeoutError):
                ending.result(CLOSE_TIME)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def attachment(given: Any) -> tuple[str, int]:
    """The run and the number of events that a client has already. Raises AgentError VALIDATION_ERROR."""
    if not isinstance(given, Mapping):
        raise AgentError("VALIDATION_ERROR", "attach must be an object with a runId.")
    return text(given, "runId"), number(given, "after", 0)


def custom(name: Any, value: Any) -> Event:
    return {"type": "CUSTOM", "name": name, "value": value}


def text(payload: Mapping[str, Any], member: str) -> str:
    """A member that must be a text. Raises AgentError VALIDATION_ERROR."""
    value = payload.get(member)
    if not isinstance(value, str) or not value:
        raise AgentError("VALIDATION_ERROR", f"{member} must be a text.")
    return value


def number(payload: Mapping[str, Any], member: str, default: int, most: int = 2**53) -> int:
    """A member that may be a whole number. Raises AgentError VALIDATION_ERROR."""
    value = payload.get(member, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise AgentError("VALIDATION_ERROR", f"{member} must be a whole number of at most {most}.")
    return value
