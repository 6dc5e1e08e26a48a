"""Tokens without a person's consent, and API keys: right, kept, shared, and when a server answers wrongly."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from botocore.exceptions import ClientError

from skerry.auth.aws import sigv4
from skerry.errors import access_denied
from skerry.local.identity.plane import BODY_LIMIT
from skerry.local.ports.permissions import Unrestricted
from tests.kit.authorization_server import SECRET, authorization_server
from tests.kit.identity_stack import VAULT, identity_stack
from tests.kit.idp import SECRETS, desk
from tests.kit.local_endpoint import DEVELOPER, REGION

INVALID = ("ValidationException", 400)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with identity_stack(tmp_path_factory.mktemp("identity")) as running:
        yield running


@pytest.fixture
def server():
    with authorization_server() as running:
        yield running


@pytest.fixture
def machine(stack):
    return stack.data.get_workload_access_token(workloadName=stack.workload())["workloadAccessToken"]


def refused(call, *args, **arguments):
    with pytest.raises(ClientError) as caught:
        call(*args, **arguments)
    response = caught.value.response
    assert "very-secret" not in str(response)
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.behaviour("ID-M2M")
def test_client_credentials_are_kept_until_shortly_before_their_end(stack, server, machine):
    provider = stack.provider(server)
    more = {"resources": ["https://a.example", "https://b.example"], "customParameters": {"tier": "gold"}}
    first = stack.token(machine, provider, "M2M", **more)["accessToken"]
    (form,) = server.forms
    assert form == {
        "grant_type": ["client_credentials"],
        "scope": ["files.read"],
        "resource": ["https://a.example", "https://b.example"],
        "tier": ["gold"],
    }
    stack.clock.advance(3000)
    machine = stack.data.get_workload_access_token(workloadName=stack.workload())["workloadAccessToken"]
    assert stack.token(machine, provider, "M2M", **more)["accessToken"] != first  # another workload
    assert len(server.forms) == 2


@pytest.mark.behaviour("ID-M2M")
def test_a_machines_token_is_fetched_again_near_its_end_and_without_a_life_each_time(stack, server, machine):
    provider = stack.provider(server)
    server.lifetime = 100
    given = {stack.token(machine, provider, "M2M")["accessToken"] for _ in range(3)}
    stack.clock.advance(71)
    given |= {stack.token(machine, provider, "M2M")["accessToken"] for _ in range(3)}
    assert len(given) == len(server.forms) == 2
    server.lifetime = None
    for _ in range(2):
        stack.token(machine, provider, "M2M", scopes=["other"])
    assert len(server.forms) == 4
    custom = {"scope": "everything", "grant_type": "password", "client_id": "x"}
    stack.token(machine, provider, "M2M", customParameters=custom)
    assert (server.forms[-1]["scope"], server.forms[-1]["grant_type"]) == (
        ["files.read"],
        ["client_credentials"],
    )


@pytest.mark.behaviour("ID-SHARED")
def test_who_asks_for_the_same_at_the_same_time_shares_one_request(stack, server, machine):
    provider = stack.provider(server)
    server.gate = threading.Event()
    # The first request waits at the server until all four have reached the plane.
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(stack.token, machine, provider, "M2M") for _ in range(4)]
        assert stack.inside.wait_for(4)
        server.gate.set()
        tokens = {answer.result(20)["accessToken"] for answer in asked}
    assert len(tokens) == len(server.forms) == 1


@pytest.mark.behaviour("ID-CLIENT-AUTH")
@pytest.mark.parametrize(
    ("members", "methods", "posted"),
    [
        ({}, ("client_secret_basic",), False),
        ({}, ("client_secret_post",), True),
        (
            {"clientAuthenticationMethod": "CLIENT_SECRET_POST"},
            ("client_secret_post", "client_secret_basic"),
            True,
        ),
        ({"clientAuthenticationMethod": "CLIENT_SECRET_BASIC"}, ("client_secret_basic",), False),
    ],
)
def test_a_client_proves_itself_as_configured_or_as_the_server_says(
    stack, server, machine, members, methods, posted
):
    server.methods = methods
    stack.token(machine, stack.provider(server, **members), "M2M")
    assert (server.forms[-1].get("client_secret") == [SECRET]) is posted
    wrong = stack.provider(server, **members, clientSecret="not it")
    assert refused(stack.token, machine, wrong, "M2M") == INVALID


@pytest.mark.behaviour("ID-PROVIDER-FAILS")
@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("garbage", ("InternalServerException", 500)),
        ("500", ("InternalServerException", 500)),
        ("huge", ("InternalServerException", 500)),
        ("mac", ("InternalServerException", 500)),
        ("deep", ("InternalServerException", 500)),
        ("refuse", INVALID),
        ("echo", INVALID),
    ],
)
def test_a_server_that_answers_wrongly_is_told_apart_and_not_quoted(
    stack, server, machine, behaviour, expected
):
    provider = stack.provider(server)
    server.behaviour = behaviour
    assert refused(stack.token, machine, provider, "M2M") == expected
    server.behaviour = ""
    assert stack.token(machine, provider, "M2M")["accessToken"]


@pytest.mark.behaviour("ID-PROVIDER-FAILS")
@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://other.example"},
        {"token_endpoint": "http://token.example/token"},
        {"authorization_endpoint": "http://login.example/authorize"},
        {"token_endpoint": None},
        {"issuer": 1},
    ],
)
def test_metadata_that_does_not_hold_up_is_not_used(stack, server, machine, metadata):
    provider = stack.provider(server)
    server.metadata = metadata
    assert refused(stack.token, machine, provider, "M2M") == ("InternalServerException", 500)
    assert server.forms == []
    server.metadata = {}
    stack.token(machine, provider, "M2M")
    fetched = len(server.fetched)
    stack.token(machine, provider, "M2M", scopes=["other"])
    assert len(server.fetched) == fetched  # metadata is kept


@pytest.mark.behaviour("ID-PROVIDER-FAILS")
def test_no_secret_goes_to_a_plain_endpoint_elsewhere(stack, machine):
    metadata = {
        "issuer": "https://i.example",
        "authorizationEndpoint": "https://i.example/a",
        "tokenEndpoint": "http://i.example/t",
    }
    name = "plain-endpoint"
    stack.control.create_oauth2_credential_provider(
        name=name,
        credentialProviderVendor="CustomOauth2",
        oauth2ProviderConfigInput={
            "customOauth2ProviderConfig": {
                "oauthDiscovery": {"authorizationServerMetadata": metadata},
                "clientId": "c",
                "clientSecret": "very-secret",
            }
        },
    )
    assert refused(stack.token, machine, name, "M2M") == ("InternalServerException", 500)


@pytest.mark.behaviour("ID-OBO")
def test_an_exchange_at_the_stacks_own_provider_is_for_the_person(stack):
    with desk() as idp:
        name = "exchange-at-desk"
        stack.control.create_oauth2_credential_provider(
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
        token = idp.token(audience="desk-gateway")
        made = stack.data.get_workload_access_token_for_jwt(workloadName=stack.workload(), userToken=token)
        more = {"scopes": [], "audiences": ["accounts"]}
        flow = "ON_BEHALF_OF_TOKEN_EXCHANGE"
        got = stack.token(made["workloadAccessToken"], name, flow, **more)["accessToken"]
        claims = idp.claims(got)
        assert (claims["sub"], claims["aud"]) == (idp.claims(token)["sub"], "accounts")
        assert got != token
        kept = stack.token(made["workloadAccessToken"], name, flow, **more)["accessToken"]
        assert kept == got
        # a refusal of the provider is one here
        wrong = {"scopes": [], "audiences": ["nobody-exchanges-for-this"]}
        assert refused(stack.token, made["workloadAccessToken"], name, flow, **wrong) == INVALID


@pytest.mark.behaviour("ID-OBO")
def test_the_kinds_of_exchange_that_a_provider_may_have(stack, server):
    flow = "ON_BEHALF_OF_TOKEN_EXCHANGE"
    with desk() as idp:
        token = idp.token(audience="desk-gateway")
        made = stack.data.get_workload_access_token_for_jwt(workloadName=stack.workload(), userToken=token)
        ann = made["workloadAccessToken"]

        def asked(config):
            server.forms.clear()
            stack.token(ann, stack.provider(server, onBehalfOfTokenExchangeConfig=config), flow)
            return server.forms

        (form,) = asked({"grantType": "JWT_AUTHORIZATION_GRANT"})
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        assert form["assertion"] == [token]
        actor = {"actorTokenContent": "M2M", "actorTokenScopes": ["act"]}
        first, second = asked({"grantType": "TOKEN_EXCHANGE", "tokenExchangeGrantTypeConfig": actor})
        assert (first["grant_type"], first["scope"]) == (["client_credentials"], ["act"])
        assert second["actor_token"][0].startswith("access-")
        assert second["subject_token"] == [token]
        server.methods = ("none",)
        none = {"clientAuthenticationMethod": "NO_CLIENT"}
        asked({"grantType": "JWT_AUTHORIZATION_GRANT", "onBehalfOfAuthenticationConfig": none})
        plain = stack.provider(server)
        assert refused(stack.token, ann, plain, flow) == INVALID
        nobody = stack.for_user(stack.workload())
        assert refused(stack.token, nobody, plain, flow) == INVALID


@pytest.mark.behaviour("ID-API-KEY")
def test_api_keys_are_given_to_workloads_from_wherever_they_are(stack, machine):
    stack.control.create_api_key_credential_provider(name="own-key", apiKey="the weather key")
    stack.control.create_api_key_credential_provider(
        name="kept-elsewhere",
        apiKeySecretSource="EXTERNAL",
        apiKeySecretConfig={"secretId": "weather", "jsonKey": "key"},
    )

    def key(name):
        return stack.data.get_resource_api_key(
            workloadIdentityToken=machine, resourceCredentialProviderName=name
        )["apiKey"]

    assert key("own-key") == "the weather key"
    assert refused(key, "kept-elsewhere") == INVALID
    stack.secrets["weather", "key"] = "another weather key"
    assert key("kept-elsewhere") == "another weather key"
    assert refused(key, "nowhere") == ("ResourceNotFoundException", 404)
    wrong = {"workloadIdentityToken": machine + "x", "resourceCredentialProviderName": "own-key"}
    assert refused(stack.data.get_resource_api_key, **wrong) == ("UnauthorizedException", 401)
    hop = stack.recorder.wait_for("GetResourceApiKey", 5)
    assert (hop.status, hop.detail["error"]) == (401, "UnauthorizedException")
    assert "weather key" not in str(stack.recorder.hops)


class Denies(Unrestricted):
    """Implements `ports.Permissions`: everything about one resource is denied, and asked for is kept."""

    def __init__(self, resource: str) -> None:
        self.resource = resource
        self.asked = []

    async def check(self, caller, asks, notes):
        arns = tuple(ask.resource for ask in asks)
        self.asked.append((caller.arn, asks[0].action, arns))
        if self.resource in arns:
            raise access_denied(f"no {asks[0].action}")


@pytest.mark.behaviour("ID-PERMISSIONS")
def test_permissions_are_asked_for_every_operation(tmp_path, server):
    denies = Denies(f"{VAULT}/oauth2credentialprovider/closed")
    with identity_stack(tmp_path, permissions=denies) as stack:
        desk_name = stack.workload()
        token = stack.data.get_workload_access_token(workloadName=desk_name)["workloadAccessToken"]
        directory = VAULT.replace("token-vault/default", "workload-identity-directory/default")
        (_, action, arns) = denies.asked[-1]
        assert action == "bedrock-agentcore:GetWorkloadAccessToken"
        assert arns == (f"{directory}/workload-identity/{desk_name}", directory)
        stack.control.create_oauth2_credential_provider(name="closed", **stack.configuration(server))
        found = refused(stack.token, token, "closed", "M2M")
        assert found == ("AccessDeniedException", 403)
        assert server.forms == []
        for call, arguments in (
            (
                stack.data.get_resource_api_key,
                {"workloadIdentityToken": token, "resourceCredentialProviderName": "x"},
            ),
            (
                stack.data.complete_resource_token_auth,
                {"sessionUri": "urn:ietf:params:oauth:request_uri:x", "userIdentifier": {"userId": "a"}},
            ),
        ):
            refused(call, **arguments)
        assert {action.rpartition(":")[2] for _, action, _ in denies.asked} == {
            "GetWorkloadAccessToken",
            "GetResourceOauth2Token",
            "GetResourceApiKey",
            "CompleteResourceTokenAuth",
        }


@pytest.mark.behaviour("ID-PERMISSIONS")
@pytest.mark.parametrize(
    ("method", "path", "body", "signed", "status"),
    [
        ("POST", "api-key", b"{}", False, 403),
        ("POST", "GetWorkloadAccessToken", b'{"workloadName": "desk"}', False, 403),
        ("POST", "api-key", b"{", True, 400),
        ("POST", "api-key", b"[]", True, 400),
        ("POST", "api-key", b'{"workloadIdentityToken": 1}', True, 400),
        ("POST", "oauth2/token", b'{"oauth2Flow": "PASSWORD"}', True, 400),
        ("POST", "CompleteResourceTokenAuth", b'{"sessionUri": "x", "userIdentifier": {}}', True, 400),
        ("POST", "api-key", b"[" * 200_000, True, 400),
        ("POST", "api-key", b" " * (BODY_LIMIT + 1), True, 413),
        ("GET", "api-key", b"", True, 404),
        ("GET", "oauth2/token", b"", False, 403),
    ],
)
def test_what_is_no_call_is_refused_in_aws_form(stack, method, path, body, signed, status):
    url, headers = f"{stack.url}/identities/{path}", {"content-type": "application/json"}
    if signed:
        headers |= sigv4.sign(
            method,
            url,
            headers,
            body,
            credentials=DEVELOPER,
            region=REGION,
            service="bedrock-agentcore",
            now=time.time(),
        )
    answer = httpx2.request(method, url, content=body, headers=headers, timeout=30)
    assert answer.status_code == status
    assert answer.headers["x-amzn-errortype"]
    assert answer.json()["message"]


@pytest.mark.behaviour("ID-PROVIDER-OUTSIDE")
@pytest.mark.parametrize(
    "discovery",
    [
        "https://inner.example",
        "https://169.254.169.254",
        "https://10.1.2.3/realms/a",
        "https://i.example:8443",
    ],
)
def test_a_provider_in_a_private_network_is_not_asked(stack, machine, discovery):
    name = "inner-" + "".join(filter(str.isalnum, discovery))
    members = {
        "oauthDiscovery": {"discoveryUrl": f"{discovery}/.well-known/openid-configuration"},
        "clientId": "c",
        "clientSecret": "very-secret",
    }
    stack.control.create_oauth2_credential_provider(
        name=name,
        credentialProviderVendor="CustomOauth2",
        oauth2ProviderConfigInput={"customOauth2ProviderConfig": members},
    )
    assert refused(stack.token, machine, name, "M2M") == ("InternalServerException", 500)
    assert stack.internet.connected == []
