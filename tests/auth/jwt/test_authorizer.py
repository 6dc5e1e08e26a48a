from __future__ import annotations

import pytest

from skerry.auth.jwt.authorizer import JwtAuthorizer
from skerry.auth.jwt.keys import Keys
from skerry.errors import ConfigurationError, TokenError
from tests.kit.issuer import FakeIssuer


def authorizer(issuer: FakeIssuer, **configuration) -> JwtAuthorizer:
    keys = Keys(issuer.discovery_url, fetch=issuer.fetch, clock=issuer.clock)
    return JwtAuthorizer({"discoveryUrl": issuer.discovery_url, **configuration}, keys)


async def refusal(gate: JwtAuthorizer, token: str) -> TokenError:
    with pytest.raises(TokenError) as caught:
        await gate.authorize(f"Bearer {token}")
    return caught.value


def claim(name: str, value: str | list[str], operator: str, kind: str):
    member = "matchValueStringList" if isinstance(value, list) else "matchValueString"
    return {
        "inboundTokenClaimName": name,
        "inboundTokenClaimValueType": kind,
        "authorizingClaimMatchValue": {"claimMatchValue": {member: value}, "claimMatchOperator": operator},
    }


@pytest.mark.behaviour("AUTH-AUTHORIZER-AUDIENCE")
@pytest.mark.parametrize(
    ("aud", "good"),
    [("desk", True), (["x", "desk"], True), ("other", False), ([], False), (None, False), ("desk2", False)],
)
async def test_allowed_audience_is_any_of_aud(issuer, aud, good):
    gate = authorizer(issuer, allowedAudience=["desk", "second"])
    token = issuer.mint(issuer.claims(aud=aud))
    if good:
        assert (await gate.authorize(f"Bearer {token}"))["sub"] == "user-1"
    else:
        refused = await refusal(gate, token)
        assert refused.reason == "audience"
        assert refused.message == "Claim 'aud' value mismatch with configuration."


@pytest.mark.behaviour("AUTH-AUTHORIZER-CLIENT")
@pytest.mark.parametrize(
    "claims", [{"client_id": "other"}, {"client_id": None}, {"client_id": None, "azp": "chat", "cid": "chat"}]
)
async def test_allowed_clients_are_compared_with_client_id_and_nothing_else(issuer, claims):
    gate = authorizer(issuer, allowedClients=["chat"])
    await gate.authorize(f"Bearer {issuer.mint()}")
    refused = await refusal(gate, issuer.mint(issuer.claims(**claims)))
    assert refused.reason == "client"
    assert refused.message == "Claim 'client_id' value mismatch with configuration."


@pytest.mark.behaviour("AUTH-AUTHORIZER-SCOPE")
@pytest.mark.parametrize(
    ("claims", "good"),
    [
        ({"scope": "a desk/use"}, True),
        ({"scope": "desk/change desk/use"}, True),
        ({"scope": None, "scp": ["desk/change"]}, True),
        ({"scope": None, "scp": "desk/use"}, True),
        ({"scope": "desk/us desk/used"}, False),
        ({"scope": None}, False),
        ({"scope": ["desk/use"]}, True),
        ({"scope": {"desk/use": 1}}, False),
    ],
)
async def test_one_allowed_scope_is_enough(issuer, claims, good):
    gate = authorizer(issuer, allowedScopes=["desk/use", "desk/change"])
    token = issuer.mint(issuer.claims(**claims))
    if good:
        await gate.authorize(f"Bearer {token}")
    else:
        refused = await refusal(gate, token)
        assert refused.reason == "scope"
        assert "desk/use desk/change" in refused.hint


@pytest.mark.behaviour("AUTH-AUTHORIZER-CLAIMS")
@pytest.mark.parametrize(
    ("rule", "value", "good"),
    [
        (claim("team", "ops", "EQUALS", "STRING"), "ops", True),
        (claim("team", "ops", "EQUALS", "STRING"), "opsy", False),
        (claim("team", "ops", "EQUALS", "STRING"), ["ops"], False),
        (claim("team", "ops", "EQUALS", "STRING"), None, False),
        (claim("team", "ops", "CONTAINS", "STRING_ARRAY"), ["a", "ops"], True),
        (claim("team", "ops", "CONTAINS", "STRING_ARRAY"), "ops", False),
        (claim("team", "ops", "CONTAINS", "STRING_ARRAY"), ["opsy"], False),
        (claim("team", ["ops", "dev"], "CONTAINS_ANY", "STRING_ARRAY"), ["dev"], True),
        (claim("team", ["ops", "dev"], "CONTAINS_ANY", "STRING_ARRAY"), ["x"], False),
        (claim("team", ["ops", "dev"], "CONTAINS_ANY", "STRING_ARRAY"), [], False),
    ],
)
async def test_custom_claims_by_operator(issuer, rule, value, good):
    gate = authorizer(issuer, customClaims=[rule])
    token = issuer.mint(issuer.claims(team=value))
    if good:
        await gate.authorize(f"Bearer {token}")
    else:
        assert (await refusal(gate, token)).reason == "claim"


@pytest.mark.behaviour("AUTH-AUTHORIZER-ALL")
async def test_every_configured_check_must_hold(issuer):
    gate = authorizer(
        issuer,
        allowedAudience=["accounts"],
        allowedClients=["chat"],
        allowedScopes=["desk/use"],
        customClaims=[claim("team", "ops", "EQUALS", "STRING"), claim("g", "a", "CONTAINS", "STRING_ARRAY")],
    )
    good = {"team": "ops", "g": ["a"]}
    await gate.authorize(f"Bearer {issuer.mint(issuer.claims(**good))}")
    for wrong, reason in (
        ({"aud": "x"}, "audience"),
        ({"client_id": "x"}, "client"),
        ({"scope": "x"}, "scope"),
        ({"team": "x"}, "claim"),
        ({"g": ["x"]}, "claim"),
    ):
        assert (await refusal(gate, issuer.mint(issuer.claims(**{**good, **wrong})))).reason == reason


async def test_no_rule_still_needs_a_genuine_token(issuer):
    gate = authorizer(issuer)
    await gate.authorize(f"Bearer {issuer.mint()}")
    assert (await refusal(gate, issuer.mint() + "AAAA")).reason == "signature"
    assert (await refusal(gate, issuer.mint(issuer.claims(exp=1)))).reason == "expired"
    assert (await refusal(gate, issuer.mint(issuer.claims(iss="https://other")))).reason == "issuer"
    assert (await refusal(gate, "opaque")).reason == "malformed"
    with pytest.raises(TokenError) as caught:
        await gate.authorize(None)
    assert caught.value.reason == "missing"


async def test_an_empty_list_is_a_rule_that_nothing_fits(issuer):
    for name, reason in (
        ("allowedAudience", "audience"),
        ("allowedClients", "client"),
        ("allowedScopes", "scope"),
    ):
        assert (await refusal(authorizer(issuer, **{name: []}), issuer.mint())).reason == reason


@pytest.mark.behaviour("AUTH-AUTHORIZER-ID-TOKEN")
async def test_an_id_token_passes_by_its_audience_and_never_as_a_client(issuer):
    id_token = issuer.mint(
        issuer.claims(token_use="id", aud="app-client", client_id=None, scope=None), header={"typ": None}
    )
    await authorizer(issuer, allowedAudience=["app-client"]).authorize(f"Bearer {id_token}")
    refused = await refusal(authorizer(issuer, allowedClients=["app-client"]), id_token)
    assert refused.reason == "client"
    assert "ID token" in refused.hint


async def test_a_cognito_access_token_passes_by_its_client_and_the_hint_says_so(issuer):
    token = issuer.mint(issuer.claims(token_use="access", aud=None), header={"typ": None})
    await authorizer(issuer, allowedClients=["chat"]).authorize(f"Bearer {token}")
    assert "allowedClients" in (await refusal(authorizer(issuer, allowedAudience=["chat"]), token)).hint


async def test_tokens_of_another_kind_do_not_pass(issuer):
    gate = authorizer(issuer, allowedAudience=["accounts"])
    for kind in ("logout+jwt", "oauth-id-jag+jwt", "dpop+jwt"):
        assert (await refusal(gate, issuer.mint(header={"typ": kind}))).reason == "kind"
    assert (
        await refusal(gate, issuer.mint(issuer.claims(events={}), header={"typ": "JWT"}))
    ).reason == "kind"


@pytest.mark.behaviour("AUTH-AUTHORIZER-UNSUPPORTED")
@pytest.mark.parametrize(
    "configuration",
    [
        {"allowedWorkloadConfiguration": {"workloadIdentities": ["x"]}},
        {"customClaims": [claim("team", "ops", "CONTAINS", "STRING")]},
        {"customClaims": [claim("team", "ops", "EQUALS", "STRING_ARRAY")]},
        {"customClaims": [claim("team", "ops", "CONTAINS_ANY", "STRING_ARRAY")]},
        {"customClaims": [claim("team", "ops", "MATCHES", "STRING")]},
        {"customClaims": [{"inboundTokenClaimName": "team"}]},
        {"customClaims": ["team"]},
    ],
)
def test_a_rule_that_cannot_be_checked_is_refused_and_not_left_out(issuer, configuration):
    with pytest.raises(ConfigurationError):
        authorizer(issuer, **configuration)


async def test_scopes_are_advertised_by_their_public_names(issuer):
    gate = authorizer(
        issuer,
        allowedScopes=["desk/use", "desk/change"],
        advertisedScopeMapping={"desk/use": "https://x/use"},
    )
    assert gate.advertised_scopes == ("https://x/use", "desk/change")
    assert authorizer(issuer).advertised_scopes == ()
    assert await gate.issuer() == issuer.issuer
