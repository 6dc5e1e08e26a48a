"""The trust chain: service principal → gateway role → function's policy → execution role, and each link broken.

client ─▶ gateway tools ─(skerry-gateway-tools)─▶ function orders ─(orders)─▶ AgentCore
"""

from __future__ import annotations

import json
import time

import httpx2
import pytest
from botocore.exceptions import ClientError

from skerry.auth.aws import sigv4
from tests.journeys.running import up
from tests.kit.iam import ACCOUNT, allow, deny, document, role, session, trust, user

FUNCTION = """
import boto3

def tool(event, context):
    return {"order": event["order_id"], "me": boto3.client("sts").get_caller_identity()["Arn"]}

def lists(event, context):
    return len(boto3.client("bedrock-agentcore-control").list_gateways()["items"])
"""
TOOLS = [
    {
        "name": "get_order",
        "description": "Find an order",
        "inputSchema": {"type": "object", "properties": {"order_id": {"type": "string"}}},
    }
]
STACK = """
[functions.orders]
path = "functions"
handler = "app.tool"
warm = 0

[functions.orders.url]
auth = "iam"

[functions.lister]
path = "functions"
handler = "app.lists"
warm = 0

[gateways.tools]
debug = true

[gateways.tools.targets]
orders = { function = "orders", tools = "tools.json" }
"""
ORDERS = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:orders"
LAMBDA, AGENTCORE = {"Service": "lambda.amazonaws.com"}, {"Service": "bedrock-agentcore.amazonaws.com"}
GATEWAY_ROLE = "skerry-gateway-tools"


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    (folder / "functions").mkdir()
    (folder / "functions" / "app.py").write_text(FUNCTION)
    (folder / "tools.json").write_text(json.dumps(TOOLS))
    (folder / "skerry.toml").write_text(STACK)
    with up(folder) as running:
        yield running


@pytest.fixture(scope="module")
def aws(stack):
    """The developer's boto3 clients, by service."""
    environment = stack.environment()
    made = session(environment)
    return lambda service: made.client(service, endpoint_url=environment["AWS_ENDPOINT_URL"])


@pytest.fixture
def chain(stack, aws):
    """The roles of the chain in IAM, as AWS's guides write them; open to all after the test.

    They stay in IAM: a role that was deleted may nothing any more.
    """
    iam = aws("iam")
    for name in {item["RoleName"] for item in iam.list_roles()["Roles"]} & {GATEWAY_ROLE, "orders"}:
        dropped(iam, name)
    gateway = stack.facts["gateways"]["tools"]["arn"]
    source = {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnLike": {"aws:SourceArn": gateway}}
    role(iam, GATEWAY_ROLE, trust(AGENTCORE, **source), allow("lambda:InvokeFunction", ORDERS))
    role(iam, "orders", trust(LAMBDA))
    yield iam
    for name, service in ((GATEWAY_ROLE, AGENTCORE), ("orders", LAMBDA)):
        dropped(iam, name)
        role(iam, name, trust(service), allow("*"))


def dropped(iam, name):
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


def call(stack, *, key=None):
    """The result of a tool call at the gateway, signed by the developer."""
    environment = stack.environment()
    own = session(environment, key).get_credentials()
    url = stack.facts["gateways"]["tools"]["url"]
    params = {"name": "orders___get_order", "arguments": {"order_id": "7"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    headers = {"content-type": "application/json", "accept": "application/json"}
    credentials = sigv4.Credentials(own.access_key, own.secret_key, own.token)
    place = {"region": "us-east-1", "service": "bedrock-agentcore", "now": time.time()}
    headers |= sigv4.sign("POST", url, headers, body, credentials=credentials, **place)
    with httpx2.Client(trust_env=False, timeout=60) as http:
        answer = http.post(url, content=body, headers=headers).json()
    return answer["result"]["isError"], answer["result"]["content"][0]["text"]


def last(stack, **wanted):
    return [hop for hop in stack.hops() if all(hop[name] == value for name, value in wanted.items())][-1]


@pytest.mark.behaviour("IAM-CHAIN")
def test_without_roles_in_iam_the_chain_works_as_it_always_did(stack):
    failed, text = call(stack)
    assert not failed
    assert json.loads(text)["me"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/orders/orders"


@pytest.mark.behaviour("IAM-CHAIN")
def test_the_whole_chain(stack, chain):
    failed, text = call(stack)
    assert not failed, text
    hop = last(stack, part="functions", operation="Invoke")
    assert hop["identity"].startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/{GATEWAY_ROLE}/")
    assert hop["iam"][0]["by"] == "identity-based policy inline own, statement 1"


@pytest.mark.behaviour("IAM-CHAIN")
@pytest.mark.parametrize(
    "trusted",
    [
        trust(LAMBDA),
        trust(AGENTCORE, StringEquals={"aws:SourceAccount": "210987654321"}),
        trust(AGENTCORE, ArnLike={"aws:SourceArn": f"arn:aws:bedrock-agentcore:*:{ACCOUNT}:gateway/other-*"}),
    ],
    ids=["another service", "another account", "another gateway"],
)
def test_the_gateways_role_does_not_trust_the_service(stack, chain, trusted):
    chain.update_assume_role_policy(RoleName=GATEWAY_ROLE, PolicyDocument=trusted)
    failed, text = call(stack)
    assert failed
    gateway = stack.facts["gateways"]["tools"]["arn"]
    assert (
        f"bedrock-agentcore.amazonaws.com may not take the role arn:aws:iam::{ACCOUNT}:role/{GATEWAY_ROLE}"
        in text
    )
    assert (
        f"for {gateway}: no role trust policy allows it. Its trust policy must allow sts:AssumeRole" in text
    )
    assert (
        "may not take the role" in last(stack, part="gateway", operation="→ lambda Invoke")["detail"]["error"]
    )


@pytest.mark.behaviour("IAM-CHAIN")
@pytest.mark.parametrize(
    ("statements", "by"),
    [
        ([], "no identity-based policy allows it"),
        ([allow("lambda:InvokeFunction", f"{ORDERS}-other")], "no identity-based policy allows it"),
        (
            [allow("*"), deny("lambda:*", Sid="NoLambda")],
            "identity-based policy inline own, statement NoLambda",
        ),
    ],
    ids=["no policy", "another function", "a deny"],
)
def test_the_gateways_role_may_not_invoke_the_function(stack, chain, statements, by):
    chain.delete_role_policy(RoleName=GATEWAY_ROLE, PolicyName="own")
    if statements:
        chain.put_role_policy(RoleName=GATEWAY_ROLE, PolicyName="own", PolicyDocument=document(*statements))
    failed, text = call(stack)
    assert failed
    assert (
        f"Access denied while invoking Lambda function {ORDERS}. Check the permissions on the Lambda" in text
    )
    hop = last(stack, part="functions", operation="Invoke")
    assert (hop["status"], hop["iam"][0]["by"]) == (403, by)
    shown = stack.skerry("hops").stdout
    assert f"refused=lambda:InvokeFunction ({by})" in shown


@pytest.mark.behaviour("IAM-FUNCTION")
def test_the_functions_own_policy_lets_the_role_in(stack, chain, aws):
    chain.delete_role_policy(RoleName=GATEWAY_ROLE, PolicyName="own")
    lambdas = aws("lambda")
    given = {"FunctionName": "orders", "StatementId": "gateway", "Action": "lambda:InvokeFunction"}
    lambdas.add_permission(**given, Principal=f"arn:aws:iam::{ACCOUNT}:role/{GATEWAY_ROLE}")
    assert not call(stack)[0]
    by = last(stack, part="functions", operation="Invoke")["iam"][0]["by"]
    assert by == "resource-based policy of the function orders, statement gateway"
    kept = json.loads(lambdas.get_policy(FunctionName="orders")["Policy"])["Statement"]
    assert [(item["Sid"], item["Resource"]) for item in kept] == [("gateway", ORDERS)]
    with pytest.raises(ClientError, match="already exists"):
        lambdas.add_permission(**given, Principal="*")
    lambdas.remove_permission(FunctionName="orders", StatementId="gateway")
    with pytest.raises(ClientError, match="does not exist"):
        lambdas.get_policy(FunctionName="orders")
    assert call(stack)[0]


@pytest.mark.behaviour("IAM-CHAIN")
def test_the_execution_role_does_not_trust_lambda(stack, chain):
    chain.update_assume_role_policy(RoleName="orders", PolicyDocument=trust(AGENTCORE))
    failed, text = call(stack)
    assert failed
    assert "Access denied while invoking Lambda function" in text
    hop = last(stack, part="functions", operation="Invoke")
    assert hop["status"] == 403
    told = hop["iam"][-1]["by"]
    assert (
        f"lambda.amazonaws.com may not take the role arn:aws:iam::{ACCOUNT}:role/orders for {ORDERS}" in told
    )
    assert 'must allow sts:AssumeRole to {"Service": "lambda.amazonaws.com"}' in told


@pytest.mark.behaviour("IAM-CHAIN")
def test_what_the_function_does_is_decided_by_its_execution_role(stack, chain, aws):
    lambdas = aws("lambda")

    def listed():
        answer = lambdas.invoke(FunctionName="lister")
        return answer.get("FunctionError"), json.loads(answer["Payload"].read())

    assert listed() == (None, 1)
    role(chain, "lister", trust(LAMBDA))
    problem, told = listed()
    assert problem == "Unhandled"
    assert "is not authorized to perform: bedrock-agentcore:ListGateways" in told["errorMessage"]
    chain.put_role_policy(
        RoleName="lister", PolicyName="own", PolicyDocument=document(allow("bedrock-agentcore:ListGateways"))
    )
    assert listed() == (None, 1)


@pytest.mark.behaviour("IAM-FUNCTION")
def test_a_function_url_needs_both_permissions(stack, aws):
    def visited(key):
        url = stack.facts["functions"]["orders"]["url"]
        place = {"region": "us-east-1", "service": "lambda", "now": time.time()}
        headers = sigv4.sign("GET", url, {}, b"", credentials=key, **place)
        with httpx2.Client(trust_env=False, timeout=60) as http:
            return http.get(url, headers=headers)

    iam = aws("iam")
    key = user(iam, "visitor", allow("lambda:InvokeFunctionUrl", ORDERS))
    answer = visited(key)
    assert (answer.status_code, answer.json()) == (403, {"Message": "Forbidden"})
    by_url = allow(
        "lambda:InvokeFunction", ORDERS, Condition={"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}
    )
    both = document(allow("lambda:InvokeFunctionUrl", ORDERS), by_url)
    iam.put_user_policy(UserName="visitor", PolicyName="own", PolicyDocument=both)
    assert visited(key).status_code == 502  # the handler ran, and expects no URL's event


@pytest.mark.behaviour("IAM-COMMAND")
@pytest.mark.behaviour("IAM-COMMAND-NAMES")
def test_skerry_iam_says_what_the_chain_needs_may_do_and_has(stack, chain):
    assert not call(stack)[0]
    arn = f"arn:aws:iam::{ACCOUNT}:role/{GATEWAY_ROLE}"
    made = json.loads(stack.skerry("iam", "least", arn, "--json").stdout)
    assert made["Statement"] == [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": ORDERS}]
    chain.put_role_policy(RoleName=GATEWAY_ROLE, PolicyName="own", PolicyDocument=json.dumps(made))
    assert not call(stack)[0]
    asked = ("iam", "explain", "--principal", arn, "--resource", ORDERS, "--action")
    yes = stack.skerry(*asked, "lambda:InvokeFunction")
    assert (yes.returncode, yes.stdout) == (0, "allowed: identity-based policy inline own, statement 1\n")
    no = stack.skerry(*asked, "lambda:DeleteFunction")
    assert (no.returncode, no.stdout) == (1, "not allowed: no identity-based policy allows it\n")
    shown = stack.skerry("iam", "show", arn)
    assert shown.returncode == 0, shown.stderr
    assert "identity: inline own" in shown.stdout
    assert "trust: trust policy" in shown.stdout
    assert "Service bedrock-agentcore.amazonaws.com" in shown.stdout
    bare = stack.skerry("iam", "show", GATEWAY_ROLE)
    assert (bare.stdout, bare.stderr) == (shown.stdout, f"taken as {arn}\n")
