"""Facts of AgentCore's published contract that no other test pins: bounds of members, routes, envelopes."""

from __future__ import annotations

import itertools
import json
import re
import time
import uuid
from urllib.parse import quote

import httpx2
import pytest

from skerry.auth.aws.sigv4 import sign
from skerry.errors import ServiceError
from skerry.local.runtime import envelopes
from tests.kit.asgi_thread import serve
from tests.kit.local_endpoint import DEVELOPER, REGION, ROLE, ControlStack, artifact, client
from tests.local import control_bounds as bounds
from tests.local.restricted_headers import RESTRICTED, RUNTIME_RESTRICTED

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:tools"
ROUTES = {
    "CreateAgentRuntime": ("PUT", "/runtimes/"),
    "UpdateAgentRuntime": ("PUT", "/runtimes/{runtime}/"),
    "ListAgentRuntimes": ("POST", "/runtimes/"),
    "ListAgentRuntimeVersions": ("POST", "/runtimes/{runtime}/versions/"),
    "ListAgentRuntimeEndpoints": ("POST", "/runtimes/{runtime}/runtime-endpoints/"),
    "CreateAgentRuntimeEndpoint": ("PUT", "/runtimes/{runtime}/runtime-endpoints/"),
    "CreateGateway": ("POST", "/gateways/"),
    "UpdateGateway": ("PUT", "/gateways/{gateway}/"),
    "ListGateways": ("GET", "/gateways/"),
    "CreateGatewayTarget": ("POST", "/gateways/{gateway}/targets/"),
    "ListGatewayTargets": ("GET", "/gateways/{gateway}/targets/"),
    "SynchronizeGatewayTargets": ("PUT", "/gateways/{gateway}/synchronizeTargets"),
    "CreateGatewayRule": ("POST", "/gateways/{gateway}/rules"),
    "ListGatewayRules": ("GET", "/gateways/{gateway}/rules"),
    "CreateGatewayRateLimit": ("POST", "/gateways/{gateway}/rate-limits"),
    "ListGatewayRateLimits": ("GET", "/gateways/{gateway}/rate-limits"),
    "BatchPutGatewayRateLimits": ("PUT", "/gateways/{gateway}/rate-limits/batch"),
    "CreateOauth2CredentialProvider": ("POST", "/identities/CreateOauth2CredentialProvider"),
    "ListPolicyEngines": ("GET", "/policy-engines"),
    "ListPolicies": ("GET", "/policy-engines/{engine}/policies"),
    "CreateApiKeyCredentialProvider": ("POST", "/identities/CreateApiKeyCredentialProvider"),
    "PutResourcePolicy": ("PUT", "/resourcepolicy/{arn}"),
    "CreatePolicy": ("POST", "/policy-engines/{engine}/policies"),
}
QUERY = {"maxResults", "nextToken"}
LEAST = {
    "CreateAgentRuntime": {"roleArn": ROLE, "agentRuntimeArtifact": artifact()},
    "UpdateAgentRuntime": {"roleArn": ROLE, "agentRuntimeArtifact": artifact()},
    "CreateGateway": {"roleArn": ROLE, "authorizerType": "AWS_IAM"},
    "UpdateGateway": {"name": "bounds", "roleArn": ROLE, "authorizerType": "AWS_IAM"},
    "CreateGatewayTarget": {
        "name": "tools",
        "targetConfiguration": {
            "mcp": {
                "lambda": {
                    "lambdaArn": LAMBDA,
                    "toolSchema": {
                        "inlinePayload": [
                            {"name": "t", "description": "d", "inputSchema": {"type": "object"}}
                        ]
                    },
                }
            }
        },
        "credentialProviderConfigurations": [{"credentialProviderType": "GATEWAY_IAM_ROLE"}],
    },
    "CreateGatewayRule": {
        "priority": 1,
        "actions": [{"routeToTarget": {"staticRoute": {"targetName": "none"}}}],
    },
    "CreateGatewayRateLimit": {
        "dimensionKeys": ["targetName"],
        "entries": [{"dimensions": {"targetName": "t"}, "requests": [{"rate": 1, "period": "second"}]}],
    },
}
NAMES = {
    "CreateAgentRuntime": lambda: {"agentRuntimeName": f"r{uuid.uuid4().hex[:20]}"},
    "CreateAgentRuntimeEndpoint": lambda: {"name": f"e{uuid.uuid4().hex[:20]}"},
    "CreateGateway": lambda: {"name": f"g{uuid.uuid4().hex[:20]}"},
    "CreateGatewayRateLimit": lambda: {"rateLimitId": f"l{uuid.uuid4().hex[:20]}"},
}


class Plane:
    """The control plane over raw, signed HTTP: nothing is checked before it is sent."""

    def __init__(self, url, http):
        self.url, self.http = url, http
        agentcore = client("bedrock-agentcore-control", url)
        self.ids = {
            "runtime": agentcore.create_agent_runtime(
                agentRuntimeName="bounds", roleArn=ROLE, agentRuntimeArtifact=artifact()
            )["agentRuntimeId"],
            "gateway": agentcore.create_gateway(name="bounds", roleArn=ROLE, authorizerType="AWS_IAM")[
                "gatewayId"
            ],
            "engine": agentcore.create_policy_engine(name="bounds")["policyEngineId"],
        }
        arn = agentcore.get_gateway(gatewayIdentifier=self.ids["gateway"])["gatewayArn"]
        self.ids["arn"] = quote(arn, safe="")
        agentcore.close()

    def send(self, operation, arguments):
        method, path = ROUTES[operation]
        path = path.format(**self.ids)
        query = {name: value for name, value in arguments.items() if name in QUERY}
        if query:
            path += "?" + str(httpx2.QueryParams(query)).replace("+", "%20")
        body = {name: value for name, value in arguments.items() if name not in QUERY}
        return self.request(method, path, b"" if method == "GET" else json.dumps(body).encode())

    def request(self, method, path, content=b""):
        url = self.url + path
        headers = {"Content-Type": "application/json"}
        key = {"credentials": DEVELOPER, "region": REGION, "service": "bedrock-agentcore", "now": time.time()}
        signed = sign(method, url, headers, content, **key)
        return self.http.request(method, url, content=content, headers=headers | signed)

    def broken(self, operation, member, value):
        """The members that the answer calls wrong, at or below `member`."""
        path = re.split(r"\.(?![^[]*\])", member)
        arguments = {**LEAST.get(operation, {}), **NAMES.get(operation, dict)(), **placed(path, value)}
        answer = self.send(operation, arguments)
        if answer.status_code != 400:
            return []
        told = answer.json()
        assert answer.headers["x-amzn-errortype"] == "ValidationException", told
        where = member.replace("[]", "")
        names = [re.sub(r"(\.\d+)?\.member\b", "", field["name"]) for field in told.get("fieldList", ())]
        return [name for name in names if name == where or name.startswith((f"{where}.", f"{where} "))]


def placed(path, value):
    """`value` inside of structures and lists: `["a[]", "b"]` gives `{"a": [{"b": value}]}`."""
    name, *rest = path
    inner = placed(rest, value) if rest else value
    return {name.removesuffix("[]"): [inner] if name.endswith("[]") else inner}


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    with serve(ControlStack(tmp_path_factory.mktemp("control"))) as url, httpx2.Client() as http:
        yield Plane(url, http)


def cases(bounds):
    """One case for each member of an operation."""
    for (operation, member), group in itertools.groupby(bounds, key=lambda bound: bound[:2]):
        known = list(group)
        taken, refused = ([value for bound in known for value in bound[place]] for place in (2, 3))
        yield pytest.param((operation, member, taken, refused), id=f"{operation}-{member}")


def held(plane, bound):
    """Asserts that what the model takes is taken, and what it does not take is refused by the member's name."""
    operation, member, taken, refused = bound
    wrong = [value for value in taken if plane.broken(operation, member, value)]
    passed = [value for value in refused if not plane.broken(operation, member, value)]
    assert ([], []) == (wrong, passed)


@pytest.mark.behaviour("FACT-RUNTIME-MEMBERS")
@pytest.mark.parametrize("bound", cases(bounds.RUNTIMES))
def test_members_of_runtimes_are_held_to_their_bounds(plane, bound):
    held(plane, bound)


@pytest.mark.behaviour("FACT-JWT-MEMBERS")
@pytest.mark.parametrize("bound", cases(bounds.JWT))
def test_members_of_jwt_authorizers_are_held_to_their_bounds(plane, bound):
    held(plane, bound)


@pytest.mark.behaviour("FACT-GATEWAY-MEMBERS")
@pytest.mark.parametrize("bound", cases(bounds.GATEWAYS))
def test_members_of_gateways_are_held_to_their_bounds(plane, bound):
    held(plane, bound)


@pytest.mark.behaviour("FACT-TARGET-MEMBERS")
@pytest.mark.parametrize("bound", cases(bounds.TARGETS))
def test_members_of_targets_are_held_to_their_bounds(plane, bound):
    held(plane, bound)


@pytest.mark.behaviour("FACT-CREDENTIAL-MEMBERS")
@pytest.mark.parametrize("bound", cases(bounds.CREDENTIALS))
def test_members_of_credentials_of_targets_are_held_to_their_bounds(plane, bound):
    held(plane, bound)


@pytest.mark.behaviour("FACT-RULE-MEMBERS")
@pytest.mark.parametrize("bound", cases(bounds.RULES))
def test_members_of_rules_are_held_to_their_bounds(plane, bound):
    held(plane, bound)


@pytest.mark.behaviour("FACT-LIMIT-MEMBERS")
@pytest.mark.parametrize("bound", cases(bounds.LIMITS))
def test_members_of_rate_limits_are_held_to_their_bounds(plane, bound):
    held(plane, bound)


@pytest.mark.behaviour("FACT-PROVIDER-MEMBERS")
@pytest.mark.parametrize("bound", cases(bounds.PROVIDERS))
def test_members_of_credential_providers_are_held_to_their_bounds(plane, bound):
    held(plane, bound)


@pytest.mark.behaviour("FACT-POLICY-MEMBERS")
@pytest.mark.parametrize("bound", cases(bounds.POLICIES))
def test_members_of_policies_are_held_to_their_bounds(plane, bound):
    held(plane, bound)


@pytest.mark.behaviour("FACT-RESOURCE-POLICY")
@pytest.mark.parametrize("bound", cases(bounds.RESOURCE_POLICIES))
def test_members_of_resource_policies_are_held_to_their_bounds(plane, bound):
    held(plane, bound)


@pytest.mark.behaviour("FACT-PAGES")
@pytest.mark.parametrize("bound", cases(bounds.PAGES))
def test_members_of_lists_are_held_to_their_bounds(plane, bound):
    held(plane, bound)


def allowing(plane, operation, names):
    """The answer to a resource that lets these headers pass."""
    if operation == "CreateAgentRuntime":
        given = {"requestHeaderConfiguration": {"requestHeaderAllowlist": names}}
    else:
        given = {"metadataConfiguration": {"allowedRequestHeaders": names}}
    name = NAMES.get(operation, lambda: {"name": f"t{uuid.uuid4().hex[:20]}"})()
    return plane.send(operation, {**LEAST[operation], **name, **given})


@pytest.mark.behaviour("FACT-RESTRICTED")
@pytest.mark.parametrize(
    ("operation", "names"),
    [
        ("CreateAgentRuntime", [*RESTRICTED, *RUNTIME_RESTRICTED, "X-Amz-A", "X-Amzn-A"]),
        ("CreateGatewayTarget", [*RESTRICTED, "Authorization", "X-Amzn-A", "a.b", "a b", "a:b"]),
    ],
)
def test_a_restricted_header_cannot_be_let_pass(plane, operation, names):
    taken = [
        name
        for name in names
        if (answer := allowing(plane, operation, [name])).status_code != 400
        or answer.headers["x-amzn-errortype"] != "ValidationException"
    ]
    assert [] == taken


@pytest.mark.behaviour("FACT-RESTRICTED")
@pytest.mark.parametrize("operation", ["CreateAgentRuntime", "CreateGatewayTarget"])
def test_a_custom_header_can_be_let_pass(plane, operation):
    names = ["X-Team", "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Team"]
    assert 202 == allowing(plane, operation, names).status_code


def listed(answer, member, key, identifier):
    """The item of a list answer."""
    (found,) = [item for item in answer.json()[member] if item[key] == identifier]
    return found


@pytest.mark.behaviour("FACT-CONTROL-OUTPUT")
def test_items_of_lists_of_runtimes_have_the_published_members(plane):
    given = {
        "agentRuntimeName": f"r{uuid.uuid4().hex[:20]}",
        "description": "d",
        **LEAST["CreateAgentRuntime"],
    }
    made = plane.send("CreateAgentRuntime", given).json()
    found = listed(
        plane.send("ListAgentRuntimes", {"maxResults": 100}),
        "agentRuntimes",
        "agentRuntimeId",
        made["agentRuntimeId"],
    )
    assert {
        "agentRuntimeArn",
        "agentRuntimeId",
        "agentRuntimeVersion",
        "agentRuntimeName",
        "description",
        "lastUpdatedAt",
        "status",
    } == set(found)
    for moment in (made["createdAt"], found["lastUpdatedAt"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", moment)
    name = f"e{uuid.uuid4().hex[:20]}"
    plane.send("CreateAgentRuntimeEndpoint", {"name": name, "description": "d"})
    found = listed(plane.send("ListAgentRuntimeEndpoints", {}), "runtimeEndpoints", "name", name)
    assert {
        "name",
        "id",
        "agentRuntimeEndpointArn",
        "agentRuntimeArn",
        "status",
        "createdAt",
        "lastUpdatedAt",
        "liveVersion",
        "targetVersion",
        "description",
    } == set(found)


@pytest.mark.behaviour("FACT-CONTROL-OUTPUT")
def test_items_of_lists_of_gateways_and_targets_have_the_published_members(plane):
    named = {"name": f"g{uuid.uuid4().hex[:20]}", "description": "d", "protocolType": "MCP"}
    made = plane.send("CreateGateway", {**LEAST["CreateGateway"], **named}).json()
    found = listed(plane.send("ListGateways", {"maxResults": 1000}), "items", "gatewayId", made["gatewayId"])
    assert {
        "gatewayId",
        "name",
        "status",
        "description",
        "createdAt",
        "updatedAt",
        "authorizerType",
        "protocolType",
    } == set(found)
    server = {"endpoint": "https://a.example.com/mcp", "listingMode": "DEFAULT", "resourcePriority": 7}
    given = {"targetConfiguration": {"mcp": {"mcpServer": server}}}
    target = plane.send("CreateGatewayTarget", given).json()
    assert (target["protocolType"], bool(target["name"])) == ("MCP", True)
    found = listed(
        plane.send("ListGatewayTargets", {"maxResults": 1000}), "items", "targetId", target["targetId"]
    )
    assert ("MCP_SERVER", "DEFAULT", 7) == (
        found["targetType"],
        found["listingMode"],
        found["resourcePriority"],
    )


@pytest.mark.behaviour("FACT-CONTROL-OUTPUT")
def test_a_deletion_answers_with_id_and_status(plane):
    named = {"name": f"g{uuid.uuid4().hex[:20]}"}
    made = plane.send("CreateGateway", {**LEAST["CreateGateway"], **named}).json()
    answer = plane.request("DELETE", f"/gateways/{made['gatewayId']}/")
    assert (202, made["gatewayId"], "DELETING") == (
        answer.status_code,
        answer.json()["gatewayId"],
        answer.json()["status"],
    )


ERRORS = (
    ("ValidationException", 400, (200, -32006), (400, -32052), (400, "VALIDATION_ERROR")),
    ("UnauthorizedException", 401, (401, -32001), (401, None), (401, "UNAUTHORIZED")),
    ("ServiceQuotaExceededException", 402, (200, -32003), (429, -32053), (429, "SERVICE_QUOTA_EXCEEDED")),
    ("AccessDeniedException", 403, (403, -32002), (403, None), (403, "ACCESS_DENIED")),
    ("ResourceNotFoundException", 404, (200, -32004), (404, -32051), (500, "INTERNAL_ERROR")),
    ("ConflictException", 409, (200, -32005), (409, -32054), (409, "SESSION_BUSY")),
    ("RetryableConflictException", 409, (200, -32005), (409, -32054), (409, "SESSION_BUSY")),
    ("RuntimeClientError", 424, (200, -32010), (424, -32055), (200, "AGENT_ERROR")),
    ("ThrottlingException", 429, (200, -32003), (429, -32053), (429, "RATE_LIMIT_EXCEEDED")),
    ("InternalServerException", 500, (200, -32603), (500, -32603), (500, "INTERNAL_ERROR")),
)
"""Name, HTTP status, and status and code of MCP, A2A (None: plain HTTP) and AG-UI."""
TEXTS = (
    ("MCP", "ThrottlingException", "Rate limit exceeded - Too many requests"),
    ("MCP", "ServiceQuotaExceededException", "Rate limit exceeded - Too many requests"),
    ("MCP", "ResourceNotFoundException", "Resource not found - Requested resource does not exist"),
    ("MCP", "ConflictException", "Resource conflict - Resource already exists"),
    ("MCP", "RetryableConflictException", "Session operation in progress, please retry"),
    ("MCP", "ValidationException", "Validation error - Invalid request data"),
    ("MCP", "InternalServerException", "Internal error - Server error"),
    (
        "A2A",
        "RuntimeClientError",
        "Runtime client error - Please check your CloudWatch logs for more information",
    ),
    (
        "A2A",
        "InternalServerException",
        "Internal error - An unexpected error occurred while processing the request",
    ),
)


def shown(protocol, name):
    """Status, name or code, and message of an error with the text `why`."""
    status = next(row[1] for row in ERRORS if row[0] == name)
    answer = envelopes.error(protocol, ServiceError(name, status, "why"), raw_id=b"7")
    headers = {key.decode().lower(): value.decode() for key, value in answer.headers}
    if headers["content-type"] == "text/event-stream":
        event = json.loads(answer.body.decode().removeprefix("data: "))
        assert event["type"] == "RUN_ERROR"
        return answer.status, event["code"], event["message"]
    body = json.loads(answer.body)
    if "jsonrpc" in body:
        assert body["id"] == 7
        return answer.status, body["error"]["code"], body["error"]["message"]
    assert headers["x-amzn-errortype"] == name
    return answer.status, None, body["message"]


@pytest.mark.behaviour("FACT-ENVELOPES")
@pytest.mark.parametrize(("name", "status", "mcp", "a2a", "agui"), ERRORS)
def test_an_error_has_the_envelope_of_the_protocol(name, status, mcp, a2a, agui):
    found = [shown(protocol, name)[:2] for protocol in ("HTTP", "MCP", "A2A", "AGUI")]
    assert [(status, None), mcp, a2a, agui] == found


@pytest.mark.behaviour("FACT-ENVELOPES")
@pytest.mark.parametrize(("protocol", "name", "text"), TEXTS)
def test_the_texts_that_aws_fixes(protocol, name, text):
    assert text == shown(protocol, name)[2]
