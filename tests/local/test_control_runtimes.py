"""Agent runtimes over the wire, with unmodified boto3."""

from __future__ import annotations

import re
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.kit.local_endpoint import ROLE, ControlStack, artifact, control

JWT = {
    "customJWTAuthorizer": {
        "discoveryUrl": "http://127.0.0.1:1/desk/.well-known/openid-configuration",
        "allowedAudience": ["a"],
    }
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    return ControlStack(tmp_path_factory.mktemp("control"))


@pytest.fixture(scope="module")
def agentcore(stack):
    with control(stack) as client:
        yield client


def fresh(prefix="r"):
    return f"{prefix}_{uuid.uuid4().hex[:12]}"


def create(agentcore, name=None, **members):
    given = {"agentRuntimeName": name or fresh(), "roleArn": ROLE, "agentRuntimeArtifact": artifact()}
    return agentcore.create_agent_runtime(**given | members)


def refused(call, **parameters):
    """The error of a call: code, status and message."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


@pytest.mark.behaviour("CTL-RUNTIME-CREATE")
def test_create_makes_version_1_and_the_default_endpoint(agentcore):
    made = create(agentcore, "first_runtime", description="d", environmentVariables={"A": "b"})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert re.fullmatch(r"first_runtime-[a-zA-Z0-9]{10}", made["agentRuntimeId"])
    arn = f"arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/{made['agentRuntimeId']}"
    assert (made["agentRuntimeArn"], made["agentRuntimeVersion"], made["status"]) == (arn, "1", "CREATING")
    got = agentcore.get_agent_runtime(agentRuntimeId=made["agentRuntimeId"])
    assert (got["status"], got["description"], got["environmentVariables"]) == ("READY", "d", {"A": "b"})
    assert got["agentRuntimeArtifact"] == artifact()
    assert got["createdAt"] == made["createdAt"]
    endpoint = agentcore.get_agent_runtime_endpoint(
        agentRuntimeId=made["agentRuntimeId"], endpointName="DEFAULT"
    )
    assert (endpoint["liveVersion"], endpoint["status"]) == ("1", "READY")
    assert endpoint["agentRuntimeEndpointArn"] == f"{arn}/runtime-endpoint/DEFAULT"


@pytest.mark.behaviour("CTL-LIFECYCLE-DEFAULTS")
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, (900, 28_800)),
        ({"maxLifetime": 600}, (600, 600)),
        ({"idleRuntimeSessionTimeout": 60, "maxLifetime": 60}, (60, 60)),
    ],
)
def test_lifecycle_defaults(agentcore, given, kept):
    made = create(agentcore, lifecycleConfiguration=given)
    times = agentcore.get_agent_runtime(agentRuntimeId=made["agentRuntimeId"])["lifecycleConfiguration"]
    assert (times["idleRuntimeSessionTimeout"], times["maxLifetime"]) == kept


@pytest.mark.behaviour("CTL-RUNTIME-UPDATE")
def test_an_update_replaces_everything_and_makes_a_version(agentcore):
    made = create(agentcore, description="d", authorizerConfiguration=JWT)
    identifier = made["agentRuntimeId"]
    updated = agentcore.update_agent_runtime(
        agentRuntimeId=identifier, roleArn=ROLE, agentRuntimeArtifact=artifact("/srv/other")
    )
    assert (updated["agentRuntimeVersion"], updated["status"]) == ("2", "UPDATING")
    assert updated["createdAt"] == made["createdAt"]
    got = agentcore.get_agent_runtime(agentRuntimeId=identifier)
    assert "authorizerConfiguration" not in got
    assert "description" not in got
    assert got["agentRuntimeVersion"] == "2"
    old = agentcore.get_agent_runtime(agentRuntimeId=identifier, agentRuntimeVersion="1")
    assert (old["description"], old["authorizerConfiguration"]) == ("d", JWT)
    default = agentcore.get_agent_runtime_endpoint(agentRuntimeId=identifier, endpointName="DEFAULT")
    assert default["liveVersion"] == "2"
    versions = agentcore.list_agent_runtime_versions(agentRuntimeId=identifier)["agentRuntimes"]
    assert [item["agentRuntimeVersion"] for item in versions] == ["1", "2"]


@pytest.mark.behaviour("CTL-ENDPOINT")
def test_an_endpoint_stays_at_its_version_until_it_is_moved(agentcore, stack):
    identifier = create(agentcore)["agentRuntimeId"]
    made = agentcore.create_agent_runtime_endpoint(agentRuntimeId=identifier, name="prod", description="d")
    assert (made["targetVersion"], made["status"], made["endpointName"]) == ("1", "CREATING", "prod")
    agentcore.update_agent_runtime(
        agentRuntimeId=identifier, roleArn=ROLE, agentRuntimeArtifact=artifact("/srv/b")
    )
    assert agentcore.get_agent_runtime(agentRuntimeId=identifier)["status"] == "READY"
    assert stack.resources.runtime(identifier, "prod")["agentRuntimeVersion"] == "1"
    assert stack.resources.runtime(identifier)["agentRuntimeVersion"] == "2"
    assert stack.resources.runtime(made["agentRuntimeArn"], "prod")["agentRuntimeId"] == identifier
    agentcore.update_agent_runtime_endpoint(
        agentRuntimeId=identifier, endpointName="prod", agentRuntimeVersion="2"
    )
    got = agentcore.get_agent_runtime_endpoint(agentRuntimeId=identifier, endpointName="prod")
    assert (got["liveVersion"], got["description"]) == ("2", "d")
    listed = agentcore.list_agent_runtime_endpoints(agentRuntimeId=identifier)["runtimeEndpoints"]
    assert [item["name"] for item in listed] == ["DEFAULT", "prod"]
    agentcore.delete_agent_runtime_endpoint(agentRuntimeId=identifier, endpointName="prod")
    assert stack.resources.runtime(identifier, "prod") is None


@pytest.mark.behaviour("CTL-ENDPOINT-ERRORS")
def test_what_endpoints_refuse(agentcore):
    identifier = create(agentcore)["agentRuntimeId"]
    agentcore.create_agent_runtime_endpoint(agentRuntimeId=identifier, name="prod")
    again = refused(agentcore.create_agent_runtime_endpoint, agentRuntimeId=identifier, name="prod")
    assert again[:2] == ("ConflictException", 409)
    missing = refused(
        agentcore.create_agent_runtime_endpoint, agentRuntimeId=identifier, name="x", agentRuntimeVersion="9"
    )
    assert missing[:2] == ("ResourceNotFoundException", 404)
    for call in (agentcore.update_agent_runtime_endpoint, agentcore.delete_agent_runtime_endpoint):
        assert refused(call, agentRuntimeId=identifier, endpointName="DEFAULT")[0] == "ConflictException"
    for number in range(8):
        agentcore.create_agent_runtime_endpoint(agentRuntimeId=identifier, name=f"e{number}")
    full = refused(agentcore.create_agent_runtime_endpoint, agentRuntimeId=identifier, name="e9")
    assert full[:2] == ("ServiceQuotaExceededException", 402)


@pytest.mark.behaviour("CTL-RUNTIME-DELETE")
def test_delete_takes_versions_endpoints_and_tags_along(agentcore, stack):
    made = create(agentcore, tags={"team": "desk"})
    identifier = made["agentRuntimeId"]
    agentcore.create_agent_runtime_endpoint(agentRuntimeId=identifier, name="prod", tags={"a": "b"})
    assert agentcore.delete_agent_runtime(agentRuntimeId=identifier)["status"] == "DELETING"
    gone = refused(agentcore.get_agent_runtime, agentRuntimeId=identifier)
    assert gone[:2] == ("ResourceNotFoundException", 404)
    assert identifier in gone[2]
    assert stack.resources.runtime(identifier) is None
    for kind in ("runtime-version", "runtime-endpoint"):
        assert stack.resources.below(kind, identifier) == []
    assert stack.resources.get("tags", made["agentRuntimeArn"]) is None
    assert refused(agentcore.list_tags_for_resource, resourceArn=made["agentRuntimeArn"])[1] == 404


def test_a_version_can_be_deleted_when_nothing_serves_it(agentcore):
    identifier = create(agentcore)["agentRuntimeId"]
    agentcore.update_agent_runtime(agentRuntimeId=identifier, roleArn=ROLE, agentRuntimeArtifact=artifact())
    served = refused(agentcore.delete_agent_runtime, agentRuntimeId=identifier, agentRuntimeVersion="2")
    assert served[:2] == ("ConflictException", 409)
    agentcore.delete_agent_runtime(agentRuntimeId=identifier, agentRuntimeVersion="1")
    assert refused(agentcore.get_agent_runtime, agentRuntimeId=identifier, agentRuntimeVersion="1")[1] == 404
    updated = agentcore.update_agent_runtime(
        agentRuntimeId=identifier, roleArn=ROLE, agentRuntimeArtifact=artifact()
    )
    assert updated["agentRuntimeVersion"] == "3"


@pytest.mark.behaviour("CTL-CONFLICT")
def test_a_name_is_taken_once(agentcore):
    create(agentcore, "taken_name")
    code, status, message = refused(create, agentcore=agentcore, name="taken_name")
    assert (code, status) == ("ConflictException", 409)
    assert "taken_name" in message


@pytest.mark.behaviour("CTL-IDEMPOTENT")
def test_the_same_client_token_gives_the_same_answer(agentcore, stack):
    token, name = uuid.uuid4().hex + "x", fresh()
    first = create(agentcore, name, clientToken=token)
    changes = len(stack.changes)
    again = create(agentcore, name, clientToken=token)
    assert again["agentRuntimeId"] == first["agentRuntimeId"]
    assert len(stack.changes) == changes
    identifier = first["agentRuntimeId"]
    update = {
        "agentRuntimeId": identifier,
        "roleArn": ROLE,
        "agentRuntimeArtifact": artifact(),
        "clientToken": token,
    }
    versions = [agentcore.update_agent_runtime(**update)["agentRuntimeVersion"] for _ in range(2)]
    assert versions == ["2", "2"]
    for _ in range(2):
        agentcore.delete_agent_runtime(agentRuntimeId=identifier, clientToken=token)


@pytest.mark.behaviour("CTL-IDEMPOTENT-MISMATCH")
def test_the_same_client_token_with_other_parameters_is_refused(agentcore):
    token = uuid.uuid4().hex + "x"
    create(agentcore, clientToken=token)
    with pytest.raises(ClientError) as caught:
        create(agentcore, clientToken=token)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.response["reason"] == "IdempotentParameterMismatchException"


@pytest.mark.behaviour("CTL-PAGES")
def test_pages_neither_repeat_nor_lose_anything(agentcore):
    identifier = create(agentcore)["agentRuntimeId"]
    for number in range(6):
        agentcore.create_agent_runtime_endpoint(agentRuntimeId=identifier, name=f"e{number}")
    pages = agentcore.get_paginator("list_agent_runtime_endpoints").paginate(
        agentRuntimeId=identifier, PaginationConfig={"PageSize": 3}
    )
    names = [[item["name"] for item in page["runtimeEndpoints"]] for page in pages]
    assert names == [["DEFAULT", "e0", "e1"], ["e2", "e3", "e4"], ["e5"]]
    first = agentcore.list_agent_runtime_endpoints(agentRuntimeId=identifier, maxResults=3)
    agentcore.delete_agent_runtime_endpoint(agentRuntimeId=identifier, endpointName="e0")
    second = agentcore.list_agent_runtime_endpoints(agentRuntimeId=identifier, nextToken=first["nextToken"])
    assert [item["name"] for item in second["runtimeEndpoints"]] == ["e2", "e3", "e4", "e5"]


@pytest.mark.parametrize("token", ["x", "bm8=", "WzEsMl0=", "WyJhIiwiYiJd", "Wy0xLCJhIl0="])
def test_a_foreign_page_token_is_refused(agentcore, token):
    code, status, message = refused(agentcore.list_agent_runtimes, nextToken=token)
    assert (code, status) == ("ValidationException", 400)
    assert "nextToken" in message


@pytest.mark.behaviour("CTL-RUNTIME-RULES")
@pytest.mark.parametrize(
    ("members", "text"),
    [
        (
            {"lifecycleConfiguration": {"idleRuntimeSessionTimeout": 61, "maxLifetime": 60}},
            "less than or equal to maxLifetime",
        ),
        (
            {"requestHeaderConfiguration": {"requestHeaderAllowlist": ["Authorization"]}},
            "only when runtime is set up with customJWTAuthorizer",
        ),
        ({"requestHeaderConfiguration": {"requestHeaderAllowlist": ["Cookie"]}}, "restricted header"),
        ({"requestHeaderConfiguration": {"requestHeaderAllowlist": ["X-Amz-Date"]}}, "belongs to AWS"),
        ({"requestHeaderConfiguration": {"requestHeaderAllowlist": ["X-A", "x-a"]}}, "listed twice"),
        ({"protocolConfiguration": {"serverProtocol": "HTTP", "port": 8443}}, "Port 8443 is reserved"),
        ({"allowedPorts": [{"portRange": {"from": 8400, "to": 8500}}]}, "Port 8443 is reserved"),
        ({"allowedPorts": [{"port": 9000}, {"portRange": {"from": 8999, "to": 9001}}]}, "overlaps"),
        ({"allowedPorts": [{"portRange": {"from": 9001, "to": 9000}}]}, "is empty"),
        (
            {
                "authorizerConfiguration": {
                    "customJWTAuthorizer": {"discoveryUrl": "https://i/.well-known/openid-configuration"}
                }
            },
            "At least one of allowedAudience",
        ),
        (
            {
                "networkConfiguration": {
                    "networkMode": "VPC",
                    "networkModeConfig": {
                        "subnets": ["subnet-01234567"],
                        "securityGroups": ["sg-01234567"],
                        "requireServiceS3Endpoint": True,
                    },
                }
            },
            "requireServiceS3Endpoint",
        ),
        ({"networkConfiguration": {"networkMode": "VPC"}}, "needs a networkModeConfig"),
    ],
)
def test_rules_beyond_the_shapes(agentcore, members, text):
    code, status, message = refused(create, agentcore=agentcore, **members)
    assert (code, status) == ("ValidationException", 400)
    assert text in message


@pytest.mark.behaviour("CTL-S3-ENDPOINT")
def test_a_service_s3_endpoint_cannot_be_required_by_an_update_either(agentcore):
    network = {"subnets": ["subnet-01234567"], "securityGroups": ["sg-01234567"]}
    mode = {"networkMode": "VPC", "networkModeConfig": {**network, "requireServiceS3Endpoint": False}}
    made = create(agentcore)
    update = {
        "agentRuntimeId": made["agentRuntimeId"],
        "roleArn": ROLE,
        "agentRuntimeArtifact": artifact(),
        "networkConfiguration": mode,
    }
    code, status, message = refused(agentcore.update_agent_runtime, **update)
    assert (code, status) == ("ValidationException", 400)
    assert "2026-05-05" in message
    mode["networkModeConfig"].pop("requireServiceS3Endpoint")
    assert agentcore.update_agent_runtime(**update)["agentRuntimeVersion"] == "2"


@pytest.mark.behaviour("CTL-RUNTIME-MEMBERS")
def test_what_was_given_comes_back(agentcore):
    given = {
        "description": "d",
        "protocolConfiguration": {"serverProtocol": "MCP", "port": 8001, "path": "/tools"},
        "environmentVariables": {"A": "b"},
        "filesystemConfigurations": [{"sessionStorage": {"mountPath": "/mnt/work"}}],
        "hooksConfiguration": {
            "build": {"warmup": {"action": {"httpPost": {"path": "/warm", "port": 8001}}}}
        },
        "allowedPorts": [{"port": 9000}, {"portRange": {"from": 9100, "to": 9110}}],
        "platformVersion": "1.0",
    }
    made = create(agentcore, **given)
    got = agentcore.get_agent_runtime(agentRuntimeId=made["agentRuntimeId"])
    assert {name: got[name] for name in given} == given
    updated = {"metadataConfiguration": {"requireMMDSV2": True}, "agentRuntimeId": made["agentRuntimeId"]}
    agentcore.update_agent_runtime(**updated, roleArn=ROLE, agentRuntimeArtifact=artifact())
    got = agentcore.get_agent_runtime(agentRuntimeId=made["agentRuntimeId"])
    assert got["metadataConfiguration"] == {"requireMMDSV2": True}
    assert not set(given) & set(got)


@pytest.mark.behaviour("CTL-LIMITS")
@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("list_agent_runtimes", {"maxResults": 101}),
        ("list_agent_runtimes", {"nextToken": "a b"}),
        ("list_agent_runtimes", {"nextToken": "x" * 2049}),
        ("list_gateways", {"maxResults": 1001}),
        ("list_gateways", {"nextToken": "x" * 2049}),
    ],
)
def test_pages_have_bounds(agentcore, call, arguments):
    code, status, message = refused(getattr(agentcore, call), **arguments)
    assert (code, status) == ("ValidationException", 400)
    assert next(iter(arguments)) in message


def test_authorization_may_be_allowed_with_a_jwt_authorizer(agentcore):
    headers = {"requestHeaderAllowlist": ["Authorization", "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant"]}
    assert (
        create(agentcore, authorizerConfiguration=JWT, requestHeaderConfiguration=headers)[
            "agentRuntimeVersion"
        ]
        == "1"
    )


@pytest.mark.behaviour("CTL-TAGS")
def test_tags_are_added_replaced_and_removed(agentcore):
    arn = create(agentcore, tags={"a": "1", "b": "2"})["agentRuntimeArn"]
    agentcore.tag_resource(resourceArn=arn, tags={"b": "3", "c": "4"})
    agentcore.untag_resource(resourceArn=arn, tagKeys=["a", "never"])
    assert agentcore.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "3", "c": "4"}
    many = {f"k{number}": "v" for number in range(49)}
    assert refused(agentcore.tag_resource, resourceArn=arn, tags=many)[0] == "ServiceQuotaExceededException"
    agentcore.untag_resource(resourceArn=arn, tagKeys=["b", "c"])
    assert agentcore.list_tags_for_resource(resourceArn=arn)["tags"] == {}


@pytest.mark.behaviour("CTL-NOT-EMULATED")
def test_other_operations_are_named_and_not_retried(agentcore):
    code, status, message = refused(agentcore.create_memory, name="m", eventExpiryDuration=7)
    assert (code, status) == ("UnknownOperationException", 501)
    assert "CreateMemory is not emulated" in message


def test_changes_are_told_on_the_event_loop_after_the_commit(agentcore, stack):
    made = create(agentcore)
    change = stack.changes[-1]
    assert (change.kind, change.action, change.identifier) == ("runtime", "created", made["agentRuntimeId"])
    assert change.record["status"] == "CREATING"
    assert stack.listener_threads == {stack.loop_thread}


def test_every_call_is_a_hop_with_its_caller(agentcore, stack):
    agentcore.list_agent_runtimes()
    hop = stack.recorder.hops()[-1]
    assert (hop.part, hop.operation, hop.auth, hop.status) == ("control", "ListAgentRuntimes", "sigv4", 200)
    assert hop.identity == "arn:aws:iam::123456789012:user/skerry"


def test_parallel_creates_of_one_name_make_one(agentcore, stack):
    import concurrent.futures

    name = fresh()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        outcomes = [pool.submit(create, agentcore, name) for _ in range(8)]
    errors = [item.exception() for item in outcomes if item.exception()]
    assert len(errors) == 7
    assert {error.response["Error"]["Code"] for error in errors} == {"ConflictException"}
