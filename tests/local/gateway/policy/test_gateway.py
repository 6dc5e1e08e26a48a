"""What callers of a gateway with policies are shown and may call, over the wire."""

from __future__ import annotations

import logging
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from skerry.local.ports.resources import Change
from skerry.local.state.records import Write
from tests.kit.gateway_stack import ACCOUNT, MODERN, post
from tests.kit.mcp_backends import Backend
from tests.kit.policy_stack import PolicyStack, Signer
from tests.local.gateway.policy.conftest import STATUS, TOOLS
from tests.local.gateway.test_sessions import listening, opened

OAUTH = "principal is AgentCore::OAuthUser"
DENIED = (
    "AuthorizeActionException - Tool Execution Denied: Tool call not allowed due to policy enforcement [{}]"
)
DEFAULT = DENIED.format("No policy applies to the request (denied by default).")


def statement(
    gateway: dict[str, Any],
    effect: str = "permit",
    *,
    who: str = OAUTH,
    tool: str = "",
    when: str = "",
) -> str:
    action = f'action == AgentCore::Action::"{tool}"' if tool else "action"
    clause = f" when {{ {when} }}" if when else ""
    return f'{effect}({who}, {action}, resource == AgentCore::Gateway::"{gateway["gatewayArn"]}"){clause};'


def guarded(stack: PolicyStack, *policies: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A gateway with `shop___refund` and `shop___status`, whose engine enforces these policies."""
    mode = members.pop("mode", "ENFORCE")
    gateway = stack.gateway("shop", TOOLS, **members)
    engine = stack.engine()
    for policy in policies:
        options = {key: policy[key] for key in ("enforcementMode",) if key in policy}
        rest = {key: value for key, value in policy.items() if key not in options}
        stack.active(engine, statement(gateway, **rest), **options)
    stack.enforce(gateway, engine, mode=mode)
    return gateway | {"engine": engine}


def names(stack: PolicyStack, gateway: dict[str, Any], **how: Any) -> list[str]:
    answer = post(stack.url(gateway), "tools/list", **how)
    assert answer.status_code == 200, answer.text
    return [tool["name"] for tool in answer.json()["result"]["tools"]]


def call(stack: PolicyStack, gateway: dict[str, Any], tool: str, arguments: Any, **how: Any) -> str:
    """The text of the result; it is a result in any case."""
    answer = post(stack.url(gateway), "tools/call", {"name": tool, "arguments": arguments}, **how)
    assert answer.status_code == 200, answer.text
    result = answer.json()["result"]
    text = result["content"][0]["text"]
    assert result.get("isError", False) is (text.startswith(("Authorize", "Validation")))
    return str(text)


def server(stack: PolicyStack, gateway: dict[str, Any], name: str, url: str, mode: str) -> None:
    """One more target: an MCP server."""
    stack.control.create_gateway_target(
        gatewayIdentifier=gateway["gatewayId"],
        name=name,
        targetConfiguration={"mcp": {"mcpServer": {"endpoint": url, "listingMode": mode}}},
    )


class TestDecisions:
    @pytest.mark.behaviour("POL-DEFAULT-DENY")
    @pytest.mark.behaviour("POL-DENY-ANSWER")
    @pytest.mark.parametrize("modern", [False, True])
    def test_without_a_permit_nothing_is_listed_or_callable(self, stack: PolicyStack, modern: bool) -> None:
        gateway = guarded(stack)
        who = stack.bearer()
        assert names(stack, gateway, headers=who, modern=modern) == []
        answer = post(
            stack.url(gateway),
            "tools/call",
            {"name": "shop___status", "arguments": {}},
            headers=who,
            modern=modern,
        )
        result = answer.json()["result"]
        assert (result["content"], result["isError"]) == ([{"type": "text", "text": DEFAULT}], True)

    @pytest.mark.behaviour("POL-DEFAULT-DENY")
    def test_a_permit_for_one_tool_shows_and_allows_that_tool(self, stack: PolicyStack) -> None:
        gateway = guarded(stack, {"tool": "shop___status"})
        who = stack.bearer()
        assert names(stack, gateway, headers=who) == ["shop___status"]
        assert call(stack, gateway, "shop___status", {"order": "7"}, headers=who) == '{"order": "7"}'
        assert call(stack, gateway, "shop___refund", {"amount": 1}, headers=who) == DEFAULT

    @pytest.mark.behaviour("POL-FORBID-WINS")
    def test_a_forbid_wins_over_every_permit_and_is_named(self, stack: PolicyStack) -> None:
        gateway = guarded(stack, {})
        who = stack.bearer()
        assert names(stack, gateway, headers=who) == ["shop___refund", "shop___status"]
        stop = stack.active(
            gateway["engine"], statement(gateway, "forbid", tool="shop___refund"), name=stack.fresh("stop_")
        )
        assert names(stack, gateway, headers=who) == ["shop___status"]
        denied = call(stack, gateway, "shop___refund", {"amount": 1}, headers=who)
        assert denied == DENIED.format(f"Policy evaluation denied due to {stop['policyId']}")

    @pytest.mark.behaviour("POL-TARGET-GROUP")
    def test_a_target_is_a_group_that_also_takes_later_tools(self, stack: PolicyStack) -> None:
        gateway = guarded(stack)
        arn = gateway["gatewayArn"]
        stack.active(
            gateway["engine"],
            f'permit({OAUTH}, action in AgentCore::Action::"shop", resource == AgentCore::Gateway::"{arn}");',
        )
        stack.target(gateway, "late", [STATUS])
        assert names(stack, gateway, headers=stack.bearer()) == ["shop___refund", "shop___status"]

    @pytest.mark.behaviour("POL-SHARED-ENGINE")
    def test_an_engine_serves_several_gateways_and_a_policy_the_one_it_names(
        self, stack: PolicyStack
    ) -> None:
        first = guarded(stack, {})
        second = stack.gateway("shop", TOOLS)
        stack.enforce(second, first["engine"])
        assert names(stack, first, headers=stack.bearer()) == ["shop___refund", "shop___status"]
        assert names(stack, second, headers=stack.bearer()) == []
        stack.active(first["engine"], f"permit({OAUTH}, action, resource is AgentCore::Gateway);")
        assert names(stack, second, headers=stack.bearer()) == ["shop___refund", "shop___status"]

    @pytest.mark.behaviour("POL-TOOLS-ONLY")
    def test_prompts_and_resources_are_not_for_policies(self, stack: PolicyStack) -> None:
        gateway = guarded(stack)
        for method in ("prompts/list", "resources/list", "resources/templates/list"):
            assert "error" not in post(stack.url(gateway), method, headers=stack.bearer()).json()


class TestPrincipals:
    @pytest.mark.behaviour("POL-OAUTH-USER")
    def test_the_subject_is_the_id_and_claims_are_tags(self, stack: PolicyStack) -> None:
        admin = 'principal.hasTag("role") && principal.getTag("role") == "admin"'
        gateway = guarded(
            stack,
            {"tool": "shop___refund", "when": admin},
            {"tool": "shop___status", "when": 'principal.id == "bo"'},
        )
        assert names(stack, gateway, headers=stack.bearer(role="admin")) == ["shop___refund"]
        assert names(stack, gateway, headers=stack.bearer(role="user")) == []
        assert names(stack, gateway, headers=stack.bearer(sub="bo")) == ["shop___status"]
        arn = gateway["gatewayArn"]
        stack.active(
            gateway["engine"],
            f'permit(principal == AgentCore::OAuthUser::"eve", action, resource == AgentCore::Gateway::"{arn}");',
        )
        assert names(stack, gateway, headers=stack.bearer(sub="eve")) == ["shop___refund", "shop___status"]

    @pytest.mark.behaviour("POL-CLAIM-TEXT")
    def test_a_claim_that_is_no_text_is_its_json(self, stack: PolicyStack) -> None:
        groups = 'principal.hasTag("groups") && principal.getTag("groups") like "*\\"staff\\"*"'
        level = 'principal.hasTag("level") && principal.getTag("level") == "3"'
        gateway = guarded(
            stack, {"tool": "shop___refund", "when": groups}, {"tool": "shop___status", "when": level}
        )
        who = stack.bearer(groups=["guests", "staff"], level=3)
        assert names(stack, gateway, headers=who) == ["shop___refund", "shop___status"]
        assert names(stack, gateway, headers=stack.bearer(groups=["staffed"], level=4)) == []

    @pytest.mark.behaviour("POL-IAM-ENTITY")
    def test_a_role_is_known_without_its_session(self, stack: PolicyStack) -> None:
        role = f"arn:aws:sts::{ACCOUNT}:assumed-role/support"
        gateway = guarded(
            stack,
            {"who": f'principal == AgentCore::IamEntity::"{role}"', "tool": "shop___refund"},
            {
                "who": "principal is AgentCore::IamEntity",
                "tool": "shop___status",
                "when": 'principal.id like "*:user/skerry"',
            },
            authorizer="AWS_IAM",
        )
        support = Signer(stack, stack.access.assume(f"arn:aws:iam::{ACCOUNT}:role/support", "call-1"))
        other = Signer(stack, stack.access.assume(f"arn:aws:iam::{ACCOUNT}:role/other", "call-1"))
        assert names(stack, gateway, sign=support) == ["shop___refund"]
        assert names(stack, gateway, sign=other) == []
        assert names(stack, gateway, sign=stack) == ["shop___status"]
        assert call(stack, gateway, "shop___refund", {"amount": 1}, sign=support) == '{"amount": 1}'
        assert call(stack, gateway, "shop___refund", {"amount": 1}, sign=other) == DEFAULT

    @pytest.mark.behaviour("POL-ANONYMOUS")
    def test_nobody_is_neither_a_user_nor_a_role(self, stack: PolicyStack) -> None:
        gateway = guarded(stack, {}, authorizer="NONE")
        assert names(stack, gateway) == []
        stack.active(gateway["engine"], statement(gateway, who="principal", tool="shop___status"))
        assert names(stack, gateway) == ["shop___status"]

    @pytest.mark.behaviour("POL-UNREADABLE")
    def test_a_claim_that_is_no_unicode_is_denied(self, stack: PolicyStack) -> None:
        gateway = guarded(stack, {})
        who = stack.bearer(nick="\ud800")
        assert names(stack, gateway, headers=who) == []
        denied = call(stack, gateway, "shop___status", {}, headers=who)
        assert denied == DENIED.format("Cannot determine input entity type")


class TestInput:
    @pytest.mark.behaviour("POL-INPUT")
    @pytest.mark.behaviour("POL-LIST-ANY-INPUT")
    def test_arguments_decide_calls_and_the_tool_is_listed(self, stack: PolicyStack) -> None:
        gateway = guarded(stack, {"tool": "shop___refund", "when": "context.input.amount < 1000"})
        who = stack.bearer()
        assert names(stack, gateway, headers=who) == ["shop___refund"]
        assert call(stack, gateway, "shop___refund", {"amount": 999}, headers=who) == '{"amount": 999}'
        assert call(stack, gateway, "shop___refund", {"amount": 1000}, headers=who) == DEFAULT

    @pytest.mark.behaviour("POL-LIST-ANY-INPUT")
    def test_a_tool_is_not_listed_when_no_argument_could_help(self, stack: PolicyStack) -> None:
        gateway = guarded(
            stack,
            {"tool": "shop___refund", "when": 'principal.id == "bo" && context.input.amount < 1000'},
            {"tool": "shop___status"},
            {"effect": "forbid", "tool": "shop___status", "when": 'principal.id == "eve"'},
        )
        assert names(stack, gateway, headers=stack.bearer(sub="bo")) == ["shop___refund", "shop___status"]
        assert names(stack, gateway, headers=stack.bearer(sub="eve")) == []

    @pytest.mark.behaviour("POL-TYPES")
    @pytest.mark.parametrize(
        ("condition", "allowed", "denied"),
        [
            ("context.input.amount == 5", {"amount": 5}, {"amount": 6}),
            (
                'context.input has share && context.input.share.lessThan(decimal("0.5"))',
                {"share": 0.25},
                {"share": 1},
            ),
            (
                'context.input has reason && context.input.reason like "broken*"',
                {"reason": "broken lid"},
                {"reason": "late"},
            ),
            (
                'context.input has order && context.input.order.id == "7"',
                {"order": {"id": "7"}},
                {"order": {"id": "8"}},
            ),
        ],
    )
    def test_each_json_type_has_its_cedar_type(
        self, stack: PolicyStack, condition: str, allowed: dict[str, Any], denied: dict[str, Any]
    ) -> None:
        gateway = guarded(stack, {"tool": "shop___refund", "when": condition})
        who = stack.bearer()
        assert "Authorize" not in call(stack, gateway, "shop___refund", {"amount": 1, **allowed}, headers=who)
        assert call(stack, gateway, "shop___refund", {"amount": 1, **denied}, headers=who) == DEFAULT

    @pytest.mark.behaviour("POL-BEFORE-SCHEMA")
    def test_policies_are_asked_before_arguments_are_checked(self, stack: PolicyStack) -> None:
        gateway = guarded(stack, {"tool": "shop___refund", "when": 'principal.id == "bo"'})
        bad = {"wrong": 1}
        assert call(stack, gateway, "shop___refund", bad, headers=stack.bearer(sub="eve")) == DEFAULT
        checked = call(stack, gateway, "shop___refund", bad, headers=stack.bearer(sub="bo"))
        assert checked.startswith("ValidationException - ")

    @pytest.mark.behaviour("POL-FORBID-FAILS")
    @pytest.mark.parametrize(
        "amount", ["9999", 1e3 + 0.5, None, [1], {"__extn": {"fn": "decimal", "arg": "1.0"}}]
    )
    def test_an_argument_of_another_type_does_not_switch_off_a_forbid(
        self, stack: PolicyStack, amount: Any
    ) -> None:
        gateway = guarded(
            stack, {}, {"effect": "forbid", "tool": "shop___refund", "when": "context.input.amount > 1000"}
        )
        who = stack.bearer()
        assert call(stack, gateway, "shop___refund", {"amount": 10}, headers=who) == '{"amount": 10}'
        assert "Tool Execution Denied" in call(
            stack, gateway, "shop___refund", {"amount": amount}, headers=who
        )

    @pytest.mark.behaviour("POL-UNREADABLE")
    @pytest.mark.parametrize(
        "extra",
        [
            {"reason": {"__entity": {"type": "AgentCore::OAuthUser", "id": "root"}}},
            {"amount": 2**63},
            {"share": 1e300},
            {"reason": "\ud800"},
        ],
    )
    def test_arguments_that_cedar_cannot_hold_are_denied(
        self, stack: PolicyStack, extra: dict[str, Any]
    ) -> None:
        gateway = guarded(stack, {"tool": "shop___refund", "when": "context.input has amount"})
        denied = call(stack, gateway, "shop___refund", {"amount": 1, **extra}, headers=stack.bearer())
        assert denied == DENIED.format("Cannot determine input entity type")


class TestServers:
    """Tools of an MCP server, listed once or for each caller anew."""

    @pytest.mark.behaviour("POL-MCP-SERVER")
    @pytest.mark.parametrize("mode", ["DEFAULT", "DYNAMIC"])
    def test_tools_of_a_server_are_guarded_too(self, stack: PolicyStack, backend: Backend, mode: str) -> None:
        gateway = guarded(stack)
        server(stack, gateway, "far", backend.url, mode)
        short = "" if mode == "DYNAMIC" else 'context.input.text like "a*"'
        stack.active(gateway["engine"], statement(gateway, tool="far___echo", when=short))
        who = stack.bearer()
        assert names(stack, gateway, headers=who) == ["far___echo"]
        assert call(stack, gateway, "far___echo", {"text": "abc"}, headers=who) == "abc"
        assert call(stack, gateway, "far___change_email", {}, headers=who) == DEFAULT
        if short:
            assert call(stack, gateway, "far___echo", {"text": "bcd"}, headers=who) == DEFAULT

    @pytest.mark.behaviour("POL-JUDGED-SENT")
    def test_a_member_that_stands_twice_is_sent_as_it_was_judged(
        self, stack: PolicyStack, backend: Backend
    ) -> None:
        gateway = guarded(stack)
        server(stack, gateway, "far", backend.url, "DEFAULT")
        short = 'context.input.text == "good"'
        stack.active(gateway["engine"], statement(gateway, tool="far___echo", when=short))
        headers = {
            **stack.bearer(),
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
        }
        told = []
        for arguments in ('{"text":"evil","text":"good"}', '{"text":"good","text":"evil"}'):
            body = (
                '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
                f'{{"name":"far___echo","arguments":{arguments}}}}}'
            )
            with httpx2.Client(trust_env=False) as http:
                answer = http.post(stack.url(gateway), content=body, headers=headers).json()
            told.append(answer["result"]["content"][0]["text"])
        assert told == ["good", DEFAULT]

    @pytest.mark.behaviour("POL-BEFORE-TARGET")
    def test_who_is_denied_does_not_hear_of_the_target(self, stack: PolicyStack) -> None:
        gateway = guarded(stack, {"who": 'principal == AgentCore::OAuthUser::"bo"'})
        server(stack, gateway, "away", "http://127.0.0.1:1/mcp", "DEFAULT")
        assert call(stack, gateway, "away___ping", {}, headers=stack.bearer(sub="eve")) == DEFAULT
        answer = post(
            stack.url(gateway), "tools/call", {"name": "away___ping"}, headers=stack.bearer(sub="bo")
        )
        assert "The target 'away' is not available" in answer.text


class TestOrder:
    @pytest.mark.behaviour("POL-ORDER")
    def test_what_an_interceptor_makes_of_a_request_is_judged(self, stack: PolicyStack) -> None:
        def dearer(event: Any, custom: Any) -> Any:
            body = event["mcp"]["gatewayRequest"]["body"]
            if body["method"] == "tools/call":
                body["params"]["arguments"]["amount"] *= 100
            return {"interceptorOutputVersion": "1.0", "mcp": {"transformedGatewayRequest": {"body": body}}}

        name = stack.fresh("dearer")
        stack.functions.functions[name] = dearer
        before = {
            "interceptor": {"lambda": {"arn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"}},
            "interceptionPoints": ["REQUEST"],
        }
        gateway = guarded(
            stack,
            {"tool": "shop___refund", "when": "context.input.amount < 1000"},
            interceptorConfigurations=[before],
        )
        who = stack.bearer()
        assert call(stack, gateway, "shop___refund", {"amount": 9}, headers=who) == '{"amount": 900}'
        assert call(stack, gateway, "shop___refund", {"amount": 10}, headers=who) == DEFAULT
        assert (
            stack.recorder.inbound(gateway["name"], "tools/call").detail["policy"].startswith("ENFORCE DENY")
        )

    @pytest.mark.behaviour("POL-ORDER")
    def test_a_rate_limit_is_asked_before_policies(self, stack: PolicyStack) -> None:
        gateway, who = guarded(stack), stack.bearer()
        stack.control.create_gateway_rate_limit(
            gatewayIdentifier=gateway["gatewayId"],
            dimensionKeys=["toolName"],
            entries=[{"dimensions": {"toolName": "*"}, "requests": [{"rate": 0, "period": "second"}]}],
        )
        arguments = {"name": "shop___refund", "arguments": {"amount": 1}}
        answer = post(stack.url(gateway), "tools/call", arguments, headers=who).json()
        assert answer["error"]["code"] == -32003
        assert "policy" not in stack.recorder.inbound(gateway["name"], "tools/call").detail


@pytest.mark.behaviour("POL-SEARCH")
def test_a_search_finds_what_the_caller_may_be_shown(stack: PolicyStack) -> None:
    searching = {"mcp": {"searchType": "SEMANTIC"}}
    gateway = guarded(stack, {"tool": "shop___status"}, protocolConfiguration=searching)

    def found(**claims: Any) -> list[str]:
        arguments = {
            "name": "x_amz_bedrock_agentcore_search",
            "arguments": {"query": "refund money, order status"},
        }
        answer = post(stack.url(gateway), "tools/call", arguments, headers=stack.bearer(**claims)).json()
        return [tool["name"] for tool in answer["result"]["structuredContent"]["tools"]]

    assert found() == ["shop___status"]
    assert names(stack, gateway, headers=stack.bearer()) == [
        "x_amz_bedrock_agentcore_search",
        "shop___status",
    ]
    stack.active(gateway["engine"], statement(gateway, tool="shop___refund", when='principal.id == "bo"'))
    assert sorted(found(sub="bo")) == ["shop___refund", "shop___status"]
    assert found(sub="eve") == ["shop___status"]


class TestModes:
    @pytest.mark.behaviour("POL-ENGINE-LOG-ONLY")
    def test_an_engine_in_log_only_decides_nothing_and_says_what_it_would(self, stack: PolicyStack) -> None:
        gateway = guarded(stack, {"tool": "shop___status"}, mode="LOG_ONLY")
        who = stack.bearer()
        assert names(stack, gateway, headers=who) == ["shop___refund", "shop___status"]
        assert call(stack, gateway, "shop___refund", {"amount": 1}, headers=who) == '{"amount": 1}'
        hop = stack.recorder.inbound(gateway["name"], "tools/call")
        assert hop.detail["policy"] == "LOG_ONLY DENY [No policy applies to the request (denied by default).]"
        assert (
            stack.recorder.inbound(gateway["name"], "tools/list").detail["policy"] == "LOG_ONLY 1 of 2 tools"
        )

    @pytest.mark.behaviour("POL-POLICY-LOG-ONLY")
    def test_a_policy_in_log_only_decides_nothing_and_says_what_it_would(self, stack: PolicyStack) -> None:
        gateway = guarded(
            stack,
            {"tool": "shop___refund"},
            {
                "effect": "forbid",
                "tool": "shop___refund",
                "when": "context.input.amount > 5",
                "enforcementMode": "LOG_ONLY",
            },
        )
        who = stack.bearer()
        assert call(stack, gateway, "shop___refund", {"amount": 9}, headers=who) == '{"amount": 9}'
        detail = stack.recorder.inbound(gateway["name"], "tools/call").detail
        assert detail["policy"].startswith("ENFORCE ALLOW [policy")
        assert detail["policy_trial"].startswith("LOG_ONLY DENY [Policy evaluation denied due to policy")
        forbid = stack.control.list_policies(policyEngineId=gateway["engine"]["policyEngineId"])["policies"][
            -1
        ]
        stack.control.update_policy(
            policyEngineId=forbid["policyEngineId"],
            policyId=forbid["policyId"],
            enforcementMode="ACTIVE",
            validationMode="IGNORE_ALL_FINDINGS",
        )
        assert "Tool Execution Denied" in call(stack, gateway, "shop___refund", {"amount": 9}, headers=who)

    @pytest.mark.behaviour("POL-HOPS")
    def test_a_decision_is_in_the_hop(self, stack: PolicyStack) -> None:
        gateway = guarded(stack, {"tool": "shop___status"})
        call(stack, gateway, "shop___refund", {"amount": 1}, headers=stack.bearer())
        hop = stack.recorder.inbound(gateway["name"], "tools/call")
        assert hop.detail["policy"] == "ENFORCE DENY [No policy applies to the request (denied by default).]"
        assert hop.status == 200


class TestChanges:
    @pytest.mark.behaviour("POL-NEXT-CALL")
    def test_each_change_holds_for_the_next_call(self, stack: PolicyStack) -> None:
        gateway, who = guarded(stack), stack.bearer()
        engine = gateway["engine"]
        assert names(stack, gateway, headers=who) == []
        policy = stack.active(engine, statement(gateway, tool="shop___status"))
        assert names(stack, gateway, headers=who) == ["shop___status"]
        stack.control.update_policy(
            policyEngineId=engine["policyEngineId"],
            policyId=policy["policyId"],
            definition={"cedar": {"statement": statement(gateway, tool="shop___refund")}},
            validationMode="IGNORE_ALL_FINDINGS",
        )
        assert names(stack, gateway, headers=who) == ["shop___refund"]
        stack.control.delete_policy(policyEngineId=engine["policyEngineId"], policyId=policy["policyId"])
        assert names(stack, gateway, headers=who) == []
        stack.enforce(gateway, engine, mode="LOG_ONLY")
        assert names(stack, gateway, headers=who) == ["shop___refund", "shop___status"]
        stack.enforce(gateway, engine)
        assert names(stack, gateway, headers=who) == []
        stack.enforce(gateway, None)
        assert names(stack, gateway, headers=who) == ["shop___refund", "shop___status"]

    @pytest.mark.behaviour("POL-FAIL-CLOSED")
    def test_without_its_engine_a_gateway_denies_everything(self, stack: PolicyStack) -> None:
        gateway, who = guarded(stack, {}), stack.bearer()
        engine = gateway["engine"]
        assert len(names(stack, gateway, headers=who)) == 2
        for policy in stack.control.list_policies(policyEngineId=engine["policyEngineId"])["policies"]:
            stack.control.delete_policy(policyEngineId=engine["policyEngineId"], policyId=policy["policyId"])
        stack.control.delete_policy_engine(policyEngineId=engine["policyEngineId"])
        assert names(stack, gateway, headers=who) == []
        denied = call(stack, gateway, "shop___status", {}, headers=who)
        assert denied == DENIED.format(f"The policy engine {engine['policyEngineArn']} does not exist.")

    @pytest.mark.behaviour("POL-FAILED-APART")
    def test_a_policy_that_failed_takes_no_part(self, stack: PolicyStack) -> None:
        gateway = guarded(stack)
        permissive = stack.policy(
            gateway["engine"], statement(gateway), validationMode="FAIL_ON_ANY_FINDINGS"
        )
        assert permissive["status"] == "CREATE_FAILED"
        assert names(stack, gateway, headers=stack.bearer()) == []

    @pytest.mark.behaviour("POL-FAIL-CLOSED")
    def test_a_policy_that_cannot_be_read_closes_the_gateway(self, stack: PolicyStack) -> None:
        gateway, who = guarded(stack, {}), stack.bearer()
        found = stack.resources.policies(gateway["engine"]["policyEngineArn"])
        assert found is not None
        broken = {**found[0], "definition": {"cedar": {"statement": "written by a newer skerry"}}}
        key = f"{broken['policyEngineId']}/{broken['policyId']}"
        stack.write([Write("policy", key, broken)], [Change("policy", "updated", key, broken)])
        assert names(stack, gateway, headers=who) == []
        denied = call(stack, gateway, "shop___status", {}, headers=who)
        assert "[A policy of the engine cannot be read: " in denied

    @pytest.mark.behaviour("POL-WARN-NO-PERMIT")
    def test_an_engine_that_hides_everything_is_told_once(
        self, stack: PolicyStack, caplog: pytest.LogCaptureFixture
    ) -> None:
        gateway = guarded(stack, {"who": "principal is AgentCore::IamEntity"})
        with caplog.at_level(logging.WARNING, "skerry.gateway"):
            names(stack, gateway, headers=stack.bearer())
            names(stack, gateway, headers=stack.bearer(sub="bo"))
        said = [text for name, _, text in caplog.record_tuples if name == "skerry.gateway"]
        said = [text for text in said if gateway["gatewayId"] in text]
        why = "No active policy permits one of its tools to an AgentCore::OAuthUser."
        assert said == [f"gateway {gateway['gatewayId']}: ENFORCE hides every tool. {why}"]


@pytest.mark.behaviour("POL-CLIENT")
@pytest.mark.parametrize("mode", ["legacy", "auto", MODERN])
async def test_the_sdk_client_sees_and_calls_what_is_permitted(stack: PolicyStack, mode: str) -> None:
    gateway = guarded(stack, {"tool": "shop___refund", "when": "context.input.amount < 10"})
    async with (
        httpx2.AsyncClient(trust_env=False, headers=stack.bearer()) as http,
        Client(streamable_http_client(stack.url(gateway), http_client=http), mode=mode) as client,
    ):
        assert [tool.name for tool in (await client.list_tools()).tools] == ["shop___refund"]
        allowed = await client.call_tool("shop___refund", {"amount": 5})
        assert (allowed.is_error, allowed.content[0].text) == (False, '{"amount": 5}')
        denied = await client.call_tool("shop___refund", {"amount": 50})
        assert (denied.is_error, denied.content[0].text) == (True, DEFAULT)


@pytest.mark.behaviour("POL-LIST-CHANGED")
def test_who_listens_hears_that_a_policy_changed_what_is_shown(stack: PolicyStack) -> None:
    streams = {
        "sessionConfiguration": {"sessionTimeoutInSeconds": 900},
        "streamingConfiguration": {"enableResponseStreaming": True},
    }
    gateway = guarded(stack, {"tool": "shop___refund"}, protocolConfiguration={"mcp": streams})
    url, token = stack.url(gateway), stack.bearer()
    session = opened(url, headers=token)
    with listening(url, session, token) as messages:
        stack.active(gateway["engine"], statement(gateway, tool="shop___status"))
        assert next(messages)["method"] == "notifications/tools/list_changed"
