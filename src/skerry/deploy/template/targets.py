"""Targets of gateways: `AWS::BedrockAgentCore::GatewayTarget`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.deploy.template import providers
from skerry.deploy.template.intrinsics import REGION, attribute, joined
from skerry.deploy.template.references import References, runtime_url
from skerry.deploy.template.sources import SERVER, Sources
from skerry.errors import ConfigurationError
from skerry.stack.declared.gateways import Gateway, Target


class Targets:
    """Adds the targets of gateways."""

    def __init__(self, references: References, sources: Sources) -> None:
        self._declared = references.declared
        self._draft = references.draft
        self._references = references
        self._sources = sources

    def add(self, gateway: Gateway, target: Target, after: tuple[str, ...]) -> str:
        """A target, made after the resources `after`; gives its logical id."""
        table = f"[gateways.{gateway.name}.targets.{target.name}]"
        name = self._draft.ids.of("Gateway", gateway.name, "Target", target.name)
        credential = self._credential(gateway, target, table)
        headers = {"AllowedRequestHeaders": list(target.headers)}
        self._draft.add(
            name,
            "AWS::BedrockAgentCore::GatewayTarget",
            table,
            {
                "GatewayIdentifier": attribute(
                    self._draft.ids.of("Gateway", gateway.name), "GatewayIdentifier"
                ),
                "Name": target.name,
                "Description": target.description[:200] or None,
                "TargetConfiguration": self._configuration(gateway, target, table),
                "CredentialProviderConfigurations": [credential] if credential else None,
                "MetadataConfiguration": headers if target.headers else None,
            },
            after,
        )
        return name

    def _configuration(self, gateway: Gateway, target: Target, table: str) -> dict[str, Any]:
        place = (gateway.name, target.name)
        if target.function:
            arn = self._references.function_arn(target.function, table)
            tools = [_tool(one) for one in self._sources.tools[place]]
            return {"Mcp": {"Lambda": {"LambdaArn": arn, "ToolSchema": {"InlinePayload": tools}}}}
        if target.openapi is not None:
            return {"Mcp": {"OpenApiSchema": {"InlinePayload": self._document(place, target, table)}}}
        if target.http:
            endpoint = self._url(target.http, f"{table} http")
            return {"Http": {"Passthrough": {"Endpoint": endpoint, "ProtocolType": "CUSTOM"}}}
        if target.runtime:
            if self._declared.runtimes[target.runtime].protocol == "MCP":
                return {"Mcp": {"McpServer": {"Endpoint": runtime_url(self._draft, target.runtime)}}}
            runtime = self._draft.ids.of("Runtime", target.runtime)
            return {"Http": {"AgentcoreRuntime": {"Arn": attribute(runtime, "AgentRuntimeArn")}}}
        return {"Mcp": {"McpServer": {"Endpoint": self._url(target.url, f"{table} url")}}}

    def _url(self, text: str, where: str) -> Any:
        """A URL of a target, which AWS takes with https only."""
        if text.startswith("http://"):
            raise ConfigurationError(
                f"{where} is a URL without TLS, which a gateway on AWS does not take.",
                hint="Serve it with https://, or run it as a runtime: [runtimes.NAME].",
            )
        return self._references.value(text, where)

    def _document(self, place: tuple[str, str], target: Target, table: str) -> Any:
        before, found, behind = self._sources.documents[place].partition(SERVER)
        if not found:
            return before
        return joined([before, *self._references.parts(target.server, f"{table} server"), behind])

    def _credential(self, gateway: Gateway, target: Target, table: str) -> dict[str, Any] | None:
        """The member of `CredentialProviderConfigurations`, None for a target that is shown nothing."""
        chosen = target.credentials
        runtime = self._declared.runtimes.get(target.runtime)
        signed = bool(target.function) or (runtime is not None and runtime.authorizer.kind == "iam")
        kind = chosen.kind or ("iam" if signed else "none")
        if kind == "oauth":
            return self._oauth(target)
        if kind == "api-key":
            return self._api_key(gateway, target, table)
        if kind == "caller":
            tokens = "jwt" in (gateway.authorizer.kind, runtime.authorizer.kind if runtime else "")
            return {"CredentialProviderType": "JWT_PASSTHROUGH" if tokens else "CALLER_IAM_CREDENTIALS"}
        if kind == "none":
            return None
        if target.function or (runtime is not None and runtime.protocol != "MCP"):
            return {"CredentialProviderType": "GATEWAY_IAM_ROLE"}
        signer = {"Service": "bedrock-agentcore", "Region": REGION}
        return {
            "CredentialProviderType": "GATEWAY_IAM_ROLE",
            "CredentialProvider": {"IamCredentialProvider": signer},
        }

    def _oauth(self, target: Target) -> dict[str, Any]:
        chosen = target.credentials
        provider: dict[str, Any] = {
            "ProviderArn": providers.oauth(self._references, chosen),
            "Scopes": list(chosen.scopes),
            "GrantType": chosen.grant.upper().replace("-", "_"),
        }
        if chosen.audience:
            provider["CustomParameters"] = {"audience": chosen.audience}
        return {
            "CredentialProviderType": "OAUTH",
            "CredentialProvider": {"OauthCredentialProvider": provider},
        }

    def _api_key(self, gateway: Gateway, target: Target, table: str) -> dict[str, Any]:
        chosen = target.credentials
        provider: dict[str, Any] = {
            "ProviderArn": providers.api_key(self._references, gateway, target, table),
            "CredentialLocation": "QUERY_PARAMETER" if chosen.query else "HEADER",
        }
        if chosen.query or chosen.header:
            provider["CredentialParameterName"] = chosen.query or chosen.header
        if chosen.prefix:
            provider["CredentialPrefix"] = chosen.prefix
        return {
            "CredentialProviderType": "API_KEY",
            "CredentialProvider": {"ApiKeyCredentialProvider": provider},
        }


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool of a schema file as CloudFormation spells it: members with capitals, names as they are."""
    found = {"Name": tool.get("name"), "Description": tool.get("description")}
    for key in ("inputSchema", "outputSchema"):
        if key in tool:
            found[f"{key[0].upper()}{key[1:]}"] = _schema(tool[key])
    return {key: value for key, value in found.items() if value is not None}


def _schema(schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties" and isinstance(value, Mapping):
            found["Properties"] = {name: _schema(one) for name, one in value.items()}
        elif key == "items":
            found["Items"] = _schema(value)
        else:
            found[f"{key[:1].upper()}{key[1:]}"] = value
    return found
