"""Synchronous Invoke of a Lambda function at the stack's own endpoint, signed with the gateway's role.

Source: Lambda API reference, "Invoke"; AWS developer guide, "Lambda target" and "Gateway debugging".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from skerry.errors import ProtocolError
from skerry.local.gateway.outbound import Outbound
from skerry.local.gateway.outgoing import Outgoing, TargetError
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.http.upstream import Reply
from skerry.wire.arn import Arn
from skerry.wire.jsonrpc import encode


def client_context(custom: Mapping[str, Any]) -> dict[str, str]:
    """The header that carries a client context whose `custom` this is."""
    raw = base64.b64encode(encode({"custom": dict(custom)})).decode("ascii")
    return {"x-amz-client-context": raw}


async def invoke(arn: str, call: Outgoing, outbound: Outbound, settings: GatewaySettings) -> bytes:
    """What the function returns for the event in `call.body`, as JSON.

    `call` says who is served and what the hop shows; where it goes and as whom is decided here. Raises
    TargetError when the function was not run or ended with an error.
    """
    try:
        region = Arn.parse(arn).region
    except ProtocolError as problem:
        raise TargetError(problem.message, hint=problem.hint) from problem
    if region != settings.region:
        raise TargetError(
            f"The function {arn} is in another Region than the gateway ({settings.region}).",
            hint="A gateway invokes functions of its own Region only.",
        )
    headers = {
        "content-type": "application/json",
        "x-amz-invocation-type": "RequestResponse",
        **call.headers,
    }
    url = f"{settings.endpoint}/2015-03-31/functions/{quote(arn, safe='')}/invocations"
    sent = replace(call, url=url, headers=headers, service="lambda", region=region)
    async with outbound.exchange(sent) as reply:
        payload = await reply.read(settings.payload)
        _check(arn, reply, payload, settings.assumptions.access_denied)
    return payload


def value_of(payload: bytes) -> object:
    """The JSON of a payload, None when it is none."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None


def _check(arn: str, reply: Reply, payload: bytes, access_denied: str) -> None:
    """Raises TargetError when the function was not run or ended with an error."""
    if reply.status in (401, 403):
        raise TargetError(access_denied.format(arn=arn))
    if reply.status >= 300:
        raise TargetError(f"Invoking {arn} failed with HTTP {reply.status}: {_message(payload)}")
    if kind := reply.header("x-amz-function-error"):
        raise TargetError(f"The function {arn} failed ({kind}): {_message(payload)}")


def _message(payload: bytes) -> str:
    """The error message in an answer of Lambda, or the beginning of the answer."""
    value = value_of(payload) if len(payload) <= 100_000 else None
    if isinstance(value, dict):
        text = value.get("errorMessage") or value.get("message") or value.get("Message")
        kind = value.get("errorType")
        if isinstance(text, str):
            return f"{kind}: {text}"[:2000] if isinstance(kind, str) and kind else text[:2000]
    return payload[:200].decode("utf-8", "replace")
