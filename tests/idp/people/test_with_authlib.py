"""A stranger's client: Authlib, which knows nothing of skerry, signs a person in and uses every endpoint."""

from __future__ import annotations

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.kit.idp_people import APP, CALLBACK, CLIENTS, Home, people


@pytest.fixture(scope="module")
def home():
    with people() as running:
        yield running


@pytest.mark.behaviour("IDP-AUTHLIB")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_signs_in_and_uses_every_endpoint(home: Home, method):
    requests_client = pytest.importorskip("authlib.integrations.requests_client")
    claims_of = pytest.importorskip("authlib.oidc.core")
    found = home.http.get(home.idp.discovery_url("home")).json()
    session = requests_client.OAuth2Session(
        APP.id,
        CLIENTS["app"].secret,
        scope="openid email desk/use",
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        token_endpoint=found["token_endpoint"],
    )
    session.trust_env = False
    with session:
        verifier = "authlib-verifier-" + "x" * 40
        url, state = session.create_authorization_url(
            found["authorization_endpoint"], code_verifier=verifier, nonce="n-1"
        )
        browser = home.browser()
        page = browser.open(url)
        page = browser.sign_in(page)
        if "decision" in page.form.names:
            page = browser.press(page, decision="approve")
        token = session.fetch_token(
            found["token_endpoint"],
            authorization_response=page.location,
            state=state,
            code_verifier=verifier,
        )
        keys = KeySet.import_key_set(home.http.get(found["jwks_uri"]).json())
        decoded = jwt.decode(
            token["id_token"], keys, algorithms=found["id_token_signing_alg_values_supported"]
        )
        claims = claims_of.CodeIDToken(
            decoded.claims,
            decoded.header,
            options={"iss": {"essential": True, "value": found["issuer"]}},
            params={"nonce": "n-1", "client_id": APP.id, "access_token": token["access_token"]},
        )
        claims.validate()
        assert claims["email"] == "ann@example.com"
        assert session.get(found["userinfo_endpoint"]).json()["sub"] == claims["sub"]
        renewed = session.refresh_token(found["token_endpoint"])
        assert renewed["refresh_token"] != token["refresh_token"]
        told = session.introspect_token(found["introspection_endpoint"], token=renewed["access_token"])
        assert told.json()["active"] is True
        gone = session.revoke_token(found["revocation_endpoint"], token=renewed["refresh_token"])
        assert gone.status_code == 200
        told = session.introspect_token(found["introspection_endpoint"], token=renewed["access_token"])
        assert told.json() == {"active": False}
