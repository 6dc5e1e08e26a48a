"""The Runtime plane on a real socket, with fakes for the ports around it.

    async with runtime_plane(tmp_path) as running:
        running.resources.put(record("plain"))
        answer = await running.invoke("plain", b"{}", session="s" * 33)

Programs are those in tests/local/runtime/programs. Signatures are real: `skerry.local.iam.access` checks them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from skerry.auth.aws.sigv4 import Credentials, sign
from skerry.errors import RemoteError
from skerry.local.http.frame_server import FrameServer
from skerry.local.iam.access import Access, Key
from skerry.local.ports.resources import Change, Record
from skerry.local.ports.running import Clock
from skerry.local.runtime.plane import RuntimePlane
from skerry.local.runtime.settings import RuntimeSettings, basics
from skerry.wire.arn import runtime_arn
from skerry.wire.endpoints import invocation_url
from skerry.wire.headers import RUNTIME_SESSION_ID
from skerry.wire.hop import Hop
from tests.kit.clock import FakeClock

PROGRAMS = Path(__file__).parents[1] / "local" / "runtime" / "programs"
REGION, ACCOUNT = "us-east-1", "123456789012"
DEVELOPER = Credentials("AKIATESTTESTTEST", "the secret of the developer")
MCP_ACCEPT = "application/json, text/event-stream"


class FakeResources:
    """Implements ports.Resources for runtimes: records by id and endpoint, changed with `put` and `delete`."""

    def __init__(self) -> None:
        self._runtimes: dict[tuple[str, str], Record] = {}
        self._listeners: list[Any] = []

    def put(self, item: Record, *, qualifier: str = "DEFAULT", tell: bool = False) -> Record:
        """Stores what an endpoint serves; with `tell` as a control-plane write that listeners hear of."""
        known = (item["agentRuntimeId"], qualifier) in self._runtimes
        self._runtimes[item["agentRuntimeId"], qualifier] = item
        if tell:
            self._tell("updated" if known else "created", item)
        return item

    def delete(self, item: Record) -> None:
        for key in [key for key in self._runtimes if key[0] == item["agentRuntimeId"]]:
            del self._runtimes[key]
        self._tell("deleted", item)

    def _tell(self, action: Any, item: Record) -> None:
        for listener in self._listeners:
            listener(Change("runtime", action, item["agentRuntimeId"], item))

    def runtime(self, identifier: str, qualifier: str = "DEFAULT") -> Record | None:
        found = self._runtimes.get((identifier.rpartition("/")[2], qualifier))
        return found if found and identifier in (found["agentRuntimeId"], found["agentRuntimeArn"]) else None

    def gateway(self, gateway_id: str) -> Record | None:
        return None

    def targets(self, gateway_id: str) -> list[Record]:
        return []

    def all_runtimes(self) -> list[Record]:
        return [item for (_, qualifier), item in self._runtimes.items() if qualifier == "DEFAULT"]

    def all_gateways(self) -> list[Record]:
        return []

    def policies(self, engine_arn: str) -> list[Record] | None:
        return None

    def credential_provider(self, arn: str) -> Record | None:
        return None

    def api_key(self, arn: str) -> str | None:
        return None

    def secret_arn(self, provider_arn: str) -> str:
        return ""

    def subscribe(self, listener: Any) -> None:
        self._listeners.append(listener)


class MemoryRecorder:
    """Implements ports.Recorder: keeps every hop in `hops`."""

    def __init__(self) -> None:
        self.hops: list[Hop] = []
        self._more = asyncio.Event()

    def record(self, hop: Hop) -> None:
        self.hops.append(hop)
        self._more.set()

    async def until(self, number: int) -> list[Hop]:
        """The hops, when there are that many."""
        while len(self.hops) < number:
            self._more.clear()
            await self._more.wait()
        return self.hops


class NoKeys:
    """Implements access.KeySource: IAM knows no keys."""

    async def key(self, access_key_id: str) -> Key | None:
        return None


class Objects:
    """A fake S3: `objects[bucket, key]`; its `fetch` fits FetchObject."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}

    async def fetch(self, bucket: str, key: str, version: str) -> bytes:
        try:
            return self.objects[bucket, key]
        except KeyError:
            raise RemoteError(f"there is no object {key} in the bucket {bucket}.") from None


def record(program: str, **members: Any) -> dict[str, Any]:
    """GetAgentRuntime's answer for a program of tests/local/runtime/programs; `members` replace or add."""
    name = members.pop("name", program)
    entry = members.pop("entry", "main.py")
    path = members.pop("path", PROGRAMS / program)
    identifier = f"{name}-0123456789"
    made: dict[str, Any] = {
        "agentRuntimeArn": runtime_arn(REGION, ACCOUNT, identifier),
        "agentRuntimeId": identifier,
        "agentRuntimeName": name,
        "agentRuntimeVersion": "1",
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{name}-role",
        "status": "READY",
        "lifecycleConfiguration": {"idleRuntimeSessionTimeout": 900, "maxLifetime": 28800},
        "agentRuntimeArtifact": {
            "codeConfiguration": {
                "code": {"s3": {"bucket": "skerry-local", "prefix": str(path)}},
                "runtime": "PYTHON_3_12",
                "entryPoint": [entry],
            }
        },
    }
    if protocol := members.pop("protocol", None):
        made["protocolConfiguration"] = {"serverProtocol": protocol}
    if allowlist := members.pop("allowlist", None):
        made["requestHeaderConfiguration"] = {"requestHeaderAllowlist": allowlist}
    if jwt := members.pop("jwt", None):
        made["authorizerConfiguration"] = {"customJWTAuthorizer": jwt}
    return {**made, **members}


@dataclass
class Running:
    """A running plane. `url` is its base; `http` a client that signs nothing by itself."""

    url: str
    plane: RuntimePlane
    settings: RuntimeSettings
    resources: FakeResources
    recorder: MemoryRecorder
    access: Access
    clock: Clock
    objects: Objects
    http: httpx2.AsyncClient
    arns: dict[str, str] = field(default_factory=dict)

    def url_of(self, name: str, *, qualifier: str = "DEFAULT") -> str:
        """The invocation URL of a runtime by its name."""
        return invocation_url(
            self.url, runtime_arn(REGION, ACCOUNT, f"{name}-0123456789"), qualifier=qualifier
        )

    def signed(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """`headers` with the developer's signature."""
        added = sign(
            method,
            url,
            headers,
            body,
            credentials=DEVELOPER,
            region=REGION,
            service="bedrock-agentcore",
            now=self.clock.time(),
        )
        return {**headers, **added}

    async def invoke(
        self,
        name: str,
        body: Any,
        *,
        session: str = "",
        headers: Mapping[str, str] | None = None,
        token: str = "",
        qualifier: str = "DEFAULT",
    ) -> httpx2.Response:
        """Invokes a runtime, signed by the developer or with a bearer `token`; JSON unless it is bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **({RUNTIME_SESSION_ID: session} if session else {})}
        sent |= headers or {}
        url = self.url_of(name, qualifier=qualifier)
        if token:
            sent["Authorization"] = f"Bearer {token}"
        else:
            sent = self.signed("POST", url, sent, data)
        return await self.http.post(url, content=data, headers=sent)

    async def rpc(
        self,
        name: str,
        method: str,
        params: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx2.Response:
        """Sends one JSON-RPC request to an MCP runtime."""
        message = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params or {}}
        return await self.invoke(name, message, headers={"Accept": MCP_ACCEPT, **(headers or {})}, **more)

    async def stop(self, name: str, session: str) -> httpx2.Response:
        """StopRuntimeSession."""
        url = self.url_of(name).replace("/invocations?", "/stopruntimesession?")
        headers = {RUNTIME_SESSION_ID: session} if session else {}
        return await self.http.post(url, content=b"{}", headers=self.signed("POST", url, headers, b"{}"))


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _no_keys(url: str) -> bytes:
    raise RemoteError(f"nobody answers at {url}.")


@contextlib.asynccontextmanager
async def runtime_plane(
    state: Path, *, clock: Clock | None = None, fetch_key: Any = _no_keys, **settings: Any
) -> AsyncIterator[Running]:
    """A running plane; `settings` go to RuntimeSettings."""
    time = clock or FakeClock()
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # for TCP_NODELAY
    bound.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    made = RuntimeSettings(
        state=state, endpoint=url, region=REGION, account=ACCOUNT, environment=basics(os.environ), **settings
    )
    resources, recorder, objects = FakeResources(), MemoryRecorder(), Objects()
    access = Access(DEVELOPER, account=ACCOUNT, clock=time, source=NoKeys())
    plane = RuntimePlane(
        resources=resources,
        access=access,
        recorder=recorder,
        clock=time,
        settings=made,
        fetch_key=fetch_key,
        fetch_object=objects.fetch,
    )
    config = uvicorn.Config(
        plane, log_level="error", lifespan="off", ws=FrameServer, ws_ping_interval=None, access_log=False
    )
    server = _Server(config)
    await plane.start()
    task = asyncio.create_task(server.serve(sockets=[bound]))
    await server.listening.wait()
    try:
        async with httpx2.AsyncClient(timeout=60, trust_env=False) as http:
            yield Running(url, plane, made, resources, recorder, access, time, objects, http)
    finally:
        server.should_exit = True
        server.force_exit = True
        await plane.close()
        await task
        bound.close()
