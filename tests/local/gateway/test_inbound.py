"""Every kind of inbound authorizer at both doors of a gateway: MCP, and an HTTP target."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from skerry.auth import challenge
from skerry.local.gateway.assumptions import Assumptions
from tests.kit.gateway_stack import TIMEOUT, Stack, gateway_stack
from tests.kit.http_backend import HttpBackend
from tests.kit.issuer import FakeIssuer, rsa_key
from tests.kit.served_issuer import served_issuer

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[FakeIssuer]:
    """An issuer on a real socket that mints what a test wants."""
    with served_issuer() as made:
        yield made


def jwt_gateway(stack: Stack, issuer: FakeIssuer, **rules: Any) -> str:
    return stack.gateway(authorizer="CUSTOM_JWT", jwt={"discoveryUrl": issuer.discovery_url, **rules})


def doors(stack: Stack, service: HttpBackend, gateway: str) -> list[str]:
    """The URL for MCP and the URL of an HTTP target."""
    http = {"passthrough": {"endpoint": service.url, "protocolType": "CUSTOM"}}
    return [stack.url(gateway), stack.http_target(gateway, "api", http)]


def send(url: str, *, token: str | None = None, headers: dict[str, str] | None = None) -> httpx2.Response:
    sent = {
        **JSON,
        **(headers or {}),
        **({} if token is None else {"authorization": f"Bearer {token}".strip()}),
    }
    return httpx2.post(url, content=PING, headers=sent, trust_env=False, timeout=TIMEOUT)


def claim(name: str, value: str | list[str], operator: str, kind: str) -> dict[str, Any]:
    member = "matchValueStringList" if isinstance(value, list) else "matchValueString"
    match = {"claimMatchValue": {member: value}, "claimMatchOperator": operator}
    return {
        "inboundTokenClaimName": name,
        "inboundTokenClaimValueType": kind,
        "authorizingClaimMatchValue": match,
    }


EXPIRED = {"exp": 1_600_000_300, "iat": 1_600_000_000}
ADMINS = claim("groups", ["admins", "root"], "CONTAINS_ANY", "STRING_ARRAY")
TEAM = claim("team", "blue", "EQUALS", "STRING")
LISTED = claim("groups", "admins", "CONTAINS", "STRING_ARRAY")
INVALID = "Invalid Bearer token"


class TestTokens:
    @pytest.mark.behaviour("GW-JWT-RULES")
    @pytest.mark.parametrize(
        ("rules", "claims", "status", "text"),
        [
            ({"allowedAudience": ["accounts"]}, {}, 200, ""),
            ({"allowedAudience": ["x", "accounts"]}, {"aud": ["y", "accounts"]}, 200, ""),
            ({"allowedAudience": ["x"]}, {}, 403, "Claim 'aud' value mismatch with configuration"),
            ({"allowedAudience": ["x"]}, {"aud": None}, 403, "Claim 'aud' value mismatch with configuration"),
            ({"allowedClients": ["chat"]}, {}, 200, ""),
            (
                {"allowedClients": ["chat"]},
                {"client_id": None, "azp": "chat"},
                403,
                "Claim 'client_id' value mismatch with configuration",
            ),
            ({"allowedScopes": ["other", "desk/use"]}, {}, 200, ""),
            ({"allowedScopes": ["desk/use"]}, {"scope": None, "scp": ["desk/use"]}, 200, ""),
            ({"allowedScopes": ["desk/admin"]}, {}, 403, "Insufficient scope"),
            ({"customClaims": [TEAM]}, {"team": "blue"}, 200, ""),
            ({"customClaims": [TEAM]}, {"team": ["blue"]}, 403, "Authorization denied"),
            ({"customClaims": [TEAM]}, {}, 403, "Authorization denied"),
            ({"customClaims": [LISTED]}, {"groups": ["admins", "x"]}, 200, ""),
            ({"customClaims": [LISTED]}, {"groups": ["x"]}, 403, "Authorization denied"),
            ({"customClaims": [ADMINS]}, {"groups": ["root"]}, 200, ""),
            ({"customClaims": [ADMINS]}, {"groups": "root"}, 403, "Authorization denied"),
            ({"customClaims": [TEAM, ADMINS]}, {"team": "blue"}, 403, "Authorization denied"),
            (
                {"allowedAudience": ["accounts"], "allowedClients": ["x"], "allowedScopes": ["desk/use"]},
                {},
                403,
                "Claim 'client_id' value mismatch with configuration",
            ),
            ({"allowedAudience": ["accounts"]}, EXPIRED, 401, INVALID),
            ({"allowedAudience": ["accounts"]}, {"iss": "https://elsewhere.example"}, 401, INVALID),
            ({"allowedAudience": ["accounts"]}, {"exp": None}, 401, INVALID),
        ],
    )
    def test_each_rule_of_the_authorizer(
        self,
        stack: Stack,
        service: HttpBackend,
        issuer: FakeIssuer,
        rules: dict[str, Any],
        claims: dict[str, Any],
        status: int,
        text: str,
    ) -> None:
        token = issuer.mint(issuer.claims(**claims))
        for url in doors(stack, service, jwt_gateway(stack, issuer, **rules)):
            answer = send(url, token=token)
            assert answer.status_code == status, answer.text
            if status == 200:
                continue
            body = answer.json()
            assert (body["id"], body["error"]["message"]) == (0, text)
            assert (status == 401 or text == "Insufficient scope") is ("www-authenticate" in answer.headers)
            assert token not in answer.text + str(answer.headers)
        assert len(service.seen) == (status == 200)

    @pytest.mark.behaviour("GW-JWT-INVALID")
    @pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "foreign"])
    def test_what_is_no_token_of_the_issuer_is_401(
        self, stack: Stack, service: HttpBackend, issuer: FakeIssuer, token: str
    ) -> None:
        shown = issuer.mint(key=rsa_key("another")) if token == "foreign" else token
        for url in doors(stack, service, jwt_gateway(stack, issuer, allowedAudience=["accounts"])):
            answer = send(url, token=shown)
            assert (answer.status_code, answer.json()["error"]["message"]) == (401, INVALID)
        assert service.seen == []

    @pytest.mark.behaviour("GW-JWT-INVALID")
    def test_a_signature_at_a_door_for_tokens_is_401(
        self, stack: Stack, service: HttpBackend, issuer: FakeIssuer
    ) -> None:
        for url in doors(stack, service, jwt_gateway(stack, issuer, allowedAudience=["accounts"])):
            answer = send(url, headers=stack.signed(url, PING, JSON))
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, -32001)

    @pytest.mark.behaviour("GW-JWT-CLAIM")
    def test_the_status_of_a_claim_that_does_not_match_is_a_switch(self, issuer: FakeIssuer) -> None:
        with gateway_stack(assumptions=Assumptions(claim_mismatch_status=401)) as other:
            answer = send(other.url(jwt_gateway(other, issuer, allowedAudience=["x"])), token=issuer.mint())
        assert answer.status_code == 401

    @pytest.mark.behaviour("GRD-SEVERAL-TOKENS")
    def test_several_authorization_headers_are_a_malformed_request(
        self, stack: Stack, service: HttpBackend, issuer: FakeIssuer
    ) -> None:
        shown = f"Bearer {issuer.mint()}"
        twice = [*JSON.items(), ("authorization", shown), ("authorization", shown)]
        for url in doors(stack, service, jwt_gateway(stack, issuer, allowedAudience=["accounts"])):
            answer = httpx2.post(url, content=PING, headers=twice, trust_env=False, timeout=TIMEOUT)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32600)
            found = challenge.parse(answer.headers["www-authenticate"])
            assert found is not None
            assert found.error == "invalid_request"
        assert service.seen == []
        with gateway_stack(assumptions=Assumptions(several_tokens_status=401)) as other:
            url = other.url(jwt_gateway(other, issuer, allowedAudience=["accounts"]))
            answer = httpx2.post(url, content=PING, headers=twice, trust_env=False, timeout=TIMEOUT)
        assert answer.status_code == 401

    @pytest.mark.behaviour("GRD-OFFLINE-ACCESS")
    def test_offline_access_is_in_no_challenge(self, stack: Stack, issuer: FakeIssuer) -> None:
        gateway = jwt_gateway(stack, issuer, allowedScopes=["offline_access", "desk/use"])
        found = challenge.parse(send(stack.url(gateway)).headers["www-authenticate"])
        assert found is not None
        assert found.scopes == ("desk/use",)
        assert httpx2.get(found.resource_metadata, trust_env=False).json()["scopes_supported"] == ["desk/use"]

    @pytest.mark.behaviour("GW-JWT-WORKLOAD")
    def test_a_rule_that_is_not_served_lets_nobody_in(
        self, stack: Stack, service: HttpBackend, issuer: FakeIssuer
    ) -> None:
        rules = {
            "allowedAudience": ["accounts"],
            "allowedWorkloadConfiguration": {"workloadIdentities": ["front"]},
        }
        for url in doors(stack, service, jwt_gateway(stack, issuer, **rules)):
            answer = send(url, token=issuer.mint())
            assert answer.status_code == 500
            assert "allowedWorkloadConfiguration" in answer.json()["message"]
        assert service.seen == []


class TestChallenge:
    @pytest.mark.behaviour("GW-HTTP-PRM")
    def test_a_refused_client_finds_the_metadata_of_the_url_it_used(
        self, stack: Stack, service: HttpBackend, issuer: FakeIssuer
    ) -> None:
        mapping = {"desk/use": "https://desk.example/use"}
        gateway = jwt_gateway(
            stack, issuer, allowedScopes=["desk/use", "desk/x"], advertisedScopeMapping=mapping
        )
        _, target = doors(stack, service, gateway)
        url = f"{target}/mcp"
        shown = challenge.parse(send(url).headers["www-authenticate"])
        assert shown is not None
        assert shown.error == ""
        assert shown.scopes == ("https://desk.example/use", "desk/x")
        below = url.replace("/api/mcp", "/.well-known/oauth-protected-resource/api/mcp")
        for place in (shown.resource_metadata, below):
            document = httpx2.get(place, trust_env=False).content
            read = challenge.read_metadata(document, resource=url)
            assert read.authorization_servers == (issuer.issuer,)
            assert read.scopes_supported == shown.scopes
        nothing = shown.resource_metadata.replace("/api/", "/nothing/")
        assert httpx2.get(nothing, trust_env=False).status_code == 404
        action = {"routeToTarget": {"staticRoute": {"targetName": "api"}}}
        stack.resources.rule_records[gateway] = [{"ruleId": "r", "priority": 1, "actions": [action]}]
        assert httpx2.get(nothing, trust_env=False).status_code == 200  # a rule may lead there

    @pytest.mark.behaviour("GW-DOMAIN")
    @pytest.mark.parametrize(
        ("sent", "domain"),
        [
            ("", "agents.example.com"),
            ("agents.example.com", "agents.example.com"),
            ("AGENTS.example.org", "agents.example.org"),
        ],
    )
    def test_an_override_is_what_discovery_tells(
        self, stack: Stack, service: HttpBackend, issuer: FakeIssuer, sent: str, domain: str
    ) -> None:
        override = {"default": "agents.example.com", "alternateDomains": ["agents.example.org"]}
        gateway = jwt_gateway(stack, issuer, allowedAudience=["accounts"])
        stack.resources.gateways[gateway] = {
            **stack.resources.gateways[gateway],
            "domainOverride": override,
        }
        headers = {"x-amzn-bedrock-agentcore-gateway-domain": sent} if sent else {}
        for url, tail in zip(doors(stack, service, gateway), ("/mcp", "/api"), strict=True):
            shown = challenge.parse(send(url, headers=headers).headers["www-authenticate"])
            assert shown is not None
            well_known = f"https://{domain}/.well-known/oauth-protected-resource"
            assert shown.resource_metadata == well_known + tail.removesuffix("/mcp")
            # A proxy in front of the gateway has the gateway's own paths below the domain.
            place = shown.resource_metadata.replace(f"https://{domain}", f"{stack.base}/gateway/{gateway}")
            document = httpx2.get(place, headers=headers, trust_env=False)
            read = challenge.read_metadata(document.content, resource=f"https://{domain}{tail}")
            assert read.authorization_servers == (issuer.issuer,)

    @pytest.mark.behaviour("GW-DOMAIN")
    def test_a_domain_that_is_not_configured_is_refused(
        self, stack: Stack, service: HttpBackend, issuer: FakeIssuer
    ) -> None:
        gateway = stack.gateway(domainOverride={"default": "agents.example.com"})
        headers = {"x-amzn-bedrock-agentcore-gateway-domain": "evil.example.com"}
        places = [f"{stack.base}/gateway/{gateway}/.well-known/oauth-protected-resource"]
        for url in doors(stack, service, gateway) + places:
            answer = send(url, headers=headers)
            assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (400, "ValidationException")
        assert service.seen == []
        other = stack.gateway()
        assert [send(url, headers=headers).status_code for url in doors(stack, service, other)] == [200, 200]


class TestSignatures:
    @pytest.mark.behaviour("GW-AUTHENTICATE-ONLY")
    @pytest.mark.parametrize("authorizer", ["AWS_IAM", "AUTHENTICATE_ONLY"])
    def test_a_signed_request_comes_in_and_an_unsigned_one_does_not(
        self, stack: Stack, service: HttpBackend, authorizer: str
    ) -> None:
        gateway = stack.gateway(authorizer=authorizer)
        for url in doors(stack, service, gateway):
            assert send(url, headers=stack.signed(url, PING, JSON)).status_code == 200
            changed = send(url + "?changed=1", headers=stack.signed(url, PING, JSON))
            assert (changed.status_code, changed.headers["x-amzn-errortype"]) == (
                403,
                "InvalidSignatureException",
            )
        assert len(service.seen) == 1
        assert "authorization" not in service.seen[0].headers
        assert not [name for name in service.seen[0].headers if name.startswith("x-amz-")]

    @pytest.mark.behaviour("GW-IAM-UNSIGNED")
    @pytest.mark.parametrize("authorizer", ["AWS_IAM", "AUTHENTICATE_ONLY"])
    @pytest.mark.parametrize("token", [None, "a.b.c"])
    def test_what_is_not_signed_is_access_denied(
        self, stack: Stack, service: HttpBackend, authorizer: str, token: str | None
    ) -> None:
        for url in doors(stack, service, stack.gateway(authorizer=authorizer)):
            answer = send(url, token=token)
            assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
            assert "www-authenticate" not in answer.headers
        assert service.seen == []

    @pytest.mark.behaviour("GW-AUTHENTICATE-ONLY")
    @pytest.mark.parametrize(
        ("claims", "status"),
        [({"aud": "anything", "client_id": None, "scope": None}, 200), (EXPIRED, 401)],
    )
    def test_the_other_reading_takes_any_token_of_the_issuer(
        self, service: HttpBackend, issuer: FakeIssuer, claims: dict[str, Any], status: int
    ) -> None:
        rules = {"discoveryUrl": issuer.discovery_url, "allowedAudience": ["x"], "allowedScopes": ["y"]}
        with gateway_stack(assumptions=Assumptions(authenticate_only="JWT")) as other:
            gateway = other.gateway(authorizer="AUTHENTICATE_ONLY", jwt=rules)
            for url in doors(other, service, gateway):
                assert send(url, token=issuer.mint(issuer.claims(**claims))).status_code == status
                assert send(url).status_code == 401


class TestGuards:
    @pytest.mark.behaviour("GW-HTTP-GUARD")
    @pytest.mark.parametrize(
        ("guard", "status"),
        [
            ({"policyEngineConfiguration": {"arn": "arn", "mode": "ENFORCE"}}, 500),
            ({"policyEngineConfiguration": {"arn": "arn", "mode": "LOG_ONLY"}}, 200),
        ],
    )
    def test_a_guard_that_does_not_stand_before_http_targets_lets_nobody_in(
        self, stack: Stack, service: HttpBackend, guard: dict[str, Any], status: int
    ) -> None:
        _, url = doors(stack, service, stack.gateway(**guard))
        assert send(url).status_code == status
        assert len(service.seen) == (status == 200)

    @pytest.mark.behaviour("GW-ORIGIN")
    def test_a_web_page_from_elsewhere_does_not_reach_a_target(
        self, stack: Stack, service: HttpBackend
    ) -> None:
        _, url = doors(stack, service, stack.gateway())
        assert send(url, headers={"origin": "https://evil.example"}).status_code == 403
        assert service.seen == []

    def test_who_may_not_come_in_does_not_learn_what_targets_there_are(
        self, stack: Stack, service: HttpBackend, issuer: FakeIssuer
    ) -> None:
        gateway = jwt_gateway(stack, issuer, allowedAudience=["accounts"])
        _, url = doors(stack, service, gateway)
        known, unknown = send(url), send(url.replace("/api", "/nothing"))
        assert (
            (known.status_code, known.content)
            == (unknown.status_code, unknown.content)
            == (401, known.content)
        )


def test_the_clock_of_the_issuer_is_the_clock_of_the_gateway(issuer: FakeIssuer) -> None:
    """A guard for the other tests: tokens minted here are of now."""
    assert abs(issuer.claims()["iat"] - time.time()) < 60
