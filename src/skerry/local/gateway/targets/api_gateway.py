"""API Gateway targets: methods of a REST API's stage, run by their integration.

What AWS's API Gateway does between the gateway and the backend is done here, as far as proxy integrations go:
an HTTP_PROXY backend is called itself, the function of an AWS_PROXY is invoked with a proxy event. Neither
validators, usage plans, throttling nor authorizers of the stage run.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from skerry.local.gateway.invoke import invoke, value_of
from skerry.local.gateway.outbound import Outbound
from skerry.local.gateway.outgoing import Outgoing, TargetError
from skerry.local.gateway.schemas import rest_api
from skerry.local.gateway.schemas.operation import Api, Operation
from skerry.local.gateway.schemas.rest_api import Stage, StageMethod
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.gateway.targets.rest import Answer, RestTarget
from skerry.local.ports.resources import Record
from skerry.local.ports.running import Clock
from skerry.wire.jsonrpc import encode
from skerry.wire.session import new as new_id

_LIMIT = 10_000_000


class ApiGatewayTarget(RestTarget):
    """A stage of a REST API in the stack's API Gateway."""

    def __init__(
        self,
        record: Record,
        configuration: Mapping[str, Any],
        outbound: Outbound,
        clock: Clock,
        settings: GatewaySettings,
    ) -> None:
        super().__init__(record, configuration, outbound, clock, settings)
        self._stage = Stage({}, {}, (), (), "")
        self._methods: Mapping[str, StageMethod] = {}

    async def _api(self, gateway: Record) -> Api:
        api_id, name = str(self._configuration["restApiId"]), str(self._configuration["stage"])
        path = f"/restapis/{quote(api_id, safe='')}"
        api, stage, resources, models = await asyncio.gather(
            self._described(gateway, path),
            self._described(gateway, f"{path}/stages/{quote(name, safe='')}"),
            self._described(gateway, f"{path}/resources?embed=methods&limit=500"),
            self._described(gateway, f"{path}/models?limit=500"),
        )
        url = f"https://{api_id}.execute-api.{self._settings.region}.amazonaws.com/{quote(name, safe='')}"
        found = Stage(api, stage, resources.get("item") or (), models.get("item") or (), url)
        table = self._settings.assumptions
        made, methods = await asyncio.to_thread(rest_api.read, found, self._configuration, table)
        self._stage, self._methods = found, methods
        return made

    async def _described(self, gateway: Record, path: str) -> dict[str, Any]:
        """An answer of the API Gateway API, asked with the gateway's role."""
        call = Outgoing(
            gateway=gateway,
            target={"name": self.record["name"]},  # the target's credential is for its own API
            operation="→ apigateway GET",
            method="GET",
            url=f"{self._settings.endpoint}{path}",
            body=b"",
            headers={"accept": "application/json"},
            service="apigateway",
        )
        async with self._outbound.exchange(call) as reply:
            body = await reply.read(_LIMIT)
            if reply.status != 200:
                raise TargetError(
                    f"API Gateway answers HTTP {reply.status} for {path.partition('?')[0]}.",
                    hint="Do the REST API and its stage exist in this stack?",
                )
        found = value_of(body)
        if not isinstance(found, dict):
            raise TargetError("API Gateway did not answer with a JSON object.")
        return found

    async def _answer(self, call: Outgoing, operation: Operation, arguments: Mapping[str, Any]) -> Answer:
        method = self._methods[operation.name]
        denied = _denied(method, self.record)
        if denied:
            return Answer(403, (), encode({"message": denied}))
        if not method.function:
            return await super()._answer(call, operation, arguments)
        event = Outgoing(
            gateway=call.gateway,
            target={"name": self.record["name"]},
            operation="→ lambda Invoke",
            body=encode(self._event(call, method, arguments)),
            trace=call.trace,
            noted=tuple(call.propagated),
            dropped=call.dropped,
            caller=call.caller,
            session=call.session,
            tool=call.tool,
        )
        return _proxied(await invoke(method.function, event, self._outbound, self._settings))

    def _event(self, call: Outgoing, method: StageMethod, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The event of a Lambda proxy integration, payload format 1.0."""
        parts = urlsplit(call.url)
        stage = str(self._stage.stage.get("stageName", self._configuration["stage"]))
        path = unquote(parts.path.removeprefix(f"/{quote(stage, safe='')}"))
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        queries: dict[str, list[str]] = {}
        for name, value in pairs:
            queries.setdefault(name, []).append(value)
        headers = {**call.propagated, **call.trace, **call.headers, "host": parts.netloc}
        if call.authorization:
            headers["authorization"] = call.authorization
        labels = {name: str(arguments[name]) for name in arguments if f"{{{name}}}" in method.path}
        body = call.body.decode("utf-8", "replace") if isinstance(call.body, bytes) and call.body else None
        return {
            "resource": method.path,
            "path": path,
            "httpMethod": method.method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": dict(pairs) or None,
            "multiValueQueryStringParameters": queries or None,
            "pathParameters": labels or None,
            "stageVariables": self._stage.stage.get("variables") or None,
            "requestContext": {
                "accountId": self._settings.account,
                "apiId": str(self._configuration["restApiId"]),
                "domainName": parts.netloc,
                "httpMethod": method.method,
                "identity": {"sourceIp": "127.0.0.1", "userAgent": None},
                "path": f"/{stage}{path}",
                "protocol": "HTTP/1.1",
                "requestId": new_id(),
                "resourcePath": method.path,
                "stage": stage,
            },
            "body": body,
            "isBase64Encoded": False,
        }


def _denied(method: StageMethod, record: Record) -> str:
    """What the stage says to a request without the credential that the method wants; empty when it fits."""
    configured = record.get("credentialProviderConfigurations") or [{}]
    kind = configured[0].get("credentialProviderType")
    if method.definition.get("authorizationType") == "AWS_IAM" and kind not in (
        "GATEWAY_IAM_ROLE",
        "CALLER_IAM_CREDENTIALS",
    ):
        return "Missing Authentication Token"
    if method.definition.get("apiKeyRequired") is True and kind != "API_KEY":
        return "Forbidden"
    return ""


def _proxied(payload: bytes) -> Answer:
    """The HTTP answer in a function's return value; API Gateway answers 502 when there is none."""
    malformed = Answer(502, (), b'{"message": "Internal server error"}')
    found = value_of(payload)
    if not isinstance(found, dict) or not isinstance(found.get("statusCode", 200), int | str):
        return malformed
    try:
        status = int(found.get("statusCode", 200))
        text = found.get("body") or ""
        body = (
            base64.b64decode(text)
            if found.get("isBase64Encoded") is True
            else str(text).encode("utf-8", "replace")
        )
    except (ValueError, binascii.Error):
        return malformed
    headers = found.get("headers")
    return Answer(
        status,
        [(str(name), str(value)) for name, value in headers.items()] if isinstance(headers, dict) else (),
        body,
    )
