"""Control plane, gateway and functions of one stack on a real socket, as `local.app` puts them together.

    with planes(folder, functions) as stack:
        gateway = stack.client("bedrock-agentcore-control").create_gateway(...)
        httpx2.post(gateway["gatewayUrl"], ...)

Everything is skerry's own but the embedded cloud, which is left out: the functions are real processes.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from skerry.auth.http.transport import Transport
from skerry.local.control.plane import ControlPlane
from skerry.local.functions import FunctionSettings, FunctionsPlane, FunctionsSettings
from skerry.local.gateway import GatewayPlane, GatewaySettings
from skerry.local.iam.access import Access
from skerry.local.routing import plane_of
from skerry.local.state.records import RecordStore
from skerry.local.state.resources import Place, Resources
from tests.kit.asgi_thread import serve
from tests.kit.gateway_stack import HopList, NoOtherKeys, Objects, SystemClock
from tests.kit.local_endpoint import ACCOUNT, DEVELOPER, REGION, client


class _App:
    """The planes behind one door; they start and end with the server."""

    def __init__(
        self,
        url: str,
        folder: Path,
        functions: Mapping[str, FunctionSettings],
        recorder: HopList,
        **gateway: Any,
    ) -> None:
        self._url = url
        self._resource_tokens = gateway.pop("resource_tokens", None)
        self._gateway = gateway
        self._folder = folder
        self._functions = functions
        self._recorder = recorder
        self._planes: dict[str, Any] = {}
        self._serves: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            async with AsyncExitStack() as stack:
                await receive()
                await self._start(stack)
                await send({"type": "lifespan.startup.complete"})
                await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        found = plane_of(scope["raw_path"], scope["query_string"], scope["headers"], declared=self._serves)
        await self._planes[found](scope, receive, send)

    async def _start(self, stack: AsyncExitStack) -> None:
        clock = SystemClock()
        access = Access(DEVELOPER, account=ACCOUNT, clock=clock, source=NoOtherKeys())
        place = Place(REGION, ACCOUNT, self._url)
        resources = Resources(RecordStore(self._folder / "control.sqlite"), place=place, clock=clock)
        shared: Any = {"access": access, "recorder": self._recorder, "clock": clock}
        where: Any = {"endpoint": self._url, "region": REGION, "account": ACCOUNT}
        http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False))
        settings = FunctionsSettings(state=self._folder, functions=self._functions, **where)
        functions = FunctionsPlane(settings=settings, **shared)
        control = ControlPlane(resources=resources, **shared)
        gateway = GatewayPlane(
            resources=resources,
            transport=Transport(http),
            fetch_object=Objects(),
            settings=GatewaySettings(**where, **self._gateway),
            report=control.reporter("target"),
            resource_tokens=self._resource_tokens,
            **shared,
        )
        self._planes = {"control": control, "functions": functions, "gateway": gateway}
        self._serves = functions.serves
        await resources.start()
        stack.push_async_callback(resources.close)
        for plane in (functions, gateway, control):
            await plane.start()
            stack.push_async_callback(plane.close)


@dataclass(frozen=True)
class Planes:
    """A running stack."""

    url: str
    recorder: HopList

    def client(self, service: str) -> Any:
        """An unmodified boto3 client of this stack."""
        return client(service, self.url)


@contextlib.contextmanager
def planes(folder: Path, functions: Mapping[str, FunctionSettings], **gateway: Any) -> Iterator[Planes]:
    """A running stack whose state is in `folder`.

    `gateway` are members of GatewaySettings, and `resource_tokens`.
    """
    recorder = HopList()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with serve(_App(url, folder, functions, recorder, **gateway), bound=listening) as served:
            assert served == url
            yield Planes(url, recorder)
