"""Lists and calls agree for any policies; whatever text, schema and arguments come, the answer is a clear one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cedarpy import Decision, Entities, PolicySet, is_authorized
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from skerry.local.gateway.policy import schema, values, vocabulary
from skerry.local.gateway.policy.policy_set import compiled
from skerry.local.gateway.policy.statement import DogwoodError, StatementError, parse
from skerry.local.gateway.policy.verdict import Asker
from skerry.local.ports.callers import Caller
from tests.fuzz.effort import scaled

ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:gateway/shop-0123456789"
TOOLS = ["shop___refund", "shop___status", "other___refund", "shop___third", "other___fourth"]
USERS = [
    Caller(kind="jwt", claims={"sub": "bo", "role": "admin"}),
    Caller(kind="jwt", claims={"sub": "eve"}),
    Caller(kind="iam", arn="arn:aws:sts::123456789012:assumed-role/support/call"),
    Caller(kind="anonymous"),
]
INPUTS: list[Any] = [
    {},
    {"x": 1},
    {"x": 7},
    {"x": "seven"},
    {"y": True},
    {"x": 7, "y": False},
    {"x": {"z": 1}},
]

EVERYWHERE = "(principal, action, resource is AgentCore::Gateway)"
EVERYTHING = f"permit{EVERYWHERE};"

# Conditions of every shape, some of which fail for some callers or inputs.
ATOMS = st.sampled_from(
    [
        "true",
        "false",
        'principal.id == "bo"',
        'principal.hasTag("role")',
        'principal.getTag("role") == "admin"',
        "principal is AgentCore::OAuthUser",
        'resource == AgentCore::Gateway::"elsewhere"',
        'action in AgentCore::Action::"shop"',
        'action in [AgentCore::Action::"other___fourth", AgentCore::Action::"shop___status"]',
        'action != AgentCore::Action::"shop___third"',
        "context.input has x",
        "context.input.x > 3",
        'context.input.x == "seven"',
        "context.input.y",
        "context has input",
        'context.input.x like "s*"',
    ]
)


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(inner, inner)
    return (
        two.map(lambda pair: f"({pair[0]} && {pair[1]})")
        | two.map(lambda pair: f"({pair[0]} || {pair[1]})")
        | inner.map(lambda one: f"!({one})")
        | st.tuples(inner, inner, inner).map(lambda three: "(if {} then {} else {})".format(*three))
    )


EXPRESSIONS = st.recursive(ATOMS, _compound, max_leaves=6)
CLAUSES = st.lists(st.tuples(st.sampled_from(["when", "unless"]), EXPRESSIONS), max_size=3)
SCOPES = st.tuples(
    st.sampled_from(["permit", "permit", "forbid"]),
    st.sampled_from(
        ["principal", "principal is AgentCore::OAuthUser", 'principal == AgentCore::OAuthUser::"bo"']
    ),
    st.sampled_from(
        ["action", 'action == AgentCore::Action::"shop___refund"', 'action in AgentCore::Action::"shop"']
    ),
    st.sampled_from(["resource is AgentCore::Gateway", f'resource == AgentCore::Gateway::"{ARN}"']),
)
STATEMENTS = st.tuples(SCOPES, CLAUSES).map(
    lambda drawn: (
        "{}({}, {}, {})".format(*drawn[0])
        + "".join(f" {kind} {{ {expression} }}" for kind, expression in drawn[1])
        + ";"
    )
)


def _records(statements: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "policyId": f"p{number}-0123456789",
            "status": "ACTIVE",
            "definition": {"cedar": {"statement": statement}},
        }
        for number, statement in enumerate(statements)
    ]


@pytest.mark.behaviour("POL-LIST-ANY-INPUT")
@pytest.mark.behaviour("GW-PERMITTED")
@settings(max_examples=scaled(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STATEMENTS, min_size=1, max_size=4))
@example([EVERYTHING, f"forbid{EVERYWHERE} unless {{ context.input has x }} when {{ true }};"])
@example([EVERYTHING, f'forbid{EVERYWHERE} when {{ context.input.x > 3 || principal.id == "bo" }};'])
def test_what_is_not_listed_is_never_callable(statements: list[str]) -> None:
    policies = compiled(_records(statements))
    for caller in USERS:
        asker = Asker(vocabulary.principal(caller), ARN)
        listed = policies.listing(asker, TOOLS)
        for tool, shown in zip(TOOLS, listed, strict=True):
            calls = [policies.call(asker, tool, json.dumps({"input": given})) for given in INPUTS]
            if not shown.allowed:
                assert not any(verdict.allowed for verdict in calls), (tool, statements)
            if not policies.reads_input:
                assert calls == [shown] * len(INPUTS)


@settings(max_examples=scaled(60), deadline=None)
@given(
    st.text(max_size=200)
    | STATEMENTS.map(lambda text: text[: len(text) // 2])
    | st.text("permit(){};&|!,= ").map(str)
)
def test_any_text_is_a_policy_or_a_clear_error(text: str) -> None:
    try:
        assert parse(text).effect in ("permit", "forbid")
    except (StatementError, DogwoodError) as problem:
        assert str(problem)


@pytest.mark.parametrize("operator", ["&&", "||"])
def test_a_policy_as_long_as_aws_allows_is_read_or_refused(operator: str) -> None:
    chain = f" {operator} ".join(['principal.id like "a*"'] * 150)
    assert parse(f"permit(principal, action, resource is AgentCore::Gateway) when {{ {chain} }};").conditional
    longest = f" {operator} ".join(["true"] * 1200)
    with pytest.raises(StatementError, match="nested too deep"):
        parse(f"permit(principal, action, resource is AgentCore::Gateway) when {{ {longest} }};")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=6) | st.sampled_from(["a", "b", "__entity", "__extn"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)
SCHEMAS = st.recursive(
    st.sampled_from(
        [
            {"type": "string"},
            {"type": "integer"},
            {"type": "number"},
            {"type": "boolean"},
            {"type": ["string", "null"]},
            {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            {"$ref": "#/$defs/loop"},
            {"$ref": "#/nowhere"},
            {},
            {"type": {"of": 7}, "anyOf": 3},
            {"type": [["x"], "null"]},
            {"type": 7, "properties": [], "items": "x", "required": 3},
        ]
    ),
    lambda inner: (
        inner.map(lambda item: {"type": "array", "items": item})
        | st.dictionaries(st.sampled_from(["a", "b", "c d", 'q"']), inner, max_size=3).map(
            lambda members: {"type": "object", "properties": members, "required": ["a"]}
        )
    ),
    max_leaves=6,
)
LOOP = {"type": "object", "properties": {"a": {"$ref": "#/$defs/loop"}}}


@pytest.mark.behaviour("POL-UNREADABLE")
@settings(max_examples=scaled(80), deadline=None)
@given(JSON, SCHEMAS)
def test_any_arguments_become_values_that_cedar_takes_or_are_refused(value: Any, member: Any) -> None:
    root = {"type": "object", "properties": {"a": member}, "$defs": {"loop": LOOP}}
    try:
        context = json.dumps({"input": values.cedar_value({"a": value}, root, root)})
    except values.UnrepresentableError:
        return
    who = vocabulary.principal(USERS[0])
    asked = vocabulary.request(who, "shop___refund", ARN, context)
    allowed = is_authorized(
        asked, PolicySet.from_str("permit(principal, action, resource);"), Entities.from_json_str("[]")
    )
    assert allowed.decision is Decision.Allow, (context, allowed.diagnostics.errors)


@settings(max_examples=scaled(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(["shop___a", "shop___b c", 'CallTool___"', "Mcp___x"]), SCHEMAS, max_size=4
    )
)
def test_any_tools_have_a_schema(tools: dict[str, Any]) -> None:
    rooted = {name: {**member, "$defs": {"loop": LOOP}} for name, member in tools.items()}
    assert str(schema.compiled(rooted, ["shop", "empty"]))
