"""A gateway plane on a real socket, with what it stands on: records, keys, a recorder, a Lambda endpoint.

    with gateway_stack() as stack:
        gateway = stack.gateway(authorizer="NONE")
        stack.target(gateway, "echo", {"mcpServer": {"endpoint": backend.url}})
        httpx2.post(stack.url(gateway), ...)

Signatures are checked by the real `local.access`, tokens by the real `auth`; only the control plane and the
functions plane are stand-ins.
"""

from __future__ import annotations

import asyncio
import base64
import inspect
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from skerry.auth.aws import sigv4
from skerry.auth.aws.sigv4 import Credentials
from skerry.auth.http.transport import Transport
from skerry.errors import RemoteError, ServiceError
from skerry.local.gateway import GatewayPlane, GatewaySettings
from skerry.local.iam.access import Access, Key
from skerry.local.ports.resources import Change, Record
from skerry.local.ports.running import Clock
from skerry.local.ports.tokens import ResourceTokens
from skerry.wire.hop import Hop
from tests.kit.asgi_thread import serve

REGION, ACCOUNT = "us-east-1", "123456789012"
DEVELOPER = Credentials("AKIAGATEWAYTESTSAAAA", "not a real secret " + "x" * 30)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/desk-gateway"
TIMEOUT = 20.0


class SystemClock:
    """The machine's own clock."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class StandingClock(SystemClock):
    """The machine's time of day, so that signatures hold; `monotonic()` stands until `advance` moves it."""

    def __init__(self) -> None:
        self._monotonic = 1000.0

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._monotonic += seconds


class NoOtherKeys:
    """A KeySource without keys: only the developer's and assumed ones hold."""

    async def key(self, access_key_id: str) -> Key | None:
        del access_key_id
        return None


class FakeResources:
    """Implements `ports.Resources` from dictionaries; `change` stands for a committed write.

    The plane runs on another thread: listeners are called on its loop, as the port promises.
    """

    def __init__(self) -> None:
        self.gateways: dict[str, Record] = {}
        self.target_records: dict[str, list[Record]] = {}
        self.limit_records: dict[str, list[Record]] = {}
        self.providers: dict[str, Record] = {}
        self.rule_records: dict[str, list[Record]] = {}
        self.api_keys: dict[str, str] = {}
        self.secret_arns: dict[str, str] = {}
        self.loop: asyncio.AbstractEventLoop | None = None
        self._listeners: list[Callable[[Change], None]] = []

    def runtime(self, identifier: str, qualifier: str = "DEFAULT") -> Record | None:
        del identifier, qualifier
        return None

    def gateway(self, gateway_id: str) -> Record | None:
        return self.gateways.get(gateway_id)

    def targets(self, gateway_id: str) -> Sequence[Record]:
        return self.target_records.get(gateway_id, [])

    def rate_limits(self, gateway_id: str) -> Sequence[Record]:
        return self.limit_records.get(gateway_id, [])

    def gateway_rules(self, gateway_id: str) -> Sequence[Record]:
        return self.rule_records.get(gateway_id, [])

    def all_runtimes(self) -> Sequence[Record]:
        return ()

    def all_gateways(self) -> Sequence[Record]:
        return list(self.gateways.values())

    def policies(self, engine_arn: str) -> Sequence[Record] | None:
        del engine_arn
        return None

    def credential_provider(self, arn: str) -> Record | None:
        return self.providers.get(arn)

    def api_key(self, arn: str) -> str | None:
        return self.api_keys.get(arn)

    def secret_arn(self, provider_arn: str) -> str:
        return self.secret_arns.get(provider_arn, "")

    def subscribe(self, listener: Callable[[Change], None]) -> None:
        self._listeners.append(listener)

    def change(self, change: Change) -> None:
        """Tells the listeners, and waits until they were told."""
        assert self.loop is not None
        done = threading.Event()

        def tell() -> None:
            for listener in self._listeners:
                listener(change)
            done.set()

        self.loop.call_soon_threadsafe(tell)
        assert done.wait(TIMEOUT)


class HopList:
    """Implements `ports.Recorder`; `wait_for` and `inbound` block until a hop fits.

    The hop of an inbound request is recorded when its answer is sent, so a client may be faster: ask for it by
    `inbound`. Outbound hops are there before the answer.
    """

    def __init__(self) -> None:
        self.hops: list[Hop] = []
        self._changed = threading.Condition()

    def record(self, hop: Hop) -> None:
        with self._changed:
            self.hops.append(hop)
            self._changed.notify_all()

    def wait_for(self, operation: str, count: int = 1) -> Hop:
        """The `count`th hop with this operation."""
        with self._changed:
            found = self._changed.wait_for(lambda: len(self.named(operation)) >= count, TIMEOUT)
            assert found, f"no hop {operation!r} in {[hop.operation for hop in self.hops]}"
            return self.named(operation)[count - 1]

    def inbound(self, gateway: str, operation: str) -> Hop:
        """The newest hop of a request to this gateway (its id or URL)."""
        name = gateway.split("/")[4] if "/" in gateway else gateway

        def found() -> list[Hop]:
            return [hop for hop in self.named(operation) if name in (hop.target, hop.detail.get("gateway"))]

        with self._changed:
            assert self._changed.wait_for(lambda: bool(found()), TIMEOUT), f"no {operation} at {name}"
            return found()[-1]

    def named(self, operation: str) -> list[Hop]:
        return [hop for hop in self.hops if hop.operation == operation]


@dataclass
class Invocation:
    """One Invoke as the Lambda endpoint got it; `caller` is the ARN whose signature held."""

    function: str
    event: Any
    custom: dict[str, Any]
    headers: dict[str, str]
    caller: str


class FakeLambda:
    """The Invoke operation of the Lambda API: checks the signature, runs a Python function, answers like AWS.

    `functions` maps names to callables of (event, custom), which may be coroutines. What they return becomes
    the payload, bytes as they are; an exception becomes a function error, `DeniedError` a 403. `descriptions`
    are answers of the API Gateway API by path.
    """

    class DeniedError(Exception):
        """The caller may not invoke."""

    def __init__(self, access: Access) -> None:
        self.functions: dict[str, Callable[[Any, dict[str, Any]], Any]] = {}
        self.invocations: list[Invocation] = []
        self.descriptions: dict[str, Any] = {}
        self._access = access

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = await _body(receive)
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        described = scope["method"] == "GET"
        try:
            signed = await self._access.signed_by(
                scope, body, service="apigateway" if described else "lambda"
            )
        except ServiceError as problem:
            await _send(send, 403, {"message": str(problem)})
            return
        if described:
            found = self.descriptions.get(scope["path"])
            await _send(send, 404 if found is None else 200, found or {"message": "Invalid identifier"})
            return
        function = scope["path"].split("/")[3].rpartition(":")[2]
        context = base64.b64decode(headers.get("x-amz-client-context", ""))
        custom = json.loads(context)["custom"] if context else {}
        event = json.loads(body)
        self.invocations.append(Invocation(function, event, custom, headers, signed.arn))
        try:
            answer = self.functions[function](event, custom)
            await _send(send, 200, await answer if inspect.isawaitable(answer) else answer)
        except FakeLambda.DeniedError:
            await _send(send, 403, {"Message": "not authorized to perform: lambda:InvokeFunction"})
        except (ValueError, KeyError) as problem:
            shown = {"errorMessage": str(problem), "errorType": type(problem).__name__}
            await _send(send, 200, shown, [(b"x-amz-function-error", b"Unhandled")])


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _send(send: Any, status: int, content: Any, headers: Any = ()) -> None:
    head = [(b"content-type", b"application/json"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": head})
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    await send({"type": "http.response.body", "body": body})


class Objects(dict[str, bytes]):
    """Implements `FetchObject` from a dictionary by `bucket/key`."""

    async def __call__(self, bucket: str, key: str, version: str, *, limit: int) -> bytes:
        del version
        content = self.get(f"{bucket}/{key}")
        if content is None or len(content) > limit:
            raise RemoteError(f"s3://{bucket}/{key} cannot be read.")
        return content


class _Lifespan:
    """Starts and closes the plane on the server's own loop."""

    def __init__(self, resources: FakeResources, make: Callable[[Transport], GatewayPlane]) -> None:
        self._resources = resources
        self._make = make
        self._plane: GatewayPlane | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            assert self._plane is not None
            await self._plane(scope, receive, send)
            return
        async with AsyncExitStack() as stack:
            await receive()
            self._resources.loop = asyncio.get_running_loop()
            client = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False))
            self._plane = self._make(Transport(client))
            await self._plane.start()
            stack.push_async_callback(self._plane.close)
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


@dataclass(frozen=True)
class Signer:
    """Signs requests to a gateway."""

    credentials: Credentials

    def signed(
        self, url: str, body: bytes, headers: Mapping[str, str], *, method: str = "POST"
    ) -> dict[str, str]:
        """`headers` with a signature."""
        added = sigv4.sign(
            method,
            url,
            headers,
            body,
            credentials=self.credentials,
            region=REGION,
            service="bedrock-agentcore",
            now=time.time(),
        )
        return {**headers, **added}


@dataclass
class Stack:
    """A running plane and its surroundings."""

    base: str
    resources: FakeResources
    recorder: HopList
    functions: FakeLambda
    access: Access
    objects: Objects
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def gateway(
        self, *, authorizer: str = "NONE", jwt: Mapping[str, Any] | None = None, **members: Any
    ) -> str:
        """A new gateway; its id. Further members are those of CreateGateway."""
        gateway_id = f"desk-{next(self._ids):010d}"
        record: dict[str, Any] = {
            "gatewayId": gateway_id,
            "gatewayArn": f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:gateway/{gateway_id}",
            "name": gateway_id,
            "roleArn": ROLE,
            "authorizerType": authorizer,
            "status": "READY",
            **members,
        }
        if jwt is not None:
            record["authorizerConfiguration"] = {"customJWTAuthorizer": jwt}
        self.resources.gateways[gateway_id] = record
        return gateway_id

    def target(
        self, gateway_id: str, name: str, mcp: Mapping[str, Any], *, tell: bool = False, **members: Any
    ) -> Record:
        """A new target. With `tell` the plane hears of it at once, as after CreateGatewayTarget."""
        record = {
            "targetId": f"T{next(self._ids):09d}",
            "gatewayArn": self.resources.gateways[gateway_id]["gatewayArn"],
            "name": name,
            "status": "READY",
            "targetConfiguration": {"mcp": dict(mcp)},
            **members,
        }
        self.resources.target_records.setdefault(gateway_id, []).append(record)
        if tell:
            self.told("created", record)
        return record

    def http_target(self, gateway_id: str, name: str, http: Mapping[str, Any], **members: Any) -> str:
        """A new HTTP target; its URL."""
        configuration = {"targetConfiguration": {"http": dict(http)}}
        self.target(gateway_id, name, {}, **{**configuration, **members})
        return f"{self.base}/gateway/{gateway_id}/{name}"

    def lambda_target(
        self, gateway_id: str, name: str, tools: Sequence[Mapping[str, Any]], **members: Any
    ) -> Record:
        """A Lambda target with an inline schema; the function has the target's name."""
        arn = f"arn:aws:lambda:{members.pop('region', REGION)}:{ACCOUNT}:function:{name}"
        schema = {"lambdaArn": arn, "toolSchema": {"inlinePayload": list(tools)}}
        role = [{"credentialProviderType": "GATEWAY_IAM_ROLE"}]
        return self.target(
            gateway_id, name, {"lambda": schema}, **{"credentialProviderConfigurations": role, **members}
        )

    def rate_limit(self, gateway_id: str, keys: Sequence[str], *entries: Mapping[str, Any]) -> str:
        """A new rate limit, of which the plane hears; its id. Entries are those of CreateGatewayRateLimit."""
        limit_id = f"rl-{next(self._ids)}"
        record = {"rateLimitId": limit_id, "dimensionKeys": list(keys), "entries": list(entries)}
        self.resources.limit_records.setdefault(gateway_id, []).append(record)
        self.resources.change(Change("rate-limit", "created", f"{gateway_id}/{limit_id}", record))
        return limit_id

    def interceptor(self, name: str, function: Any, *points: str, **inputs: Any) -> dict[str, Any]:
        """An interceptor configuration for a function of this name; `inputs` is its inputConfiguration."""
        self.functions.functions[name] = function
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        configured = {"interceptor": {"lambda": {"arn": arn}}, "interceptionPoints": list(points)}
        return configured | ({"inputConfiguration": inputs} if inputs else {})

    def told(self, action: Any, record: Record) -> None:
        """The plane hears of a write to a target."""
        self.resources.change(Change("target", action, record["targetId"], record))

    def changed_gateway(self, action: Any, gateway_id: str, record: Record) -> None:
        """The plane hears of a write to a gateway."""
        self.resources.change(Change("gateway", action, gateway_id, record))

    def url(self, gateway_id: str) -> str:
        """The MCP URL of a gateway."""
        return f"{self.base}/gateway/{gateway_id}/mcp"

    def signed(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        method: str = "POST",
        credentials: Credentials = DEVELOPER,
    ) -> dict[str, str]:
        """`headers` with a signature, of the developer's key unless others are given."""
        return Signer(credentials).signed(url, body, headers, method=method)

    def as_role(self, role: str, session: str) -> Signer:
        """Somebody else: who signs as this session of a role."""
        return Signer(self.access.assume(f"arn:aws:iam::{ACCOUNT}:role/{role}", session))


@contextmanager
def gateway_stack(
    *,
    clock: Clock | None = None,
    resource_tokens: ResourceTokens | None = None,
    own_endpoint: bool = False,
    **settings: Any,
) -> Iterator[Stack]:
    """A running plane; `settings` are members of GatewaySettings, `clock` is the machine's by default.

    Signatures go by the machine's clock. `resource_tokens` is the token vault. With `own_endpoint` the plane is
    told its own URL as that of the endpoint, without functions behind it.
    """
    access = Access(DEVELOPER, account=ACCOUNT, clock=SystemClock(), source=NoOtherKeys())
    resources, recorder, functions = FakeResources(), HopList(), FakeLambda(access)
    objects = Objects()
    with serve(functions, lifespan="off") as endpoint, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        own = f"http://127.0.0.1:{bound.getsockname()[1]}"
        where = {"endpoint": own if own_endpoint else endpoint, "region": REGION, "account": ACCOUNT}
        options: dict[str, Any] = {**where, "listing": 5.0, **settings}

        def make(transport: Transport) -> GatewayPlane:
            return GatewayPlane(
                resources=resources,
                access=access,
                recorder=recorder,
                clock=clock or SystemClock(),
                transport=transport,
                fetch_object=objects,
                settings=GatewaySettings(**options),
                resource_tokens=resource_tokens,
            )

        with serve(_Lifespan(resources, make), bound=bound) as base:
            yield Stack(base, resources, recorder, functions, access, objects)


MODERN = "2026-07-28"
LEGACY = "2025-11-25"


def post(
    url: str,
    method: str,
    params: Mapping[str, Any] | None = None,
    *,
    modern: bool = False,
    identifier: Any = 7,
    headers: Mapping[str, str] | None = None,
    sign: Stack | Signer | None = None,
    capabilities: Mapping[str, Any] | None = None,
) -> httpx2.Response:
    """One MCP request over a plain HTTP client; with `sign` it carries the developer's signature."""
    params = dict(params or {})
    sent = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    sent["mcp-protocol-version"] = MODERN if modern else LEGACY
    if modern:
        prefix = "io.modelcontextprotocol/"
        meta = {prefix + "protocolVersion": MODERN, prefix + "clientCapabilities": dict(capabilities or {})}
        params["_meta"] = {**meta, **params.get("_meta", {})}
        sent["mcp-method"] = method
        name = params.get("uri" if method == "resources/read" else "name")
        if isinstance(name, str):
            sent["mcp-name"] = name
    sent |= {name.lower(): value for name, value in (headers or {}).items()}
    message = {"jsonrpc": "2.0", "id": identifier, "method": method, "params": params}
    body = json.dumps(message).encode()
    if sign is not None:
        sent = sign.signed(url, body, sent)
    with httpx2.Client(trust_env=False, timeout=TIMEOUT) as client:
        return client.post(url, content=body, headers={name: value for name, value in sent.items() if value})
