from __future__ import annotations

import asyncio
import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth.jwt import dialects, tokens
from skerry.auth.jwt.keys import Keys, Verified
from skerry.errors import TokenError
from tests.kit.clock import FakeClock
from tests.kit.issuer import FakeIssuer, ec_key, rsa_key, segment


@pytest.fixture
def keys(issuer: FakeIssuer) -> Keys:
    return Keys(issuer.discovery_url, fetch=issuer.fetch, clock=issuer.clock)


async def verify(token: str, keys: Keys, issuer: FakeIssuer, *, expected: str | None = None, **changes):
    options = {
        "issuer": expected or issuer.issuer,
        "dialect": dialects.OAUTH,
        "now": issuer.clock.time(),
        "audience": "accounts",
        "leeway": 0.0,
    }
    return await tokens.verify(token, keys=keys, **{**options, **changes})


async def reason(token: str, keys: Keys, issuer: FakeIssuer, **changes) -> str:
    with pytest.raises(TokenError) as caught:
        await verify(token, keys, issuer, **changes)
    for part in token.split("."):
        assert len(part) < 20 or part not in str(caught.value)
    return caught.value.reason


async def test_a_good_token_gives_its_claims(keys, issuer):
    claims = await verify(issuer.mint(), keys, issuer)
    assert claims == issuer.claims()
    with pytest.raises(TypeError):
        claims["sub"] = "someone else"  # type: ignore[index]


async def test_the_media_type_form_of_typ_is_the_same(keys, issuer):
    await verify(issuer.mint(header={"typ": "application/AT+JWT"}), keys, issuer)


@pytest.mark.behaviour("AUTH-JWT-FORM")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda good: "",
        lambda good: "opaque",
        lambda good: good.rsplit(".", 1)[0],
        lambda good: good.rsplit(".", 1)[0] + ".",
        lambda good: "." + good,
        lambda good: good + ".x",
        lambda good: good + "=",
        lambda good: good.replace(".", "==.", 1),
        lambda good: " " + good,
        lambda good: good + "\n",
        lambda good: good + "é",
        lambda good: good + "\ud800",
        lambda good: good + "x" * 16_384,
        lambda good: "a" + good,
        lambda good: f"{segment([1])}.{good.split('.', 1)[1]}",
        lambda good: f"{segment(b'{')}.{good.split('.', 1)[1]}",
        lambda good: f"{segment(b'[' * 3000)}.{good.split('.', 1)[1]}",
        lambda good: "a.b.c",
        lambda good: "aaaaa.aaaaa.aaaaa",
    ],
)
async def test_what_is_no_token_is_malformed(keys, issuer, spoil):
    assert await reason(spoil(issuer.mint()), keys, issuer) == "malformed"
    await verify(issuer.mint(), keys, issuer)


@pytest.mark.behaviour("AUTH-JWT-FORM")
@pytest.mark.parametrize("payload", [b"null", b"[]", b'"text"', b"{", b'\xff{"sub":"x"}', b"\xef\xbb\xbf{}"])
async def test_a_signed_payload_that_is_no_json_object_is_malformed(keys, issuer, payload):
    assert await reason(issuer.mint(payload), keys, issuer) == "malformed"


@pytest.mark.behaviour("AUTH-JWT-FORM")
@pytest.mark.parametrize(
    ("member", "good"),
    [
        (b'"x":1', True),
        (b'"sub":"user-1"', False),
        (b'"\\u0073ub":"admin"', False),
        (b'"a":{"b":1,"b":2}', False),
        (b'"a":NaN', False),
        (b'"a":-Infinity', False),
        (b'"a":1e400', False),
        (b'"a":' + b"1" * 5000, False),
        (b'"a":' + b"[" * 15 + b"]" * 15, True),
        (b'"a":' + b"[" * 16 + b"]" * 16, False),
        (b'"a":' + b"[" * 4000 + b"]" * 4000, False),
    ],
)
async def test_one_bad_member_in_good_claims_makes_a_token_malformed(keys, issuer, member, good):
    token = issuer.mint(json.dumps(issuer.claims()).encode().removesuffix(b"}") + b"," + member + b"}")
    if good:
        await verify(token, keys, issuer)
    else:
        assert await reason(token, keys, issuer) == "malformed"


@pytest.mark.behaviour("AUTH-JWT-ALG")
@pytest.mark.parametrize(
    "algorithm", ["none", "None", "HS256", "RS512", "ES256", "PS256", "", 5, None, ["RS256"]]
)
async def test_only_the_pinned_algorithm_is_taken(keys, issuer, algorithm):
    body = segment(issuer.claims())
    head = segment({"alg": algorithm, "typ": "at+jwt", "kid": "one"})
    public = json.dumps(rsa_key("one").as_dict(private=False)).encode()
    for signature in (b"x", public, FakeIssuer.sign(f"{head}.{body}", rsa_key("one"), "RS256")):
        assert await reason(f"{head}.{body}.{segment(signature)}", keys, issuer) == "algorithm"


async def test_es256_can_be_the_pinned_algorithm(issuer):
    issuer.publish(ec_key("ec"))
    keys = Keys(issuer.discovery_url, fetch=issuer.fetch, clock=issuer.clock, algorithm="ES256")
    await verify(issuer.mint(key=ec_key("ec"), header={"alg": "ES256"}), keys, issuer)
    assert await reason(issuer.mint(), keys, issuer) == "algorithm"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"crit": ["exp"]}, "malformed"),
        ({"b64": False}, "malformed"),
        ({"kid": None}, "malformed"),
        ({"kid": 5}, "malformed"),
        ({"kid": ""}, "malformed"),
        ({"kid": "k" * 257}, "malformed"),
        ({"kid": "unknown"}, "key"),
        ({"kid": "../../etc/passwd"}, "key"),
        ({"typ": 5}, "malformed"),
    ],
)
async def test_headers(keys, issuer, header, expected):
    assert await reason(issuer.mint(header=header), keys, issuer) == expected


@pytest.mark.behaviour("AUTH-JWT-ALG")
async def test_keys_in_the_token_are_never_used_nor_fetched(keys, issuer):
    evil = rsa_key("evil")
    offers = {
        "jwk": evil.as_dict(private=False),
        "jku": "https://evil.example/jwks",
        "x5u": "https://evil.example/chain",
        "x5c": ["AAAA"],
    }
    for kid in ("evil", "one"):
        assert await reason(issuer.mint(key=evil, header={**offers, "kid": kid}), keys, issuer) in {
            "key",
            "signature",
        }
    assert all("evil" not in url for url in issuer.requests)
    await verify(issuer.mint(header={"x5c": ["AAAA"], "x5t": "abc"}), keys, issuer)


async def test_every_flipped_byte_of_the_signature_gets_the_same_answer(keys, issuer):
    head, body, signature = issuer.mint().split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    answers = set()
    for at in range(len(raw)):
        flipped = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        answers.add(await reason(f"{head}.{body}.{segment(flipped)}", keys, issuer))
    for spoilt in (b"", raw[:-1], raw + b"\0", b"\0" * len(raw)):
        if spoilt:
            answers.add(await reason(f"{head}.{body}.{segment(spoilt)}", keys, issuer))
    assert answers == {"signature"}


async def test_claims_cannot_be_exchanged_under_a_signature(keys, issuer):
    head, _, signature = issuer.mint().split(".")
    other = segment(issuer.claims(sub="admin"))
    assert await reason(f"{head}.{other}.{signature}", keys, issuer) == "signature"


@pytest.mark.behaviour("AUTH-JWT-TIME")
@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"exp": None}, "malformed"),
        ({"exp": "1900000000"}, "malformed"),
        ({"exp": True}, "malformed"),
        ({"exp": 1e300}, "malformed"),
        ({"exp": 10**400}, "malformed"),
        ({"exp": -1}, "malformed"),
        ({"exp": [1]}, "malformed"),
        ({"exp": 1_800_000_000}, "expired"),
        ({"exp": 1_799_999_999.5}, "expired"),
        ({"iat": None}, "malformed"),
        ({"iat": 1_800_000_001}, "not-yet"),
        ({"nbf": 1_800_000_001}, "not-yet"),
        ({"nbf": "soon"}, "malformed"),
        ({"sub": None}, "malformed"),
        ({"sub": ""}, "malformed"),
        ({"sub": 5}, "malformed"),
    ],
)
async def test_time_and_subject(keys, issuer, claims, expected):
    token = issuer.mint(
        {name: value for name, value in {**issuer.claims(), **claims}.items() if value is not None}
    )
    assert await reason(token, keys, issuer) == expected


@pytest.mark.behaviour("AUTH-JWT-TIME")
async def test_leeway_is_thirty_seconds_each_way(keys, issuer, clock):
    token = issuer.mint(issuer.claims(exp=clock.time() + 1))
    await verify(token, keys, issuer, now=clock.time() + 30.9, leeway=tokens.LEEWAY)
    assert await reason(token, keys, issuer, now=clock.time() + 31, leeway=tokens.LEEWAY) == "expired"
    await verify(token, keys, issuer, now=clock.time() - 30, leeway=tokens.LEEWAY)
    assert await reason(token, keys, issuer, now=clock.time() - 30.1, leeway=tokens.LEEWAY) == "not-yet"


@pytest.mark.parametrize(
    "wrong", ["https://idp.example.com/desk/", "https://idp.example.com", "", None, 5, ["x"]]
)
async def test_the_issuer_is_compared_character_by_character(keys, issuer, wrong):
    token = issuer.mint(issuer.claims(iss=wrong))
    assert await reason(token, keys, issuer) == "issuer"


@pytest.mark.parametrize(
    "audience", [None, "other", "accounts ", ["other"], [], {"accounts": 1}, 5, [["accounts"]]]
)
async def test_the_audience_must_name_this_resource(keys, issuer, audience):
    expected = "kind" if audience is None else "audience"
    assert await reason(issuer.mint(issuer.claims(aud=audience)), keys, issuer) == expected


async def test_one_of_several_audiences_is_enough(keys, issuer):
    await verify(issuer.mint(issuer.claims(aud=["x", "accounts"])), keys, issuer)
    claims = await verify(issuer.mint(issuer.claims(aud="elsewhere")), keys, issuer, audience=None)
    assert claims["aud"] == "elsewhere"


@pytest.mark.behaviour("AUTH-JWT-KIND")
@pytest.mark.parametrize("kind", [None, "JWT", "id+jwt", "logout+jwt", "oauth-id-jag+jwt", "dpop+jwt", ""])
async def test_only_access_tokens_of_rfc_9068_are_taken(keys, issuer, kind):
    assert await reason(issuer.mint(header={"typ": kind}), keys, issuer) == "kind"


@pytest.mark.behaviour("AUTH-JWT-KIND")
@pytest.mark.parametrize(
    ("dialect", "good", "bad"),
    [
        (
            dialects.COGNITO,
            {"token_use": "access", "aud": None},
            [{"token_use": "id"}, {"token_use": None}, {"client_id": None, "token_use": "access"}],
        ),
        (
            dialects.OKTA,
            {"cid": "chat", "scp": ["desk/use"]},
            [{}, {"cid": "chat", "nonce": "n"}, {"cid": "chat", "events": {}}],
        ),
        (
            dialects.ENTRA,
            {"azp": "chat", "ver": "2.0", "scp": "desk.use"},
            [
                {"azp": "chat", "ver": "2.0"},
                {"azp": "chat", "ver": "1.0", "scp": "a"},
                {"ver": "2.0", "roles": ["a"]},
            ],
        ),
        (
            dialects.AUTH0,
            {"azp": "chat"},
            [{}, {"azp": "chat", "nonce": "n"}, {"azp": "chat", "at_hash": "h"}],
        ),
    ],
    ids=lambda item: getattr(item, "name", None),
)
async def test_each_dialect_knows_its_access_tokens(keys, issuer, dialect, good, bad):
    options = {"dialect": dialect, "clients": {"chat"}}
    await verify(issuer.mint(issuer.claims(**good), header={"typ": "JWT"}), keys, issuer, **options)
    await verify(issuer.mint(issuer.claims(**good), header={"typ": None}), keys, issuer, **options)
    for claims in bad:
        token = issuer.mint(issuer.claims(**{"token_use": None, **claims}), header={"typ": "JWT"})
        assert await reason(token, keys, issuer, **options) == "kind"
    assert await reason(issuer.mint(issuer.claims(**good)), keys, issuer, **options) == "kind"  # typ at+jwt


@pytest.mark.behaviour("AUTH-JWT-COGNITO")
async def test_a_cognito_access_token_is_meant_for_us_by_its_client(keys, issuer):
    token = issuer.mint(issuer.claims(token_use="access", aud=None), header={"typ": None})
    options = {"dialect": dialects.COGNITO}
    await verify(token, keys, issuer, clients={"chat"}, **options)
    assert await reason(token, keys, issuer, clients={"other"}, **options) == "client"
    assert await reason(token, keys, issuer, **options) == "client"
    bound = issuer.mint(issuer.claims(token_use="access", aud="elsewhere"), header={"typ": None})
    assert await reason(bound, keys, issuer, clients={"chat"}, **options) == "audience"


async def test_an_id_token_gets_a_hint(keys, issuer):
    token = issuer.mint(issuer.claims(token_use="id"), header={"typ": None})
    with pytest.raises(TokenError, match="send the access token"):
        await verify(token, keys, issuer, dialect=dialects.COGNITO)


# The cache of verified tokens ------------------------------------------------------------------------------------


@pytest.mark.behaviour("AUTH-JWT-CACHE")
async def test_time_is_checked_again_on_every_call(keys, issuer, clock):
    token = issuer.mint()
    await verify(token, keys, issuer)
    clock.advance(299)
    await verify(token, keys, issuer)
    clock.advance(1)
    assert await reason(token, keys, issuer) == "expired"
    assert await reason(token, keys, issuer, now=clock.time() - 200, audience="other") == "audience"


@pytest.mark.behaviour("AUTH-JWT-CACHE")
async def test_a_token_seen_before_is_held_against_every_rule_again(keys, issuer):
    token = issuer.mint()
    await verify(token, keys, issuer)
    assert await reason(token, keys, issuer, audience="other") == "audience"
    assert await reason(token, keys, issuer, expected="https://other") == "issuer"
    assert await reason(token, keys, issuer, dialect=dialects.COGNITO) == "kind"
    assert await reason(token[:-4] + "AAAA", keys, issuer) == "signature"


@pytest.mark.behaviour("AUTH-JWT-CACHE")
async def test_a_token_is_forgotten_when_its_key_is_withdrawn(keys, issuer, clock):
    token = issuer.mint(issuer.claims(exp=clock.time() + 10_000))
    await verify(token, keys, issuer)
    issuer.publish(rsa_key("two"))
    await verify(issuer.mint(key=rsa_key("two")), keys, issuer)
    assert await reason(token, keys, issuer) == "key"


async def test_a_key_that_changes_under_its_name_withdraws_its_tokens(keys, issuer, clock):
    token = issuer.mint(issuer.claims(exp=clock.time() + 10_000))
    await verify(token, keys, issuer)
    impostor = {**rsa_key("two").as_dict(private=False), "kid": "one"}
    issuer.publish_raw({"keys": [impostor]})
    clock.advance(601)
    assert await reason(token, keys, issuer) == "signature"


async def test_a_seen_token_is_refused_once_the_issuer_is_out_of_reach_for_too_long(keys, issuer, clock):
    token = issuer.mint(issuer.claims(exp=clock.time() + 10_000))
    await verify(token, keys, issuer)
    issuer.down = True
    await verify(token, keys, issuer)
    clock.advance(601)
    assert await reason(token, keys, issuer) == "unreachable"


async def test_the_cache_is_bounded(keys, issuer):
    await keys.key("one")
    entry = Verified({}, "at+jwt")
    for number in range(1030):
        keys.remember(number.to_bytes(4), entry)
        assert keys.recall(number.to_bytes(4)) is entry
    assert keys.recall((0).to_bytes(4)) is None
    assert keys.recall((1029).to_bytes(4)) is not None


# The Authorization header -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c ", ["Bearer a.b.c"]])
def test_the_token_of_a_request(header):
    assert tokens.bearer(header) == "a.b.c"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "missing"),
        ([], "missing"),
        ("", "malformed"),
        ("Basic eDp5", "malformed"),
        ("AWS4-HMAC-SHA256 Credential=x", "malformed"),
        (["Bearer a", "Bearer b"], "request"),
        (["Bearer a", "Bearer a"], "request"),
    ],
)
def test_there_must_be_one_bearer_token(header, expected):
    with pytest.raises(TokenError) as caught:
        tokens.bearer(header)
    assert caught.value.reason == expected


# Nothing else is ever raised ---------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
claim_names = st.sampled_from(
    ["exp", "iat", "nbf", "iss", "sub", "aud", "client_id", "jti", "token_use", "scope"]
)
header_names = st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "b64", "x5c", "jku", "zip"])


@given(st.text(max_size=60) | st.from_regex(r"\A[A-Za-z0-9_-]{0,20}(\.[A-Za-z0-9_-]{0,20}){1,3}\Z"))
def test_no_text_raises_anything_but_a_token_error(text):
    issuer = FakeIssuer(FakeClock())
    keys = Keys(issuer.discovery_url, fetch=issuer.fetch, clock=issuer.clock)
    assert asyncio.run(reason(text, keys, issuer))
    with pytest.raises(TokenError):
        tokens.bearer([text, text])


@given(
    st.dictionaries(header_names, json_values, max_size=3),
    st.dictionaries(claim_names, json_values, max_size=4),
)
def test_no_signed_header_or_claim_raises_anything_but_a_token_error(header, claims):
    issuer = FakeIssuer(FakeClock())
    keys = Keys(issuer.discovery_url, fetch=issuer.fetch, clock=issuer.clock)
    head = segment({"alg": "RS256", "kid": "one", "typ": "at+jwt", **header})
    body = segment({**issuer.claims(), **claims})
    token = f"{head}.{body}.{segment(FakeIssuer.sign(f'{head}.{body}', rsa_key('one'), 'RS256'))}"

    async def both() -> None:
        try:
            found = await verify(token, keys, issuer)
        except TokenError:
            pass
        else:
            assert found["iss"] == issuer.issuer
        await verify(issuer.mint(), keys, issuer)

    asyncio.run(both())


def test_unverified_claims_are_read_without_proof():
    issuer = FakeIssuer(FakeClock())
    head, body, _ = issuer.mint().split(".")
    assert tokens.unverified_claims(f"{head}.{body}.AAAA")["sub"] == "user-1"
    for bad in ("", "a.b", "a.b.c", f"{head}.{segment([1])}.x"):
        with pytest.raises(TokenError):
            tokens.unverified_claims(bad)
