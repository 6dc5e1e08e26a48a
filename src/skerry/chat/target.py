"""Which agent to talk to, and how to prove oneself there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

import httpx2

from skerry.auth import local
from skerry.auth.aws.credentials import AwsCredentials
from skerry.auth.bearer_sources import AskedTokens
from skerry.auth.clock import SystemClock
from skerry.auth.discovery import is_safe
from skerry.auth.http.transport import Transport
from skerry.auth.login.discovered_tokens import DiscoveredTokens
from skerry.auth.login.kept import Kept
from skerry.auth.ports import ALONE, Origin, Surroundings
from skerry.chat.proofs import FUNCTION_URL, GivenToken, Proof, Signature, SignedIn, Token
from skerry.errors import ConfigurationError
from skerry.settings import SignInSettings
from skerry.wire.arn import Arn, is_arn
from skerry.wire.endpoints import data_plane, invocation_url

Auth = Literal["auto", "iam", "bearer"]

DEFAULT_SCOPE = "openid"

_FUNCTION_HOST = re.compile(r"[a-z0-9]+\.lambda-url\.(?P<region>[a-z0-9-]+)\..+")
_USER = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asked for. Empty strings mean: not said.

    `agent` is a name or ARN, `url` that of a web service instead. `user` is whom to say to a Runtime that one
    is; `login` the name to say to a stack on this machine when nothing else was said. `browser` wants a
    person's sign-in rather than any other token.
    """

    agent: str = ""
    region: str = ""
    endpoint_url: str = ""
    auth: Auth = "auto"
    state: Path = Path(".skerry")
    runtime_arn: str = ""
    token: str = field(default="", repr=False)
    url: str = ""
    profile: str = ""
    user: str = ""
    login: str = ""
    client: SignInSettings = field(default_factory=SignInSettings)
    browser: bool = False
    sts: str = ""

    @property
    def has_token(self) -> bool:
        """Whether there is something to get a token with."""
        return bool(self.token) or bool(self.client.issuer) or self.browser


@dataclass(frozen=True, slots=True)
class Target:
    """An agent: what to call it, its URL, the region, how to prove a request, and who is asking.

    `url` is the invocation URL of a Runtime, or the base URL of a web service when `service` is set. `named`
    says that the agent knows who asks; else it knows the session only.
    """

    name: str
    url: str
    region: str
    proof: Proof
    service: bool = False
    user: str = ""
    arn: str = ""
    bearer: bool = False

    @property
    def named(self) -> bool:
        """Whether the agent is told who asks."""
        return self.service or self.bearer or bool(self.user)


def find(wanted: Wanted, surroundings: Surroundings = ALONE) -> Target:
    """The target of a wish: a service by its URL, a runtime of the running stack, any runtime by its ARN.

    Raises NotRunningError, ConfigurationError (an unknown name, no credentials), StateError, ProtocolError.
    """
    if wanted.user and not _USER.fullmatch(wanted.user):
        raise ConfigurationError(
            "--user cannot be sent.", hint="Give up to 128 characters of ASCII without blanks."
        )
    target = _found(wanted, surroundings)
    if target.bearer and not is_safe(target.url):
        raise ConfigurationError(
            "a token is not sent to a URL without TLS on another machine.", hint="Use https."
        )
    return target


def _found(wanted: Wanted, surroundings: Surroundings) -> Target:
    stack = local.read(wanted.state)
    if wanted.url:
        return _service(wanted, surroundings, stack)
    arn = wanted.agent if is_arn(wanted.agent) else ""
    if not wanted.agent and stack is None:
        arn = wanted.runtime_arn
    entry = (
        local.by_arn(stack, arn) if arn else local.named(stack, "runtime", wanted.agent, state=wanted.state)
    )
    if entry is not None and not is_agent(entry):
        agents = [name for name, other in (stack or {}).get("runtimes", {}).items() if is_agent(other)]
        raise ConfigurationError(
            f"'{entry['name']}' is no agent but a server of tools ({entry['protocol']}).",
            hint=f"Its tools: skerry call {entry['name']}. Agents here: {', '.join(agents) or 'none'}.",
        )
    if entry is None:
        return _elsewhere(wanted, surroundings, Arn.parse(arn))
    assert stack is not None
    base = wanted.endpoint_url or str(stack["endpoint"])
    region = wanted.region or str(stack["region"])
    url = invocation_url(base, str(entry["arn"]))
    bearer = wanted.auth == "bearer" or (wanted.auth == "auto" and entry.get("auth") == "jwt")
    return Target(
        str(entry["name"]),
        url,
        region,
        _token(wanted, surroundings, url, stack, entry) if bearer else _signature(wanted, region, stack),
        user=wanted.user or ("" if bearer else wanted.login),
        arn=str(entry["arn"]),
        bearer=bearer,
    )


def is_agent(entry: Mapping[str, Any]) -> bool:
    """Whether a runtime of a stack answers questions; one of protocol MCP serves tools."""
    return entry.get("protocol") not in ("MCP", "A2A")


def _elsewhere(wanted: Wanted, surroundings: Surroundings, arn: Arn) -> Target:
    """A runtime that no running stack knows: on AWS, or at the endpoint that was named."""
    region = wanted.region or arn.region
    url = invocation_url(wanted.endpoint_url or data_plane(arn.region), str(arn))
    name = arn.resource_id.rpartition("-")[0] or arn.resource_id
    bearer = wanted.auth == "bearer" or (wanted.auth == "auto" and wanted.has_token and not wanted.profile)
    proof = _token(wanted, surroundings, url) if bearer else _signature(wanted, region)
    return Target(name, url, region, proof, user=wanted.user, arn=str(arn), bearer=bearer)


def _service(wanted: Wanted, surroundings: Surroundings, stack: local.Stack | None) -> Target:
    """A web service: a Function URL is signed for Lambda, anything else gets a token where there is one."""
    parts = urlsplit(wanted.url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
        raise ConfigurationError(
            "--url is no URL of a service.", hint="Give one like https://agent.example.com, without a query."
        )
    function = _FUNCTION_HOST.fullmatch(host)
    ours = _function_of(stack, wanted.url)
    region = wanted.region or (function["region"] if function else str((stack or {}).get("region", "")))
    mode = wanted.auth
    if mode == "auto":
        signed = ours["auth"] == "iam" if ours else function is not None
        mode = "bearer" if wanted.has_token else "iam" if signed else "auto"
    proof: Proof
    if mode == "iam":
        if not region:
            raise ConfigurationError("the URL does not tell the region to sign for.", hint="Give --region.")
        here = stack if host.endswith(("localhost", "127.0.0.1")) and not wanted.profile else None
        proof = _signature(wanted, region, here, service=FUNCTION_URL)
    else:
        proof = (
            _token(wanted, surroundings, wanted.url)
            if mode == "bearer"
            else signed_in(wanted, surroundings, wanted.url)
        )
    return Target(host, wanted.url, region or "unknown", proof, service=True, bearer=mode == "bearer")


def _function_of(stack: local.Stack | None, url: str) -> Mapping[str, Any] | None:
    """The function of the running stack whose Function URL this is."""
    for known in (stack or {}).get("functions", {}).values():
        if known.get("url", "").rstrip("/") == url.rstrip("/"):
            return cast("Mapping[str, Any]", known)
    return None


def _signature(
    wanted: Wanted, region: str, stack: local.Stack | None = None, *, service: str = ""
) -> Signature:
    more = {"service": service} if service else {}
    if stack is not None and not wanted.profile:
        keys = partial(local.credentials, stack)
        return Signature(keys, region, source="the running stack", sts=str(stack["endpoint"]), **more)
    chain = AwsCredentials(profile=wanted.profile or None)
    source = f"the profile '{wanted.profile}'" if wanted.profile else "the AWS credential chain"
    return Signature(chain.current, region, source=source, sts=wanted.sts, **more)


def _token(
    wanted: Wanted,
    surroundings: Surroundings,
    url: str,
    stack: local.Stack | None = None,
    entry: Mapping[str, Any] | None = None,
) -> Token | SignedIn:
    """A given token, that of a sign-in or a client, else one of the stack's own identity provider."""
    if wanted.token:
        return Token(GivenToken(wanted.token, "SKERRY_TOKEN"))
    if wanted.has_token or stack is None or entry is None:
        return signed_in(wanted, surroundings, url)

    async def ask() -> str:
        async with httpx2.AsyncClient(trust_env=False) as http:
            transport = Transport(http)
            return await local.token(
                stack, entry, post=transport.post, fetch=transport.fetch, clock=SystemClock()
            )

    return Token(AskedTokens(ask, Origin("bearer", "the stack's identity provider")))


def signed_in(wanted: Wanted, surroundings: Surroundings, url: str) -> SignedIn:
    """The proof of somebody who signs in, or of a client that proves itself (client credentials).

    A configured provider is asked before the first request, any other when the server refuses it.
    """
    client = wanted.client
    if client.issuer and not client.machine and not client.scope:
        client = replace(client, scope=DEFAULT_SCOPE)
    tokens = DiscoveredTokens(
        url,
        client,
        Kept(client.tokens, use_keyring=client.keyring),
        surroundings=replace(surroundings, device=client.device and surroundings.open_browser is not None),
        mcp=False,
    )
    return SignedIn(tokens, name=client.client_id if client.machine else "", at_once=bool(client.issuer))
