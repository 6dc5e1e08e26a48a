"""Who comes in, and what those are told who do not."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from skerry.auth import challenge
from skerry.auth.aws import sigv4
from tests.kit.gateway_stack import REGION, Stack, post
from tests.kit.idp import Desk, desk
from tests.kit.mcp_backends import Backend


@pytest.fixture(scope="module")
def idp() -> Iterator[Desk]:
    with desk() as running:
        yield running


def discovery(idp: Desk, realm: str = "desk") -> str:
    return f"{idp.idp.issuers[realm]}/.well-known/openid-configuration"


def jwt_gateway(stack: Stack, idp: Desk, **rules: Any) -> str:
    return stack.gateway(authorizer="CUSTOM_JWT", jwt={"discoveryUrl": discovery(idp), **rules})


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def shown(answer: httpx2.Response) -> challenge.Challenge:
    found = challenge.parse(answer.headers["www-authenticate"])
    assert found is not None
    return found


class TestBearer:
    @pytest.mark.behaviour("GW-JWT")
    def test_a_token_for_this_gateway_comes_in(self, stack: Stack, idp: Desk) -> None:
        gateway = jwt_gateway(stack, idp, allowedAudience=["desk-gateway"], allowedClients=["chat"])
        answer = post(stack.url(gateway), "tools/list", headers=bearer(idp.token(audience="desk-gateway")))
        assert answer.status_code == 200, answer.text
        hop = stack.recorder.inbound(gateway, "tools/list")
        assert (hop.auth, hop.identity) == ("jwt", f"chat@{idp.idp.issuers['desk']}")

    @pytest.mark.behaviour("GW-JWT-MISSING")
    def test_without_a_token_the_answer_is_401_with_id_0(self, stack: Stack, idp: Desk) -> None:
        gateway = jwt_gateway(stack, idp, allowedScopes=["desk/use", "desk/change"])
        answer = post(stack.url(gateway), "tools/list", identifier=99)
        assert answer.status_code == 401
        error = {"code": -32001, "message": "Missing Bearer token"}
        assert answer.json() == {"jsonrpc": "2.0", "id": 0, "error": error}
        assert shown(answer) == challenge.Challenge(
            scopes=("desk/use", "desk/change"),
            resource_metadata=f"{stack.base}/.well-known/oauth-protected-resource/gateway/{gateway}/mcp",
        )

    @pytest.mark.behaviour("GW-JWT-INVALID")
    @pytest.mark.parametrize("damage", ["garbage", "changed", "foreign"])
    def test_a_token_that_does_not_hold_is_401(self, stack: Stack, idp: Desk, damage: str) -> None:
        gateway = jwt_gateway(stack, idp, allowedAudience=["desk-gateway"])
        token = idp.token(audience="desk-gateway")
        sent = {
            "garbage": "not-a-token",
            "changed": token[:-6] + ("AAAAAA" if not token.endswith("AAAAAA") else "BBBBBB"),
            "foreign": idp.token(realm="pool"),
        }[damage]
        answer = post(stack.url(gateway), "tools/call", headers=bearer(sent))
        assert answer.status_code == 401
        assert answer.json() == {
            "jsonrpc": "2.0",
            "id": 0,
            "error": {"code": -32001, "message": "Invalid Bearer token"},
        }
        assert shown(answer).error == "invalid_token"
        assert sent not in answer.text + str(answer.headers) + str(stack.recorder.inbound(gateway, "refused"))

    @pytest.mark.behaviour("GW-JWT-SCOPE")
    def test_a_missing_scope_is_403_with_the_scopes_to_ask_for(self, stack: Stack, idp: Desk) -> None:
        gateway = jwt_gateway(
            stack,
            idp,
            allowedScopes=["desk/change"],
            advertisedScopeMapping={"desk/change": "https://desk/change"},
        )
        answer = post(stack.url(gateway), "tools/list", headers=bearer(idp.token(scope="desk/use")))
        assert answer.status_code == 403
        assert answer.json()["id"] == 0
        found = shown(answer)
        assert (found.error, found.scopes) == ("insufficient_scope", ("https://desk/change",))
        good = post(stack.url(gateway), "tools/list", headers=bearer(idp.token(scope="desk/change")))
        assert good.status_code == 200

    @pytest.mark.behaviour("GW-JWT-CLAIM")
    @pytest.mark.parametrize(
        ("rule", "text"),
        [
            ({"allowedAudience": ["another"]}, "Claim 'aud' value mismatch with configuration"),
            ({"allowedClients": ["another"]}, "Claim 'client_id' value mismatch with configuration"),
        ],
    )
    def test_a_claim_that_does_not_match_is_403(
        self, stack: Stack, idp: Desk, rule: dict[str, Any], text: str
    ) -> None:
        gateway = jwt_gateway(stack, idp, **rule)
        answer = post(stack.url(gateway), "tools/list", headers=bearer(idp.token(audience="desk-gateway")))
        assert answer.status_code == 403
        assert answer.json()["error"]["message"] == text

    def test_two_tokens_are_refused(self, stack: Stack, idp: Desk) -> None:
        gateway = jwt_gateway(stack, idp, allowedAudience=["desk-gateway"])
        token = idp.token(audience="desk-gateway")
        headers = [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")]
        answer = httpx2.post(stack.url(gateway), headers=headers, json={"jsonrpc": "2.0"}, trust_env=False)
        assert answer.status_code == 400

    def test_a_provider_that_is_away_lets_nobody_in(self, stack: Stack, idp: Desk) -> None:
        away = "http://127.0.0.1:9/desk/.well-known/openid-configuration"
        gateway = stack.gateway(
            authorizer="CUSTOM_JWT", jwt={"discoveryUrl": away, "allowedAudience": ["desk-gateway"]}
        )
        answer = post(stack.url(gateway), "tools/list", headers=bearer(idp.token(audience="desk-gateway")))
        assert answer.status_code == 401

    def test_an_updated_authorizer_counts_at_once(self, stack: Stack, idp: Desk) -> None:
        gateway = jwt_gateway(stack, idp, allowedAudience=["desk-gateway"])
        headers = bearer(idp.token(audience="desk-gateway"))
        assert post(stack.url(gateway), "tools/list", headers=headers).status_code == 200
        record = dict(stack.resources.gateways[gateway])
        rules = {"discoveryUrl": discovery(idp), "allowedAudience": ["another"]}
        record["authorizerConfiguration"] = {"customJWTAuthorizer": rules}
        stack.resources.gateways[gateway] = record
        assert post(stack.url(gateway), "tools/list", headers=headers).status_code == 403


class TestMetadata:
    @pytest.mark.behaviour("GW-PRM")
    def test_both_places_serve_the_same_document_for_the_url_that_was_typed(
        self, stack: Stack, idp: Desk
    ) -> None:
        gateway = jwt_gateway(stack, idp, allowedScopes=["desk/use"])
        base = stack.base.replace("127.0.0.1", "localhost")
        places = (
            f"{base}/.well-known/oauth-protected-resource/gateway/{gateway}/mcp",
            f"{base}/gateway/{gateway}/.well-known/oauth-protected-resource",
        )
        found = [httpx2.get(place, trust_env=False) for place in places]
        assert [answer.status_code for answer in found] == [200, 200]
        assert found[0].content == found[1].content
        read = challenge.read_metadata(found[0].content, resource=f"{base}/gateway/{gateway}/mcp")
        assert read.authorization_servers == (idp.idp.issuers["desk"],)
        assert read.scopes_supported == ("desk/use",)

    def test_another_host_name_is_not_taken_from_the_request(self, stack: Stack, idp: Desk) -> None:
        gateway = jwt_gateway(stack, idp, allowedScopes=["desk/use"])
        place = f"{stack.base}/gateway/{gateway}/.well-known/oauth-protected-resource"
        answer = httpx2.get(place, headers={"host": "evil.example"}, trust_env=False)
        assert "evil" not in answer.text

    def test_a_gateway_without_tokens_has_none(self, stack: Stack) -> None:
        gateway = stack.gateway()
        place = f"{stack.base}/gateway/{gateway}/.well-known/oauth-protected-resource"
        assert httpx2.get(place, trust_env=False).status_code == 404

    @pytest.mark.behaviour("GW-NO-ASM")
    def test_there_is_no_authorization_server_metadata_at_a_gateway(self, stack: Stack, idp: Desk) -> None:
        gateway = jwt_gateway(stack, idp, allowedScopes=["desk/use"])
        place = f"{stack.base}/gateway/{gateway}/.well-known/oauth-authorization-server"
        answer = httpx2.get(place, trust_env=False)
        assert (answer.status_code, answer.text) == (404, "<UnknownOperationException/>")


class TestSignature:
    @pytest.mark.behaviour("GW-IAM")
    @pytest.mark.parametrize("modern", [False, True])
    def test_a_signature_for_bedrock_agentcore_comes_in(self, stack: Stack, modern: bool) -> None:
        gateway = stack.gateway(authorizer="AWS_IAM")
        answer = post(stack.url(gateway), "tools/list", sign=stack, modern=modern)
        assert answer.status_code == 200, answer.text
        hop = stack.recorder.inbound(gateway, "tools/list")
        assert (hop.auth, hop.identity) == ("sigv4", "arn:aws:iam::123456789012:user/skerry")

    def test_the_session_of_a_role_is_the_session_of_the_hop(self, stack: Stack) -> None:
        gateway = stack.gateway(authorizer="AWS_IAM")
        name = "session-0123456789-0123456789-0123456789"
        credentials = stack.access.assume("arn:aws:iam::123456789012:role/desk", name)
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
        headers = {"content-type": "application/json"}
        headers |= sigv4.sign(
            "POST",
            stack.url(gateway),
            headers,
            body,
            credentials=credentials,
            region=REGION,
            service="bedrock-agentcore",
            now=time.time(),
        )
        answer = httpx2.post(stack.url(gateway), content=body, headers=headers, trust_env=False)
        assert answer.status_code == 200
        hop = stack.recorder.inbound(gateway, "ping")
        assert hop.session == name
        assert hop.identity == f"arn:aws:sts::123456789012:assumed-role/desk/{name}"

    @pytest.mark.behaviour("GW-IAM-DENIED")
    @pytest.mark.parametrize("damage", ["none", "body", "service", "bearer"])
    def test_another_signature_is_403_in_the_shape_of_aws(self, stack: Stack, damage: str) -> None:
        gateway = stack.gateway(authorizer="AWS_IAM")
        body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
        headers = {"content-type": "application/json"}
        if damage == "body":
            headers = stack.signed(stack.url(gateway), b"{}", headers)
        elif damage == "service":
            headers = stack.signed(stack.url(gateway), body, headers)
            headers["Authorization"] = headers["Authorization"].replace("/bedrock-agentcore/", "/lambda/")
        elif damage == "bearer":
            headers["authorization"] = "Bearer abc"
        answer = httpx2.post(stack.url(gateway), content=body, headers=headers, trust_env=False)
        assert answer.status_code == 403
        assert answer.headers["x-amzn-errortype"].endswith("Exception")
        assert answer.json()["message"]


class TestOther:
    @pytest.mark.behaviour("GW-NONE")
    def test_a_gateway_without_authorizer_takes_everybody(self, stack: Stack) -> None:
        gateway = stack.gateway(authorizer="NONE")
        assert post(stack.url(gateway), "ping").json()["result"] == {}
        assert stack.recorder.inbound(gateway, "ping").identity == "anonymous"

    def test_an_authorizer_that_is_not_served_lets_nobody_in(self, stack: Stack) -> None:
        gateway = stack.gateway(authorizer="SOMETHING_NEW")
        answer = post(stack.url(gateway), "ping")
        assert answer.status_code == 500
        assert "SOMETHING_NEW" in answer.json()["message"]

    @pytest.mark.behaviour("GW-UNKNOWN-GATEWAY")
    def test_an_unknown_gateway_is_404(self, stack: Stack) -> None:
        answer = post(f"{stack.base}/gateway/nobody-0123456789/mcp", "ping")
        assert answer.status_code == 404
        assert answer.headers["x-amzn-errortype"] == "ResourceNotFoundException"

    @pytest.mark.behaviour("GW-ORIGIN")
    def test_a_web_page_from_elsewhere_is_403(self, stack: Stack, backend: Backend) -> None:
        gateway = stack.gateway()
        assert post(stack.url(gateway), "ping", headers={"origin": "https://evil.example"}).status_code == 403
        assert post(stack.url(gateway), "ping", headers={"origin": "http://localhost:3"}).status_code == 200

    @pytest.mark.behaviour("GW-PAYLOAD")
    def test_more_than_6_mb_is_413(self, stack: Stack) -> None:
        gateway = stack.gateway()
        body = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"' + b"x" * (6 << 20) + b'"}}'
        answer = httpx2.post(stack.url(gateway), content=body, trust_env=False)
        assert answer.status_code == 413

    @pytest.mark.behaviour("GW-405")
    @pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
    def test_only_post_is_answered(self, stack: Stack, method: str) -> None:
        answer = httpx2.request(method, stack.url(stack.gateway()), trust_env=False)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")

    @pytest.mark.behaviour("GW-405")
    @pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
    def test_who_has_no_token_gets_the_challenge_whatever_the_method(
        self, stack: Stack, idp: Desk, method: str
    ) -> None:
        url = stack.url(jwt_gateway(stack, idp, allowedAudience=["desk-gateway"]))
        asked = httpx2.request(method, url, trust_env=False)
        assert (asked.status_code, shown(asked).resource_metadata != "") == (401, True)
        signed_in = bearer(idp.token(audience="desk-gateway"))
        answer = httpx2.request(method, url, headers=signed_in, trust_env=False)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
