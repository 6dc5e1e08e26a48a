"""Targets whose tools can only be listed with a token: what boto3 sees until somebody has agreed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from skerry.local import users
from tests.kit.gateway_stack import Signer, StandingClock, post
from tests.kit.local_endpoint import DEVELOPER, ROLE
from tests.kit.mcp_backends import Backend
from tests.kit.planes import Planes, planes
from tests.kit.token_vault import Browser, FakeVault, token_vault
from tests.local.gateway.consent.desk import completed, oauth

Browsers = Callable[..., Browser]
READY = {"READY"}


@pytest.fixture
def vault(clock: StandingClock) -> Iterator[FakeVault]:
    with token_vault(clock) as running:
        yield running


@pytest.fixture
def stack(tmp_path: Path, vault: FakeVault) -> Iterator[Planes]:
    with planes(tmp_path, {}, resource_tokens=vault, consent_poll=0.02, retry=0.0) as running:
        yield running


class Git:
    """A gateway with an MCP target whose tools are listed with a token; `tool_server` refuses without one."""

    def __init__(
        self, stack: Planes, backend: Backend, *, gateway: dict[str, Any] | None = None, **server: Any
    ) -> None:
        self.stack, self.backend = stack, backend
        self.control = stack.client("bedrock-agentcore-control")
        members = dict(gateway or {"authorizerType": "AWS_IAM"})
        if jwt := members.pop("jwt", None):
            members["authorizerConfiguration"] = {"customJWTAuthorizer": jwt}
        made = self.control.create_gateway(name="desk", roleArn=ROLE, **members)
        self.gateway = made["gatewayId"]
        self.provider = self.control.create_oauth2_credential_provider(
            name="github",
            credentialProviderVendor="CustomOauth2",
            oauth2ProviderConfigInput={
                "customOauth2ProviderConfig": {
                    "oauthDiscovery": {
                        "discoveryUrl": "https://idp.example/.well-known/openid-configuration"
                    },
                    "clientId": "c",
                    "clientSecret": "not a real one",
                }
            },
        )["credentialProviderArn"]
        self.settled(lambda: self.control.get_gateway(gatewayIdentifier=self.gateway), READY)
        self.server = {"endpoint": backend.url, **server}
        self.made = self.control.create_gateway_target(
            gatewayIdentifier=self.gateway, name="git", **self.configuration()
        )
        self.at = {"gatewayIdentifier": self.gateway, "targetId": self.made["targetId"]}

    def configuration(self, **members: Any) -> dict[str, Any]:
        credentials = oauth(self.provider, **members)
        return {
            "targetConfiguration": {"mcp": {"mcpServer": self.server}},
            "credentialProviderConfigurations": credentials,
        }

    @property
    def user(self) -> str:
        return f"{self.gateway}/{self.at['targetId']}"

    def status(self, *wanted: str) -> dict[str, Any]:
        """The target, once it is in one of these statuses."""
        return self.settled(lambda: self.control.get_gateway_target(**self.at), set(wanted))

    @staticmethod
    def settled(read: Callable[[], Any], wanted: set[str]) -> dict[str, Any]:
        ends = time.monotonic() + 20
        while (found := read())["status"] not in wanted:
            assert time.monotonic() < ends, found["status"]
        return dict(found)

    def refused(self, call: Any, **more: Any) -> tuple[str, int]:
        with pytest.raises(ClientError) as caught:
            call(**{**self.at, **more})
        answer = caught.value.response
        return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]

    def agree(self, vault: FakeVault, browser: Browser, url: str) -> None:
        """An administrator agrees, and completes the session as the user that GetGatewayTarget named."""
        browser.open(url)
        assert completed(vault, url).ask.user == users.of_id(self.user)


@pytest.mark.behaviour("CNS-STATUS-CREATE")
def test_a_target_waits_for_its_authorization_and_then_becomes_ready_by_itself(
    stack: Planes, vault: FakeVault, backend: Backend, browser: Browsers
) -> None:
    git = Git(stack, backend)
    assert git.made["status"] == "CREATING"
    pending = git.status("CREATE_PENDING_AUTH")
    asked = pending["authorizationData"]["oauth2"]
    assert asked["authorizationUrl"].startswith(vault.url)
    assert asked["userId"] == git.user
    assert len(asked["userId"]) <= 128
    assert backend.seen == []  # nothing was sent without a token
    git.agree(vault, browser("admin"), asked["authorizationUrl"])
    ready = git.status("READY")
    assert "authorizationData" not in ready
    assert ready["lastSynchronizedAt"]
    assert {item.headers["authorization"] for item in backend.seen} == {"Bearer TOKEN-1"}


@pytest.mark.behaviour("CNS-STATUS-LOCKED")
def test_until_then_nothing_can_be_done_with_it(stack: Planes, vault: FakeVault, backend: Backend) -> None:
    git = Git(stack, backend)
    git.status("CREATE_PENDING_AUTH")
    conflict = ("ConflictException", 409)
    assert git.refused(git.control.delete_gateway_target) == conflict
    assert git.refused(git.control.update_gateway_target, name="git", **git.configuration()) == conflict
    where = {"gatewayIdentifier": git.gateway, "targetIdList": [git.at["targetId"]]}
    with pytest.raises(ClientError, match="CREATE_PENDING_AUTH"):
        git.control.synchronize_gateway_targets(**where)
    (listed,) = git.control.list_gateway_targets(gatewayIdentifier=git.gateway)["items"]
    assert listed["status"] == "CREATE_PENDING_AUTH"
    assert vault.begun == 1


@pytest.mark.behaviour("CNS-STATUS-CALL")
def test_its_tools_are_not_there_and_a_call_says_why(
    stack: Planes, vault: FakeVault, backend: Backend
) -> None:
    git = Git(stack, backend)
    git.status("CREATE_PENDING_AUTH")
    url = f"{stack.url}/gateway/{git.gateway}/mcp"
    assert signed(url, "tools/list").json()["result"]["tools"] == []
    called = signed(url, "tools/call", {"name": "git___echo", "arguments": {"text": "x"}}).json()
    assert "authorizationData" in called["result"]["content"][0]["text"]
    assert git.status("CREATE_PENDING_AUTH")
    assert vault.begun == 1


def signed(url: str, method: str, params: Any = None) -> Any:
    return post(url, method, params, sign=Signer(DEVELOPER))


@pytest.mark.behaviour("CNS-STATUS-UPDATE")
def test_update_and_synchronize_wait_when_the_token_is_not_good_for_them(
    stack: Planes, vault: FakeVault, backend: Backend, browser: Browsers
) -> None:
    git = Git(stack, backend)
    url = git.status("CREATE_PENDING_AUTH")["authorizationData"]["oauth2"]["authorizationUrl"]
    git.agree(vault, browser("admin"), url)
    git.status("READY")
    where = {"gatewayIdentifier": git.gateway, "targetIdList": [git.at["targetId"]]}
    git.control.synchronize_gateway_targets(**where)
    git.status("READY")
    assert vault.begun == 1  # the token of the first time is still good

    more = git.configuration(scopes=["repo", "user"])
    assert git.control.update_gateway_target(**git.at, name="git", **more)["status"] == "UPDATING"
    url = git.status("UPDATE_PENDING_AUTH")["authorizationData"]["oauth2"]["authorizationUrl"]
    git.agree(vault, browser("admin"), url)
    git.status("READY")

    vault.tokens.clear()
    git.control.synchronize_gateway_targets(**where)
    url = git.status("SYNCHRONIZE_PENDING_AUTH")["authorizationData"]["oauth2"]["authorizationUrl"]
    git.agree(vault, browser("admin"), url)
    git.status("READY")
    assert vault.begun == 3


@pytest.mark.behaviour("CNS-STATUS-FAILED")
@pytest.mark.parametrize("how", ["declined", "late"])
def test_an_authorization_that_fails_fails_the_target_until_it_is_asked_for_again(
    stack: Planes, vault: FakeVault, backend: Backend, browser: Browsers, clock: StandingClock, how: str
) -> None:
    git = Git(stack, backend)
    url = git.status("CREATE_PENDING_AUTH")["authorizationData"]["oauth2"]["authorizationUrl"]
    if how == "declined":
        browser("admin", declines=True).open(url)
    else:
        clock.advance(601)
    failed = git.status("FAILED")
    assert "authorizationData" not in failed
    assert "authorization" in failed["statusReasons"][0]
    assert vault.begun == 1
    git.control.update_gateway_target(**git.at, name="git", **git.configuration())
    url = git.status("UPDATE_PENDING_AUTH")["authorizationData"]["oauth2"]["authorizationUrl"]
    git.agree(vault, browser("admin"), url)
    git.status("READY")


@pytest.mark.behaviour("CNS-STATUS-RESTART")
def test_a_stack_that_starts_again_asks_again(
    tmp_path: Path, vault: FakeVault, backend: Backend, browser: Browsers
) -> None:
    with planes(tmp_path, {}, resource_tokens=vault, consent_poll=0.02) as stack:
        git = Git(stack, backend)
        first = git.status("CREATE_PENDING_AUTH")["authorizationData"]["oauth2"]["authorizationUrl"]
    with planes(tmp_path, {}, resource_tokens=vault, consent_poll=0.02) as stack:
        git.control = stack.client("bedrock-agentcore-control")
        ends = time.monotonic() + 20
        while (url := _url(git.status("CREATE_PENDING_AUTH"))) == first:
            assert time.monotonic() < ends
        git.agree(vault, browser("admin"), url)
        git.status("READY")


def _url(target: dict[str, Any]) -> str:
    return str(target["authorizationData"]["oauth2"]["authorizationUrl"])


@pytest.mark.behaviour("CNS-STATUS-AT-ONCE")
def test_a_static_list_of_tools_needs_no_authorization(
    stack: Planes, vault: FakeVault, backend: Backend
) -> None:
    git = Git(
        stack, backend, mcpToolSchema={"inlinePayload": '[{"name":"a","inputSchema":{"type":"object"}}]'}
    )
    git.status("READY")
    assert vault.begun == 0


@pytest.mark.behaviour("CNS-NO-VAULT")
def test_without_a_vault_such_a_target_fails_with_the_reason(tmp_path: Path, backend: Backend) -> None:
    with planes(tmp_path, {}) as stack:
        failed = Git(stack, backend).status("FAILED")
    assert "token vault" in failed["statusReasons"][0]
