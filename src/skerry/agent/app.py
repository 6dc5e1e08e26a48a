"""The agent's program: BedrockAgentCoreApp around conversations.

The runtime calls `POST /invocations`; every event that the entrypoint yields becomes one `data:` line of
the answer. The agent has no local mode: its model is Bedrock through boto3, its tools are a Gateway's,
and what changes between one machine and AWS is their URLs and credentials.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import boto3
from bedrock_agentcore import BedrockAgentCoreApp
from bedrock_agentcore.runtime.context import RequestContext
from botocore.config import Config
from strands.models import BedrockModel, Model

from skerry.agent.conversation import Conversation, Desk, Request
from skerry.agent.errors import AgentError, innermost
from skerry.agent.events import Event, new_id
from skerry.agent.gate import Gate, Policy
from skerry.agent.gateway import Connection, GatewayAuth
from skerry.agent.identity import Caller, caller
from skerry.agent.proof import Keys, SignatureProof, TokenProof, Tokens, chosen
from skerry.agent.sources import gateway_tokens, role_keys
from skerry.agent.store import Store
from skerry.errors import ProtocolError
from skerry.settings import AgentSettings
from skerry.wire import session
from skerry.wire.context import ClientContext
from skerry.wire.headers import TRACE

MAX_CONVERSATIONS = 32

_log = logging.getLogger("skerry.agent")


class Conversations:
    """The conversations of this process by session id; idle ones beyond the limit lose their connection.

    On AgentCore a process serves one session; several are possible where it is run by hand.
    """

    def __init__(self, desk: Desk, *, limit: int = MAX_CONVERSATIONS) -> None:
        self._desk = desk
        self._limit = limit
        self._known: OrderedDict[str, Conversation] = OrderedDict()

    async def of(self, session_id: str) -> Conversation:
        """The conversation of a session, a new one at its first question."""
        found = self._known.setdefault(session_id, Conversation(session_id, self._desk))
        self._known.move_to_end(session_id)
        idle = [name for name, item in self._known.items() if not item.busy and item is not found]
        for name in idle[: max(0, len(self._known) - self._limit)]:
            await self._known.pop(name).close()
        return found


def build(
    settings: AgentSettings,
    *,
    model: Model | None = None,
    keys: Keys | None = None,
    tokens: Tokens | None = None,
    clock: Callable[[], float] = time.time,
) -> BedrockAgentCoreApp:
    """The agent as an ASGI application.

    `model`, `keys` and `tokens` replace Bedrock, the role's credentials and the token endpoint; `clock`
    gives seconds since the epoch.
    """
    found = keys or role_keys()
    asked = tokens or gateway_tokens(settings)

    def connect(caller: Caller, gate: Gate) -> Connection:
        if not settings.gateway_url:
            raise AgentError(
                "CONFIGURATION_ERROR",
                "the agent knows no gateway, so it has no tools.",
                hint="Set SKERRY_GATEWAY_URL in the runtime's environment.",
            )
        proof = chosen(
            settings.gateway_auth,
            caller,
            signature=lambda: SignatureProof(found, region=settings.region, clock=clock),
            token=lambda: TokenProof(asked),
        )
        auth = GatewayAuth(proof)
        return Connection(settings.gateway_url, auth, elicited=gate.elicited, tool_time=settings.tool_time)

    desk = Desk(
        model=(lambda: model) if model is not None else _Bedrock(settings),
        connect=connect,
        store=Store(settings.state),
        policy=Policy(settings.read_only),
        clock=clock,
        approval_time=settings.approval_time,
    )
    conversations = Conversations(desk)
    app = BedrockAgentCoreApp()

    @app.entrypoint
    async def invoke(payload: Any, context: RequestContext) -> AsyncGenerator[Event]:
        try:
            request, session_id = _request(payload, context, clock())
            conversation = await conversations.of(session_id)
            async with aclosing(conversation.run(request)) as events:
                async for event in events:
                    yield event
        except Exception as error:  # noqa: BLE001  (the outermost loop: a client gets RUN_ERROR, never less)
            yield _failure(error)

    return app


def _request(payload: Any, context: RequestContext, now: float) -> tuple[Request, str]:
    """What the runtime handed over, with the session id that it says, whatever the payload says."""
    if not isinstance(payload, Mapping):
        raise AgentError("VALIDATION_ERROR", "the payload must be a JSON object.")
    session_id = context.session_id or session.new()
    given = payload.get("client_context")
    if isinstance(given, Mapping):
        payload = {**payload, "client_context": {**given, "session_id": session_id}}
    try:
        client = ClientContext.from_payload(payload, now=now, session_id=session_id)
    except ProtocolError as error:
        raise AgentError("VALIDATION_ERROR", error.message, hint=error.hint) from error
    received = context.request_headers or {}
    trace = {name.lower(): value for name, value in received.items() if name.lower() in TRACE}
    return Request(payload, caller(received), {**client.to_headers(), **trace}), session_id


class _Bedrock:
    """The Bedrock model, made at the first question: making its client reads a large service model."""

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._model: BedrockModel | None = None

    def __call__(self) -> Model:
        with self._lock:
            if self._model is None:
                self._model = BedrockModel(
                    boto_session=boto3.Session(region_name=self._settings.region),
                    boto_client_config=Config(retries={"total_max_attempts": 2, "mode": "standard"}),
                    model_id=self._settings.model_id,
                )
            return self._model


def _failure(error: Exception) -> Event:
    """RUN_ERROR for a payload that is wrong, or for what nobody expected: no traceback, no secret."""
    if isinstance(error, AgentError):
        return {"type": "RUN_ERROR", "code": error.kind, "message": str(error)}
    reference = new_id()[:8]
    _log.exception("run failed, reference %s", reference)
    text = f"the agent failed ({type(innermost(error)).__name__}); its log has more under {reference}."
    return {"type": "RUN_ERROR", "code": "AGENT_ERROR", "message": text}
