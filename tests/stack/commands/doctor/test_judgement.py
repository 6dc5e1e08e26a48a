"""What a token is worth at a server: every broken rule is told, with what the token has in its place."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.stack.commands.doctor import judgement
from skerry.stack.commands.doctor.findings import lines, shown
from skerry.stack.commands.doctor.judgement import Rules

ISSUER = "http://127.0.0.1:1/desk"
RULES = Rules(
    issuer=ISSUER,
    audience=("desk-gateway",),
    clients=("cli",),
    scopes=("desk/use",),
    keys=("k1",),
    realms={"desk": ISSUER, "pool": "http://127.0.0.1:1/pool"},
)
GOOD: dict[str, Any] = {
    "iss": ISSUER, "aud": "desk-gateway", "client_id": "cli", "scope": "openid desk/use", "sub": "ann",
    "iat": 900, "exp": 2000,
}  # fmt: skip


def judged(claims: dict[str, Any], head: dict[str, Any] | None = None) -> str:
    found = judgement.token(head or {"kid": "k1"}, claims, RULES, now=1000.0, renew="Run: skerry login desk")
    return "\n".join(lines(found))


@pytest.mark.behaviour("CLI-DOCTOR")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"exp": 400}, "the token has expired 10 min ago"),
        ({"iat": 9000}, "begins only in 2 h: the issuer's clock and this one differ"),
        ({"nbf": 1031}, "skerry idp clock --reset"),
        ({"iss": f"{ISSUER}/"}, "differ by the slash at the end"),
        ({"iss": "http://127.0.0.1:1/pool"}, "of the realm 'pool' (http://127.0.0.1:1/pool), and the server"),
        ({"iss": "https://elsewhere.example"}, "the token is of https://elsewhere.example"),
        ({"aud": ["x", "y"]}, "for another audience: x y. The server wants desk-gateway"),
        ({"aud": None}, "allowedClients"),
        ({"client_id": "other"}, "of the client other. Allowed are: cli"),
        ({"client_id": None}, "an ID token has none"),
        ({"scope": "openid"}, "it has openid, and the server wants one of desk/use"),
    ],
)
def test_what_is_wrong_is_told_with_the_next_move(change: dict[str, Any], told: str):
    claims = {name: value for name, value in (GOOD | change).items() if value is not None}
    text = judged(claims)
    assert told in text
    assert text.count("FAIL") == 1
    assert text.count("[SKY-202]") == 1


def test_a_token_that_holds_and_one_that_is_none():
    assert judged(GOOD) == "ok    token      of ann, ends 1970-01-01 00:33:20 UTC"
    assert judged(GOOD | {"exp": 975, "iat": 1025}).startswith("ok")  # clocks may differ by half a minute
    assert "is no JWT" in judged({})


def test_a_key_that_is_not_published():
    assert "does not publish: k2" in judged(GOOD, {"kid": "k2"})


@pytest.mark.behaviour("CLI-DOCTOR")
def test_issuers_are_compared_letter_by_letter():
    assert judgement.issuer(ISSUER, ISSUER).level == "ok"
    assert "slash at the end" in judgement.issuer(ISSUER, f"{ISSUER}/").message
    assert judgement.issuer(ISSUER, "http://127.0.0.1:1/other").level == "bad"


@pytest.mark.behaviour("CLI-DOCTOR")
@pytest.mark.parametrize(("theirs", "told"), [(1400.0, "7 min behind"), (600.0, "7 min ahead")])
def test_a_clock_that_is_off(theirs: float, told: str):
    (found,) = judgement.clock(theirs, 1000.0)
    assert told in found.message
    assert (judgement.clock(1010.0, 1000.0), judgement.clock(None, 1000.0)) == ([], [])


@pytest.mark.behaviour("CLI-DOCTOR")
def test_a_permission_names_the_statement_and_how_to_see_all():
    denied = {"decision": "denied", "by": "identity-based policy inline no, statement NoGateways"}
    found = judgement.permission(denied, "arn:aws:iam::1:user/bob", "bedrock-agentcore:InvokeGateway")
    assert "statement NoGateways" in found.message
    assert "skerry iam show arn:aws:iam::1:user/bob" in found.hint
    assert shown([found])["ok"] is False
