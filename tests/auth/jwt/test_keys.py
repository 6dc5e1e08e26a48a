from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth.jwt.keys import MAX_DOCUMENT, Keys, discovery_urls
from skerry.errors import ConfigurationError, TokenError
from tests.kit.clock import FakeClock
from tests.kit.issuer import FakeIssuer, ec_key, rsa_key


@pytest.fixture
def keys(issuer: FakeIssuer) -> Keys:
    return Keys(issuer.discovery_url, fetch=issuer.fetch, clock=issuer.clock)


async def reason(keys: Keys, key_id: str = "one") -> str:
    with pytest.raises(TokenError) as caught:
        await keys.key(key_id)
    return caught.value.reason


async def test_keys_are_fetched_once_and_kept(keys, issuer, clock):
    first = await keys.key("one")
    clock.advance(599)
    assert await keys.key("one") is first
    assert await keys.issuer() == issuer.issuer
    assert issuer.requests == [issuer.discovery_url, issuer.jwks_uri]


async def test_keys_are_fetched_again_after_ten_minutes(keys, issuer, clock):
    first = await keys.key("one")
    clock.advance(600)
    assert await keys.key("one") is first, "the same document gives the same keys"
    assert len(issuer.requests) == 4


@pytest.mark.behaviour("AUTH-JWT-ROTATION")
async def test_an_unknown_key_id_fetches_once_at_most_every_thirty_seconds(keys, issuer, clock):
    await keys.key("one")
    issuer.publish(rsa_key("one"), rsa_key("two"))
    assert (await keys.key("two")).kid == "two"
    assert len(issuer.requests) == 4

    issuer.publish(rsa_key("one"), rsa_key("two"), rsa_key("three"))
    clock.advance(29)
    for _ in range(5):
        assert await reason(keys, "three") == "key"
    assert len(issuer.requests) == 4
    clock.advance(1)
    assert (await keys.key("three")).kid == "three"
    assert len(issuer.requests) == 6


@pytest.mark.behaviour("AUTH-JWT-ROTATION")
async def test_a_withdrawn_key_is_gone_after_the_next_fetch(keys, issuer, clock):
    await keys.key("one")
    issuer.publish(rsa_key("two"))
    await keys.key("two")
    assert await reason(keys, "one") == "key"


@pytest.mark.behaviour("AUTH-JWT-UNREACHABLE")
async def test_out_of_reach_is_refused_and_recovers(keys, issuer, clock):
    issuer.down = True
    assert await reason(keys) == "unreachable"
    assert await reason(keys) == "unreachable"
    assert len(issuer.requests) == 1, "no storm of fetches"
    issuer.down = False
    clock.advance(1)
    await keys.key("one")


@pytest.mark.behaviour("AUTH-JWT-UNREACHABLE")
async def test_old_keys_do_not_outlive_their_time_when_the_issuer_is_out_of_reach(keys, issuer, clock):
    await keys.key("one")
    issuer.down = True
    clock.advance(599)
    await keys.key("one")
    assert await reason(keys, "unknown") == "unreachable"
    await keys.key("one")
    clock.advance(1)
    assert await reason(keys) == "unreachable"


async def test_callers_at_the_same_time_share_one_fetch(issuer):
    gate = asyncio.Event()

    async def slow(url: str) -> bytes:
        await gate.wait()
        return await issuer.fetch(url)

    keys = Keys(issuer.discovery_url, fetch=slow, clock=issuer.clock)
    calls = [asyncio.create_task(keys.key("one")) for _ in range(20)]
    await asyncio.sleep(0)
    gate.set()
    assert len({id(key) for key in await asyncio.gather(*calls)}) == 1
    assert len(issuer.requests) == 2


async def test_the_metadata_is_found_at_any_of_its_places(issuer):
    keys = Keys.of_issuer(issuer.issuer, fetch=issuer.fetch, clock=issuer.clock)
    await keys.key("one")
    assert issuer.requests == [
        "https://idp.example.com/.well-known/oauth-authorization-server/desk",
        "https://idp.example.com/.well-known/openid-configuration/desk",
        "https://idp.example.com/desk/.well-known/openid-configuration",
        issuer.jwks_uri,
    ]
    assert discovery_urls("https://a.example") == (
        "https://a.example/.well-known/oauth-authorization-server",
        "https://a.example/.well-known/openid-configuration",
    )


async def test_the_metadata_must_name_the_issuer_that_was_asked_for(issuer):
    issuer.publish_raw({"keys": []}, issuer="https://idp.example.com/desk/")
    keys = Keys.of_issuer(issuer.issuer, fetch=issuer.fetch, clock=issuer.clock)
    assert await reason(keys) == "unreachable"


@pytest.mark.parametrize(
    ("uri", "good"),
    [
        ("https://keys.example.com/jwks", True),
        ("http://127.0.0.1:9/jwks", True),
        ("http://localhost/jwks", True),
        ("http://idp.example.com/jwks", False),
        ("http://127.0.0.1.example.com/jwks", False),
        ("http://127.0.0.1@example.com/jwks", False),
        ("file:///etc/passwd", False),
        ("http://[", False),
        ("", False),
        (5, False),
        (None, False),
    ],
)
async def test_keys_come_over_https_or_from_this_machine(issuer, uri, good):
    issuer.jwks_uri = uri
    issuer.publish(rsa_key("one"))
    keys = Keys(issuer.discovery_url, fetch=issuer.fetch, clock=issuer.clock)
    if good:
        await keys.key("one")
    else:
        assert await reason(keys) == "unreachable"
        assert issuer.requests == [issuer.discovery_url]


def public(key, **changes):
    return {
        name: value for name, value in {**key.as_dict(private=False), **changes}.items() if value is not None
    }


@pytest.mark.parametrize(
    "entry",
    [
        public(rsa_key("one"), use="enc"),
        public(rsa_key("one"), use=["sig"]),
        public(rsa_key("one"), use=None, key_ops=["encrypt"]),
        public(rsa_key("one"), key_ops="verify"),
        public(rsa_key("one"), alg="RS512"),
        public(rsa_key("one"), alg="HS256"),
        public(rsa_key("one"), kid=None),
        public(rsa_key("one"), kid=1),
        public(rsa_key("one"), n="!!!"),
        public(rsa_key("one"), n=5),
        public(rsa_key("one"), n=None),
        public(rsa_key("one"), e="AA"),
        public(rsa_key("one"), n="A" * 171 + rsa_key("one").as_dict(private=False)["n"][:171]),
        rsa_key("one").as_dict(private=True),
        public(ec_key("one")),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "one", "alg": "RS256"},
        {"kty": "OKP", "kid": "one"},
        {},
        None,
        "text",
        [],
    ],
)
async def test_keys_that_cannot_verify_are_left_out(keys, issuer, entry):
    issuer.publish_raw({"keys": [entry, public(rsa_key("two"))]})
    assert await reason(keys) == "key"
    await keys.key("two")


async def test_the_first_of_two_keys_with_one_id_counts(keys, issuer):
    issuer.publish_raw({"keys": [public(rsa_key("one")), public(rsa_key("two"), kid="one")]})
    assert (await keys.key("one")).as_dict(private=False)["n"] == rsa_key("one").as_dict(private=False)["n"]


async def test_only_the_curve_of_es256(issuer):
    issuer.publish_raw({"keys": [public(ec_key("big", "P-384")), public(ec_key("good"))]})
    keys = Keys(issuer.discovery_url, fetch=issuer.fetch, clock=issuer.clock, algorithm="ES256")
    assert await reason(keys, "big") == "key"
    await keys.key("good")


def test_only_asymmetric_algorithms_can_be_pinned(issuer):
    for algorithm in ("none", "HS256", "RS1", ""):
        with pytest.raises(ConfigurationError):
            Keys(issuer.discovery_url, fetch=issuer.fetch, clock=issuer.clock, algorithm=algorithm)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":null}',
        b"\xff",
        b"[" * 60_000,
        b'{"keys":[' + b"0," * 200 + b"0]}",
        b" " * (MAX_DOCUMENT + 1),
    ],
)
async def test_a_spoilt_key_set_is_out_of_reach(keys, issuer, document):
    issuer.publish_raw(document)
    assert await reason(keys) == "unreachable"


@given(
    st.binary(max_size=50)
    | st.dictionaries(
        st.sampled_from(["issuer", "jwks_uri", "keys"]), st.text() | st.lists(st.integers()) | st.none()
    ).map(lambda data: json.dumps(data).encode())
)
def test_no_document_raises_anything_but_a_token_error(document):
    issuer = FakeIssuer(FakeClock())
    issuer.documents[issuer.discovery_url] = document
    keys = Keys(issuer.discovery_url, fetch=issuer.fetch, clock=issuer.clock)
    assert asyncio.run(reason(keys)) == "unreachable"


jwk_members = st.dictionaries(
    st.sampled_from(["kty", "kid", "use", "alg", "key_ops", "n", "e", "x", "crv", "d"]),
    st.sampled_from(["RSA", "EC", "one", "sig", "RS256", "AQAB", "P-256", "", "é"])
    | st.integers()
    | st.lists(st.text(max_size=3), max_size=2)
    | st.none(),
)


@given(st.lists(jwk_members, max_size=3))
def test_no_key_set_raises_anything_but_a_token_error(entries):
    issuer = FakeIssuer(FakeClock())
    issuer.publish_raw({"keys": entries})
    keys = Keys(issuer.discovery_url, fetch=issuer.fetch, clock=issuer.clock)
    assert asyncio.run(reason(keys, "no such key")) == "key"


def test_an_issuer_must_be_a_url():
    with pytest.raises(ConfigurationError):
        discovery_urls("http://[")
