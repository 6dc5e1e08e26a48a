"""Runtimes behind a gateway, in a whole stack: unmodified boto3 and a plain HTTP client, real programs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from botocore.exceptions import ClientError

from skerry.auth.aws.sigv4 import sign
from skerry.wire.headers import RUNTIME_SESSION_ID
from tests.kit.idp import SECRETS, desk
from tests.kit.local_endpoint import REGION, ROLE, artifact, client, endpoint_process

PROGRAMS = Path(__file__).parents[1] / "runtime" / "programs"
SESSION = "session-behind-a-gateway-" + "1" * 20
TIMEOUT = 60.0


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with endpoint_process(tmp_path_factory.mktemp("endpoint") / "state") as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def idp():
    with desk() as provider:
        yield provider


@pytest.fixture(scope="module")
def control(running):
    return running.client("bedrock-agentcore-control")


def runtime(control, name, program="plain", **members):
    made = control.create_agent_runtime(
        agentRuntimeName=name,
        roleArn=ROLE,
        networkConfiguration={"networkMode": "PUBLIC"},
        agentRuntimeArtifact=artifact(str(PROGRAMS / program)),
        **members,
    )
    return made["agentRuntimeArn"]


@pytest.fixture(scope="module")
def plain(control):
    return runtime(control, "plain")


def jwt(idp, audience):
    url = f"{idp.idp.issuers['desk']}/.well-known/openid-configuration"
    return {"customJWTAuthorizer": {"discoveryUrl": url, "allowedAudience": [audience]}}


def door(running, control, arn, credential, authorizer="AWS_IAM", **members):
    """The URL of a target `agent` that is the runtime, behind a new gateway."""
    count = len(control.list_gateways(maxResults=1000)["items"])
    gateway = control.create_gateway(
        name=f"front-{count}", roleArn=ROLE, authorizerType=authorizer, exceptionLevel="DEBUG", **members
    )
    control.create_gateway_target(
        gatewayIdentifier=gateway["gatewayId"],
        name="agent",
        targetConfiguration={"http": {"agentcoreRuntime": {"arn": arn}}},
        credentialProviderConfigurations=[{"credentialProviderType": credential}],
    )
    return f"{running.url}/gateway/{gateway['gatewayId']}/agent"


def hops(running, session=SESSION):
    url = f"{running.url}/_skerry/hops?session={session}"
    signature = sign(
        "GET", url, {}, b"", credentials=running.developer, region=REGION, service="skerry", now=time.time()
    )
    return httpx2.get(url, headers=signature, trust_env=False).json()


def signed_post(running, url, body, headers=None, method="POST"):
    headers = {"content-type": "application/json", **(headers or {})}
    headers |= sign(
        method,
        url,
        headers,
        body,
        credentials=running.developer,
        region=REGION,
        service="bedrock-agentcore",
        now=time.time(),
    )
    with httpx2.Client(trust_env=False, timeout=TIMEOUT) as http:
        return http.request(method, url, content=body, headers=headers)


@pytest.mark.behaviour("GW-HTTP-SDK")
def test_boto3_invokes_a_runtime_through_its_gateway(running, control, plain):
    url = door(running, control, plain, "GATEWAY_IAM_ROLE")
    sdk = client("bedrock-agentcore", url, running.developer)
    answer = sdk.invoke_agent_runtime(
        agentRuntimeArn=plain, runtimeSessionId=SESSION, payload=json.dumps({"do": "headers"}).encode()
    )
    assert (answer["statusCode"], answer["runtimeSessionId"]) == (200, SESSION)
    seen = {name.lower(): value for name, value in json.loads(answer["response"].read())}
    assert seen[RUNTIME_SESSION_ID.lower()] == SESSION
    assert sdk.stop_runtime_session(agentRuntimeArn=plain, runtimeSessionId=SESSION)
    chain = [(hop["part"], hop["operation"], hop["identity"]) for hop in hops(running)]
    developer = "arn:aws:iam::123456789012:user/skerry"
    role = f"arn:aws:sts::123456789012:assumed-role/desk/gateway-{url.split('/')[4]}"
    assert ("gateway", "→ HTTP POST", role) in chain
    assert any(part == "gateway" and who == developer for part, _, who in chain)
    assert any(part == "runtime" and who == role for part, _, who in chain)


@pytest.mark.behaviour("GW-HTTP-SDK")
def test_a_target_is_one_runtime_and_no_other(running, control, plain):
    other = runtime(control, "other")
    sdk = client("bedrock-agentcore", door(running, control, plain, "GATEWAY_IAM_ROLE"), running.developer)
    with pytest.raises(ClientError, match="not") as caught:
        sdk.invoke_agent_runtime(agentRuntimeArn=other, payload=b"{}")
    assert caught.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.behaviour("GW-HTTP-RUNTIME")
def test_the_path_of_the_gateway_invokes_too(running, control, plain):
    url = door(running, control, plain, "GATEWAY_IAM_ROLE")
    answer = signed_post(
        running, f"{url}/invocations?qualifier=NOTHING", b'{"a": 1}', {RUNTIME_SESSION_ID.lower(): SESSION}
    )
    assert (answer.status_code, answer.json()) == (200, {"a": 1})
    assert answer.headers[RUNTIME_SESSION_ID] == SESSION


@pytest.mark.behaviour("GW-HTTP-RUNTIME")
def test_what_the_runtime_refuses_is_passed_on(running, control, plain):
    url = door(running, control, plain, "GATEWAY_IAM_ROLE")
    failed = signed_post(running, f"{url}/invocations", b'{"do": "answer", "status": 500}')
    assert (failed.status_code, failed.headers["x-amzn-errortype"]) == (424, "RuntimeClientError")


@pytest.mark.behaviour("GW-HTTP-DATA-PLANE")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "nowhere"),
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "runtime-endpoints/DEFAULT/"),
        ("POST", "%69nvocations"),
    ],
)
def test_a_target_is_no_way_to_the_control_plane(running, control, plain, method, path):
    url = door(running, control, plain, "GATEWAY_IAM_ROLE")
    whole = f"runtimes/{quote(plain, safe='')}/{path}"
    for below in (path, whole):
        answer = signed_post(running, f"{url}/{below}", b"", method=method)
        assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (404, "UnknownOperationException")
    assert control.get_agent_runtime(agentRuntimeId=plain.rpartition("/")[2])["status"] == "READY"


@pytest.mark.behaviour("GW-HTTP-RUNTIME")
def test_a_runtime_streams_events_through_its_gateway(running, control):
    url = door(running, control, runtime(control, "echo", "echo"), "GATEWAY_IAM_ROLE")
    answer = signed_post(running, f"{url}/invocations", b'{"stream": 3}')
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [line for line in answer.text.splitlines() if line] == [
        f'data: {{"number": {number}}}' for number in range(3)
    ]


@pytest.mark.behaviour("GW-OUT-CALLER")
@pytest.mark.parametrize("authorizer", ["AWS_IAM", "AUTHENTICATE_ONLY"])
def test_the_runtime_sees_who_called_the_gateway(running, control, plain, authorizer):
    url = door(running, control, plain, "CALLER_IAM_CREDENTIALS", authorizer)
    session = f"caller-{authorizer.lower()}-" + "2" * 33
    answer = signed_post(running, f"{url}/invocations", b"{}", {RUNTIME_SESSION_ID.lower(): session})
    assert answer.status_code == 200, answer.text
    callers = {hop["identity"] for hop in hops(running, session)}
    assert callers == {"arn:aws:iam::123456789012:user/skerry"}


@pytest.mark.behaviour("GW-OUT-JWT")
def test_a_runtime_checks_the_token_that_the_gateway_passes_through(running, control, idp):
    arn = runtime(control, "guarded", authorizerConfiguration=jwt(idp, "desk-runtime"))
    checked = door(
        running,
        control,
        arn,
        "JWT_PASSTHROUGH",
        "CUSTOM_JWT",
        authorizerConfiguration=jwt(idp, "desk-gateway"),
    )
    for url, audience, status in (
        (door(running, control, arn, "JWT_PASSTHROUGH", "NONE"), "desk-runtime", 200),
        (door(running, control, arn, "JWT_PASSTHROUGH", "NONE"), "desk-gateway", 401),
        (checked, "desk-gateway", 401),  # in at the gateway, and the runtime wants another audience
        (checked, "desk-runtime", 403),
    ):
        token = idp.token(audience=audience)
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        answer = httpx2.post(
            f"{url}/invocations", content=b"{}", headers=headers, trust_env=False, timeout=TIMEOUT
        )
        assert answer.status_code == status, (audience, answer.text)
        assert token not in answer.text
    missing = httpx2.post(f"{url}/invocations", content=b"{}", trust_env=False)
    assert missing.json()["error"]["message"] == "Missing Bearer token"


@pytest.mark.behaviour("GW-OUT-JWT")
def test_without_a_token_the_runtime_says_what_it_misses(running, control, idp):
    arn = runtime(control, "asking", authorizerConfiguration=jwt(idp, "desk-runtime"))
    url = door(running, control, arn, "JWT_PASSTHROUGH", "NONE")
    answer = httpx2.post(f"{url}/invocations", content=b"{}", trust_env=False, timeout=TIMEOUT)
    assert (answer.status_code, answer.json()["error"]["message"]) == (401, "Missing Authentication Token")
    assert "/runtimes/" in answer.headers["www-authenticate"]


@pytest.mark.behaviour("GW-HTTP-CARD")
def test_discovery_of_a_runtime_goes_through_its_gateway(running, control, idp):
    arn = runtime(control, "found", authorizerConfiguration=jwt(idp, "desk-runtime"))
    url = door(running, control, arn, "JWT_PASSTHROUGH", "NONE")
    answer = httpx2.get(
        f"{url}/invocations/.well-known/oauth-protected-resource", trust_env=False, timeout=TIMEOUT
    )
    assert answer.json()["authorization_servers"] == [idp.idp.issuers["desk"]]
    headers = {"authorization": f"Bearer {idp.token(audience='desk-runtime')}"}
    card = httpx2.get(
        f"{url}/invocations/.well-known/agent-card.json", headers=headers, trust_env=False, timeout=TIMEOUT
    )
    # The program has no card: the runtime was asked for it, and says so.
    assert (card.status_code, card.headers["x-amzn-errortype"]) == (424, "RuntimeClientError")


@pytest.mark.behaviour("GW-DOMAIN")
def test_a_gateway_made_with_an_override_advertises_it(running, control, idp):
    gateway = control.create_gateway(
        name="public",
        roleArn=ROLE,
        authorizerType="CUSTOM_JWT",
        authorizerConfiguration=jwt(idp, "desk-gateway"),
        domainOverride={"defaultDomain": "agents.example.com", "alternateDomains": ["agents.example.org"]},
    )
    shown = control.get_gateway(gatewayIdentifier=gateway["gatewayId"])["domainOverride"]
    assert shown["defaultDomain"] == "agents.example.com"
    answer = httpx2.post(gateway["gatewayUrl"], content=b"{}", trust_env=False)
    assert answer.status_code == 401
    assert "https://agents.example.com/.well-known/" in answer.headers["www-authenticate"]


@pytest.mark.behaviour("GW-OUT-WORKLOAD")
def test_a_runtime_behind_its_gateway_cannot_be_called_past_it(running, control, idp):
    provider = control.create_oauth2_credential_provider(
        name="desk",
        credentialProviderVendor="CustomOauth2",
        oauth2ProviderConfigInput={
            "customOauth2ProviderConfig": {
                "oauthDiscovery": {
                    "discoveryUrl": f"{idp.idp.issuers['desk']}/.well-known/openid-configuration"
                },
                "clientId": "gateway",
                "clientSecret": SECRETS["gateway"],
            }
        },
    )["credentialProviderArn"]
    given = {"providerArn": provider, "scopes": [], "customParameters": {"audience": "accounts"}}
    credential = [
        {
            "credentialProviderType": "OAUTH",
            "credentialProvider": {"oauthCredentialProvider": given},
        }
    ]
    gateways = [
        control.create_gateway(name=name, roleArn=ROLE, authorizerType="NONE", exceptionLevel="DEBUG")
        for name in ("inside", "outside")
    ]
    rules = jwt(idp, "accounts")
    rules["customJWTAuthorizer"]["allowedWorkloadConfiguration"] = {
        "hostingEnvironments": [{"arn": gateways[0]["gatewayArn"]}]
    }
    arn = runtime(control, "fenced", authorizerConfiguration=rules)
    statuses = []
    for gateway in gateways:
        control.create_gateway_target(
            gatewayIdentifier=gateway["gatewayId"],
            name="agent",
            targetConfiguration={"http": {"agentcoreRuntime": {"arn": arn}}},
            credentialProviderConfigurations=credential,
        )
        url = f"{running.url}/gateway/{gateway['gatewayId']}/agent/invocations"
        answer = httpx2.post(url, content=b"{}", trust_env=False, timeout=TIMEOUT)
        statuses.append(answer.status_code)
    token = idp.token("gateway", audience="accounts")
    past = httpx2.post(
        f"{running.url}/runtimes/{quote(arn, safe='')}/invocations",
        content=b"{}",
        headers={"authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=TIMEOUT,
    )
    assert [*statuses, past.status_code] == [200, 403, 403]
    assert past.json()["message"].startswith("Transaction token required")


@pytest.mark.behaviour("GW-HTTP-OWN-CONTROL")
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize(
    ("method", "path", "service"),
    [
        ("POST", "/gateways/", "bedrock-agentcore"),
        ("POST", "/%67ateways/", "bedrock-agentcore"),
        ("POST", "//gateways/", "bedrock-agentcore"),
        ("POST", "/identities/GetWorkloadAccessTokenForUserId", "bedrock-agentcore"),
        ("POST", "/identities/api-key", "bedrock-agentcore"),
        ("POST", "/%69dentities/oauth2/token", "bedrock-agentcore"),
        ("GET", "/_skerry/hops", "skerry"),
        ("GET", "/_skerry/sessions", "skerry"),
    ],
)
def test_nobody_reaches_the_control_plane_with_a_gateways_role(running, control, name, method, path, service):
    """A passthrough to the data plane of AWS, whose control plane is elsewhere; here it is not."""
    endpoint = running.url.replace("127.0.0.1", name)
    url = open_door(running, control, endpoint, service)
    answer = httpx2.request(method, f"{url}{path}", timeout=TIMEOUT)
    assert answer.status_code == 502
    assert "leads to the control plane" in answer.json()["error"]


@pytest.mark.behaviour("GW-HTTP-NO-COMMANDS")
def test_callers_of_a_gateway_run_no_commands_with_its_role(running, control, plain, tmp_path):
    """Who may invoke an agent may not therefore run a shell in its sessions."""
    made = tmp_path / "made"
    body = {"command": f"touch {made}"}
    target = door(running, control, plain, "GATEWAY_IAM_ROLE", "NONE")
    answer = httpx2.post(f"{target}/commands", json=body, timeout=TIMEOUT)
    assert answer.status_code == 404
    passed = open_door(running, control, running.url, "bedrock-agentcore")
    below = f"/runtimes/{quote(plain, safe='')}/commands"
    answer = httpx2.post(f"{passed}{below}", json=body, timeout=TIMEOUT)
    assert answer.status_code == 502
    assert not made.exists()


@pytest.mark.behaviour("GW-HTTP-OWN-CONTROL")
def test_the_data_plane_stays_reachable(running, control, plain):
    url = open_door(running, control, running.url, "bedrock-agentcore")
    below = f"/runtimes/{quote(plain, safe='')}/invocations"
    answer = httpx2.post(f"{url}{below}", json={"do": "about"}, timeout=TIMEOUT)
    assert (answer.status_code, "pid" in answer.json()) == (200, True)


def open_door(running, control, endpoint, service):
    """The URL of a passthrough target, signed with the gateway's role, that everybody may call."""
    count = len(control.list_gateways(maxResults=1000)["items"])
    gateway = control.create_gateway(
        name=f"open-{count}", roleArn=ROLE, authorizerType="NONE", exceptionLevel="DEBUG"
    )
    signed = {"iamCredentialProvider": {"service": service}}
    control.create_gateway_target(
        gatewayIdentifier=gateway["gatewayId"],
        name="aws",
        targetConfiguration={"http": {"passthrough": {"endpoint": endpoint, "protocolType": "CUSTOM"}}},
        credentialProviderConfigurations=[
            {"credentialProviderType": "GATEWAY_IAM_ROLE", "credentialProvider": signed}
        ],
    )
    return f"{running.url}/gateway/{gateway['gatewayId']}/aws"
