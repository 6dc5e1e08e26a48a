"""A tool that acts for a person, with nothing made up but the world outside.

The endpoint in its own process with its own vault, boto3 for whoever runs it, unmodified MCP clients of both eras, a
browser, a provider and a server.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from mcp import types
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError

from tests.kit.gateway_stack import TIMEOUT
from tests.kit.local_endpoint import ROLE, Running, endpoint_process
from tests.kit.mcp_backends import Backend, fastmcp_backend
from tests.kit.sign_in import CLIENT, SignIn, sign_in
from tests.kit.token_vault import Browser

Browsers = Callable[[str], Browser]
TOOL, ARGUMENTS = "git___echo", {"text": "hi"}
ECHO = {"name": "echo", "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}}


@pytest.fixture(scope="module")
def idp() -> Iterator[SignIn]:
    """Who signs people in, and whose tokens the server wants; here one provider is both."""
    with sign_in() as running:
        yield running


@pytest.fixture
def backend() -> Iterator[Backend]:
    with fastmcp_backend() as running:
        yield running


@pytest.fixture
def browser() -> Iterator[Browsers]:
    """Makes browsers: `browser("ann")`."""
    with ExitStack() as stack:

        def made(name: str) -> Browser:
            new = Browser(name)
            stack.callback(new.close)
            return new

        yield made


class Desk:
    """A gateway for people, with a target whose tools are listed with a token; `listed` once an administrator agreed."""

    def __init__(self, stack: Running, idp: SignIn, backend: Backend) -> None:
        self.idp = idp
        self.control = stack.client("bedrock-agentcore-control")
        self.data = stack.client("bedrock-agentcore")
        self.app = f"{idp.url}/app"
        jwt = {"discoveryUrl": idp.discovery_url, "allowedClients": ["chat"]}
        gateway = self.control.create_gateway(
            name="desk",
            roleArn=ROLE,
            authorizerType="CUSTOM_JWT",
            authorizerConfiguration={"customJWTAuthorizer": jwt},
        )
        self.url = gateway["gatewayUrl"]
        self.name = gateway["gatewayId"]
        self.until(lambda: self.control.get_gateway(gatewayIdentifier=self.name), "READY")
        self.control.update_workload_identity(name=self.name, allowedResourceOauth2ReturnUrls=[self.app])
        inner = {"discoveryUrl": idp.discovery_url}
        configured = {"oauthDiscovery": inner, "clientId": CLIENT, "clientSecret": "not a real one"}
        provider = self.control.create_oauth2_credential_provider(
            name="git",
            credentialProviderVendor="CustomOauth2",
            oauth2ProviderConfigInput={"customOauth2ProviderConfig": configured},
        )["credentialProviderArn"]
        self.oauth = {"providerArn": provider, "scopes": ["repo"], "grantType": "AUTHORIZATION_CODE"}
        self.server = {"endpoint": backend.url}

    def close(self) -> None:
        self.control.close()
        self.data.close()

    def target(self, browser: Browser) -> dict[str, Any]:
        """The target, READY after the administrator's consent."""
        made = self.control.create_gateway_target(
            gatewayIdentifier=self.name, name="git", **self.configuration(defaultReturnUrl=self.app)
        )
        at = {"gatewayIdentifier": self.name, "targetId": made["targetId"]}
        pending = self.until(lambda: self.control.get_gateway_target(**at), "CREATE_PENDING_AUTH")
        asked = pending["authorizationData"]["oauth2"]
        self.agreed(browser, asked["authorizationUrl"], {"userId": asked["userId"]})
        return self.until(lambda: self.control.get_gateway_target(**at), "READY")

    def configuration(self, **members: Any) -> dict[str, Any]:
        provider = {"oauthCredentialProvider": {**self.oauth, **members}}
        configured = {"credentialProviderType": "OAUTH", "credentialProvider": provider}
        return {
            "targetConfiguration": {"mcp": {"mcpServer": self.server}},
            "credentialProviderConfigurations": [configured],
        }

    def agreed(self, browser: Browser, url: str, user: dict[str, str]) -> None:
        """A browser agrees; the application that it comes back to says whose consent that is."""
        back = urlsplit(str(browser.open(url).url))
        assert f"{back.scheme}://{back.netloc}{back.path}" == self.app
        session = parse_qs(back.query)["session_id"][0]
        self.data.complete_resource_token_auth(sessionUri=session, userIdentifier=user)

    @staticmethod
    def until(read: Any, status: str) -> dict[str, Any]:
        for _ in range(2000):
            if (found := read())["status"] == status:
                return dict(found)
            assert not found["status"].endswith(("FAILED", "UNSUCCESSFUL")), found.get("statusReasons")
        raise AssertionError(found["status"])


@asynccontextmanager
async def connected(url: str, mode: Any, token: str, opens: Any) -> Any:
    async def asked(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        del context
        assert isinstance(params, types.ElicitRequestURLParams)
        await asyncio.to_thread(opens, params.url)
        return types.ElicitResult(action="accept")

    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=TIMEOUT, trust_env=False) as http,
        Client(
            streamable_http_client(url, http_client=http), mode=mode, elicitation_callback=asked
        ) as client,
    ):
        yield client


async def called(client: Client, opens: Any) -> Any:
    try:
        return await client.call_tool(TOOL, ARGUMENTS)
    except MCPError as problem:
        for page in UrlElicitationRequiredError.from_error(problem.error).elicitations:
            await asyncio.to_thread(opens, page.url)
        return await client.call_tool(TOOL, ARGUMENTS)


@pytest.mark.behaviour("CNS-JOURNEY")
@pytest.mark.parametrize("connect", [False, True])
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_the_server_is_called_with_the_persons_own_token(
    tmp_path: Path, idp: SignIn, backend: Backend, browser: Browsers, mode: str, connect: bool
) -> None:
    more = {"SKERRY_CONNECT_CLIENT": CLIENT} if connect else {}
    with endpoint_process(tmp_path / "state", more=more) as stack, ExitStack() as exits:
        desk = exits.enter_context(closing(Desk(stack, idp, backend)))
        await asyncio.to_thread(desk.target, browser("admin"))
        token, ann, links = idp.token("ann"), browser("ann"), list[str]()

        def opens(url: str) -> None:
            links.append(url)
            desk.agreed(ann, url, {"userToken": token})

        async with connected(desk.url, mode, token, opens) as client:
            first, again = await called(client, opens), await called(client, opens)
    assert [item.content[0].text for item in (first, again)] == ["hi", "hi"]
    assert len(links) == 1
    assert ("/connect/" in links[0]) is connect
    people = [person_of(item.headers["authorization"]) for item in backend.seen]
    assert set(people) == {"admin", "ann"}  # who agreed that the tools are listed, and who called
    assert [person_of(item.headers["authorization"]) for item in backend.named("tools/call")] == ["ann"] * 2


@pytest.mark.behaviour("CNS-CONNECT-OTHER")
async def test_a_link_that_somebody_else_opens_connects_nobody(
    tmp_path: Path, idp: SignIn, backend: Backend, browser: Browsers
) -> None:
    more = {"SKERRY_CONNECT_CLIENT": CLIENT}
    with endpoint_process(tmp_path / "state", more=more) as stack, ExitStack() as exits:
        desk = exits.enter_context(closing(Desk(stack, idp, backend)))
        await asyncio.to_thread(desk.target, browser("admin"))
        pages: list[int] = []

        def passed_on(url: str) -> None:
            pages.append(browser("bob").open(url).status_code)

        async with connected(desk.url, "legacy", idp.token("ann"), passed_on) as client:
            with pytest.raises(MCPError) as caught:
                await called(client, passed_on)
    assert caught.value.error.code == -32042
    assert pages == [403]
    assert backend.named("tools/call") == []


def person_of(authorization: str) -> str:
    payload = authorization.removeprefix("Bearer ").split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["sub"])


@pytest.mark.behaviour("CNS-CONNECT")
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_without_an_application_the_endpoint_completes_the_consent(
    tmp_path: Path, idp: SignIn, backend: Backend, browser: Browsers, mode: str
) -> None:
    more = {"SKERRY_CONNECT_CLIENT": CLIENT}
    with endpoint_process(tmp_path / "state", more=more) as stack, ExitStack() as exits:
        desk = exits.enter_context(closing(Desk(stack, idp, backend)))
        desk.server["mcpToolSchema"] = {"inlinePayload": json.dumps([ECHO])}
        made = desk.control.create_gateway_target(
            gatewayIdentifier=desk.name, name="git", **desk.configuration()
        )
        at = {"gatewayIdentifier": desk.name, "targetId": made["targetId"]}
        await asyncio.to_thread(desk.until, lambda: desk.control.get_gateway_target(**at), "READY")
        pages: list[str] = []

        def opens(url: str) -> None:
            pages.append(browser("ann").open(url).text)

        async with connected(desk.url, mode, idp.token("ann"), opens) as client:
            result = await called(client, opens)
    assert result.content[0].text == "hi"
    assert len(pages) == 1
    assert "Connected" in pages[0]
