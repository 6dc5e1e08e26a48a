"""Custom resources at a whole endpoint in a process of its own: their functions run, and stacks wait for them."""

from __future__ import annotations

import json
import shutil
import sys
import threading

import httpx2
import pytest

from tests.kit.iam import ACCOUNT, allow, role, trust, user
from tests.kit.lambda_code import zipped
from tests.kit.local_endpoint import REGION

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no functions on Windows")

LAMBDA = trust({"Service": "lambda.amazonaws.com"})
HANDLER = """
import json, os, urllib.request
import boto3

queue = boto3.client("sqs")

def handler(event, context):
    queue.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
    given = event["ResourceProperties"]
    do = given.get(event["RequestType"], "SUCCESS")
    if do == "raise":
        raise ValueError("no room for it")
    if do == "nothing":
        return
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": do, "Reason": "it says no", "NoEcho": True}
    answer["PhysicalResourceId"] = given.get("Id", "one")
    answer["Data"] = {"Told": given.get("Tell", ""), "Long": "x" * int(given.get("Size", 0))}
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
    try:
        urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        print(error)
"""


class Functions:
    """A running endpoint with the function `make`, and what that was asked."""

    def __init__(self, running):
        self.running = running
        self.kept = {}
        self.sqs = running.client("sqs")
        self.queue = self.sqs.create_queue(QueueName="events")["QueueUrl"]
        self.role = role(running.client("iam"), "makes", LAMBDA, allow("sqs:SendMessage"))
        made = running.client("lambda").create_function(
            FunctionName="make",
            Runtime="python3.12",
            Handler="app.handler",
            Role=self.role,
            Timeout=20,
            Code={"ZipFile": zipped(app=HANDLER)},
            Environment={"Variables": {"QUEUE": self.queue}},
        )
        self.arn = made["FunctionArn"]

    def events(self, name, count):
        """The next events for a stack, in their order."""
        mine = self.kept.setdefault(name, [])
        while len(mine) < count:
            got = self.sqs.receive_message(QueueUrl=self.queue, WaitTimeSeconds=20).get("Messages", [])
            assert got, f"only {len(mine)} of {count} events"
            for message in got:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
                event = json.loads(message["Body"])
                self.kept.setdefault(event["StackId"].split("/")[1], []).append(event)
        found, self.kept[name] = mine[:count], mine[count:]
        return found

    def custom(self, kind="Custom::Thing", **properties):
        return {"Type": kind, "Properties": {"ServiceToken": self.arn, **properties}}


@pytest.fixture(scope="module")
def functions(running):
    return Functions(running)


def template(outputs=None, **resources):
    return json.dumps({"Resources": resources, "Outputs": outputs or {}})


def stack(cloud, name):
    return cloud.describe_stacks(StackName=name)["Stacks"][0]


def outputs(cloud, name):
    return {item["OutputKey"]: item["OutputValue"] for item in stack(cloud, name)["Outputs"]}


def reason(cloud, name, logical, wanted):
    found = cloud.describe_stack_events(StackName=name)["StackEvents"]
    return next(
        item["ResourceStatusReason"]
        for item in found
        if (item["LogicalResourceId"], item["ResourceStatus"]) == (logical, wanted)
    )


SHOWN = {"Id": {"Value": {"Ref": "C"}}, "Told": {"Value": {"Fn::GetAtt": ["C", "Told"]}}}


@pytest.mark.behaviour("CFN-CUSTOM-EVENT")
@pytest.mark.parametrize("kind", ["Custom::Thing", "AWS::CloudFormation::CustomResource"])
def test_a_function_makes_changes_and_removes(cloud, functions, name, kind):
    cloud.create_stack(
        StackName=name, TemplateBody=template(SHOWN, C=functions.custom(kind, Tell="a", Flag=True))
    )
    assert ("CREATE_COMPLETE", {"Id": "one", "Told": "a"}) == (
        stack(cloud, name)["StackStatus"],
        outputs(cloud, name),
    )
    cloud.update_stack(StackName=name, TemplateBody=template(SHOWN, C=functions.custom(kind, Tell="b")))
    assert {"Id": "one", "Told": "b"} == outputs(cloud, name)
    cloud.delete_stack(StackName=name)
    create, update, delete = functions.events(name, 3)
    assert ["Create", "Update", "Delete"] == [item["RequestType"] for item in (create, update, delete)]
    assert {"ServiceToken": functions.arn, "Tell": "a", "Flag": "true"} == create["ResourceProperties"]
    assert create["ResourceProperties"] == update["OldResourceProperties"]
    assert update["ResourceProperties"] == delete["ResourceProperties"]
    assert {"C"} == {item["LogicalResourceId"] for item in (create, update, delete)}
    assert (kind, functions.arn) == (create["ResourceType"], create["ServiceToken"])
    assert "PhysicalResourceId" not in create
    assert ("one", "one") == (update["PhysicalResourceId"], delete["PhysicalResourceId"])
    assert 3 == len({item["RequestId"] for item in (create, update, delete)})
    assert 3 == len({item["ResponseURL"] for item in (create, update, delete)})


@pytest.mark.behaviour("CFN-CUSTOM-EVENT")
def test_no_update_is_asked_for_when_nothing_changes(cloud, functions, name):
    body = template(C=functions.custom(Tell="a"))
    cloud.create_stack(StackName=name, TemplateBody=body)
    more = template(C=functions.custom(Tell="a"), Q={"Type": "AWS::SQS::Queue"})
    cloud.update_stack(StackName=name, TemplateBody=more, Tags=[{"Key": "a", "Value": "b"}])
    cloud.delete_stack(StackName=name)
    assert ["Create", "Delete"] == [item["RequestType"] for item in functions.events(name, 2)]


@pytest.mark.behaviour("CFN-CUSTOM-REPLACED")
def test_another_physical_id_takes_the_place_of_the_old_one(cloud, functions, name):
    cloud.create_stack(StackName=name, TemplateBody=template(SHOWN, C=functions.custom(Id="one")))
    cloud.update_stack(StackName=name, TemplateBody=template(SHOWN, C=functions.custom(Id="two")))
    assert "two" == outputs(cloud, name)["Id"]
    _, update, delete = functions.events(name, 3)
    assert ("one", "one", "one") == (update["PhysicalResourceId"], delete["PhysicalResourceId"], delete["ResourceProperties"]["Id"])  # fmt: skip
    cloud.delete_stack(StackName=name)
    assert "two" == functions.events(name, 1)[0]["PhysicalResourceId"]


@pytest.mark.behaviour("CFN-CUSTOM-ROLLBACK")
def test_an_update_that_fails_later_is_undone(cloud, functions, name):
    cloud.create_stack(StackName=name, TemplateBody=template(SHOWN, C=functions.custom(Id="one")))
    failing = {**functions.custom("Custom::Other", Create="FAILED"), "DependsOn": "C"}
    cloud.update_stack(StackName=name, TemplateBody=template(C=functions.custom(Id="two"), D=failing))
    assert ("UPDATE_ROLLBACK_COMPLETE", "one") == (
        stack(cloud, name)["StackStatus"],
        outputs(cloud, name)["Id"],
    )
    events = [(item["RequestType"], item.get("PhysicalResourceId"), item["ResourceProperties"].get("Id")) for item in functions.events(name, 6)]  # fmt: skip
    assert [
        ("Create", None, "one"),
        ("Update", "one", "two"),
        ("Create", None, None),
        ("Delete", "one", None),  # of what failed, under the id that it had answered
        ("Update", "two", "one"),
        ("Delete", "two", "two"),
    ] == events
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-CUSTOM-ROLLBACK")
def test_failed_fails_the_stack_with_the_reason(cloud, functions, name):
    cloud.create_stack(
        StackName=name, TemplateBody=template(SHOWN, C=functions.custom(Create="FAILED", Id="x"))
    )
    assert "ROLLBACK_COMPLETE" == stack(cloud, name)["StackStatus"]
    told = reason(cloud, name, "C", "CREATE_FAILED")
    create, delete = functions.events(name, 2)
    assert "Received response status [FAILED] from custom resource. Message returned: it says no" in told
    assert create["RequestId"] in told
    assert create["ResponseURL"] not in told
    assert "x" == delete["PhysicalResourceId"]


@pytest.mark.behaviour("CFN-CUSTOM-ROLLBACK")
def test_a_delete_that_fails_is_asked_for_once_and_can_be_tried_again(cloud, functions, name):
    cloud.create_stack(StackName=name, TemplateBody=template(C=functions.custom(Delete="FAILED")))
    cloud.delete_stack(StackName=name)
    assert "DELETE_FAILED" == stack(cloud, name)["StackStatus"]
    assert "it says no" in reason(cloud, name, "C", "DELETE_FAILED")
    assert ["Create", "Delete"] == [item["RequestType"] for item in functions.events(name, 2)]
    cloud.delete_stack(StackName=name)
    assert ["Delete"] == [item["RequestType"] for item in functions.events(name, 1)]


@pytest.mark.behaviour("CFN-CUSTOM-ERROR")
def test_a_function_that_ends_with_an_error_fails_at_once(cloud, functions, name):
    cloud.create_stack(StackName=name, TemplateBody=template(C=functions.custom(Create="raise")))
    assert "ROLLBACK_COMPLETE" == stack(cloud, name)["StackStatus"]
    assert "ValueError: no room for it" in reason(cloud, name, "C", "CREATE_FAILED")


@pytest.mark.behaviour("CFN-CUSTOM-ERROR")
def test_a_function_that_is_not_there_fails_and_leaves_nothing(cloud, functions, name):
    missing = functions.arn.replace("make", "missing")
    cloud.create_stack(StackName=name, TemplateBody=template(C=functions.custom(ServiceToken=missing)))
    assert "ROLLBACK_COMPLETE" == stack(cloud, name)["StackStatus"]
    assert "cannot be invoked" in reason(cloud, name, "C", "CREATE_FAILED")


@pytest.mark.behaviour("CFN-CUSTOM-TIMEOUT")
def test_no_answer_is_waited_for_until_the_service_timeout(cloud, functions, name):
    late = functions.custom(Create="nothing", ServiceTimeout=1)
    cloud.create_stack(StackName=name, TemplateBody=template(C=late))
    assert "ROLLBACK_COMPLETE" == stack(cloud, name)["StackStatus"]
    assert "did not receive a response from your Custom Resource in 1 seconds" in reason(
        cloud, name, "C", "CREATE_FAILED"
    )


@pytest.mark.behaviour("CFN-CUSTOM-URL")
def test_an_answer_may_come_later_from_somewhere_else_and_counts_once(cloud, functions, name):
    made = threading.Thread(
        target=cloud.create_stack,
        kwargs={"StackName": name, "TemplateBody": template(SHOWN, C=functions.custom(Create="nothing"))},
    )
    made.start()
    (event,) = functions.events(name, 1)
    url = event["ResponseURL"]
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": "SUCCESS", "PhysicalResourceId": "late", "Data": {"Told": "later"}}
    with httpx2.Client(trust_env=False, timeout=30) as http:
        assert url.startswith(functions.running.url)
        wrong = url[:-1] + ("A" if url[-1] != "A" else "B")
        assert 403 == http.put(wrong, content=json.dumps(answer)).status_code
        assert 200 != http.post(url, content=json.dumps(answer)).status_code
        assert 200 == http.put(url, content=json.dumps(answer)).status_code
        made.join(30)
        assert 403 == http.put(url, content=json.dumps(answer)).status_code
    assert {"Id": "late", "Told": "later"} == outputs(cloud, name)
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-CUSTOM-URL")
def test_an_answer_of_more_than_4_kilobytes_fails(cloud, functions, name):
    cloud.create_stack(StackName=name, TemplateBody=template(C=functions.custom(Size=4096)))
    assert "Response object is too long" in reason(cloud, name, "C", "CREATE_FAILED")


@pytest.mark.behaviour("CFN-CUSTOM-DELETED")
def test_a_stack_that_waits_can_be_deleted(cloud, functions, name):
    made = threading.Thread(
        target=cloud.create_stack,
        kwargs={"StackName": name, "TemplateBody": template(C=functions.custom(Create="nothing"))},
    )
    made.start()
    functions.events(name, 1)
    cloud.delete_stack(StackName=name)
    made.join(30)
    assert "Delete" == functions.events(name, 1)[0]["RequestType"]
    assert name not in [item["StackName"] for item in cloud.describe_stacks()["Stacks"]]


@pytest.mark.behaviour("CFN-CUSTOM-TOKEN")
def test_another_function_is_refused_and_so_are_topics(cloud, functions, name):
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"
    with pytest.raises(cloud.exceptions.ClientError, match="topic of SNS"):
        cloud.create_stack(StackName=name, TemplateBody=template(C=functions.custom(ServiceToken=topic)))
    cloud.create_stack(StackName=name, TemplateBody=template(C=functions.custom()))
    other = functions.custom(ServiceToken=functions.arn + "-other")
    cloud.update_stack(StackName=name, TemplateBody=template(C=other))
    assert "Modifying service token is not allowed." == reason(cloud, name, "C", "UPDATE_FAILED")
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-CUSTOM-PRINCIPAL")
def test_the_function_is_invoked_as_who_calls(running, functions, name):
    iam = running.client("iam")
    mine = running.client("cloudformation", user(iam, f"u{name}", allow("cloudformation:*")))
    mine.create_stack(StackName=name, TemplateBody=template(C=functions.custom()))
    assert "lambda:InvokeFunction" in reason(mine, name, "C", "CREATE_FAILED")
    iam.put_user_policy(
        UserName=f"u{name}",
        PolicyName="more",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow("lambda:InvokeFunction", functions.arn)]}),
    )  # fmt: skip
    mine.create_stack(StackName=f"{name}-2", TemplateBody=template(C=functions.custom()))
    assert "CREATE_COMPLETE" == stack(mine, f"{name}-2")["StackStatus"]


@pytest.mark.behaviour("CFN-CUSTOM-ERROR")
def test_an_attribute_that_was_not_answered_is_refused(cloud, functions, name):
    asked = {"X": {"Value": {"Fn::GetAtt": ["C", "Missing"]}}}
    cloud.create_stack(StackName=name, TemplateBody=template(asked, C=functions.custom()))
    assert "doesn't contain Missing" in reason(cloud, name, name, "ROLLBACK_IN_PROGRESS")


CDK_HANDLER = """
const https = require("https");
const url = require("url");
exports.handler = async (event) => {
  const answer = { Status: "SUCCESS", PhysicalResourceId: "node", Data: { Told: "by https" } };
  for (const name of ["StackId", "RequestId", "LogicalResourceId"]) answer[name] = event[name];
  const body = JSON.stringify(answer);
  const { hostname, path } = url.parse(event.ResponseURL);
  const headers = { "content-type": "", "content-length": Buffer.byteLength(body) };
  await new Promise((resolve, reject) => {
    const request = https.request({ hostname, path, method: "PUT", headers }, (reply) =>
      reply.resume() && reply.statusCode === 200 ? resolve() : reject(new Error(String(reply.statusCode))));
    request.on("error", reject);
    request.end(body);
  });
};
"""


@pytest.mark.behaviour("CFN-CUSTOM-NODE")
@pytest.mark.skipif(not shutil.which("node"), reason="there is no node on PATH")
def test_a_function_for_node_answers_by_https_to_the_host_alone(running, cloud, functions, name):
    source = {"ZipFile": CDK_HANDLER}
    made = {"Runtime": "nodejs22.x", "Handler": "index.handler", "Role": functions.role, "Code": source}
    resource = {"Type": "Custom::Node", "Properties": {"ServiceToken": {"Fn::GetAtt": ["F", "Arn"]}}}
    cloud.create_stack(
        StackName=name,
        TemplateBody=template(SHOWN, F={"Type": "AWS::Lambda::Function", "Properties": made}, C=resource),
    )
    assert {"Id": "node", "Told": "by https"} == outputs(cloud, name)
    cloud.delete_stack(StackName=name)
