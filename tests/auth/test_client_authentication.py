"""How a client proves itself at a token endpoint."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from skerry.auth.client_authentication import ClientIdentity, assertion, method_of, proven, secret_method
from skerry.auth.discovery import Provider
from skerry.errors import ConfigurationError, RemoteError

AT = Provider(issuer="https://idp.example.com", token_endpoint="https://idp.example.com/token")
NOW = 1_800_000_000.0
KEYS = {
    "RS256": RSAKey.generate_key(2048),
    "ES256": ECKey.generate_key("P-256"),
    "Ed25519": OKPKey.generate_key("Ed25519"),
}


def client(**members: Any) -> ClientIdentity:
    return ClientIdentity(client_id="me:+ä", **members)


def test_each_method_uses_its_own_place_alone():
    form = {"grant_type": "client_credentials"}
    public, _ = proven(client(), AT, form, now=NOW)
    assert public == form | {"client_id": "me:+ä"}
    basic, headers = proven(client(method="client_secret_basic", secret="s/:"), AT, form, now=NOW)
    assert basic == form
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"me%3A%2B%C3%A4:s%2F%3A"
    post, headers = proven(client(method="client_secret_post", secret="s"), AT, form, now=NOW)
    assert post == form | {"client_id": "me:+ä", "client_secret": "s"}
    assert "Authorization" not in headers
    assert "secret'" not in repr(client(secret="secret'", key="secret'"))


@pytest.mark.behaviour("LOGIN-KEY")
@pytest.mark.parametrize("algorithm", KEYS)
@pytest.mark.parametrize("as_pem", [True, False])
def test_an_assertion_is_for_the_issuer_alone_and_short(algorithm: str, as_pem: bool):
    key = KEYS[algorithm]
    text = key.as_pem(private=True).decode() if as_pem else json.dumps(key.as_dict(private=True))
    mine = client(method="private_key_jwt", key=text)
    form, headers = proven(mine, AT, {"grant_type": "client_credentials"}, now=NOW)
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert "client_id" not in form
    assert "Authorization" not in headers
    token = jwt.decode(form["client_assertion"], key, algorithms=[algorithm])
    claims = token.claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("me:+ä", "me:+ä", AT.issuer)
    assert claims["exp"] - claims["iat"] == 60
    assert token.header["alg"] == algorithm
    other = jwt.decode(assertion(mine, AT, now=NOW), key, algorithms=[algorithm])
    assert other.claims["jti"] != claims["jti"]


@pytest.mark.behaviour("LOGIN-KEY")
def test_the_algorithm_is_one_that_the_provider_takes():
    text = KEYS["RS256"].as_pem(private=True).decode()
    takes = Provider(issuer=AT.issuer, signing_algorithms=("ES256", "PS256"))
    header = assertion(client(key=text), takes, now=NOW).split(".")[0]
    assert json.loads(base64.urlsafe_b64decode(header + "=="))["alg"] == "PS256"
    with pytest.raises(ConfigurationError, match="takes no signature") as caught:
        assertion(client(key=text), Provider(issuer=AT.issuer, signing_algorithms=("ES256",)), now=NOW)
    assert "ES256" in caught.value.hint


@pytest.mark.behaviour("LOGIN-KEY")
@pytest.mark.parametrize(
    "key",
    [
        "",
        "not a key",
        "{",
        "[]",
        json.dumps(KEYS["ES256"].as_dict(private=False)),
        KEYS["RS256"].as_pem(private=False).decode(),
        json.dumps(OctKey.generate_key(256).as_dict(private=True)),
    ],
    ids=["nothing", "text", "half", "list", "public-jwk", "public-pem", "symmetric"],
)
def test_what_is_no_private_key_is_refused_and_not_shown(key: str):
    with pytest.raises(ConfigurationError, match="private") as caught:
        assertion(client(key=key), AT, now=NOW)
    assert len(key) < 20 or key[10:40] not in str(caught.value)


def test_a_secret_goes_into_the_header_unless_the_provider_wants_the_body():
    assert secret_method(AT) == "client_secret_basic"
    assert secret_method(Provider(issuer="i", client_methods=("client_secret_post",))) == "client_secret_post"
    assert method_of(None, "none") == "none"
    assert method_of("client_secret_post", "none") == "client_secret_post"
    for unusable in ("private_key_jwt", "tls_client_auth", 5, ["none"]):
        with pytest.raises(RemoteError, match="does not have"):
            method_of(unusable, "none")
