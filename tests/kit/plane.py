"""A plane of `local` on a real socket, with real signatures: what `app.py` does, for one plane alone."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from skerry.auth.aws.sigv4 import Credentials
from skerry.local.iam.access import Access, Key
from skerry.wire.hop import Hop
from tests.kit.asgi_thread import serve

ACCOUNT = "123456789012"
REGION = "us-east-1"


class RealClock:
    """Implements `ports.Clock` with the machine's own time: signatures of boto3 carry it."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class Hops:
    """Implements `ports.Recorder`: keeps what it is given; `until` waits for so many."""

    def __init__(self) -> None:
        self.all: list[Hop] = []
        self._changed = threading.Condition()

    def record(self, hop: Hop) -> None:
        with self._changed:
            self.all.append(hop)
            self._changed.notify_all()

    def until(self, number: int) -> list[Hop]:
        """The hops, when there are that many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.all) >= number, 20), self.all
            return list(self.all)


class NoKeys:
    """Implements `access.KeySource`: no keys were made through IAM."""

    async def key(self, access_key_id: str) -> Key | None:
        return None


@dataclass
class Ports:
    """The collaborators of a plane. `developer` is a key that the access port knows."""

    developer: Credentials = field(
        default_factory=lambda: Credentials(
            "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
        )
    )
    clock: RealClock = field(default_factory=RealClock)
    hops: Hops = field(default_factory=Hops)

    def __post_init__(self) -> None:
        self.access = Access(self.developer, account=ACCOUNT, clock=self.clock, source=NoKeys())


@dataclass
class Running:
    """A served plane."""

    url: str
    ports: Ports
    plane: Any
    clients: list[Any] = field(default_factory=list)

    def client(self, service: str, credentials: Credentials | None = None, **options: Any) -> Any:
        """An unmodified boto3 client that is pointed at the plane; it does not retry."""
        key = credentials or self.ports.developer
        made = boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
            aws_session_token=key.session_token,
            config=Config(retries={"max_attempts": 0}, **options),
        )
        self.clients.append(made)
        return made

    def close(self) -> None:
        """Closes the connections of the clients."""
        for client in self.clients:
            client.close()


class _Lifespan:
    """Starts and closes the plane with the server, on the server's event loop."""

    def __init__(self, plane: Any) -> None:
        self.plane = plane

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self.plane(scope, receive, send)
            return
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.plane.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.plane.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


@contextlib.contextmanager
def running(make: Callable[[Ports], Any]) -> Iterator[Running]:
    """Serves the plane that `make` builds from the ports.

    with running(lambda ports: ModelsPlane(access=ports.access, …)) as served:
        served.client("bedrock-runtime").converse(…)
    """
    ports = Ports()
    plane = make(ports)
    with serve(_Lifespan(plane)) as url:
        found = Running(url, ports, plane)
        try:
            yield found
        finally:
            found.close()
