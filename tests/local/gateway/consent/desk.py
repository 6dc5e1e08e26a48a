"""A gateway with a target that acts for its callers, and how they call it."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import httpx2

from tests.kit.gateway_stack import ACCOUNT, REGION, Stack, post
from tests.kit.mcp_backends import Backend
from tests.kit.sign_in import SignIn
from tests.kit.token_vault import FakeVault, Session

TOOL = {
    "name": "echo",
    "inputSchema": {
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
        "additionalProperties": False,
    },
}
URLS: dict[str, Any] = {"elicitation": {"url": {}}}
CONFIGURATION = "aws.bedrock-agentcore.gateway/credentialProviderConfiguration"
PROVIDER = (
    f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:token-vault/default/oauth2credentialprovider/github-{{}}"
)
_NUMBERS = itertools.count(1)


def oauth(provider: str, **members: Any) -> list[dict[str, Any]]:
    """The credential configuration of a target that acts for its callers."""
    inner = {"providerArn": provider, "scopes": ["repo"], "grantType": "AUTHORIZATION_CODE", **members}
    return [{"credentialProviderType": "OAUTH", "credentialProvider": {"oauthCredentialProvider": inner}}]


class Desk:
    """One gateway (`url`) with the MCP target `git`, whose tools are a static list."""

    def __init__(self, plane: Stack, vault: FakeVault, idp: SignIn, backend: Backend, **members: Any) -> None:
        self.plane, self.vault, self.idp, self.backend = plane, vault, idp, backend
        self.provider = PROVIDER.format(next(_NUMBERS))
        jwt = {"discoveryUrl": idp.discovery_url, "allowedClients": ["chat"]}
        self.gateway = plane.gateway(**{"authorizer": "CUSTOM_JWT", "jwt": jwt, **members})
        self.url = plane.url(self.gateway)
        self.target("git")

    def target(self, name: str, **oauth_members: Any) -> None:
        server = {"endpoint": self.backend.url, "mcpToolSchema": {"inlinePayload": json.dumps([TOOL])}}
        credentials = oauth(self.provider, **oauth_members)
        self.plane.target(
            self.gateway, name, {"mcpServer": server}, credentialProviderConfigurations=credentials
        )

    def call(
        self,
        person: str = "ann",
        *,
        modern: bool = False,
        name: str = "git___echo",
        arguments: Any = None,
        method: str = "tools/call",
        **options: Any,
    ) -> httpx2.Response:
        """One `tools/call` with the token of somebody; further options are those of `post`."""
        token = options.pop("token", None) or self.idp.token(person)
        headers = {"authorization": f"Bearer {token}", **options.pop("headers", {})}
        params = {"name": name, "arguments": arguments or {"text": "hi"}, **options.pop("params", {})}
        if modern:
            options.setdefault("capabilities", URLS)
        return post(self.url, method, params, modern=modern, headers=headers, **options)

    def asked(self, person: str = "ann", **options: Any) -> dict[str, Any]:
        """The elicitation that a call of a client up to 2025-11-25 is answered with."""
        error = self.call(person, **options).json()["error"]
        assert error["code"] == -32042, error
        (elicitation,) = error["data"]["elicitations"]
        return dict(elicitation)

    def required(self, person: str = "ann", **options: Any) -> dict[str, Any]:
        """The `input_required` result that a modern call is answered with."""
        result = self.call(person, modern=True, **options).json()["result"]
        assert result["resultType"] == "input_required", result
        return dict(result)

    def again(
        self, result: dict[str, Any], person: str = "ann", *, action: str = "accept", **options: Any
    ) -> Any:
        """The retry of a modern call, after `action`; "" for a client that answers nothing."""
        (key,) = result["inputRequests"]
        answers = {"inputResponses": {key: {"action": action}}} if action else {}
        params = {"requestState": result["requestState"], **answers}
        return self.call(person, modern=True, params=params, **options).json()

    def complete(self, url: str) -> None:
        """What the application of the return URL does: CompleteResourceTokenAuth, for the person who asked."""
        completed(self.vault, url)

    @property
    def sent(self) -> list[str]:
        """The tokens that the target was shown."""
        return [item.headers.get("authorization", "") for item in self.backend.named("tools/call")]


def completed(vault: FakeVault, url: str) -> Session:
    """CompleteResourceTokenAuth for the session of an authorization URL."""
    uri = vault.uri_of(url)
    session = vault.sessions[uri]
    asyncio.run(vault.complete(uri, session.ask.user))
    return session


def text(answer: Any) -> str:
    """The text of a tool result."""
    body = answer.json() if isinstance(answer, httpx2.Response) else answer
    return str(body["result"]["content"][0]["text"])
