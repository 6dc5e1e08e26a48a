"""The whole road with the SDK's own clients of both eras.

boto3 makes the target, an administrator has it listed, a person is asked by an unmodified client, agrees in a browser,
and the tool acts for that person.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import types
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError

from tests.kit.gateway_stack import TIMEOUT, StandingClock
from tests.kit.mcp_backends import Backend
from tests.kit.planes import planes
from tests.kit.sign_in import CLIENT, SignIn
from tests.kit.token_vault import Browser, FakeVault, token_vault
from tests.local.gateway.consent.desk import completed
from tests.local.gateway.consent.test_statuses import Git

Browsers = Callable[..., Browser]
MODES = ["legacy", "2026-07-28"]


@asynccontextmanager
async def connected(url: str, mode: Any, token: str, asked: Any) -> AsyncIterator[Client]:
    """An unmodified client with a person's token; `asked` answers elicitations."""
    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=TIMEOUT, trust_env=False) as http,
        Client(
            streamable_http_client(url, http_client=http), mode=mode, elicitation_callback=asked
        ) as client,
    ):
        yield client


class Person:
    """Somebody at an SDK client: `opens` what they are shown, or answers with another `action`."""

    def __init__(self, browser: Browser, after: Callable[[str], Any], action: str = "accept") -> None:
        self.browser, self.after, self.action = browser, after, action
        self.shown: list[str] = []

    async def __call__(self, context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        del context
        assert isinstance(params, types.ElicitRequestURLParams)
        await self.open(params.url)
        return types.ElicitResult.model_validate({"action": self.action})

    async def open(self, url: str) -> None:
        self.shown.append(url)
        if self.action == "accept":
            await asyncio.to_thread(self._opened, url)

    def _opened(self, url: str) -> None:
        self.browser.open(url)
        self.after(url)


async def call(client: Client, person: Person) -> types.CallToolResult:
    """A call as a client makes it; up to 2025-11-25 the error names the page, and the client calls again."""
    arguments = {"text": "hi"}
    try:
        return await client.call_tool("git___echo", arguments)
    except MCPError as problem:
        needed = UrlElicitationRequiredError.from_error(problem.error)
        for page in needed.elicitations:
            await person.open(page.url)
        return await client.call_tool("git___echo", arguments)


@pytest.mark.behaviour("CNS-JOURNEY")
@pytest.mark.parametrize("connect", ["", CLIENT])
@pytest.mark.parametrize("mode", MODES)
async def test_from_boto3_to_a_tool_that_acts_for_a_person(
    tmp_path: Path,
    clock: StandingClock,
    idp: SignIn,
    backend: Backend,
    browser: Browsers,
    mode: str,
    connect: str,
) -> None:
    with (
        token_vault(clock) as vault,
        planes(tmp_path, {}, resource_tokens=vault, consent_poll=0.02, connect=connect) as stack,
    ):
        git = await asyncio.to_thread(made, stack, backend, idp, vault, browser("admin"))
        person = Person(browser("ann"), (lambda _: None) if connect else (lambda url: completed(vault, url)))
        url = f"{stack.url}/gateway/{git.gateway}/mcp"
        async with connected(url, mode, idp.token("ann"), person) as client:
            listed = await client.list_tools()
            assert "git___echo" in [tool.name for tool in listed.tools]
            first = await call(client, person)
            again = await call(client, person)
        assert [item.content[0].text for item in (first, again)] == ["hi", "hi"]  # type: ignore[union-attr]
        assert len(person.shown) == 1
        assert person.shown[0].startswith(f"{stack.url}/connect/" if connect else vault.url)
        used = {item.headers["authorization"] for item in backend.named("tools/call")}
        assert used == {"Bearer TOKEN-2"}  # the first one is the administrator's, for the listing

        other = Person(browser("bob"), lambda _: None, "decline")
        async with connected(url, mode, idp.token("bob"), other) as client:
            if mode == "legacy":
                with pytest.raises(MCPError) as caught:
                    await client.call_tool("git___echo", {"text": "hi"})
                assert caught.value.error.code == -32042
            else:
                assert (await client.call_tool("git___echo", {"text": "hi"})).is_error
        assert len(backend.named("tools/call")) == 2


def made(stack: Any, backend: Backend, idp: SignIn, vault: FakeVault, admin: Browser) -> Git:
    """The target, listed with the consent of an administrator."""
    jwt = {"discoveryUrl": idp.discovery_url, "allowedClients": ["chat"]}
    git = Git(stack, backend, gateway={"authorizerType": "CUSTOM_JWT", "jwt": jwt})
    url = git.status("CREATE_PENDING_AUTH")["authorizationData"]["oauth2"]["authorizationUrl"]
    git.agree(vault, admin, url)
    git.status("READY")
    return git


@pytest.mark.behaviour("CNS-JOURNEY")
@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_person_who_does_not_agree(
    tmp_path: Path,
    clock: StandingClock,
    idp: SignIn,
    backend: Backend,
    browser: Browsers,
    action: str,
) -> None:
    with (
        token_vault(clock) as vault,
        planes(tmp_path, {}, resource_tokens=vault, consent_poll=0.02) as stack,
    ):
        git = await asyncio.to_thread(made, stack, backend, idp, vault, browser("admin"))
        person = Person(browser("ann"), lambda _: None, action)
        url = f"{stack.url}/gateway/{git.gateway}/mcp"
        async with connected(url, MODES[1], idp.token("ann"), person) as client:
            result = await client.call_tool("git___echo", {"text": "hi"})
        assert result.is_error
        assert "did not agree" in result.content[0].text  # type: ignore[union-attr]
        assert backend.named("tools/call") == []
