"""Read-only three times over: the lists, the guard (test_guard.py), and the policy that is printed."""

import fnmatch
import json

import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.policy_validation import IAMPolicyDocumentValidator

from skerry.errors import ConfigurationError
from skerry.servers.aws_ops.cloud import OWN_CALLS
from skerry.servers.aws_ops.definition import Operation, ServiceTool
from skerry.servers.aws_ops.models import service
from skerry.servers.aws_ops.policy import PREFIXES, RENAMED, Need, need
from skerry.servers.aws_ops.registry import Registry, find
from skerry.servers.aws_ops.secrets import REFUSED, SIGNED_TOKENS
from skerry.settings import AwsOpsSettings

CALLS = frozenset().union(OWN_CALLS, *(tool.calls() for tool in find()))
MANAGED = json.loads(aws_managed_policies_data)


def allowed_by(name):
    """Patterns of actions of one of AWS's managed policies, as moto ships them."""
    statements = MANAGED[name]["Document"]["Statement"]
    found = []
    for statement in statements if isinstance(statements, list) else [statements]:
        if statement["Effect"] == "Allow":
            actions = statement.get("Action", [])
            found += [actions] if isinstance(actions, str) else actions
    return found


@pytest.mark.behaviour("OPS-POLICY")
@pytest.mark.parametrize("call", sorted(CALLS), ids=":".join)
def test_every_call_has_an_action_that_aws_calls_read_only(call):
    """`ReadOnlyAccess` is AWS's own list of reads: an action that we make up is not in it."""
    action = need(*call).action
    assert "*" not in action
    assert any(
        fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in allowed_by("ReadOnlyAccess")
    ), action


@pytest.mark.behaviour("OPS-POLICY")
def test_the_policy_allows_what_the_tools_call_and_no_more():
    policy = Registry(AwsOpsSettings()).policy()
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert actions == {need(*call).action for call in CALLS}
    assert {"s3:ListAllMyBuckets", "s3:ListBucket", "ec2:DescribeRegions", "sts:GetCallerIdentity"} <= actions
    assert not [action for action in actions if "*" in action]
    assert "sts:AssumeRole" not in actions
    IAMPolicyDocumentValidator(json.dumps(policy)).validate()


@pytest.mark.behaviour("OPS-POLICY")
def test_api_gateway_is_allowed_by_method_and_path():
    assert need("apigateway", "GetResources") == Need(
        "apigateway:GET", "arn:aws:apigateway:*::/restapis/*/resources"
    )
    assert need("apigatewayv2", "GetApis") == Need("apigateway:GET", "arn:aws:apigateway:*::/apis")
    assert need("apigatewayv2", "DeleteApi").action == "apigateway:DELETE"


@pytest.mark.behaviour("OPS-ROLES")
def test_roles_of_the_settings_are_what_may_be_assumed():
    settings = AwsOpsSettings(roles=("arn:aws:iam::*:role/desk-read-only",))
    assert Registry(settings).policy()["Statement"][-1] == {
        "Effect": "Allow",
        "Action": ["sts:AssumeRole"],
        "Resource": ["arn:aws:iam::*:role/desk-read-only"],
    }


def test_a_renamed_call_exists_and_has_another_name():
    for (name, api), action in RENAMED.items():
        assert api in service(name).operation_names, api
        assert action != api


def test_a_service_without_a_prefix_has_no_policy():
    with pytest.raises(LookupError):
        need("snowball", "ListJobs")
    assert all(service(name).service_name for name in PREFIXES)


@pytest.mark.behaviour("OPS-REFUSED")
@pytest.mark.parametrize("call", sorted(REFUSED), ids=":".join)
def test_the_registry_refuses_a_tool_that_lists_a_call_which_hands_out_secrets(call):
    name, api = call
    assert api in service(name).operation_names
    operation = Operation(name="harmless", summary="x", api="ListThings", items="[]")
    hidden = Operation(name="read_it", summary="x", api=api, service=name, items="[]")
    tool = ServiceTool(
        name="x_read_operations", title="x", service="ec2", subject="x.", operations=(operation, hidden)
    )
    with pytest.raises(ConfigurationError, match=f"lists {name}:{api}, which hands out"):
        Registry(AwsOpsSettings(), [tool])


@pytest.mark.behaviour("OPS-REFUSED")
def test_no_tool_lists_a_call_that_writes_or_hands_out_secrets():
    assert CALLS & set(REFUSED) == set()
    others = {name for _, name in CALLS if not name.startswith(("Describe", "List", "Get", "Head"))}
    assert others <= {"FilterLogEvents", "SimulatePrincipalPolicy", "StartQuery"}
    assert SIGNED_TOKENS
