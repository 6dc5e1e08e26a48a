"""Providers whose secret is in Secrets Manager, over boto3 and HTTP: it is read when it is needed."""

from __future__ import annotations

import json
import uuid

import httpx2
import pytest

from tests.kit.http_backend import http_backend
from tests.kit.idp import SECRETS, desk
from tests.kit.local_endpoint import ROLE, TIMEOUT, endpoint_process, settled


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with endpoint_process(tmp_path_factory.mktemp("endpoint")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def service():
    with http_backend() as backend:
        yield backend


def target(running, service, kind, provider):
    """The URL of an HTTP target with these credentials, behind a gateway of its own."""
    agentcore = running.client("bedrock-agentcore-control")
    gateway = agentcore.create_gateway(
        name=f"g-{uuid.uuid4().hex[:8]}", roleArn=ROLE, authorizerType="NONE", exceptionLevel="DEBUG"
    )
    made = agentcore.create_gateway_target(
        gatewayIdentifier=gateway["gatewayId"],
        name="api",
        targetConfiguration={"http": {"passthrough": {"endpoint": service.url, "protocolType": "CUSTOM"}}},
        credentialProviderConfigurations=[{"credentialProviderType": kind, "credentialProvider": provider}],
    )
    where = {"gatewayIdentifier": gateway["gatewayId"], "targetId": made["targetId"]}
    assert settled(agentcore.get_gateway_target, **where)["status"] == "READY"
    return f"{running.url}/gateway/{gateway['gatewayId']}/api"


def get(url):
    return httpx2.get(url, trust_env=False, timeout=TIMEOUT)


@pytest.mark.behaviour("GW-SECRET-EXTERNAL")
@pytest.mark.parametrize("by", ["ARN", "Name"])
def test_an_api_key_is_read_from_secrets_manager_and_a_rotated_one_counts_at_once(running, service, by):
    secrets, name = running.client("secretsmanager"), f"news-{uuid.uuid4().hex[:8]}"
    made = secrets.create_secret(Name=name, SecretString=json.dumps({"key": "first", "other": "no"}))
    provider = running.client("bedrock-agentcore-control").create_api_key_credential_provider(
        name=name,
        apiKeySecretSource="EXTERNAL",
        apiKeySecretConfig={"secretId": made[by], "jsonKey": "key"},
    )
    key = {
        "providerArn": provider["credentialProviderArn"],
        "credentialLocation": "HEADER",
        "credentialParameterName": "X-Api-Key",
    }
    url = target(running, service, "API_KEY", {"apiKeyCredentialProvider": key})
    assert get(url).status_code == 200
    assert service.seen[-1].headers["x-api-key"] == "first"
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps({"key": "second"}))
    assert get(url).status_code == 200
    assert service.seen[-1].headers["x-api-key"] == "second"
    before = len(service.seen)
    for value, says in (
        ("hidden", "no JSON object"),
        (json.dumps({"token": "hidden"}), "no JSON object"),
        (json.dumps({"key": {"deeper": "hidden"}}), "no JSON object"),
        (None, "cannot be read from Secrets Manager"),
    ):
        if value is None:
            secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        else:
            secrets.put_secret_value(SecretId=name, SecretString=value)
        refused = get(url)
        assert refused.status_code == 502
        assert says in refused.text
        assert "hidden" not in refused.text
    assert len(service.seen) == before
    assert "hidden" not in (running.state / "hops.jsonl").read_text()


@pytest.mark.behaviour("GW-SECRET-EXTERNAL")
def test_a_client_secret_is_read_from_secrets_manager(running, service):
    secrets, name = running.client("secretsmanager"), f"desk_{uuid.uuid4().hex[:8]}"
    secrets.create_secret(Name=name, SecretString=json.dumps({"secret": "wrong"}))
    with desk() as idp:
        issuer = idp.idp.issuers["desk"]
        inner = {
            "oauthDiscovery": {"discoveryUrl": f"{issuer}/.well-known/openid-configuration"},
            "clientId": "gateway",
            "clientSecretSource": "EXTERNAL",
            "clientSecretConfig": {"secretId": name, "jsonKey": "secret"},
        }
        provider = running.client("bedrock-agentcore-control").create_oauth2_credential_provider(
            name=name,
            credentialProviderVendor="CustomOauth2",
            oauth2ProviderConfigInput={"customOauth2ProviderConfig": inner},
        )
        oauth = {
            "providerArn": provider["credentialProviderArn"],
            "scopes": [],
            "grantType": "CLIENT_CREDENTIALS",
            "customParameters": {"audience": "accounts"},
        }
        url = target(running, service, "OAUTH", {"oauthCredentialProvider": oauth})
        refused = get(url)
        assert (refused.status_code, "No token for the target" in refused.text) == (502, True)
        secrets.put_secret_value(SecretId=name, SecretString=json.dumps({"secret": SECRETS["gateway"]}))
        assert get(url).status_code == 200
        assert service.seen[-1].headers["authorization"].startswith("Bearer ")
