"""The doors of the fake data plane: who may pass, and the services where proofs come from. See `agentcore`."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from skerry.auth.aws.sigv4 import check, presented
from skerry.errors import SignatureError
from tests.kit.agentcore_refusals import MISMATCH, aws_error
from tests.kit.http_peer import Exchange, Request

if TYPE_CHECKING:
    from tests.kit.agentcore import AgentCore

SECRET = "not a real secret " + "x" * 30


async def admitted(server: AgentCore, exchange: Exchange) -> bool:
    """Whether the request may pass; one that may not is answered here."""
    request = exchange.request
    given = request.headers.get("authorization", "")
    if server.auth == "any":
        return True
    if server.auth == "bearer":
        if given.startswith("AWS4-"):
            await aws_error(exchange, 403, MISMATCH)
        elif given.removeprefix("Bearer ") not in server.tokens:
            server.note(request)
            challenge = {"www-authenticate": f'Bearer resource_metadata="{server.url}/prm"'}
            body = {
                "jsonrpc": "2.0",
                "error": {"code": -32001, "message": "Missing Authentication Token"},
            }
            await exchange.answer(401, json.dumps(body).encode(), challenge)
        else:
            return True
        return False
    if given.startswith("Bearer "):
        await aws_error(exchange, 403, MISMATCH)
        return False
    problem = _signature_problem(server, request)
    if problem:
        server.note(request)
        expired = {"x-amzn-errortype": "ExpiredTokenException"} if "expired" in problem else {}
        await aws_error(exchange, 403, problem, extra=expired)
    return not problem


def _signature_problem(server: AgentCore, request: Request) -> str:
    split = urlsplit(request.target)
    try:
        shown = presented(request.method, split.path.encode(), split.query.encode(), request.pairs)
        if shown.access_key_id in server.expired:
            return "The security token included in the request is expired"
        check(
            shown,
            request.body,
            server.keys.get(shown.access_key_id, ""),
            now=time.time(),
            expected_token=shown.token,
        )
    except SignatureError as error:
        return str(error)
    return ""


async def sts(server: AgentCore, exchange: Exchange) -> None:
    """GetCallerIdentity and AssumeRole; each role session gets a key of its own."""
    form = {name: values[0] for name, values in parse_qs(exchange.request.body.decode()).items()}
    server.sts.append(form)
    server.news()
    action = form.get("Action", "")
    if action == "AssumeRole":
        key = f"ASIAPROXYTESTS{len(server.sts):06}"
        server.keys[key] = SECRET
        inner = (
            f"<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>"
            "<SessionToken>token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
            "<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/caller/name</Arn>"
            "<AssumedRoleId>AROA:name</AssumedRoleId></AssumedRoleUser>"
        )
    else:
        inner = f"<Arn>{server.caller}</Arn><UserId>AIDACALLER</UserId><Account>123456789012</Account>"
    text = (
        f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>{inner}'
        f"</{action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
    )
    await exchange.answer(200, text.encode(), {"content-type": "text/xml"})


async def token(server: AgentCore, exchange: Exchange) -> None:
    """A token endpoint that grants whatever it is asked for."""
    form = {name: values[0] for name, values in parse_qs(exchange.request.body.decode()).items()}
    server.grants.append({**form, "authorization": exchange.request.headers.get("authorization", "")})
    granted = f"granted-{len(server.grants)}"
    server.tokens.add(granted)
    found = {"access_token": granted, "token_type": "Bearer", "expires_in": 3600}
    await exchange.answer(200, json.dumps(found).encode())
