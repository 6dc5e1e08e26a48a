"""`/connect` with skerry's own identity provider: people, their pages and a whole stack in processes of their own."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import boto3
import httpx2
import pytest
from botocore.config import Config

from skerry.auth.pkce import challenge
from tests.journeys.running import Running, up
from tests.journeys.test_consent import ARGUMENTS, ECHO, called, connected
from tests.kit.asgi_thread import serve
from tests.kit.idp_visit import walk
from tests.kit.mcp_backends import Backend, fastmcp_backend

FILE = """
[realms.desk]
lifetime = 600
scopes = ["openid"]
clients.machine = { audiences = ["desk-gateway"] }
users.ann = {}
users.bob = {}

[gateways.desk]
authorizer = { realm = "desk", audience = ["desk-gateway"] }
"""


@pytest.fixture
def backend() -> Iterator[Backend]:
    with fastmcp_backend() as running:
        yield running


async def _anything(scope: Any, receive: Any, send: Any) -> None:
    """An application that is only there to be come back to."""
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"back"})


class People:
    """The realm: its people, and clients that are added while it runs."""

    def __init__(self, running: Running) -> None:
        self._running = running
        facts = json.loads((running.state / "stack.json").read_text())
        self._passwords = {name: user["password"] for name, user in facts["realms"]["desk"]["users"].items()}
        self._issuer = facts["realms"]["desk"]["issuer"]

    def client(self, name: str, redirect: str, *options: str) -> dict[str, Any]:
        words = ("idp", "clients", "add", name, "--json", "--redirect-uri", redirect)
        done = self._running.skerry(*words, "--scope", "openid", "--audience", "desk-gateway", *options)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def walk(self, link: str, name: str) -> httpx2.Response:
        return walk(link, name, self._passwords[name])

    def token(self, name: str) -> str:
        """An access token for the gateway, by the pages of the provider."""
        with serve(_anything, lifespan="off") as app, httpx2.Client(trust_env=False) as http:
            self.client("chat", f"{app}/back", "--public", "--native")
            found = http.get(f"{self._issuer}/.well-known/openid-configuration").json()
            verifier = secrets.token_urlsafe(48)
            query = {
                "response_type": "code",
                "client_id": "chat",
                "redirect_uri": f"{app}/back",
                "scope": "openid",
                "code_challenge": challenge(verifier),
                "code_challenge_method": "S256",
            }
            page = self.walk(f"{found['authorization_endpoint']}?{urlencode(query)}", name)
            form = {
                "grant_type": "authorization_code",
                "code": parse_qs(urlsplit(str(page.url)).query)["code"][0],
                "redirect_uri": f"{app}/back",
                "client_id": "chat",
                "code_verifier": verifier,
            }
            return str(http.post(found["token_endpoint"], data=form).json()["access_token"])

    @property
    def discovery(self) -> str:
        return f"{self._issuer}/.well-known/openid-configuration"


@pytest.mark.behaviour("CNS-CONNECT-IDP")
async def test_a_person_signs_in_agrees_and_is_connected_on_the_providers_real_pages(
    tmp_path: Path, backend: Backend
) -> None:
    (tmp_path / "skerry.toml").write_text(FILE)
    with up(tmp_path, environment={"SKERRY_CONNECT_CLIENT": "connect"}) as running:
        people, own = People(running), running.environment()
        endpoint = own["AWS_ENDPOINT_URL"]
        control = boto3.client(
            "bedrock-agentcore-control",
            endpoint_url=endpoint,
            region_name=own["AWS_REGION"],
            aws_access_key_id=own["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=own["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"max_attempts": 1}),
        )
        people.client("connect", f"{endpoint}/connect/callback", "--public", "--native")
        provider = configured(control, people)
        gateway = control.list_gateways()["items"][0]["gatewayId"]
        url = control.get_gateway(gatewayIdentifier=gateway)["gatewayUrl"]
        target(control, gateway, provider, backend)
        token, pages = await asyncio.to_thread(people.token, "ann"), list[httpx2.Response]()

        def opens(link: str) -> None:
            assert link.startswith(f"{endpoint}/connect/")
            pages.extend(people.walk(link, name) for name in ("bob", "ann"))

        async with connected(url, "legacy", token, opens) as client:
            result = await called(client, opens)
        control.close()
    assert [(page.status_code, urlsplit(str(page.url)).path) for page in pages] == [
        (403, "/connect/callback"),
        (200, "/connect/done"),
    ]
    assert result.content[0].text == ARGUMENTS["text"]
    (seen,) = backend.named("tools/call")
    sent = seen.headers["authorization"].removeprefix("Bearer ")
    assert sent != token
    assert claims(sent)["sub"] == claims(token)["sub"]
    assert claims(sent)["client_id"] == "git"


def configured(control: Any, people: People) -> str:
    """The credential provider, whose callback URL its client at the realm has."""

    def given(secret: str) -> dict[str, Any]:
        inner = {
            "oauthDiscovery": {"discoveryUrl": people.discovery},
            "clientId": "git",
            "clientSecret": secret,
        }
        return {
            "name": "git",
            "credentialProviderVendor": "CustomOauth2",
            "oauth2ProviderConfigInput": {"customOauth2ProviderConfig": inner},
        }

    made = control.create_oauth2_credential_provider(**given("not known yet"))
    added = people.client("git", made["callbackUrl"])
    control.update_oauth2_credential_provider(**given(added["client_secret"]))
    return str(made["credentialProviderArn"])


def target(control: Any, gateway: str, provider: str, backend: Backend) -> None:
    oauth = {"providerArn": provider, "scopes": ["openid"], "grantType": "AUTHORIZATION_CODE"}
    server = {"endpoint": backend.url, "mcpToolSchema": {"inlinePayload": json.dumps([ECHO])}}
    made = control.create_gateway_target(
        gatewayIdentifier=gateway,
        name="git",
        targetConfiguration={"mcp": {"mcpServer": server}},
        credentialProviderConfigurations=[
            {"credentialProviderType": "OAUTH", "credentialProvider": {"oauthCredentialProvider": oauth}}
        ],
    )
    at = {"gatewayIdentifier": gateway, "targetId": made["targetId"]}
    for _ in range(2000):
        if control.get_gateway_target(**at)["status"] == "READY":
            return
    raise AssertionError(control.get_gateway_target(**at))


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
