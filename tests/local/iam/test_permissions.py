"""Policies put through IAM at the endpoint decide: every plane, with unmodified boto3."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace

import boto3
import httpx2
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from skerry.auth.aws import sigv4
from skerry.auth.aws.sigv4 import Credentials
from skerry.errors import ServiceError
from skerry.local.aws.seeds import Call
from skerry.local.iam.permissions import PermissionChecks
from skerry.local.iam.principals import Principals
from skerry.local.ports.callers import Caller, Limits
from skerry.local.ports.permissions import Ask
from tests.kit.clock import FakeClock
from tests.kit.iam import ACCOUNT, NoPolicies, allow, deny, document, role, taken, trust, user
from tests.kit.local_endpoint import ROLE, artifact, endpoint_process, settled
from tests.kit.runtime_plane import PROGRAMS
from tests.kit.served_issuer import served_issuer

ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
AGENTCORE = {"Service": "bedrock-agentcore.amazonaws.com"}
PREFIX = f"arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:"
NOVA = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
SAY = {"modelId": "amazon.nova-lite-v1:0", "messages": [{"role": "user", "content": [{"text": "hello"}]}]}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with endpoint_process(tmp_path_factory.mktemp("iam")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def own(running):
    """The developer's clients."""
    return running.client


@pytest.fixture(scope="module")
def gateway(own):
    made = own("bedrock-agentcore-control").create_gateway(name="g", roleArn=ROLE, authorizerType="AWS_IAM")
    return settled(own("bedrock-agentcore-control").get_gateway, gatewayIdentifier=made["gatewayId"])


@pytest.fixture(scope="module")
def runtime(own):
    control = own("bedrock-agentcore-control")
    made = control.create_agent_runtime(
        agentRuntimeName="agent", roleArn=ROLE, agentRuntimeArtifact=artifact(str(PROGRAMS / "described"))
    )
    return settled(control.get_agent_runtime, agentRuntimeId=made["agentRuntimeId"])


def refusal(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def listed(gateway, key):
    """The answer to `tools/list` at a gateway, signed."""
    url, body = gateway["gatewayUrl"], b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    place = {"region": "us-east-1", "service": "bedrock-agentcore", "now": time.time()}
    signed = sigv4.sign("POST", url, headers, body, credentials=key, **place)
    with httpx2.Client(trust_env=False) as client:
        return client.post(url, content=body, headers={**headers, **signed})


def hops(running, **wanted):
    """Hops of the recorder that have these members."""
    url = f"{running.url}/_skerry/hops"
    place = {"region": "us-east-1", "service": "skerry", "now": time.time()}
    headers = sigv4.sign("GET", url, {}, b"", credentials=running.developer, **place)
    with httpx2.Client(trust_env=False) as client:
        found = client.get(url, headers=headers).json()
    return [hop for hop in found if all(hop[name] == value for name, value in wanted.items())]


@pytest.mark.behaviour("IAM-ENFORCED")
def test_a_user_without_policies_may_do_nothing(running, own, gateway, runtime):
    key = user(own("iam"), "nobody")
    arn = f"arn:aws:iam::{ACCOUNT}:user/nobody"
    tail = "because no identity-based policy allows the {} action"

    def told(action, resource=""):
        on = f" on resource: {resource}" if resource else ""
        return f"User: {arn} is not authorized to perform: {action}{on} {tail.format(action)}"

    control = running.client("bedrock-agentcore-control", key)
    assert refusal(control.list_gateways) == (
        "AccessDeniedException",
        403,
        told("bedrock-agentcore:ListGateways"),
    )
    where = gateway["gatewayArn"]
    assert refusal(control.get_gateway, gatewayIdentifier=gateway["gatewayId"])[2] == told(
        "bedrock-agentcore:GetGateway", where
    )
    invoke = running.client("bedrock-agentcore", key).invoke_agent_runtime
    code, status, text = refusal(invoke, agentRuntimeArn=runtime["agentRuntimeArn"], payload=b"{}")
    assert (code, status) == ("AccessDeniedException", 403)
    assert text == told("bedrock-agentcore:InvokeAgentRuntime", runtime["agentRuntimeArn"])
    answer = listed(gateway, key)
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert answer.json()["message"] == told("bedrock-agentcore:InvokeGateway", where)
    models = running.client("bedrock-runtime", key)
    assert refusal(models.converse, **SAY)[2] == told("bedrock:InvokeModel", NOVA)
    assert refusal(models.converse_stream, **SAY)[2] == told("bedrock:InvokeModelWithResponseStream", NOVA)
    applied = {"guardrailIdentifier": "abcdefghijkl", "guardrailVersion": "1", "source": "INPUT"}
    said = refusal(models.apply_guardrail, **applied, content=[{"text": {"text": "x"}}])[2]
    assert said == told(
        "bedrock:ApplyGuardrail", f"arn:aws:bedrock:us-east-1:{ACCOUNT}:guardrail/abcdefghijkl"
    )
    assumed = running.client("sts", key).assume_role
    code, status, text = refusal(assumed, RoleArn=ROLE, RoleSessionName="night")
    assert (code, status, text) == ("AccessDenied", 403, told("sts:AssumeRole", ROLE))
    assert running.client("sts", key).get_caller_identity()["Arn"] == arn


@pytest.mark.behaviour("IAM-ENFORCED")
def test_a_user_may_what_its_policies_allow_and_no_more(running, own, gateway, runtime):
    arn = runtime["agentRuntimeArn"]
    key = user(
        own("iam"),
        "some",
        allow("bedrock-agentcore:GetGateway", f"{PREFIX}gateway/*"),
        allow("bedrock-agentcore:InvokeGateway", gateway["gatewayArn"]),
        allow("bedrock-agentcore:InvokeAgentRuntime", [arn, f"{arn}/runtime-endpoint/DEFAULT"]),
        allow("bedrock:InvokeModel*", "arn:aws:bedrock:*::foundation-model/amazon.*"),
        deny("bedrock:InvokeModel*", "arn:aws:bedrock:*nova-pro*", Sid="NoPro"),
    )
    control = running.client("bedrock-agentcore-control", key)
    assert control.get_gateway(gatewayIdentifier=gateway["gatewayId"])["name"] == "g"
    assert (
        refusal(control.delete_gateway, gatewayIdentifier=gateway["gatewayId"])[0] == "AccessDeniedException"
    )
    assert listed(gateway, key).status_code == 200
    agent = running.client("bedrock-agentcore", key)
    call = {"agentRuntimeArn": arn, "runtimeSessionId": "s" * 33, "payload": b"{}"}
    assert agent.invoke_agent_runtime(**call)["response"].read() == b"{}"
    assert (
        "InvokeAgentRuntimeForUser action"
        in refusal(agent.invoke_agent_runtime, **call, runtimeUserId="ann")[2]
    )
    assert refusal(agent.stop_runtime_session, agentRuntimeArn=arn, runtimeSessionId="s" * 33)[1] == 403
    models = running.client("bedrock-runtime", key)
    assert models.converse(**SAY)["output"]
    said = refusal(models.converse, **{**SAY, "modelId": "amazon.nova-pro-v1:0"})[2]
    assert said.endswith("with an explicit deny in an identity-based policy")
    assert "NoPro" not in said
    [hop] = hops(running, part="models", identity=f"arn:aws:iam::{ACCOUNT}:user/some", status=403)
    assert hop["iam"][-1]["by"] == "identity-based policy inline own, statement NoPro"
    assert hop["iam"][-1]["refused"] == "denied"


@pytest.mark.behaviour("IAM-ENDPOINT-ARN")
def test_a_runtime_is_asked_for_by_its_own_arn_and_its_endpoints(running, own, runtime):
    arn = runtime["agentRuntimeArn"]
    key = user(own("iam"), "half", allow("bedrock-agentcore:InvokeAgentRuntime", arn))
    said = refusal(
        running.client("bedrock-agentcore", key).invoke_agent_runtime, agentRuntimeArn=arn, payload=b"{}"
    )
    assert f"on resource: {arn}/runtime-endpoint/DEFAULT because no identity-based policy" in said[2]


@pytest.mark.behaviour("IAM-AT-ONCE")
def test_a_change_of_policies_holds_at_once(running, own):
    client = own("iam")
    key = user(client, "changing")
    listing = running.client("bedrock-agentcore-control", key).list_gateways
    lists = document(allow("bedrock-agentcore:ListGateways"))
    assert refusal(listing)[1] == 403
    client.put_user_policy(UserName="changing", PolicyName="p", PolicyDocument=lists)
    listing()
    client.delete_user_policy(UserName="changing", PolicyName="p")
    assert refusal(listing)[1] == 403
    managed = client.create_policy(PolicyName="lists", PolicyDocument=lists)["Policy"]["Arn"]
    client.attach_user_policy(UserName="changing", PolicyArn=managed)
    listing()
    client.create_policy_version(PolicyArn=managed, PolicyDocument=document(deny("*")), SetAsDefault=True)
    assert "explicit deny in an identity-based policy" in refusal(listing)[2]
    client.detach_user_policy(UserName="changing", PolicyArn=managed)
    client.create_group(GroupName="listers")
    client.put_group_policy(GroupName="listers", PolicyName="p", PolicyDocument=lists)
    client.add_user_to_group(GroupName="listers", UserName="changing")
    listing()
    client.remove_user_from_group(GroupName="listers", UserName="changing")
    assert refusal(listing)[1] == 403


@pytest.mark.behaviour("IAM-OWN-POLICIES")
def test_a_restricted_key_cannot_change_what_it_may_do(running, own):
    client = own("iam")
    arn = f"arn:aws:iam::{ACCOUNT}:user/ambitious"
    key = user(client, "ambitious", allow("iam:GetUser", arn), allow("iam:ListRoles"))
    mine = running.client("iam", key)
    everything = document(allow("*"))
    code, status, said = refusal(
        mine.put_user_policy, UserName="ambitious", PolicyName="own", PolicyDocument=everything
    )
    assert (code, status) == ("AccessDenied", 403)
    assert said.startswith(
        f"User: {arn} is not authorized to perform: iam:PutUserPolicy on resource: {arn} because"
    )
    for call, given in (
        (mine.create_access_key, {"UserName": "skerry"}),
        (mine.create_access_key, {}),
        (mine.create_role, {"RoleName": "new", "AssumeRolePolicyDocument": trust(ROOT)}),
        (mine.create_policy, {"PolicyName": "new", "PolicyDocument": everything}),
        (mine.get_user, {"UserName": "skerry"}),
    ):
        assert refusal(call, **given)[:2] == ("AccessDenied", 403)
    assert mine.get_user()["User"]["UserName"] == "ambitious"
    assert mine.list_roles()["Roles"] is not None


@pytest.mark.behaviour("IAM-IMPLIED")
def test_a_role_that_iam_does_not_have_may_do_everything_and_is_labelled(running, own, gateway):
    key = taken(own("sts"), f"arn:aws:iam::{ACCOUNT}:role/made-up", "implied")
    assert listed(gateway, key).status_code == 200
    identity = f"arn:aws:sts::{ACCOUNT}:assumed-role/made-up/implied"
    [hop] = hops(running, part="gateway", identity=identity, operation="tools/list")
    assert "implied: IAM has no such principal" in hop["iam"][0]["by"]
    assert (hop["iam"][0]["action"], hop["iam"][0]["resource"]) == (
        "bedrock-agentcore:InvokeGateway",
        gateway["gatewayArn"],
    )


@pytest.mark.behaviour("IAM-ADMINISTRATOR")
def test_the_developers_key_is_an_administrator_that_trust_policies_and_denies_bind(running, own, gateway):
    listed(gateway, running.developer)
    [hop, *_] = hops(running, part="gateway", identity=f"arn:aws:iam::{ACCOUNT}:user/skerry")
    assert hop["iam"][0]["by"] == "the developer's key is an administrator"
    only = role(own("iam"), "only-lambda", trust({"Service": "lambda.amazonaws.com"}))
    said = refusal(own("sts").assume_role, RoleArn=only, RoleSessionName="night")
    assert said[2].endswith("because no role trust policy allows the sts:AssumeRole action")


@pytest.mark.behaviour("IAM-BOUNDARY")
def test_a_permissions_boundary_of_a_role_takes_away(running, own):
    client = own("iam")
    boundary = client.create_policy(PolicyName="edge", PolicyDocument=document(allow("bedrock:*")))["Policy"][
        "Arn"
    ]
    arn = role(client, "bounded", trust(ROOT), allow("*"), PermissionsBoundary=boundary)
    key = taken(own("sts"), arn)
    assert running.client("bedrock-runtime", key).converse(**SAY)["output"]
    said = refusal(running.client("bedrock-agentcore-control", key).list_gateways)[2]
    assert said.endswith("because no permissions boundary allows the bedrock-agentcore:ListGateways action")


@pytest.mark.behaviour("IAM-BOUNDARY")
def test_a_permissions_boundary_of_a_user_takes_away(running, own):
    client = own("iam")
    made = client.create_policy(PolicyName="fence", PolicyDocument=document(allow("bedrock:*")))
    boundary = made["Policy"]["Arn"]
    key = user(client, "fenced", allow("*"), PermissionsBoundary=boundary)
    shown = client.get_user(UserName="fenced")["User"]["PermissionsBoundary"]
    assert shown["PermissionsBoundaryArn"] == boundary
    lists = running.client("bedrock-agentcore-control", key).list_gateways
    assert running.client("bedrock-runtime", key).converse(**SAY)["output"]
    assert "because no permissions boundary allows the" in refusal(lists)[2]
    client.delete_user_permissions_boundary(UserName="fenced")
    assert "items" in lists()
    assert refusal(client.delete_user_permissions_boundary, UserName="fenced")[0] == "NoSuchEntity"
    client.put_user_permissions_boundary(UserName="fenced", PermissionsBoundary=boundary)
    assert "because no permissions boundary allows the" in refusal(lists)[2]
    own_iam = running.client("iam", key)
    assert refusal(own_iam.delete_user_permissions_boundary, UserName="fenced")[0] == "AccessDenied"
    gone = {"UserName": "fenced", "PermissionsBoundary": f"{boundary}-gone"}
    assert refusal(client.put_user_permissions_boundary, **gone)[0] == "NoSuchEntity"
    assert refusal(client.create_user, **{**gone, "UserName": "unborn"})[0] == "NoSuchEntity"
    assert "unborn" not in {item["UserName"] for item in client.list_users()["Users"]}


@pytest.mark.behaviour("IAM-SERVICES")
def test_requests_to_other_services_are_decided_on_what_they_are_about(running, own):
    s3, tables = own("s3"), own("dynamodb")
    s3.create_bucket(Bucket="reports")
    s3.put_object(Bucket="reports", Key="open/may.csv", Body=b"1")
    s3.put_object(Bucket="reports", Key="closed/may.csv", Body=b"2")
    keys = {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }
    for name in ("orders", "wages"):
        tables.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **keys)
    table = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/orders"
    key = user(
        own("iam"),
        "clerk-of-reports",
        allow("s3:GetObject", "arn:aws:s3:::reports/open/*"),
        allow("s3:ListBucket", "arn:aws:s3:::reports", Condition={"StringEquals": {"s3:prefix": "open/"}}),
        allow(["dynamodb:GetItem", "dynamodb:Scan"], table),
    )
    theirs, items = running.client("s3", key), running.client("dynamodb", key)
    assert theirs.get_object(Bucket="reports", Key="open/may.csv")["Body"].read() == b"1"
    assert theirs.list_objects_v2(Bucket="reports", Prefix="open/")["KeyCount"] == 1
    code, status, said = refusal(theirs.get_object, Bucket="reports", Key="closed/may.csv")
    assert (code, status) == ("AccessDenied", 403)
    assert "s3:GetObject on resource: arn:aws:s3:::reports/closed/may.csv because no identity-based" in said
    copied = {"Bucket": "reports", "Key": "open/x", "CopySource": "reports/closed/may.csv"}
    for call, given in (
        (theirs.list_objects_v2, {"Bucket": "reports"}),
        (theirs.put_object, {"Bucket": "reports", "Key": "open/june.csv", "Body": b""}),
        (theirs.copy_object, copied),
        (theirs.list_buckets, {}),
    ):
        assert refusal(call, **given)[0] == "AccessDenied"
    assert items.scan(TableName="orders")["Count"] == 0
    assert refusal(items.scan, TableName="wages")[:2] == ("AccessDeniedException", 400)
    assert refusal(items.list_tables)[0] == "AccessDeniedException"
    assert refusal(running.client("ec2", key).describe_instances)[0] == "UnauthorizedOperation"
    assert refusal(running.client("sns", key).list_topics)[0] == "AccessDenied"
    assert hops(running, operation="dynamodb:Scan", status=400)[-1]["iam"][0]["resource"].endswith("/wages")
    assert hops(running, operation="s3:GET /reports/open/may.csv")[-1]["iam"][0]["by"].endswith("statement 1")


@pytest.mark.behaviour("IAM-SESSION-POLICY")
def test_session_policies_and_tags_narrow_a_session(running, own):
    client, sts = own("iam"), own("sts")
    mine = allow(
        "bedrock-agentcore:GetWorkloadIdentity",
        f"{PREFIX}workload-identity-directory/default/workload-identity/${{aws:PrincipalTag/team}}-*",
    )
    lists, trusted = allow("bedrock-agentcore:List*"), trust(ROOT)
    tagging = json.loads(trusted)
    tagging["Statement"][0]["Action"] = ["sts:AssumeRole", "sts:TagSession"]
    arn = role(client, "wide", json.dumps(tagging), lists, mine)

    def control(**members):
        return running.client("bedrock-agentcore-control", taken(sts, arn, **members))

    only = document(allow("bedrock-agentcore:ListAgentRuntimes"))
    control().list_gateways()
    narrowed = control(Policy=only)
    narrowed.list_agent_runtimes()
    assert refusal(narrowed.list_gateways)[2].endswith(
        "because no session policy allows the bedrock-agentcore:ListGateways action"
    )
    managed = client.create_policy(PolicyName="only", PolicyDocument=only)["Policy"]["Arn"]
    by_arn = control(PolicyArns=[{"arn": managed}])
    by_arn.list_agent_runtimes()
    assert refusal(by_arn.list_gateways)[1] == 403
    own("bedrock-agentcore-control").create_workload_identity(name="red-one")
    red = control(Tags=[{"Key": "team", "Value": "red"}])
    assert red.get_workload_identity(name="red-one")["name"] == "red-one"
    blue = control(Tags=[{"Key": "team", "Value": "blue"}])
    assert refusal(blue.get_workload_identity, name="red-one")[1] == 403
    named = {"RoleArn": arn, "RoleSessionName": "night"}
    assert refusal(sts.assume_role, **named, Policy="{}")[0] == "MalformedPolicyDocument"
    gone = f"arn:aws:iam::{ACCOUNT}:policy/gone"
    assert "does not exist" in refusal(sts.assume_role, **named, PolicyArns=[{"arn": gone}])[2]


@pytest.mark.behaviour("IAM-TRUST")
def test_a_trust_policy_asks_for_its_external_id_and_its_principal(running, own):
    client = own("iam")
    key = user(client, "guest", allow("sts:AssumeRole"))
    named = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/guest"}
    arn = role(client, "guarded", trust(named, StringEquals={"sts:ExternalId": "seven"}))
    assume = running.client("sts", key).assume_role
    given = {"RoleArn": arn, "RoleSessionName": "night"}
    no = "because no role trust policy allows the sts:AssumeRole action"
    assert refusal(assume, **given)[2].endswith(no)
    assert refusal(assume, **given, ExternalId="eight")[2].endswith(no)
    assert assume(**given, ExternalId="seven")["Credentials"]
    assert refusal(own("sts").assume_role, **given, ExternalId="seven")[2].endswith(no)
    for operation, code in (
        ("AssumeRoleWithWebIdentity", "InvalidIdentityToken"),
        ("AssumeRoleWithSAML", "NotImplemented"),
    ):
        form = f"Action={operation}&Version=2011-06-15&RoleArn={arn}&RoleSessionName=night&WebIdentityToken=t"
        answer = posted(running, form, key)
        assert (answer.status_code, f"<Code>{code}</Code>" in answer.text) == (400, True)


@pytest.mark.behaviour("IAM-WEB-IDENTITY")
def test_a_web_identity_takes_the_role_that_trusts_its_provider_and_subject(running, own):
    client = own("iam")
    with served_issuer() as issuer:
        name = issuer.issuer.removeprefix("http://")
        made = client.create_open_id_connect_provider(
            Url=issuer.issuer, ClientIDList=["accounts"], ThumbprintList=["0" * 40]
        )
        conditions = {f"{name}:aud": "accounts", f"{name}:sub": "user-1"}
        trusted = json.loads(trust({"Federated": made["OpenIDConnectProviderArn"]}, StringEquals=conditions))
        trusted["Statement"][0]["Action"] = "sts:AssumeRoleWithWebIdentity"
        arn = role(client, "federated", json.dumps(trusted), allow("iam:ListUsers"))
        unsigned = boto3.client(
            "sts",
            endpoint_url=running.url,
            region_name="us-east-1",
            config=Config(signature_version=UNSIGNED),
        )
        given = {"RoleArn": arn, "RoleSessionName": "ann"}

        def take(**claims):
            token = issuer.mint(issuer.claims(**claims))
            return unsigned.assume_role_with_web_identity(**given, WebIdentityToken=token)

        found = take()
        assert found["AssumedRoleUser"]["Arn"].endswith(":assumed-role/federated/ann")
        session = found["Credentials"]
        key = Credentials(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
        assert "Users" in running.client("iam", key).list_users()
        assert refusal(running.client("iam", key).list_roles)[0] == "AccessDenied"
        with pytest.raises(ClientError, match="because no role trust policy allows"):
            take(sub="user-2")
        with pytest.raises(ClientError, match="InvalidIdentityToken"):
            take(aud="others")
        with pytest.raises(ClientError, match="InvalidIdentityToken"):
            take(iss="https://others.example")
        with pytest.raises(ClientError, match="ExpiredToken"):
            take(exp=1.0)
        with pytest.raises(ClientError, match="AccessDenied"):  # IAM has no such role
            unsigned.assume_role_with_web_identity(
                RoleArn=f"{arn}-other", RoleSessionName="ann", WebIdentityToken=issuer.mint()
            )
        unsigned.close()


def posted(running, form, key, query="", headers=None):
    """The answer to a signed request to STS, as it is written here."""
    sent = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
    place = {"region": "us-east-1", "service": "sts", "now": time.time()}
    url = f"{running.url}/{query}"
    signed = sigv4.sign("POST", url, sent, form.encode(), credentials=key, **place)
    with httpx2.Client(trust_env=False) as client:
        return client.post(url, content=form.encode(), headers={**sent, **signed})


@pytest.mark.behaviour("IAM-TRUST")
@pytest.mark.parametrize(
    ("query", "headers", "body"),
    [
        ("?RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fother", {}, ""),
        ("", {"x-amz-target": "AWSSecurityTokenServiceV20110615.GetCallerIdentity"}, ""),
        ("", {}, "&Action=GetCallerIdentity"),
    ],
)
def test_a_request_that_could_be_read_in_two_ways_is_refused(running, own, query, headers, body):
    form = f"Action=AssumeRole&Version=2011-06-15&RoleArn={ROLE}&RoleSessionName=night{body}"
    answer = posted(running, form, running.developer, query, headers)
    assert answer.status_code == 400
    assert "AccessKeyId" not in answer.text


@pytest.mark.behaviour("IAM-PASS-ROLE")
def test_who_gives_a_role_to_agentcore_needs_to_pass_it(running, own):
    passed = role(own("iam"), "passed", trust(AGENTCORE))
    key = user(own("iam"), "maker", allow("bedrock-agentcore:CreateGateway"))
    make = running.client("bedrock-agentcore-control", key).create_gateway
    given = {"name": "passed", "roleArn": passed, "authorizerType": "AWS_IAM"}
    assert f"perform: iam:PassRole on resource: {passed}" in refusal(make, **given)[2]
    condition = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    passing = [allow("bedrock-agentcore:CreateGateway"), allow("iam:PassRole", passed, Condition=condition)]
    own("iam").put_user_policy(UserName="maker", PolicyName="own", PolicyDocument=document(*passing))
    assert refusal(make, **given)[1] == 403
    condition["StringEquals"]["iam:PassedToService"] = "bedrock-agentcore.amazonaws.com"
    own("iam").put_user_policy(UserName="maker", PolicyName="own", PolicyDocument=document(*passing))
    assert make(**given)["gatewayArn"]


@pytest.mark.behaviour("IAM-CONDITION-KEYS")
def test_condition_keys_of_gateways_and_tags_are_known(running, own):
    given = role(own("iam"), "tagged", trust(AGENTCORE))
    guard = {"StringEquals": {"bedrock-agentcore:GatewayAuthorizerType": "NONE"}}
    tagged = {
        "StringEquals": {"aws:RequestTag/team": "red"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]},
    }
    seen = {"StringEquals": {"aws:ResourceTag/team": "red"}}
    key = user(
        own("iam"),
        "tagger",
        allow(["bedrock-agentcore:CreateGateway"], Condition=tagged),
        allow("bedrock-agentcore:GetGateway", Condition=seen),
        allow("iam:PassRole"),
        deny(["bedrock-agentcore:CreateGateway", "bedrock-agentcore:UpdateGateway"], Condition=guard),
    )
    control = running.client("bedrock-agentcore-control", key)

    def make(name, **members):
        return control.create_gateway(name=name, roleArn=given, **members)

    red = {"tags": {"team": "red"}}
    made = make("tagged", authorizerType="AWS_IAM", **red)
    assert control.get_gateway(gatewayIdentifier=made["gatewayId"])["name"] == "tagged"
    assert "explicit deny" in refusal(make, name="open", authorizerType="NONE", **red)[2]
    assert refusal(make, name="more", authorizerType="AWS_IAM", tags={"team": "red", "x": "y"})[1] == 403
    assert refusal(make, name="none", authorizerType="AWS_IAM")[1] == 403


@pytest.mark.behaviour("IAM-IDENTITY-KEYS")
def test_a_workload_acts_for_the_people_that_its_policy_names(running, own):
    own("bedrock-agentcore-control").create_workload_identity(name="desk-work")
    directory = f"{PREFIX}workload-identity-directory/default"
    both = [directory, f"{directory}/workload-identity/desk-work"]
    ann = {"StringEquals": {"bedrock-agentcore:userid": "ann"}}
    inside = {"StringEquals": {"bedrock-agentcore:InboundJwtClaim/iss": "https://issuer.example"}}
    key = user(
        own("iam"),
        "worker",
        allow("bedrock-agentcore:GetWorkloadAccessTokenForUserId", both, Condition=ann),
        allow("bedrock-agentcore:GetWorkloadAccessTokenForJWT", both, Condition=inside),
    )
    data, named = running.client("bedrock-agentcore", key), {"workloadName": "desk-work"}
    assert data.get_workload_access_token_for_user_id(**named, userId="ann")["workloadAccessToken"]
    assert refusal(data.get_workload_access_token_for_user_id, **named, userId="bob")[1] == 403
    assert refusal(data.get_workload_access_token, **named)[1] == 403

    def token(issuer):
        parts = ({"alg": "RS256"}, {"iss": issuer, "sub": "ann"}, {"no": "signature"})
        return ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
        )

    jwt = data.get_workload_access_token_for_jwt
    assert refusal(jwt, **named, userToken=token("https://other.example"))[:2] == (
        "AccessDeniedException",
        403,
    )
    assert refusal(jwt, **named, userToken="no.jwt.either")[1] == 403
    own("iam").put_user_policy(
        UserName="worker", PolicyName="jwt", PolicyDocument=document(allow("bedrock-agentcore:*JWT", both))
    )
    code, status, _ = refusal(jwt, **named, userToken=token("http://127.0.0.1:9/none"))
    assert (code, status) == ("UnauthorizedException", 401)  # permitted, and then checked


@pytest.mark.behaviour("IAM-ROLE-VALIDATION")
def test_a_runtime_takes_a_role_that_trusts_the_service_for_it(running, own):
    control, client = own("bedrock-agentcore-control"), own("iam")
    source = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"{PREFIX}runtime/kept*"},
    }
    stranger = role(client, "stranger", trust({"Service": "lambda.amazonaws.com"}))
    right = role(client, "right", trust(AGENTCORE, **source))
    given = {"agentRuntimeArtifact": artifact(str(PROGRAMS / "described"))}
    code, status, said = refusal(
        control.create_agent_runtime, agentRuntimeName="kept", roleArn=stranger, **given
    )
    assert (code, status) == ("ValidationException", 400)
    assert said.startswith(f"Role validation failed for '{stranger}'. Please verify that the role exists")
    assert refusal(control.create_agent_runtime, agentRuntimeName="else", roleArn=right, **given)[1] == 400
    made = control.create_agent_runtime(agentRuntimeName="kept", roleArn=right, **given)
    settled(control.get_agent_runtime, agentRuntimeId=made["agentRuntimeId"])
    call = {"agentRuntimeArn": made["agentRuntimeArn"], "runtimeSessionId": "t" * 33, "payload": b"{}"}
    assert own("bedrock-agentcore").invoke_agent_runtime(**call)["response"].read() == b"{}"
    client.update_assume_role_policy(
        RoleName="right", PolicyDocument=trust({"Service": "lambda.amazonaws.com"})
    )
    code, status, said = refusal(own("bedrock-agentcore").invoke_agent_runtime, **call)
    assert (code, status) == ("AccessDeniedException", 403)
    assert "arn:" not in said
    [hop] = [hop for hop in hops(running, part="runtime", status=403) if hop["iam"][-1].get("principal")]
    assert "Its trust policy must allow sts:AssumeRole" in hop["iam"][-1]["by"]


@pytest.mark.behaviour("IAM-GATEWAY-OPEN")
def test_a_gateway_that_does_not_authorize_asks_for_no_allow(running, own):
    control = own("bedrock-agentcore-control")
    made = control.create_gateway(name="auth-only", roleArn=ROLE, authorizerType="AUTHENTICATE_ONLY")
    key = user(own("iam"), "anybody")
    assert listed(made, key).status_code == 200
    guard = {"Effect": "Deny", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/anybody"}}
    guard |= {"Action": "bedrock-agentcore:InvokeGateway", "Resource": made["gatewayArn"]}
    control.put_resource_policy(resourceArn=made["gatewayArn"], policy=document(guard))
    assert listed(made, key).status_code == 403


@pytest.mark.behaviour("IAM-RESOURCE-ALLOW")
def test_a_resource_policy_lets_in_whom_no_identity_policy_does(running, own, gateway):
    key = user(own("iam"), "invited")
    assert listed(gateway, key).status_code == 403
    guest = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/invited"}}
    guest |= {"Action": "bedrock-agentcore:InvokeGateway", "Resource": gateway["gatewayArn"]}
    control = own("bedrock-agentcore-control")
    control.put_resource_policy(resourceArn=gateway["gatewayArn"], policy=document(guest))
    assert listed(gateway, key).status_code == 200
    control.delete_resource_policy(resourceArn=gateway["gatewayArn"])
    assert listed(gateway, key).status_code == 403


@pytest.mark.behaviour("IAM-INSPECTION")
def test_skerrys_own_paths_are_guarded_too(running, own):
    key = user(own("iam"), "curious")
    for method, path in (("GET", "hops"), ("POST", "iam/show"), ("POST", "iam/explain")):
        url, body = f"{running.url}/_skerry/{path}", b"{}" if method == "POST" else b""
        place = {"region": "us-east-1", "service": "skerry", "now": time.time()}
        headers = sigv4.sign(method, url, {}, body, credentials=key, **place)
        with httpx2.Client(trust_env=False) as client:
            answer = client.request(method, url, content=body, headers=headers)
        assert answer.status_code == 403
        assert f"skerry:{path.replace('/', '-')}" in answer.json()["message"]


@pytest.mark.behaviour("IAM-SETTING")
@pytest.mark.parametrize(("mode", "label"), [("warn", "not-allowed"), ("off", None)])
def test_permissions_can_be_a_warning_or_off(tmp_path, mode, label):
    with endpoint_process(tmp_path, more={"SKERRY_IAM": mode}) as endpoint:
        key = user(endpoint.client("iam"), "nobody")
        assert endpoint.client("bedrock-agentcore-control", key).list_gateways()["items"] == []
        only = role(endpoint.client("iam"), "locked", trust({"Service": "lambda.amazonaws.com"}))
        assert taken(endpoint.client("sts", key), only)
        [hop] = hops(endpoint, part="control", operation="ListGateways")
        assert [note.get("would_refuse") for note in hop["iam"]] == ([label] if label else [])


FAR = "2026-01-01T00:00:00Z"


@pytest.mark.behaviour("IAM-GLOBAL-KEYS")
@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}, True),
        ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, False),
        ({"StringLike": {"aws:UserAgent": "*a-good-program*"}}, True),
        ({"StringEquals": {"aws:UserAgent": "another"}}, False),
        ({"DateGreaterThan": {"aws:TokenIssueTime": FAR}}, True),
        ({"DateLessThan": {"aws:TokenIssueTime": FAR}}, False),
        ({"StringEquals": {"aws:SourceIdentity": "ann"}}, True),
        ({"StringEquals": {"aws:SourceIdentity": "bob"}}, False),
        ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT, "aws:PrincipalType": "AssumedRole"}}, True),
        ({"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/keyed"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
        ({"Null": {"aws:MultiFactorAuthAge": "true"}, "Bool": {"aws:MultiFactorAuthPresent": "false"}}, True),
    ],
)
def test_conditions_know_the_request_and_who_sends_it(running, own, condition, holds):
    iam = own("iam")
    names = [item["RoleName"] for item in iam.list_roles()["Roles"]]
    trusted = document(
        {"Effect": "Allow", "Principal": ROOT, "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"]}
    )
    arn = f"arn:aws:iam::{ACCOUNT}:role/keyed" if "keyed" in names else role(iam, "keyed", trusted)
    iam.put_role_policy(
        RoleName="keyed",
        PolicyName="own",
        PolicyDocument=document(allow("sqs:ListQueues", Condition=condition)),
    )
    key = taken(own("sts"), arn, SourceIdentity="ann")
    client = boto3.client(
        "sqs",
        endpoint_url=running.url,
        region_name="eu-west-1",
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
        aws_session_token=key.session_token,
        config=Config(user_agent="a-good-program/1"),
    )
    if holds:
        client.list_queues()
    else:
        assert refusal(client.list_queues)[0] == "AccessDeniedException"


@pytest.mark.behaviour("IAM-GLOBAL-KEYS")
def test_iam_is_in_one_region_whatever_is_signed_for(running, own):
    here = allow("iam:ListUsers", Condition={"StringEquals": {"aws:RequestedRegion": "us-east-1"}})
    key = user(own("iam"), "regional", here)
    client = boto3.client(
        "iam",
        endpoint_url=running.url,
        region_name="eu-west-1",
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
    )
    assert client.list_users()["Users"]


@pytest.mark.behaviour("IAM-SOURCE-IDENTITY")
def test_a_source_identity_is_said_once_and_stays(running, own):
    iam, actions = own("iam"), ["sts:AssumeRole", "sts:SetSourceIdentity"]
    trusted = document({"Effect": "Allow", "Principal": ROOT, "Action": actions})
    may = allow(actions)
    as_ann = {"StringEquals": {"aws:SourceIdentity": "ann"}}
    first = role(iam, "first", trusted, may)
    second = role(iam, "second", trusted, allow("iam:ListUsers", Condition=as_ann))
    ann = running.client("sts", taken(own("sts"), first, SourceIdentity="ann"))
    assert running.client("iam", taken(ann, second)).list_users()
    code, status, text = refusal(
        ann.assume_role, RoleArn=second, RoleSessionName="other", SourceIdentity="bob"
    )
    assert (code, status) == ("AccessDenied", 403)
    assert "cannot be changed" in text
    nobody = running.client("iam", taken(own("sts"), second))
    assert refusal(nobody.list_users)[0] == "AccessDenied"


# --- without a process


class Counting:
    """Implements `principals.PrincipalSource` from a dictionary; `asked` lists what it was asked for."""

    def __init__(self, **known):
        self.known = known
        self.asked = []

    async def principal(self, arn):
        self.asked.append(arn)
        return self.known.get(arn.rpartition("/")[2])


class NoRecords:
    """The part of `Resources` that permissions read: no policies, no tags."""

    def get(self, kind, key):
        del kind, key


def checks(source, *, seeds=(), clock=None, mode="enforce"):
    principals = Principals(source, clock or FakeClock(), seeds)
    ann = f"arn:aws:iam::{ACCOUNT}:user/skerry"
    made = PermissionChecks(
        principals,
        NoRecords(),
        clock or FakeClock(),
        policies=NoPolicies(),
        region="us-east-1",
        administrator=ann,
        mode=mode,
    )
    return (
        made,
        Caller(kind="iam", arn=ann),
        Caller(kind="iam", arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/desk/s"),
    )


KNOWN = {
    "arn": ROLE,
    "id": "AROA",
    "tags": {},
    "identity": [["inline all", document(allow("*"))]],
    "trust": trust(ROOT),
}
ASK = [Ask("bedrock-agentcore:InvokeGateway", f"{PREFIX}gateway/g-0123456789")]


@pytest.mark.behaviour("IAM-CACHED")
async def test_iam_is_asked_once_for_a_role_and_never_for_the_developer():
    source = Counting(desk=KNOWN)
    made, developer, desk = checks(source, seeds=[Call("iam", "CreateRole", parameters={"RoleName": "desk"})])
    for _ in range(3):
        await made.check(developer, ASK, [])
        await made.check(desk, ASK, [])
    assert source.asked == [ROLE]
    made.principals.forget()
    await made.check(desk, ASK, [])
    assert source.asked == [ROLE, ROLE]


@pytest.mark.behaviour("IAM-CACHED")
async def test_nobody_waits_for_seeds_that_cannot_have_made_the_role():
    source = Counting()
    made, _, desk = checks(source, seeds=[Call("iam", "CreateRole", parameters={"RoleName": "other"})])
    await made.check(desk, ASK, [])
    assert source.asked == []
    stacked = [
        Call("cloudformation", "CreateStack", parameters={"TemplateBody": '{"Type": "AWS::IAM::Role"}'})
    ]
    made, _, desk = checks(source, seeds=stacked)
    await made.check(desk, ASK, [])
    assert source.asked == [ROLE]


@pytest.mark.behaviour("IAM-CACHED")
async def test_nothing_is_kept_while_a_stack_is_worked_on():
    source = Counting(desk=KNOWN)
    made, _, desk = checks(source, seeds=[Call("iam", "CreateRole", parameters={"RoleName": "desk"})])
    await made.check(desk, ASK, [])
    with made.principals.changing():
        await made.check(desk, ASK, [])
        await made.check(desk, ASK, [])
    for _ in range(2):
        await made.check(desk, ASK, [])
    assert source.asked == [ROLE] * 4


async def test_what_was_written_while_it_was_read_is_not_kept():
    source = Counting(desk=KNOWN)
    made, _, desk = checks(source, seeds=[Call("iam", "CreateRole", parameters={"RoleName": "desk"})])
    read = source.principal

    async def meanwhile(arn):
        found = await read(arn)
        made.principals.forget()
        return found

    source.principal = meanwhile
    await made.check(desk, ASK, [])
    await made.check(desk, ASK, [])
    assert source.asked == [ROLE, ROLE]


# --- attacks, without a process

MISSING = f"arn:aws:iam::{ACCOUNT}:role/app-missing"
EVERYTHING = [["inline all", document(allow("*"))]]
ANN = {"arn": f"arn:aws:iam::{ACCOUNT}:user/ann", "id": "AIDAANN", "tags": {}, "identity": EVERYTHING}
SESSION = Caller(kind="iam", arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/desk/s", unique_id="AROA")


def caller(name, **members):
    return Caller(kind="iam", arn=f"arn:aws:iam::{ACCOUNT}:user/{name}", **members)


@pytest.mark.behaviour("IAM-ROLE-IS-THERE")
async def test_a_role_that_iam_does_not_have_is_for_whom_no_policy_binds():
    made, developer, _ = checks(Counting(ann=ANN))
    made.principals.forget()
    take, give = Ask("sts:AssumeRole", MISSING), Ask("iam:PassRole", MISSING)
    narrowed = caller("made-up", limits=Limits((("inline", document(allow("*"))),)))
    for bound in (caller("ann"), narrowed):
        with pytest.raises(ServiceError, match=r"AssumeRole on resource: .*app-missing") as caught:
            await made.assume(bound, take, [])
        assert (caught.value.name, caught.value.status) == ("AccessDenied", 403)
        with pytest.raises(ServiceError, match=r"PassRole on resource: .*app-missing"):
            await made.check(bound, [give], [])
    for free in (developer, caller("made-up")):
        await made.assume(free, take, [])
        await made.check(free, [give], [])


@pytest.mark.behaviour("IAM-ROLE-IS-THERE")
async def test_what_would_be_refused_for_a_missing_role_is_only_logged_with_warn():
    notes = []
    made, _, _ = checks(Counting(ann=ANN), mode="warn")
    made.principals.forget()
    await made.assume(caller("ann"), Ask("sts:AssumeRole", MISSING), notes)
    assert [note.get("would_refuse") for note in notes] == [None, "not-allowed"]


@pytest.mark.behaviour("IAM-MADE-AGAIN")
async def test_a_session_is_of_the_role_that_it_was_taken_from():
    source = Counting(desk=KNOWN)
    made, _, _ = checks(source)
    made.principals.forget()
    await made.check(SESSION, ASK, [])
    for later in ({**KNOWN, "id": "AROAOTHER"}, None):
        source.known = {"desk": later}
        made.principals.forget()
        named = document({**allow("*", ASK[0].resource), "Principal": {"AWS": ROLE}})
        for asked in (ASK[0], replace(ASK[0], policies=[("policy", named)]), replace(ASK[0], open=True)):
            with pytest.raises(ServiceError, match="is not authorized to perform"):
                await made.check(SESSION, [asked], [])
    source.known = {"desk": KNOWN}
    made.principals.forget()
    await made.check(SESSION, ASK, [])


@pytest.mark.behaviour("IAM-MADE-AGAIN")
async def test_a_session_of_a_role_that_came_later_has_its_policies():
    source = Counting()
    made, _, desk = checks(source)
    await made.check(desk, ASK, [])
    source.known = {"desk": {**KNOWN, "identity": []}}
    made.principals.forget()
    with pytest.raises(ServiceError, match="no identity-based policy"):
        await made.check(desk, ASK, [])
