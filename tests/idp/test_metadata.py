"""Discovery, keys and the pages around them."""

import json
from dataclasses import replace

import pytest
from joserfc.jwk import RSAKey
from mcp.shared.auth import OAuthMetadata

from skerry.idp import TOKEN_EXCHANGE
from tests.kit.idp import DESK, POOL, Desk
from tests.kit.idp import desk as running_desk

REALMS = {"desk": "/desk", "pool": "/us-east-1_pool"}


def places(path: str) -> list[str]:
    return [
        f"/.well-known/oauth-authorization-server{path}",
        f"/.well-known/openid-configuration{path}",
        f"{path}/.well-known/openid-configuration",
    ]


@pytest.mark.behaviour("IDP-DISCOVERY-THREE-PLACES")
def test_discovery_is_the_same_bytes_at_all_three_places(desk: Desk):
    answers = [desk.http.get(desk.idp.url + place) for place in places("/desk")]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert {answer.headers["content-type"] for answer in answers} == {"application/json"}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["issuer"] == desk.idp.issuers["desk"] == desk.idp.url + "/desk"


@pytest.mark.behaviour("DIA-COGNITO-NO-RFC8414")
def test_a_user_pool_has_no_rfc_8414_document_unless_it_is_switched_on(desk: Desk):
    path = REALMS["pool"]
    found = [desk.http.get(desk.idp.url + place).status_code for place in places(path)]
    assert found == [404, 404, 200]
    assert desk.http.get(desk.idp.discovery_url("pool")).json()["issuer"] == desk.idp.issuers["pool"]
    with running_desk(replace(POOL, discovery="all")) as switched:
        found = [switched.http.get(switched.idp.url + place).status_code for place in places(path)]
    assert found == [200, 200, 200]


@pytest.mark.behaviour("IDP-DISCOVERY-MEMBERS")
def test_discovery_names_what_there_is(desk: Desk):
    issuer = desk.idp.issuers["desk"]
    found = desk.http.get(desk.idp.discovery_url("desk")).json()
    assert found["token_endpoint"] == desk.idp.token_endpoint("desk") == f"{issuer}/oauth2/token"
    assert found["jwks_uri"] == f"{issuer}/.well-known/jwks.json"
    assert found["token_endpoint_auth_methods_supported"] == [
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
        "none",
    ]
    assert found["token_endpoint_auth_signing_alg_values_supported"] == ["RS256", "PS256", "ES256"]
    assert found["grant_types_supported"] == [
        "client_credentials",
        TOKEN_EXCHANGE,
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
    ]
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["scopes_supported"] == ["desk/use", "desk/change"]
    assert found["response_types_supported"] == ["code"]
    assert found["response_modes_supported"] == ["query"]
    assert found["authorization_response_iss_parameter_supported"] is True
    assert found["prompt_values_supported"] == ["none", "login", "consent", "select_account"]
    names = ("authorization", "userinfo", "revocation", "introspection", "device_authorization")
    for name in names:
        assert desk.http.post(found[f"{name}_endpoint"]).status_code in (400, 401), name
    assert found["id_token_signing_alg_values_supported"] == ["RS256"]
    assert "registration_endpoint" not in found


def test_the_cognito_issuer_offers_no_exchange(desk: Desk):
    found = desk.http.get(desk.idp.discovery_url("pool")).json()
    assert found["grant_types_supported"] == ["client_credentials", "authorization_code", "refresh_token"]
    assert not {"introspection_endpoint", "device_authorization_endpoint"} & set(found)
    assert {"userinfo_endpoint", "revocation_endpoint"} < set(found)


@pytest.mark.parametrize("realm", REALMS)
def test_discovery_satisfies_the_models_of_the_mcp_sdk(desk: Desk, realm):
    found = OAuthMetadata.model_validate_json(desk.http.get(desk.idp.discovery_url(realm)).content)
    assert str(found.issuer) == desk.idp.issuers[realm]
    assert str(found.token_endpoint) == desk.idp.token_endpoint(realm)


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/desk/.well-known/oauth", "/other"])
def test_there_is_no_metadata_anywhere_else(desk: Desk, path):
    assert desk.http.get(desk.idp.url + path).status_code == 404


@pytest.mark.behaviour("IDP-JWKS-PUBLIC")
@pytest.mark.parametrize("realm", REALMS)
def test_published_keys_have_public_members_only(desk: Desk, realm):
    (key,) = desk.jwks(realm)["keys"]
    assert set(key) == {"kty", "n", "e", "alg", "use", "kid"}
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")
    assert not RSAKey.import_key(key).is_private


@pytest.mark.behaviour("IDP-JWKS-KID")
def test_the_key_id_is_the_thumbprint_of_rfc_7638(desk: Desk):
    (key,) = desk.jwks()["keys"]
    assert key["kid"] == RSAKey.import_key({name: key[name] for name in ("kty", "n", "e")}).thumbprint()


def test_every_realm_has_keys_of_its_own(desk: Desk):
    assert desk.jwks("desk")["keys"][0]["kid"] != desk.jwks("pool")["keys"][0]["kid"]


def test_the_index_lists_the_issuers_and_no_secret(desk: Desk):
    answer = desk.http.get(desk.idp.url + "/")
    assert set(answer.json()["issuers"]) == {"desk", "pool"}
    for place in answer.json()["issuers"]["desk"]["discovery"]:
        assert desk.http.get(place).status_code == 200
    assert not [client.secret for client in DESK.clients.values() if json.dumps(client.secret) in answer.text]
    assert "secret" not in answer.text


def test_health(desk: Desk):
    assert desk.http.get(desk.idp.url + "/_skerry/health").json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/desk/oauth2/token/", "/desk/", "//"])
def test_a_path_beside_is_404_and_no_redirect(desk: Desk, path):
    answer = desk.http.post(desk.idp.url + path, data={"grant_type": "client_credentials"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")


def test_the_token_endpoint_takes_post_only(desk: Desk):
    answer = desk.http.get(desk.idp.token_endpoint("desk"))
    assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST")
    assert answer.json()["error"] == "invalid_request"
