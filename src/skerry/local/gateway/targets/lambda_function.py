"""Lambda targets: a tool call is a synchronous Invoke, signed with the gateway's role.

Source: AWS developer guide, "Lambda target": the event is the bare `arguments` object, everything else is
in the client context. Nothing in it names the user.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from skerry.errors import ProtocolError
from skerry.local.gateway import propagation
from skerry.local.gateway.arguments import problem as arguments_problem
from skerry.local.gateway.messages import Relayed, Request, Result, tool_error
from skerry.local.gateway.outbound import Outbound
from skerry.local.gateway.outgoing import Outgoing, TargetError
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.gateway.targets.base import Listing
from skerry.local.gateway.tools import Item, prefixed
from skerry.local.ports import Caller, Clock, Record
from skerry.local.upstream import Reply
from skerry.wire.arn import Arn
from skerry.wire.jsonrpc import encode
from skerry.wire.session import new as new_id

OPERATION = "→ lambda Invoke"


class LambdaTarget:
    """A function whose tools are declared in the target's inline schema."""

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
        function = quote(self._arn, safe="")
        self._url = f"{settings.endpoint}/2015-03-31/functions/{function}/invocations"

    async def listing(self, gateway: Record, caller: Caller | None) -> Listing:
        """The tools of the inline schema."""
        del gateway, caller
        inline = self._schema.get("inlinePayload")
        if inline is None:
            raise TargetError(
                "The tool schema is in S3, which this gateway does not read yet.",
                hint="Give it as toolSchema.inlinePayload.",
            )
        return Listing(tools=prefixed(str(self.record["name"]), inline))

    async def call(self, request: Request, item: Item) -> Result | Relayed:
        """Invokes the function with the arguments; its whole return value becomes the text of the result."""
        arguments = request.params.get("arguments")
        arguments = {} if arguments is None else arguments
        table = self._settings.assumptions
        wrong = arguments_problem(item.schema, arguments, closed=table.closed_objects)
        if wrong is not None:
            return tool_error(wrong)
        async with self._outbound.exchange(self._invoke(request, item, encode(arguments))) as reply:
            payload = await reply.read(self._settings.payload)
            self._check(reply, payload)
        return self._result(item, payload)

    async def relay(self, request: Request, item: Item) -> Relayed:
        """Lambda targets have tools only."""
        raise TargetError(f"The Lambda target has no {item.name!r} for {request.message.method}.")

    async def close(self) -> None:
        """Nothing is kept."""

    def _invoke(self, request: Request, item: Item, event: bytes) -> Outgoing:
        try:
            region = Arn.parse(self._arn).region
        except ProtocolError as problem:
            raise TargetError(problem.message, hint=problem.hint) from problem
        if region != self._settings.region:
            raise TargetError(
                f"The function {self._arn} is in another Region than the gateway ({self._settings.region}).",
                hint="A gateway invokes functions of its own Region only.",
            )
        propagated = propagation.request_headers(request.headers, self.record)
        return Outgoing(
            gateway=request.gateway,
            target=self.record,
            operation=OPERATION,
            url=self._url,
            body=event,
            headers={
                "content-type": "application/json",
                "x-amz-invocation-type": "RequestResponse",
                "x-amz-client-context": self._client_context(request, item, propagated),
            },
            trace=propagation.trace_headers(request.headers),
            noted=tuple(propagated),
            dropped=propagation.dropped_headers(request.headers, self.record),
            caller=request.caller,
            session=request.session,
            tool=item.public,
            service="lambda",
            region=region,
        )

    def _client_context(self, request: Request, item: Item, propagated: Mapping[str, str]) -> str:
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
        return base64.b64encode(encode({"custom": custom})).decode("ascii")

    def _check(self, reply: Reply, payload: bytes) -> None:
        """Raises TargetError when the function was not run or ended with an error."""
        if reply.status in (401, 403):
            raise TargetError(self._settings.assumptions.access_denied.format(arn=self._arn))
        if reply.status >= 300:
            raise TargetError(f"Invoking {self._arn} failed with HTTP {reply.status}: {_message(payload)}")
        if kind := reply.header("x-amz-function-error"):
            raise TargetError(f"The function {self._arn} failed ({kind}): {_message(payload)}")

    def _result(self, item: Item, payload: bytes) -> Result:
        try:
            text = payload.decode("utf-8")
        except UnicodeDecodeError as problem:
            raise TargetError(f"The function {self._arn} returned bytes that are not JSON.") from problem
        members: dict[str, object] = {"content": [{"type": "text", "text": text}], "isError": False}
        if self._settings.assumptions.structured_content and "outputSchema" in item.definition:
            value = _json(text)
            if isinstance(value, dict):
                members["structuredContent"] = value
        return Result(members)


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _message(payload: bytes) -> str:
    """The error message in an answer of Lambda, or the beginning of the answer."""
    value = _json(payload[:100_000].decode("utf-8", "replace"))
    if isinstance(value, dict):
        text = value.get("errorMessage") or value.get("message") or value.get("Message")
        kind = value.get("errorType")
        if isinstance(text, str):
            return f"{kind}: {text}"[:2000] if isinstance(kind, str) and kind else text[:2000]
    return payload[:200].decode("utf-8", "replace")
