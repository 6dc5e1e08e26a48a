"""Declared gateways, targets and runtimes, made through the endpoint's own control plane.

What a user would do with boto3 the stack does too: create what is missing, update what exists, leave
alone what was made by hand. Gateways come before runtimes (an agent is told its gateway's URL) and
targets last (a target is told its runtime's URL).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.auth.aws.sigv4 import Credentials
from skerry.errors import ConfigurationError
from skerry.idp.realms import CLIENT_CREDENTIALS
from skerry.stack.control import Control, declared
from skerry.stack.declared import limits, targets
from skerry.stack.declared.access import OWN_URL, Authorizer
from skerry.stack.declared.declaration import Declaration, Runtime
from skerry.stack.declared.gateways import Gateway, Interceptor, protocol
from skerry.stack.declared.policies import Policies
from skerry.stack.declared.references import resolve, resolve_all
from skerry.stack.declared.targets import Providers
from skerry.stack.resources import IN_TRANSITION
from skerry.wire.arn import lambda_arn
from skerry.wire.endpoints import invocation_url

LOCAL_BUCKET = "skerry-local"
"""The bucket whose object keys are paths on this machine; there is no such bucket on AWS."""

RUNTIMES = {"PYTHON": "PYTHON_3_12", "NODE": "NODE_22"}
"""What AWS calls the runtime of a language."""

_NOT_YET = "not-known-yet"
"""An audience that no token has, until the URL of a new gateway or runtime is known."""
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
        self.control = Control(endpoint, values["region"], credentials)
        self._client = self.control.client
        self._policies = Policies(self.control, declared.file, values)

    def run(self) -> None:
        """Everything, in order. Raises ConfigurationError, which names the table that is refused."""
        file = self._declared.file
        providers = Providers(oauth=self._oauth_providers(), keys=self._key_providers())
        existing = self.control.by_name("list_gateways", "items", "name")
        for gateway in self._declared.gateways.values():
            with declared(file, f"[gateways.{gateway.name}]"):
                self._gateway(gateway, existing.get(gateway.name))
        runtimes = self.control.by_name("list_agent_runtimes", "agentRuntimes", "agentRuntimeName")
        for runtime in self._declared.runtimes.values():
            with declared(file, f"[runtimes.{runtime.name}]"):
                self._runtime(runtime, runtimes.get(runtime.name))
        for gateway in self._declared.gateways.values():
            self._targets(gateway, providers)
        for gateway in self._declared.gateways.values():
            if gateway.policies:
                self._policies.fill(gateway, self._listed(gateway))

    def _oauth_providers(self) -> dict[tuple[str, str], str]:
        """An OAuth2 credential provider for each realm and client that a target uses, with its ARN."""
        wanted = {
            (target.credentials.realm, target.credentials.client)
            for gateway in self._declared.gateways.values()
            for target in gateway.targets.values()
            if target.credentials.kind == "oauth"
        }
        existing = self.control.by_name("list_oauth2_credential_providers", "credentialProviders", "name")
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

    def _key_providers(self) -> dict[tuple[str, str], str]:
        """An API key credential provider for each target that has a key, with its ARN."""
        wanted = {
            (gateway.name, target.name): target.credentials.api_key
            for gateway in self._declared.gateways.values()
            for target in gateway.targets.values()
            if target.credentials.kind == "api-key"
        }
        if not wanted:
            return {}
        existing = self.control.by_name("list_api_key_credential_providers", "credentialProviders", "name")
        arns = {}
        for (gateway, target), key in wanted.items():
            name, where = f"{gateway}_{target}"[:128], f"[gateways.{gateway}.targets.{target}] credentials"
            act = "update" if name in existing else "create"
            with declared(self._declared.file, where):
                answer = getattr(self._client, f"{act}_api_key_credential_provider")(
                    name=name, apiKey=resolve(key, self._values, where=where)
                )
            arns[gateway, target] = answer["credentialProviderArn"]
        return arns

    def _gateway(self, gateway: Gateway, found: Mapping[str, Any] | None) -> None:
        wanted: dict[str, Any] = {
            "name": gateway.name,
            "roleArn": self._role(f"skerry-gateway-{gateway.name}"),
            **self._gateway_authorizer(gateway.authorizer, _NOT_YET),
        }
        if not any(targets.is_http(target, self._protocols()) for target in gateway.targets.values()):
            wanted["protocolType"] = "MCP"
        if gateway.description:
            wanted["description"] = gateway.description
        if gateway.debug:
            wanted["exceptionLevel"] = "DEBUG"
        if mcp := protocol(gateway):
            wanted["protocolConfiguration"] = {"mcp": mcp}
        if gateway.interceptors:
            wanted["interceptorConfigurations"] = [self._interceptor(item) for item in gateway.interceptors]
        if engine := self._policies.engine(gateway):
            wanted["policyEngineConfiguration"] = engine
        if found:
            where = {"gatewayIdentifier": found["gatewayId"]}
            current = self.control.settled("get_gateway", self._client.get_gateway(**where), where)
            self._check_search(gateway, current)
            wanted |= self._gateway_authorizer(gateway.authorizer, current["gatewayUrl"])
            answer = self._client.update_gateway(**where, **wanted)
        else:
            answer = self._client.create_gateway(**wanted)
            if OWN_URL in gateway.authorizer.audience:  # which is known only now
                where = {"gatewayIdentifier": answer["gatewayId"]}
                self.control.settled("get_gateway", answer, where)
                wanted |= self._gateway_authorizer(gateway.authorizer, answer["gatewayUrl"])
                answer = self._client.update_gateway(**where, **wanted)
        self._values["gateways"][gateway.name] = {
            "id": answer["gatewayId"],
            "arn": answer["gatewayArn"],
            "url": answer["gatewayUrl"],
            "auth": gateway.authorizer.kind,
            **self._token_hint(gateway.authorizer, answer["gatewayUrl"]),
        }

    def _check_search(self, gateway: Gateway, current: Mapping[str, Any]) -> None:
        mcp = current.get("protocolConfiguration", {}).get("mcp", {})
        if gateway.search and "searchType" not in mcp:
            raise ConfigurationError(
                f"{self._declared.file}: [gateways.{gateway.name}] search cannot be added to a gateway that"
                " exists (AWS has it at creation only).",
                hint="Give the gateway another name, delete it with boto3, or start with another --state.",
            )

    def _interceptor(self, item: Interceptor) -> dict[str, Any]:
        arn = lambda_arn(self._values["region"], self._values["account"], item.function)
        return {
            "interceptor": {"lambda": {"arn": arn}},
            "interceptionPoints": [item.point],
            "inputConfiguration": {"passRequestHeaders": item.headers},
        }

    def _protocols(self) -> dict[str, str]:
        return {name: runtime.protocol for name, runtime in self._declared.runtimes.items()}

    def _runtime(self, runtime: Runtime, found: Mapping[str, Any] | None) -> None:
        environment = resolve_all(
            runtime.environment, self._values, where=f"[runtimes.{runtime.name}] environment"
        )
        if runtime.python:
            environment["SKERRY_PYTHON"] = runtime.python
        if runtime.node:
            environment["SKERRY_NODE"] = runtime.node
        gateways = self._values["gateways"]
        if gateways:
            environment.setdefault("SKERRY_GATEWAY_URL", next(iter(gateways.values()))["url"])
        wanted: dict[str, Any] = {
            "agentRuntimeArtifact": {
                "codeConfiguration": {
                    "code": {"s3": {"bucket": LOCAL_BUCKET, "prefix": str(runtime.path)}},
                    "runtime": RUNTIMES[runtime.language],
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
        url = "" if found is None else invocation_url(self._endpoint, found["agentRuntimeArn"])
        if runtime.authorizer.kind == "jwt":
            wanted["authorizerConfiguration"] = self._jwt(runtime.authorizer, url or _NOT_YET)
        if runtime.headers:
            wanted["requestHeaderConfiguration"] = {"requestHeaderAllowlist": list(runtime.headers)}
        if found is None:
            answer = self._client.create_agent_runtime(agentRuntimeName=runtime.name, **wanted)
            url = invocation_url(self._endpoint, answer["agentRuntimeArn"])
            if OWN_URL in runtime.authorizer.audience:  # its ARN, and so its URL, is known only now
                wanted["authorizerConfiguration"] = self._jwt(runtime.authorizer, url)
                answer = self._update_runtime(answer["agentRuntimeId"], wanted)
        else:
            answer = self._update_runtime(found["agentRuntimeId"], wanted)
        arn = answer["agentRuntimeArn"]
        self._values["runtimes"][runtime.name] = {
            "id": answer["agentRuntimeId"],
            "arn": arn,
            "url": url,
            "protocol": runtime.protocol,
            "auth": runtime.authorizer.kind,
            **self._token_hint(runtime.authorizer, url),
        }

    def _update_runtime(self, identifier: str, wanted: dict[str, Any]) -> Mapping[str, Any]:
        """Updates make a new version, so an unchanged runtime is left as it is."""
        where = {"agentRuntimeId": identifier}
        current = self.control.settled("get_agent_runtime", self._client.get_agent_runtime(**where), where)
        if current["status"] == "READY" and all(
            current.get(name) == wanted.get(name) for name in wanted.keys() | OPTIONAL
        ):
            return dict(current)
        return dict(self._client.update_agent_runtime(agentRuntimeId=identifier, **wanted))

    def _targets(self, gateway: Gateway, providers: Providers) -> None:
        gateway_id = self._values["gateways"][gateway.name]["id"]
        where = {"gatewayIdentifier": gateway_id}
        self.control.settled("get_gateway", {"status": "UPDATING"}, where)
        existing = self.control.by_name("list_gateway_targets", "items", "name", **where)
        for target in gateway.targets.values():
            wanted: dict[str, Any] = {
                "gatewayIdentifier": gateway_id,
                "name": target.name,
                "targetConfiguration": targets.configuration(gateway.name, target, self._values),
            }
            credential = targets.credential(gateway, target, self._values, providers)
            if credential:
                wanted["credentialProviderConfigurations"] = [credential]
            if target.headers:
                wanted["metadataConfiguration"] = {"allowedRequestHeaders": list(target.headers)}
            if target.description:
                wanted["description"] = target.description
            found = existing.get(target.name)
            with declared(self._declared.file, f"[gateways.{gateway.name}.targets.{target.name}]"):
                if found:
                    self._update_target(found, {"targetId": found["targetId"], **wanted})
                else:
                    self._client.create_gateway_target(**wanted)
        with declared(self._declared.file, f"[gateways.{gateway.name}] rate_limits"):
            limits.bring(self.control, gateway, gateway_id)

    def _listed(self, gateway: Gateway) -> dict[str, str]:
        """Waits until a gateway's targets are listed; those that could not be, with the reason."""
        where = {"gatewayIdentifier": self._values["gateways"][gateway.name]["id"]}
        failed = {}
        for found in self.control.listed("list_gateway_targets", "items", **where):
            one = {**where, "targetId": found["targetId"]}
            ended = self.control.settled("get_gateway_target", {"status": "UPDATING"}, one)
            if ended["status"] != "READY":
                failed[str(ended["name"])] = " ".join(ended.get("statusReasons", ())) or str(ended["status"])
        return failed

    def _update_target(self, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        """An update makes the gateway list the target again; one that it is just listing is left to that."""
        where = {name: wanted[name] for name in ("gatewayIdentifier", "targetId")}
        if found["status"] in IN_TRANSITION:
            current = self._client.get_gateway_target(**where)
            same = all((current.get(name) or None) == wanted.get(name) for name in TARGET)
            if same and current["status"] in IN_TRANSITION:
                return
            self.control.settled("get_gateway_target", current, where)
        self._client.update_gateway_target(**wanted)

    def _gateway_authorizer(self, authorizer: Authorizer, url: str) -> dict[str, Any]:
        if authorizer.kind == "jwt":
            checks = self._jwt(authorizer, url)
            return {"authorizerType": "CUSTOM_JWT", "authorizerConfiguration": checks}
        return {"authorizerType": "AWS_IAM" if authorizer.kind == "iam" else "NONE"}

    def _jwt(self, authorizer: Authorizer, own: str) -> dict[str, Any]:
        """The checks of tokens; `own` is the URL of what they guard."""
        realms = self._values["realms"]
        url = authorizer.discovery_url or realms[authorizer.realm]["discovery_url"]
        lists = {
            "allowedAudience": [own if name == OWN_URL else name for name in authorizer.audience],
            "allowedClients": authorizer.clients,
            "allowedScopes": authorizer.scopes,
        }
        checks = {name: list(values) for name, values in lists.items() if values}
        return {"customJWTAuthorizer": {"discoveryUrl": url, **checks}}

    def _token_hint(self, authorizer: Authorizer, own: str) -> dict[str, str]:
        """What `chat`, `call` and `token` need to ask for a fitting token."""
        if authorizer.kind != "jwt" or not authorizer.realm:
            return {}
        hint = {"realm": authorizer.realm}
        if authorizer.clients:
            known = self._values["realms"][authorizer.realm]["clients"]
            machines = [
                name
                for name in authorizer.clients
                if CLIENT_CREDENTIALS in known.get(name, {}).get("grants", ())
            ]
            hint["client"] = (machines or authorizer.clients)[0]
        if authorizer.audience:
            named = [name for name in authorizer.audience if name != OWN_URL]
            hint["audience"] = (named or [own])[0]
        if authorizer.scopes:
            hint["scope"] = authorizer.scopes[0]
        return hint

    def _role(self, name: str) -> str:
        return f"arn:aws:iam::{self._values['account']}:role/{name}"
