"""Tokens of AWS principals for the world outside, and the key of their issuer."""

from __future__ import annotations

import json

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from skerry.auth.aws.web_identity import LIFE, NAMESPACE, SigningKey, TokenRequest, metadata
from skerry.errors import StateError

ISSUER, ROLE = "https://tokens.example/1", "arn:aws:iam::123456789012:role/reports"


def test_a_token_says_who_it_is_of_and_holds_by_the_published_keys():
    key = SigningKey.of(SigningKey.new().private)
    asked = TokenRequest(ROLE, ("https://i.example/token",), "eu-west-1")
    made = key.token(ISSUER, asked, now=1000.5)
    published = KeySet.import_key_set({"keys": [key.public]})
    token = jwt.decode(made, published, algorithms=["RS256"])
    assert token.header["typ"] == "JWT"
    claims = token.claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == (ISSUER, ROLE, "https://i.example/token")
    assert (claims["iat"], claims["exp"]) == (1000, 1000 + LIFE)
    assert claims[NAMESPACE] == {"aws_account": "123456789012", "source_region": "eu-west-1"}
    again = key.token(ISSUER, asked, now=1000.5)
    assert jwt.decode(again, published).claims["jti"] != claims["jti"]
    assert metadata(ISSUER)["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"


def test_a_key_of_a_curve_signs_for_several_audiences_with_tags():
    key = SigningKey.of(SigningKey.new("ES384").private)
    asked = TokenRequest(ROLE, ("a", "b"), "eu-west-1", "ES384", 60, {"team": "desk"}, {"job": "7"})
    made = key.token(ISSUER, asked, now=1000.0)
    claims = jwt.decode(made, KeySet.import_key_set({"keys": [key.public]}), algorithms=["ES384"]).claims
    assert (claims["aud"], claims["exp"]) == (["a", "b"], 1060)
    assert claims[NAMESPACE]["principal_tags"] == {"team": "desk"}
    assert claims[NAMESPACE]["request_tags"] == {"job": "7"}
    assert key.public.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}


def test_nothing_private_is_published_or_shown():
    key = SigningKey.new()
    private = json.loads(key.private)
    assert key.public.keys() == {"kty", "n", "e", "kid", "use", "alg"}
    assert private["d"] not in repr(key)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"kty": "oct", "k": "AAAA"}', "x" * 50])
def test_what_is_no_key_is_refused(text):
    with pytest.raises(StateError):
        SigningKey.of(text)
