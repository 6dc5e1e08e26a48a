"""Targets whose tools are HTTP operations: OpenAPI documents and what is like them.

A call builds one request of the arguments and gives the answer's body as text.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skerry.local.gateway import propagation
from skerry.local.gateway.arguments import problem as arguments_problem
from skerry.local.gateway.invoke import value_of
from skerry.local.gateway.messages import Relayed, Request, Result, tool_error
from skerry.local.gateway.outbound import Outbound
from skerry.local.gateway.outgoing import Outgoing, TargetError
from skerry.local.gateway.schemas.operation import Api, BadArgumentsError, Operation
from skerry.local.gateway.schemas.operation import request as http_request
from skerry.local.gateway.schemas.problem import SchemaError
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.gateway.targets.base import Listing
from skerry.local.gateway.tools import Item, prefixed
from skerry.local.ports.callers import Caller
from skerry.local.ports.resources import Record
from skerry.local.ports.running import Clock

LOG = logging.getLogger("skerry.gateway")
_SHOWN = 2000


@dataclass(frozen=True, slots=True)
class Answer:
    """An API's answer."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class RestTarget:
    """What kinds of REST targets have in common; each says where its operations come from, in `_api`."""

    dynamic = False

    def __init__(
        self,
        record: Record,
        configuration: Mapping[str, Any],
        outbound: Outbound,
        clock: Clock,
        settings: GatewaySettings,
    ) -> None:
        del clock
        self.record = record
        self._configuration = configuration
        self._outbound = outbound
        self._settings = settings
        self._known = Api({})

    async def _api(self, gateway: Record) -> Api:
        """The operations. Raises SkerryError."""
        raise NotImplementedError

    async def listing(self, gateway: Record, caller: Caller | None) -> Listing:
        """The tools of the document, which is read anew."""
        del caller
        api = await self._api(gateway)
        for warning in api.warnings:
            LOG.warning("target %s: %s", self.record["name"], warning)
        self._known = api
        return Listing(
            tools=prefixed(str(self.record["name"]), (item.tool for item in api.operations.values()))
        )

    def refusal(self, request: Request, item: Item) -> Result | None:
        """What is wrong with the arguments."""
        arguments = request.params.get("arguments") or {}
        closed = self._settings.assumptions.closed_objects
        wrong = arguments_problem(item.schema, arguments, closed=closed)
        return None if wrong is None else tool_error(wrong)

    async def call(self, request: Request, item: Item) -> Result | Relayed:
        """Sends the request that the arguments make. An answer that is not 2xx is a failure of the target."""
        operation = self._known.operations.get(item.name)
        if operation is None:
            raise TargetError(f"The target has no operation {item.name!r} any more.")
        arguments = request.params.get("arguments") or {}
        table = self._settings.assumptions
        try:
            call = self._outgoing(request, item, operation, arguments)
        except BadArgumentsError as problem:
            return tool_error(str(problem))
        except SchemaError as problem:
            raise TargetError(problem.message, hint=problem.hint) from problem
        answer = await self._answer(call, operation, arguments)
        if not 200 <= answer.status < 300:
            body = answer.body[:_SHOWN].decode("utf-8", "replace")
            text = table.rest_failure.format(
                method=operation.method, path=operation.path, status=answer.status, body=body
            )
            raise TargetError(text, refused=answer.status == 401)
        return self._result(item, answer)

    async def relay(self, request: Request, item: Item) -> Relayed:
        """REST targets have tools only."""
        raise TargetError(f"The target has no {item.name!r} for {request.message.method}.")

    async def close(self) -> None:
        """Nothing is kept."""

    def _outgoing(
        self, request: Request, item: Item, operation: Operation, arguments: Mapping[str, Any]
    ) -> Outgoing:
        query = propagation.query_parameters(request.query, self.record)
        made = http_request(operation, arguments, query.items())
        return Outgoing(
            gateway=request.gateway,
            target=self.record,
            operation=f"→ {operation.method} {operation.path}"[:200],
            method=made.method,
            url=made.url,
            body=made.body,
            headers=made.headers,
            propagated=propagation.request_headers(request.headers, self.record, request.injected),
            trace=propagation.trace_headers(request.headers),
            dropped=propagation.dropped_headers(request.headers, self.record, request.injected),
            authorization=request.authorization,
            caller=request.caller,
            session=request.session,
            tool=item.public,
            service=self._known.service,
        )

    async def _answer(self, call: Outgoing, operation: Operation, arguments: Mapping[str, Any]) -> Answer:
        """What the API says. Raises TargetError when it says nothing."""
        del operation, arguments
        async with self._outbound.exchange(call) as reply:
            return Answer(reply.status, reply.headers, await reply.read(self._settings.payload))

    def _result(self, item: Item, answer: Answer) -> Result:
        try:
            text = answer.body.decode("utf-8")
        except UnicodeDecodeError as problem:
            raise TargetError("The target answered with bytes that are not UTF-8 text.") from problem
        members: dict[str, object] = {"content": [{"type": "text", "text": text}], "isError": False}
        if "outputSchema" in item.definition:
            value = value_of(answer.body)
            if isinstance(value, dict):
                members["structuredContent"] = value
        return Result(members, propagation.response_headers(answer.headers, self.record))
