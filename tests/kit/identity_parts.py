"""The identity plane in the test's own event loop, with an authorization server that is a function.

async with identity_parts(folder) as parts:
    await parts.plane.vault.token(parts.ask("M2M"))
    parts.post.forms
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from skerry.local.iam.access import Access
from skerry.local.identity.plane import IdentityPlane
from skerry.local.identity.settings import IdentitySettings
from skerry.local.ports.resources import Change
from skerry.local.ports.tokens import ConsentNeeded, Flow, TokenAsk
from skerry.local.state.record_codec import SealedSecrets
from skerry.local.state.records import RecordStore, Write
from skerry.local.state.resources import Place, Resources
from skerry.local.state.sealing import Sealer
from tests.kit.clock import FakeClock
from tests.kit.gateway_stack import HopList, NoOtherKeys
from tests.kit.local_endpoint import ACCOUNT, DEVELOPER, REGION

RETURN_URL = "https://app.example/done"
ARN = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:token-vault/default/oauth2credentialprovider/p"
PROVIDER: Mapping[str, Any] = {
    "name": "p",
    "credentialProviderArn": ARN,
    "credentialProviderVendor": "CustomOauth2",
    "clientId": "c",
    "clientSecret": "very-secret",
    "createdTime": "2026-01-01",
    "lastUpdatedTime": "2026-01-01",
    "discoveryUrl": "",
    "tokenEndpoint": "https://i.example/t",
    "configuration": {
        "oauthDiscovery": {
            "authorizationServerMetadata": {
                "issuer": "https://i.example",
                "authorizationEndpoint": "https://i.example/a?tenant=1",
                "tokenEndpoint": "https://i.example/t",
            }
        }
    },
}
IDENTITY: Mapping[str, Any] = {
    "name": "desk",
    "createdTime": "2026-01-01",
    "allowedResourceOauth2ReturnUrls": [RETURN_URL],
}


@dataclass
class TokenEndpoint:
    """Implements `outside.Http`: a token for every POST, with `more` in its answer.

    Requests wait for `gate` where there is one.
    """

    forms: list[Mapping[str, Any]] = field(default_factory=list)
    gate: asyncio.Event | None = None
    more: dict[str, Any] = field(default_factory=dict)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def fetch(self, url: str) -> bytes:
        raise AssertionError(url)

    async def post(self, url: str, form: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[int, bytes]:
        del url, headers
        self.forms.append(form)
        self.arrived.set()
        if self.gate is not None:
            await self.gate.wait()
        number = next(self._numbers)
        answer = {"access_token": f"access-{number}", "token_type": "bearer", "expires_in": 3600}
        return 200, json.dumps(answer | {"refresh_token": f"refresh-{number}"} | self.more).encode()


async def _none(_: Any) -> Any:
    raise AssertionError("nobody asks for this here")


@dataclass
class Parts:
    """A running plane."""

    plane: IdentityPlane
    resources: Resources
    post: TokenEndpoint

    def ask(self, flow: Flow = "USER_FEDERATION", **more: Any) -> TokenAsk:
        """What the workload `desk` asks for somebody."""
        ask = TokenAsk(
            provider_arn=ARN,
            workload="desk",
            flow=flow,
            scopes=("s",),
            user='["id", "ann"]',
            return_url=RETURN_URL,
        )
        return replace(ask, **more)

    async def put(self, record: Mapping[str, Any]) -> None:
        """Changes the provider as the control plane does."""
        change = Change("credential-provider", "updated", ARN, record)
        await self.resources.commit([Write("credential-provider", "p", record)], [change], None)

    async def consented(self, needed: ConsentNeeded) -> str:
        """A person opens the link and agrees; gives the URL at which the application takes over."""
        opened = await self.plane.vault.federation.open(needed.session_uri)
        state = parse_qs(urlsplit(opened.location).query)["state"][0]
        callback = (self.resources.credential_provider(ARN) or {})["callbackUrl"].rpartition("/")[2]
        query = f"code=c-1&state={state}".encode()
        return await self.plane.vault.federation.returned(callback, query, {opened.cookie: opened.value})


@contextlib.asynccontextmanager
async def identity_parts(folder: Path, clock: FakeClock | None = None) -> AsyncIterator[Parts]:
    """A running plane whose state is in `folder`, with a provider and a workload identity."""
    clock, sealer, post = clock or FakeClock(), Sealer.of(folder), TokenEndpoint()
    url = "http://127.0.0.1:4700"
    store = RecordStore(folder / "control.sqlite", SealedSecrets(sealer))
    resources = Resources(store, place=Place(REGION, ACCOUNT, url), clock=clock)
    settings = IdentitySettings(file=folder / "vault.sqlite", endpoint=url, region=REGION, account=ACCOUNT)
    plane = IdentityPlane(
        resources=resources,
        access=Access(DEVELOPER, account=ACCOUNT, clock=clock, source=NoOtherKeys()),
        recorder=HopList(),
        clock=clock,
        fetch=_none,
        providers=post,
        private=post,
        fetch_secret=_none,
        sealer=sealer,
        settings=settings,
    )
    await resources.start()
    if resources.get("credential-provider", "p") is None:
        writes = [Write("credential-provider", "p", PROVIDER), Write("workload-identity", "desk", IDENTITY)]
        await resources.commit(writes, (), None)
    await plane.start()
    try:
        yield Parts(plane, resources, post)
    finally:
        await plane.close()
        await resources.close()
