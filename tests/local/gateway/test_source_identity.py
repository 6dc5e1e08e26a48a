"""Rate limits by who stands behind a session: keys of the stack's own STS, a gateway that takes signatures."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx2
import pytest
from botocore.exceptions import ClientError

from skerry.auth.aws import sigv4
from skerry.auth.aws.sigv4 import Credentials
from tests.kit.iam import ACCOUNT, allow, document, role, taken
from tests.kit.local_endpoint import REGION, ROLE, TIMEOUT, endpoint_process, settled

KEY = "$.context.iam.sourceIdentity"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with endpoint_process(tmp_path_factory.mktemp("endpoint")) as endpoint:
        yield endpoint


def listed(url: str, credentials: Credentials) -> dict[str, Any]:
    """The answer to one `tools/list`."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()
    headers = {"content-type": "application/json", "accept": "application/json"}
    place: Any = {"region": REGION, "service": "bedrock-agentcore", "now": time.time()}
    headers |= sigv4.sign("POST", url, headers, body, credentials=credentials, **place)
    answer: dict[str, Any] = httpx2.post(
        url, content=body, headers=headers, trust_env=False, timeout=TIMEOUT
    ).json()
    return answer


@pytest.mark.behaviour("LIM-SOURCE-IDENTITY")
def test_a_limit_counts_by_the_source_identity_of_a_session_and_of_those_that_follow(running):
    agentcore, sts = running.client("bedrock-agentcore-control"), running.client("sts")
    made = agentcore.create_gateway(name="by-person", roleArn=ROLE, authorizerType="AWS_IAM")
    url, where = made["gatewayUrl"], {"gatewayIdentifier": made["gatewayId"]}
    assert settled(agentcore.get_gateway, **where)["status"] == "READY"
    entries = [
        {"dimensions": {KEY: name}, "requests": [{"rate": rate, "period": "minute"}]}
        for name, rate in (("bob", 1000), ("*", 0))
    ]
    made = agentcore.create_gateway_rate_limit(**where, dimensionKeys=[KEY], entries=entries)
    settled(lambda **_: agentcore.get_gateway_rate_limit(**where, rateLimitId=made["rateLimitId"]))
    actions = ["sts:AssumeRole", "sts:SetSourceIdentity"]
    trusted = document(
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": actions}
    )
    may = role(running.client("iam"), "person", trusted, allow([*actions, "bedrock-agentcore:InvokeGateway"]))

    def session(sts: Any, **members: Any) -> Credentials:
        return taken(sts, may, **members)

    ann, bob = session(sts, SourceIdentity="ann"), session(sts, SourceIdentity="bob")
    for who in (ann, session(running.client("sts", ann))):  # she cannot leave herself behind
        assert listed(url, who)["error"]["data"]["limitKey"].endswith(f"{KEY}=*")
    for who in (bob, session(running.client("sts", bob)), session(sts), running.developer):
        assert "result" in listed(url, who)


@pytest.mark.behaviour("STS-SOURCE-IDENTITY")
def test_a_source_identity_is_told_and_must_be_one(running):
    sts = running.client("sts")
    named = {"RoleArn": ROLE, "RoleSessionName": "s-1"}
    for good in ("ann", "a@b", "x" * 64, "_+=,.@-"):
        assert sts.assume_role(**named, SourceIdentity=good)["SourceIdentity"] == good
    assert "SourceIdentity" not in sts.assume_role(**named)
    for bad in ("a b", "x" * 65, "a/b", "<a>", "né"):
        with pytest.raises(ClientError) as caught:
            sts.assume_role(**named, SourceIdentity=bad)
        assert caught.value.response["Error"]["Code"] == "ValidationError"
