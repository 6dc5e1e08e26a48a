"""Rate limits of gateways over the wire, with unmodified boto3."""

from __future__ import annotations

import re
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.kit.local_endpoint import ROLE, ControlStack, control

ENTRY = {"dimensions": {"targetName": "*"}, "requests": [{"rate": 5, "period": "second"}]}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    return ControlStack(tmp_path_factory.mktemp("control"))


@pytest.fixture(scope="module")
def agentcore(stack):
    with control(stack) as client:
        yield client


@pytest.fixture
def gateway(agentcore):
    made = agentcore.create_gateway(name=f"g-{uuid.uuid4().hex[:12]}", roleArn=ROLE, authorizerType="NONE")
    return made["gatewayId"]


def entry(*values, keys=("targetName", "toolName"), **metrics):
    found = {"dimensions": dict(zip(keys, values, strict=True))}
    return found | (metrics or {"requests": [{"rate": 5, "period": "second"}]})


def create(agentcore, gateway, keys=("targetName",), entries=(ENTRY,), **members):
    given = {"gatewayIdentifier": gateway, "dimensionKeys": list(keys), "entries": list(entries)}
    return agentcore.create_gateway_rate_limit(**given | members)


def refused(code, status, operation, **given):
    with pytest.raises(ClientError) as caught:
        operation(**given)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    return caught.value.response["Error"]["Message"]


@pytest.mark.behaviour("LIM-CONTROL-CRUD")
def test_a_limit_lives(agentcore, gateway, stack):
    made = create(agentcore, gateway, rateLimitId="per-target", description="five a second")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (made["rateLimitId"], made["status"], made["gatewayIdentifier"]) == (
        "per-target",
        "CREATING",
        gateway,
    )
    limit = {"gatewayIdentifier": gateway, "rateLimitId": "per-target"}
    got = agentcore.get_gateway_rate_limit(**limit)
    assert (got["status"], got["entries"], got["description"]) == ("ACTIVE", [ENTRY], "five a second")
    assert got["dimensionKeys"] == ["targetName"]
    other = {"dimensions": {"targetName": "a"}, "connections": [{"rate": 2, "period": "second"}]}
    updated = agentcore.update_gateway_rate_limit(**limit, entries=[other])
    assert (updated["status"], updated["description"]) == ("UPDATING", "five a second")
    got = agentcore.get_gateway_rate_limit(**limit)
    assert (got["status"], got["entries"]) == ("ACTIVE", [other])
    assert got["updatedAt"] >= got["createdAt"]
    assert agentcore.delete_gateway_rate_limit(**limit)["status"] == "DELETING"
    refused("ResourceNotFoundException", 404, agentcore.get_gateway_rate_limit, **limit)
    told = [(c.action, c.identifier) for c in stack.changes if c.kind == "rate-limit"][-3:]
    assert told == [(action, f"{gateway}/per-target") for action in ("created", "updated", "deleted")]


@pytest.mark.behaviour("LIM-CONTROL-CRUD")
def test_an_id_is_made_when_none_is_given(agentcore, gateway):
    assert re.fullmatch(r"[a-z0-9]{10}", create(agentcore, gateway)["rateLimitId"])


@pytest.mark.behaviour("LIM-CONTROL-CRUD")
def test_limits_are_listed_in_pages(agentcore, gateway):
    keys = ["targetName", "toolName", "$.context.jwt.sub"]
    for key in keys:
        create(agentcore, gateway, [key], [entry("*", keys=[key])])
    first = agentcore.list_gateway_rate_limits(gatewayIdentifier=gateway, maxResults=2)
    rest = agentcore.list_gateway_rate_limits(gatewayIdentifier=gateway, nextToken=first["nextToken"])
    assert [item["dimensionKeys"] for item in first["rateLimits"] + rest["rateLimits"]] == [
        [key] for key in keys
    ]
    assert "nextToken" not in rest


@pytest.mark.behaviour("LIM-CONTROL-UNIQUE")
def test_dimension_keys_and_ids_are_unique_in_a_gateway(agentcore, gateway):
    create(agentcore, gateway, rateLimitId="one")
    message = refused(
        "ConflictException", 409, create, agentcore=agentcore, gateway=gateway, rateLimitId="two"
    )
    assert "dimensionKeys" in message
    refused(
        "ConflictException", 409, create, agentcore=agentcore, gateway=gateway, keys=["toolName"],
        entries=[entry("*", keys=["toolName"])], rateLimitId="one",
    )  # fmt: skip
    pair, swapped = ["targetName", "toolName"], ["toolName", "targetName"]
    create(agentcore, gateway, pair, [entry("*", "*")])
    create(agentcore, gateway, swapped, [entry("*", "*")])


@pytest.mark.behaviour("LIM-CONTROL-RULES")
@pytest.mark.parametrize(
    ("keys", "entries", "says"),
    [
        (["targetName", "targetName"], [entry("a", keys=["targetName"])], "stands twice"),
        (["targetName", "toolName"], [entry("a", keys=["targetName"])], "exactly the dimensionKeys"),
        (["targetName"], [entry("a", "b")], "exactly the dimensionKeys"),
        (["targetName", "toolName"], [entry("*", "b")], "followed by"),
        (["targetName", "toolName"], [entry("a", "*"), entry("a", "*")], "same dimensions"),
        (["targetName"], [{"dimensions": {"targetName": "a"}}], "at least one of"),
        (["targetName"], [{"dimensions": {"targetName": "a"}, "tokens": [{"rate": 1, "period": "second"}]}], "tokens take"),
        (["targetName"], [{"dimensions": {"targetName": "a"}, "connections": [{"rate": 1, "period": "minute"}]}], "connections take"),
        (["targetName"], [{"dimensions": {"targetName": "a"}, "requests": [{"rate": 1, "period": "hour"}]}], "enum"),
        (["targetName"], [{"dimensions": {"targetName": "a"}, "requests": [{"rate": 20_000_000, "period": "minute"}]}], "10000000"),
        (["$.context.jwt."], [entry("a", keys=["$.context.jwt."])], "pattern"),
        (["$.context.request.cookie.a"], [entry("a", keys=["$.context.request.cookie.a"])], "pattern"),
    ],
)  # fmt: skip
def test_what_makes_no_limit_is_refused(agentcore, gateway, keys, entries, says):
    message = refused(
        "ValidationException", 400, create, agentcore=agentcore, gateway=gateway, keys=keys, entries=entries
    )
    assert says in message


@pytest.mark.behaviour("LIM-CONTROL-RULES")
def test_an_update_keeps_to_the_keys(agentcore, gateway):
    limit = create(agentcore, gateway)["rateLimitId"]
    refused(
        "ValidationException", 400, agentcore.update_gateway_rate_limit, gatewayIdentifier=gateway,
        rateLimitId=limit, entries=[entry("a", keys=["toolName"])],
    )  # fmt: skip


@pytest.mark.behaviour("LIM-CONTROL-RULES")
def test_every_kind_of_dimension_key_is_taken(agentcore, gateway):
    keys = [
        "targetName", "toolName", "qualifiedModelId", "$.context.iam.principal", "$.context.iam.sourceIdentity",
        "$.context.jwt.realm_access.role", "$.context.request.header.X-Tenant", "$.context.request.body.params.name",
    ]  # fmt: skip
    create(agentcore, gateway, keys, [entry(*["*"] * len(keys), keys=keys)])


@pytest.mark.behaviour("LIM-CONTROL-QUOTA")
def test_a_gateway_has_at_most_50(agentcore, gateway):
    items = [
        {"dimensionKeys": [f"$.context.jwt.c{n}"], "entries": [entry("*", keys=[f"$.context.jwt.c{n}"])]}
        for n in range(50)
    ]
    agentcore.batch_put_gateway_rate_limits(gatewayIdentifier=gateway, rateLimits=items)
    message = refused("ServiceQuotaExceededException", 402, create, agentcore=agentcore, gateway=gateway)
    assert "50 rate limits" in message
    more = [{"dimensionKeys": ["targetName"], "entries": [ENTRY]}]
    refused(
        "ServiceQuotaExceededException", 402, agentcore.batch_put_gateway_rate_limits,
        gatewayIdentifier=gateway, rateLimits=more,
    )  # fmt: skip
    again = agentcore.batch_put_gateway_rate_limits(gatewayIdentifier=gateway, rateLimits=items)
    assert len(again["rateLimits"]) == 50


class TestBatch:
    @pytest.mark.behaviour("LIM-CONTROL-BATCH")
    def test_limits_with_known_keys_are_updated_and_others_made(self, agentcore, gateway):
        old = create(agentcore, gateway, description="old")["rateLimitId"]
        kept = create(agentcore, gateway, ["qualifiedModelId"], [entry("*", keys=["qualifiedModelId"])])
        other = {"dimensions": {"targetName": "a"}, "requests": [{"rate": 1, "period": "minute"}]}
        items = [
            {"dimensionKeys": ["targetName"], "entries": [other]},
            {
                "rateLimitId": "tools",
                "dimensionKeys": ["toolName"],
                "entries": [entry("*", keys=["toolName"])],
            },
        ]
        answer = agentcore.batch_put_gateway_rate_limits(gatewayIdentifier=gateway, rateLimits=items)
        assert [item["rateLimitId"] for item in answer["rateLimits"]] == [old, "tools"]
        listed = agentcore.list_gateway_rate_limits(gatewayIdentifier=gateway)["rateLimits"]
        found = {item["rateLimitId"]: item for item in listed}
        assert set(found) == {old, kept["rateLimitId"], "tools"}
        assert (found[old]["entries"], found[old]["description"]) == ([other], "old")

    @pytest.mark.behaviour("LIM-CONTROL-BATCH")
    @pytest.mark.parametrize(
        ("broken", "code", "status"),
        [
            ({"dimensionKeys": ["toolName"], "entries": [ENTRY]}, "ValidationException", 400),
            ({"dimensionKeys": ["targetName"], "entries": [ENTRY]}, "ValidationException", 400),
            (
                {
                    "rateLimitId": "known",
                    "dimensionKeys": ["toolName"],
                    "entries": [entry("*", keys=["toolName"])],
                },
                "ConflictException",
                409,
            ),
        ],
    )
    def test_one_that_fails_stops_all(self, agentcore, gateway, broken, code, status):
        create(
            agentcore,
            gateway,
            ["qualifiedModelId"],
            [entry("*", keys=["qualifiedModelId"])],
            rateLimitId="known",
        )
        items = [{"dimensionKeys": ["targetName"], "entries": [ENTRY]}, broken]
        refused(
            code, status, agentcore.batch_put_gateway_rate_limits, gatewayIdentifier=gateway, rateLimits=items
        )
        listed = agentcore.list_gateway_rate_limits(gatewayIdentifier=gateway)["rateLimits"]
        assert [item["rateLimitId"] for item in listed] == ["known"]


@pytest.mark.behaviour("LIM-CONTROL-GONE")
def test_they_go_with_their_gateway(agentcore, gateway, stack):
    create(agentcore, gateway)
    agentcore.delete_gateway(gatewayIdentifier=gateway)
    refused("ResourceNotFoundException", 404, agentcore.list_gateway_rate_limits, gatewayIdentifier=gateway)
    assert stack.resources.rate_limits(gateway) == []
