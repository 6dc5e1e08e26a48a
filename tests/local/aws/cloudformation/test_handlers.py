"""Handlers against the real control plane over HTTP; only time is another."""

from __future__ import annotations

import uuid

import pytest

from skerry.local.aws.cloudformation.acting import Acting
from skerry.local.aws.cloudformation.calls import ControlPlaneCalls, ResourceError
from skerry.local.aws.cloudformation.handlers import LOGICAL_ID, STACK_ID, STACK_NAME, Handler
from skerry.local.aws.cloudformation.kinds import KINDS, REF
from skerry.local.aws.cloudformation.schemas import PREFIX, schema
from skerry.local.ports.resources import PolicyFindings
from tests.kit.local_endpoint import ACCOUNT, DEVELOPER, REGION, ROLE, ControlStack, control

OWN = {STACK_NAME: "s", STACK_ID: "arn:1", LOGICAL_ID: "A"}
ARTIFACT = {
    "CodeConfiguration": {
        "Code": {"S3": {"Bucket": "skerry-local", "Prefix": "/srv/agent"}},
        "Runtime": "PYTHON_3_12",
        "EntryPoint": ["main.py"],
    }
}
PASSTHROUGH = {"Http": {"Passthrough": {"Endpoint": "https://example.com", "ProtocolType": "CUSTOM"}}}


async def no_objection(_: object) -> PolicyFindings:
    """Implements `ports.PolicyCheck`, which is the gateways' affair: every statement will do."""
    return PolicyFindings()


@pytest.fixture(scope="module")
def agentcore(tmp_path_factory):
    stack = ControlStack(tmp_path_factory.mktemp("control"), transition=0.05)
    stack.plane.check_policy = no_objection
    with control(stack) as client:
        yield client


@pytest.fixture(scope="module")
def calls(agentcore):
    keys = DEVELOPER
    acting = Acting(agentcore.meta.endpoint_url, REGION, keys.access_key_id, keys.secret_access_key, "")
    return ControlPlaneCalls(acting)


def fresh(prefix="n"):
    return prefix + uuid.uuid4().hex[:12]


@pytest.fixture
def handler(calls):
    return lambda name: Handler(PREFIX + name, calls)


@pytest.fixture
def gateway(handler):
    properties = {"Name": fresh(), "RoleArn": ROLE, "AuthorizerType": "NONE", "Description": "one"}
    return handler("Gateway").create(properties, OWN)


@pytest.fixture
def some(handler, gateway, agentcore):
    """Properties with which a resource of a type can be made, once more each time."""

    def of(name):
        below = {"GatewayIdentifier": handler("Gateway").identifier(gateway)}
        if name == "GatewayRule":
            handler("GatewayTarget").create({**below, "Name": "a", "TargetConfiguration": PASSTHROUGH}, {})
        runtime = {"AgentRuntimeName": fresh(), "AgentRuntimeArtifact": ARTIFACT, "RoleArn": ROLE,
                   "NetworkConfiguration": {"NetworkMode": "PUBLIC"}, "ProtocolConfiguration": "MCP",
                   "EnvironmentVariables": {"Aa": "b"}}  # fmt: skip
        engine = {"Name": fresh()}
        route = {"RouteToTarget": {"StaticRoute": {"TargetName": "a"}}}
        rate = {"Dimensions": {"targetName": "*"}, "Requests": [{"Rate": 5, "Period": "second"}]}
        statement = "permit(principal, action, resource);"
        client = {"ClientId": "c", "ClientSecret": "s"}
        allowed = (
            '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},'
            '"Action":"bedrock-agentcore:InvokeGateway","Resource":"%s"}]}'
        )
        makers = {
            "Runtime": lambda: runtime,
            "RuntimeEndpoint": lambda: {
                "AgentRuntimeId": handler("Runtime").identifier(handler("Runtime").create(runtime, {})), "Name": "one"
            },
            "Gateway": lambda: {"Name": fresh(), "RoleArn": ROLE, "AuthorizerType": "NONE"},
            "GatewayTarget": lambda: {**below, "Name": fresh(), "TargetConfiguration": PASSTHROUGH},
            "GatewayRateLimit": lambda: {**below, "DimensionKeys": ["targetName"], "Entries": [rate]},
            "GatewayRule": lambda: {**below, "Priority": 5, "Actions": [route]},
            "WorkloadIdentity": lambda: {"Name": fresh()},
            "ApiKeyCredentialProvider": lambda: {"Name": fresh(), "ApiKey": "secret"},
            "OAuth2CredentialProvider": lambda: {
                "Name": fresh(), "CredentialProviderVendor": "GithubOauth2",
                "Oauth2ProviderConfigInput": {"GithubOauth2ProviderConfig": client},
            },
            "PolicyEngine": lambda: engine,
            "Policy": lambda: {
                "PolicyEngineId": handler("PolicyEngine").value(handler("PolicyEngine").create(engine, {}), "PolicyEngineId"),
                "Name": fresh(), "Definition": {"Cedar": {"Statement": statement}},
            },
            "ResourcePolicy": lambda: {
                "ResourceArn": gateway.answer["gatewayArn"], "Policy": allowed % (ACCOUNT, gateway.answer["gatewayArn"])
            },
        }  # fmt: skip
        return makers[name]()

    return of


ALWAYS = {
    "Gateway": {"GatewayArn", "GatewayIdentifier", "GatewayUrl", "Status", "WorkloadIdentityDetails"},
    "Runtime": {
        "AgentRuntimeArn",
        "AgentRuntimeId",
        "AgentRuntimeVersion",
        "Status",
        "WorkloadIdentityDetails",
    },
    "RuntimeEndpoint": {"AgentRuntimeEndpointArn", "AgentRuntimeArn", "Id", "LiveVersion", "TargetVersion"},
    "GatewayTarget": {"TargetId", "GatewayArn", "Status"},
    "GatewayRule": {"RuleId", "GatewayArn", "Status"},
    "WorkloadIdentity": {"WorkloadIdentityArn"},
    "ApiKeyCredentialProvider": {"CredentialProviderArn", "ApiKeySecretArn.SecretArn"},
    "OAuth2CredentialProvider": {"CredentialProviderArn", "ClientSecretArn.SecretArn", "CallbackUrl"},
    "PolicyEngine": {"PolicyEngineArn", "PolicyEngineId", "Status"},
    "Policy": {"PolicyArn", "PolicyId", "Status"},
}


@pytest.mark.behaviour("CFN-TYPES")
@pytest.mark.parametrize("name", [name.removeprefix(PREFIX) for name in KINDS])
def test_every_type_is_made_read_changed_and_removed(handler, some, agentcore, name):
    made_by, properties = handler(name), some(name)
    made = made_by.create(properties, OWN)
    identifier = made_by.identifier(made)
    known = schema(PREFIX + name)
    assert identifier == "|".join(str(made_by.value(made, one)) for one in known.identifier)
    assert "None" not in identifier
    for attribute in ALWAYS.get(name, ()):
        assert known.has_attribute(attribute)
        assert made_by.value(made, attribute), attribute
    arn = KINDS[PREFIX + name].arn
    if arn:
        tags = agentcore.list_tags_for_resource(resourceArn=made_by.value(made, arn))["tags"]
        assert OWN == tags
    more = {"Description": "two"} if "Description" in known.writable else {}
    changed = made_by.update(made, properties | more, {**OWN, "team": "a"})
    assert identifier == made_by.identifier(changed)
    if more and name != "RuntimeEndpoint":
        assert "two" == changed.answer["description"]
    if arn:
        tags = agentcore.list_tags_for_resource(resourceArn=made_by.value(made, arn))["tags"]
        assert {**OWN, "team": "a"} == tags
    made_by.delete(changed)
    made_by.delete(changed)
    with pytest.raises(ResourceError):
        made_by._calls(KINDS[PREFIX + name].gets, made_by._keys(changed))


@pytest.mark.behaviour("CFN-REF-RUNTIME")
def test_ref_of_a_runtime_is_its_id(handler, some):
    made = handler("Runtime").create(some("Runtime"), OWN)
    assert made.answer["agentRuntimeId"] == handler("Runtime").identifier(made)
    assert REF.keys() <= KINDS.keys()


@pytest.mark.behaviour("CFN-UPDATE")
def test_what_a_template_has_no_more_is_gone(handler, gateway):
    made_by = handler("Gateway")
    less = {name: value for name, value in gateway.properties.items() if name != "Description"}
    assert "description" not in made_by.update(gateway, less, OWN).answer or (
        made_by._calls("GetGateway", made_by._keys(gateway)).get("description") is None
    )


@pytest.mark.parametrize("name", ["PolicyEngine", "Policy"])
def test_a_description_goes_where_the_api_keeps_what_is_left_out(handler, some, calls, name):
    made_by, properties = handler(name), some(name)
    made = made_by.create({**properties, "Description": "one"}, OWN)
    changed = made_by.update(made, properties, OWN)
    assert "description" not in calls(KINDS[PREFIX + name].gets, made_by._keys(changed))


def test_an_update_of_tags_alone_changes_nothing_else(handler, some):
    made_by, properties = handler("Runtime"), some("Runtime")
    made = made_by.create(properties, OWN)
    changed = made_by.update(made, {**properties, "Tags": {"a": "b"}}, {**OWN, "a": "b"})
    assert "1" == made_by.value(changed, "AgentRuntimeVersion")
    assert "2" == made_by.value(made_by.update(changed, properties, OWN, whole=True), "AgentRuntimeVersion")


@pytest.mark.behaviour("CFN-TAKES-OVER")
@pytest.mark.parametrize("name", ["Runtime", "RuntimeEndpoint", "Gateway", "WorkloadIdentity",
                                  "ApiKeyCredentialProvider", "OAuth2CredentialProvider", "PolicyEngine"])  # fmt: skip
def test_what_the_same_stack_made_before_is_taken_over(handler, some, agentcore, name):
    made_by, properties = handler(name), some(name)
    made = made_by.create(properties, OWN)
    again = made_by.create(properties, {**OWN, STACK_ID: "arn:2"})
    assert made_by.identifier(made) == made_by.identifier(again)
    tags = agentcore.list_tags_for_resource(resourceArn=made_by.value(made, KINDS[PREFIX + name].arn))["tags"]
    assert "arn:2" == tags[STACK_ID]
    for other in ({STACK_NAME: "other"}, {LOGICAL_ID: "B"}):
        with pytest.raises(ResourceError) as caught:
            made_by.create(properties, OWN | other)
        assert "AlreadyExists" == caught.value.reason


@pytest.mark.behaviour("CFN-TAKES-OVER")
@pytest.mark.parametrize("name", ["GatewayTarget", "GatewayRule", "GatewayRateLimit"])
def test_what_has_no_tags_is_taken_over_in_the_stacks_own_gateway(handler, some, name):
    made_by, properties = handler(name), some(name)
    made = made_by.create(properties, OWN)
    assert made_by.identifier(made) == made_by.identifier(made_by.create(properties, OWN))
    with pytest.raises(ResourceError) as caught:
        made_by.create(properties, OWN | {STACK_NAME: "other"})
    assert "AlreadyExists" == caught.value.reason


def test_a_name_that_somebody_else_has_stays_theirs(handler, agentcore):
    name = fresh()
    agentcore.create_workload_identity(name=name)
    with pytest.raises(ResourceError, match=f"named {name} already exists") as caught:
        handler("WorkloadIdentity").create({"Name": name}, OWN)
    assert 'Resource handler returned message: "' in caught.value.told
    assert caught.value.told.endswith("(HandlerErrorCode: AlreadyExists)")


@pytest.mark.behaviour("CFN-REPLACEMENT")
def test_what_needs_a_new_resource(handler):
    identity, oauth = handler("WorkloadIdentity"), handler("OAuth2CredentialProvider")
    assert identity.replaces({"Name": "aaa"}, {"Name": "bbb"})
    assert not identity.replaces({"Name": "aaa"}, {"Name": "aaa", "AllowedResourceOauth2ReturnUrls": ["x"]})
    github, google = (
        {"Name": "a", "CredentialProviderVendor": f"{name}Oauth2"} for name in ("Github", "Google")
    )
    with pytest.raises(
        ResourceError, match="cannot update a stack when a custom-named resource requires replacing"
    ):
        oauth.replaces(github, google)
    assert oauth.replaces(github, google | {"Name": "b"})


def test_a_call_that_does_not_fit_tells_no_value(calls):
    with pytest.raises(ResourceError) as caught:
        calls("CreateApiKeyCredentialProvider", {"name": "a", "apiKey": ["hunter2"]})
    assert ("InvalidRequest", False) == (caught.value.reason, "hunter2" in str(caught.value))
    assert "apiKey" in str(caught.value)


def test_a_control_plane_that_is_not_there_is_an_error_of_the_resource():
    acting = Acting("http://127.0.0.1:1", REGION, "AKIA" + "A" * 16, "x", "")
    calls = ControlPlaneCalls(acting, pause=lambda _: None)
    assert "hidden" not in repr(Acting("u", REGION, "k", "hidden", "hidden"))
    with pytest.raises(ResourceError) as caught:
        Handler(f"{PREFIX}WorkloadIdentity", calls).create({"Name": "abc"}, OWN)
    assert "ServiceInternalError" == caught.value.reason
