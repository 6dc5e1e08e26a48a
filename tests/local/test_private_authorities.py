"""Servers with a certificate of a private authority, over boto3 and real TLS: targets, issuers, token endpoints."""

from __future__ import annotations

import json
import ssl
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from botocore.exceptions import ClientError

from tests.kit.asgi_thread import body_of, serve
from tests.kit.certificates import Authority
from tests.kit.clock import WallClock
from tests.kit.http_backend import http_backend
from tests.kit.issuer import FakeIssuer
from tests.kit.local_endpoint import ROLE, TIMEOUT, artifact, endpoint_process, settled

PRIVATE = {
    "privateEndpoint": {
        "selfManagedLatticeResource": {"resourceConfigurationIdentifier": "rcfg-0123456789abcdef0"}
    }
}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with endpoint_process(tmp_path_factory.mktemp("endpoint")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """An authority that signed no server here."""
    return Authority(tmp_path_factory.mktemp("stranger"))


class Secret:
    """A secret in Secrets Manager, and how resources name it."""

    def __init__(self, running, text: str) -> None:
        self._secrets = running.client("secretsmanager")
        self.arn = self._secrets.create_secret(Name=f"ca-{uuid.uuid4().hex[:8]}", SecretString=text)["ARN"]
        self.named = [{"secretsManager": {"secretArn": self.arn}}]

    def becomes(self, text: str) -> None:
        self._secrets.put_secret_value(SecretId=self.arn, SecretString=text)

    def goes(self) -> None:
        self._secrets.delete_secret(SecretId=self.arn, ForceDeleteWithoutRecovery=True)


def gateway(running, **members: Any) -> dict[str, Any]:
    agentcore = running.client("bedrock-agentcore-control")
    given = {"authorizerType": "NONE", "exceptionLevel": "DEBUG"} | members
    made: dict[str, Any] = agentcore.create_gateway(name=f"g-{uuid.uuid4().hex[:8]}", roleArn=ROLE, **given)
    return made


def target(running, made: Mapping[str, Any], configuration: Any, **members: Any) -> dict[str, Any]:
    """The target as it is once it has settled."""
    agentcore = running.client("bedrock-agentcore-control")
    where = {"gatewayIdentifier": made["gatewayId"]}
    given = {"name": "api", "targetConfiguration": configuration} | members
    where["targetId"] = agentcore.create_gateway_target(**where, **given)["targetId"]
    return settled(agentcore.get_gateway_target, **where)


def passed(running, url: str, **members: Any) -> str:
    """The URL of a passthrough target to `url`, behind a gateway of its own."""
    made = gateway(running)
    http = {"http": {"passthrough": {"endpoint": url, "protocolType": "CUSTOM"}}}
    assert target(running, made, http, **members)["status"] == "READY"
    return f"{running.url}/gateway/{made['gatewayId']}/api"


def get(url: str, token: str = "") -> httpx2.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx2.get(url, headers=headers, trust_env=False, timeout=TIMEOUT)


@pytest.mark.behaviour("CA-TARGET")
def test_a_target_is_trusted_by_the_authority_that_it_names_and_a_renewed_one_counts_at_once(
    running, authority, stranger
):
    secret = Secret(running, stranger.bundle.read_text())
    with http_backend(tls=authority.server("127.0.0.1")) as service:
        unnamed, url = (
            passed(running, service.url),
            passed(running, service.url, certificateConfigurations=secret.named),
        )
        for refused in (unnamed, url):
            answer = get(refused)
            assert answer.status_code >= 500
            assert "is not trusted" in answer.text
        assert service.seen == []
        secret.becomes(authority.bundle.read_text())
        assert get(url).status_code == 200
        secret.becomes(stranger.bundle.read_text() + authority.bundle.read_text())
        assert get(url).status_code == 200
        assert len(service.seen) == 2
        assert get(unnamed).status_code >= 500  # nobody else trusts it


@pytest.mark.behaviour("CA-TARGET")
def test_a_certificate_may_be_an_object_in_s3(running, authority):
    running.client("s3").create_bucket(Bucket="authorities")
    running.client("s3").put_object(
        Bucket="authorities", Key="ours/ca.pem", Body=authority.bundle.read_bytes()
    )
    stored = {"uri": "s3://authorities/ours/ca.pem"}
    with http_backend(tls=authority.server("127.0.0.1")) as service:

        def answered(s3: Mapping[str, str]) -> httpx2.Response:
            return get(passed(running, service.url, certificateConfigurations=[{"s3": s3}]))

        assert answered(stored).status_code == 200
        assert answered({**stored, "bucketOwnerAccountId": "123456789012"}).status_code == 200
        assert "is not owned by" in answered({**stored, "bucketOwnerAccountId": "210987654321"}).text
        assert "cannot be read" in answered({"uri": "s3://authorities/none.pem"}).text
        assert "no location in S3" in answered({"uri": "s3://authorities"}).text
        assert len(service.seen) == 2


@pytest.mark.behaviour("CA-WRONG")
def test_what_is_wrong_with_a_certificate_is_said_and_never_shown(running, authority, tmp_path):
    secret = Secret(running, "hidden")
    authority.server("127.0.0.1")
    leaf = next(path for path in authority.bundle.parent.iterdir() if path != authority.bundle).read_text()
    key, _, certificate = leaf.partition("-----BEGIN CERTIFICATE-----")
    wrong = {
        "hidden": "no certificate in PEM",
        "-----BEGIN CERTIFICATE-----\nhidden\n-----END CERTIFICATE-----\n": "no certificate in PEM",
        f"-----BEGIN CERTIFICATE-----{certificate}": "not that of an authority",
        authority.bundle.read_text() + key: "holds a private key",
    }
    with http_backend(tls=authority.server("127.0.0.1")) as service:
        url = passed(running, service.url, certificateConfigurations=secret.named)
        for text, says in wrong.items():
            secret.becomes(text)
            answer = get(url)
            assert answer.status_code >= 500
            assert says in answer.text
            assert secret.arn in answer.text
            assert "hidden" not in answer.text
            assert key.split()[5] not in answer.text
        secret.goes()
        assert "cannot be read from Secrets Manager" in get(url).text
        assert service.seen == []


@pytest.mark.behaviour("CA-TARGET")
def test_an_mcp_server_is_listed_by_the_authority_that_its_target_names(running, authority):
    tools = [{"name": "add", "inputSchema": {"type": "object"}}]
    results = {
        "server/discover": {
            "resultType": "complete",
            "supportedVersions": ["2026-07-28"],
            "capabilities": {"tools": {}},
        },
        "tools/list": {"resultType": "complete", "tools": tools, "ttlMs": 0, "cacheScope": "private"},
    }

    async def server(scope: Any, receive: Any, send: Any) -> None:
        message = json.loads(await body_of(receive))
        answer = {"jsonrpc": "2.0", "id": message.get("id"), "result": results[message["method"]]}
        kind = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": kind})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    with serve(server, lifespan="off", tls=authority.server("127.0.0.1")) as url:
        configuration = {"mcp": {"mcpServer": {"endpoint": f"{url}/mcp"}}}
        made = gateway(running, protocolType="MCP")
        failed = target(running, made, configuration)
        assert failed["status"] == "FAILED"
        assert "is not trusted" in failed["statusReasons"][0]
        secret = Secret(running, "no certificate")
        failed = target(running, made, configuration, name="wrong", certificateConfigurations=secret.named)
        assert (failed["status"], secret.arn in failed["statusReasons"][0]) == ("FAILED", True)
        secret.becomes(authority.bundle.read_text())
        good = target(running, made, configuration, name="good", certificateConfigurations=secret.named)
        assert (good["status"], good["certificateConfigurations"]) == ("READY", secret.named)


# ── identity providers ──────────────────────────────────────────────────────────────────────────


class Issuer(FakeIssuer):
    """An issuer with a token endpoint; `forms` are what it was asked for."""

    forms: list[str]


@contextmanager
def issuer_at(tls: ssl.SSLContext) -> Iterator[Issuer]:
    known: dict[str, bytes] = {}
    forms: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked = await body_of(receive)
        body = known.get(scope["path"])
        if scope["path"] == "/desk/token":
            forms.append(asked.decode())
            given = {"access_token": f"token-{len(forms)}", "token_type": "Bearer", "expires_in": 300}
            body = json.dumps(given).encode()
        headers = [(b"content-type", b"application/json")]
        await send(
            {"type": "http.response.start", "status": 404 if body is None else 200, "headers": headers}
        )
        await send({"type": "http.response.body", "body": body or b""})

    with serve(app, lifespan="off", tls=tls) as url:
        made = Issuer(WallClock(), f"{url}/desk")
        made.forms = forms
        documents = dict(made.documents)
        described = {**json.loads(documents[made.discovery_url]), "token_endpoint": f"{made.issuer}/token"}
        documents[made.discovery_url] = json.dumps(described).encode()
        known.update({place.removeprefix(url): body for place, body in documents.items()})
        yield made


@pytest.fixture
def issuer(authority):
    with issuer_at(authority.server("127.0.0.1")) as made:
        yield made


def authorizer(issuer: Issuer, **members: Any) -> dict[str, Any]:
    given = {"discoveryUrl": issuer.discovery_url, "allowedAudience": ["accounts"], **members}
    return {"authorizerConfiguration": {"customJWTAuthorizer": given}}


def listed(made: Mapping[str, Any], token: str) -> httpx2.Response:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"authorization": f"Bearer {token}", "accept": "application/json, text/event-stream"}
    return httpx2.post(made["gatewayUrl"], json=message, headers=headers, trust_env=False, timeout=TIMEOUT)


@pytest.mark.behaviour("CA-ISSUER")
def test_a_gateway_takes_tokens_of_an_issuer_with_a_private_certificate(running, authority, issuer):
    def answer(**members: Any) -> httpx2.Response:
        named = authorizer(issuer, **PRIVATE, **members)
        return listed(gateway(running, authorizerType="CUSTOM_JWT", **named), issuer.mint())

    def by(text: str) -> httpx2.Response:
        return answer(certificateConfigurations=Secret(running, text).named)

    refused = by("no certificate")
    assert (refused.status_code, "no certificate in PEM" in refused.headers["www-authenticate"]) == (
        401,
        True,
    )
    good = by(authority.bundle.read_text())
    assert (good.status_code, "result" in good.json()) == (200, True)
    untrusted = answer()  # the keys that were found are not everybody's
    assert (untrusted.status_code, "not trusted" in untrusted.headers["www-authenticate"]) == (401, True)


@pytest.mark.behaviour("CA-ISSUER")
def test_a_runtime_takes_tokens_of_an_issuer_with_a_private_certificate(running, authority, issuer):
    agentcore = running.client("bedrock-agentcore-control")

    def metadata(**members: Any) -> httpx2.Response:
        made = agentcore.create_agent_runtime(
            agentRuntimeName=f"r_{uuid.uuid4().hex[:8]}",
            agentRuntimeArtifact=artifact(),
            networkConfiguration={"networkMode": "PUBLIC"},
            roleArn=ROLE,
            **authorizer(issuer, **PRIVATE, **members),
        )
        path = f"/runtimes/{quote(made['agentRuntimeArn'], safe='')}/invocations"
        return get(f"{running.url}{path}/.well-known/oauth-protected-resource")

    assert "is not trusted" in metadata().text
    refused = metadata(certificateConfigurations=Secret(running, "no certificate").named)
    assert (refused.status_code, "no certificate in PEM" in refused.text) == (500, True)
    good = metadata(certificateConfigurations=Secret(running, authority.bundle.read_text()).named)
    assert good.json()["authorization_servers"] == [issuer.issuer]


@pytest.mark.behaviour("CA-ISSUER")
def test_the_token_of_a_person_holds_by_the_authority_that_an_authorizer_names(running, authority, issuer):
    agentcore, data = running.client("bedrock-agentcore-control"), running.client("bedrock-agentcore")
    name = f"w-{uuid.uuid4().hex[:8]}"
    agentcore.create_workload_identity(name=name)
    with pytest.raises(ClientError, match="is not trusted"):
        data.get_workload_access_token_for_jwt(workloadName=name, userToken=issuer.mint())
    secret = Secret(running, authority.bundle.read_text())
    named = authorizer(issuer, **PRIVATE, certificateConfigurations=secret.named)
    gateway(running, authorizerType="CUSTOM_JWT", **named)
    assert data.get_workload_access_token_for_jwt(workloadName=name, userToken=issuer.mint())[
        "workloadAccessToken"
    ]


def provider(running, issuer: Issuer, **members: Any) -> str:
    configuration = {
        "oauthDiscovery": {"discoveryUrl": issuer.discovery_url},
        "clientId": "client",
        "clientSecret": "secret of the client",
        **members,
    }
    arn: str = running.client("bedrock-agentcore-control").create_oauth2_credential_provider(
        name=f"p-{uuid.uuid4().hex[:8]}",
        credentialProviderVendor="CustomOauth2",
        oauth2ProviderConfigInput={"customOauth2ProviderConfig": configuration},
    )["credentialProviderArn"]
    return arn


@pytest.mark.behaviour("CA-PROVIDER")
def test_a_provider_gets_its_tokens_from_a_server_with_a_private_certificate(running, authority, issuer):
    secret = Secret(running, "no certificate")
    named = {**PRIVATE, "certificateConfigurations": secret.named}
    arn = provider(running, issuer, **named)
    name = f"w-{uuid.uuid4().hex[:8]}"
    running.client("bedrock-agentcore-control").create_workload_identity(name=name)
    data = running.client("bedrock-agentcore")
    token = data.get_workload_access_token(workloadName=name)["workloadAccessToken"]

    def vaulted() -> str:
        asked: dict[str, Any] = {"resourceCredentialProviderName": arn.rpartition("/")[2], "scopes": ["a"]}
        answer = data.get_resource_oauth2_token(workloadIdentityToken=token, oauth2Flow="M2M", **asked)
        return str(answer["accessToken"])

    oauth = {
        "oauthCredentialProvider": {"providerArn": arn, "scopes": ["b"], "grantType": "CLIENT_CREDENTIALS"}
    }
    with http_backend() as service:
        credentials = [{"credentialProviderType": "OAUTH", "credentialProvider": oauth}]
        url = passed(running, service.url, credentialProviderConfigurations=credentials)
        with pytest.raises(ClientError, match="no certificate in PEM"):
            vaulted()
        assert "no certificate in PEM" in get(url).text
        secret.becomes(authority.bundle.read_text())
        assert vaulted() == "token-1"
        assert get(url).status_code == 200
        assert service.seen[-1].headers["authorization"] == "Bearer token-2"


@pytest.mark.behaviour("CA-PRIVATE-ENDPOINT")
def test_a_certificate_of_an_identity_provider_goes_with_a_private_endpoint_only(running, authority, issuer):
    named = {"certificateConfigurations": Secret(running, authority.bundle.read_text()).named}
    for make in (
        lambda: gateway(running, authorizerType="CUSTOM_JWT", **authorizer(issuer, **named)),
        lambda: provider(running, issuer, **named),
    ):
        with pytest.raises(ClientError, match="only together with privateEndpoint") as caught:
            make()
        assert caught.value.response["Error"]["Code"] == "ValidationException"
