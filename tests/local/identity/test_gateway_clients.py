"""A gateway of the whole endpoint whose targets' clients have no secret: the vault and KMS sign for it."""

from __future__ import annotations

import base64
import json

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, import_key

from tests.kit.authorization_server import CLIENT, authorization_server
from tests.kit.gateway_stack import post
from tests.kit.idp import desk
from tests.kit.local_endpoint import ACCOUNT, ROLE, endpoint_process, settled
from tests.kit.mcp_backends import fastmcp_backend

ECHO = {"name": "echo", "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}}


@pytest.mark.behaviour("ID-WEB-IDENTITY-SWITCH")
@pytest.mark.behaviour("GW-OUT-VAULT")
def test_a_key_in_kms_and_the_gateways_role_prove_the_clients_of_its_targets(tmp_path):
    with (
        endpoint_process(tmp_path / "state") as running,
        desk() as idp,
        authorization_server(methods=("private_key_jwt",)) as server,
        fastmcp_backend() as backend,
    ):
        control, kms = (running.client(name) for name in ("bedrock-agentcore-control", "kms"))
        rules = {
            "discoveryUrl": f"{idp.idp.issuers['desk']}/.well-known/openid-configuration",
            "allowedAudience": ["desk-gateway"],
        }
        gateway = control.create_gateway(
            name="desk",
            roleArn=ROLE,
            authorizerType="CUSTOM_JWT",
            exceptionLevel="DEBUG",
            authorizerConfiguration={"customJWTAuthorizer": rules},
        )
        at = {"gatewayIdentifier": gateway["gatewayId"]}
        settled(control.get_gateway, **at)
        key = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
        public = kms.get_public_key(KeyId=key["KeyId"])["PublicKey"]
        signed = {
            "clientAuthenticationMethod": "PRIVATE_KEY_JWT",
            "privateKeyJwtConfig": {
                "privateKeySource": {"kmsKeySource": {"kmsKeyArn": key["Arn"]}},
                "signingAlgorithm": "PS256",
            },
            "onBehalfOfTokenExchangeConfig": {"grantType": "JWT_AUTHORIZATION_GRANT"},
        }
        for name, members, grant in (
            ("own", signed, "CLIENT_CREDENTIALS"),
            ("theirs", signed, "TOKEN_EXCHANGE"),
            ("role", {"clientAuthenticationMethod": "AWS_IAM_ID_TOKEN_JWT"}, "CLIENT_CREDENTIALS"),
        ):
            inner = {"oauthDiscovery": {"discoveryUrl": server.discovery_url}, "clientId": CLIENT, **members}
            arn = control.create_oauth2_credential_provider(
                name=name,
                credentialProviderVendor="CustomOauth2",
                oauth2ProviderConfigInput={"customOauth2ProviderConfig": inner},
            )["credentialProviderArn"]
            oauth = {"providerArn": arn, "scopes": ["a"], "grantType": grant}
            configured = {"endpoint": backend.url, "mcpToolSchema": {"inlinePayload": json.dumps([ECHO])}}
            made = control.create_gateway_target(
                **at,
                name=name,
                targetConfiguration={"mcp": {"mcpServer": configured}},
                credentialProviderConfigurations=[
                    {
                        "credentialProviderType": "OAUTH",
                        "credentialProvider": {"oauthCredentialProvider": oauth},
                    }
                ],
            )
            settled(control.get_gateway_target, **at, targetId=made["targetId"])
        control.close()
        kms.close()
        mine = idp.token(audience="desk-gateway")

        def echoed(name):
            params, headers = (
                {"name": f"{name}___echo", "arguments": {"text": name}},
                {"authorization": f"Bearer {mine}"},
            )
            return post(gateway["gatewayUrl"], "tools/call", params, headers=headers)

        refused = echoed("role")
        assert "federation is disabled" in refused.text
        running.client("iam").enable_outbound_web_identity_federation()
        for name in ("own", "theirs", "role"):
            answer = echoed(name)
            assert answer.json()["result"]["content"][0]["text"] == name, answer.text
        sent = [item.headers["authorization"] for item in backend.named("tools/call")]
        assert len(set(sent)) == 3
        assert all(value.startswith("Bearer access-") for value in sent)
        own, theirs, role = server.forms
        pem = f"-----BEGIN PUBLIC KEY-----\n{base64.encodebytes(public).decode()}-----END PUBLIC KEY-----\n"
        for form in (own, theirs):
            token = jwt.decode(form["client_assertion"][0], import_key(pem, "RSA"), algorithms=["PS256"])
            assert token.claims["sub"] == CLIENT
        assert theirs["assertion"] == [mine]
        issuer = f"{running.url}/identities/web-identity/{ACCOUNT}"
        keys = KeySet.import_key_set(httpx2.get(f"{issuer}/.well-known/jwks.json").json())
        claims = jwt.decode(role["client_assertion"][0], keys, algorithms=["RS256"]).claims
        assert (claims["iss"], claims["sub"]) == (issuer, ROLE)
