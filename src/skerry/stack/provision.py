"""Declared gateways, targets and runtimes, made through the endpoint's own control plane.

What a user would do with boto3 the stack does too: create what is missing, update what exists, leave
alone what was made by hand. Gateways come before runtimes (an agent is told its gateway's URL) and
targets last (a target is told its runtime's URL).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

import botocore.session
from botocore.config import Config

from skerry.auth.sigv4 import Credentials
from skerry.errors import ConfigurationError
from skerry.stack.declaration import Authorizer, Declaration, Gateway, Runtime, Target
from skerry.stack.references import resolve, resolve_all
from skerry.wire.arn import lambda_arn
from skerry.wire.endpoints import invocation_url

LOCAL_BUCKET = "skerry-local"
"""The bucket whose object keys are paths on this machine; there is no such bucket on AWS."""

OPTIONAL = {"description", "authorizerConfiguration", "requestHeaderConfiguration"}
"""Members of a runtime that a declaration may leave out: taken out of the file, they must go."""


TARGET = (
    "name",
    "description",
    "targetConfiguration",
    "credentialProviderConfigurations",
    "metadataConfiguration",
)
"""Members of a target that a declaration decides on."""

IN_TRANSITION = ("CREATING", "UPDATING", "SYNCHRONIZING", "DELETING")
"""Statuses in which a resource takes no write; a killed stack may have left some."""
PATIENCE, PAUSE = 90.0, 0.02
"""Seconds to wait for the end of a transition, and between two looks."""


class Provisioner:
    """Brings the control plane to what is declared. Synchronous: run it in a thread.

    `values` is what references may name; it grows while gateways and runtimes get their ARNs.
    """

    def __init__(
        self, declared: Declaration, values: dict[str, Any], *, endpoint: str, credentials: Credentials
    ) -> None:
        self._declared = declared
        self._values = values
        self._endpoint = endpoint
        session = botocore.session.Session()
        self._client: Any = session.create_client(
            "bedrock-agentcore-control",
            endpoint_url=endpoint,
            region_name=values["region"],
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=True),
        )

    def run(self) -> None:
        """Everything, in order. Raises ConfigurationError and botocore's ClientError."""
        providers = self._providers()
        gateways = self._by_name("list_gateways", "items", "name")
        for gateway in self._declared.gateways.values():
            self._gateway(gateway, gateways.get(gateway.name))
        runtimes = self._by_name("list_agent_runtimes", "agentRuntimes", "agentRuntimeName")
        for runtime in self._declared.runtimes.values():
            self._runtime(runtime, runtimes.get(runtime.name))
        for gateway in self._declared.gateways.values():
            self._targets(gateway, providers)

    def _providers(self) -> dict[tuple[str, str], str]:
        """An OAuth2 credential provider for each realm and client that a target uses, with its ARN."""
        wanted = {
            (target.credentials.realm, target.credentials.client)
            for gateway in self._declared.gateways.values()
            for target in gateway.targets.values()
            if target.credentials.kind == "oauth"
        }
        listed = self._client.get_paginator("list_oauth2_credential_providers").paginate()
        existing = {item["name"] for page in listed for item in page["credentialProviders"]}
        arns = {}
        for realm, client in sorted(wanted):
            name = f"{realm}-{client}"
            known = self._values["realms"][realm]
            configuration = {
                "customOauth2ProviderConfig": {
                    "oauthDiscovery": {"discoveryUrl": known["discovery_url"]},
                    "clientId": client,
                    "clientSecret": known["clients"][client]["secret"],
                }
            }
            act = "update" if name in existing else "create"
            answer = getattr(self._client, f"{act}_oauth2_credential_provider")(
                name=name, credentialProviderVendor="CustomOauth2", oauth2ProviderConfigInput=configuration
            )
            arns[realm, client] = answer["credentialProviderArn"]
        return arns

    def _gateway(self, gateway: Gateway, found: Mapping[str, Any] | None) -> None:
        wanted: dict[str, Any] = {
            "name": gateway.name,
            "roleArn": self._role(f"skerry-gateway-{gateway.name}"),
            "protocolType": "MCP",
            **self._gateway_authorizer(gateway.authorizer),
        }
        if gateway.description:
            wanted["description"] = gateway.description
        if gateway.debug:
            wanted["exceptionLevel"] = "DEBUG"
        if mcp := protocol(gateway):
            wanted["protocolConfiguration"] = {"mcp": mcp}
        if found:
            where = {"gatewayIdentifier": found["gatewayId"]}
            self._settled("get_gateway", found, where)
            answer = self._client.update_gateway(**where, **wanted)
        else:
            answer = self._client.create_gateway(**wanted)
        self._values["gateways"][gateway.name] = {
            "id": answer["gatewayId"],
            "arn": answer["gatewayArn"],
            "url": answer["gatewayUrl"],
            "auth": gateway.authorizer.kind,
            **self._token_hint(gateway.authorizer),
        }

    def _runtime(self, runtime: Runtime, found: Mapping[str, Any] | None) -> None:
        environment = resolve_all(
            runtime.environment, self._values, where=f"[runtimes.{runtime.name}] environment"
        )
        if runtime.python:
            environment["SKERRY_PYTHON"] = runtime.python
        gateways = self._values["gateways"]
        if gateways:
            environment.setdefault("SKERRY_GATEWAY_URL", next(iter(gateways.values()))["url"])
        wanted: dict[str, Any] = {
            "agentRuntimeArtifact": {
                "codeConfiguration": {
                    "code": {"s3": {"bucket": LOCAL_BUCKET, "prefix": str(runtime.path)}},
                    "runtime": "PYTHON_3_12",
                    "entryPoint": list(runtime.entry_point),
                }
            },
            "roleArn": self._role(f"skerry-runtime-{runtime.name}"),
            "networkConfiguration": {"networkMode": "PUBLIC"},
            "protocolConfiguration": {"serverProtocol": runtime.protocol},
            "lifecycleConfiguration": {
                "idleRuntimeSessionTimeout": runtime.idle_timeout,
                "maxLifetime": runtime.max_lifetime,
            },
            "environmentVariables": environment,
        }
        if runtime.description:
            wanted["description"] = runtime.description
        if runtime.session_storage:
            storage = {"sessionStorage": {"mountPath": runtime.session_storage}}
            wanted["filesystemConfigurations"] = [storage]
        if runtime.authorizer.kind == "jwt":
            wanted["authorizerConfiguration"] = self._jwt(runtime.authorizer)
        if runtime.headers:
            wanted["requestHeaderConfiguration"] = {"requestHeaderAllowlist": list(runtime.headers)}
        if found is None:
            answer = self._client.create_agent_runtime(agentRuntimeName=runtime.name, **wanted)
        else:
            answer = self._update_runtime(found["agentRuntimeId"], wanted)
        arn = answer["agentRuntimeArn"]
        self._values["runtimes"][runtime.name] = {
            "id": answer["agentRuntimeId"],
            "arn": arn,
            "url": invocation_url(self._endpoint, arn),
            "protocol": runtime.protocol,
            "auth": runtime.authorizer.kind,
            **self._token_hint(runtime.authorizer),
        }

    def _update_runtime(self, identifier: str, wanted: dict[str, Any]) -> Mapping[str, Any]:
        """Updates make a new version, so an unchanged runtime is left as it is."""
        where = {"agentRuntimeId": identifier}
        current = self._settled("get_agent_runtime", self._client.get_agent_runtime(**where), where)
        if current["status"] == "READY" and all(
            current.get(name) == wanted.get(name) for name in wanted.keys() | OPTIONAL
        ):
            return dict(current)
        return dict(self._client.update_agent_runtime(agentRuntimeId=identifier, **wanted))

    def _targets(self, gateway: Gateway, providers: Mapping[tuple[str, str], str]) -> None:
        gateway_id = self._values["gateways"][gateway.name]["id"]
        self._settled("get_gateway", {"status": "UPDATING"}, {"gatewayIdentifier": gateway_id})
        existing = self._by_name("list_gateway_targets", "items", "name", gatewayIdentifier=gateway_id)
        for target in gateway.targets.values():
            wanted: dict[str, Any] = {
                "gatewayIdentifier": gateway_id,
                "name": target.name,
                "targetConfiguration": {"mcp": self._target(gateway.name, target)},
            }
            credentials = self._target_credentials(target, providers)
            if credentials:
                wanted["credentialProviderConfigurations"] = [credentials]
            if target.headers:
                wanted["metadataConfiguration"] = {"allowedRequestHeaders": list(target.headers)}
            if target.description:
                wanted["description"] = target.description
            found = existing.get(target.name)
            if found:
                self._update_target(found, {"targetId": found["targetId"], **wanted})
            else:
                self._client.create_gateway_target(**wanted)

    def _update_target(self, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        """An update makes the gateway list the target again; one that it is just listing is left to that."""
        where = {name: wanted[name] for name in ("gatewayIdentifier", "targetId")}
        if found["status"] in IN_TRANSITION:
            current = self._client.get_gateway_target(**where)
            same = all((current.get(name) or None) == wanted.get(name) for name in TARGET)
            if same and current["status"] in IN_TRANSITION:
                return
            self._settled("get_gateway_target", current, where)
        self._client.update_gateway_target(**wanted)

    def _settled(
        self, operation: str, found: Mapping[str, Any], where: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """The resource when it takes writes again; asks for it while it is in transition."""
        end = time.monotonic() + PATIENCE
        while found["status"] in IN_TRANSITION and time.monotonic() < end:
            found = getattr(self._client, operation)(**where)
            if found["status"] in IN_TRANSITION:
                time.sleep(PAUSE)
        return found

    def _target(self, gateway: str, target: Target) -> dict[str, Any]:
        if target.function:
            assert target.tools is not None
            arn = lambda_arn(self._values["region"], self._values["account"], target.function)
            return {"lambda": {"lambdaArn": arn, "toolSchema": {"inlinePayload": _tools(target)}}}
        if target.runtime:
            return {"mcpServer": {"endpoint": self._values["runtimes"][target.runtime]["url"]}}
        where = f"[gateways.{gateway}.targets.{target.name}] url"
        return {"mcpServer": {"endpoint": resolve(target.url, self._values, where=where)}}

    def _target_credentials(
        self, target: Target, providers: Mapping[tuple[str, str], str]
    ) -> dict[str, Any] | None:
        chosen = target.credentials
        if target.function:
            return {"credentialProviderType": "GATEWAY_IAM_ROLE"}
        if chosen.kind == "oauth":
            provider: dict[str, Any] = {
                "providerArn": providers[chosen.realm, chosen.client],
                "scopes": list(chosen.scopes),
                "grantType": chosen.grant.upper().replace("-", "_"),
            }
            if chosen.audience:
                provider["customParameters"] = {"audience": chosen.audience}
            return {
                "credentialProviderType": "OAUTH",
                "credentialProvider": {"oauthCredentialProvider": provider},
            }
        signed = self._values["runtimes"].get(target.runtime, {}).get("auth") == "iam"
        if chosen.kind == "iam" or (chosen.kind == "" and signed):
            provider = {"service": "bedrock-agentcore", "region": self._values["region"]}
            return {
                "credentialProviderType": "GATEWAY_IAM_ROLE",
                "credentialProvider": {"iamCredentialProvider": provider},
            }
        return None

    def _gateway_authorizer(self, authorizer: Authorizer) -> dict[str, Any]:
        if authorizer.kind == "jwt":
            return {"authorizerType": "CUSTOM_JWT", "authorizerConfiguration": self._jwt(authorizer)}
        return {"authorizerType": "AWS_IAM" if authorizer.kind == "iam" else "NONE"}

    def _jwt(self, authorizer: Authorizer) -> dict[str, Any]:
        realms = self._values["realms"]
        url = authorizer.discovery_url or realms[authorizer.realm]["discovery_url"]
        lists = {
            "allowedAudience": authorizer.audience,
            "allowedClients": authorizer.clients,
            "allowedScopes": authorizer.scopes,
        }
        checks = {name: list(values) for name, values in lists.items() if values}
        return {"customJWTAuthorizer": {"discoveryUrl": url, **checks}}

    def _token_hint(self, authorizer: Authorizer) -> dict[str, str]:
        """What `chat`, `call` and `token` need to ask for a fitting token."""
        if authorizer.kind != "jwt" or not authorizer.realm:
            return {}
        hint = {"realm": authorizer.realm}
        if authorizer.clients:
            hint["client"] = authorizer.clients[0]
        if authorizer.audience:
            hint["audience"] = authorizer.audience[0]
        if authorizer.scopes:
            hint["scope"] = authorizer.scopes[0]
        return hint

    def _role(self, name: str) -> str:
        return f"arn:aws:iam::{self._values['account']}:role/{name}"

    def _by_name(
        self, operation: str, member: str, key: str, **arguments: str
    ) -> dict[str, Mapping[str, Any]]:
        pages: Iterable[Mapping[str, Any]] = self._client.get_paginator(operation).paginate(**arguments)
        return {item[key]: item for page in pages for item in page[member]}


def _tools(target: Target) -> list[dict[str, Any]]:
    assert target.tools is not None
    try:
        tools = json.loads(target.tools.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the tool schema {target.tools} cannot be read: {error}.") from error
    if not isinstance(tools, list):
        raise ConfigurationError(
            f"the tool schema {target.tools} is no list.",
            hint="It holds a list of {name, description, inputSchema}.",
        )
    return tools


def protocol(gateway: Gateway) -> dict[str, Any]:
    """What a gateway is told of MCP, as `protocolConfiguration.mcp` has it."""
    mcp: dict[str, Any] = {}
    if gateway.instructions:
        mcp["instructions"] = gateway.instructions
    if gateway.session_timeout:
        mcp["sessionConfiguration"] = {"sessionTimeoutInSeconds": gateway.session_timeout}
    if gateway.streaming:
        mcp["streamingConfiguration"] = {"enableResponseStreaming": True}
    return mcp
