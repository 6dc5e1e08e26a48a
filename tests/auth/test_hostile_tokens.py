"""The verifier and every token that nobody may take."""

from __future__ import annotations

import logging

import pytest

from skerry.auth.jwt import dialects, tokens
from skerry.auth.jwt.authorizer import JwtAuthorizer
from skerry.auth.jwt.keys import Keys
from skerry.errors import TokenError
from tests.auth.hostile_tokens import TOKENS, Hostile
from tests.kit.issuer import FakeIssuer

TABLE = pytest.mark.parametrize("hostile", TOKENS, ids=lambda hostile: hostile.name)


def parts(token: str) -> list[str]:
    """What must be seen nowhere: the token and its longer segments."""
    return [token, *(part for part in token.split(".") if len(part) > 20)]


def verifying(issuer: FakeIssuer, keys: Keys, token: str):
    return tokens.verify(
        token,
        keys=keys,
        issuer=issuer.issuer,
        dialect=dialects.OAUTH,
        now=issuer.clock.time(),
        audience="accounts",
    )


@TABLE
@pytest.mark.behaviour("GRD-HOSTILE-VERIFIER")
async def test_the_verifier_takes_none_and_a_good_one_afterwards(
    issuer: FakeIssuer, hostile: Hostile, caplog: pytest.LogCaptureFixture
) -> None:
    keys = Keys(issuer.discovery_url, fetch=issuer.fetch, clock=issuer.clock)
    token = hostile.make(issuer)
    with caplog.at_level(logging.DEBUG):
        for _ in range(2):  # the second time from memory, where a signature held
            with pytest.raises(TokenError) as caught:
                await verifying(issuer, keys, token)
            assert caught.value.reason == hostile.reason
            assert not [
                part for part in parts(token) if len(part) > 8 and part in f"{caught.value!r}{caplog.text}"
            ]
    assert set(issuer.requests) <= {issuer.discovery_url, issuer.jwks_uri}, "a URL of a token was fetched"
    assert len(issuer.requests) <= 4  # an unknown key is looked for once more
    assert (await verifying(issuer, keys, issuer.mint()))["sub"] == "user-1"


@TABLE
@pytest.mark.behaviour("GRD-HOSTILE-VERIFIER")
async def test_agentcores_authorizer_takes_none_but_those_without_a_kind(
    issuer: FakeIssuer, hostile: Hostile
) -> None:
    rules = {"allowedAudience": ["accounts"], "allowedClients": ["chat"], "allowedScopes": ["desk/use"]}
    keys = Keys(issuer.discovery_url, fetch=issuer.fetch, clock=issuer.clock)
    authorizer = JwtAuthorizer(rules, keys)
    shown = f"Bearer {hostile.make(issuer)}"
    if hostile.aws:
        with pytest.raises(TokenError):
            await authorizer.authorize(shown)
    else:
        await authorizer.authorize(shown)
    await authorizer.authorize(f"Bearer {issuer.mint()}")


def test_the_marks_of_a_token_are_fit_for_a_log(issuer: FakeIssuer) -> None:
    odd = issuer.mint(issuer.claims(iss="x" * 500, jti="a\r\nb\x1b[2J"), header={"kid": 7})
    found = tokens.marks(odd)
    assert set(found) == {"iss", "jti"}
    assert all(len(value) <= tokens.MAX_MARK and value.isprintable() for value in found.values())
    assert tokens.marks(issuer.mint()) == {"iss": issuer.issuer, "kid": "one", "jti": "t-1"}
    assert tokens.marks("no token") == tokens.marks("a.b.c") == {}
