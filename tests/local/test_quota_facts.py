"""AWS's default quotas of the control plane: as many as there may be are stored, one more is asked for."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from skerry.local.records import Write
from tests.kit.asgi_thread import serve
from tests.kit.local_endpoint import ROLE, ControlStack, artifact, client

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
