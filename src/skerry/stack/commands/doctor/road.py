"""The road of a call: who answers, whose tokens count, what is at hand, and what becomes of it.

no proof ─▶ the server's wish ─▶ bearer: issuer, rules, token, call │ signature: caller, permission, call
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from skerry.auth import local, refusals
from skerry.auth.aws.aws_keys import aws_keys
from skerry.auth.aws.identity import caller_identity, sts_endpoint
from skerry.auth.aws.sigv4 import Credentials, sign
from skerry.auth.challenge_proof import read_challenge
from skerry.auth.clock import SystemClock
from skerry.auth.discovery import discovery_urls, is_safe
from skerry.auth.http.one_request import fetch_document, post_bytes
from skerry.auth.http.transport import Transport
from skerry.auth.login.discovered_tokens import DiscoveredTokens
from skerry.auth.login.kept import Kept
from skerry.auth.login.protected_resource import described
from skerry.auth.moved_clock import MovedClock
from skerry.auth.ports import Origin
from skerry.errors import ConfigurationError, RemoteError, SkerryError, TokenError
from skerry.proxy.upstream import SERVICE, Target
from skerry.settings import SignInSettings
from skerry.stack.commands.doctor import environment, judgement, probes
from skerry.stack.commands.doctor.findings import Finding, bad, good, note
from skerry.stack.commands.doctor.judgement import Rules
from skerry.stack.inspection import ask
from skerry.stack.state import State

ACTIONS = {"gateway": "bedrock-agentcore:InvokeGateway", "runtime": "bedrock-agentcore:InvokeAgentRuntime"}


@dataclass(frozen=True, slots=True)
class Road:
    """Walks roads with the token `given`, else with what is at hand; `environment` is that of the process."""

    state: Path
    given: str
    settings: SignInSettings
    kept: Kept
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    async def walked(self, target: Target) -> AsyncIterator[Finding]:
        """What is found on the way to a target, in order; it ends where the road does."""
        yield good("target", f"{target.kind} {target.name or target.url} at {target.url}")
        try:
            answer = await probes.ask(target.url, {})
        except SkerryError as error:
            yield bad("server", error)
            return
        for finding in judgement.clock(answer.date, time.time()):
            yield finding
        wish = _wish(target, answer)
        if wish == "none":
            yield good("server", f"lets everybody in (HTTP {answer.status})")
            return
        yield good("server", f"answers, and wants a {'bearer token' if wish == 'bearer' else 'signature'}")
        walk = self._bearer(target, answer) if wish == "bearer" else self._signature(target)
        try:
            async for finding in walk:
                yield finding
        except SkerryError as error:
            yield bad("proof", error)

    # By token -----------------------------------------------------------------------------------------

    async def _bearer(self, target: Target, answer: probes.Answer) -> AsyncIterator[Finding]:
        rules = Rules()
        async for told in self._rules(target, answer):
            if isinstance(told, Rules):
                rules = told
            else:
                yield told
        token, origin = await self._token(target)
        head, claims = probes.opened(token)
        yield good("token", f"from {origin.name}")
        wrong = judgement.token(head, claims, rules, now=self._now(target), renew=origin.renew)
        for finding in wrong:
            yield finding
        if not is_safe(target.url):
            yield bad("call", ConfigurationError("a token is not sent there without TLS.", hint="Use https."))
            return
        if _agent(target):
            yield note("call", "not made, because it would run the agent")
            return
        sent = await probes.ask(target.url, {"Authorization": f"Bearer {token}"})
        yield _outcome(sent, origin)

    async def _rules(self, target: Target, answer: probes.Answer) -> AsyncIterator[Finding | Rules]:
        """The rules as far as they are known, and what is wrong with their issuer."""
        found = probes.authorizer(target)
        if found is None:
            known = await described(target.url, read_challenge(answer.headers), fetch=fetch_document)
            if known is None:
                yield note(
                    "issuer",
                    "the server does not say where its tokens are from (RFC 9728).",
                    "Ask who runs it, and give skerry login --issuer URL.",
                )
                return
            issuer = known.authorization_servers[0]
            places = discovery_urls(issuer)
            url = issuer + probes.SUFFIX if len(places) > 2 else places[-1]
            rules: dict[str, Any] = {"issuer": issuer}
        else:
            url, rules = str(found["discoveryUrl"]), {}
            for name, member in _MEMBERS.items():
                rules[name] = tuple(found.get(member, ()))
        try:
            at = await probes.discovered(url)
        except SkerryError as error:
            yield bad("issuer", error)
        else:
            yield judgement.issuer(at.asked, at.named)
            rules |= {"issuer": at.named, "keys": at.keys}
        realms = (target.stack or {}).get("realms", {})
        yield Rules(**rules, realms={name: str(item["issuer"]) for name, item in realms.items()})

    async def _token(self, target: Target) -> tuple[str, Origin]:
        """The token that would be sent. Raises TokenError when there is none, or what its source says."""
        stack = target.stack
        entry = None if stack is None else stack[f"{target.kind}s"].get(target.name)
        shown = target.name if entry else target.url
        renew = f"Get another one: skerry login {shown}"
        if entry and entry.get("realm"):
            asked = "".join(f" --{name} {entry[name]}" for name in ("realm", "audience") if name in entry)
            renew += f", or for a machine skerry token{asked}"
        if self.given:
            return self.given, Origin("bearer", "what was given", renew)
        tokens = DiscoveredTokens(target.url, self.settings, self.kept)
        if token := await tokens.ready():
            who = tokens.grant.identity if tokens.grant else ""
            return token, Origin("bearer", f"the sign-in of {who or 'somebody'}", renew)
        if stack is not None and entry and entry.get("realm"):
            async with httpx2.AsyncClient(trust_env=False) as http:
                means = Transport(http)
                found = await local.token(
                    stack, entry, post=means.post, fetch=means.fetch, clock=SystemClock()
                )
            return found, Origin("bearer", "a client of the stack", renew)
        raise TokenError("missing", f"there is no token for {shown}.", hint=f"Sign in: skerry login {shown}")

    def _now(self, target: Target) -> float:
        """The time that tokens of the target's issuer go by."""
        moved = target.stack is not None
        return MovedClock(State(self.state).token_clock).time() if moved else time.time()

    # By signature -------------------------------------------------------------------------------------

    async def _signature(self, target: Target) -> AsyncIterator[Finding]:
        if self.given:
            yield note("token", "not looked at: this server takes signatures and no tokens")
        stack = target.stack
        if stack is None:
            chain = aws_keys(self.environment)
            keys, origin = await chain.frozen(), chain.origin
            endpoint = sts_endpoint(self.environment, target.region)
        else:  # as call, chat and proxy do, whatever keys the environment has
            keys = local.credentials(stack)
            origin = Origin("sigv4", "the stack", "Start the stack again: skerry up")
            endpoint = str(stack["endpoint"])
        who = await caller_identity(keys, target.region, endpoint, post=post_bytes, origin=origin)
        yield good("caller", f"{who}, with keys of {origin.name}")
        if stack is not None and target.kind in ACTIONS:
            yield _permission(stack, target, who)
            found = await environment.beside(
                self.environment, stack, may=lambda other: _permission(stack, target, other).message
            )
            if found is not None:
                yield found
        if _agent(target):
            yield note("call", "not made, because it would run the agent")
            return
        added = _signed(target, keys)
        yield _outcome(await probes.ask(target.url, added), origin)

    # What is kept -------------------------------------------------------------------------------------

    def sign_ins(self, now: float) -> Iterator[Finding]:
        """The sign-ins, and those that have ended."""
        for card in self.kept.all():
            shown = card.name or card.resource
            if card.expires is not None and card.expires < now and not card.lasting:
                text = f"that for {shown} has ended, and nothing renews it."
                yield note("sign-in", text, f"Sign in again: skerry login {card.resource}")
            else:
                yield good("sign-in", f"{card.identity or 'somebody'} for {shown}")


_MEMBERS = {"audience": "allowedAudience", "clients": "allowedClients", "scopes": "allowedScopes"}


def _wish(target: Target, answer: probes.Answer) -> str:
    """What the server wants of callers, as the stack or the answer says it."""
    if target.method:
        return {"jwt": "bearer", "iam": "signature"}.get(target.method, "none")
    if read_challenge(answer.headers) is not None:
        return "bearer"
    return "signature" if target.sign and answer.status in (401, 403) else "none"


def _agent(target: Target) -> bool:
    """Whether a ping would be a question to an agent."""
    entry = (target.stack or {}).get("runtimes", {}).get(target.name, {})
    return target.kind == "runtime" and entry.get("protocol", "MCP") != "MCP"


def _permission(stack: Mapping[str, Any], target: Target, who: str) -> Finding:
    """What IAM in the stack says of a call of the target."""
    arn = stack[f"{target.kind}s"].get(target.name, {}).get("arn", "*")
    asked = {"principal": who, "action": ACTIONS[target.kind], "resource": arn, "context": {}}
    found: Mapping[str, Any] = ask(stack, "POST", "iam/explain", asked)
    return judgement.permission(found, who, ACTIONS[target.kind])


def _signed(target: Target, keys: Credentials) -> dict[str, str]:
    return sign(
        "POST",
        target.url,
        probes.HEADERS,
        probes.PING,
        credentials=keys,
        region=target.region,
        service=SERVICE,
        now=time.time(),
    )


def _outcome(answer: probes.Answer, origin: Origin) -> Finding:
    problem = refusals.explain(answer.status, answer.body, answer.headers, origin)
    if problem is not None:
        return bad("call", problem)
    if answer.status >= 400:
        text = f"the proof is taken, and the call fails: HTTP {answer.status}."
        return bad("call", RemoteError(text, hint="The log of the stack says more: skerry logs endpoint"))
    if failed := probes.failure(answer.body):
        text = f"the proof is taken, and the runtime's program fails: {failed}"
        return bad("call", RemoteError(text, hint="What the program printed: skerry logs RUNTIME"))
    return good("call", f"HTTP {answer.status}")
