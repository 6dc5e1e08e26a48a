"""Stacks at a whole endpoint in a process of its own, with unmodified boto3."""

from __future__ import annotations

import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from tests.kit.iam import ACCOUNT, allow, role, trust, user
from tests.kit.local_endpoint import ROLE, endpoint_process

AGENTCORE = "AWS::BedrockAgentCore::"
UNREACHABLE = {"Mcp": {"McpServer": {"Endpoint": "http://127.0.0.1:1/mcp"}}}


@pytest.fixture(scope="module")
def agentcore(running):
    return running.client("bedrock-agentcore-control")


def identity(name, **members):
    return {"Type": f"{AGENTCORE}WorkloadIdentity", "Properties": {"Name": name}, **members}


def gateway(name, **properties):
    whole = {"Name": name, "AuthorizerType": "NONE", "RoleArn": ROLE, **properties}
    return {"Type": f"{AGENTCORE}Gateway", "Properties": whole}


def failing(gateway_name="G"):
    return {
        "Type": f"{AGENTCORE}GatewayTarget",
        "Properties": {
            "GatewayIdentifier": {"Ref": gateway_name},
            "Name": "t",
            "TargetConfiguration": UNREACHABLE,
        },
    }


def template(outputs=None, more=None, **resources):
    return json.dumps({"Resources": resources, "Outputs": outputs or {}, **(more or {})})


def status(cloud, name):
    return cloud.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]


def outputs(cloud, name):
    found = cloud.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
    return {item["OutputKey"]: item["OutputValue"] for item in found}


def events(cloud, name):
    """Logical id and status of every event, oldest first."""
    found = cloud.describe_stack_events(StackName=name)["StackEvents"][::-1]
    return [(item["LogicalResourceId"], item["ResourceStatus"]) for item in found]


def reason(cloud, name, logical, wanted):
    found = cloud.describe_stack_events(StackName=name)["StackEvents"]
    return next(
        item["ResourceStatusReason"]
        for item in found
        if (item["LogicalResourceId"], item["ResourceStatus"]) == (logical, wanted)
    )


def names(agentcore):
    """Of gateways and workload identities, but for those that gateways have for themselves."""
    identities = agentcore.list_workload_identities(maxResults=20)["workloadIdentities"]
    gateways = agentcore.list_gateways(maxResults=100)["items"]
    own = {item["gatewayId"] for item in gateways}
    return {item["name"] for item in [*identities, *gateways]} - own


def refused(call, **given):
    with pytest.raises(ClientError) as caught:
        call(**given)
    return caught.value.response["Error"]["Message"]


@pytest.mark.behaviour("CFN-CREATE")
def test_a_stack_makes_real_resources_and_takes_them_away(cloud, agentcore, name):
    url = {
        "Value": {"Fn::GetAtt": ["G", "GatewayUrl"]},
        "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-url"}},
    }
    told = {"Value": {"Fn::Sub": "${G} of ${G.WorkloadIdentityDetails.WorkloadIdentityArn}"}}
    body = template({"Url": url, "Told": told}, I=identity(name, DependsOn="G"), G=gateway(name))
    cloud.create_stack(StackName=name, TemplateBody=body, Tags=[{"Key": "team", "Value": "a"}])
    assert "CREATE_COMPLETE" == status(cloud, name)
    listed = cloud.describe_stack_resources(StackName=name)["StackResources"]
    found = {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in listed}
    made = agentcore.get_gateway(gatewayIdentifier=found["G"])
    arn = made["workloadIdentityDetails"]["workloadIdentityArn"]
    assert {"Url": made["gatewayUrl"], "Told": f"{found['G']} of {arn}"} == outputs(cloud, name)
    assert made["gatewayUrl"] in [item["Value"] for item in cloud.list_exports()["Exports"]]
    tags = agentcore.list_tags_for_resource(resourceArn=made["gatewayArn"])["tags"]
    stack_id = cloud.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    own = {f"aws:cloudformation:{key}": value for key, value in
           (("stack-name", name), ("stack-id", stack_id), ("logical-id", "G"))}  # fmt: skip
    assert {"team": "a", **own} == tags
    assert [("G", "CREATE_COMPLETE"), ("I", "CREATE_IN_PROGRESS")] == events(cloud, name)[2:4]
    assert "already exists" in refused(cloud.create_stack, StackName=name, TemplateBody=body)
    cloud.delete_stack(StackName=name)
    assert ("G", "DELETE_COMPLETE") == events(cloud, stack_id)[-2]
    assert name not in names(agentcore)
    assert made["gatewayUrl"] not in [item["Value"] for item in cloud.list_exports()["Exports"]]


@pytest.mark.behaviour("CFN-UPDATE")
def test_an_update_changes_in_place_or_replaces(cloud, agentcore, name):
    url = {"Who": {"Value": {"Ref": "I"}}}
    cloud.create_stack(
        StackName=name, TemplateBody=template(url, I=identity(name), G=gateway(name, Description="a"))
    )
    before = agentcore.get_gateway(gatewayIdentifier=_physical(cloud, name, "G"))
    body = template(url, I=identity(f"{name}-2"), G=gateway(name))
    cloud.update_stack(StackName=name, TemplateBody=body)
    assert "UPDATE_COMPLETE" == status(cloud, name)
    after = agentcore.get_gateway(gatewayIdentifier=_physical(cloud, name, "G"))
    assert (before["gatewayArn"], None) == (after["gatewayArn"], after.get("description"))
    assert {f"{name}-2", name} <= names(agentcore)  # name: the gateway
    assert {"Who": f"{name}-2"} == outputs(cloud, name)
    assert [("I", "DELETE_IN_PROGRESS"), ("I", "DELETE_COMPLETE"), (name, "UPDATE_COMPLETE")] == events(
        cloud, name
    )[-3:]
    cloud.update_stack(
        StackName=name, TemplateBody=template(I=identity(f"{name}-2"), J=identity(f"{name}-3"))
    )
    assert {f"{name}-2", f"{name}-3"} == {one for one in names(agentcore) if one.startswith(name)}
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-ROLLBACK")
def test_a_create_that_fails_leaves_nothing(cloud, agentcore, name):
    body = template({"X": {"Value": {"Ref": "T"}}}, I=identity(name), G=gateway(name), T=failing(), L=identity(f"{name}-l", DependsOn="T"))  # fmt: skip
    cloud.create_stack(StackName=name, TemplateBody=body)
    assert ("ROLLBACK_COMPLETE", {}) == (status(cloud, name), outputs(cloud, name))
    told = reason(cloud, name, "T", "CREATE_FAILED")
    assert told.startswith('Resource handler returned message: "')
    assert "127.0.0.1:1" in told
    assert "[T]. Rollback requested by user." in reason(cloud, name, name, "ROLLBACK_IN_PROGRESS")
    assert ("L", "CREATE_IN_PROGRESS") not in events(cloud, name)
    assert [] == cloud.describe_stack_resources(StackName=name)["StackResources"]
    assert name not in names(agentcore)
    assert "ROLLBACK_COMPLETE state and can not be updated" in refused(
        cloud.update_stack, StackName=name, TemplateBody=template(I=identity(name))
    )
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-ROLLBACK")
@pytest.mark.parametrize("options", [{"OnFailure": "DO_NOTHING"}, {"DisableRollback": True}])
def test_what_was_made_stays_when_a_create_is_not_to_be_rolled_back(cloud, agentcore, name, options):
    cloud.create_stack(StackName=name, TemplateBody=template(G=gateway(name), T=failing()), **options)
    assert "CREATE_FAILED" == status(cloud, name)
    assert name in names(agentcore)
    cloud.delete_stack(StackName=name)
    assert name not in names(agentcore)


def test_a_stack_that_fails_can_be_deleted_at_once(cloud, name):
    stack = cloud.create_stack(
        StackName=name, TemplateBody=template(G=gateway(name), T=failing()), OnFailure="DELETE"
    )
    assert "DELETE_COMPLETE" == status(cloud, stack["StackId"])
    assert "does not exist" in refused(cloud.describe_stacks, StackName=name)


@pytest.mark.behaviour("CFN-ROLLBACK")
def test_an_update_that_fails_brings_the_old_state_back(cloud, agentcore, name):
    keep = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name, "VisibilityTimeout": 5}}
    old = template(
        {"Who": {"Value": {"Ref": "I"}}}, I=identity(name), G=gateway(name, Description="old"), Q=keep
    )
    cloud.create_stack(StackName=name, TemplateBody=old)
    changed = {**keep, "Properties": {**keep["Properties"], "VisibilityTimeout": 9}}
    body = template(I=identity(f"{name}-2"), G=gateway(name, Description="new"), N=identity(f"{name}-n"),
                    Q=changed, T={**failing(), "DependsOn": ["I", "N", "Q"]})  # fmt: skip
    cloud.update_stack(StackName=name, TemplateBody=body)
    assert "UPDATE_ROLLBACK_COMPLETE" == status(cloud, name)
    assert {name} == {one for one in names(agentcore) if one.startswith(name)}
    assert "old" == agentcore.get_gateway(gatewayIdentifier=_physical(cloud, name, "G"))["description"]
    assert {"Who": name} == outputs(cloud, name)
    assert "127.0.0.1:1" in reason(cloud, name, "T", "CREATE_FAILED")
    assert {"I", "G", "Q"} == {item["LogicalResourceId"] for item in cloud.describe_stack_resources(StackName=name)["StackResources"]}  # fmt: skip
    assert old == json.dumps(cloud.get_template(StackName=name)["TemplateBody"])
    cloud.update_stack(StackName=name, TemplateBody=old.replace('"old"', '"newer"'))
    assert "UPDATE_COMPLETE" == status(cloud, name)
    cloud.delete_stack(StackName=name)
    assert not {one for one in names(agentcore) if one.startswith(name)}


def test_a_delete_that_fails_says_why_and_can_be_tried_again(cloud, agentcore, name):
    cloud.create_stack(StackName=name, TemplateBody=template(E={"Type": f"{AGENTCORE}PolicyEngine", "Properties": {"Name": name}}, I=identity(name)))  # fmt: skip
    engine = _physical(cloud, name, "E").rpartition("/")[2]
    made = agentcore.create_policy(policyEngineId=engine, name="p", definition={"cedar": {"statement": "permit(principal, action, resource is AgentCore::Gateway);"}}, validationMode="IGNORE_ALL_FINDINGS")  # fmt: skip
    cloud.delete_stack(StackName=name)
    assert "DELETE_FAILED" == status(cloud, name)
    assert "has policies" in reason(cloud, name, "E", "DELETE_FAILED")
    assert name not in names(agentcore)
    agentcore.delete_policy(policyEngineId=engine, policyId=made["policyId"])
    cloud.delete_stack(StackName=name)
    assert "does not exist" in refused(cloud.describe_stacks, StackName=name)


def test_what_is_gone_already_is_no_failure_and_what_is_retained_stays(cloud, agentcore, name):
    body = template(I=identity(name), J=identity(f"{name}-j", DeletionPolicy="Retain"))
    stack = cloud.create_stack(StackName=name, TemplateBody=body)
    agentcore.delete_workload_identity(name=name)
    cloud.delete_stack(StackName=name)
    assert "DELETE_COMPLETE" == status(cloud, stack["StackId"])
    assert ("J", "DELETE_SKIPPED") in events(cloud, stack["StackId"])
    assert f"{name}-j" in names(agentcore)


@pytest.mark.behaviour("CFN-VALIDATION")
@pytest.mark.parametrize(
    ("resource", "told"),
    [
        ({"Type": f"{AGENTCORE}Memory", "Properties": {}}, "does not emulate the resource types [AWS::BedrockAgentCore::Memory]"),
        ({"Type": f"{AGENTCORE}Wheel"}, "Unrecognized resource types: [AWS::BedrockAgentCore::Wheel]"),
        (identity("abc", DependsOn="Nobody"), "Unresolved resource dependencies [Nobody]"),
        ({"Type": f"{AGENTCORE}WorkloadIdentity", "Properties": {"Nme": "x"}},
         "Properties validation failed for resource A with message: #: extraneous key [Nme] is not permitted"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_told_before_anything_is_made(cloud, agentcore, name, resource, told):
    body = template(I=identity(name), A=resource)
    assert told in refused(cloud.create_stack, StackName=name, TemplateBody=body)
    assert told in refused(cloud.create_change_set, StackName=name, ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=body)  # fmt: skip
    assert name not in names(agentcore)
    assert "does not exist" in refused(cloud.describe_stacks, StackName=name)


def test_what_is_wrong_only_once_a_function_has_its_result_fails_the_resource(cloud, name):
    made = {"Type": f"{AGENTCORE}WorkloadIdentity", "Properties": {"Name": {"Fn::Join": ["", ["a"]]}}}
    cloud.create_stack(StackName=name, TemplateBody=template(A=made))
    told = reason(cloud, name, "A", "CREATE_FAILED")
    assert (
        told
        == "Properties validation failed for resource A with message: #/Name: breaks the rule minLength: 3"
    )
    cloud.delete_stack(StackName=name)


def test_a_type_that_is_not_here_may_stand_under_a_condition(cloud, name):
    more = {"Parameters": {"Aws": {"Type": "String", "Default": "no"}},
            "Conditions": {"Aws": {"Fn::Equals": [{"Ref": "Aws"}, "yes"]}}}  # fmt: skip
    memory = {"Type": f"{AGENTCORE}Memory", "Condition": "Aws"}
    cloud.create_stack(StackName=name, TemplateBody=template(None, more, I=identity(name), M=memory))
    assert "CREATE_COMPLETE" == status(cloud, name)
    wanted = [{"ParameterKey": "Aws", "ParameterValue": "yes"}]
    assert "does not emulate" in refused(
        cloud.update_stack, StackName=name, UsePreviousTemplate=True, Parameters=wanted
    )
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-CHANGE-SETS")
def test_change_sets_make_and_change_stacks_as_deploy_tools_use_them(cloud, agentcore, running, name):
    """What `aws cloudformation deploy` and the CDK call, in their order; the assets' bucket is in S3."""
    s3 = running.client("s3")
    s3.create_bucket(Bucket=f"{name}-assets")
    more = {
        "Parameters": {
            "Text": {"Type": "String", "Default": "one"},
            "Key": {"Type": "String", "NoEcho": True},
        }
    }
    body = template(
        {"Url": {"Value": {"Fn::GetAtt": ["G", "GatewayUrl"]}}},
        more,
        G=gateway(name, Description={"Ref": "Text"}),
    )
    s3.put_object(Bucket=f"{name}-assets", Key="template.json", Body=body)
    url = f"https://s3.amazonaws.com/{name}-assets/template.json"

    def deploy(kind, text):
        given = [
            {"ParameterKey": "Text", "ParameterValue": text},
            {"ParameterKey": "Key", "ParameterValue": "hidden"},
        ]
        change_set = cloud.create_change_set(
            StackName=name, ChangeSetName=f"c-{uuid.uuid4().hex[:8]}", ChangeSetType=kind, TemplateURL=url,
            Capabilities=["CAPABILITY_IAM"], Parameters=given,
        )["Id"]  # fmt: skip
        shown = cloud.describe_change_set(StackName=name, ChangeSetName=change_set)
        if shown["Status"] == "FAILED":
            return shown["StatusReason"]
        cloud.execute_change_set(StackName=name, ChangeSetName=change_set)
        cloud.get_waiter(f"stack_{kind.lower()}_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        return agentcore.get_gateway(gatewayIdentifier=_physical(cloud, name, "G"))["description"]

    assert "does not exist" in refused(cloud.describe_stacks, StackName=name)
    assert "one" == deploy("CREATE", "one")
    assert outputs(cloud, name)["Url"].endswith("/mcp")
    assert "two" == deploy("UPDATE", "two")
    assert "didn't contain changes" in deploy("UPDATE", "two")
    shown = cloud.describe_stacks(StackName=name)["Stacks"][0]["Parameters"]
    assert "hidden" not in str(shown)
    assert (name, "UPDATE_COMPLETE") == events(cloud, name)[-1]
    cloud.delete_stack(StackName=name)


def test_a_type_that_nobody_here_knows_is_passed_over_and_says_so(cloud, name):
    """As the CDK's own resource, which every template of the CDK has."""
    metadata = {"Type": "AWS::CDK::Metadata", "Properties": {"Analytics": "v2:deflate64:x"}}
    body = template(I=identity(name), CDKMetadata=metadata)
    cloud.create_stack(StackName=name, TemplateBody=body)
    assert "CREATE_COMPLETE" == status(cloud, name)
    assert "nothing was made" in reason(cloud, name, "CDKMetadata", "CREATE_COMPLETE")
    cloud.update_stack(StackName=name, TemplateBody=body.replace(name, f"{name}-2"))
    assert "UPDATE_COMPLETE" == status(cloud, name)
    cloud.delete_stack(StackName=name)


def test_exports_are_of_one_stack_and_imports_use_them(cloud, name):
    made = {"U": {"Value": {"Ref": "I"}, "Export": {"Name": name}}}
    cloud.create_stack(StackName=name, TemplateBody=template(made, I=identity(name)))
    used = identity({"Fn::Sub": ["${X}-b", {"X": {"Fn::ImportValue": name}}]})
    cloud.create_stack(StackName=f"{name}-b", TemplateBody=template({"N": {"Value": {"Ref": "I"}}}, I=used))
    assert {"N": f"{name}-b"} == outputs(cloud, f"{name}-b")
    cloud.create_stack(StackName=f"{name}-c", TemplateBody=template(made, I=identity(f"{name}-c")))
    assert "ROLLBACK_COMPLETE" == status(cloud, f"{name}-c")
    assert f"Export with name {name} is already exported" in reason(cloud, f"{name}-c", f"{name}-c", "ROLLBACK_IN_PROGRESS")  # fmt: skip
    for one in ("-c", "-b", ""):
        cloud.delete_stack(StackName=name + one)


def test_a_stack_in_a_stack_is_part_of_it(cloud, agentcore, running, name):
    s3 = running.client("s3")
    s3.create_bucket(Bucket=name)
    child = template({"Who": {"Value": {"Ref": "I"}}}, I=identity(name))
    s3.put_object(Bucket=name, Key="good", Body=child)
    s3.put_object(
        Bucket=name, Key="bad", Body=template(I=identity(f"{name}-2"), G=gateway(name), T=failing())
    )

    def nested(key):
        url = f"https://s3.amazonaws.com/{name}/{key}"
        return {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}

    who = {"Who": {"Value": {"Fn::GetAtt": ["C", "Outputs.Who"]}}}
    cloud.create_stack(StackName=name, TemplateBody=template(who, C=nested("good")))
    assert ("CREATE_COMPLETE", {"Who": name}) == (status(cloud, name), outputs(cloud, name))
    cloud.delete_stack(StackName=name)
    cloud.create_stack(StackName=f"{name}-b", TemplateBody=template(B=nested("bad"), I=identity(f"{name}-3")))
    assert "ROLLBACK_COMPLETE" == status(cloud, f"{name}-b")
    assert "Embedded stack" in reason(cloud, f"{name}-b", "B", "CREATE_FAILED")
    assert not {one for one in names(agentcore) if one.startswith(name)}


@pytest.mark.behaviour("CFN-PRINCIPAL")
def test_a_stack_makes_what_its_caller_may_make(running, name):
    key = user(
        running.client("iam"), name, allow("cloudformation:*"),
        allow(["bedrock-agentcore:CreateWorkloadIdentity", "bedrock-agentcore:GetWorkloadIdentity",
               "bedrock-agentcore:DeleteWorkloadIdentity"]),
    )  # fmt: skip
    cloud = running.client("cloudformation", key)
    cloud.create_stack(StackName=name, TemplateBody=template(I=identity(name), G=gateway(name)))
    assert "ROLLBACK_COMPLETE" == status(cloud, name)
    told = reason(cloud, name, "G", "CREATE_FAILED")
    assert f"user/{name} is not authorized to perform: bedrock-agentcore:CreateGateway" in told
    assert told.endswith("(HandlerErrorCode: AccessDenied)")
    cloud.delete_stack(StackName=name)
    cloud.create_stack(StackName=name, TemplateBody=template(I=identity(name)))
    made = next(
        hop for hop in _hops(running) if hop["operation"] == "CreateWorkloadIdentity" and hop["status"] < 300
    )
    assert f"arn:aws:iam::{ACCOUNT}:user/{name}" == made["identity"]
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-PRINCIPAL")
def test_a_service_role_makes_what_it_may_also_when_the_stack_is_deleted(running, cloud, name):
    iam = running.client("iam")
    maker = role(iam, f"{name}-m", trust({"Service": "cloudformation.amazonaws.com"}),
                 allow(["bedrock-agentcore:*WorkloadIdentity"]))  # fmt: skip
    cloud.create_stack(StackName=name, TemplateBody=template(I=identity(name)), RoleARN=maker)
    assert "CREATE_COMPLETE" == status(cloud, name)
    iam.put_role_policy(RoleName=f"{name}-m", PolicyName="own", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [allow("bedrock-agentcore:GetWorkloadIdentity")]}))  # fmt: skip
    cloud.delete_stack(StackName=name)
    assert "DELETE_FAILED" == status(cloud, name)
    told = reason(cloud, name, "I", "DELETE_FAILED")
    assert (
        f"assumed-role/{name}-m/AWSCloudFormation is not authorized to perform: bedrock-agentcore:Delete"
        in told
    )
    stranger = role(iam, f"{name}-x", trust({"Service": "lambda.amazonaws.com"}), allow("*"))
    assert "cannot be assumed" in refused(
        cloud.create_stack,
        StackName=f"{name}-b",
        TemplateBody=template(I=identity(f"{name}-b")),
        RoleARN=stranger,
    )


@pytest.mark.behaviour("CFN-PRINCIPAL")
def test_nobody_chooses_as_whom_a_stack_acts(running, name):
    """A client's own header is dropped: the stack acts as the client all the same."""
    cloud = running.client("cloudformation")

    def pretend(request, **_):
        request.headers["X-Skerry-Acting"] = "bm90aGluZw=="

    cloud.meta.events.register("before-sign.cloudformation.CreateStack", pretend)
    cloud.create_stack(StackName=name, TemplateBody=template(I=identity(name)))
    assert "CREATE_COMPLETE" == status(cloud, name)
    cloud.delete_stack(StackName=name)
    logs = "".join(path.read_text() for path in (running.state / "logs").iterdir())
    assert "X-Skerry-Acting" not in logs


@pytest.mark.behaviour("CFN-CONCURRENT")
def test_many_stacks_and_calls_of_dynamodb_at_a_time_do_not_wait_for_each_other(
    running, cloud, agentcore, name
):
    dynamodb = running.client("dynamodb")
    ended = threading.Event()
    table = {"TableName": name, "BillingMode": "PAY_PER_REQUEST",
             "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
             "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}]}  # fmt: skip
    dynamodb.create_table(**table)

    def write():
        count = 0
        while not ended.is_set():
            count += 1
            dynamodb.put_item(TableName=name, Item={"a": {"S": str(count)}})
        return count

    def make(number):
        own = running.client("cloudformation", read_timeout=50)
        made = f"{name}-{number}"
        also = {"Type": "AWS::DynamoDB::Table", "Properties": {**table, "TableName": made}}
        own.create_stack(StackName=made, TemplateBody=template(G=gateway(made), I=identity(made), T=also))
        own.update_stack(
            StackName=made, TemplateBody=template(G=gateway(made, Description="x"), I=identity(made))
        )
        own.delete_stack(StackName=made)
        return made

    began = time.monotonic()
    with ThreadPoolExecutor(9) as pool:
        writing = pool.submit(write)
        made = [future.result() for future in [pool.submit(make, number) for number in range(8)]]
        ended.set()
        assert writing.result() > 0
    assert time.monotonic() - began < 50
    assert not set(made) & names(agentcore)
    gone = [item for item in cloud.list_stacks()["StackSummaries"] if item["StackName"] in made]
    assert {"DELETE_COMPLETE"} == {item["StackStatus"] for item in gone}


@pytest.mark.behaviour("CFN-TAKES-OVER")
def test_a_stack_is_made_again_after_the_embedded_cloud_has_forgotten_it(tmp_path):
    body = template({"Id": {"Value": {"Ref": "G"}}}, I=identity("abc"), G=gateway("abc", Description="one"))
    with endpoint_process(tmp_path) as first:
        cloud = first.client("cloudformation")
        cloud.create_stack(StackName="s", TemplateBody=body)
        before = outputs(cloud, "s")
    with endpoint_process(tmp_path) as second:
        cloud, agentcore = second.client("cloudformation"), second.client("bedrock-agentcore-control")
        assert "does not exist" in refused(cloud.describe_stacks, StackName="s")
        cloud.create_stack(StackName="other", TemplateBody=body)
        assert "already exists" in reason(cloud, "other", "I", "CREATE_FAILED")
        cloud.create_stack(StackName="s", TemplateBody=body.replace("one", "two"))
        assert before == outputs(cloud, "s")
        assert "two" == agentcore.get_gateway(gatewayIdentifier=before["Id"])["description"]
        cloud.delete_stack(StackName="s")
        assert not names(agentcore)


def test_seeds_say_that_they_make_no_resources_of_agentcore(tmp_path):
    seed = tmp_path / "seeds.toml"
    body = json.dumps({"Resources": {"I": identity("abc")}})
    seed.write_text(
        '[[call]]\nservice = "cloudformation"\noperation = "CreateStack"\n[call.parameters]\n'
        f"StackName = \"s\"\nTemplateBody = '''{body}'''\n"
    )
    with endpoint_process(tmp_path / "state", seeds=(seed,)) as running:
        cloud = running.client("cloudformation")
        assert "ROLLBACK_COMPLETE" == status(cloud, "s")
        assert "not by seeds" in reason(cloud, "s", "I", "CREATE_FAILED")


def _physical(cloud, name, logical):
    found = cloud.describe_stack_resource(StackName=name, LogicalResourceId=logical)
    return found["StackResourceDetail"]["PhysicalResourceId"]


def _hops(running):
    lines = (running.state / "hops.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines][::-1]
