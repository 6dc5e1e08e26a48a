"""The MCP SDK's own machine client gets a token from a provider that it has to find by itself."""

import httpx2
import pytest
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from skerry.idp import Client, Realm, metadata
from tests.kit.idp import desk

SERVER = "https://tools.example.com/mcp"


class Storage:
    """Implements mcp's TokenStorage in memory."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        raise AssertionError("a pre-registered client must not register")


class ProtectedServer(httpx2.AsyncBaseTransport):
    """Implements a protected MCP server as an httpx2 transport; all other hosts are real ones.

    Sends a 401 with RFC 9728 metadata until a bearer token comes, which it keeps.
    """

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.token = ""
        self.asked: list[str] = []
        self._real = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.host != "tools.example.com":
            self.asked.append(request.url.path)
            return await self._real.handle_async_request(request)
        if request.url.path != "/mcp":
            metadata = {"resource": SERVER, "authorization_servers": [self.issuer]}
            return httpx2.Response(200, json=metadata, request=request)
        self.token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.token:
            return httpx2.Response(200, json={}, request=request)
        place = "https://tools.example.com/.well-known/oauth-protected-resource/mcp"
        challenge = {"www-authenticate": f'Bearer scope="tools/call", resource_metadata="{place}"'}
        return httpx2.Response(401, headers=challenge, request=request)

    async def aclose(self) -> None:
        await self._real.aclose()


@pytest.mark.behaviour("IDP-DISCOVERY-THREE-PLACES")
@pytest.mark.parametrize("dialect", ["oauth", "cognito"])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_the_machine_client_of_the_mcp_sdk_finds_the_provider_and_gets_a_token(dialect, method):
    client = Client(
        id="agent",
        secret="a+b/c%d",
        audiences=(SERVER,),
        scopes=("tools/call", "tools/list"),
        token_endpoint_auth_method=method,
    )
    with desk(Realm(name="desk", dialect=dialect, clients={"agent": client})) as running:
        issuer = running.idp.issuers["desk"]
        provider = ClientCredentialsOAuthProvider(
            server_url=SERVER,
            storage=Storage(),
            client_id="agent",
            client_secret="a+b/c%d",
            token_endpoint_auth_method=method,
            scope="tools/call",
        )
        server = ProtectedServer(issuer)
        async with httpx2.AsyncClient(auth=provider, transport=server) as http:
            assert (await http.post(SERVER, json={})).status_code == 200
        claims = running.claims(server.token)
    assert (claims["aud"], claims["scope"], claims["client_id"]) == (SERVER, "tools/call", "agent")
    path = issuer.removeprefix(running.idp.url)
    token = running.idp.token_endpoint("desk").removeprefix(running.idp.url)
    places = 1 if dialect == "oauth" else 3
    assert server.asked == [*metadata.well_known_paths(path)[:places], token]
