"""Lambda's Invoke, signed with SigV4, for the provider's triggers.

Source: Lambda API reference, "Invoke": `RequestResponse`; a function that failed answers 200 with
`X-Amz-Function-Error` and a body with `errorType` and `errorMessage`.
"""

from __future__ import annotations

import asyncio
import json
import math
import ssl
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, NoReturn
from urllib.parse import quote

import httpx2

from skerry.auth.aws.sigv4 import Credentials, sign
from skerry.idp.triggers.declared import Cloud
from skerry.wire.jsonrpc import depth_exceeds
from skerry.wire.trace import outgoing

MAX_RESPONSE = 1 << 20
MAX_DEPTH = 32
_LONGEST_MESSAGE = 200


class TriggerError(Exception):
    """The function failed, was too slow or could not be called.

    `kind` is what a caller may know of it, `message` what its author should; it may repeat what the function
    said, and never a key.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(kind)
        self.kind = kind
        self.message = message


async def invoke(cloud: Cloud, function: str, event: Mapping[str, Any], *, seconds: float) -> Any:
    """What the function answers to `event`, within so many seconds. Raises TriggerError.

    The signature has the machine's time, however the provider's clock was moved.
    """
    url = f"{cloud.endpoint}/2015-03-31/functions/{quote(function, safe='')}/invocations"
    body = json.dumps(event).encode()
    headers = sign(
        "POST",
        url,
        {},
        body,
        credentials=Credentials(cloud.access_key_id, cloud.secret_access_key),
        region=cloud.region,
        service="lambda",
        now=time.time(),
    )
    try:
        async with asyncio.timeout(seconds):
            status, failed, answer = await _post(url, headers, body)
    except TimeoutError as error:
        raise TriggerError("timeout", f"it did not answer within {seconds:g} s") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise TriggerError("unreachable", f"{cloud.endpoint} does not answer") from error
    if status != 200:
        kind = "not found" if status == 404 else f"refused with {status}"
        raise TriggerError(kind, f"Invoke answered {status}: {_shown(answer, 'Message', 'message')}")
    if failed:
        kind = _shown(answer, "errorType") or failed
        raise TriggerError(kind, f"{kind}: {_shown(answer, 'errorMessage')}")
    return read(answer)


async def _post(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, bytes]:
    async with (
        httpx2.AsyncClient(trust_env=False, timeout=None, verify=_trust()) as http,
        http.stream("POST", url, headers={**headers, **outgoing()}, content=body) as reply,
    ):
        answer = bytearray()
        async for chunk in reply.aiter_bytes():
            answer += chunk
            if len(answer) > MAX_RESPONSE:
                raise TriggerError("too large", f"it answered more than {MAX_RESPONSE} bytes")
        return reply.status_code, reply.headers.get("x-amz-function-error", ""), bytes(answer)


@cache
def _trust() -> ssl.SSLContext:
    """Read once: it takes longer than a call."""
    return ssl.create_default_context()


def read(answer: bytes) -> Any:
    """The JSON of an answer. Raises TriggerError (malformed)."""
    try:
        if depth_exceeds(answer, MAX_DEPTH):
            raise ValueError("nested too deep")
        return json.loads(answer, parse_constant=_constant, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise TriggerError("malformed", "its answer is no JSON that can be read") from error


def _constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):  # it would go into the token as Infinity, which no verifier reads
        raise ValueError("a number is out of range")
    return value


def _shown(answer: bytes, *names: str) -> str:
    """The first string among some members of an answer, cut to what a line can hold."""
    try:
        found = read(answer)
    except TriggerError:
        return ""
    members = found if isinstance(found, dict) else {}
    text = next((members[name] for name in names if isinstance(members.get(name), str)), "")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LONGEST_MESSAGE]
