"""The endpoint for tests: its control plane alone in a thread, or all of it in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx2
from botocore.config import Config

from skerry.auth.aws import sigv4
from skerry.auth.aws.sigv4 import Credentials
from skerry.local.clock import SystemClock
from skerry.local.control.lifecycle import STEPS
from skerry.local.control.plane import CheckTarget, ControlPlane
from skerry.local.control.settings import ControlSettings
from skerry.local.iam.access import Access, Key
from skerry.local.ports.asgi import Receive, Scope, Send
from skerry.local.ports.resources import Change
from skerry.local.ports.running import Clock
from skerry.local.state.recorder import HopRecorder
from skerry.local.state.records import RecordStore
from skerry.local.state.resources import Place, Resources
from tests.kit.asgi_thread import serve

REGION, ACCOUNT = "us-east-1", "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/desk"
DEVELOPER = Credentials("AKIACONTROLTESTSAAAA", "not a real secret " + "x" * 30)
TIMEOUT = 30.0


class Keys:
    """Implements `access.KeySource` from a dictionary; `asked` lists what it was asked for."""

    def __init__(self, **known: Key) -> None:
        self.known = known
        self.asked: list[str] = []

    async def key(self, access_key_id: str) -> Key | None:
        self.asked.append(access_key_id)
        return self.known.get(access_key_id)


@dataclass
class ControlStack:
    """The control plane as an ASGI application, over a state file in `folder`."""

    folder: Path
    clock: Clock = field(default_factory=SystemClock)
    url: str = "http://127.0.0.1:4700"
    keys: Keys = field(default_factory=Keys)
    check_target: CheckTarget | None = None
    changes: list[Change] = field(default_factory=list)
    listener_threads: set[int] = field(default_factory=set)
    loop_thread: int = 0
    transition: float = 0.0
    writes: float = 0.0
    reads: float = 0.0
    target_operations: int = 0
    complete: bool = True

    def __post_init__(self) -> None:
        store = RecordStore(self.folder / "control.sqlite")
        self.resources = Resources(store, place=Place(REGION, ACCOUNT, self.url), clock=self.clock)
        self.access = Access(DEVELOPER, account=ACCOUNT, clock=self.clock, source=self.keys)
        self.recorder = HopRecorder()
        self.plane = ControlPlane(
            resources=self.resources,
            access=self.access,
            recorder=self.recorder,
            clock=self.clock,
            check_target=self.check_target,
            settings=ControlSettings(
                transition=self.transition,
                writes=self.writes,
                reads=self.reads,
                target_operations=self.target_operations,
            ),
        )
        self.resources.subscribe(self._changed)

    def _changed(self, change: Change) -> None:
        self.changes.append(change)
        self.listener_threads.add(threading.get_ident())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.plane(scope, receive, send)
            return
        await receive()
        self.loop_thread = threading.get_ident()
        await self.resources.start()
        await self.plane.start()
        if self.complete:
            self.plane.limit()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.plane.close()
        await self.resources.close()
        await send({"type": "lifespan.shutdown.complete"})


@contextlib.contextmanager
def control(stack: ControlStack) -> Iterator[Any]:
    """An unmodified boto3 client of the control plane; only its endpoint_url is not AWS's."""
    with serve(stack) as url:
        yield client("bedrock-agentcore-control", url)


def client(
    service: str, url: str, credentials: Credentials = DEVELOPER, *, region: str = REGION, **options: Any
) -> Any:
    """A boto3 client whose endpoint_url is `url`; it sends each request once."""
    session = boto3.session.Session()
    return session.client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token,
        config=Config(retries={"total_max_attempts": 1}, **options),
    )


@dataclass(frozen=True)
class Running:
    """An endpoint in a process of its own."""

    url: str
    state: Path
    developer: Credentials
    process: subprocess.Popen[str]

    def client(self, service: str, credentials: Credentials | None = None, **options: Any) -> Any:
        return client(service, self.url, credentials or self.developer, **options)

    def tool(self, gateway: Mapping[str, Any], name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The result of one `tools/call` at a gateway (CreateGateway's answer), signed by the developer."""
        params = {"name": name, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        url, body = gateway["gatewayUrl"], json.dumps(message).encode()
        headers = {"content-type": "application/json", "accept": "application/json"}
        headers |= sigv4.sign(
            "POST",
            url,
            headers,
            body,
            credentials=self.developer,
            region=REGION,
            service="bedrock-agentcore",
            now=time.time(),
        )
        with httpx2.Client(trust_env=False, timeout=TIMEOUT) as http:
            result: dict[str, Any] = http.post(url, content=body, headers=headers).json()["result"]
        return result


@contextlib.contextmanager
def endpoint_process(
    state: Path,
    *,
    seeds: tuple[Path, ...] = (),
    port: int = 0,
    transition: float = 0.0,
    more: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """`python -m skerry.local`, ready, with `more` in its environment; it is told to end with the block and must end within 5 s."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SKERRY_"))
    }
    environment |= {
        "SKERRY_STATE": str(state),
        "SKERRY_PORT": str(port),
        "SKERRY_TRANSITION": str(transition),
        "SKERRY_SEEDS": os.pathsep.join(map(str, seeds)),
        **(more or {}),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "skerry.local"], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        kept = json.loads((state / "credentials.json").read_text())
        yield Running(ready["endpoint"], state, Credentials(**kept), process)
    finally:
        process.terminate()
        try:
            process.wait(5)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def settled(get: Callable[..., Any], **where: str) -> dict[str, Any]:
    """What a Get operation answers once the status in between is over, as pollers of boto3 do."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        answer: dict[str, Any] = get(**where)
        if answer["status"] not in STEPS:
            return answer
    raise AssertionError(f"still {answer['status']} after {TIMEOUT} s")


def artifact(prefix: str = "/srv/agent") -> dict[str, Any]:
    """A code artifact such as the stack declares."""
    return {
        "codeConfiguration": {
            "code": {"s3": {"bucket": "skerry-local", "prefix": prefix}},
            "runtime": "PYTHON_3_12",
            "entryPoint": ["main.py"],
        }
    }
