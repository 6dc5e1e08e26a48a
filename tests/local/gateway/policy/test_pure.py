"""The rules behind decisions, one by one."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from cedarpy import policies_from_json_str

from skerry.local.gateway.policy import decisions, schema, values, vocabulary
from skerry.local.gateway.policy.optimism import without_input
from skerry.local.gateway.policy.statement import parse
from skerry.local.gateway.policy.verdict import Asker, Closed
from skerry.local.gateway.tools import Item
from skerry.local.ports.callers import Caller
from tests.kit.gateway_stack import post
from tests.kit.policy_stack import PolicyStack
from tests.local.gateway.policy.conftest import REFUND


class TestOptimism:
    @pytest.mark.parametrize(
        ("policy", "kept"),
        [
            ("permit", []),
            ("permit when { principal has id }", ["principal has id"]),
            ("permit when { principal has id && context.input.x > 1 }", ["principal has id"]),
            ("permit when { principal has id || context.input.x > 1 }", []),
            ("permit unless { principal has id || context.input.x > 1 }", ["!(principal has id)"]),
            ("permit unless { principal has id && context.input.x > 1 }", []),
            ("permit when { context.input.x > 1 } when { principal has id }", ["principal has id"]),
            ("forbid when { principal has id || context.input.x > 1 }", ["principal has id"]),
            ("forbid when { context.input.x > 1 || principal has id }", ["principal has id"]),
            ("forbid unless { principal has id && context.input.x > 1 }", ["!(principal has id)"]),
            (
                "forbid when { resource has id } when { principal has id || context.input has x }",
                ["resource has id", "principal has id"],
            ),
            ("forbid when { principal has id && context.input.x > 1 }", None),
            ("forbid when { context.input.x > 1 } when { principal has id }", None),
            ("forbid when { if principal has id then true else context.input.x > 1 }", None),
        ],
    )
    def test_conditions_that_read_no_input_are_kept(self, policy: str, kept: list[str] | None) -> None:
        effect, _, conditions = policy.partition(" ")
        body = parse(f"{effect}(principal, action, resource is AgentCore::Gateway) {conditions};").body
        left = without_input(body)
        if kept is None:
            assert left is None
            return
        wanted = "".join(f" when {{ {condition} }}" for condition in kept)
        expected = parse(f"{effect}(principal, action, resource is AgentCore::Gateway){wanted};").body
        assert left is not None
        assert text(left) == text(expected)


def text(body: Any) -> str:
    return policies_from_json_str(
        json.dumps({"templates": {}, "staticPolicies": {"p": body}, "templateLinks": []})
    )


class TestValues:
    @pytest.mark.behaviour("POL-TYPES")
    @pytest.mark.parametrize(
        ("value", "member", "expected"),
        [
            (5, {"type": "integer"}, 5),
            (5.0, {"type": "integer"}, 5),
            (5, {"type": "number"}, {"__extn": {"fn": "decimal", "arg": "5.0000"}}),
            (0.123456, {"type": "number"}, {"__extn": {"fn": "decimal", "arg": "0.1234"}}),
            (-0.00009, {"type": "number"}, {"__extn": {"fn": "decimal", "arg": "-0.0000"}}),
            (1.5, {}, {"__extn": {"fn": "decimal", "arg": "1.5000"}}),
            (True, {"type": "integer"}, True),
            (None, {"type": "string"}, {"__entity": {"type": "AgentCore::Null", "id": "null"}}),
            (
                2,
                {"anyOf": [{"type": "number"}, {"type": "null"}]},
                {"__extn": {"fn": "decimal", "arg": "2.0000"}},
            ),
            (
                [1, 2],
                {"type": "array", "items": {"$ref": "#/$defs/price"}},
                [
                    {"__extn": {"fn": "decimal", "arg": "1.0000"}},
                    {"__extn": {"fn": "decimal", "arg": "2.0000"}},
                ],
            ),
        ],
    )
    def test_a_value_becomes_what_its_schema_says(self, value: Any, member: Any, expected: Any) -> None:
        root = {"type": "object", "properties": {"a": member}, "$defs": {"price": {"type": "number"}}}
        assert values.cedar_value({"a": value}, root, root) == {"a": expected}

    @pytest.mark.behaviour("POL-UNREADABLE")
    def test_64_levels_are_held_and_65_are_not(self) -> None:
        def nested(levels: int) -> Any:
            value: Any = 1
            for _ in range(levels):
                value = {"a": value}
            return value

        assert values.cedar_value(nested(64), {}, {})
        with pytest.raises(values.UnrepresentableError):
            values.cedar_value(nested(65), {}, {})

    def test_types_of_pydantic_schemas(self) -> None:
        found = values.record_type(
            {
                "type": "object",
                "properties": {
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
                    "order": {"$ref": "#/$defs/Order"},
                    "nothing": {"type": "null"},
                    "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                },
                "required": ["order"],
                "$defs": {
                    "Order": {
                        "type": "object",
                        "properties": {"id": {"type": "string"}, "parent": {"$ref": "#/$defs/Order"}},
                    }
                },
            }
        )
        identified = {"id": {"type": "String", "required": False}}
        assert found == {
            "type": "Record",
            "attributes": {
                "note": {"type": "String", "required": False},
                "nothing": {"type": "Entity", "name": "AgentCore::Null", "required": False},
                "order": {"type": "Record", "attributes": identified, "required": True},
            },
        }


class TestVocabulary:
    @pytest.mark.parametrize("target", ["CallTool", "Mcp"])
    def test_a_target_called_like_a_group_is_no_circle(self, target: str) -> None:
        assert vocabulary.parents(f"{target}___x") == ("CallTool", "Mcp")
        assert str(schema.compiled({f"{target}___x": {}}, [target]))

    def test_the_schema_is_the_documented_one(self) -> None:
        shown = str(schema.compiled({"shop___refund": REFUND["inputSchema"]}))
        assert 'action "shop___refund" in [Action::"shop"]' in shown
        assert 'action "shop" in [Action::"CallTool"]' in shown
        assert 'action "CallTool" in [Action::"Mcp"]' in shown
        assert "tags __cedar::String" in shown
        assert "share?: __cedar::decimal" in shown


def test_a_gateway_without_policies_does_without_cedar() -> None:
    """Loading it takes longer than the rest of the plane."""
    asked = "import sys, skerry.local.app; print('cedarpy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_what_is_kept_of_decisions_is_bounded() -> None:
    engine = decisions._Engine(Closed("nothing"))
    for number in range(decisions.PRINCIPALS_KEPT + 10):
        engine.known(Asker(vocabulary.principal(Caller(kind="iam", arn=str(number))), "arn"))
    assert len(engine.decided) == decisions.PRINCIPALS_KEPT
    asker = Asker(vocabulary.principal(Caller(kind="iam", arn="somebody")), "arn")
    for name in ("made___up", "made___up_too"):
        assert not engine.call(asker, Item(name, name, {}, b""), "{}").allowed
    assert engine.known(asker) == {}
    assert not engine.call(asker, Item("a", "t___a", {}, b"{}"), "{}").allowed
    assert list(engine.known(asker)) == ["t___a"]


@pytest.mark.behaviour("POL-THOUSAND")
def test_a_thousand_tools_are_listed_under_policies(stack: PolicyStack) -> None:
    tools = [{**REFUND, "name": f"refund{number}"} for number in range(1000)]
    paging = {"mcp": {"disableMcpListToolsPagination": True}}
    gateway = stack.gateway("big", tools, protocolConfiguration=paging)
    engine = stack.engine()
    arn = gateway["gatewayArn"]
    resource = f'resource == AgentCore::Gateway::"{arn}"'
    permit = (
        f'permit(principal, action in AgentCore::Action::"big", {resource}) when {{ principal.id == "bo" }};'
    )
    stack.active(engine, permit)
    for number in range(5):
        tool = f'action == AgentCore::Action::"big___refund{number}"'
        stack.active(engine, f"forbid(principal, {tool}, {resource}) unless {{ context.input.amount < 9 }};")
        tool = f'action == AgentCore::Action::"big___refund{number + 10}"'
        stack.active(engine, f"forbid(principal, {tool}, {resource});")
    stack.enforce(gateway, engine)
    answer = post(stack.url(gateway), "tools/list", headers=stack.bearer(sub="bo")).json()
    listed = {tool["name"] for tool in answer["result"]["tools"]}
    assert {f"big___refund{number}" for number in range(1000)} - listed == {
        f"big___refund{number + 10}" for number in range(5)
    }
    assert (
        post(stack.url(gateway), "tools/list", headers=stack.bearer(sub="eve")).json()["result"]["tools"]
        == []
    )
