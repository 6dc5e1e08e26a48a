"""Resource-based policies: stored over the wire, asked by the data planes, and decided as IAM does."""

from __future__ import annotations

import json
import time
import uuid

import httpx2
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth.aws import sigv4
from skerry.auth.aws.sigv4 import Credentials
from skerry.auth.iam import Policies, Principal, Request, decide
from skerry.auth.iam import read as policy_of
from skerry.errors import ServiceError
from skerry.local.iam.resource_policies import statements
from tests.kit.local_endpoint import ACCOUNT, ROLE, artifact, endpoint_process, settled
from tests.kit.mcp_backends import fastmcp_backend
from tests.kit.runtime_plane import PROGRAMS

ARN = f"arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:gateway/desk-0123456789"
INVOKE = "bedrock-agentcore:InvokeGateway"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/desk/night"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"


def statement(**members):
    known = {"Effect": "Deny", "Principal": "*", "Action": INVOKE, "Resource": ARN}
    return {name: value for name, value in {**known, **members}.items() if value is not None}


def document(*statements, **members):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **members})


def applies(arn=SESSION, action=INVOKE, resource=ARN, kind="session", **members):
    """Whether the statement denies what an identity policy allows."""
    principal = Principal(kind, arn if kind == "session" else "", role=ROLE if kind == "session" else "")
    known = {"aws:principalarn": (ROLE,), "aws:sourceip": ("127.0.0.1",), "aws:securetransport": ("true",)}
    sets = Policies(
        identity=(policy_of("all", json.dumps(ALLOW_ALL)),),
        resource=(policy_of("guard", document(statement(**members)), "resource"),),
    )
    return decide(Request(principal, action, resource, known), sets).reason == "denied"


ALLOW_ALL = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}


@pytest.mark.behaviour("CTL-RESOURCE-POLICY-DENY")
@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, True),
        ({"Principal": {"AWS": ROLE}}, True),
        ({"Principal": {"AWS": ROLE.replace("/desk", "/team/desk")}}, True),
        ({"Principal": {"AWS": SESSION}}, True),
        ({"Principal": {"AWS": [ALICE, ACCOUNT]}}, True),
        ({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, True),
        ({"Principal": {"AWS": ALICE}}, False),
        ({"Principal": {"AWS": ROLE.replace(ACCOUNT, "210987654321")}}, False),
        ({"Principal": {"Service": "lambda.amazonaws.com"}}, False),
        ({"Principal": None, "NotPrincipal": {"AWS": [SESSION, ROLE, ACCOUNT]}}, False),
        ({"Principal": None, "NotPrincipal": {"AWS": [ROLE, ACCOUNT]}}, True),
        ({"Principal": None, "NotPrincipal": {"AWS": ALICE}}, True),
        ({"Action": "bedrock-agentcore:Invoke*"}, True),
        ({"Action": "BEDROCK-AGENTCORE:invokegateway"}, True),
        ({"Action": ["bedrock-agentcore:GetGateway", "*"]}, True),
        ({"Action": "bedrock-agentcore:GetGateway"}, False),
        ({"Action": None, "NotAction": "bedrock-agentcore:Get*"}, True),
        ({"Resource": f"{ARN[:-10]}*"}, True),
        ({"Resource": f"{ARN[:-10]}??????????"}, True),
        ({"Resource": ARN[:-1]}, False),
        ({"Resource": None, "NotResource": ARN}, False),
        ({"Condition": {"StringEquals": {"aws:PrincipalArn": ROLE}}}, True),
        ({"Condition": {"StringNotEquals": {"aws:PrincipalArn": [ALICE, ROLE]}}}, False),
        ({"Condition": {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/*"}}}, True),
        ({"Condition": {"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/d*"}}}, False),
        ({"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}}, False),
        ({"Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}}, True),
        ({"Condition": {"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}}}, True),
        ({"Condition": {"Null": {"aws:SourceVpc": "true"}}}, True),
        ({"Condition": {"Null": {"aws:SourceVpc": False}}}, False),
        ({"Condition": {"Bool": {"aws:SecureTransport": False}}}, False),
        ({"Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.0/8"]}}}, True),
        ({"Condition": {"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}}, False),
        (
            {
                "Condition": {
                    "Bool": {"aws:SecureTransport": "true"},
                    "StringLike": {"aws:PrincipalArn": "*:user/*"},
                }
            },
            False,
        ),
    ],
)
def test_what_a_statement_is_about(members, expected):
    assert applies(**members) is expected


def test_who_was_not_proved_by_iam_is_nobody_but_anybody():
    assert applies(kind="other")
    assert not applies(kind="other", Principal={"AWS": ACCOUNT})
    assert not applies(kind="other", Principal={"AWS": SESSION})


@pytest.mark.behaviour("CTL-RESOURCE-POLICY-GRAMMAR")
@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object"),
        (document(statement(), Version="2020-01-01"), "Version must be"),
        (document(statement(), More=1), "More is no element"),
        (document(), "Statement is missing or empty"),
        (document("x"), "must be an object"),
        (document(statement(Effect="Maybe")), "Effect must be"),
        (document(statement(Nope=1)), "Nope is no element"),
        (document(statement(Principal=None)), "exactly one of Principal and NotPrincipal"),
        (document(statement(NotAction="*")), "exactly one of Action and NotAction"),
        (document(statement(Principal="arn:aws:iam::1:root")), "Principal must be"),
        (document(statement(Principal={"Who": "x"})), "no kind of Principal"),
        (document(statement(Action="InvokeGateway")), "is no action"),
        (document(statement(Action=[])), "Action must be a text"),
        (document(statement(Condition=[])), "Condition must be"),
        (document(statement(Condition={"StringEquals": {"a": {}}})), "Condition.StringEquals.a"),
        (document(statement(Condition={"StringAlmost": {"a": "b"}})), "is no condition operator"),
        (
            document(statement(Principal=None, NotPrincipal={"AWS": ALICE}, Effect="Allow")),
            "NotPrincipal goes",
        ),
        (document(statement(Resource=ARN[:-1])), "would have no effect"),
    ],
)
def test_what_is_no_policy_is_refused(agentcore, gateway, policy, text):
    policy = policy.replace(ARN, gateway["gatewayArn"]).replace(ARN[:-1], gateway["gatewayArn"][:-1])
    with pytest.raises(ClientError) as caught:
        agentcore.put_resource_policy(resourceArn=gateway["gatewayArn"], policy=policy)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert text in caught.value.response["Error"]["Message"]


@pytest.mark.behaviour("CTL-RESOURCE-POLICY-CONDITIONS")
def test_every_operator_of_a_condition_is_decided_and_others_are_refused(running, agentcore, gateway):
    def put(condition):
        made = statement(Resource=gateway["gatewayArn"], Condition=condition)
        agentcore.put_resource_policy(resourceArn=gateway["gatewayArn"], policy=document(made))

    with pytest.raises(ClientError) as caught:
        put({"DateAlmost": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}})
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert "DateAlmost is no condition operator" in caught.value.response["Error"]["Message"]
    for since, status in (("2020-01-01T00:00:00Z", 403), ("2100-01-01T00:00:00Z", 200)):
        put({"DateGreaterThan": {"aws:CurrentTime": since}})
        assert listed(gateway, running.developer).status_code == status
    agentcore.delete_resource_policy(resourceArn=gateway["gatewayArn"])


def listed(gateway, key):
    """The answer to `tools/list` at a gateway, signed."""
    url, body = gateway["gatewayUrl"], b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    place = {"region": "us-east-1", "service": "bedrock-agentcore", "now": time.time()}
    signed = sigv4.sign("POST", url, headers, body, credentials=key, **place)
    with httpx2.Client(trust_env=False) as client:
        return client.post(url, content=body, headers={**headers, **signed})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Version", "Statement", "Effect", "Principal", "AWS", "Action", "Resource", "Condition"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_document_is_read_or_refused(value):
    try:
        statements(json.dumps(value))
    except ServiceError as problem:
        assert problem.status == 400


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with endpoint_process(tmp_path_factory.mktemp("policies")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def agentcore(running):
    return running.client("bedrock-agentcore-control")


@pytest.fixture(scope="module")
def gateway(agentcore):
    return agentcore.create_gateway(name="guarded", roleArn=ROLE, authorizerType="AWS_IAM")


@pytest.fixture(scope="module")
def night(running):
    """Keys of the role `desk`."""
    taken = running.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="night")["Credentials"]
    return Credentials(taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"])


def refusal(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


@pytest.mark.behaviour("CTL-RESOURCE-POLICY")
def test_a_policy_is_put_read_replaced_and_deleted_and_goes_with_its_resource(agentcore):
    made = agentcore.create_gateway(name=f"g-{uuid.uuid4().hex[:8]}", roleArn=ROLE, authorizerType="AWS_IAM")
    where = {"resourceArn": made["gatewayArn"]}
    first = document(statement(Resource=made["gatewayArn"]))
    second = document(statement(Resource="*", Effect="Allow"))
    assert refusal(agentcore.get_resource_policy, **where)[:2] == ("ResourceNotFoundException", 404)
    assert refusal(agentcore.delete_resource_policy, **where)[1] == 404
    for policy in (first, second):
        put = agentcore.put_resource_policy(**where, policy=policy)
        assert (put["policy"], put["ResponseMetadata"]["HTTPStatusCode"]) == (policy, 201)
        assert agentcore.get_resource_policy(**where)["policy"] == policy
    deleted = agentcore.delete_resource_policy(**where)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(agentcore.get_resource_policy, **where)[1] == 404
    agentcore.put_resource_policy(**where, policy=first)
    agentcore.delete_gateway(gatewayIdentifier=made["gatewayId"])
    assert refusal(agentcore.get_resource_policy, **where)[1] == 404
    assert refusal(agentcore.put_resource_policy, **where, policy=first)[1] == 404


@pytest.mark.behaviour("CTL-RESOURCE-POLICY-DENY")
def test_a_runtime_and_an_endpoint_deny_what_their_policies_deny(running, agentcore, night):
    made = agentcore.create_agent_runtime(
        agentRuntimeName="guarded", roleArn=ROLE, agentRuntimeArtifact=artifact(str(PROGRAMS / "described"))
    )
    settled(agentcore.get_agent_runtime, agentRuntimeId=made["agentRuntimeId"])
    arn = made["agentRuntimeArn"]
    call = {"agentRuntimeArn": arn, "runtimeSessionId": "s" * 33, "payload": b"{}"}
    allowed, denied = running.client("bedrock-agentcore"), running.client("bedrock-agentcore", night)
    for where in (arn, f"{arn}/runtime-endpoint/DEFAULT"):
        policy = document(
            statement(Principal={"AWS": ROLE}, Action="bedrock-agentcore:InvokeAgentRuntime", Resource=where)
        )
        agentcore.put_resource_policy(resourceArn=where, policy=policy)
        code, status, message = refusal(denied.invoke_agent_runtime, **call)
        assert (code, status) == ("AccessDeniedException", 403)
        assert SESSION in message
        assert "explicit deny in a resource-based policy" in message
        assert allowed.invoke_agent_runtime(**call)["response"].read() == b"{}"
        denied.stop_runtime_session(agentRuntimeArn=arn, runtimeSessionId="s" * 33)
        agentcore.delete_resource_policy(resourceArn=where)
        assert denied.invoke_agent_runtime(**call)["response"].read() == b"{}"
    for_user = document(statement(Action="bedrock-agentcore:InvokeAgentRuntimeForUser", Resource=arn))
    agentcore.put_resource_policy(resourceArn=arn, policy=for_user)
    allowed.invoke_agent_runtime(**call)["response"].read()
    assert refusal(allowed.invoke_agent_runtime, **call, runtimeUserId="alice")[1] == 403
    agentcore.delete_agent_runtime(agentRuntimeId=made["agentRuntimeId"])


@pytest.mark.behaviour("CTL-RESOURCE-POLICY-DENY")
def test_a_gateway_denies_what_its_policy_denies(running, agentcore):
    made = agentcore.create_gateway(name=f"g-{uuid.uuid4().hex[:8]}", roleArn=ROLE, authorizerType="NONE")
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}
    with fastmcp_backend() as backend:
        configuration = {"mcp": {"mcpServer": {"endpoint": backend.url}}}
        agentcore.create_gateway_target(
            gatewayIdentifier=made["gatewayId"], name="t", targetConfiguration=configuration
        )
        with httpx2.Client(trust_env=False) as client:
            assert client.post(made["gatewayUrl"], json=body, headers=headers).status_code == 200
            policy = document(statement(Resource=made["gatewayArn"]))
            agentcore.put_resource_policy(resourceArn=made["gatewayArn"], policy=policy)
            answer = client.post(made["gatewayUrl"], json=body, headers=headers)
            assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
            agentcore.delete_resource_policy(resourceArn=made["gatewayArn"])
            assert client.post(made["gatewayUrl"], json=body, headers=headers).status_code == 200
