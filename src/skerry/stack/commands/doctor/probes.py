"""What servers, issuers and the stack answer when they are asked. Nothing here judges."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from skerry.auth import local
from skerry.auth.bearer import claims_of
from skerry.auth.discovery import is_loopback
from skerry.errors import RemoteError
from skerry.proxy.upstream import Target
from skerry.relay.http.recovery import RUNTIME_CLIENT_ERROR
from skerry.stack.control import Control

PING = b'{"jsonrpc":"2.0","id":"doctor","method":"ping"}'
HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
SUFFIX = "/.well-known/openid-configuration"
_MAX = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer; header names are in small letters, `date` is seconds since the epoch."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    date: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """What the metadata at a discovery URL says, and the ids of the keys it points to."""

    asked: str
    named: str
    keys: tuple[str, ...] = ()


async def ask(url: str, headers: Mapping[str, str]) -> Answer:
    """A ping with these headers. Raises RemoteError when nobody answers."""
    trust = not is_loopback(httpx2.URL(url).host)
    async with httpx2.AsyncClient(trust_env=trust, timeout=30, follow_redirects=False) as http:
        try:
            async with http.stream("POST", url, content=PING, headers={**HEADERS, **headers}) as answer:
                body = b""
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > _MAX or answer.headers.get("content-type", "").startswith("text/event"):
                        break
                return Answer(
                    status=answer.status_code,
                    headers={name.lower(): value for name, value in answer.headers.items()},
                    body=body[:_MAX],
                    date=_date(answer.headers.get("date", "")),
                )
        except httpx2.HTTPError as error:
            raise RemoteError(
                f"{url} does not answer ({type(error).__name__}).",
                hint="Is it running? Check host, port and path of the URL; skerry status shows the stack.",
            ) from error


async def discovered(url: str) -> Issuer:
    """The issuer behind a discovery URL. Raises RemoteError when metadata or keys cannot be had."""
    trust = not is_loopback(httpx2.URL(url).host)
    async with httpx2.AsyncClient(trust_env=trust, timeout=10, follow_redirects=False) as http:
        data = await _json(http, url, "the issuer's metadata")
        place = str(data.get("jwks_uri", ""))
        keys = (await _json(http, place, "the issuer's keys")).get("keys", []) if place else []
    kids = tuple(str(key["kid"]) for key in keys if isinstance(key, dict) and "kid" in key)
    return Issuer(asked=url.removesuffix(SUFFIX), named=str(data.get("issuer", "")), keys=kids)


async def _json(http: httpx2.AsyncClient, url: str, what: str) -> dict[str, Any]:
    try:
        answer = await http.get(url)
        data = answer.json() if answer.status_code == 200 else None
        told = f"HTTP {answer.status_code}"
    except (httpx2.HTTPError, ValueError) as error:
        data, told = None, type(error).__name__
    if not isinstance(data, dict):
        raise RemoteError(
            f"{what} cannot be had at {url} ({told}).",
            hint="Is the identity provider running (skerry status), and is the discovery URL right? "
            f"It ends in {SUFFIX}.",
        )
    return data


def authorizer(target: Target) -> Mapping[str, Any] | None:
    """The customJWTAuthorizer of a gateway or runtime of the running stack; None where it has none."""
    stack = target.stack
    if stack is None:
        return None
    control = Control(stack["endpoint"], stack["region"], local.credentials(stack))
    known = stack[f"{target.kind}s"].get(target.name, {}) if target.kind != "mcp" else {}
    identifier = str(known.get("id") or target.name)
    if target.kind == "gateway":
        found = control.found("get_gateway", gatewayIdentifier=identifier)
    else:
        found = control.found("get_agent_runtime", agentRuntimeId=identifier)
    custom: Mapping[str, Any] | None = found.get("authorizerConfiguration", {}).get("customJWTAuthorizer")
    return custom


def failure(body: bytes) -> str:
    """Why a runtime has no answer of its program; "" when it has one. Such errors come with HTTP 200."""
    try:
        error = json.loads(body)["error"]
        return str(error["message"]) if error["code"] == RUNTIME_CLIENT_ERROR else ""
    except (ValueError, RecursionError, LookupError, TypeError):
        return ""


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a JWT, unverified; both empty for anything else."""
    claims = claims_of(token)
    try:
        head = json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))
    except (ValueError, RecursionError):
        return {}, {}
    return (head, dict(claims)) if isinstance(head, dict) and claims else ({}, {})


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        return None
