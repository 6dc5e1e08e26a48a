"""Which agent runtime to talk to, and how to prove oneself there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx2

from skerry.auth import local
from skerry.auth.clock import SystemClock
from skerry.auth.credentials import AwsCredentials
from skerry.auth.sigv4 import Credentials, sign
from skerry.auth.transport import Transport
from skerry.errors import ConfigurationError
from skerry.wire.arn import Arn, is_arn
from skerry.wire.endpoints import data_plane, invocation_url

SERVICE = "bedrock-agentcore"

Auth = Literal["auto", "iam", "bearer"]
Proof = Callable[[str, Mapping[str, str], bytes], Mapping[str, str]]
"""From URL, headers and body of a POST to the headers that prove it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asked for. Empty strings mean: not said."""

    agent: str = ""
    region: str = ""
    endpoint_url: str = ""
    auth: Auth = "auto"
    state: Path = Path(".skerry")
    runtime_arn: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """A runtime: what to call it, its invocation URL, the region, and how to prove a request."""

    name: str
    url: str
    region: str
    prove: Proof


def find(wanted: Wanted) -> Target:
    """The target of a wish: a runtime of the running stack, or any runtime by its ARN.

    Raises NotRunningError, ConfigurationError (an unknown name, no credentials), StateError, ProtocolError.
    """
    stack = local.read(wanted.state)
    arn = wanted.agent if is_arn(wanted.agent) else ""
    if not wanted.agent and stack is None:
        arn = wanted.runtime_arn
    entry = (
        local.by_arn(stack, arn) if arn else local.named(stack, "runtime", wanted.agent, state=wanted.state)
    )
    if entry is None:
        return _elsewhere(wanted, Arn.parse(arn))
    assert stack is not None
    base = wanted.endpoint_url or str(stack["endpoint"])
    region = wanted.region or str(stack["region"])
    url = invocation_url(base, str(entry["arn"]))
    mode = wanted.auth if wanted.auth != "auto" else "bearer" if entry.get("auth") == "jwt" else "iam"
    if mode == "iam":
        return Target(str(entry["name"]), url, region, signature(lambda: local.credentials(stack), region))
    return Target(str(entry["name"]), url, region, bearer(lambda: wanted.token or _token(stack, entry)))


def _elsewhere(wanted: Wanted, arn: Arn) -> Target:
    """A runtime that no running stack knows: on AWS, or at the endpoint that was named."""
    region = wanted.region or arn.region
    url = invocation_url(wanted.endpoint_url or data_plane(arn.region), str(arn))
    name = arn.resource_id.rpartition("-")[0] or arn.resource_id
    mode = wanted.auth if wanted.auth != "auto" else "bearer" if wanted.token else "iam"
    if mode == "iam":
        return Target(name, url, region, signature(AwsCredentials().current, region))
    if not wanted.token:
        raise ConfigurationError(
            "there is no bearer token for this runtime.", hint="Set SKERRY_TOKEN to one."
        )
    return Target(name, url, region, bearer(lambda: wanted.token))


def signature(keys: Callable[[], Credentials], region: str) -> Proof:
    """Signs for AgentCore with the keys of the moment."""

    def prove(url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        return sign(
            "POST", url, headers, body, credentials=keys(), region=region, service=SERVICE, now=time.time()
        )

    return prove


def bearer(token: Callable[[], str]) -> Proof:
    """Sends the token of the moment."""

    def prove(url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:  # noqa: ARG001
        return {"Authorization": f"Bearer {token()}"}

    return prove


def _token(stack: local.Stack, entry: Mapping[str, Any]) -> str:
    """A fresh token from the stack's identity provider."""

    async def ask() -> str:
        async with httpx2.AsyncClient(trust_env=False) as http:
            transport = Transport(http)
            return await local.token(
                stack, entry, post=transport.post, fetch=transport.fetch, clock=SystemClock()
            )

    return asyncio.run(ask())
