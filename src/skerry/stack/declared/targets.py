"""Declared targets as CreateGatewayTarget takes them: configuration and credential."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skerry.errors import ConfigurationError
from skerry.stack.declared.gateways import Gateway, Target
from skerry.stack.declared.references import resolve
from skerry.wire.arn import lambda_arn


@dataclass(frozen=True, slots=True)
class Providers:
    """ARNs of credential providers: of OAuth2 by realm and client, of API keys by gateway and target."""

    oauth: Mapping[tuple[str, str], str] = field(default_factory=dict)
    keys: Mapping[tuple[str, str], str] = field(default_factory=dict)


def is_http(target: Target, protocols: Mapping[str, str]) -> bool:
    """Whether requests go to a target as they are, by its path, instead of as MCP tools.

    `protocols` has the protocol of each runtime by name.
    """
    return bool(target.http) or protocols.get(target.runtime, "MCP") != "MCP"


def configuration(gateway: str, target: Target, values: Mapping[str, Any]) -> dict[str, Any]:
    """`targetConfiguration`. Raises ConfigurationError for references and files that cannot be read."""
    where = f"[gateways.{gateway}.targets.{target.name}]"
    if target.function:
        arn = lambda_arn(values["region"], values["account"], target.function)
        return {"mcp": {"lambda": {"lambdaArn": arn, "toolSchema": {"inlinePayload": tools(target)}}}}
    if target.openapi is not None:
        server = resolve(target.server, values, where=f"{where} server")
        return {"mcp": {"openApiSchema": {"inlinePayload": document(target.openapi, server)}}}
    if target.http:
        endpoint = resolve(target.http, values, where=f"{where} http")
        return {"http": {"passthrough": {"endpoint": endpoint, "protocolType": "CUSTOM"}}}
    if target.runtime:
        runtime = values["runtimes"][target.runtime]
        if runtime["protocol"] != "MCP":
            return {"http": {"agentcoreRuntime": {"arn": runtime["arn"]}}}
        return {"mcp": {"mcpServer": {"endpoint": runtime["url"]}}}
    return {"mcp": {"mcpServer": {"endpoint": resolve(target.url, values, where=f"{where} url")}}}


def credential(
    gateway: Gateway, target: Target, values: Mapping[str, Any], providers: Providers
) -> dict[str, Any] | None:
    """The member of `credentialProviderConfigurations`, None for a target that is shown nothing."""
    chosen = target.credentials
    runtime = values["runtimes"].get(target.runtime, {})
    kind = chosen.kind or ("iam" if target.function or runtime.get("auth") == "iam" else "none")
    if kind == "oauth":
        return _oauth(target, providers.oauth[chosen.realm, chosen.client])
    if kind == "api-key":
        return _api_key(target, providers.keys[gateway.name, target.name])
    if kind == "caller":
        by_token = gateway.authorizer.kind == "jwt" or runtime.get("auth") == "jwt"
        return {"credentialProviderType": "JWT_PASSTHROUGH" if by_token else "CALLER_IAM_CREDENTIALS"}
    if kind == "none":
        return None
    if target.function or runtime.get("protocol", "MCP") != "MCP":
        return {"credentialProviderType": "GATEWAY_IAM_ROLE"}
    provider = {"service": "bedrock-agentcore", "region": values["region"]}
    return {
        "credentialProviderType": "GATEWAY_IAM_ROLE",
        "credentialProvider": {"iamCredentialProvider": provider},
    }


def _oauth(target: Target, arn: str) -> dict[str, Any]:
    chosen = target.credentials
    provider: dict[str, Any] = {
        "providerArn": arn,
        "scopes": list(chosen.scopes),
        "grantType": chosen.grant.upper().replace("-", "_"),
    }
    if chosen.audience:
        provider["customParameters"] = {"audience": chosen.audience}
    return {
        "credentialProviderType": "OAUTH",
        "credentialProvider": {"oauthCredentialProvider": provider},
    }


def _api_key(target: Target, arn: str) -> dict[str, Any]:
    chosen = target.credentials
    provider = {"providerArn": arn, "credentialLocation": "QUERY_PARAMETER" if chosen.query else "HEADER"}
    if chosen.query or chosen.header:
        provider["credentialParameterName"] = chosen.query or chosen.header
    if chosen.prefix:
        provider["credentialPrefix"] = chosen.prefix
    return {
        "credentialProviderType": "API_KEY",
        "credentialProvider": {"apiKeyCredentialProvider": provider},
    }


def document(file: Path, server: str) -> str:
    """An OpenAPI document, with `server` in place of its servers when there is one.

    Raises ConfigurationError, which names the file.
    """
    import yaml  # takes its time, and most stacks have no document

    try:
        text = file.read_text(encoding="utf-8")
        if not server:
            return text
        document = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"the OpenAPI document {file} cannot be read: {reason}.") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"the OpenAPI document {file} is no object.")
    return json.dumps(document | {"servers": [{"url": server}]}, default=str)


def tools(target: Target) -> list[dict[str, Any]]:
    """The tool schema of a function target. Raises ConfigurationError, which names the file."""
    assert target.tools is not None
    try:
        found = json.loads(target.tools.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the tool schema {target.tools} cannot be read: {error}.") from error
    if not isinstance(found, list):
        raise ConfigurationError(
            f"the tool schema {target.tools} is no list.",
            hint="It holds a list of {name, description, inputSchema}.",
        )
    return found
