"""What a gateway's role needs besides targets: credentials of the vault, secrets, the policy engine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from skerry.auth.iam.least import least
from skerry.local.clock import SystemClock
from skerry.local.iam.permissions import PermissionChecks
from skerry.local.iam.principals import Principals
from skerry.local.state.resources import Resources
from skerry.settings.local import Permissions as Mode
from skerry.stack.commands.iam import needs
from skerry.wire.hop import Hop
from tests.kit.gateway_stack import ACCOUNT, REGION, post
from tests.kit.http_backend import HttpBackend
from tests.kit.iam import NoPolicies, Statements, allow, deny, document, trust
from tests.kit.local_endpoint import ROLE
from tests.kit.policy_stack import PolicyStack, policy_stack
from tests.local.gateway.policy.conftest import TOOLS
from tests.local.gateway.policy.test_gateway import DEFAULT

PREFIX = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:"
DIRECTORY = f"{PREFIX}workload-identity-directory/default"
SERVICE = {"Service": "bedrock-agentcore.amazonaws.com"}
PERMIT = 'permit(principal is AgentCore::OAuthUser, action, resource == AgentCore::Gateway::"{}");'


class OneRole:
    """Implements `principals.PrincipalSource` with the role of the gateways; `holds` gives it its policy."""

    def __init__(self) -> None:
        self.principals = Principals(self, SystemClock())
        self.holds(allow("*"))

    def holds(self, *statements: Mapping[str, Any], trusted: str = trust(SERVICE)) -> None:
        found: Statements = statements
        self._role = {
            "arn": ROLE,
            "id": "AROA",
            "tags": {},
            "identity": [["inline own", document(*found)]] if found else [],
            "trust": trusted,
        }
        self.principals.forget()

    async def principal(self, arn: str) -> Mapping[str, Any] | None:
        return self._role if arn == ROLE else None

    def checks(self, resources: Resources, mode: Mode = "enforce") -> PermissionChecks:
        return PermissionChecks(
            self.principals,
            resources,
            SystemClock(),
            policies=NoPolicies(),
            region="us-east-1",
            administrator=f"arn:aws:iam::{ACCOUNT}:user/skerry",
            mode=mode,
        )


@pytest.fixture(scope="module")
def role() -> OneRole:
    return OneRole()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, role: OneRole) -> Iterator[PolicyStack]:
    with policy_stack(tmp_path_factory.mktemp("role"), permissions=role.checks) as running:
        yield running


@pytest.fixture(autouse=True)
def restored(role: OneRole) -> Iterator[None]:
    yield
    role.holds(allow("*"))


def api_key_gateway(stack: PolicyStack, service: HttpBackend, **members: Any) -> tuple[dict[str, Any], Any]:
    """A gateway with the tool `api___read`, whose target wants an API key; and the key's provider."""
    provider = stack.control.create_api_key_credential_provider(name=stack.fresh("key"), apiKey="s3cret")
    gateway = stack.gateway("shop", TOOLS, **members)
    operation = {"operationId": "read", "description": "Reads.", "responses": {"200": {"description": "ok"}}}
    schema = {
        "openapi": "3.0.0",
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": service.url}],
        "paths": {"/read": {"get": operation}},
    }
    key = {"providerArn": provider["credentialProviderArn"], "credentialParameterName": "X-Api-Key"}
    stack.control.create_gateway_target(
        gatewayIdentifier=gateway["gatewayId"],
        name="api",
        targetConfiguration={"mcp": {"openApiSchema": {"inlinePayload": json.dumps(schema)}}},
        credentialProviderConfigurations=[
            {"credentialProviderType": "API_KEY", "credentialProvider": {"apiKeyCredentialProvider": key}}
        ],
    )
    return gateway, provider


def called(stack: PolicyStack, gateway: Mapping[str, Any], tool: str) -> tuple[bool, str]:
    params = {"name": tool, "arguments": {"order": "7"} if "status" in tool else {}}
    result = post(stack.url(gateway), "tools/call", params, headers=stack.bearer()).json()["result"]
    return result.get("isError", False), result["content"][0]["text"]


def listed(stack: PolicyStack, gateway: Mapping[str, Any]) -> list[str]:
    answer = post(stack.url(gateway), "tools/list", headers=stack.bearer())
    return [tool["name"] for tool in answer.json()["result"]["tools"]]


def outbound(stack: PolicyStack) -> Hop:
    return [hop for hop in stack.recorder.hops if hop.target == "api"][-1]


@pytest.mark.behaviour("IAM-GATEWAY-VAULT")
@pytest.mark.parametrize("debug", [True, False])
def test_a_role_without_the_permission_gets_no_key(
    stack: PolicyStack, role: OneRole, service: HttpBackend, debug: bool
) -> None:
    gateway, provider = api_key_gateway(stack, service, **({"exceptionLevel": "DEBUG"} if debug else {}))
    assert called(stack, gateway, "api___read")[0] is False
    role.holds(allow("*"), deny("bedrock-agentcore:GetResourceApiKey", Sid="NoKeys"))
    service.seen.clear()
    failed, text = called(stack, gateway, "api___read")
    assert failed
    assert service.seen == []
    told = (
        f"assumed-role/desk/gateway-{gateway['gatewayId']} is not authorized to perform: bedrock-agentcore:"
        f"GetResourceApiKey on resource: {provider['credentialProviderArn']} with an explicit deny in an "
        "identity-based policy"
    )
    assert (told in text) is debug
    assert debug or text == "An internal error occurred. Please retry later."
    hop = outbound(stack)
    assert f"is not authorized to perform: {hop.iam[-1]['action']}" in hop.detail["error"]
    assert hop.iam[-1]["by"] == "identity-based policy inline own, statement NoKeys"
    assert "s3cret" not in f"{hop}{text}"


@pytest.mark.behaviour("IAM-GATEWAY-VAULT")
def test_the_smallest_policy_of_a_run_is_what_the_guide_writes_and_is_enough(
    stack: PolicyStack, role: OneRole, service: HttpBackend
) -> None:
    gateway, provider = api_key_gateway(stack, service)
    before = len(stack.recorder.hops)
    assert called(stack, gateway, "api___read")[0] is False
    done, _ = needs(stack.recorder.hops[before:], ROLE, refused=False)
    identity = f"{DIRECTORY}/workload-identity/{gateway['gatewayId']}"
    wanted = {
        ("bedrock-agentcore:GetWorkloadAccessToken", DIRECTORY),
        ("bedrock-agentcore:GetWorkloadAccessToken", identity),
        ("bedrock-agentcore:GetResourceApiKey", provider["credentialProviderArn"]),
        ("secretsmanager:GetSecretValue", provider["apiKeySecretArn"]["secretArn"]),
    }
    assert done == wanted
    role.holds(*least(done)["Statement"])
    assert called(stack, gateway, "api___read")[0] is False
    for left_out in wanted:
        role.holds(*least(done - {left_out})["Statement"])
        assert called(stack, gateway, "api___read")[0], left_out


@pytest.mark.behaviour("IAM-GATEWAY-VAULT")
def test_a_role_that_does_not_trust_agentcore_gets_no_key(
    stack: PolicyStack, role: OneRole, service: HttpBackend
) -> None:
    gateway, _ = api_key_gateway(stack, service)
    role.holds(allow("*"), trusted=trust({"Service": "lambda.amazonaws.com"}))
    assert called(stack, gateway, "api___read")[0]
    assert "bedrock-agentcore.amazonaws.com may not take the role" in outbound(stack).detail["error"]


def guarded(stack: PolicyStack, mode: str = "ENFORCE") -> tuple[dict[str, Any], dict[str, Any]]:
    """A gateway whose engine permits everything to people."""
    gateway, engine = stack.gateway("shop", TOOLS), stack.engine()
    stack.active(engine, PERMIT.format(gateway["gatewayArn"]))
    stack.enforce(gateway, engine, mode=mode)
    return gateway, engine


@pytest.mark.behaviour("IAM-GATEWAY-ENGINE")
@pytest.mark.parametrize("action", ["GetPolicyEngine", "AuthorizeAction", "PartiallyAuthorizeActions"])
def test_a_role_that_may_not_ask_the_engine_denies_every_call(
    stack: PolicyStack, role: OneRole, action: str
) -> None:
    gateway, _ = guarded(stack)
    assert called(stack, gateway, "shop___status")[0] is False
    assert listed(stack, gateway) == ["shop___refund", "shop___status"]
    role.holds(allow("*"), deny(f"bedrock-agentcore:{action}"))
    failed, text = called(stack, gateway, "shop___status")
    assert failed is (action != "PartiallyAuthorizeActions")
    assert text == DEFAULT or not failed
    assert (listed(stack, gateway) == []) is (action != "AuthorizeAction")
    asked = "tools/list" if action == "PartiallyAuthorizeActions" else "tools/call"
    hop = stack.recorder.inbound(gateway["name"], asked)
    assert f"is not authorized to perform: bedrock-agentcore:{action}" in hop.detail["policy"]
    assert hop.iam[-1]["principal"].endswith(f":assumed-role/desk/gateway-{gateway['gatewayId']}")
    assert hop.iam[-1]["refused"] == "denied"


@pytest.mark.behaviour("IAM-GATEWAY-ENGINE")
def test_in_log_only_nothing_is_denied_and_the_hop_says_what_is_missing(
    stack: PolicyStack, role: OneRole
) -> None:
    gateway, _ = guarded(stack, mode="LOG_ONLY")
    role.holds(allow("lambda:*"))
    assert called(stack, gateway, "shop___status")[0] is False
    assert listed(stack, gateway) == ["shop___refund", "shop___status"]
    note = stack.recorder.inbound(gateway["name"], "tools/list").detail["policy"]
    assert note.startswith("LOG_ONLY not asked: User: ")


@pytest.mark.behaviour("IAM-GATEWAY-ENGINE")
def test_a_gateway_takes_an_engine_only_with_a_role_that_may_ask_it(
    stack: PolicyStack, role: OneRole
) -> None:
    gateway, engine = stack.gateway("shop", TOOLS), stack.engine()
    arn = engine["policyEngineArn"]
    both = [arn, f"{PREFIX}gateway/*"]
    ask = ["bedrock-agentcore:AuthorizeAction", "bedrock-agentcore:PartiallyAuthorizeActions"]
    for statements in (
        [],
        [allow("bedrock-agentcore:GetPolicyEngine", arn)],
        [allow("bedrock-agentcore:GetPolicyEngine", arn), allow(ask, arn)],
        [allow("bedrock-agentcore:GetPolicyEngine", f"{arn}0"), allow(ask, both)],
    ):
        role.holds(*statements)
        with pytest.raises(ClientError, match="Access denied while checking the policy engine") as caught:
            stack.enforce(gateway, engine)
        assert caught.value.response["Error"]["Code"] == "ValidationException"
    configured = {"arn": arn, "mode": "ENFORCE"}
    with pytest.raises(ClientError, match="is not authorized to perform"):
        stack.gateway("shop", TOOLS, policyEngineConfiguration=configured)
    role.holds(allow("bedrock-agentcore:GetPolicyEngine", arn), allow(ask, both))
    stack.enforce(gateway, engine)
    stack.gateway("shop", TOOLS, policyEngineConfiguration=configured)


@pytest.mark.behaviour("IAM-ROLE-ACCOUNT")
@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::210987654321:role/desk",
        "arn:aws-cn:iam::123456789012:role/desk",
        "arn:aws:iam:::role/desk",
    ],
)
def test_a_role_of_another_account_is_not_taken_for_ones_own(stack: PolicyStack, arn: str) -> None:
    with pytest.raises(ClientError, match="Cross-account pass role is not allowed") as caught:
        stack.control.create_gateway(name=stack.fresh("g"), roleArn=arn, authorizerType="NONE")
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"


@pytest.mark.behaviour("IAM-ROLE-ACCOUNT")
@pytest.mark.parametrize("mode", ["enforce", "off"])
async def test_a_stored_role_of_another_account_is_not_taken_either(
    stack: PolicyStack, role: OneRole, mode: Mode
) -> None:
    checks = role.checks(stack.resources, mode)
    foreign = ROLE.replace(ACCOUNT, "210987654321")
    why = await checks.trusted(foreign, SERVICE["Service"], f"{PREFIX}gateway/g-0123456789", [])
    assert "is not of the account" in why
    assert await checks.trusted(ROLE, SERVICE["Service"], f"{PREFIX}gateway/g-0123456789", []) == ""


@pytest.mark.behaviour("IAM-SETTING")
@pytest.mark.parametrize("mode", ["warn", "off"])
async def test_where_permissions_are_not_enforced_a_role_may_do_all(
    stack: PolicyStack, role: OneRole, mode: Mode
) -> None:
    from skerry.local.iam import gateway_role

    role.holds()
    gateway = {"gatewayId": "g", "gatewayArn": f"{PREFIX}gateway/g", "roleArn": ROLE}
    asks = gateway_role.engine_asks(f"{PREFIX}policy-engine/e", gateway["gatewayArn"])
    notes: list[Mapping[str, str]] = []
    assert await gateway_role.refusal(role.checks(stack.resources, mode), gateway, asks, notes) == ""
    assert [note["would_refuse"] for note in notes] == (["not-allowed"] * 5 if mode == "warn" else [])
