"""Control plane and identity plane of one stack on a real socket, as `local.app` puts them together.

    with identity_stack(folder) as stack:
        stack.control.create_workload_identity(name="desk", …)
        stack.data.get_workload_access_token(workloadName="desk")

boto3 is unmodified. The clock is a wall clock that a test may move on: `stack.clock`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from skerry.auth.http.guarded import Guard
from skerry.auth.http.outside import Outside
from skerry.auth.http.transport import Transport
from skerry.errors import RemoteError
from skerry.local.control.plane import ControlPlane
from skerry.local.iam.access import Access
from skerry.local.identity.plane import IdentityPlane
from skerry.local.identity.settings import IdentitySettings
from skerry.local.ports.permissions import Permissions
from skerry.local.ports.secrets import SecretReference
from skerry.local.routing import plane_of
from skerry.local.state.record_codec import SealedSecrets
from skerry.local.state.records import RecordStore
from skerry.local.state.resources import Place, Resources
from skerry.local.state.sealing import Sealer
from tests.kit.asgi_thread import serve
from tests.kit.authorization_server import CLIENT, SECRET, AuthorizationServer
from tests.kit.clock import FakeClock
from tests.kit.gateway_stack import HopList, NoOtherKeys
from tests.kit.internet import Internet
from tests.kit.local_endpoint import ACCOUNT, DEVELOPER, REGION, client

RETURN_URL = "https://app.example/done?tab=1"
VAULT = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:token-vault/default"


class MovedClock(FakeClock):
    """Implements the Clock ports: the machine's own time, and how far a test has moved it.

    Signatures are made by the machine's time, so `Access` has a clock of its own.
    """

    def __init__(self) -> None:
        super().__init__(0.0)

    def time(self) -> float:
        return time.time() + self._time


class _WallClock(FakeClock):
    """Implements the Clock ports with the machine's own time."""

    def time(self) -> float:
        return time.time()


class Inside:
    """Counts the requests that the identity plane is answering; `wait_for` blocks until there are so many."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def add(self, number: int) -> None:
        with self._changed:
            self._count += number
            self._changed.notify_all()

    def wait_for(self, count: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._count >= count, 20)


@dataclass
class IdentityStack:
    """A running stack."""

    url: str
    folder: Path
    clock: MovedClock
    recorder: HopList
    plane: IdentityPlane
    secrets: dict[tuple[str, str], str]
    inside: Inside
    internet: Internet
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """An unmodified boto3 client."""
        if service not in self._clients:
            self._clients[service] = client(service, self.url)
        return self._clients[service]

    @property
    def control(self) -> Any:
        return self.client("bedrock-agentcore-control")

    @property
    def data(self) -> Any:
        return self.client("bedrock-agentcore")

    def workload(self, *urls: str) -> str:
        """A new workload identity that allows `urls`."""
        name = f"desk-{uuid.uuid4().hex[:8]}"
        self.control.create_workload_identity(name=name, allowedResourceOauth2ReturnUrls=list(urls))
        return name

    def for_user(self, workload: str, user_id: str = "ann") -> str:
        """A workload access token for a person's id."""
        answer = self.data.get_workload_access_token_for_user_id(workloadName=workload, userId=user_id)
        return str(answer["workloadAccessToken"])

    def provider(self, server: AuthorizationServer, **members: Any) -> str:
        """A new credential provider for a server; its callback URL is registered there."""
        name = f"provider-{uuid.uuid4().hex[:8]}"
        made = self.control.create_oauth2_credential_provider(
            name=name, **self.configuration(server, **members)
        )
        server.redirects.add(made["callbackUrl"])
        return name

    def configuration(self, server: AuthorizationServer, **members: Any) -> dict[str, Any]:
        """The arguments of Create and Update."""
        usual = {
            "oauthDiscovery": {"discoveryUrl": server.discovery_url},
            "clientId": CLIENT,
            "clientSecret": SECRET,
        }
        return {
            "credentialProviderVendor": "CustomOauth2",
            "oauth2ProviderConfigInput": {"customOauth2ProviderConfig": {**usual, **members}},
        }

    def token(
        self, workload_token: str, provider: str, flow: str = "USER_FEDERATION", **more: Any
    ) -> dict[str, Any]:
        """GetResourceOauth2Token."""
        if flow == "USER_FEDERATION":
            more = {"resourceOauth2ReturnUrl": RETURN_URL, **more}
        answer: dict[str, Any] = self.data.get_resource_oauth2_token(
            workloadIdentityToken=workload_token,
            resourceCredentialProviderName=provider,
            oauth2Flow=flow,
            **{"scopes": ["files.read"], **more},
        )
        return answer


class _App:
    """Both planes behind one door; they start and end with the server."""

    def __init__(
        self,
        url: str,
        folder: Path,
        recorder: HopList,
        settings: Mapping[str, Any],
        permissions: Permissions | None,
        internet: Internet,
        *,
        federates: bool,
    ) -> None:
        self._federates = federates
        self.clock = MovedClock()
        self.secrets: dict[tuple[str, str], str] = {}
        self.inside = Inside()
        access = Access(DEVELOPER, account=ACCOUNT, clock=_WallClock(), source=NoOtherKeys())
        sealer = Sealer.of(folder)
        store = RecordStore(folder / "control.sqlite", SealedSecrets(sealer))
        self._resources = Resources(store, place=Place(REGION, ACCOUNT, url), clock=self.clock)
        shared: Any = {
            "access": access,
            "recorder": recorder,
            "clock": self.clock,
            "resources": self._resources,
        }
        self._control = ControlPlane(**shared)
        self._http = httpx2.AsyncClient(trust_env=False)
        transport = Transport(self._http)
        self.plane = IdentityPlane(
            fetch=transport.fetch,
            providers=Outside(transport, Guard(network=internet.network())),
            private=transport,
            fetch_secret=self._secret,
            sealer=sealer,
            settings=IdentitySettings(
                file=folder / "vault.sqlite", endpoint=url, region=REGION, account=ACCOUNT, **settings
            ),
            permissions=permissions,
            **shared,
        )

    async def _secret(self, reference: SecretReference) -> str:
        try:
            return self.secrets[reference.id, reference.key]
        except KeyError:
            raise RemoteError(f"There is no secret {reference.id}.") from None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            async with AsyncExitStack() as stack:
                await receive()
                await self._resources.start()
                stack.push_async_callback(self._resources.close)
                stack.push_async_callback(self._http.aclose)
                await self.plane.start()
                stack.push_async_callback(self.plane.close)
                if self._federates:
                    await self.plane.web_identities.enable(on=True)
                await self._control.start()
                stack.push_async_callback(self._control.close)
                await send({"type": "lifespan.startup.complete"})
                await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        found = plane_of(scope["raw_path"], scope["query_string"], scope["headers"], declared=lambda _: False)
        if found != "identity":
            await self._control(scope, receive, send)
            return
        self.inside.add(1)
        try:
            await self.plane(scope, receive, send)
        finally:
            self.inside.add(-1)


@contextlib.contextmanager
def identity_stack(
    folder: Path,
    *,
    permissions: Permissions | None = None,
    internet: Internet | None = None,
    federates: bool = False,
    **settings: Any,
) -> Iterator[IdentityStack]:
    """A running stack whose state is in `folder`; `settings` are further IdentitySettings.

    The account's issuer of web identities is on when it `federates`. Beyond loopback there is nothing but `internet`.
    """
    recorder = HopList()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        internet = internet or Internet()
        internet.names.setdefault("inner.example", ["10.0.0.1"])
        app = _App(url, folder, recorder, settings, permissions, internet, federates=federates)
        with serve(app, bound=listening):
            stack = IdentityStack(
                url, folder, app.clock, recorder, app.plane, app.secrets, app.inside, internet
            )
            try:
                yield stack
            finally:
                for made in stack._clients.values():
                    made.close()
