"""Single requests to an MCP runtime, each with another proof: what is let in, what is refused, and why.

Nothing is retried and no SDK is between: what the runtime answered is what is shown. A request that must be
refused has held when it is. Tokens are described by their claims and never shown.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

from skerry.auth import local
from skerry.auth.clock import SystemClock
from skerry.auth.http.transport import Transport
from skerry.client.target import Bearer, Target
from skerry.errors import ConfigurationError, ProtocolError, RemoteError
from skerry.wire.shown import safe
from skerry.wire.sse import Decoder

BOTH = "application/json, text/event-stream"
MAX_ANSWER = 1 << 20
LIST: Mapping[str, Any] = {"method": "tools/list"}
STRANGER = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJub2JvZHkifQ.AA"
"""A JWT that proves nothing."""

# Why a request was refused: the statuses, a part of the answer, and what that means.
WHY: Sequence[tuple[tuple[int, ...], str, str]] = (
    ((406,), "", "MCP over HTTP needs `Accept: application/json, text/event-stream`, both of them."),
    ((403,), "method mismatch", "A runtime takes one kind of proof only: a signature, or a token."),
    (
        (401,),
        "missing",
        "A runtime with a JWT authorizer wants a bearer token; the challenge says where from.",
    ),
    ((403,), "missing authentication", "Without a JWT authorizer a runtime wants an AWS signature (SigV4)."),
    (
        (401, 403),
        "'client_id'",
        "allowedClients compares client_id; an ID token has none, another app client has another.",
    ),
    ((401, 403), "'aud'", "allowedAudience compares the claim aud; access tokens of Cognito have none."),
    ((401, 403), "'iss'", "The token is of another issuer than the discovery URL of the authorizer names."),
    ((403,), "parse token", "The signature does not hold with the issuer's keys, or it is no JWT."),
    ((401, 403), "expired", "Get a new token."),
    ((403,), "denied", "A scope or a claim of the token is not what the authorizer demands."),
    ((403,), "signature", "Check key, region and clock; the service to sign for is bedrock-agentcore."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request: a `name`, the JSON-RPC method with its parameters, and how it proves itself.

    `let_in` is whether it must be answered (200) or refused with one of `statuses`.
    """

    name: str
    rpc: Mapping[str, Any]
    proof: str
    auth: httpx2.Auth | None = field(default=None, repr=False)
    accept: str = BOTH
    statuses: tuple[int, ...] = (200,)

    @property
    def let_in(self) -> bool:
        return 200 in self.statuses

    @property
    def what(self) -> str:
        tool = self.rpc.get("params", {}).get("name", "")
        return f"{self.rpc['method']} {tool}".strip()


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back: the status, the JSON-RPC result when there is one, else the beginning of the text."""

    request: Request
    status: int
    result: Mapping[str, Any] | None
    text: str
    seconds: float

    @property
    def as_expected(self) -> bool:
        return self.status in self.request.statuses and (self.result is not None) == self.request.let_in

    @property
    def why(self) -> str:
        """What the refusal means, as far as it is known."""
        text = self.text.lower()
        found = (why for statuses, part, why in WHY if self.status in statuses and part in text)
        return "" if self.request.let_in and self.result is not None else next(found, "")

    def saw(self) -> str:
        """One line: proof, status, and what was said."""
        outcome = _result(self.result) if self.result is not None else f"refused: {self.text or 'no text'}"
        accept = "" if self.request.accept == BOTH else f", Accept: {self.request.accept}"
        why = f" ({self.why})" if self.why else ""
        return f"{self.request.what}, {self.request.proof}{accept} → {self.status} {outcome}{why}"

    def problem(self) -> RemoteError:
        """What is wrong when it is not as expected."""
        wanted = "an answer" if self.request.let_in else "a refusal"
        return RemoteError(f"{self.saw()}; {wanted} was expected.", hint=self.why)

    def record(self) -> dict[str, Any]:
        """The request as JSON has it."""
        return {
            "request": self.request.what,
            "proof": self.request.proof,
            "accept": self.request.accept,
            "status": self.status,
            "outcome": "answered" if self.result is not None else "refused",
            "expected": "answered" if self.request.let_in else "refused",
            "text": self.text,
            "why": self.why,
        }


async def planned(target: Target, call: Mapping[str, Any]) -> list[Request]:
    """The requests that make sense for a target, by how it wants to be called. Raises SkerryError."""
    if target.mode == "iam":
        return _signed(target, await target.auth(), call)
    if target.mode == "bearer":
        token = await target.bearer()
        return [request async for request in _with_token(target, token, call)]
    return [
        Request(name="list", rpc=LIST, proof="no proof"),
        Request(name="call", rpc=call, proof="no proof"),
        Request(name="accept", rpc=LIST, proof="no proof", accept="application/json", statuses=(406,)),
    ]


def _signed(target: Target, auth: httpx2.Auth | None, call: Mapping[str, Any]) -> list[Request]:
    proof = f"signed (SigV4, bedrock-agentcore, {target.region})"
    return [
        Request(name="list", rpc=LIST, proof=proof, auth=auth),
        Request(name="call", rpc=call, proof=proof, auth=auth),
        Request(name="no proof", rpc=LIST, proof="unsigned", statuses=(403,)),
        Request(name="accept", rpc=LIST, proof=proof, auth=auth, accept="application/json", statuses=(406,)),
        Request(
            name="other proof",
            rpc=LIST,
            proof="a bearer token",
            auth=Bearer(STRANGER),
            statuses=(401, 403),
        ),
    ]


async def _with_token(target: Target, token: str, call: Mapping[str, Any]) -> AsyncIterator[Request]:
    auth, proof = Bearer(token), described(token)
    yield Request(name="list", rpc=LIST, proof=proof, auth=auth)
    yield Request(name="call", rpc=call, proof=proof, auth=auth)
    yield Request(name="no proof", rpc=LIST, proof="no token", statuses=(401,))
    yield Request(name="accept", rpc=LIST, proof=proof, auth=auth, accept="application/json", statuses=(406,))
    refused = (401, 403)
    forged = Bearer(_forged(token))
    yield Request(
        name="forged token", rpc=LIST, proof="the token, its signature changed", auth=forged, statuses=refused
    )
    async for name, other in _others(target):
        yield Request(name=name, rpc=LIST, proof=described(other), auth=Bearer(other), statuses=refused)
    if target.stack is not None:
        yield Request(
            name="other proof",
            rpc=LIST,
            proof=f"signed (SigV4, bedrock-agentcore, {target.region})",
            auth=target.signing(),
            statuses=refused,
        )


async def _others(target: Target) -> AsyncIterator[tuple[str, str]]:
    """Real tokens that this target must refuse: of another client of its realm, of another realm.

    They exist where a stack runs on this machine and never leave it.
    """
    if target.stack is None or target.entry is None:
        return
    own, client = target.entry.get("realm", ""), target.entry.get("client", "")
    realms = target.stack.get("realms", {})
    wanted = []
    if client:
        others = [name for name in realms.get(own, {}).get("clients", {}) if name != client]
        wanted += [("other client", own, name) for name in others[:1]]
    wanted += [("other issuer", name, "") for name in realms if name != own][:1]
    async with httpx2.AsyncClient(trust_env=False) as http:
        transport = Transport(http)
        for name, realm, chosen in wanted:
            entry = {"name": realm, "realm": realm, "client": chosen}
            try:
                yield (
                    name,
                    await local.token(
                        target.stack, entry, post=transport.post, fetch=transport.fetch, clock=SystemClock()
                    ),
                )
            except (ConfigurationError, RemoteError):  # a realm whose clients get no token by themselves
                continue


async def send(target: Target, request: Request, *, timeout: float) -> Answered:  # noqa: ASYNC109
    """Sends one request. Raises httpx2.HTTPError and SkerryError when nothing comes back."""
    body = {"jsonrpc": "2.0", "id": 1, **request.rpc}
    headers = {**target.headers, "Content-Type": "application/json", "Accept": request.accept}
    began = time.monotonic()
    local_host = httpx2.URL(target.url).host in ("127.0.0.1", "localhost", "::1")
    async with httpx2.AsyncClient(
        auth=request.auth, timeout=timeout, follow_redirects=False, trust_env=not local_host
    ) as http:
        answer = await http.post(target.url, content=json.dumps(body).encode(), headers=headers)
    result, text = _read(answer)
    return Answered(request, answer.status_code, result, text, time.monotonic() - began)


def described(token: str) -> str:
    """A token by its claims, not believed: whose it is, for whom, of which kind."""
    claims = _claims(token)
    if claims is None:
        return "bearer token (no JWT)"
    audience = claims.get("aud")
    parts = [
        f"{name} {safe(str(claims[name]), 80)}"
        for name in ("token_use", "client_id", "iss")
        if isinstance(claims.get(name), str)
    ]
    parts.insert(len(parts) - 1, f"aud {safe(str(audience), 80)}" if audience else "no aud")
    return f"bearer token ({', '.join(parts)})"


def _claims(token: str) -> Mapping[str, Any] | None:
    """The claims of a JWT, unverified: the verifier itself needs more than the extra `client` installs."""
    parts = token.split(".")
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (IndexError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _forged(token: str) -> str:
    """The token with another first character of its signature."""
    head, dot, signature = token.rpartition(".")
    return f"{head}{dot}{'B' if signature[:1] == 'A' else 'A'}{signature[1:]}"


def _read(answer: httpx2.Response) -> tuple[Mapping[str, Any] | None, str]:
    """The JSON-RPC result of an answer, or what it says instead."""
    content = answer.content[:MAX_ANSWER]
    for data in _documents(answer.headers.get("content-type", ""), content):
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, Mapping):
            if answer.status_code == 200 and isinstance(found.get("result"), Mapping):
                return found["result"], ""
            error = found.get("error")
            said = error.get("message") if isinstance(error, Mapping) else found.get("message") or error
            return None, safe(str(said or found))
    return None, safe(content.decode("utf-8", errors="replace"))


def _documents(kind: str, content: bytes) -> Iterator[bytes]:
    if kind.startswith("text/event-stream"):
        try:
            yield from (event.data for event in Decoder().feed(content))
        except ProtocolError:
            return
    else:
        yield content


def _result(result: Mapping[str, Any]) -> str:
    """What a result says, for a person."""
    if isinstance(result.get("tools"), Sequence):
        names = [str(tool.get("name")) for tool in result["tools"]]
        return f"{len(names)} tool{'s' if len(names) != 1 else ''}: {safe(', '.join(names))}"
    structured = result.get("structuredContent")
    if isinstance(structured, Mapping) and "verdict" in structured:
        return f"verdict {safe(str(structured['verdict']), 40)}"
    if result.get("isError"):
        texts = [item.get("text", "") for item in result.get("content", ()) if isinstance(item, Mapping)]
        return f"an error of the tool: {safe(' '.join(texts))}"
    return "a result"
