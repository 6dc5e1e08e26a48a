"""Policy engines and policies through boto3: what is stored, what is refused, and what is told about it."""

from __future__ import annotations

import contextlib
import re
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.kit.gateway_stack import ACCOUNT, DEVELOPER, REGION
from tests.kit.local_endpoint import ControlStack, client, control
from tests.kit.policy_stack import PolicyStack
from tests.local.gateway.policy.conftest import TOOLS

ANY = "permit(principal, action, resource is AgentCore::Gateway) when { principal has id };"
OAUTH = "principal is AgentCore::OAuthUser"


def refused(call: Any, **given: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**given)
    error = caught.value.response
    return (
        error["Error"]["Code"],
        error["ResponseMetadata"]["HTTPStatusCode"],
        error["Error"].get("Message") or error["message"],
    )


def create(stack: PolicyStack, engine: dict[str, Any], statement: str, **members: Any) -> dict[str, Any]:
    """CreatePolicy in the default mode, and what it became."""
    made = stack.control.create_policy(
        policyEngineId=engine["policyEngineId"],
        name=stack.fresh("checked"),
        definition={"cedar": {"statement": statement}},
        **members,
    )
    assert made["status"] == "CREATING"
    return stack.get_policy(made)


def on(gateway: dict[str, Any]) -> str:
    return f'resource == AgentCore::Gateway::"{gateway["gatewayArn"]}"'


@pytest.fixture(scope="module")
def shop(stack: PolicyStack) -> dict[str, Any]:
    """A gateway with the tools `shop___refund` and `shop___status`."""
    return stack.gateway("shop", TOOLS)


class TestEngines:
    @pytest.mark.behaviour("POL-ENGINES")
    def test_an_engine_lives_from_creation_to_deletion(self, stack: PolicyStack) -> None:
        name = stack.fresh("life")
        made = stack.control.create_policy_engine(name=name, description="for refunds", tags={"team": "desk"})
        identifier = made["policyEngineId"]
        assert re.fullmatch(rf"{name}-[a-z0-9_]{{10}}", identifier)
        arn = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:policy-engine/{identifier}"
        assert (made["policyEngineArn"], made["status"]) == (arn, "CREATING")
        found = stack.control.get_policy_engine(policyEngineId=identifier)
        assert (found["status"], found["description"], found["statusReasons"]) == (
            "ACTIVE",
            "for refunds",
            [],
        )
        assert stack.control.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "desk"}

        changed = stack.control.update_policy_engine(
            policyEngineId=identifier, description={"optionalValue": "for returns"}
        )
        assert (changed["status"], changed["description"]) == ("UPDATING", "for returns")
        stack.control.update_policy_engine(policyEngineId=identifier, description={})
        assert "description" not in stack.control.get_policy_engine(policyEngineId=identifier)

        assert stack.control.delete_policy_engine(policyEngineId=identifier)["status"] == "DELETING"
        gone = refused(stack.control.get_policy_engine, policyEngineId=identifier)
        assert gone[:2] == ("ResourceNotFoundException", 404)

    @pytest.mark.behaviour("POL-ENGINES")
    def test_engines_are_listed_in_pages_and_as_summaries(self, stack: PolicyStack) -> None:
        made = [stack.engine()["policyEngineId"] for _ in range(3)]
        seen: list[str] = []
        page: dict[str, Any] = {}
        while True:
            answer = stack.control.list_policy_engines(maxResults=2, **page)
            seen += [item["policyEngineId"] for item in answer["policyEngines"]]
            if "nextToken" not in answer:
                break
            page = {"nextToken": answer["nextToken"]}
        assert [item for item in seen if item in made] == made
        summaries = stack.control.list_policy_engine_summaries()["policyEngines"]
        assert [item["policyEngineId"] for item in summaries] == seen
        summary = stack.control.get_policy_engine_summary(policyEngineId=made[0])
        assert summary["status"] == "ACTIVE"
        assert {"description", "statusReasons"}.isdisjoint(summary)

    @pytest.mark.behaviour("POL-NAMES")
    @pytest.mark.parametrize("name", ["with-hyphen", "1st", "x" * 49, ""])
    def test_names_have_aws_pattern(self, stack: PolicyStack, name: str) -> None:
        given = {"name": name} if name else {"name": " "}
        code, status, message = refused(stack.control.create_policy_engine, **given)
        assert (code, status) == ("ValidationException", 400)
        assert "'name'" in message

    @pytest.mark.behaviour("POL-NAMES")
    def test_a_name_is_taken_once(self, stack: PolicyStack) -> None:
        engine = stack.engine()
        taken = refused(stack.control.create_policy_engine, name=engine["name"])
        assert taken[:2] == ("ConflictException", 409)
        policy = stack.active(engine, ANY)
        other = stack.engine()
        given = {"policyEngineId": other["policyEngineId"], "definition": {"cedar": {"statement": ANY}}}
        again = refused(stack.control.create_policy, name=policy["name"], **given)
        assert again[:2] == ("ConflictException", 409)

    @pytest.mark.behaviour("POL-ENGINE-DELETE")
    def test_an_engine_with_policies_is_not_deleted(self, stack: PolicyStack) -> None:
        engine = stack.engine()
        policy = stack.active(engine, ANY)
        code, status, message = refused(
            stack.control.delete_policy_engine, policyEngineId=engine["policyEngineId"]
        )
        assert (code, status) == ("ConflictException", 409)
        assert "has policies" in message
        stack.control.delete_policy(policyEngineId=engine["policyEngineId"], policyId=policy["policyId"])
        stack.control.delete_policy_engine(policyEngineId=engine["policyEngineId"])

    @pytest.mark.behaviour("POL-IDEMPOTENT")
    def test_the_same_token_makes_one_engine(self, stack: PolicyStack) -> None:
        given = {"name": stack.fresh("once"), "clientToken": uuid.uuid4().hex + "0"}
        first = stack.control.create_policy_engine(**given)
        assert stack.control.create_policy_engine(**given)["policyEngineId"] == first["policyEngineId"]


class TestPolicies:
    @pytest.mark.behaviour("POL-POLICIES")
    def test_a_policy_lives_from_creation_to_deletion(self, stack: PolicyStack, shop: dict[str, Any]) -> None:
        engine = stack.engine()
        key = {"policyEngineId": engine["policyEngineId"]}
        statement = f'permit({OAUTH}, action == AgentCore::Action::"shop___refund", {on(shop)})'
        made = create(stack, engine, f"{statement} when {{ context.input.amount < 5 }};", description="small")
        key["policyId"] = made["policyId"]
        assert made["policyArn"] == f"{engine['policyEngineArn']}/policy/{made['policyId']}"
        assert (made["status"], made["enforcementMode"], made["description"]) == ("ACTIVE", "ACTIVE", "small")

        changed = stack.control.update_policy(**key, description={}, enforcementMode="LOG_ONLY")
        assert (changed["status"], changed["enforcementMode"]) == ("UPDATING", "LOG_ONLY")
        found = stack.control.get_policy(**key)
        assert "description" not in found
        assert found["definition"] == made["definition"]
        larger = {"cedar": {"statement": f"{statement} when {{ context.input.amount < 50 }};"}}
        stack.control.update_policy(**key, definition=larger)
        assert stack.control.get_policy(**key)["definition"] == larger

        summary = stack.control.get_policy_summary(**key)
        assert (summary["name"], summary["enforcementMode"]) == (made["name"], "LOG_ONLY")
        assert {"definition", "description", "statusReasons"}.isdisjoint(summary)
        assert stack.control.delete_policy(**key)["status"] == "DELETING"
        assert refused(stack.control.get_policy, **key)[:2] == ("ResourceNotFoundException", 404)

    @pytest.mark.behaviour("POL-POLICIES")
    def test_policies_are_listed_also_by_gateway(self, stack: PolicyStack, shop: dict[str, Any]) -> None:
        engine = stack.engine()
        everywhere = stack.active(engine, ANY)
        here = stack.active(engine, f"permit({OAUTH}, action, {on(shop)}) when {{ principal has id }};")
        key = {"policyEngineId": engine["policyEngineId"]}
        found = stack.control.list_policies(**key)["policies"]
        assert [item["policyId"] for item in found] == [everywhere["policyId"], here["policyId"]]
        scoped = stack.control.list_policies(**key, targetResourceScope=shop["gatewayArn"])["policies"]
        assert [item["policyId"] for item in scoped] == [here["policyId"]]
        summaries = stack.control.list_policy_summaries(**key, maxResults=1)
        assert [item["policyId"] for item in summaries["policies"]] == [everywhere["policyId"]]
        assert summaries["nextToken"]

    @pytest.mark.behaviour("POL-LENGTH")
    @pytest.mark.parametrize("statement", ["permit(principal, action, r);", ANY + " " * 10_000])
    def test_a_statement_has_35_to_10000_characters(self, stack: PolicyStack, statement: str) -> None:
        given = {"policyEngineId": stack.engine()["policyEngineId"], "name": stack.fresh("p")}
        definition = {"policy": {"statement": statement}}
        with contextlib.closing(
            client("bedrock-agentcore-control", stack.base, DEVELOPER, parameter_validation=False)
        ) as unchecked:
            code, status, message = refused(unchecked.create_policy, **given, definition=definition)
        assert (code, status) == ("ValidationException", 400)
        assert "Member must have length" in message

    @pytest.mark.parametrize(
        ("statement", "text"),
        [
            pytest.param(
                "permit(principal, action, resource is AgentCore::Gateway); "
                "forbid(principal, action, resource is AgentCore::Gateway);",
                "unexpected token 'forbid'",
                marks=pytest.mark.behaviour("POL-ONE-STATEMENT"),
            ),
            pytest.param(
                "let everybody do everything at any time, please",
                "When parsing the policy statement, the following errors occurred: unexpected token",
                marks=pytest.mark.behaviour("POL-SYNTAX"),
            ),
            pytest.param(
                "permit(principal == ?principal, action, resource is AgentCore::Gateway);",
                "a slot such as ?principal",
                marks=pytest.mark.behaviour("POL-SYNTAX"),
            ),
            pytest.param(
                "permit(principal, action, resource) when { principal has id };",
                "a wildcard resource was detected",
                marks=pytest.mark.behaviour("POL-SCOPE"),
            ),
            pytest.param(
                'permit(principal, action == AgentCore::Action::"shop___refund", resource is AgentCore::Gateway);',
                "a constrained action scope was encountered",
                marks=pytest.mark.behaviour("POL-SCOPE"),
            ),
            pytest.param(
                'permit(principal, action, resource == AgentCore::Gateway::"arn:aws:bedrock-agentcore:us-east-1:'
                '123456789012:gateway/nobody-0123456789");',
                "gateway/nobody-0123456789 does not exist",
                marks=pytest.mark.behaviour("POL-SCOPE"),
            ),
        ],
    )
    def test_what_is_no_policy_is_refused_at_once(
        self, stack: PolicyStack, statement: str, text: str
    ) -> None:
        given = {"policyEngineId": stack.engine()["policyEngineId"], "name": stack.fresh("p")}
        code, status, message = refused(
            stack.control.create_policy,
            **given,
            definition={"cedar": {"statement": statement}},
            validationMode="IGNORE_ALL_FINDINGS",
        )
        assert (code, status) == ("ValidationException", 400)
        assert text in message

    @pytest.mark.behaviour("POL-NOT-EMULATED")
    @pytest.mark.parametrize(
        "definition",
        [
            {
                "policyGeneration": {
                    "policyGenerationId": "g-0123456789",
                    "policyGenerationAssetId": "a-0123456789",
                }
            },
            {
                "policy": {
                    "statement": "forbid(principal, action, resource is AgentCore::Gateway) when guardrails { x };"
                }
            },
        ],
    )
    def test_generated_and_dogwood_policies_are_501(
        self, stack: PolicyStack, definition: dict[str, Any]
    ) -> None:
        given = {"policyEngineId": stack.engine()["policyEngineId"], "name": stack.fresh("p")}
        found = refused(stack.control.create_policy, **given, definition=definition)
        assert found[:2] == ("UnknownOperationException", 501)

    @pytest.mark.behaviour("POL-GENERATION")
    def test_generation_is_501_with_a_reason(self, stack: PolicyStack) -> None:
        engine = stack.engine()["policyEngineId"]
        code, status, message = refused(
            stack.control.start_policy_generation,
            policyEngineId=engine,
            name="easy",
            resource={"arn": f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:gateway/shop-0123456789"},
            content={"rawText": "only small refunds"},
        )
        assert (code, status) == ("UnknownOperationException", 501)
        assert "CreatePolicy" in message
        assert refused(stack.control.list_policy_generations, policyEngineId=engine)[1] == 501


class TestFindings:
    @pytest.mark.behaviour("POL-SCHEMA-FINDINGS")
    @pytest.mark.behaviour("POL-NEAREST")
    @pytest.mark.parametrize("mode", ["FAIL_ON_ANY_FINDINGS", "IGNORE_ALL_FINDINGS"])
    def test_an_unknown_tool_fails_and_the_nearest_is_named(
        self, stack: PolicyStack, shop: dict[str, Any], mode: str
    ) -> None:
        statement = f'permit({OAUTH}, action == AgentCore::Action::"shop___refunds", {on(shop)});'
        made = create(stack, stack.engine(), statement, validationMode=mode)
        assert made["status"] == "CREATE_FAILED"
        assert made["statusReasons"][0] == (
            'unrecognized action `AgentCore::Action::"shop___refunds"`; '
            'did you mean `AgentCore::Action::"shop___refund"`?'
        )

    @pytest.mark.behaviour("POL-NEAREST")
    def test_without_a_near_one_the_tools_are_named(self, stack: PolicyStack, shop: dict[str, Any]) -> None:
        statement = f'permit({OAUTH}, action == AgentCore::Action::"bank___close", {on(shop)});'
        made = create(stack, stack.engine(), statement)
        assert "the gateway has shop___refund, shop___status, shop" in made["statusReasons"][0]

    @pytest.mark.behaviour("POL-SCHEMA-FINDINGS")
    @pytest.mark.parametrize(
        ("condition", "reason"),
        [
            ('context.input.amount == "5"', "Long and String are not compatible"),
            ("context.input.share > 1", "decimal"),
            ('context.input.reason == "x"', "unable to guarantee safety of access to optional attribute"),
            ("context.input.price > 1", "price"),
            ('principal.getTag("role") == "x"', "unable to guarantee safety of access to tag"),
            ('context.user == "bo"', "user"),
            ("principal.level > 3", "level"),
            ('principal == Other::User::"bo"', "Other::User"),
        ],
    )
    def test_a_condition_must_fit_the_tools_schema(
        self, stack: PolicyStack, shop: dict[str, Any], condition: str, reason: str
    ) -> None:
        scope = f'{OAUTH}, action == AgentCore::Action::"shop___refund", {on(shop)}'
        made = create(stack, stack.engine(), f"permit({scope}) when {{ {condition} }};")
        assert made["status"] == "CREATE_FAILED"
        assert any(reason in line for line in made["statusReasons"]), made["statusReasons"]

    @pytest.mark.behaviour("POL-SCHEMA-FINDINGS")
    def test_tags_are_for_users_alone(self, stack: PolicyStack, shop: dict[str, Any]) -> None:
        scope = f'principal is AgentCore::IamEntity, action == AgentCore::Action::"shop___refund", {on(shop)}'
        tagged = 'principal.hasTag("role") && principal.getTag("role") == "x"'
        known = create(stack, stack.engine(), f'permit({scope}) when {{ principal.id like "*support" }};')
        assert known["status"] == "ACTIVE", known["statusReasons"]
        engine = stack.engine()
        user = create(
            stack, engine, f"permit({scope.replace('IamEntity', 'OAuthUser')}) when {{ {tagged} }};"
        )
        assert user["status"] == "ACTIVE", user["statusReasons"]

    @pytest.mark.behaviour("POL-PERMISSIVE")
    def test_a_permit_without_condition_is_overly_permissive(
        self, stack: PolicyStack, shop: dict[str, Any]
    ) -> None:
        engine = stack.engine()
        scope = f'permit(principal, action == AgentCore::Action::"shop___refund", {on(shop)})'
        made = create(stack, engine, f"{scope};")
        assert made["status"] == "CREATE_FAILED"
        assert made["statusReasons"] == [
            "Overly Permissive: Policy Engine will allow every request for the specified principal "
            f"(AgentCore::{kind}), action (shop___refund) and resource ({shop['gatewayArn']}) combination if "
            "the policy is added or updated"
            for kind in ("IamEntity", "OAuthUser")
        ]
        assert create(stack, engine, f"{scope};", validationMode="IGNORE_ALL_FINDINGS")["status"] == "ACTIVE"
        assert create(stack, engine, f"{scope} when {{ context.input.amount < 9 }};")["status"] == "ACTIVE"

    @pytest.mark.behaviour("POL-RESTRICTIVE")
    def test_a_forbid_that_leaves_nothing_is_overly_restrictive(
        self, stack: PolicyStack, shop: dict[str, Any]
    ) -> None:
        engine = stack.engine()
        tool = f'action == AgentCore::Action::"shop___refund", {on(shop)}'
        forbid = f"forbid({OAUTH}, {tool}) when {{ context.input.amount > 9 }};"
        early = create(stack, engine, forbid)
        assert early["status"] == "CREATE_FAILED"
        assert early["statusReasons"][0].startswith(
            "Overly Restrictive: Policy Engine will deny every request"
        )
        stack.active(engine, f"permit({OAUTH}, {tool});")
        assert create(stack, engine, forbid)["status"] == "ACTIVE"
        blanket = create(stack, engine, "forbid(principal, action, resource is AgentCore::Gateway);")
        assert "action (Any Future Tools) and resource (gateway/*)" in blanket["statusReasons"][0]

    @pytest.mark.behaviour("POL-UPDATE-FAILED")
    def test_an_update_that_fails_leaves_the_statement_in_force(
        self, stack: PolicyStack, shop: dict[str, Any]
    ) -> None:
        engine = stack.engine()
        statement = f'permit({OAUTH}, action == AgentCore::Action::"shop___refund", {on(shop)});'
        made = stack.active(engine, statement)
        key = {"policyEngineId": engine["policyEngineId"], "policyId": made["policyId"]}
        broken = {"cedar": {"statement": statement.replace("refund", "refnd")}}
        stack.control.update_policy(**key, definition=broken)
        found = stack.get_policy(made)
        assert (found["status"], found["definition"]) == ("UPDATE_FAILED", made["definition"])
        assert "did you mean" in found["statusReasons"][0]
        # The statement is checked again also when only the mode changes.
        stack.control.update_policy(**key, enforcementMode="ACTIVE")
        assert stack.get_policy(made)["statusReasons"][0].startswith("Overly Permissive")
        stack.control.update_policy(**key, validationMode="IGNORE_ALL_FINDINGS")
        assert (stack.get_policy(made)["status"], stack.get_policy(made)["statusReasons"]) == ("ACTIVE", [])

    @pytest.mark.behaviour("POL-UNLISTED-TARGET")
    def test_a_target_that_cannot_be_listed_is_named(self, stack: PolicyStack) -> None:
        gateway = stack.gateway("shop", TOOLS)
        stack.control.create_gateway_target(
            gatewayIdentifier=gateway["gatewayId"],
            name="away",
            targetConfiguration={"mcp": {"mcpServer": {"endpoint": "http://127.0.0.1:1/mcp"}}},
        )
        statement = f'permit({OAUTH}, action == AgentCore::Action::"away___ping", {on(gateway)});'
        made = create(stack, stack.engine(), statement)
        assert any("the target away could not be listed" in line for line in made["statusReasons"])


def test_without_gateways_no_policy_is_stored(tmp_path) -> None:
    with control(ControlStack(tmp_path)) as agentcore:
        engine = agentcore.create_policy_engine(name="alone")["policyEngineId"]
        found = refused(
            agentcore.create_policy,
            policyEngineId=engine,
            name="p",
            definition={"cedar": {"statement": ANY}},
        )
        assert found[:2] == ("UnknownOperationException", 501)
