"""Credential providers of targets: OAuth clients and API keys, whose secrets stay in Secrets Manager."""

from __future__ import annotations

import re
from typing import Any

from skerry.deploy.template.draft import PREFIX, Draft
from skerry.deploy.template.intrinsics import Expression, attribute, sub
from skerry.deploy.template.references import References, paths
from skerry.deploy.template.roles import DIRECTORY, VAULT, Statement, allow, workload_identity
from skerry.stack.declared.access import Credentials
from skerry.stack.declared.declaration import Declaration
from skerry.stack.declared.gateways import Gateway, Target

_LONGEST = 110
"""Characters of a provider's name, of 128: the prefix comes before it."""
_KEPT = (
    "arn:${{AWS::Partition}}:secretsmanager:${{AWS::Region}}:${{AWS::AccountId}}:"
    "secret:bedrock-agentcore-identity!default/{}/${{{}}}{}-*"
)
"""Where AgentCore Identity keeps the secret of a provider (developer guide, outbound authorization)."""


def oauth(references: References, used: Credentials) -> Expression:
    """The ARN of the provider for a client of a realm, which is added once."""
    draft = references.draft
    name = draft.ids.of("Realm", used.realm, "Client", used.client, "Provider")
    if name not in draft.resources:
        configuration: dict[str, Any] = {
            "OauthDiscovery": {"DiscoveryUrl": references.discovery(used.realm)},
            "ClientId": references.client_id(used.realm, used.client),
            "ClientSecret": references.client_secret(used.realm, used.client),
        }
        if _exchanges(references.declared, used):
            configuration["OnBehalfOfTokenExchangeConfig"] = {
                "GrantType": "TOKEN_EXCHANGE",
                "TokenExchangeGrantTypeConfig": {"ActorTokenContent": "NONE"},
            }
        draft.add(
            name,
            "AWS::BedrockAgentCore::OAuth2CredentialProvider",
            f"[realms.{used.realm}.clients.{used.client}]",
            {
                "Name": _name(f"{used.realm}-{used.client}"),
                "CredentialProviderVendor": "CustomOauth2",
                "Oauth2ProviderConfigInput": {"CustomOauth2ProviderConfig": configuration},
            },
        )
    return attribute(name, "CredentialProviderArn")


def api_key(references: References, gateway: Gateway, target: Target, table: str) -> Expression:
    """The ARN of the provider for the key of a target. A key in the file itself is not in the template."""
    name = references.draft.ids.of("Gateway", gateway.name, "Target", target.name, "Provider")
    key = target.credentials.api_key
    if paths([key]):
        value = references.value(key, f"{table} credentials.api_key")
    else:
        path = ("Gateway", gateway.name, "Target", target.name, "KeySecretName")
        value = references.secret(path, f"the API key of {table}", table)
    references.draft.add(
        name,
        "AWS::BedrockAgentCore::ApiKeyCredentialProvider",
        table,
        {"Name": _name(f"{gateway.name}_{target.name}"), "ApiKey": value},
    )
    return attribute(name, "CredentialProviderArn")


def statements(draft: Draft, gateway: Gateway) -> list[Statement]:
    """What a gateway's role needs for the credentials of its targets."""
    used = {
        kind: [one for one in gateway.targets.values() if one.credentials.kind == kind]
        for kind in ("oauth", "api-key")
    }
    if not any(used.values()):
        return []
    workload = gateway.name.lower()
    holders = [sub(VAULT), sub(DIRECTORY), sub(f"{DIRECTORY}/workload-identity/${{{PREFIX}}}{workload}-*")]
    found = workload_identity(workload, people=False)
    if used["oauth"]:
        clients = list(
            dict.fromkeys((one.credentials.realm, one.credentials.client) for one in used["oauth"])
        )
        arns = [
            attribute(draft.ids.of("Realm", realm, "Client", client, "Provider"), "CredentialProviderArn")
            for realm, client in clients
        ]
        secrets = [sub(_KEPT.format("oauth2", PREFIX, _plain(f"{one}-{two}"))) for one, two in clients]
        found.append(allow(["bedrock-agentcore:GetResourceOauth2Token"], [*arns, *holders]))
        found.append(allow(["secretsmanager:GetSecretValue"], secrets))
    if used["api-key"]:
        names = [
            draft.ids.of("Gateway", gateway.name, "Target", one.name, "Provider") for one in used["api-key"]
        ]
        arns = [attribute(name, "CredentialProviderArn") for name in names]
        secrets = [
            sub(_KEPT.format("apikey", PREFIX, _plain(f"{gateway.name}_{one.name}")))
            for one in used["api-key"]
        ]
        found.append(allow(["bedrock-agentcore:GetResourceApiKey"], [*arns, *holders]))
        found.append(allow(["secretsmanager:GetSecretValue"], secrets))
    return found


def _exchanges(declared: Declaration, used: Credentials) -> bool:
    return any(
        target.credentials.grant == "token-exchange"
        and (target.credentials.realm, target.credentials.client) == (used.realm, used.client)
        for gateway in declared.gateways.values()
        for target in gateway.targets.values()
    )


def _name(text: str) -> Expression:
    return sub(f"${{{PREFIX}}}{_plain(text)}")


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)[:_LONGEST]
