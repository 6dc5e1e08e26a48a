"""The MCP SDK's own client signs a person in at a provider that it finds by itself, checks `iss`, and refreshes."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from skerry.idp import Client, Realm
from skerry.idp.realms import AUTHORIZATION_CODE, REFRESH_TOKEN
from tests.idp.test_with_mcp_client import SERVER, ProtectedServer
from tests.kit.idp_people import ANN, Home, people

CALLBACK = "http://127.0.0.1:3118/callback"


class Storage:
    """Implements mcp's TokenStorage in memory, with a client that was registered before."""

    def __init__(self, client: OAuthClientInformationFull) -> None:
        self.client = client
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Person:
    """Somebody at a browser, who allows what is asked."""

    def __init__(self, home: Home) -> None:
        self.browser = home.browser()
        self.back: dict[str, str] = {}

    async def open(self, url: str) -> None:
        self.back = await asyncio.to_thread(self._visit, url)

    def _visit(self, url: str) -> dict[str, str]:
        page = self.browser.sign_in(self.browser.open(url))
        return self.browser.press(page, decision="approve").back

    async def answer(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(**self.back)


@pytest.mark.behaviour("IDP-MCP-SIGN-IN")
@pytest.mark.parametrize("dialect", ["oauth", "cognito"])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_the_mcp_sdk_signs_a_person_in_and_refreshes(dialect, method):
    agent = Client(
        id="agent",
        secret="a+b/c%d",
        grants=(AUTHORIZATION_CODE, REFRESH_TOKEN),
        audiences=(SERVER,),
        scopes=("tools/call", "tools/list"),
        redirect_uris=("http://127.0.0.1/callback",),
        token_endpoint_auth_method=method,
    )
    realm = Realm(name="home", dialect=dialect, clients={"agent": agent}, users={"ann": ANN})
    with people(realm) as home:
        issuer = home.issuer()
        client = OAuthClientInformationFull(
            client_id="agent",
            client_secret="a+b/c%d",
            redirect_uris=[CALLBACK],
            token_endpoint_auth_method=method,
            issuer=issuer,
        )
        storage, person = Storage(client), Person(home)
        metadata = OAuthClientMetadata(redirect_uris=[CALLBACK], token_endpoint_auth_method=method)
        provider = OAuthClientProvider(SERVER, metadata, storage, person.open, person.answer)
        server = ProtectedServer(issuer)
        async with httpx2.AsyncClient(auth=provider, transport=server) as http:
            assert (await http.post(SERVER, json={})).status_code == 200
            claims = home.desk.claims(server.token, "home")
            assert (claims["sub"], claims["aud"], claims["scope"]) == (ANN.id, SERVER, "tools/call")
            assert person.back["iss"] == issuer
            first = storage.tokens
            assert first is not None
            provider.context.token_expiry_time = 1.0  # as if it had expired: the SDK reads no clock of ours
            assert (await http.post(SERVER, json={})).status_code == 200
    assert storage.tokens is not None
    assert storage.tokens.refresh_token != first.refresh_token
    assert server.token == storage.tokens.access_token != first.access_token
