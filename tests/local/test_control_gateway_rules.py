"""Rules of gateways over the wire, with unmodified boto3."""

from __future__ import annotations

import re
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.kit.local_endpoint import ROLE, ControlStack, control

USER = "arn:aws:iam::123456789012:user/ana"
BUNDLE = {
    "bundleArn": "arn:aws:bedrock-agentcore:us-east-1:123456789012:configuration-bundle/b-0123456789",
    "bundleVersion": "01234567-0123-0123-0123-0123456789ab",
}
TO_A = [{"routeToTarget": {"staticRoute": {"targetName": "a"}}}]


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    return ControlStack(tmp_path_factory.mktemp("control"))


@pytest.fixture(scope="module")
def agentcore(stack):
    with control(stack) as client:
        yield client


@pytest.fixture
def gateway(agentcore):
    """A gateway with the HTTP targets `a` and `b` and the MCP target `tools`."""
    made = agentcore.create_gateway(name=f"g-{uuid.uuid4().hex[:12]}", roleArn=ROLE, authorizerType="NONE")
    for name in ("a", "b"):
        agentcore.create_gateway_target(
            gatewayIdentifier=made["gatewayId"], name=name,
            targetConfiguration={"http": {"passthrough": {"endpoint": "https://example.com", "protocolType": "CUSTOM"}}},
        )  # fmt: skip
    agentcore.create_gateway_target(
        gatewayIdentifier=made["gatewayId"], name="tools",
        targetConfiguration={"mcp": {"mcpServer": {"endpoint": "http://127.0.0.1:8000/mcp"}}},
    )  # fmt: skip
    return made["gatewayId"]


def create(agentcore, gateway, **members):
    given = {"gatewayIdentifier": gateway, "priority": 100, "actions": TO_A}
    return agentcore.create_gateway_rule(**given | members)


def refused(code, status, operation, **given):
    with pytest.raises(ClientError) as caught:
        operation(**given)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    return caught.value.response["Error"]["Message"]


def split(first=80, second=20, names=("old", "new"), targets=("a", "b")):
    variants = [
        {"name": name, "targetName": target, "weight": weight}
        for name, target, weight in zip(names, targets, (first, second), strict=True)
    ]
    return [{"routeToTarget": {"weightedRoute": {"trafficSplit": variants}}}]


def principals(*arns):
    return {"matchPrincipals": {"anyOf": [{"iamPrincipal": {"arn": arn}} for arn in arns]}}


@pytest.mark.behaviour("RULE-CONTROL-CRUD")
def test_a_rule_lives(agentcore, gateway, stack):
    conditions = [principals(USER), {"matchPaths": {"anyOf": ["/a/*"]}}]
    made = create(agentcore, gateway, conditions=conditions, description="to a")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert made["status"] == "CREATING"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["ruleId"])
    rule = {"gatewayIdentifier": gateway, "ruleId": made["ruleId"]}
    got = agentcore.get_gateway_rule(**rule)
    assert (got["status"], got["priority"], got["conditions"]) == ("ACTIVE", 100, conditions)
    assert got["gatewayArn"].endswith(f":gateway/{gateway}")
    updated = agentcore.update_gateway_rule(**rule, priority=5, actions=split())
    assert updated["status"] == "UPDATING"
    got = agentcore.get_gateway_rule(**rule)
    assert (got["priority"], got["actions"], got["description"]) == (5, split(), "to a")
    assert agentcore.delete_gateway_rule(**rule)["status"] == "DELETING"
    refused("ResourceNotFoundException", 404, agentcore.get_gateway_rule, **rule)
    actions = [change.action for change in stack.changes if change.kind == "gateway-rule"]
    assert actions[-3:] == ["created", "updated", "deleted"]


@pytest.mark.behaviour("RULE-CONTROL-CRUD")
def test_rules_are_listed_in_pages(agentcore, gateway):
    made = [create(agentcore, gateway, priority=n)["ruleId"] for n in (3, 1, 2)]
    first = agentcore.list_gateway_rules(gatewayIdentifier=gateway, maxResults=2)
    rest = agentcore.list_gateway_rules(gatewayIdentifier=gateway, nextToken=first["nextToken"])
    assert [rule["ruleId"] for rule in first["gatewayRules"] + rest["gatewayRules"]] == made


@pytest.mark.behaviour("RULE-CONTROL-PRIORITY")
def test_a_priority_is_unique_in_a_gateway(agentcore, gateway):
    rule = create(agentcore, gateway, priority=1)["ruleId"]
    other = create(agentcore, gateway, priority=2)["ruleId"]
    message = refused("ConflictException", 409, create, agentcore=agentcore, gateway=gateway, priority=1)
    assert "priority 1" in message
    update = {"gatewayIdentifier": gateway, "ruleId": other}
    refused("ConflictException", 409, agentcore.update_gateway_rule, **update, priority=1)
    agentcore.update_gateway_rule(gatewayIdentifier=gateway, ruleId=rule, priority=1)


@pytest.mark.behaviour("RULE-CONTROL-RULES")
@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"priority": 1_000_001}, "priority"),
        ({"actions": split(80, 30)}, "sum to 100"),
        ({"actions": split(names=("x", "x"))}, "must differ"),
        ({"actions": split(targets=("a", "nobody"))}, "no HTTP target named nobody"),
        ({"actions": [{"routeToTarget": {"staticRoute": {"targetName": "tools"}}}]}, "no HTTP target named tools"),
        ({"actions": [{"routeToTarget": {"staticRoute": {"targetName": "a", "model": "m"}}}]}, "inference targets"),
        ({"actions": TO_A * 2}, "one action of each kind"),
        ({"conditions": [{"matchPaths": {"anyOf": ["/nobody/*"]}}]}, "no HTTP target named nobody"),
        ({"conditions": [{"matchPaths": {"anyOf": ["/mcp/*"]}}]}, "reserved"),
        ({"conditions": [{"matchPaths": {"anyOf": ["/a"]}}]}, "pattern"),
        ({"conditions": [principals(USER)] * 2}, "one condition of each kind"),
        ({"conditions": [principals("nobody")]}, "pattern"),
    ],
)  # fmt: skip
def test_what_makes_no_rule_is_refused(agentcore, gateway, members, says):
    message = refused("ValidationException", 400, create, agentcore=agentcore, gateway=gateway, **members)
    assert says in message


@pytest.mark.behaviour("RULE-CONTROL-OTHER")
@pytest.mark.parametrize(
    "members",
    [
        {"actions": [{"configurationBundle": {"staticOverride": BUNDLE}}]},
        {"conditions": [{"matchModels": {"anyOf": [{"value": "anthropic.*"}]}}]},
    ],
)
def test_what_is_for_other_targets_is_501(agentcore, gateway, members):
    message = refused(
        "UnknownOperationException", 501, create, agentcore=agentcore, gateway=gateway, **members
    )
    assert "not emulated" in message


@pytest.mark.behaviour("RULE-CONTROL-QUOTA")
def test_a_gateway_has_at_most_20(agentcore, gateway):
    for number in range(1, 21):
        create(agentcore, gateway, priority=number)
    refused("ServiceQuotaExceededException", 402, create, agentcore=agentcore, gateway=gateway, priority=99)


@pytest.mark.behaviour("RULE-CONTROL-GONE")
def test_they_go_with_their_gateway(agentcore, stack):
    made = agentcore.create_gateway(name=f"g-{uuid.uuid4().hex[:12]}", roleArn=ROLE, authorizerType="NONE")
    gateway = made["gatewayId"]
    target = agentcore.create_gateway_target(
        gatewayIdentifier=gateway, name="a",
        targetConfiguration={"http": {"passthrough": {"endpoint": "https://example.com", "protocolType": "CUSTOM"}}},
    )  # fmt: skip
    create(agentcore, gateway)
    agentcore.delete_gateway_target(gatewayIdentifier=gateway, targetId=target["targetId"])
    agentcore.delete_gateway(gatewayIdentifier=gateway)
    refused("ResourceNotFoundException", 404, agentcore.get_gateway, gatewayIdentifier=gateway)
    assert stack.resources.gateway_rules(gateway) == []
