"""Rules that AWS applies beyond the shapes of its service model.

Each function returns nothing or raises ValidationException. Sources: AWS developer guide,
`runtime-header-allowlist`, `gateway-headers`, `gateway-inbound-auth`, `gateway-outbound-auth`,
`gateway-target-MCPservers`, `gateway-schema-openapi`; AWS's texts are known for few of them, the rest
are ours.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from skerry.errors import ServiceError, validation
from skerry.wire.headers import allowlist_problem, gateway_header_problem
from skerry.wire.tool_names import SEPARATOR

IDLE_DEFAULT = 900
LIFETIME_DEFAULT = 28_800
RESERVED_PORT = 8443
TOOL_NAME_MAX = 256
TOOLS_MAX = 1000
INLINE_MAX = 1_000_000
"""Bytes of an inline schema."""
S3_ENDPOINT_ROLLOUT = "2026-05-05"
"""Runtimes made before that day may have `requireServiceS3Endpoint`."""

_GRANTS = ("CLIENT_CREDENTIALS", "AUTHORIZATION_CODE", "TOKEN_EXCHANGE")
CREDENTIALS: Mapping[str, frozenset[str]] = {
    "lambda": frozenset({"GATEWAY_IAM_ROLE"}),
    "mcpServer": frozenset({"", "GATEWAY_IAM_ROLE", "API_KEY", *_GRANTS}),
    "openApiSchema": frozenset({"", "GATEWAY_IAM_ROLE", "API_KEY", *_GRANTS}),
    "smithyModel": frozenset({"GATEWAY_IAM_ROLE", "CLIENT_CREDENTIALS"}),
    "apiGateway": frozenset({"", "GATEWAY_IAM_ROLE", "API_KEY"}),
    "agentcoreRuntime": frozenset(
        {
            "GATEWAY_IAM_ROLE",
            "CALLER_IAM_CREDENTIALS",
            "JWT_PASSTHROUGH",
            "CLIENT_CREDENTIALS",
            "TOKEN_EXCHANGE",
        }
    ),
    "passthrough": frozenset(
        {
            "",
            "GATEWAY_IAM_ROLE",
            "CALLER_IAM_CREDENTIALS",
            "JWT_PASSTHROUGH",
            "API_KEY",
            "CLIENT_CREDENTIALS",
            "TOKEN_EXCHANGE",
        }
    ),
}
"""Which outbound credentials a kind of target takes; "" is none at all. AWS has people's consents
(AUTHORIZATION_CODE) for MCP servers and OpenAPI alone: a plain HTTP client could not be told of one."""

_PROVIDER_MEMBER = {"OAUTH": "oauthCredentialProvider", "API_KEY": "apiKeyCredentialProvider"}
_NEEDS_IAM_PROVIDER = frozenset({"mcpServer", "openApiSchema"})
_MAY_HAVE_IAM_PROVIDER = frozenset({"agentcoreRuntime", "passthrough"})
_OPERATORS = {"STRING": ("EQUALS",), "STRING_ARRAY": ("CONTAINS", "CONTAINS_ANY")}
_MATCH_MEMBER = {
    "EQUALS": "matchValueString",
    "CONTAINS": "matchValueString",
    "CONTAINS_ANY": "matchValueStringList",
}
_QUERY_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_CHECKS = ("allowedAudience", "allowedClients", "allowedScopes", "customClaims")


def authorizer(configuration: Mapping[str, Any] | None) -> None:
    """A `customJWTAuthorizer` must check something, and its claims must make sense."""
    if configuration is None:
        return
    where = "authorizerConfiguration.customJWTAuthorizer"
    jwt = configuration["customJWTAuthorizer"]
    if not any(jwt.get(name) for name in _CHECKS):
        raise _broken(where, f"At least one of {', '.join(_CHECKS)} must be set.")
    unmapped = sorted(set(jwt.get("advertisedScopeMapping", {})) - set(jwt.get("allowedScopes", ())))
    if unmapped:
        raise _broken(f"{where}.advertisedScopeMapping", f"{unmapped[0]} is not in allowedScopes.")
    for number, claim in enumerate(jwt.get("customClaims", ()), 1):
        _claim(claim, f"{where}.customClaims.{number}.member")
    private_authority(jwt, where)


def private_authority(given: Mapping[str, Any], where: str) -> None:
    """`certificateConfigurations` of an identity provider go together with `privateEndpoint` only.

    Source: service model, CustomJWTAuthorizerConfiguration and CustomOauth2ProviderConfigInput.
    """
    if "certificateConfigurations" in given and "privateEndpoint" not in given:
        raise _broken(
            f"{where}.certificateConfigurations",
            "certificateConfigurations can be used only together with privateEndpoint.",
        )


def _claim(claim: Mapping[str, Any], where: str) -> None:
    if claim["inboundTokenClaimName"] == "scp":
        raise _broken(where, "The claim scp holds scopes: use allowedScopes for it.")
    kind = claim["inboundTokenClaimValueType"]
    match = claim["authorizingClaimMatchValue"]
    operator = match["claimMatchOperator"]
    if operator not in _OPERATORS[kind]:
        allowed = " or ".join(_OPERATORS[kind])
        raise _broken(where, f"A claim of type {kind} needs the operator {allowed}, not {operator}.")
    if _MATCH_MEMBER[operator] not in match["claimMatchValue"]:
        raise _broken(where, f"The operator {operator} needs {_MATCH_MEMBER[operator]}.")


def lifecycle(given: Mapping[str, Any]) -> dict[str, int]:
    """`lifecycleConfiguration` with AWS's defaults, in seconds.

    A `maxLifetime` below the default idle timeout lowers that too; what AWS does then is not known.
    """
    times = given.get("lifecycleConfiguration", {})
    life = times.get("maxLifetime", LIFETIME_DEFAULT)
    idle = times.get("idleRuntimeSessionTimeout", min(IDLE_DEFAULT, life))
    return {"idleRuntimeSessionTimeout": idle, "maxLifetime": life}


def runtime(given: Mapping[str, Any], *, made: str) -> None:
    """CreateAgentRuntime and UpdateAgentRuntime. `made` is when the runtime was made, in ISO 8601."""
    authorizer(given.get("authorizerConfiguration"))
    times = lifecycle(given)
    idle, life = times["idleRuntimeSessionTimeout"], times["maxLifetime"]
    if idle > life:
        raise _broken(
            "lifecycleConfiguration",
            f"idleRuntimeSessionTimeout ({idle}) must be less than or equal to maxLifetime ({life}).",
        )
    jwt = "authorizerConfiguration" in given
    allowlist = given.get("requestHeaderConfiguration", {}).get("requestHeaderAllowlist", ())
    _names(
        allowlist,
        "requestHeaderConfiguration.requestHeaderAllowlist",
        lambda name: allowlist_problem(name, jwt=jwt),
    )
    _ports(given)
    _network(given.get("networkConfiguration", {}), made)


def _network(given: Mapping[str, Any], made: str) -> None:
    if given.get("networkMode") == "VPC" and "networkModeConfig" not in given:
        raise _broken("networkConfiguration.networkModeConfig", "networkMode VPC needs a networkModeConfig.")
    if "requireServiceS3Endpoint" in given.get("networkModeConfig", {}) and made >= S3_ENDPOINT_ROLLOUT:
        raise _broken(
            "networkConfiguration.networkModeConfig.requireServiceS3Endpoint",
            f"requireServiceS3Endpoint cannot be set for a runtime made since {S3_ENDPOINT_ROLLOUT}.",
        )


def _ports(given: Mapping[str, Any]) -> None:
    single = [given.get("protocolConfiguration", {}).get("port")]
    single.append(
        given.get("hooksConfiguration", {})
        .get("build", {})
        .get("warmup", {})
        .get("action", {})
        .get("httpPost", {})
        .get("port")
    )
    taken: list[tuple[int, int]] = []
    for entry in given.get("allowedPorts", ()):
        first, last = entry.get("port"), entry.get("port")
        if "portRange" in entry:
            first, last = entry["portRange"]["from"], entry["portRange"]["to"]
        if first > last:
            raise _broken("allowedPorts", f"The range {first}-{last} is empty.")
        if any(first <= end and start <= last for start, end in taken):
            raise _broken("allowedPorts", f"{first}-{last} overlaps another entry.")
        taken.append((first, last))
    reserved = RESERVED_PORT in single or any(start <= RESERVED_PORT <= end for start, end in taken)
    if reserved:
        raise _broken("port", f"Port {RESERVED_PORT} is reserved and cannot be used.")


def gateway(given: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> None:
    """CreateGateway and UpdateGateway; `old` is the gateway that is updated."""
    authorizer(given.get("authorizerConfiguration"))
    if given["authorizerType"] == "CUSTOM_JWT" and "authorizerConfiguration" not in given:
        raise _broken(
            "authorizerConfiguration",
            "authorizerConfiguration is required when authorizerType is CUSTOM_JWT.",
        )
    _domains(given.get("domainOverride", {}))
    points = [
        point
        for interceptor in given.get("interceptorConfigurations", ())
        for point in interceptor["interceptionPoints"]
    ]
    if len(points) != len(set(points)):
        raise _broken("interceptorConfigurations", "Each interception point takes one interceptor.")
    if old is not None and _search(given) and not _search(old):
        raise _broken(
            "protocolConfiguration.mcp.searchType",
            "Semantic search is chosen when a gateway is made and cannot be added later.",
        )


def _search(given: Mapping[str, Any]) -> bool:
    return "searchType" in given.get("protocolConfiguration", {}).get("mcp", {})


def _domains(override: Mapping[str, Any]) -> None:
    """The domains of an override must differ (service model, `DomainOverride`)."""
    domains = [override.get("default", ""), *override.get("alternateDomains", ())]
    lower = [name.lower() for name in domains]
    twice = next((name for name in domains if lower.count(name.lower()) > 1), None)
    if twice is not None:
        raise _broken("domainOverride", f"The domain {twice} is listed twice.")


def target_kind(given: Mapping[str, Any]) -> tuple[str, str, Mapping[str, Any]]:
    """`mcp` or `http`, the kind of target, and its configuration."""
    family, inner = next(iter(given["targetConfiguration"].items()))
    kind, configuration = next(iter(inner.items()))
    return family, kind, configuration


def target(given: Mapping[str, Any], gateway_record: Mapping[str, Any]) -> str:
    """CreateGatewayTarget and UpdateGatewayTarget of an emulated kind.

    Returns the outbound credential as CREDENTIALS names it.
    """
    family, kind, configuration = target_kind(given)
    if family == "http" and gateway_record.get("protocolType") == "MCP":
        raise _broken(
            "targetConfiguration",
            "A gateway of protocolType MCP takes MCP targets only; leave protocolType out for others.",
        )
    credential = _credential(kind, given, gateway_record)
    _inline(kind, configuration)
    if kind == "lambda":
        _tools(given.get("name", ""), configuration["toolSchema"].get("inlinePayload", ()))
    mcp = gateway_record.get("protocolConfiguration", {}).get("mcp", {})
    if configuration.get("listingMode") == "DYNAMIC":
        if mcp.get("searchType") == "SEMANTIC":
            raise _broken("targetConfiguration", "DYNAMIC listing cannot be used with SEMANTIC search.")
        if credential == "AUTHORIZATION_CODE":
            raise _broken("targetConfiguration", "DYNAMIC listing cannot be used with AUTHORIZATION_CODE.")
    metadata(
        given.get("metadataConfiguration", {}),
        sessions="sessionConfiguration" in mcp,
        key_header=_key_header(given),
    )
    return credential


def _credential(kind: str, given: Mapping[str, Any], gateway_record: Mapping[str, Any]) -> str:
    """The credential as the support matrix names it: the grant type for OAUTH."""
    where = "credentialProviderConfigurations.1.member"
    configured = given.get("credentialProviderConfigurations") or [{"credentialProviderType": ""}]
    chosen = configured[0]["credentialProviderType"]
    provider: Mapping[str, Any] = configured[0].get("credentialProvider", {})
    needed = _PROVIDER_MEMBER.get(chosen)
    if needed is not None and needed not in provider:
        raise _broken(where, f"{chosen} needs credentialProvider.{needed}.")
    if chosen == "OAUTH":
        credential = provider["oauthCredentialProvider"].get("grantType", "CLIENT_CREDENTIALS")
    else:
        credential = chosen
    if credential not in CREDENTIALS[kind]:
        allowed = ", ".join(sorted(CREDENTIALS[kind] - {""}))
        shown = credential or "no credential provider"
        raise _broken(where, f"A target of kind {kind} does not take {shown}; it takes {allowed}.")
    has_iam = "iamCredentialProvider" in provider
    settled = kind in _MAY_HAVE_IAM_PROVIDER or has_iam == (kind in _NEEDS_IAM_PROVIDER)
    if chosen == "GATEWAY_IAM_ROLE" and not settled:
        verb = "needs" if kind in _NEEDS_IAM_PROVIDER else "takes no"
        raise _broken(
            where,
            f"A target of kind {kind} {verb} credentialProvider.iamCredentialProvider with GATEWAY_IAM_ROLE.",
        )
    inbound = gateway_record["authorizerType"]
    if chosen == "CALLER_IAM_CREDENTIALS" and inbound not in ("AWS_IAM", "AUTHENTICATE_ONLY"):
        raise _broken(where, "CALLER_IAM_CREDENTIALS needs a gateway with AWS_IAM or AUTHENTICATE_ONLY.")
    if chosen == "JWT_PASSTHROUGH" and inbound not in ("CUSTOM_JWT", "NONE"):
        raise _broken(
            where, f"JWT_PASSTHROUGH needs a bearer token; callers of {inbound} gateways have none."
        )
    return str(credential)


def _inline(kind: str, configuration: Mapping[str, Any]) -> None:
    """An inline schema has at most 1 MB; tools of a Lambda target count as their JSON."""
    schema = configuration.get("toolSchema" if kind == "lambda" else "mcpToolSchema", configuration)
    payload = schema.get("inlinePayload", "")
    text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    if len(text.encode("utf-8", "surrogatepass")) > INLINE_MAX:
        raise _broken(
            "targetConfiguration",
            f"An inline schema has at most {INLINE_MAX} bytes. Larger ones go to S3, up to 10 MB.",
        )


def _tools(target_name: str, tools: Sequence[Mapping[str, Any]]) -> None:
    if len(tools) > TOOLS_MAX:
        raise ServiceError(
            "ServiceQuotaExceededException", 402, f"A target has at most {TOOLS_MAX} tools, not {len(tools)}."
        )
    names = [tool["name"] for tool in tools]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise _broken("toolSchema", f"The tool {twice} is defined twice.")
    for tool in tools:
        if tool["inputSchema"]["type"] != "object":
            raise _broken("toolSchema", f"The inputSchema of {tool['name']} must be of type object.")
        if len(f"{target_name}{SEPARATOR}{tool['name']}") > TOOL_NAME_MAX:
            raise _broken(
                "toolSchema",
                f"{target_name}{SEPARATOR}{tool['name'][:40]}… is longer than {TOOL_NAME_MAX} characters.",
            )


def _key_header(given: Mapping[str, Any]) -> str:
    """The header (lower case) that carries the target's API key, "" when none does."""
    for configured in given.get("credentialProviderConfigurations") or ():
        key = configured.get("credentialProvider", {}).get("apiKeyCredentialProvider", {})
        if key.get("credentialLocation", "HEADER") == "HEADER":
            return str(key.get("credentialParameterName", "")).lower()
    return ""


def sessions(given: Mapping[str, Any], targets: Iterable[Mapping[str, Any]]) -> None:
    """A gateway gets sessions only when no target passes on `Mcp-Session-Id`, which is now its own."""
    if "sessionConfiguration" not in given.get("protocolConfiguration", {}).get("mcp", {}):
        return
    for target in targets:
        listed = target.get("metadataConfiguration") or {}
        for member in ("allowedRequestHeaders", "allowedResponseHeaders"):
            if any(name.lower() == "mcp-session-id" for name in listed.get(member, ())):
                message = f"The target {target['name']} passes on Mcp-Session-Id; with sessions it cannot."
                raise _broken("protocolConfiguration.mcp.sessionConfiguration", message)


def metadata(given: Mapping[str, Any], *, sessions: bool, key_header: str = "") -> None:
    """`metadataConfiguration`; `sessions` tells whether the gateway has a sessionConfiguration.

    `key_header` is the name (lower case) of the header with the target's API key, which no client may set.
    """

    def header(name: str) -> str | None:
        if key_header and name.lower() == key_header:
            return f"{name} carries the API key of this target and cannot be passed on"
        if sessions and name.lower() == "mcp-session-id":
            return "Mcp-Session-Id cannot be passed on by a gateway with sessions"
        return gateway_header_problem(name)

    _names(given.get("allowedRequestHeaders", ()), "metadataConfiguration.allowedRequestHeaders", header)
    _names(given.get("allowedResponseHeaders", ()), "metadataConfiguration.allowedResponseHeaders", header)
    for name in given.get("allowedQueryParameters", ()):
        if _QUERY_NAME.fullmatch(name) is None:
            raise _broken(
                "metadataConfiguration.allowedQueryParameters",
                f"{name} is not a parameter name: letters, digits, '-' and '_' only.",
            )


def _names(names: Iterable[str], where: str, problem: Callable[[str], str | None]) -> None:
    seen: set[str] = set()
    for name in names:
        found = problem(name)
        if found is not None:
            raise _broken(where, f"{found}.")
        if name.lower() in seen:
            raise _broken(where, f"{name} is listed twice; header names are compared without regard to case.")
        seen.add(name.lower())


def _broken(where: str, message: str) -> ServiceError:
    return validation(message, (where, message))
