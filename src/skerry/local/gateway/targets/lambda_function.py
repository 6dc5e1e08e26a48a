"""Lambda targets: a tool call is a synchronous Invoke, signed with the gateway's role.

Source: AWS developer guide, "Lambda target": the event is the bare `arguments` object, everything else is
in the client context. Nothing in it names the user.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.local.gateway import propagation
from skerry.local.gateway.arguments import problem as arguments_problem
from skerry.local.gateway.invoke import client_context, invoke, value_of
from skerry.local.gateway.messages import Relayed, Request, Result, tool_error
from skerry.local.gateway.outbound import Outbound
from skerry.local.gateway.outgoing import Outgoing, TargetError
from skerry.local.gateway.schemas import tool_list
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.gateway.targets.base import Listing
from skerry.local.gateway.tools import Item, prefixed
from skerry.local.ports.callers import Caller
from skerry.local.ports.resources import Record
from skerry.local.ports.running import Clock
from skerry.wire.jsonrpc import encode
from skerry.wire.session import new as new_id

OPERATION = "→ lambda Invoke"


class LambdaTarget:
    """A function whose tools are declared in the target's schema."""

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
        self._arn = str(configuration.get("lambdaArn", ""))
        self._schema = configuration.get("toolSchema") or {}
        self._outbound = outbound
        self._settings = settings

    async def listing(self, gateway: Record, caller: Caller | None) -> Listing:
        """The tools of the schema, which is in the configuration or in S3."""
        del gateway, caller
        tools = self._schema.get("inlinePayload")
        if tools is None:
            tools = tool_list.lambda_tools(await self._outbound.schemas.text(self._schema))
        return Listing(tools=prefixed(str(self.record["name"]), tools))

    def refusal(self, request: Request, item: Item) -> None:
        """The function itself says what is wrong."""

    async def call(self, request: Request, item: Item) -> Result | Relayed:
        """Invokes the function with the arguments; its whole return value becomes the text of the result."""
        arguments = request.params.get("arguments")
        arguments = {} if arguments is None else arguments
        table = self._settings.assumptions
        wrong = arguments_problem(item.schema, arguments, closed=table.closed_objects)
        if wrong is not None:
            return tool_error(wrong)
        payload = await invoke(
            self._arn, self._outgoing(request, item, encode(arguments)), self._outbound, self._settings
        )
        return self._result(item, payload)

    async def relay(self, request: Request, item: Item) -> Relayed:
        """Lambda targets have tools only."""
        raise TargetError(f"The Lambda target has no {item.name!r} for {request.message.method}.")

    async def close(self) -> None:
        """Nothing is kept."""

    def _outgoing(self, request: Request, item: Item, event: bytes) -> Outgoing:
        propagated = propagation.request_headers(request.headers, self.record, request.injected)
        if request.authorization:  # the Invoke keeps the role's signature
            propagated["authorization"] = request.authorization
        return Outgoing(
            gateway=request.gateway,
            target=self.record,
            operation=OPERATION,
            body=event,
            headers=client_context(self._custom(request, item, propagated)),
            trace=propagation.trace_headers(request.headers),
            noted=tuple(propagated),
            dropped=propagation.dropped_headers(request.headers, self.record, request.injected),
            caller=request.caller,
            session=request.session,
            tool=item.public,
        )

    def _custom(self, request: Request, item: Item, propagated: Mapping[str, str]) -> dict[str, Any]:
        custom: dict[str, Any] = {
            "bedrockAgentCoreMessageVersion": "1.0",
            "bedrockAgentCoreAwsRequestId": new_id(),
            "bedrockAgentCoreMcpMessageId": str(request.message.id),
            "bedrockAgentCoreGatewayId": str(request.gateway["gatewayId"]),
            "bedrockAgentCoreTargetId": str(self.record["targetId"]),
            "bedrockAgentCoreToolName": item.public,
        }
        if propagated:
            custom["bedrockAgentCorePropagatedHeaders"] = dict(propagated)
        if query := propagation.query_parameters(request.query, self.record):
            custom["bedrockAgentCorePropagatedQueryParameters"] = query
        return custom

    def _result(self, item: Item, payload: bytes) -> Result:
        try:
            text = payload.decode("utf-8")
        except UnicodeDecodeError as problem:
            raise TargetError(f"The function {self._arn} returned bytes that are not JSON.") from problem
        members: dict[str, object] = {"content": [{"type": "text", "text": text}], "isError": False}
        if self._settings.assumptions.structured_content and "outputSchema" in item.definition:
            value = value_of(payload)
            if isinstance(value, dict):
                members["structuredContent"] = value
        return Result(members)
