"""What AgentCore's service model says of single members of control-plane input, for test_parity_facts.py.

Written from the published model, not read from it. A bound is an operation, a member, values that are taken and
values that are refused; None leaves the member out.

A member is a path: `a.b` inside of structures, `a[].b` inside of lists.
"""

from __future__ import annotations

from typing import Any

Bound = tuple[str, str, list[Any], list[Any]]
ACCOUNT, REGION = "123456789012", "us-east-1"
_ECR = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
_ARN = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}"
_LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:tools"
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/desk"
_ISSUER = "https://issuer.example.com/.well-known/"


def x(length: int) -> str:
    return "x" * length


def named(count: int, prefix: str = "x") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def mapped(count: int) -> dict[str, str]:
    return dict.fromkeys(named(count), "v")


_TAGS: tuple[list[Any], list[Any]] = (
    [mapped(50), {x(128): ""}, {"k": x(256)}],
    [mapped(51), {x(129): "v"}, {"k": x(257)}, {"k!": "v"}],
)
_TOKEN: tuple[list[Any], list[Any]] = ([x(33), x(256)], [x(32), x(257), "-" + x(40)])


def _runtime(member: str, taken: list[Any], refused: list[Any]) -> Bound:
    return ("CreateAgentRuntime", member, taken, refused)


def _gateway(member: str, taken: list[Any], refused: list[Any]) -> Bound:
    return ("CreateGateway", member, taken, refused)


def _target(member: str, taken: list[Any], refused: list[Any]) -> Bound:
    return ("CreateGatewayTarget", member, taken, refused)


def _credential(member: str, taken: list[Any], refused: list[Any]) -> Bound:
    where = f"credentialProviderConfigurations[].{member}"
    return ("CreateGatewayTarget", where, taken, refused)


def _rule(member: str, taken: list[Any], refused: list[Any]) -> Bound:
    return ("CreateGatewayRule", member, taken, refused)


def _limit(member: str, taken: list[Any], refused: list[Any]) -> Bound:
    return ("CreateGatewayRateLimit", member, taken, refused)


def _ports(*ports: int) -> list[dict[str, int]]:
    return [{"port": port} for port in ports]


_CODE = "agentRuntimeArtifact.codeConfiguration"
RUNTIMES: list[Bound] = [
    _runtime("agentRuntimeName", ["a", "A_9", x(48)], ["", "a-b", "9a", x(49), None]),
    _runtime(
        "roleArn", [_ROLE, "arn:aws-cn:iam:::role/a/b"], ["desk", "arn:aws:iam::1:role/x", x(2049), None]
    ),
    _runtime("agentRuntimeArtifact", [], [None, {}, {"containerConfiguration": {}, "codeConfiguration": {}}]),
    _runtime(
        "agentRuntimeArtifact.containerConfiguration.containerUri",
        [f"{_ECR}/agents/desk:1", f"{_ECR}.cn/desk@sha256:0", "public.ecr.aws/docker/library/python:3.12"],
        ["docker.io/library/python", "localhost:5000/desk", f"{_ECR}/Desk", f"{_ECR}/{x(1024)}"],
    ),
    _runtime(f"{_CODE}.code.s3.bucket", ["abc", x(63)], ["ab", x(64), "Abc", "-abc"]),
    _runtime(f"{_CODE}.code.s3.prefix", ["p", x(1024)], ["", x(1025)]),
    _runtime(f"{_CODE}.code.s3.versionId", [x(3), x(1024)], [x(2), x(1025)]),
    _runtime(
        f"{_CODE}.runtime",
        [*(f"PYTHON_3_{minor}" for minor in range(10, 15)), "NODE_22"],
        ["PYTHON_3_9", "NODE_18"],
    ),
    _runtime(f"{_CODE}.entryPoint", [["main.py"], ["a", x(128)]], [[], ["a", "b", "c"], [""], [x(129)]]),
    _runtime("description", ["d", x(4096)], ["", x(4097)]),
    _runtime("clientToken", *_TOKEN),
    _runtime("tags", *_TAGS),
    _runtime("networkConfiguration.networkMode", ["PUBLIC", "VPC"], ["BRIDGE"]),
    *(
        _runtime(
            f"networkConfiguration.networkModeConfig.{name}",
            [[f"{prefix}0123456{number:02}" for number in range(count)] for count in (1, 16)],
            [[], [f"{prefix}0123456{number:02}" for number in range(17)]],
        )
        for name, prefix in (("subnets", "subnet-"), ("securityGroups", "sg-"))
    ),
    _runtime("protocolConfiguration.serverProtocol", ["MCP", "HTTP", "A2A", "AGUI"], ["SOAP", "http"]),
    _runtime("protocolConfiguration.port", [8000, 12000], [7999, 12001]),
    _runtime("protocolConfiguration.path", ["/", "/a-._~/%20"], ["a", "/a b", "/" + x(2048)]),
    _runtime(
        "requestHeaderConfiguration.requestHeaderAllowlist",
        [named(20), [x(256)]],
        [[], named(21), [x(257)], ["1a"], ["a b"]],
    ),
    _runtime("lifecycleConfiguration.idleRuntimeSessionTimeout", [60], [59, 1_209_601]),
    _runtime("lifecycleConfiguration.maxLifetime", [60, 1_209_600], [59, 1_209_601]),
    _runtime(
        "environmentVariables",
        [mapped(50), {x(100): ""}, {"K": x(5000)}],
        [mapped(51), {x(101): "v"}, {"K": x(5001)}, {"": "v"}],
    ),
    _runtime(
        "filesystemConfigurations",
        [[{"sessionStorage": {"mountPath": "/mnt/a"}}]],
        [[{"sessionStorage": {"mountPath": f"/mnt/a{number}"}} for number in range(6)], [{}]],
    ),
    _runtime(
        "filesystemConfigurations[].sessionStorage.mountPath",
        ["/mnt/a", "/mnt/a.b_c-d/"],
        ["/mnt/", "/tmp/abc", "/mnt/a b", "/mnt/a/b", "/mnt/" + x(196)],
    ),
    _runtime(
        "hooksConfiguration.build.warmup.action.httpPost.path",
        ["/", "/warm/up"],
        ["warm", "/" + x(32), "/a b"],
    ),
    _runtime("hooksConfiguration.build.warmup.action.httpPost.port", [8000, 12000], [7999, 12001]),
    _runtime("platformVersion", ["1", x(128)], ["", "a b", x(129)]),
    _runtime(
        "allowedPorts",
        [_ports(8000), _ports(8001, 8002, 8003, 8004, 12000)],
        [[], _ports(*range(8001, 8007))],
    ),
    _runtime("allowedPorts[].port", [8000, 12000], [7999, 12001]),
    _runtime("resourceConfigurations", [[]], [[{"minimumMemoryInMiB": 1}] * 2]),
    _runtime("capacityProviderConfiguration.capacityProviderArn", [], ["x", f"{_ARN}:runtime/a-0123456789"]),
    (
        "CreateAgentRuntimeEndpoint",
        "name",
        ["a", x(48)],
        ["", "a-b", "9", x(49)],
    ),
    ("CreateAgentRuntimeEndpoint", "description", ["d", x(256)], ["", x(257)]),
    (
        "CreateAgentRuntimeEndpoint",
        "agentRuntimeVersion",
        ["1", "99999"],
        ["0", "01", "100000", "v1"],
    ),
    ("CreateAgentRuntimeEndpoint", "tags", *_TAGS),
    (
        "UpdateAgentRuntime",
        "metadataConfiguration.requireMMDSV2",
        [True, False],
        ["yes", None],
    ),
    *(("UpdateAgentRuntime", member, [], [None]) for member in ("roleArn", "agentRuntimeArtifact")),
]

_PAGES = [
    ("ListAgentRuntimes", 100),
    ("ListAgentRuntimeVersions", 100),
    ("ListAgentRuntimeEndpoints", 100),
    ("ListGateways", 1000),
    ("ListGatewayTargets", 1000),
    ("ListGatewayRules", 100),
    ("ListGatewayRateLimits", 100),
    ("ListPolicyEngines", 100),
    ("ListPolicies", 100),
]
PAGES: list[Bound] = [
    *((operation, "maxResults", [1, most], [0, most + 1]) for operation, most in _PAGES),
    *((operation, "nextToken", [], [x(2049), "a b"]) for operation, _ in _PAGES),
]

_JWT = "authorizerConfiguration.customJWTAuthorizer"
JWT: list[Bound] = [
    (operation, f"{_JWT}.{member}", taken, refused)
    for operation in ("CreateAgentRuntime", "CreateGateway")
    for member, taken, refused in (
        (
            "discoveryUrl",
            [
                f"{_ISSUER}openid-configuration",
                f"{_ISSUER}oauth-authorization-server",
                f"{_ISSUER}oauth-authorization-server/tenant",
            ],
            ["https://issuer.example.com/", f"{_ISSUER}openid-configuration?a=b", f"{_ISSUER}jwks.json"],
        ),
        ("allowedAudience", [["a"]], [[]]),
        ("allowedClients", [["a"]], [[]]),
        ("allowedScopes", [["a"], [x(255)]], [[], [""], [x(256)], ["a b"], ['a"b']]),
        ("advertisedScopeMapping", [], [{}, mapped(51)]),
        ("customClaims", [], [[]]),
        ("customClaims[].inboundTokenClaimName", ["a", "cognito:groups", x(255)], ["", "a b", x(256)]),
        ("customClaims[].inboundTokenClaimValueType", ["STRING", "STRING_ARRAY"], ["NUMBER"]),
        (
            "customClaims[].authorizingClaimMatchValue.claimMatchOperator",
            ["EQUALS", "CONTAINS", "CONTAINS_ANY"],
            ["LIKE"],
        ),
        (
            "customClaims[].authorizingClaimMatchValue.claimMatchValue.matchValueString",
            ["a", "A_9.-", x(255)],
            ["", "a b", x(256)],
        ),
        (
            "customClaims[].authorizingClaimMatchValue.claimMatchValue",
            [{"matchValueString": "a"}, {"matchValueStringList": ["a"]}],
            [{}, {"matchValueString": "a", "matchValueStringList": ["a"]}],
        ),
        ("privateEndpointOverrides", [], [[{"domain": "d", "privateEndpoint": {}}] * 6]),
        ("privateEndpointOverrides[].domain", [x(253)], ["", x(254)]),
        ("certificateConfigurations", [], [[], [{"s3": {"uri": "s3://a/b"}}] * 2]),
        ("allowedWorkloadConfiguration.workloadIdentities", [], [[], named(11, "abc"), ["ab"], [x(256)]]),
        ("allowedWorkloadConfiguration.hostingEnvironments", [], [[], [{"arn": x(20)}] * 11]),
        ("allowedWorkloadConfiguration.hostingEnvironments[].arn", [], [x(19), x(1012)]),
    )
]

_MCP = "protocolConfiguration.mcp"
GATEWAYS: list[Bound] = [
    _gateway("name", ["a", "A-b9", x(48)], ["", "a_b", "-a", "a--b", x(49), None]),
    _gateway("roleArn", [_ROLE], ["desk", None]),
    _gateway("authorizerType", ["CUSTOM_JWT", "AWS_IAM", "NONE", "AUTHENTICATE_ONLY"], ["BASIC", None]),
    _gateway("description", ["d", x(200)], ["", x(201)]),
    _gateway("clientToken", *_TOKEN),
    _gateway("protocolType", ["MCP"], ["HTTP"]),
    _gateway(f"{_MCP}.supportedVersions", [["2026-07-28"], ["2025-03-26", "2025-11-25"]], ["2026-07-28"]),
    _gateway(f"{_MCP}.instructions", ["i", x(2048)], ["", x(2049)]),
    _gateway(f"{_MCP}.searchType", ["SEMANTIC"], ["KEYWORD"]),
    _gateway(f"{_MCP}.sessionConfiguration.sessionTimeoutInSeconds", [900, 28_800], [899, 28_801]),
    _gateway(f"{_MCP}.streamingConfiguration.enableResponseStreaming", [True, False], ["yes"]),
    _gateway(f"{_MCP}.disableMcpListToolsPagination", [True, False], ["no"]),
    _gateway("interceptorConfigurations", [], [[], [{}] * 3]),
    _gateway("interceptorConfigurations[].interceptor.lambda.arn", [_LAMBDA], ["tools"]),
    _gateway(
        "interceptorConfigurations[].interceptionPoints",
        [["REQUEST"], ["REQUEST", "RESPONSE"]],
        [[], ["BOTH"], ["REQUEST", "RESPONSE", "REQUEST"]],
    ),
    _gateway("interceptorConfigurations[].inputConfiguration.passRequestHeaders", [True], ["yes", None]),
    _gateway(
        "interceptorConfigurations[].inputConfiguration.payloadFilter.exclude",
        [[{"field": "RESPONSE_BODY"}]],
        [[], [{"field": "RESPONSE_BODY"}] * 2, [{"field": "REQUEST_BODY"}]],
    ),
    _gateway("policyEngineConfiguration.mode", ["LOG_ONLY", "ENFORCE"], ["OFF", None]),
    _gateway(
        "policyEngineConfiguration.arn",
        [f"{_ARN}:policy-engine/guard-0123456789"],
        ["guard", f"{_ARN}:gateway/guard-0123456789", None],
    ),
    _gateway("exceptionLevel", ["DEBUG"], ["TRACE"]),
    _gateway(
        "kmsKeyArn",
        [f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{'0' * 36}"],
        ["alias/desk", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"],
    ),
    _gateway("tags", *_TAGS),
    _gateway("domainOverride.defaultDomain", [], ["", x(254)]),
    _gateway("domainOverride.alternateDomains", [], [[], named(11)]),
    (
        "UpdateGateway",
        "wafConfiguration.failureMode",
        ["FAIL_OPEN", "FAIL_CLOSE"],
        ["X"],
    ),
]

_SCHEMA = "targetConfiguration.mcp.lambda.toolSchema.inlinePayload[]"
_SERVER = "targetConfiguration.mcp.mcpServer"
_API = "targetConfiguration.mcp.apiGateway.apiGatewayToolConfiguration"
_PASS = "targetConfiguration.http.passthrough"
TARGETS: list[Bound] = [
    _target("name", ["a", "A-b9", x(100)], ["", "a_b", "-a", x(101)]),
    _target("description", ["d", x(200)], ["", x(201)]),
    _target("clientToken", *_TOKEN),
    _target("targetConfiguration", [], [{}, {"mcp": {}, "http": {}}, None]),
    _target("targetConfiguration.mcp", [], [{}, {"lambda": {}, "mcpServer": {}}]),
    _target(
        "targetConfiguration.mcp.lambda.lambdaArn",
        [_LAMBDA, f"{_LAMBDA}:$LATEST", f"{_LAMBDA}:7", f"{_LAMBDA}:live"],
        ["tools", f"arn:aws:s3:{REGION}:{ACCOUNT}:function:tools", f"{_LAMBDA}{x(170)}"],
    ),
    *(_target(f"{_SCHEMA}.{member}", [], [None]) for member in ("name", "description", "inputSchema")),
    _target(
        f"{_SCHEMA}.inputSchema.properties.a.type",
        ["string", "number", "object", "array", "boolean", "integer"],
        ["null", ["string"], None],
    ),
    *(
        _target(f"{_SCHEMA}.inputSchema.{member}", [], [value])
        for member, value in (
            ("enum", ["a"]),
            ("default", "a"),
            ("format", "date"),
            ("oneOf", []),
            ("$ref", "#/a"),
            ("additionalProperties", False),
            ("minimum", 1),
            ("maximum", 1),
        )
    ),
    _target(f"{_SERVER}.endpoint", ["https://a.example.com/mcp"], ["http://a.example.com/mcp", "a", None]),
    _target(f"{_SERVER}.listingMode", ["DEFAULT", "DYNAMIC"], ["STATIC"]),
    _target(f"{_SERVER}.resourcePriority", [0, 1000], [-1, 1001]),
    _target("targetConfiguration.mcp.apiGateway.restApiId", [], [None]),
    _target("targetConfiguration.mcp.apiGateway.stage", [], [None]),
    _target(
        f"{_API}.toolFilters[].methods",
        [["GET", "DELETE", "HEAD", "OPTIONS", "PATCH", "PUT", "POST"]],
        [["TRACE"], None],
    ),
    _target(f"{_API}.toolFilters[].filterPath", ["/pets", "/pets/*"], [None]),
    *(_target(f"{_API}.toolOverrides[].{member}", [], [None]) for member in ("name", "path", "method")),
    _target("targetConfiguration.mcp.connector.source.connectorId", [], ["", x(257), None]),
    _target("targetConfiguration.mcp.connector.enabled", [], [[], named(51)]),
    _target("targetConfiguration.http.agentcoreRuntime.arn", [], ["x", None]),
    _target(f"{_PASS}.endpoint", ["https://a.example.com"], ["http://a.example.com", None]),
    _target(f"{_PASS}.protocolType", ["MCP", "A2A", "INFERENCE", "CUSTOM"], ["HTTP", None]),
    _target(f"{_PASS}.stickinessConfiguration.timeout", [1, 86_400], [0, 86_401]),
    _target(f"{_PASS}.stickinessConfiguration.compositeIdentifier", [], [[], named(6)]),
    _target(
        f"{_PASS}.staticQueryParameterConflictResolution", ["CLIENT_OVERRIDE", "STATIC_OVERRIDE"], ["BOTH"]
    ),
    _target("credentialProviderConfigurations", [], [[], [{}] * 2]),
    _target("certificateConfigurations", [], [[], [{"s3": {"uri": "s3://a/b"}}] * 2]),
    *(
        _target(
            f"metadataConfiguration.allowed{what}",
            [named(10), [x(longest)]],
            [[], named(11), [""], [x(longest + 1)]],
        )
        for what, longest in (("RequestHeaders", 100), ("QueryParameters", 40), ("ResponseHeaders", 100))
    ),
    ("SynchronizeGatewayTargets", "targetIdList", [["A" * 10]], [[], ["A" * 10] * 2]),
]

_OAUTH = "credentialProvider.oauthCredentialProvider"
_KEY = "credentialProvider.apiKeyCredentialProvider"
_VAULT = f"{REGION}:{ACCOUNT}:token-vault/default"
_PROVIDERS = [
    f"arn:aws:acps:{_VAULT}/oauth2credentialprovider/a",
    f"arn:aws:bedrock-agentcore:{_VAULT}/oauth2credentialprovider/a",
]
CREDENTIALS: list[Bound] = [
    _credential(
        "credentialProviderType",
        ["GATEWAY_IAM_ROLE", "OAUTH", "API_KEY", "CALLER_IAM_CREDENTIALS", "JWT_PASSTHROUGH"],
        ["BASIC", None],
    ),
    _credential("credentialProvider.iamCredentialProvider.service", ["s", x(64)], ["", x(65), None]),
    _credential(f"{_KEY}.providerArn", [], ["key", None]),
    _credential(f"{_KEY}.credentialLocation", ["HEADER", "QUERY_PARAMETER"], ["BODY"]),
    _credential(f"{_KEY}.credentialParameterName", ["n", x(64)], ["", x(65)]),
    _credential(f"{_KEY}.credentialPrefix", ["p", x(64)], ["", x(65)]),
    _credential(f"{_OAUTH}.providerArn", [], ["oauth", None]),
    _credential(f"{_OAUTH}.scopes", [[], named(100), [x(64)]], [named(101), [""], [x(65)], None]),
    _credential(
        f"{_OAUTH}.grantType", ["CLIENT_CREDENTIALS", "AUTHORIZATION_CODE", "TOKEN_EXCHANGE"], ["PASSWORD"]
    ),
    _credential(f"{_OAUTH}.customParameters", [mapped(10)], [{}, mapped(11)]),
]

_SPLIT = "actions[].routeToTarget.weightedRoute.trafficSplit"
RULES: list[Bound] = [
    _rule("priority", [1, 1_000_000], [0, 1_000_001, None]),
    _rule("description", ["d", x(256)], ["", x(257)]),
    _rule("conditions", [[]], [[{"matchPaths": {"anyOf": ["/a/*"]}}] * 4]),
    _rule("conditions[].matchPaths.anyOf", [], [[], [f"/a{n}/*" for n in range(11)], ["/a"], ["/a b/*"]]),
    _rule("conditions[].matchPrincipals.anyOf", [], [[], [{"iamPrincipal": {"arn": _ROLE}}] * 101]),
    _rule("actions", [], [[], [{}] * 3, None]),
    _rule(_SPLIT, [], [[{}], [{}] * 3]),
    _rule(f"{_SPLIT}[].weight", [1, 99], [0, 100]),
]
LIMITS: list[Bound] = [
    _limit("rateLimitId", ["a1", x(64), "a-_.b"], ["a", x(65), "-ab", "ab-"]),
    _limit("description", ["", x(512)], [x(513)]),
    _limit("dimensionKeys", [["targetName"]], [[], [f"$.context.jwt.c{n}" for n in range(11)], None]),
    _limit(
        "dimensionKeys",
        [
            ["toolName"],
            ["qualifiedModelId"],
            ["$.context.iam.principal"],
            ["$.context.iam.sourceIdentity"],
            ["$.context.jwt.team"],
            ["$.context.request.header.x-team"],
            ["$.context.request.body.params.name"],
        ],
        [["tool"], ["$.context.jwt." + x(128)]],
    ),
    _limit("entries", [], [[], [{}] * 1001, None]),
    _limit("entries[].requests", [], [[], [{"rate": 1, "period": "second"}] * 2]),
    _limit("entries[].requests[].rate", [0, 10_000_000], [-1, 10_000_001, None]),
    _limit("entries[].requests[].period", ["second", "minute"], ["hour", None]),
    _limit("entries[].dimensions.targetName", ["t", x(256)], ["", x(257)]),
    ("BatchPutGatewayRateLimits", "rateLimits", [], [[], [{}] * 51]),
]

PROVIDERS: list[Bound] = [
    (
        operation,
        "name",
        ["a", "A_9-b", x(128)],
        ["", "a b", "a.b", x(129), None],
    )
    for operation in ("CreateOauth2CredentialProvider", "CreateApiKeyCredentialProvider")
] + [
    ("CreateApiKeyCredentialProvider", "apiKey", ["", x(65_536)], [x(65_537)]),
]
RESOURCE_POLICIES: list[Bound] = [("PutResourcePolicy", "policy", [], ["", x(20_481), None])]
POLICIES: list[Bound] = [
    ("CreatePolicy", member, taken, refused)
    for member, taken, refused in (
        ("name", ["a", "A_9", x(48)], ["", "a-b", "9a", x(49), None]),
        ("description", ["d", x(4096)], ["", x(4097)]),
        ("validationMode", ["FAIL_ON_ANY_FINDINGS", "IGNORE_ALL_FINDINGS"], ["NONE"]),
        ("enforcementMode", ["ACTIVE", "LOG_ONLY"], ["OFF"]),
        ("definition.cedar.statement", [x(35), x(10_000)], [x(34), x(10_001)]),
    )
]
