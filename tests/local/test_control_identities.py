"""Workload identities, API keys, OAuth2 vendors and the token vault over the wire, with unmodified boto3."""

from __future__ import annotations

import uuid

import pytest
from botocore.exceptions import ClientError

from skerry.local.api import service_model
from skerry.local.control import vendors
from skerry.local.control.operation import QUOTAS
from skerry.local.ports.secrets import SecretReference
from tests.kit.local_endpoint import ACCOUNT, REGION, ROLE, ControlStack, artifact, control

VENDORS = service_model.load("bedrock-agentcore-control").shapes["CredentialProviderVendorType"]["enum"]
VAULT = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:token-vault/default"
DIRECTORY = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:workload-identity-directory/default"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/01234567-0123-0123-0123-0123456789ab"
OWN = {"issuer": "https://tenant.example"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    return ControlStack(tmp_path_factory.mktemp("control"))


@pytest.fixture(scope="module")
def agentcore(stack):
    with control(stack) as client:
        yield client


def refused(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def fresh():
    return f"n-{uuid.uuid4().hex[:12]}"


def oauth2(vendor, **members):
    configuration = {"clientId": "c", "clientSecret": "very-secret", **members}
    if vendor == vendors.CUSTOM:
        configuration.setdefault(
            "oauthDiscovery", {"discoveryUrl": "https://i.example/.well-known/openid-configuration"}
        )
    return {
        "name": fresh(),
        "credentialProviderVendor": vendor,
        "oauth2ProviderConfigInput": {vendors.member(vendor): configuration},
    }


def discovery(agentcore, given):
    made = agentcore.create_oauth2_credential_provider(**given)
    got = agentcore.get_oauth2_credential_provider(name=given["name"])
    assert "very-secret" not in str([made, got])
    assert got["credentialProviderVendor"] == given["credentialProviderVendor"]
    (member,) = given["oauth2ProviderConfigInput"]
    shown = got["oauth2ProviderConfigOutput"][member]
    assert shown["clientId"] == "c"
    agentcore.delete_oauth2_credential_provider(name=given["name"])
    return shown["oauthDiscovery"]


@pytest.mark.behaviour("CTL-VENDORS")
@pytest.mark.parametrize("vendor", VENDORS)
def test_every_vendor_has_a_server(agentcore, vendor):
    member = vendors.member(vendor)
    own = OWN if member == vendors.INCLUDED else {}
    found = discovery(agentcore, oauth2(vendor, **own))
    assert set(found) in ({"discoveryUrl"}, {"authorizationServerMetadata"})


@pytest.mark.behaviour("CTL-VENDORS")
@pytest.mark.parametrize(
    ("vendor", "members", "expected"),
    [
        ("GoogleOauth2", {}, "https://accounts.google.com/.well-known/openid-configuration"),
        (
            "MicrosoftOauth2",
            {"tenantId": "t-1"},
            "https://login.microsoftonline.com/t-1/v2.0/.well-known/openid-configuration",
        ),
        (
            "MicrosoftOauth2",
            {},
            "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration",
        ),
        ("OktaOauth2", OWN, "https://tenant.example/.well-known/openid-configuration"),
        ("TwitchOauth2", {}, "https://id.twitch.tv/oauth2/.well-known/openid-configuration"),
    ],
)
def test_where_a_vendor_is_discovered(agentcore, vendor, members, expected):
    assert discovery(agentcore, oauth2(vendor, **members)) == {"discoveryUrl": expected}


@pytest.mark.behaviour("CTL-VENDORS")
def test_servers_without_discovery_are_shown_with_their_endpoints(agentcore, stack):
    found = discovery(agentcore, oauth2("GithubOauth2"))["authorizationServerMetadata"]
    assert found["tokenEndpoint"] == "https://github.com/login/oauth/access_token"
    own = {"authorizationEndpoint": "https://a.example/auth", "tokenEndpoint": "https://a.example/token"}
    found = discovery(agentcore, oauth2("CognitoOauth2", **own))["authorizationServerMetadata"]
    assert found == {"issuer": "https://a.example", **own}
    metadata = {"issuer": "https://i.example", **own}
    given = oauth2(vendors.CUSTOM, oauthDiscovery={"authorizationServerMetadata": metadata})
    arn = agentcore.create_oauth2_credential_provider(**given)["credentialProviderArn"]
    kept = stack.resources.credential_provider(arn)
    assert (kept["discoveryUrl"], kept["tokenEndpoint"]) == ("", "https://a.example/token")


@pytest.mark.behaviour("CTL-VENDORS")
def test_a_vendor_needs_its_own_configuration_and_a_server(agentcore):
    wrong = oauth2("GithubOauth2") | {"credentialProviderVendor": "SlackOauth2"}
    nowhere = oauth2("OktaOauth2")
    half = oauth2("Auth0Oauth2", tokenEndpoint="https://a.example/token")
    for given in (wrong, nowhere, half):
        found = refused(agentcore.create_oauth2_credential_provider, **given)
        assert found == ("ValidationException", 400)


@pytest.mark.behaviour("CTL-API-KEY")
def test_api_keys_are_kept_and_never_shown(agentcore, stack):
    name = fresh()
    made = agentcore.create_api_key_credential_provider(name=name, apiKey="very-secret", tags={"a": "b"})
    arn = made["credentialProviderArn"]
    assert arn == f"{VAULT}/apikeycredentialprovider/{name}"
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    got = agentcore.get_api_key_credential_provider(name=name)
    listed = agentcore.list_api_key_credential_providers()["credentialProviders"]
    assert name in [item["name"] for item in listed]
    assert stack.resources.api_key(arn) == "very-secret"
    assert stack.resources.api_key(arn.replace("bedrock-agentcore", "acps")) == "very-secret"
    assert stack.resources.api_key(arn.replace("apikey", "oauth2")) is None
    updated = agentcore.update_api_key_credential_provider(name=name, apiKey="very-secret-2")
    assert stack.resources.api_key(arn) == "very-secret-2"
    assert "very-secret" not in str([made, got, listed, updated])
    assert agentcore.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "b"}
    again = refused(agentcore.create_api_key_credential_provider, name=name, apiKey="k")
    assert again == ("ConflictException", 409)
    agentcore.delete_api_key_credential_provider(name=name)
    assert stack.resources.api_key(arn) is None
    assert refused(agentcore.get_api_key_credential_provider, name=name)[1] == 404
    assert refused(agentcore.list_tags_for_resource, resourceArn=arn)[1] == 404
    agentcore.delete_api_key_credential_provider(name=name)


@pytest.mark.behaviour("CTL-PROVIDER-KINDS")
def test_keys_that_the_service_does_not_keep_are_refused(agentcore):
    call = agentcore.create_api_key_credential_provider
    assert refused(call, name="x") == ("ValidationException", 400)
    assert refused(call, name="x", apiKey="") == ("ValidationException", 400)
    reference = {"secretId": "s", "jsonKey": "k"}
    for wrong in (
        {"apiKeySecretSource": "EXTERNAL"},
        {"apiKeySecretSource": "EXTERNAL", "apiKeySecretConfig": reference, "apiKey": "k"},
        {"apiKeySecretConfig": reference, "apiKey": "k"},
    ):
        assert refused(call, name="x", **wrong) == ("ValidationException", 400)


@pytest.mark.behaviour("CTL-SECRET-EXTERNAL")
def test_a_key_in_secrets_manager_is_a_reference(agentcore, stack):
    name, arn = fresh(), "arn:aws:secretsmanager:us-east-1:123456789012:secret:news-a1b2c3"
    reference = {"secretId": arn, "jsonKey": "key"}
    made = agentcore.create_api_key_credential_provider(
        name=name, apiKeySecretSource="EXTERNAL", apiKeySecretConfig=reference
    )
    assert made["apiKeySecretArn"] == {"secretArn": arn}
    got = agentcore.get_api_key_credential_provider(name=name)
    assert (got["apiKeySecretSource"], got["apiKeySecretJsonKey"]) == ("EXTERNAL", "key")
    found = stack.resources.api_key(made["credentialProviderArn"])
    assert found == SecretReference(arn, "key")
    updated = agentcore.update_api_key_credential_provider(name=name, apiKey="kept-here")
    assert (updated["apiKeySecretSource"], "apiKeySecretJsonKey" in updated) == ("MANAGED", False)
    assert ":secret:bedrock-agentcore-identity!default/apikey/" in updated["apiKeySecretArn"]["secretArn"]
    assert stack.resources.api_key(made["credentialProviderArn"]) == "kept-here"
    agentcore.delete_api_key_credential_provider(name=name)


@pytest.mark.behaviour("CTL-QUOTAS")
def test_there_are_fifty_api_key_providers_at_most(tmp_path):
    with control(ControlStack(tmp_path)) as agentcore:
        for number in range(QUOTAS["api-key-provider"]):
            agentcore.create_api_key_credential_provider(name=f"k{number}", apiKey="k")
        full = refused(agentcore.create_api_key_credential_provider, name="more", apiKey="k")
        assert full == ("ServiceQuotaExceededException", 402)


@pytest.mark.behaviour("CTL-IDENTITY")
def test_workload_identities_are_made_read_listed_replaced_and_deleted(agentcore):
    name, urls = fresh(), ["https://app.example/a"]
    made = agentcore.create_workload_identity(
        name=name, allowedResourceOauth2ReturnUrls=urls, tags={"a": "b"}
    )
    arn = made["workloadIdentityArn"]
    assert arn == f"{DIRECTORY}/workload-identity/{name}"
    assert made["allowedResourceOauth2ReturnUrls"] == urls
    assert agentcore.get_workload_identity(name=name)["workloadIdentityArn"] == arn
    assert agentcore.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "b"}
    assert refused(agentcore.create_workload_identity, name=name) == ("ConflictException", 409)
    assert refused(agentcore.create_workload_identity, name="a b") == ("ValidationException", 400)
    assert agentcore.update_workload_identity(name=name)["allowedResourceOauth2ReturnUrls"] == []
    listed = agentcore.get_paginator("list_workload_identities").paginate(PaginationConfig={"PageSize": 2})
    assert name in [item["name"] for page in listed for item in page["workloadIdentities"]]
    agentcore.delete_workload_identity(name=name)
    assert refused(agentcore.get_workload_identity, name=name)[1] == 404
    assert refused(agentcore.delete_workload_identity, name=name)[1] == 404
    assert refused(agentcore.list_workload_identities, maxResults=21) == ("ValidationException", 400)


@pytest.mark.behaviour("CTL-IDENTITY-OWN")
def test_each_gateway_and_runtime_has_an_identity_that_goes_with_it(agentcore):
    gateway = agentcore.create_gateway(name=fresh(), roleArn=ROLE, authorizerType="NONE")
    runtime = agentcore.create_agent_runtime(
        agentRuntimeName=fresh().replace("-", "_"), roleArn=ROLE, agentRuntimeArtifact=artifact()
    )
    names = [gateway["gatewayId"], runtime["agentRuntimeId"]]
    for name, answer in zip(names, (gateway, runtime), strict=True):
        found = agentcore.get_workload_identity(name=name)["workloadIdentityArn"]
        assert found == answer["workloadIdentityDetails"]["workloadIdentityArn"]
    agentcore.delete_gateway(gatewayIdentifier=names[0])
    agentcore.delete_agent_runtime(agentRuntimeId=names[1])
    for name in names:
        assert refused(agentcore.get_workload_identity, name=name)[1] == 404


@pytest.mark.behaviour("CTL-IDENTITY-OWN")
def test_a_resource_whose_identity_is_missing_has_one_after_the_next_start(tmp_path):
    with control(ControlStack(tmp_path)) as agentcore:
        name = agentcore.create_gateway(name="old", roleArn=ROLE, authorizerType="NONE")["gatewayId"]
        agentcore.delete_workload_identity(name=name)
    with control(ControlStack(tmp_path)) as agentcore:
        assert agentcore.get_workload_identity(name=name)["name"] == name


@pytest.mark.behaviour("CTL-VAULT")
def test_the_token_vault_has_a_key(agentcore):
    first = agentcore.get_token_vault()
    assert (first["tokenVaultId"], first["kmsConfiguration"]) == (
        "default",
        {"keyType": "ServiceManagedKey"},
    )
    assert agentcore.get_token_vault(tokenVaultId="default")["lastModifiedDate"] == first["lastModifiedDate"]
    own = {"keyType": "CustomerManagedKey", "kmsKeyArn": KEY}
    assert agentcore.set_token_vault_cmk(kmsConfiguration=own)["kmsConfiguration"] == own
    assert agentcore.get_token_vault()["kmsConfiguration"] == own
    assert refused(agentcore.get_token_vault, tokenVaultId="other")[1] == 404
    for wrong in ({"keyType": "CustomerManagedKey"}, {"keyType": "ServiceManagedKey", "kmsKeyArn": KEY}):
        found = refused(agentcore.set_token_vault_cmk, kmsConfiguration=wrong)
        assert found == ("ValidationException", 400)


@pytest.mark.behaviour("ID-OBO-CONFIG")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"grantType": "JWT_AUTHORIZATION_GRANT"}, None),
        ({"grantType": "TOKEN_EXCHANGE"}, None),
        (
            {"grantType": "TOKEN_EXCHANGE", "tokenExchangeGrantTypeConfig": {"actorTokenContent": "NONE"}},
            None,
        ),
        (
            {
                "grantType": "TOKEN_EXCHANGE",
                "tokenExchangeGrantTypeConfig": {"actorTokenContent": "M2M", "actorTokenScopes": ["a"]},
            },
            None,
        ),
        (
            {
                "grantType": "TOKEN_EXCHANGE",
                "tokenExchangeGrantTypeConfig": {"actorTokenContent": "NONE", "actorTokenScopes": ["a"]},
            },
            ("ValidationException", 400),
        ),
        (
            {
                "grantType": "JWT_AUTHORIZATION_GRANT",
                "tokenExchangeGrantTypeConfig": {"actorTokenContent": "NONE"},
            },
            ("ValidationException", 400),
        ),
        (
            {
                "grantType": "TOKEN_EXCHANGE",
                "tokenExchangeGrantTypeConfig": {"actorTokenContent": "AWS_IAM_ID_TOKEN_JWT"},
            },
            None,
        ),
    ],
)
def test_on_behalf_of_configurations_are_stored_or_refused(agentcore, given, expected):
    provider = oauth2(vendors.CUSTOM, onBehalfOfTokenExchangeConfig=given)
    if expected is not None:
        assert refused(agentcore.create_oauth2_credential_provider, **provider) == expected
        return
    made = agentcore.create_oauth2_credential_provider(**provider)
    shown = made["oauth2ProviderConfigOutput"]["customOauth2ProviderConfig"]
    assert shown["onBehalfOfTokenExchangeConfig"] == given
    agentcore.delete_oauth2_credential_provider(name=provider["name"])


KMS = {"privateKeySource": {"kmsKeySource": {"kmsKeyArn": KEY}}, "signingAlgorithm": "ES256"}


@pytest.mark.behaviour("ID-PRIVATE-KEY")
@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"privateKeyJwtConfig": KMS}, None),
        ({}, ("ValidationException", 400)),
        ({"privateKeyJwtConfig": {"signingAlgorithm": "ES256"}}, ("ValidationException", 400)),
        ({"privateKeyJwtConfig": KMS, "clientSecret": "very-secret"}, ("ValidationException", 400)),
        ({"privateKeyJwtConfig": {**KMS, "signingAlgorithm": "PS256"}}, None),
        (
            {"clientAuthenticationMethod": "AWS_IAM_ID_TOKEN_JWT", "privateKeyJwtConfig": KMS},
            ("ValidationException", 400),
        ),
        (
            {"privateKeyJwtConfig": {**KMS, "additionalHeaderClaims": {"alg": "none"}}},
            ("ValidationException", 400),
        ),
        (
            {"privateKeyJwtConfig": {**KMS, "additionalPayloadClaims": {"sub": "x"}}},
            ("ValidationException", 400),
        ),
        (
            {
                "privateKeyJwtConfig": KMS,
                "clientAuthenticationMethod": "CLIENT_SECRET_POST",
                "clientSecret": "s",
            },
            ("ValidationException", 400),
        ),
        ({"clientAuthenticationMethod": "AWS_IAM_ID_TOKEN_JWT"}, None),
    ],
)
def test_key_based_client_authentication_is_stored_or_refused(agentcore, members, expected):
    provider = oauth2(vendors.CUSTOM)
    configuration = provider["oauth2ProviderConfigInput"]["customOauth2ProviderConfig"]
    del configuration["clientSecret"]
    configuration |= {"clientAuthenticationMethod": "PRIVATE_KEY_JWT", **members}
    if expected is not None:
        assert refused(agentcore.create_oauth2_credential_provider, **provider) == expected
        return
    made = agentcore.create_oauth2_credential_provider(**provider)
    shown = made["oauth2ProviderConfigOutput"]["customOauth2ProviderConfig"]
    for member in ("clientAuthenticationMethod", "privateKeyJwtConfig"):
        assert shown.get(member) == configuration.get(member)
    agentcore.delete_oauth2_credential_provider(name=provider["name"])
