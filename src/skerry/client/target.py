"""Where an MCP server is and how to prove oneself there.

A target is a URL, a runtime or gateway ARN, or the name of one in the running stack; a command after `--`
is a server of its own over stdio. The stack's key and tokens go to the stack only, unless a person says
otherwise with `--auth`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx2

from skerry.auth import local
from skerry.auth.aws.credentials import AwsCredentials, HttpxSigV4
from skerry.auth.aws.sigv4 import Credentials
from skerry.auth.challenge_proof import ChallengeProof
from skerry.auth.clock import SystemClock
from skerry.auth.http.transport import Transport
from skerry.auth.login.discovered_tokens import DiscoveredTokens
from skerry.auth.login.kept import Kept
from skerry.auth.ports import ALONE, Surroundings
from skerry.errors import ConfigurationError
from skerry.settings import SignInSettings
from skerry.wire import session
from skerry.wire.arn import Arn, is_arn
from skerry.wire.context import SESSION_ID
from skerry.wire.endpoints import data_plane, gateway_base, invocation_url, signing_scope
from skerry.wire.headers import RUNTIME_SESSION_ID
from skerry.wire.shown import safe

Mode = Literal["auto", "none", "iam", "bearer", "browser"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person asked for. Empty strings mean: not said."""

    target: str
    auth: Mode = "auto"
    region: str = ""
    session: str = ""
    state: Path = Path(".skerry")
    endpoint_url: str = ""
    token: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    sign_in: SignInSettings = field(default_factory=SignInSettings)


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, the headers of every request, and how each is proved (`iam` with a region).

    `browser` sends the token of a sign-in, which begins when the server asks for one.
    """

    url: str
    mode: Mode
    region: str
    headers: Mapping[str, str]
    stack: local.Stack | None = field(repr=False)
    entry: Mapping[str, Any] | None
    token: str = field(default="", repr=False)
    sign_in: SignInSettings = field(default_factory=SignInSettings)

    async def auth(self, surroundings: Surroundings = ALONE) -> httpx2.Auth | None:
        """The authentication of an httpx2 client. Raises ConfigurationError, RemoteError."""
        if self.mode == "iam":
            return self.signing()
        if self.mode == "browser":
            return Challenged(ChallengeProof(lambda: self.tokens(surroundings)))
        return Bearer(await self.bearer()) if self.mode == "bearer" else None

    def signing(self) -> httpx2.Auth:
        """A signature with the stack's key, or with that of the environment."""
        return HttpxSigV4(self._keys, region=self.region)

    def tokens(self, surroundings: Surroundings) -> DiscoveredTokens:
        """The source of a sign-in's tokens."""
        kept = Kept(self.sign_in.tokens, use_keyring=self.sign_in.keyring)
        named = (
            {"name": self.entry["name"], "state": self.stack["state"]} if self.stack and self.entry else {}
        )
        return DiscoveredTokens(self.url, self.sign_in, kept, surroundings=surroundings, **named)

    async def _keys(self) -> Credentials:
        if self.stack is not None:
            return local.credentials(self.stack)
        return await AwsCredentials().frozen()

    async def bearer(self) -> str:
        """The token. Raises ConfigurationError, RemoteError."""
        if self.token:
            return self.token
        if self.stack is None or self.entry is None or not self.entry.get("realm"):
            raise ConfigurationError(
                "there is no bearer token for this server.", hint="Set SKERRY_TOKEN to one."
            )
        async with httpx2.AsyncClient(trust_env=False) as http:
            transport = Transport(http)
            return await local.token(
                self.stack, self.entry, post=transport.post, fetch=transport.fetch, clock=SystemClock()
            )


class Bearer(httpx2.Auth):
    """Sends a bearer token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx2.Request) -> Any:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class Challenged(httpx2.Auth):
    """Sends what a proof has, and once more after each kind of refusal that the proof has an answer to."""

    def __init__(self, proof: ChallengeProof) -> None:
        self._proof = proof

    @property
    def turns(self) -> int:
        """How often there was something new to send."""
        return self._proof.turns

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        seen: set[int] = set()
        while True:
            request.headers.pop("Authorization", None)
            added = await self._proof.headers(request.method, str(request.url), {}, b"")
            request.headers.update(added)
            answer = yield request
            if answer.status_code not in (401, 403) or answer.status_code in seen:
                return
            seen.add(answer.status_code)
            body = await answer.aread()
            if not await self._proof.refused(answer.status_code, body, answer.headers, added):
                return


def find(wanted: Wanted) -> Target:
    """The target of a wish. Raises ConfigurationError, NotRunningError, StateError, ProtocolError."""
    stack = local.read(wanted.state)
    entry: Mapping[str, Any] | None
    if wanted.target.startswith(("http://", "https://")):
        url, entry = wanted.target, local.by_url(stack, wanted.target)
    elif wanted.target.startswith("arn:"):
        if not is_arn(wanted.target):
            raise _no_target(wanted.target)
        entry = local.by_arn(stack, wanted.target)
        url = str(entry["url"]) if entry else _url_of(Arn.parse(wanted.target), wanted.endpoint_url)
    else:
        _, entry = local.runtime_or_gateway(stack, wanted.target, state=wanted.state)
        url = str(entry["url"])
    if (spoken := str((entry or {}).get("protocol") or "MCP")) != "MCP":
        assert entry is not None
        chat = "" if spoken == "A2A" else f"skerry chat --agent {entry['name']}, or "
        raise ConfigurationError(
            f"the runtime '{entry['name']}' speaks {spoken} and is no MCP server.",
            hint=f"Talk with it: {chat}boto3's invoke_agent_runtime.",
        )
    scope = signing_scope(url)
    region = wanted.region or (str(stack["region"]) if stack and entry else "") or (scope[1] if scope else "")
    mode = wanted.auth if wanted.auth != "auto" else _mode(entry, wanted, url, aws=scope is not None)
    # Outside the stack its key is sent only where a person asked to sign and the address is on this machine.
    ours = stack if entry is not None or httpx2.URL(url).host in ("127.0.0.1", "localhost") else None
    return Target(
        url=url,
        mode=mode,
        region=region or (str(stack["region"]) if stack else "us-east-1"),
        headers={**_session_headers(url, wanted.session), **wanted.headers},
        stack=ours,
        entry=entry,
        token=wanted.token,
        sign_in=wanted.sign_in,
    )


def _mode(entry: Mapping[str, Any] | None, wanted: Wanted, url: str, *, aws: bool) -> Mode:
    """Who signed in for a server of the stack is asked for before a machine of the stack is."""
    kind = "" if entry is None else str(entry.get("auth", ""))
    if kind in ("jwt", "") and entry is not None and not wanted.token:
        kept = Kept(wanted.sign_in.tokens, use_keyring=wanted.sign_in.keyring)
        if kept.has(url):
            return "browser"
    if kind:
        return {"iam": "iam", "jwt": "bearer"}.get(kind, "none")  # type: ignore[return-value]
    if entry is not None or is_arn(wanted.target) or aws:
        return "bearer" if wanted.token else "iam"
    return "browser"  # which sends nothing until the server asks for it


def _url_of(arn: Arn, endpoint_url: str) -> str:
    """The URL of a runtime or gateway on AWS, or at another endpoint."""
    if arn.resource_type == "gateway":
        base = endpoint_url and f"{endpoint_url.rstrip('/')}/gateway/{arn.resource_id}"
        return f"{base or gateway_base(arn.region, arn.resource_id)}/mcp"
    if arn.resource_type == "runtime":
        return invocation_url(endpoint_url or data_plane(arn.region), str(arn))
    raise _no_target(str(arn))


def _no_target(arn: str) -> ConfigurationError:
    return ConfigurationError(
        f"{safe(arn, 200)} is no ARN of a runtime or gateway.",
        hint="Their form is arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/ID or …:gateway/ID.",
    )


def _session_headers(url: str, session_id: str) -> dict[str, str]:
    """A runtime gets one session for all requests of this call; a gateway is told the session it is for."""
    if "/runtimes/" in url and "/invocations" in url:
        return {RUNTIME_SESSION_ID: session_id or session.new()}
    return {SESSION_ID: session_id} if session_id else {}
