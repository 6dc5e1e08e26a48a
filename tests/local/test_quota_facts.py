"""AWS's default quotas of the control plane: as many as there may be are stored, one more is asked for.

And what it answers when it is asked too often, or cannot keep what it was given.
"""

from __future__ import annotations

import sqlite3
from dataclasses import fields

import httpx2
import pytest
from botocore.exceptions import ClientError

from skerry.auth.aws.sigv4 import Credentials
from skerry.local.state.records import Write
from skerry.settings.local import LocalSettings
from skerry.settings.quotas import QuotaSettings
from tests.kit.asgi_thread import serve
from tests.kit.clock import WallClock
from tests.kit.local_endpoint import ROLE, TIMEOUT, ControlStack, artifact, client, control, endpoint_process

RUNTIME = {"roleArn": ROLE, "agentRuntimeArtifact": artifact()}
DISCOVERY = {"oauthDiscovery": {"discoveryUrl": "https://a.example.com/.well-known/openid-configuration"}}
OAUTH2 = {"customOauth2ProviderConfig": {**DISCOVERY, "clientId": "c", "clientSecret": "s"}}
CASES = [
    ("gateway", 1000, "create_gateway", {"name": "more", "roleArn": ROLE, "authorizerType": "NONE"}),
    ("runtime", 1000, "create_agent_runtime", {"agentRuntimeName": "more", **RUNTIME}),
    ("workload-identity", 11_000, "create_workload_identity", {"name": "more"}),
    (
        "credential-provider",
        50,
        "create_oauth2_credential_provider",
        {"name": "more", "credentialProviderVendor": "CustomOauth2", "oauth2ProviderConfigInput": OAUTH2},
    ),
]


def record(number):
    """What any kind of record needs to be counted."""
    return {"name": f"n{number}", "agentRuntimeName": f"n{number}", "status": "READY"}


def outcome(call, **arguments):
    """Code and status of a refusal, or nothing."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return None


@pytest.mark.behaviour("FACT-QUOTAS")
@pytest.mark.parametrize(("kind", "most", "operation", "arguments"), CASES, ids=lambda value: str(value)[:30])
async def test_one_more_than_the_quota_of_an_account_is_a_402(tmp_path, kind, most, operation, arguments):
    seeded = ControlStack(tmp_path)
    await seeded.resources.start()
    await seeded.resources.commit([Write(kind, f"k{n}", record(n)) for n in range(most)], [], None)
    await seeded.resources.close()
    with serve(ControlStack(tmp_path)) as url:
        agentcore = client("bedrock-agentcore-control", url)
        assert outcome(getattr(agentcore, operation), **arguments) == ("ServiceQuotaExceededException", 402)
        agentcore.close()


@pytest.mark.behaviour("FACT-QUOTAS")
async def test_one_more_than_a_thousand_versions_is_a_402(tmp_path):
    with serve(ControlStack(tmp_path)) as url:
        agentcore = client("bedrock-agentcore-control", url)
        made = agentcore.create_agent_runtime(agentRuntimeName="desk", **RUNTIME)["agentRuntimeId"]
        agentcore.close()
    seeded = ControlStack(tmp_path)
    await seeded.resources.start()
    writes = [Write("runtime-version", f"{made}/{n:05}", record(n)) for n in range(2, 1001)]
    await seeded.resources.commit(writes, [], None)
    await seeded.resources.close()
    with serve(ControlStack(tmp_path)) as url:
        agentcore = client("bedrock-agentcore-control", url)
        found = outcome(agentcore.update_agent_runtime, agentRuntimeId=made, **RUNTIME)
        assert found == ("ServiceQuotaExceededException", 402)
        agentcore.close()


THROTTLED = ("ThrottlingException", 429)


@pytest.mark.behaviour("CTL-THROTTLE")
def test_calls_over_the_rate_are_a_429_and_reads_and_writes_are_counted_apart(tmp_path):
    clock = WallClock()
    with control(ControlStack(tmp_path, clock=clock, writes=5, reads=10)) as agentcore:
        names = iter(range(100))

        def write():
            return outcome(agentcore.create_workload_identity, name=f"identity-{next(names)}")

        assert [write() for _ in range(6)] == [None] * 5 + [THROTTLED]
        # List operations that are POST read too.
        reads = [agentcore.list_gateways, agentcore.list_workload_identities] * 5
        assert [outcome(read) for read in reads] == [None] * 10
        assert outcome(agentcore.list_gateways) == THROTTLED
        clock.advance(1)
        assert [write() for _ in range(6)] == [None] * 5 + [THROTTLED]
        kept = agentcore.list_workload_identities(maxResults=20)["workloadIdentities"]
        assert len(kept) == 10


@pytest.mark.behaviour("CTL-THROTTLE")
def test_who_shows_no_valid_signature_uses_up_nothing(tmp_path):
    stack = ControlStack(tmp_path, clock=WallClock(), writes=1, reads=1)
    with serve(stack) as url:
        stranger = Credentials("AKIASTRANGERSTRANGER", "x" * 40)
        refused = client("bedrock-agentcore-control", url, stranger)
        assert [outcome(refused.list_gateways)[1] for _ in range(3)] == [403] * 3
        assert outcome(client("bedrock-agentcore-control", url).list_gateways) is None


@pytest.mark.behaviour("CTL-THROTTLE")
def test_no_rate_is_limited_by_default(tmp_path):
    with control(ControlStack(tmp_path, clock=WallClock())) as agentcore:
        assert [outcome(agentcore.list_gateways) for _ in range(20)] == [None] * 20


@pytest.mark.behaviour("CTL-THROTTLE")
def test_a_stack_that_provisions_itself_is_not_limited(tmp_path):
    with control(ControlStack(tmp_path, clock=WallClock(), reads=1, complete=False)) as agentcore:
        assert [outcome(agentcore.list_gateways) for _ in range(5)] == [None] * 5


@pytest.mark.behaviour("QUOTA-SETTINGS")
def test_the_endpoint_takes_quotas_from_its_environment(tmp_path):
    quotas = {"SKERRY_QUOTAS_CONTROL_READS": "0.001", "SKERRY_QUOTAS_GATEWAY_CALLS": "0.001"}
    with endpoint_process(tmp_path, more=quotas) as endpoint:
        agentcore = endpoint.client("bedrock-agentcore-control")
        made = agentcore.create_gateway(name="one", roleArn=ROLE, authorizerType="NONE")
        assert [outcome(agentcore.list_gateways) for _ in range(2)] == [None, THROTTLED]
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        answers = [
            httpx2.post(made["gatewayUrl"], json=message, trust_env=False, timeout=TIMEOUT).json()
            for _ in range(2)
        ]
        assert "result" in answers[0]
        assert answers[1]["error"]["code"] == -32003


@pytest.mark.behaviour("QUOTA-SETTINGS")
@pytest.mark.parametrize("item", fields(QuotaSettings), ids=lambda item: item.name)
def test_every_quota_is_a_variable_and_off_by_default(item):
    name = f"SKERRY_QUOTAS_{item.name.upper()}"
    assert getattr(LocalSettings.from_env({}).quotas, item.name) == 0
    assert getattr(LocalSettings.from_env({name: "7"}).quotas, item.name) == 7
    for wrong in ("-1", "nan", "inf", "many"):
        with pytest.raises(ValueError, match=wrong):
            LocalSettings.from_env({name: wrong})


@pytest.mark.behaviour("CTL-STATE-LOST")
def test_a_write_that_cannot_be_stored_is_a_500_and_is_not_shown(tmp_path):
    with control(ControlStack(tmp_path)) as agentcore:
        agentcore.create_workload_identity(name="kept")
        with sqlite3.connect(tmp_path / "control.sqlite", isolation_level=None) as file:
            file.execute("alter table records rename to away")
        create = {"name": "lost", "roleArn": ROLE, "authorizerType": "NONE"}
        calls = [
            lambda: agentcore.create_workload_identity(name="lost"),
            lambda: agentcore.create_gateway(**create),
            lambda: agentcore.create_agent_runtime(agentRuntimeName="lost", **RUNTIME),
        ]
        assert [outcome(call) for call in calls] == [("InternalServerException", 500)] * 3
        names = [item["name"] for item in agentcore.list_workload_identities()["workloadIdentities"]]
        assert names == ["kept"]
        assert agentcore.list_gateways()["items"] == []
        assert agentcore.list_agent_runtimes()["agentRuntimes"] == []
        with sqlite3.connect(tmp_path / "control.sqlite", isolation_level=None) as file:
            file.execute("alter table away rename to records")
        assert outcome(agentcore.create_gateway, **create) is None


LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:tools"
TOOL = {"name": "echo", "description": "d", "inputSchema": {"type": "object"}}
TARGET = {
    "targetConfiguration": {
        "mcp": {"lambda": {"lambdaArn": LAMBDA, "toolSchema": {"inlinePayload": [TOOL]}}}
    },
    "credentialProviderConfigurations": [{"credentialProviderType": "GATEWAY_IAM_ROLE"}],
}


@pytest.mark.behaviour("CTL-TARGET-OPERATIONS")
def test_a_gateway_has_five_targets_in_transition_at_most(tmp_path):
    clock = WallClock()
    stack = ControlStack(tmp_path, clock=clock, transition=60.0, target_operations=5)
    with control(stack) as agentcore:

        def gateway(name):
            made = agentcore.create_gateway(name=name, roleArn=ROLE, authorizerType="NONE")
            return {"gatewayIdentifier": made["gatewayId"]}

        one, two = gateway("one"), gateway("two")
        clock.advance(60)

        def create(where, name, **more):
            return outcome(agentcore.create_gateway_target, **where, name=name, **TARGET, **more)

        token = {"clientToken": "t" * 40}
        first = agentcore.create_gateway_target(**one, name="t0", **TARGET, **token)
        assert [create(one, f"t{n}") for n in range(1, 5)] == [None] * 4
        over = ("ServiceQuotaExceededException", 402)
        assert create(one, "t5") == over
        assert create(one, "t0", **token) is None  # nothing new
        assert create(two, "t5") is None
        clock.advance(60)
        at = {**one, "targetId": first["targetId"]}
        assert outcome(agentcore.delete_gateway_target, **at) is None
        assert [create(one, f"t{n}") for n in range(5, 10)] == [None] * 4 + [over]
