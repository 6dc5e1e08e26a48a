"""The control plane's ASGI application: verify, match, validate, perform, answer."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from skerry.errors import ServiceError, StateError, validation
from skerry.local.api import rest_json, service_model
from skerry.local.api.validation import validate
from skerry.local.control import (
    actions,
    api_keys,
    gateway_rules,
    gateways,
    identities,
    policies,
    policy_engines,
    providers,
    rate_limits,
    resource_policies,
    roles,
    runtimes,
    tags,
)
from skerry.local.control.lifecycle import Kind, Lifecycle
from skerry.local.control.operation import Operation, Outcome, Request, not_emulated
from skerry.local.control.settings import ControlSettings
from skerry.local.http.asgi import read_body, send_reply, traced
from skerry.local.iam.access import role_session
from skerry.local.ports.asgi import Receive, Scope, Send
from skerry.local.ports.callers import Access, Caller
from skerry.local.ports.permissions import Notes, Permissions, Unrestricted
from skerry.local.ports.resources import PolicyCheck, Record, Report, ReportedKind
from skerry.local.ports.running import Clock, Recorder
from skerry.local.rate import Rate, rate
from skerry.local.state.records import Answered
from skerry.local.state.resources import Resources
from skerry.wire import trace
from skerry.wire.hop import LOOKED, LOOKS, Hop

BODY_LIMIT = 10 << 20
SERVICE = "bedrock-agentcore"
MODEL = "bedrock-agentcore-control"

READS = ("Get", "List")
"""How operations that change nothing begin."""
_LOOKS = LOOKS.encode()

CheckTarget = Callable[[Mapping[str, Any]], str | None]

OPERATIONS: Mapping[str, Operation] = {
    **runtimes.OPERATIONS,
    **gateways.OPERATIONS,
    **rate_limits.OPERATIONS,
    **gateway_rules.OPERATIONS,
    **policy_engines.OPERATIONS,
    **policies.OPERATIONS,
    **providers.OPERATIONS,
    **api_keys.OPERATIONS,
    **identities.OPERATIONS,
    **resource_policies.OPERATIONS,
    **tags.OPERATIONS,
}
"""Every operation that is emulated. The service model's other operations get a 501 that names them."""

KINDS: Mapping[str, Kind] = {
    **runtimes.KINDS,
    **gateways.KINDS,
    **rate_limits.KINDS,
    **gateway_rules.KINDS,
}
"""Records whose status moves by itself, and how."""


class ControlPlane:
    """Operations are performed one at a time, so that what one decides on is still so when it is stored.

    `check_policy` is asked about statements before that; without it none is stored. `check_target` says what
    is wrong with the schema of a gateway target; it may take seconds.
    """

    def __init__(
        self,
        *,
        resources: Resources,
        access: Access,
        recorder: Recorder,
        clock: Clock,
        check_policy: PolicyCheck | None = None,
        check_target: CheckTarget | None = None,
        settings: ControlSettings | None = None,
        permissions: Permissions | None = None,
    ) -> None:
        self._resources = resources
        self._permissions: Permissions = permissions or Unrestricted()
        self._access = access
        self._recorder = recorder
        self._clock = clock
        self.check_policy = check_policy
        self.check_target = check_target
        self._lock = asyncio.Lock()
        chosen = settings or ControlSettings()
        self._lifecycle = Lifecycle(resources, clock, self._lock, KINDS, chosen.transition)
        self._settings = chosen
        self._target_operations = 0
        self._writes: Rate | None = None
        self._reads: Rate | None = None

    def limit(self) -> None:
        """From now on the quotas of the settings hold: a stack that provisions itself is not its own user."""
        chosen = self._settings
        self._target_operations = chosen.target_operations
        self._writes = rate(chosen.writes, "writes of the control plane", self._clock)
        self._reads = rate(chosen.reads, "reads of the control plane", self._clock)

    def reporter(self, kind: ReportedKind) -> Report:
        """What the plane that works on records of a kind reports to; before `start`."""
        return self._lifecycle.reporter(kind)

    async def start(self) -> None:
        """Takes up the transitions that an earlier run left; when records are read and planes listen.

        Raises StateError.
        """
        lacking = identities.missing(self._resources, rest_json.iso8601(self._clock.time()))
        if lacking:
            await self._resources.commit(lacking, (), None)
        self._resources.announce(self._lifecycle.resume())

    async def close(self) -> None:
        """Leaves transitions as they are; the next start takes them up."""
        await self._lifecycle.close()

    @traced
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one HTTP request."""
        started, began = self._clock.time(), self._clock.monotonic()
        model = service_model.load(MODEL)
        match = model.match(scope["method"], scope["raw_path"])
        name = match.operation.name if match else _other_operation(scope)
        caller = Caller(kind="anonymous")
        notes: Notes = []
        try:
            body = await read_body(receive, BODY_LIMIT)
            caller = await self._access.signed_by(scope, body, service=SERVICE)
            if match is None or name not in OPERATIONS:
                raise not_emulated(f"The operation {name}")
            allowed = self._reads if name.startswith(READS) else self._writes
            if allowed is not None:
                allowed.take()
            given = rest_json.parse(model, match, scope["query_string"], scope["headers"], body)
            validate(model, match.operation.input, given)
            await self._permit(name, given, caller, notes)
            if self.check_target is not None and "targetConfiguration" in given:
                # In a thread: to read a document of a megabyte takes a second.
                wrong = await asyncio.to_thread(self.check_target, given)
                if wrong is not None:
                    raise validation(wrong, ("targetConfiguration", wrong))
            # A write that has begun is finished and remembered even when the client goes away.
            output = await asyncio.shield(asyncio.ensure_future(self._perform(name, given)))
            reply = rest_json.reply(model, match.operation, output)
        except ServiceError as error:
            reply = rest_json.error_reply(error)
        except StateError as error:
            reply = rest_json.error_reply(ServiceError("InternalServerException", 500, str(error)))
        await send_reply(send, reply)
        self._recorder.record(
            Hop(
                part="control",
                operation=name,
                identity=caller.name,
                auth="sigv4" if caller.kind == "iam" else "none",
                status=reply.status,
                started=started,
                duration_ms=(self._clock.monotonic() - began) * 1000,
                session=role_session(caller.arn),
                target=scope["raw_path"].decode("latin-1"),
                detail=_looked(name, scope),
                iam=notes,
                **trace.members(),
            )
        )

    async def _permit(self, name: str, given: Mapping[str, Any], caller: Caller, notes: Notes) -> None:
        """Raises AccessDeniedException, and ValidationException for a role that does not do."""
        place = self._resources.place
        await self._permissions.check(caller, actions.asks(name, given, place), notes)
        await roles.check(name, given, place, self._permissions, notes)

    async def _perform(self, name: str, given: dict[str, Any]) -> Record:
        token = given.pop("clientToken", None)
        digest = hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()
        proposal = policies.proposal(name, given, self._resources)
        found = await self.check_policy(proposal) if proposal and self.check_policy else None
        async with self._lock:
            await self._lifecycle.settle()
            if token is not None:
                before = self._resources.answered(name, token)
                if before is not None:
                    return self._resources.located(_same(before, digest))
            if self._target_operations and name in gateways.TARGET_OPERATIONS:
                gateways.check_operations(given, self._resources, self._target_operations)
            now = self._clock.time()
            outcome = OPERATIONS[name](Request(given, self._resources, rest_json.iso8601(now), found))
            if outcome.writes:
                answered = None if token is None else Answered(name, token, digest, outcome.output, now)
                await self._commit(outcome, answered)
            return outcome.output

    async def _commit(self, outcome: Outcome, answered: Answered | None) -> None:
        self._lifecycle.begin(outcome.writes)
        await self._resources.commit(outcome.writes, outcome.changes, answered)
        self._lifecycle.wake()


def _looked(name: str, scope: Scope) -> dict[str, str]:
    """The mark of a hop by which the command line only looks how things are."""
    agents = (value for header, value in scope["headers"] if header == b"user-agent")
    return {LOOKED: "skerry"} if name.startswith(READS) and any(_LOOKS in agent for agent in agents) else {}


def _same(before: Answered, digest: str) -> Record:
    """The answer given before; a token with other parameters is refused."""
    if before.fingerprint == digest:
        return before.output
    raise ServiceError(
        "ValidationException",
        400,
        "The clientToken was used before with other parameters.",
        hint="Use a new token for a new request.",
        members={"reason": "IdempotentParameterMismatchException"},
    )


def _other_operation(scope: Scope) -> str:
    """The name of an operation of AgentCore's data plane, or the method and path."""
    found = service_model.load(SERVICE).match(scope["method"], scope["raw_path"])
    return found.operation.name if found else f"{scope['method']} {scope['raw_path'].decode('latin-1')}"
