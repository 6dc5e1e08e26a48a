"""Where a browser is sent to sign in for one of the stack's own pages."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from skerry.auth import pkce
from skerry.auth.discovery import Provider
from skerry.auth.login.web_sign_in import SignIn
from skerry.errors import ConfigurationError

PROVIDER = Provider(issuer="https://i.example", authorization_endpoint="https://i.example/a?tenant=1")


@pytest.mark.behaviour("CNS-PKCE")
@pytest.mark.parametrize("methods", [(), ("S256",), ("plain", "S256")])
def test_a_challenge_is_sent_unless_the_provider_says_that_it_takes_none(methods):
    sign_in = SignIn(replace(PROVIDER, pkce=methods), "desk", "http://127.0.0.1:1/connect/callback")
    query = parse_qs(urlsplit(sign_in.url).query)
    assert query["code_challenge"] == [pkce.challenge(sign_in.verifier)]
    assert (query["code_challenge_method"], query["tenant"]) == (["S256"], ["1"])


@pytest.mark.behaviour("CNS-PKCE")
def test_nobody_is_sent_to_a_provider_of_weaker_challenges_alone():
    with pytest.raises(ConfigurationError, match="S256"):
        _ = SignIn(replace(PROVIDER, pkce=("plain",)), "desk", "http://127.0.0.1:1/connect/callback").url
    with pytest.raises(ConfigurationError, match="no sign-in"):
        _ = SignIn(replace(PROVIDER, authorization_endpoint=""), "desk", "http://127.0.0.1:1/c").url
