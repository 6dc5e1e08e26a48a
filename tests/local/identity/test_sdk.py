"""The AWS SDK's own decorators and client, unmodified, inside and outside of a runtime of the whole endpoint."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import httpx2
import pytest
import websockets
from bedrock_agentcore.services.identity import IdentityClient, UserIdIdentifier, UserTokenIdentifier
from botocore.exceptions import ClientError
from joserfc import jwt
from joserfc.jwk import import_key

from skerry.wire.endpoints import invocation_url
from tests.kit.authorization_server import CLIENT, SECRET, Browser, authorization_server
from tests.kit.idp import SECRETS, desk
from tests.kit.local_endpoint import REGION, ROLE, artifact, endpoint_process, settled
from tests.kit.runtime_plane import PROGRAMS

RETURN_URL = "https://app.example/done"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with endpoint_process(tmp_path_factory.mktemp("endpoint") / "state") as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def idp():
    with desk() as provider:
        yield provider


@pytest.fixture(scope="module")
def server():
    with authorization_server() as provider:
        yield provider


@pytest.fixture(scope="module")
def control(running):
    client = running.client("bedrock-agentcore-control")
    yield client
    client.close()


@pytest.fixture(scope="module")
def data(running):
    client = running.client("bedrock-agentcore", read_timeout=90)
    yield client
    client.close()


def runtime(control, **more):
    name = f"agent_{uuid.uuid4().hex[:8]}"
    made = control.create_agent_runtime(
        agentRuntimeName=name, roleArn=ROLE, agentRuntimeArtifact=artifact(str(PROGRAMS / "identity")), **more
    )
    settled(control.get_agent_runtime, agentRuntimeId=made["agentRuntimeId"])
    control.update_workload_identity(
        name=made["agentRuntimeId"], allowedResourceOauth2ReturnUrls=[RETURN_URL]
    )
    return made


@pytest.fixture(scope="module")
def signed(control):
    """A runtime whose callers sign."""
    return runtime(control)


@pytest.fixture(scope="module")
def guarded(control, idp):
    """A runtime whose callers have tokens."""
    discovery = f"{idp.idp.issuers['desk']}/.well-known/openid-configuration"
    rules = {"customJWTAuthorizer": {"discoveryUrl": discovery, "allowedAudience": ["desk-gateway"]}}
    return runtime(control, authorizerConfiguration=rules)


@pytest.fixture(scope="module")
def provider(control, server):
    made = control.create_oauth2_credential_provider(
        name=f"p-{uuid.uuid4().hex[:8]}",
        credentialProviderVendor="CustomOauth2",
        oauth2ProviderConfigInput={
            "customOauth2ProviderConfig": {
                "oauthDiscovery": {"discoveryUrl": server.discovery_url},
                "clientId": CLIENT,
                "clientSecret": SECRET,
            }
        },
    )
    server.redirects.add(made["callbackUrl"])
    return made["name"]


@pytest.fixture(scope="module")
def key(control):
    name = f"k-{uuid.uuid4().hex[:8]}"
    control.create_api_key_credential_provider(name=name, apiKey="a very-secret key")
    return name


def invoke(data, made, payload, **more):
    answer = data.invoke_agent_runtime(
        agentRuntimeArn=made["agentRuntimeArn"],
        runtimeSessionId="s" * 40,
        payload=json.dumps(payload).encode(),
        **more,
    )
    return json.loads(answer["response"].read())


def call(running, made, token, payload, **headers):
    """An invocation with a bearer token."""
    answer = httpx2.post(
        invocation_url(running.url, made["agentRuntimeArn"]),
        json=payload,
        headers={
            "Authorization": f"Bearer {token}",
            "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id": "s" * 40,
            **headers,
        },
        timeout=90,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.behaviour("ID-RUNTIME-TOKEN")
@pytest.mark.behaviour("ID-RUNTIME-CALLBACK")
def test_a_program_gets_a_token_for_whoever_its_caller_speaks_for(running, data, signed, guarded, idp):
    assert invoke(data, signed, {}) == {"own": "", "wat": "", "callback": ""}
    ann, bob = (invoke(data, signed, {}, runtimeUserId=name)["own"] for name in ("ann", "bob"))
    assert ann
    assert len({ann, bob}) == 2
    assert "ann" not in ann
    token = idp.token(audience="desk-gateway")
    assert call(running, guarded, token, {})["own"]
    # what a client sends by that name is not passed on
    claimed = {"WorkloadAccessToken": ann, "X-Amz-Bedrock-AgentCore-Identity-WAT": ann}
    found = call(
        running, guarded, token, {}, **claimed, **{"X-Amzn-Bedrock-AgentCore-Runtime-User-Id": "eve"}
    )
    assert found["own"] == found["wat"] != ann
    assert found["callback"] == RETURN_URL


@pytest.mark.behaviour("ID-CHAIN")
def test_a_workload_that_is_called_by_another_knows_through_whom(running, data, signed, guarded, idp, key):
    token = idp.token(audience="desk-gateway")
    shown = call(running, guarded, token, {})["own"]

    def chained(request, **_):
        request.headers["X-Amz-Bedrock-AgentCore-Identity-WAT"] = shown

    event = "before-sign.bedrock-agentcore.InvokeAgentRuntime"  # where the AWS SDK puts it
    data.meta.events.register(event, chained)
    try:
        invoke(data, signed, {"flow": "API_KEY", "provider": key}, runtimeUserId="ann")
        shown += "x"
        with pytest.raises(ClientError, match="workload access token is invalid"):
            invoke(data, signed, {}, runtimeUserId="ann")
    finally:
        data.meta.events.unregister(event, chained)
    hops = [json.loads(line) for line in (running.state / "hops.jsonl").read_text().splitlines()]
    through = {"chain": guarded["agentRuntimeId"]}
    found = {hop["operation"] for hop in hops if hop["detail"].items() >= through.items()}
    assert found == {
        "InvokeAgentRuntime",
        "GetResourceApiKey",
    }  # what the agent asked for then is one of them
    assert shown[:-1] not in str(hops)


@pytest.mark.behaviour("ID-RUNTIME-TOKEN")
async def test_a_program_behind_a_web_socket_gets_one_too(running, control, idp):
    discovery = f"{idp.idp.issuers['desk']}/.well-known/openid-configuration"
    rules = {"customJWTAuthorizer": {"discoveryUrl": discovery, "allowedAudience": ["desk-gateway"]}}
    made = control.create_agent_runtime(
        agentRuntimeName=f"agent_{uuid.uuid4().hex[:8]}",
        roleArn=ROLE,
        agentRuntimeArtifact=artifact(str(PROGRAMS / "socket")),
        authorizerConfiguration=rules,
    )
    settled(control.get_agent_runtime, agentRuntimeId=made["agentRuntimeId"])
    url = invocation_url(running.url, made["agentRuntimeArn"]).replace("/invocations", "/ws")
    headers = {
        "Authorization": f"Bearer {idp.token(audience='desk-gateway')}",
        "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id": "s" * 40,
        "WorkloadAccessToken": "claimed",
    }
    async with websockets.connect(
        url.replace("http", "ws", 1), additional_headers=headers, proxy=None
    ) as socket:
        await socket.send("about")
        found = [
            value
            for name, value in json.loads(await socket.recv())["headers"]
            if name == "workloadaccesstoken"
        ]
    assert len(found) == 1
    assert found[0].startswith("1.")


@pytest.mark.behaviour("ID-SDK")
def test_decorators_in_an_agent_get_machine_tokens_and_api_keys(data, signed, provider, key):
    got = invoke(data, signed, {"flow": "M2M", "provider": provider}, runtimeUserId="ann")
    assert got["secret"].startswith("access-")
    got = invoke(data, signed, {"flow": "API_KEY", "provider": key}, runtimeUserId="ann")
    assert got["secret"] == "a very-secret key"


@pytest.mark.behaviour("ID-SDK")
def test_three_legs_from_an_agent_that_is_called_again(running, data, signed, provider, monkeypatch):
    ask = {"flow": "USER_FEDERATION", "provider": provider, "callback": RETURN_URL, "state": "s-1"}
    link = invoke(data, signed, ask, runtimeUserId="ann")["link"]
    browser = Browser()
    back = browser.consent(link)
    browser.close()
    assert back["state"] == "s-1"
    assert "link" in invoke(data, signed, ask, runtimeUserId="ann")
    for name, value in (
        ("AWS_ENDPOINT_URL", running.url),
        ("AWS_ACCESS_KEY_ID", running.developer.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", running.developer.secret_access_key),
    ):
        monkeypatch.setenv(name, value)
    client = IdentityClient(REGION)
    client.complete_resource_token_auth(back["session_id"], UserIdIdentifier(user_id="ann"))
    client.cp_client.close()
    client.dp_client.close()
    first = invoke(data, signed, ask, runtimeUserId="ann")["secret"]
    assert invoke(data, signed, ask, runtimeUserId="ann")["secret"] == first
    assert "link" in invoke(data, signed, ask, runtimeUserId="bob")


@pytest.mark.behaviour("ID-SDK")
def test_an_agent_called_with_a_token_acts_for_that_person(
    running, control, guarded, provider, idp, monkeypatch
):
    token = idp.token(audience="desk-gateway")
    name = f"p-{uuid.uuid4().hex[:8]}"
    control.create_oauth2_credential_provider(
        name=name,
        credentialProviderVendor="CustomOauth2",
        oauth2ProviderConfigInput={
            "customOauth2ProviderConfig": {
                "oauthDiscovery": {
                    "discoveryUrl": f"{idp.idp.issuers['desk']}/.well-known/openid-configuration"
                },
                "clientId": "gateway",
                "clientSecret": SECRETS["gateway"],
                "onBehalfOfTokenExchangeConfig": {
                    "grantType": "TOKEN_EXCHANGE",
                    "tokenExchangeGrantTypeConfig": {"actorTokenContent": "NONE"},
                },
            }
        },
    )
    exchange = {
        "flow": "ON_BEHALF_OF_TOKEN_EXCHANGE",
        "provider": name,
        "scopes": [],
        "audiences": ["accounts"],
    }
    claims = idp.claims(call(running, guarded, token, exchange)["secret"])
    assert (claims["sub"], claims["aud"]) == (idp.claims(token)["sub"], "accounts")

    ask = {"flow": "USER_FEDERATION", "provider": provider}  # its only return URL comes in a header
    browser = Browser()
    back = browser.consent(call(running, guarded, token, ask)["link"])
    browser.close()
    for name, value in (
        ("AWS_ENDPOINT_URL", running.url),
        ("AWS_ACCESS_KEY_ID", running.developer.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", running.developer.secret_access_key),
    ):
        monkeypatch.setenv(name, value)
    client = IdentityClient(REGION)
    client.complete_resource_token_auth(back["session_id"], UserTokenIdentifier(user_token=token))
    client.cp_client.close()
    client.dp_client.close()
    assert call(running, guarded, token, ask)["secret"].startswith("access-")


@pytest.mark.behaviour("ID-SDK")
def test_outside_of_a_runtime_the_sdk_makes_an_identity_of_its_own(running, tmp_path, provider, key):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "AWS_ENDPOINT_URL": running.url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": running.developer.access_key_id,
        "AWS_SECRET_ACCESS_KEY": running.developer.secret_access_key,
    }
    program = Path(__file__).with_name("outside.py")
    for _ in range(2):  # the second time it finds what it made
        done = subprocess.run(
            [sys.executable, str(program), provider, key],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
            check=True,
        )
        found = json.loads(done.stdout.splitlines()[-1])
        assert found["token"].startswith("access-")
        assert found["key"] == "a very-secret key"
    assert json.loads((tmp_path / ".agentcore.json").read_text()).keys() == {
        "workload_identity_name",
        "user_id",
    }


@pytest.mark.behaviour("ID-PRIVATE-KEY")
@pytest.mark.parametrize(
    ("algorithm", "spec"), [("RS256", "RSA_2048"), ("PS256", "RSA_3072"), ("ES256", "ECC_NIST_P256")]
)
def test_a_key_in_kms_proves_a_client(running, control, data, signed, algorithm, spec):
    kms = running.client("kms")
    made = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    public = kms.get_public_key(KeyId=made["KeyId"])["PublicKey"]
    kms.close()
    name = f"p-{uuid.uuid4().hex[:8]}"
    with authorization_server(methods=("private_key_jwt",)) as own:
        control.create_oauth2_credential_provider(
            name=name,
            credentialProviderVendor="CustomOauth2",
            oauth2ProviderConfigInput={
                "customOauth2ProviderConfig": {
                    "oauthDiscovery": {"discoveryUrl": own.discovery_url},
                    "clientId": CLIENT,
                    "clientAuthenticationMethod": "PRIVATE_KEY_JWT",
                    "privateKeyJwtConfig": {
                        "privateKeySource": {"kmsKeySource": {"kmsKeyArn": made["Arn"]}},
                        "signingAlgorithm": algorithm,
                        "additionalHeaderClaims": {"kid": "k-1"},
                        "additionalPayloadClaims": {"tenant": "a very-secret tenant"},
                    },
                }
            },
        )
        ask = {"flow": "M2M", "provider": name}
        got = invoke(data, signed, ask, runtimeUserId="ann")
        assert got["secret"].startswith("access-")
        (form,) = own.forms
        pem = base64.encodebytes(public).decode()
        key = import_key(
            f"-----BEGIN PUBLIC KEY-----\n{pem}-----END PUBLIC KEY-----\n",
            "EC" if spec.startswith("ECC") else "RSA",
        )
        token = jwt.decode(form["client_assertion"][0], key, algorithms=[algorithm])
        assert token.header == {"alg": algorithm, "typ": "JWT", "kid": "k-1"}
        claims = token.claims
        assert (claims["iss"], claims["sub"], claims["aud"]) == (CLIENT, CLIENT, f"{own.issuer}/token")
        assert (claims["tenant"], claims["exp"] - claims["iat"]) == ("a very-secret tenant", 60)
        assert form["client_id"] == [CLIENT]
        assert "client_secret" not in form
        invoke(data, signed, ask | {"scopes": ["other"]}, runtimeUserId="ann")
        second = jwt.decode(own.forms[1]["client_assertion"][0], key, algorithms=[algorithm]).claims
        assert second["jti"] != claims["jti"]
        other = made["Arn"].rpartition("/")[0] + "/01234567-0123-0123-0123-0123456789ab"
        configuration = {
            "oauthDiscovery": {"discoveryUrl": own.discovery_url},
            "clientId": CLIENT,
            "clientAuthenticationMethod": "PRIVATE_KEY_JWT",
            "privateKeyJwtConfig": {
                "privateKeySource": {"kmsKeySource": {"kmsKeyArn": other}},
                "signingAlgorithm": algorithm,
            },
        }
        control.update_oauth2_credential_provider(
            name=name,
            credentialProviderVendor="CustomOauth2",
            oauth2ProviderConfigInput={"customOauth2ProviderConfig": configuration},
        )
        workload = f"w-{uuid.uuid4().hex[:8]}"
        control.create_workload_identity(name=workload)
        token = data.get_workload_access_token(workloadName=workload)["workloadAccessToken"]
        with pytest.raises(ClientError, match="cannot be signed"):
            data.get_resource_oauth2_token(
                workloadIdentityToken=token, resourceCredentialProviderName=name, scopes=[], oauth2Flow="M2M"
            )
        assert len(own.forms) == 2


@pytest.mark.behaviour("ID-SEALED")
def test_no_file_of_the_state_has_a_secret_in_it(running, data, signed, provider, key):
    got = invoke(data, signed, {"flow": "M2M", "provider": provider}, runtimeUserId="ann")
    invoke(data, signed, {"flow": "API_KEY", "provider": key}, runtimeUserId="ann")
    files = [path for path in running.state.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"control.sqlite", "vault.sqlite", "vault.key", "hops.jsonl"}
    for secret in (SECRET, SECRETS["gateway"], "very-secret", got["own"], got["secret"]):
        assert [str(path) for path in files if secret.encode() in path.read_bytes()] == []
