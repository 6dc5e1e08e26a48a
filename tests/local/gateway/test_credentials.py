"""API keys, the caller's identity and its token, and parameters of token requests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from skerry.auth.aws import sigv4
from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.credentials import OutboundCredentials
from skerry.local.gateway.credentials.caller import LIFE, CallerCredentials
from skerry.local.gateway.outgoing import Outgoing
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.iam.access import Access
from skerry.local.ports.callers import Caller, Workload
from tests.kit.clock import FakeClock
from tests.kit.gateway_stack import (
    ACCOUNT,
    DEVELOPER,
    REGION,
    TIMEOUT,
    NoOtherKeys,
    Stack,
    gateway_stack,
    post,
)
from tests.kit.http_backend import HttpBackend
from tests.kit.idp import SECRETS, Desk, desk
from tests.kit.mcp_backends import Backend

VAULT = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:token-vault/default"
KEY = f"{VAULT}/apikeycredentialprovider/news"
PROVIDER = f"{VAULT}/oauth2credentialprovider/desk"
SECRET = "k3y & s=cret"
ECHO: dict[str, Any] = {"name": "echo___echo", "arguments": {"text": "x"}}


def api_key(**members: Any) -> list[dict[str, Any]]:
    provider = {"apiKeyCredentialProvider": {"providerArn": KEY, **members}}
    return [{"credentialProviderType": "API_KEY", "credentialProvider": provider}]


def kind(name: str, **provider: Any) -> list[dict[str, Any]]:
    given: dict[str, Any] = {"credentialProviderType": name}
    return [{**given, "credentialProvider": provider} if provider else given]


def passthrough(service: HttpBackend, **members: Any) -> dict[str, Any]:
    return {"passthrough": {"endpoint": service.url, "protocolType": "CUSTOM", **members}}


def api(stack: Stack, service: HttpBackend, credentials: Any, gateway: str = "", **members: Any) -> str:
    return stack.http_target(
        gateway or stack.gateway(exceptionLevel="DEBUG"),
        "api",
        passthrough(service, **members),
        credentialProviderConfigurations=credentials,
    )


def get(url: str, **headers: str) -> httpx2.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.get(url, headers=sent, trust_env=False, timeout=TIMEOUT)


@pytest.fixture(autouse=True)
def keys(stack: Stack) -> None:
    stack.resources.api_keys = {KEY: SECRET}


@pytest.fixture(scope="module")
def idp() -> Iterator[Desk]:
    with desk() as running:
        yield running


class TestApiKey:
    @pytest.mark.behaviour("GW-OUT-KEY-HEADER")
    @pytest.mark.parametrize(
        ("members", "header", "value"),
        [
            ({}, "authorization", SECRET),
            ({"credentialPrefix": "Bearer"}, "authorization", f"Bearer {SECRET}"),
            ({"credentialParameterName": "X-Api-Key"}, "x-api-key", SECRET),
            (
                {
                    "credentialLocation": "HEADER",
                    "credentialParameterName": "X-Auth",
                    "credentialPrefix": "ApiKey",
                },
                "x-auth",
                f"ApiKey {SECRET}",
            ),
        ],
    )
    def test_a_key_stands_in_a_header(
        self, stack: Stack, service: HttpBackend, members: dict[str, Any], header: str, value: str
    ) -> None:
        assert get(api(stack, service, api_key(**members)), x_api_key="mine").status_code == 200
        assert service.seen[-1].headers[header] == value
        assert "mine" not in str(service.seen[-1])

    @pytest.mark.behaviour("GW-OUT-KEY-QUERY")
    def test_a_key_stands_in_a_query_parameter_and_replaces_the_clients(
        self, stack: Stack, service: HttpBackend
    ) -> None:
        where = {"credentialLocation": "QUERY_PARAMETER", "credentialParameterName": "api_key"}
        get(f"{api(stack, service, api_key(**where))}/x?q=1&api_key=mine&%61pi_key=mine")
        assert service.seen[-1].query == "q=1&api_key=k3y%20%26%20s%3Dcret"

    @pytest.mark.behaviour("GW-OUT-KEY-MCP")
    @pytest.mark.parametrize("modern", [False, True])
    def test_an_mcp_server_gets_its_key_with_every_request(
        self, stack: Stack, backend: Backend, modern: bool
    ) -> None:
        gateway = stack.gateway()
        stack.target(
            gateway,
            "echo",
            {"mcpServer": {"endpoint": backend.url}},
            credentialProviderConfigurations=api_key(credentialParameterName="X-Api-Key"),
        )
        assert post(stack.url(gateway), "tools/call", ECHO, modern=modern).status_code == 200
        assert {item.headers.get("x-api-key") for item in backend.seen} == {SECRET}
        hop = stack.recorder.named("→ MCP tools/call")[-1]
        assert (hop.auth, hop.identity) == ("api-key", "news")

    @pytest.mark.behaviour("GW-OUT-KEY-SECRET")
    @pytest.mark.parametrize("where", ["HEADER", "QUERY_PARAMETER"])
    def test_the_key_is_in_no_hop_log_or_answer(
        self, stack: Stack, service: HttpBackend, caplog: pytest.LogCaptureFixture, where: str
    ) -> None:
        given = {"credentialLocation": where, "credentialParameterName": "x-key"}
        gateway = stack.gateway(exceptionLevel="DEBUG")
        url = api(stack, service, api_key(**given), gateway)
        away = stack.http_target(
            gateway,
            "away",
            {"passthrough": {"endpoint": "http://127.0.0.1:9/", "protocolType": "CUSTOM"}},
            credentialProviderConfigurations=api_key(**given),
        )
        caplog.set_level("DEBUG")
        answers = [get(url), get(away)]
        assert [answer.status_code for answer in answers] == [200, 502]
        told = f"{[answer.text for answer in answers]} {stack.recorder.hops} {caplog.text}"
        assert not [piece for piece in (SECRET, "s%3Dcret") if piece in told]

    @pytest.mark.behaviour("GW-OUT-KIND")
    @pytest.mark.parametrize(
        ("key", "members", "reason"),
        [
            (None, {}, "does not exist"),
            ("a\r\nx: y", {}, "cannot be sent in a header"),
            ("schlüssel", {}, "cannot be sent in a header"),
            ("k", {"credentialParameterName": "no name"}, "cannot be the name of a header"),
            ("k", {"credentialLocation": "QUERY_PARAMETER"}, "needs credentialParameterName"),
        ],
    )
    def test_a_key_that_cannot_be_sent_sends_nothing(
        self, stack: Stack, service: HttpBackend, key: str | None, members: dict[str, Any], reason: str
    ) -> None:
        stack.resources.api_keys = {} if key is None else {KEY: key}
        answer = get(api(stack, service, api_key(**members)))
        assert (answer.status_code, service.seen) == (502, [])
        assert reason in answer.json()["error"]
        assert key is None or len(key) < 2 or key not in answer.text

    @pytest.mark.behaviour("GW-OUT-KEY-HEADER")
    def test_the_defaults_are_switches(self, service: HttpBackend) -> None:
        table = Assumptions(api_key_header="X-Api-Key", api_key_separator="=")
        with gateway_stack(assumptions=table) as other:
            other.resources.api_keys = {KEY: "k"}
            get(api(other, service, api_key(credentialPrefix="key")))
        assert service.seen[-1].headers["x-api-key"] == "key=k"


class TestRole:
    @pytest.mark.behaviour("GW-OUT-HTTP-IAM")
    @pytest.mark.parametrize(
        ("provider", "service_name", "region"),
        [
            ({"service": "execute-api", "region": "eu-west-1"}, "execute-api", "eu-west-1"),
            ({"service": "lambda"}, "lambda", REGION),
            (None, "bedrock-agentcore", REGION),
        ],
    )
    def test_a_request_to_an_endpoint_is_signed_for_its_service(
        self, stack: Stack, service: HttpBackend, provider: Any, service_name: str, region: str
    ) -> None:
        given = {"iamCredentialProvider": provider} if provider else {}
        url = api(stack, service, kind("GATEWAY_IAM_ROLE", **given), staticQueryParameters={"v": "a b"})
        body = b'{"signed": true}'
        answer = httpx2.post(f"{url}/a%2Fb?q=1", content=body, trust_env=False)
        assert answer.status_code == 200, answer.text
        seen = service.seen[-1]
        shown = sigv4.presented("POST", seen.path.encode(), seen.query.encode(), list(seen.pairs))
        assert (shown.service, shown.region) == (service_name, region)
        key = stack.access._keys[shown.access_key_id]
        sigv4.check(shown, body, key.secret, now=time.time(), expected_token=key.token)
        assert key.arn.startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/desk-gateway/")


class TestCaller:
    @pytest.mark.behaviour("GW-OUT-CALLER")
    @pytest.mark.parametrize("authorizer", ["AWS_IAM", "AUTHENTICATE_ONLY"])
    def test_the_target_sees_the_callers_own_signature(
        self, stack: Stack, service: HttpBackend, authorizer: str
    ) -> None:
        provider = {"iamCredentialProvider": {"service": "execute-api"}}
        credentials = kind("CALLER_IAM_CREDENTIALS", **provider)
        url = api(stack, service, credentials, stack.gateway(authorizer=authorizer))
        agent = stack.access.assume(f"arn:aws:iam::{ACCOUNT}:role/agent", "session-1")
        for signer, name in (
            (DEVELOPER, f"arn:aws:iam::{ACCOUNT}:user/skerry"),
            (agent, f"arn:aws:sts::{ACCOUNT}:assumed-role/agent/session-1"),
        ):
            headers = stack.signed(url, b"{}", {}, credentials=signer)
            answer = httpx2.post(url, content=b"{}", headers=headers, trust_env=False)
            assert answer.status_code == 200, answer.text
            seen = service.seen[-1]
            shown = sigv4.presented("POST", seen.path.encode(), b"", list(seen.pairs))
            assert shown.service == "execute-api"
            key = stack.access._keys[shown.access_key_id]
            sigv4.check(shown, b"{}", key.secret, now=time.time(), expected_token=key.token)
            assert key.arn == name
            assert shown.access_key_id != signer.access_key_id
            hop = stack.recorder.named("→ HTTP POST")[-1]
            assert (hop.auth, hop.identity) == ("sigv4", name)

    @pytest.mark.behaviour("GW-OUT-CALLER")
    def test_credentials_in_a_callers_name_are_kept_for_a_while_and_end_with_the_gateway(self) -> None:
        clock = FakeClock()
        access = Access(DEVELOPER, account=ACCOUNT, clock=clock, source=NoOtherKeys())
        made = CallerCredentials(access=access, clock=clock, region=REGION)
        caller = Caller(kind="iam", arn="arn:aws:iam::123456789012:user/u", access_key_id="AKIA1")
        first = made._credentials(caller)
        assert made._credentials(caller) == first
        clock.advance(LIFE / 2)
        second = made._credentials(caller)
        assert second != first
        assert first.access_key_id in access._keys  # a request may be on its way with it
        made.close()
        assert second.access_key_id not in access._keys

    def test_a_call_that_nobody_signed_is_not_signed_either(self, stack: Stack, service: HttpBackend) -> None:
        answer = get(api(stack, service, kind("CALLER_IAM_CREDENTIALS")))
        assert (answer.status_code, service.seen) == (502, [])
        assert "AWS_IAM or AUTHENTICATE_ONLY" in answer.json()["error"]


class TestPassthrough:
    @pytest.mark.behaviour("GW-OUT-JWT")
    def test_a_verified_token_reaches_the_target(self, stack: Stack, service: HttpBackend, idp: Desk) -> None:
        rules = {
            "discoveryUrl": f"{idp.idp.issuers['desk']}/.well-known/openid-configuration",
            "allowedAudience": ["desk-gateway"],
        }
        url = api(stack, service, kind("JWT_PASSTHROUGH"), stack.gateway(authorizer="CUSTOM_JWT", jwt=rules))
        token = idp.token(audience="desk-gateway")
        assert get(url, authorization=f"Bearer {token}").status_code == 200
        assert service.seen[-1].headers["authorization"] == f"Bearer {token}"
        hop = stack.recorder.named("→ HTTP GET")[-1]
        assert (hop.auth, hop.identity) == ("jwt", f"chat@{idp.idp.issuers['desk']}")
        assert token not in str(stack.recorder.hops)

    @pytest.mark.behaviour("GW-OUT-JWT")
    @pytest.mark.parametrize(
        ("sent", "seen"), [("Bearer opaque", "Bearer opaque"), ("Basic dTpw", None), ("", None)]
    )
    def test_a_gateway_for_everybody_passes_a_bearer_token_unseen(
        self, stack: Stack, service: HttpBackend, sent: str, seen: str | None
    ) -> None:
        get(api(stack, service, kind("JWT_PASSTHROUGH")), **({"authorization": sent} if sent else {}))
        assert service.seen[-1].headers.get("authorization") == seen
        assert stack.recorder.named("→ HTTP GET")[-1].identity == "anonymous"


def oauth(grant: str, **members: Any) -> list[dict[str, Any]]:
    given = {"providerArn": PROVIDER, "scopes": [], "grantType": grant, **members}
    return kind("OAUTH", oauthCredentialProvider=given)


class TestOAuth:
    @pytest.fixture(autouse=True)
    def provider(self, stack: Stack, idp: Desk) -> None:
        stack.resources.providers[PROVIDER] = {
            "name": "desk",
            "clientId": "gateway",
            "clientSecret": SECRETS["gateway"],
            "discoveryUrl": f"{idp.idp.issuers['desk']}/.well-known/openid-configuration",
        }

    @pytest.mark.behaviour("GW-OUT-HTTP-OAUTH")
    @pytest.mark.parametrize("exchange", [False, True])
    def test_an_exchange_is_client_credentials_on_an_http_target(
        self, service: HttpBackend, stack: Stack, idp: Desk, exchange: bool
    ) -> None:
        rules = {
            "discoveryUrl": f"{idp.idp.issuers['desk']}/.well-known/openid-configuration",
            "allowedAudience": ["desk-gateway"],
        }
        credentials = oauth("TOKEN_EXCHANGE", customParameters={"audience": "accounts"})
        with gateway_stack(assumptions=Assumptions(http_token_exchange=exchange)) as other:
            other.resources.providers = stack.resources.providers
            gateway = other.gateway(authorizer="CUSTOM_JWT", jwt=rules, exceptionLevel="DEBUG")
            url = api(other, service, credentials, gateway)
            answer = get(url, authorization=f"Bearer {idp.token(audience='desk-gateway')}")
            assert answer.status_code == 200, answer.text
        claims = idp.claims(service.seen[-1].headers["authorization"].removeprefix("Bearer "))
        assert (claims["aud"], claims["sub"]) == ("accounts", "chat" if exchange else "gateway")

    @pytest.mark.behaviour("GW-OUT-CUSTOM")
    def test_custom_parameters_reach_the_token_endpoint(self, stack: Stack, service: HttpBackend) -> None:
        # The service itself plays the token endpoint: it shows what it is asked.
        service.reply = (
            200,
            {"content-type": "application/json"},
            b'{"access_token":"t","token_type":"Bearer","expires_in":3600,"token_endpoint":"%s/token"}'
            % service.url.encode(),
        )
        stack.resources.providers[PROVIDER] = {
            "name": "own",
            "clientId": "me",
            "clientSecret": "s",
            "discoveryUrl": f"{service.url}/.well-known/openid-configuration",
        }
        custom = {"audience": "a", "tenant": "t 1", "grant_type": "password", "client_id": "you"}
        get(api(stack, service, oauth("CLIENT_CREDENTIALS", scopes=["r", "w"], customParameters=custom)))
        asked = next(seen for seen in service.seen if seen.path == "/token")
        assert sorted(asked.body.decode().split("&")) == [
            "audience=a",
            "grant_type=client_credentials",
            "scope=r+w",
            "tenant=t+1",
        ]
        assert service.seen[-1].headers["authorization"] == "Bearer t"


async def test_what_cannot_be_signed_is_not_sent() -> None:
    async def pieces() -> Any:
        yield b"x"

    clock = FakeClock()
    access = Access(DEVELOPER, account=ACCOUNT, clock=clock, source=NoOtherKeys())
    call = Outgoing(
        gateway={},
        target={},
        url="http://127.0.0.1:9/",
        body=pieces(),
        headers={},
        caller=Caller(kind="iam", arn="arn:aws:iam::123456789012:user/u", access_key_id="AKIA1"),
        service="lambda",
    )
    with pytest.raises(Exception, match="cannot be signed"):
        await CallerCredentials(access=access, clock=clock, region=REGION).credential(call, {})


class NoTransport:
    """Implements `auth.outside.Http` for credentials that need no provider: every call is a failure."""

    async def fetch(self, url: str) -> bytes:
        raise AssertionError(url)

    async def post(self, url: str, form: Any, headers: Any) -> tuple[int, bytes]:
        raise AssertionError(url)


@pytest.mark.behaviour("GW-OUT-WORKLOAD")
@pytest.mark.parametrize(
    ("switch", "base", "stamped"),
    [
        (True, "http://127.0.0.1:1", True),
        (False, "http://127.0.0.1:1", False),
        (True, "http://elsewhere.example", False),
    ],
)
async def test_who_passes_a_token_on_names_itself_by_a_switch_and_to_its_own_stack_only(
    stack: Stack, switch: bool, base: str, stamped: bool
) -> None:
    clock = FakeClock()
    access = Access(DEVELOPER, account=ACCOUNT, clock=clock, source=NoOtherKeys())
    found = OutboundCredentials(
        resources=stack.resources,
        access=access,
        transport=NoTransport(),
        clock=clock,
        settings=GatewaySettings(
            endpoint="http://127.0.0.1:1",
            region=REGION,
            account=ACCOUNT,
            assumptions=Assumptions(passthrough_names_gateway=switch),
        ),
    )
    identity = "arn:aws:bedrock-agentcore:r:a:workload-identity-directory/default/workload-identity/front-1"
    call = Outgoing(
        gateway={"gatewayArn": "arn:front", "workloadIdentityDetails": {"workloadIdentityArn": identity}},
        target={
            "targetConfiguration": {"http": {}},
            "credentialProviderConfigurations": kind("JWT_PASSTHROUGH"),
        },
        url=f"{base}/runtimes/arn%3Adesk/invocations?qualifier=DEFAULT",
        body=b"",
        headers={},
        bearer="t",
    )
    headers = (await found.authenticate(call, [])).headers
    assert headers["authorization"] == "Bearer t"
    proof = headers.get("txn-token", "")
    proved = access.workloads.proved(proof, "arn:desk")
    assert proved == (Workload("arn:front", "front-1") if stamped else None)
    assert bool(proof) is stamped


@pytest.mark.behaviour("GW-HTTP-KEY-REDIRECT")
@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("/pets/?limit=2&key=KEY", "/pets/?limit=2"),
        ("http://api.example/pets/?key=KEY#top", "http://api.example/pets/#top"),
        ("/pets/?limit=2", "/pets/?limit=2"),
    ],
)
def test_the_key_is_taken_out_of_redirects(
    stack: Stack, service: HttpBackend, location: str, shown: str
) -> None:
    """A server that redirects repeats the query that it was asked with, as Starlette does for slashes."""
    credential = api_key(credentialLocation="QUERY_PARAMETER", credentialParameterName="key")
    url = api(stack, service, credential)
    service.reply = (307, {"location": location.replace("KEY", quote(SECRET, safe=""))}, b"")
    answer = get(f"{url}/pets?limit=2")
    assert service.seen[-1].query.startswith("limit=2&key=")
    assert answer.headers["location"] == shown
