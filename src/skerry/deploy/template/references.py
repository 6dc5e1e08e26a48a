"""`${…}` of skerry.toml as CloudFormation knows it: an attribute, a pseudo parameter or a parameter.

| reference | becomes |
|---|---|
| `region`, `account` | pseudo parameter |
| `gateways.N.url` `.arn` `.id`, `runtimes.N.…`, `functions.N.…` | attribute of the resource |
| `secrets.N`, `realms.N.clients.ID.secret` | reference into Secrets Manager; its name is a parameter |
| `realms.N.discovery_url`, `.issuer` | parameter, and what stands before `/.well-known/` in it |
| `realms.N.token_endpoint`, `.endpoints.X`, `services.N.url`, `guardrails.N.…` | parameter |
| `endpoint`, `state`, `realms.N.users.…` | nothing: only this machine has it |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from skerry.deploy.template.draft import ENDPOINT, ON_AWS, Draft, Parameter
from skerry.deploy.template.intrinsics import (
    ACCOUNT,
    REGION,
    Expression,
    Part,
    attribute,
    joined,
    ref,
    sub,
    when,
)
from skerry.errors import ConfigurationError
from skerry.stack.declared.declaration import Declaration

REFERENCE = re.compile(r"\$\{([^}]*)\}")
WELL_KNOWN = "/.well-known/openid-configuration"
_DISCOVERY = r"^https?://.+/\.well-known/openid-configuration$"
_LOCAL = re.compile(r"endpoint|state|realms\.[^.]+\.users\..*")


def paths(texts: Iterable[str]) -> list[str]:
    """The references in texts, without `${}`."""
    return [path for text in texts for path in REFERENCE.findall(text)]


def named(texts: Iterable[str], kind: str) -> list[str]:
    """The names of tables of a kind, such as `gateways`, that texts refer to; each once."""
    steps = [path.split(".") for path in paths(texts)]
    return list(dict.fromkeys(parts[1] for parts in steps if len(parts) > 1 and parts[0] == kind))


def only_local(text: str) -> bool:
    """Whether a text refers to what there is only on this machine."""
    return any(_LOCAL.fullmatch(path) for path in paths([text]))


class References:
    """Replaces references, and declares the parameters that they need.

    `declared` is what the file says, `draft` what becomes of it.
    """

    def __init__(self, declared: Declaration, draft: Draft) -> None:
        self.declared = declared
        self.draft = draft

    def value(self, text: str, where: str) -> Any:
        """A text with every reference replaced. Raises ConfigurationError for an unknown one."""
        return joined(self.parts(text, where))

    def parts(self, text: str, where: str) -> list[Part]:
        """The same as a list of texts and expressions."""
        found: list[Part] = []
        end = 0
        for match in REFERENCE.finditer(text):
            if match.start() > end:
                found.append(text[end : match.start()])
            found.append(self._one(match[1], where))
            end = match.end()
        if end < len(text) or not found:
            found.append(text[end:])
        return found

    def discovery(self, realm: str) -> Expression:
        """The discovery URL of what takes the place of a realm."""
        name = self.draft.ids.of("Realm", realm, "DiscoveryUrl")
        reason = f"The OpenID discovery URL of the identity provider in place of the realm {realm}"
        return self.draft.parameter(
            name,
            Parameter(
                reason,
                f"[realms.{realm}]",
                pattern=_DISCOVERY,
                next="Ask who runs your provider; Cognito: …/USER_POOL_ID/.well-known/openid-configuration.",
            ),
        )

    def client_id(self, realm: str, client: str) -> Expression:
        """The id that a client of a realm has at the real provider."""
        name = self.draft.ids.of("Realm", realm, "Client", client, "Id")
        reason = f"The id of the client {client} at the identity provider in place of the realm {realm}"
        return self.draft.parameter(name, Parameter(reason, f"[realms.{realm}.clients.{client}]", client))

    def secret(self, path: tuple[str, ...], what: str, table: str) -> Expression:
        """A secret that is resolved by CloudFormation and never part of the template or a parameter."""
        name = self.draft.ids.of(*path)
        parameter = Parameter(
            f"Name or ARN of the secret in AWS Secrets Manager that holds {what}",
            table,
            pattern=r"^[A-Za-z0-9/_+=.@!:-]{1,512}$",
            next="aws secretsmanager create-secret --name NAME --secret-string file://FILE",
        )
        self.draft.parameter(name, parameter)
        return sub(f"{{{{resolve:secretsmanager:${{{name}}}:SecretString}}}}")

    def client_secret(self, realm: str, client: str) -> Expression:
        """The secret of a client at the real provider."""
        what = f"the secret of the client {client} of the realm {realm}"
        return self.secret(
            ("Realm", realm, "Client", client, "SecretName"), what, f"[realms.{realm}.clients.{client}]"
        )

    def function_arn(self, name: str, where: str) -> Expression:
        """The ARN of a function, by a parameter where the function is not deployed."""
        return self._function(name, "arn", where)

    def _one(self, path: str, where: str) -> Expression:
        steps = path.split(".")
        if path in ("region", "account"):
            return REGION if path == "region" else ACCOUNT
        if _LOCAL.fullmatch(path):
            raise ConfigurationError(
                f"{where} refers to ${{{path}}}, which only this machine has.",
                hint="Write what it is on AWS, or leave it out of what is deployed.",
            )
        match steps:
            case ["secrets", name]:
                return self.secret(("Secret", name, "Name"), f"${{secrets.{name}}}", "[secrets]")
            case ["gateways", name, key] if key in _GATEWAY:
                self._known(self.declared.gateways, name, path, where)
                return attribute(self.draft.ids.of("Gateway", name), _GATEWAY[key])
            case ["runtimes", name, key] if key in _RUNTIME:
                self._known(self.declared.runtimes, name, path, where)
                return (
                    runtime_url(self.draft, name)
                    if key == "url"
                    else attribute(self.draft.ids.of("Runtime", name), _RUNTIME[key])
                )
            case ["functions", name, ("url" | "arn") as key]:
                self._known(self.declared.functions, name, path, where)
                return self._function(name, key, where)
            case ["services", name, "url"]:
                self._known(self.declared.services, name, path, where)
                return self._service(name)
            case ["guardrails", name, ("id" | "arn" | "version") as key]:
                self._known(self.declared.guardrails, name, path, where)
                return self._guardrail(name, key)
            case ["realms", name, *rest]:
                self._known(self.declared.realms, name, path, where)
                return self._realm(name, rest, path, where)
        raise _unknown(path, where, "Known are the references of docs/stack.md.")

    def _known(self, among: Mapping[str, object], name: str, path: str, where: str) -> None:
        if name not in among:
            raise _unknown(path, where, f"Known here: {', '.join(among) or 'nothing'}.")

    def _realm(self, name: str, rest: list[str], path: str, where: str) -> Expression:
        match rest:
            case ["discovery_url"]:
                return self.discovery(name)
            case ["issuer"]:
                return {"Fn::Select": [0, {"Fn::Split": [WELL_KNOWN, self.discovery(name)]}]}
            case ["token_endpoint"] | ["endpoints", _]:
                what = "token" if rest[0] == "token_endpoint" else rest[1]
                reason = f"The {what} endpoint of the identity provider in place of the realm {name}"
                member = {"authorize": "authorization", "device": "device_authorization"}.get(what, what)
                move = f"The discovery document of your provider has it as {member}_endpoint."
                found = self.draft.ids.of("Realm", name, "Endpoint", what)
                return self.draft.parameter(found, Parameter(reason, f"[realms.{name}]", next=move))
            case ["clients", client, "secret"]:
                self._known(self.declared.realms[name].clients, client, path, where)
                return self.client_secret(name, client)
        raise _unknown(path, where, "Of a realm: issuer, discovery_url, token_endpoint, clients.ID.secret.")

    def _service(self, name: str) -> Expression:
        found = self.draft.ids.of("Service", name, "Url")
        reason = f"The base URL of what stands in place of the service {name}, without a slash at the end"
        move = "Run it where AWS reaches it, or name the real thing that it stands in for."
        return self.draft.parameter(found, Parameter(reason, f"[services.{name}]", next=move))

    def _guardrail(self, name: str, key: str) -> Expression:
        table = f"[guardrails.{name}]"
        if key == "version":
            found = self.draft.ids.of("Guardrail", name, "Version")
            return self.draft.parameter(
                found, Parameter(f"The version of the guardrail {name}", table, "DRAFT")
            )
        found = self.draft.ids.of("Guardrail", name, "Id")
        move = "Make it in Amazon Bedrock: aws bedrock create-guardrail."
        self.draft.parameter(
            found, Parameter(f"The id of the guardrail {name} in Amazon Bedrock", table, next=move)
        )
        return ref(found) if key == "id" else guardrail_arn(found)

    def _function(self, name: str, key: str, where: str) -> Expression:
        function = self.declared.functions[name]
        if function.web:
            found = self.draft.ids.of("Function", name, key.capitalize())
            what = "Function URL" if key == "url" else "ARN"
            move = "Deploy the web server behind the Lambda Web Adapter yourself, and name it here."
            return self.draft.parameter(
                found, Parameter(f"The {what} of the web function {name}", f"[functions.{name}]", next=move)
            )
        if key == "arn":
            return attribute(self.draft.ids.of("Function", name), "Arn")
        if function.url is None:
            raise _unknown(f"functions.{name}.url", where, f"[functions.{name}] has no url.")
        return attribute(self.draft.ids.of("Function", name, "Url"), "FunctionUrl")


_GATEWAY = {"url": "GatewayUrl", "arn": "GatewayArn", "id": "GatewayIdentifier"}
_RUNTIME = {"url": "", "arn": "AgentRuntimeArn", "id": "AgentRuntimeId"}


def runtime_url(draft: Draft, name: str) -> Expression:
    """The URL of a runtime: its ARN percent-encoded once in the path. On a local stack that has its own host.

    Source: AgentCore developer guide, "MCP server targets": the endpoint of a server that AgentCore hosts.
    """
    arn = (
        "arn%3A${AWS::Partition}%3Abedrock-agentcore%3A${AWS::Region}%3A${AWS::AccountId}%3Aruntime%2F"
        f"${{{draft.ids.of('Runtime', name)}.AgentRuntimeId}}"
    )
    tail = f"/runtimes/{arn}/invocations?qualifier=DEFAULT"
    aws = f"https://bedrock-agentcore.${{AWS::Region}}.${{AWS::URLSuffix}}{tail}"
    draft.conditions[ON_AWS] = {"Fn::Equals": [ref(ENDPOINT), ""]}
    draft.parameter(
        ENDPOINT,
        Parameter(
            "The base URL of AgentCore's data plane where that is not AWS's own; empty on AWS",
            "[runtimes]",
            "",
        ),
    )
    return when(ON_AWS, sub(aws), sub(f"${{{ENDPOINT}}}{tail}"))


def guardrail_arn(parameter: str) -> Expression:
    """The ARN of a guardrail whose id a parameter holds."""
    return sub(
        f"arn:${{AWS::Partition}}:bedrock:${{AWS::Region}}:${{AWS::AccountId}}:guardrail/${{{parameter}}}"
    )


def _unknown(path: str, where: str, known: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where} refers to ${{{path}}}, which a deployed stack does not have.", hint=known
    )
