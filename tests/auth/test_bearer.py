from __future__ import annotations

import asyncio
import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth.bearer import MAX_TOKEN, BearerProof, expiry, read_token
from skerry.auth.bearer_sources import AskedTokens
from skerry.auth.keeper import Lease
from skerry.auth.ports import Origin
from skerry.errors import TokenError

ORIGIN = Origin("bearer", "the test", "Ask the test.")
EXPIRED = (401, b"Token has expired", {})
NOW = 1_800_000_000.0


def jwt(exp: object, number: int = 0) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'n': number})}.{part({'exp': exp})}.c2ln"


class Numbered:
    """Tokens that carry the number of the call; `same` repeats the first, `old` says that it changed."""

    origin = ORIGIN

    def __init__(self, clock, lifetime: float | None = None) -> None:
        self.clock = clock
        self.lifetime = lifetime
        self.asked: list[bool] = []
        self.same = False
        self.old = False

    def stale(self) -> bool:
        return self.old

    async def get(self, anew: bool) -> Lease[str]:
        self.asked.append(anew)
        self.old = False
        await asyncio.sleep(0)
        number = 1 if self.same else len(self.asked)
        if self.lifetime is None:
            return Lease(f"token-{number}", ORIGIN)
        return read_token(jwt(self.clock.time() + self.lifetime, number).encode(), ORIGIN, now=0)


async def shown(proof: BearerProof) -> str:
    return (await proof.headers("POST", "https://host/", {}, b""))["Authorization"]


async def test_one_fetch_for_many_and_one_more_after_a_401(clock):
    tokens = Numbered(clock)
    proof = BearerProof(tokens, now=clock.time)
    assert await asyncio.gather(*(shown(proof) for _ in range(9))) == ["Bearer token-1"] * 9
    sent = await proof.headers("POST", "https://host/", {}, b"")
    assert await asyncio.gather(*(proof.refused(*EXPIRED, sent) for _ in range(9))) == [True] * 9
    assert tokens.asked == [False, True]
    assert await shown(proof) == "Bearer token-2"
    assert await proof.refused(*EXPIRED, sent)  # a late refusal of the first one
    newer = await proof.headers("POST", "https://host/", {}, b"")
    assert not await proof.refused(*EXPIRED, newer)
    assert tokens.asked == [False, True]


async def test_the_same_token_again_is_no_reason_to_send_again(clock):
    tokens = Numbered(clock)
    tokens.same = True
    proof = BearerProof(tokens, now=clock.time)
    await shown(proof)
    assert not await proof.refused(*EXPIRED)


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (403, b"no", {}),
        (404, b"expired token", {}),
        (400, b"SessionId expired", {}),
        (403, b"", {"www-authenticate": 'Bearer error="insufficient_scope"'}),
    ],
)
async def test_other_refusals_fetch_nothing(clock, status, body, headers):
    tokens = Numbered(clock)
    proof = BearerProof(tokens, now=clock.time)
    await shown(proof)
    assert not await proof.refused(status, body, headers)
    assert tokens.asked == [False]


async def test_a_jwt_is_replaced_before_it_ends(clock):
    tokens = Numbered(clock, lifetime=3600)
    proof = BearerProof(tokens, now=clock.time)
    first = await shown(proof)
    clock.advance(3500)
    assert await shown(proof) == first
    assert tokens.asked == [False]
    clock.advance(50)
    assert await shown(proof) == first  # still holds; the next one is on its way
    clock.advance(45)
    assert await shown(proof) != first


async def test_a_source_that_changed_is_read_before_the_next_request(clock):
    tokens = Numbered(clock)
    proof = BearerProof(tokens, now=clock.time)
    assert await shown(proof) == "Bearer token-1"
    tokens.old = True
    assert await shown(proof) == await shown(proof) == "Bearer token-2"


async def test_a_function_is_asked_once_and_again_when_its_token_is_refused(clock):
    given = [jwt(NOW + 3600, 1), jwt(NOW + 3600, 2)]

    async def ask() -> str:
        return given.pop(0)

    proof = BearerProof(AskedTokens(ask, ORIGIN), now=lambda: NOW)
    first = await shown(proof)
    assert await shown(proof) == first
    assert await proof.refused(*EXPIRED)
    assert await shown(proof) != first


@pytest.mark.behaviour("AUTH-SECRET")
async def test_a_token_is_in_no_repr(clock):
    proof = BearerProof(Numbered(clock), now=clock.time)
    await shown(proof)
    assert "token-1" not in repr(proof) + repr(vars(proof)) + repr(proof._keeper.held)


# What a source gives -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "token", "expires"),
    [
        (b"abc.def-ghi_~+/==\n", "abc.def-ghi_~+/==", None),
        (b"\xef\xbb\xbfabc\r\n", "abc", None),
        (b"Bearer abc", "abc", None),
        (b'{"access_token": "abc", "expires_in": 300, "token_type": "Bearer"}', "abc", NOW + 300),
        (b'{"access_token": "abc", "expires_in": "300"}', "abc", NOW + 300),
        (b'{"access_token": "abc", "expires_in": true}', "abc", None),
        (b'"abc"', "abc", None),
        (jwt(NOW + 9).encode(), jwt(NOW + 9), NOW + 9),
        (json.dumps({"access_token": jwt(NOW + 9), "expires_in": 5}).encode(), jwt(NOW + 9), NOW + 5),
    ],
)
def test_a_token_alone_or_in_json(output, token, expires):
    lease = read_token(output, ORIGIN, now=NOW)
    assert (lease.value, lease.expires) == (token, expires)
    assert token not in repr(lease)


@pytest.mark.behaviour("AUTH-SECRET")
@pytest.mark.parametrize(
    "output",
    [
        b"",
        b" \n",
        b"Bearer ",
        b"sec ret",
        b"secret\nsecret",
        b"secret\x00",
        b"secret\r\nX-Injected: 1",
        b'{"token": "secret"}',
        b'{"access_token": 1, "x": "secret"}',
        b'{"access_token": "sec ret"}',
        b'{"secret',
        b"[" * 10,
        b'{"a":' * 60_000,
        "sécret".encode(),
        b"secret" * MAX_TOKEN,
    ],
)
def test_what_is_no_token_is_refused_without_being_shown(output):
    with pytest.raises(TokenError) as caught:
        read_token(output, ORIGIN, now=NOW)
    assert "secret" not in str(caught.value)
    assert "The test gave" in str(caught.value)


@pytest.mark.parametrize(
    "token",
    ["", "abc", "a.b.c", "a.e30.c", "..", "a.eyJleHAiOiJ4In0.c", "a.W10.c", jwt(True), jwt(float("inf"))],
)
def test_no_expiry_is_read_from_anything_else(token):
    assert expiry(token) is None


@given(st.text(max_size=200))
def test_reading_an_expiry_never_fails(token):
    expiry(token)
    expiry(f"a.{token}.c")


@given(st.binary(max_size=300))
def test_a_token_that_is_taken_can_stand_in_a_header(output):
    try:
        lease = read_token(output, ORIGIN, now=NOW)
    except TokenError:
        return
    assert lease.value.isascii()
    assert lease.value.isprintable()
    assert " " not in lease.value
