"""Session state: one contract over memory, Redis and DynamoDB, and nobody reads what is not theirs."""

import asyncio
import json
import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from key_value.aio.errors import InvalidTTLError
from redis.asyncio import Redis

from skerry.errors import ConfigurationError, StateError
from skerry.servers.caller import Caller
from skerry.servers.terraform.dynamodb_state import DynamoDBState
from skerry.servers.terraform.state import TOKEN, Preferences, Session, Sessions, principal_digest
from skerry.servers.terraform.stores import open_sessions
from skerry.settings import TerraformSettings
from skerry.wire.context import ClientContext
from tests.kit.clock import FakeClock
from tests.kit.dynamodb import dynamodb
from tests.servers.terraform.stores import KEY, redis_server

ADA, EVE = Caller("ada", "https://idp.example.com"), Caller("eve", "https://idp.example.com")
ONE, TWO = "session-one", "session-two"
SECRET = "a-terraform-token-that-nobody-may-see"
KINDS = ["memory", "redis", "dynamodb"]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    """Gives the address of a store of a kind; starts what it needs, once."""
    from contextlib import ExitStack

    with ExitStack() as stack, pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            environment.setenv(name, "testing")
        started = {"memory": "memory"}

        def give(kind):
            if kind == "redis" and kind not in started:
                started[kind] = stack.enter_context(redis_server(tmp_path_factory.mktemp("redis")))
            if kind == "dynamodb" and kind not in started:
                url = stack.enter_context(dynamodb())
                started[kind] = f"dynamodb://sessions?region=us-east-1&endpoint_url={url}&create=1"
            return started[kind]

        yield give


@pytest.fixture
def clock():
    return FakeClock(1_900_000_000.0)


@pytest.fixture(params=KINDS)
def settings(request, addresses):
    return TerraformSettings(state=addresses(request.param), state_key=(KEY,), session_lifetime=600)


@pytest.fixture
async def opened(settings, clock):
    found = open_sessions(settings, clock)
    yield found
    await found.close()


@pytest.fixture
def sessions(opened):
    return opened.sessions


@pytest.fixture
async def session(sessions):
    """Ada's session of this test alone: the stores live longer than a test."""
    return sessions.of(ADA, f"session-{os.urandom(8).hex()}")


@pytest.mark.behaviour("TF-STATE")
async def test_what_is_set_is_there_and_nothing_else_is(session):
    assert await session.preferences() == Preferences()
    assert (await session.token(), await session.context()) == ("", None)
    await session.set_preferences(Preferences("acme", "prj-1"))
    await session.set_token(SECRET)
    context = ClientContext(
        session.id, "eu-west-1", "ops ✓", 1_700_000_000.5, {"auto_format": True, "n": [1, None]}
    )
    await session.remember(context)
    assert await session.preferences() == Preferences("acme", "prj-1")
    assert await session.token() == SECRET
    assert await session.context() == context.to_payload()
    await session.set_token("another-token")
    assert await session.token() == "another-token"
    await session.forget_token()
    await session.forget_token()
    assert await session.token() == ""
    assert await session.preferences() == Preferences("acme", "prj-1")


@pytest.mark.behaviour("TF-STATE-EXPIRES")
async def test_what_is_too_old_is_not_read_whatever_the_store_still_has(session, clock):
    await session.set_token(SECRET)
    clock.advance(599)
    assert await session.token() == SECRET
    clock.advance(1)
    assert await session.token() == ""
    await session.set_token(SECRET)
    assert await session.token() == SECRET


@pytest.mark.behaviour("TF-ISOLATION")
async def test_nobody_reads_what_is_not_theirs(session, sessions):
    await session.set_token(SECRET)
    await session.set_preferences(Preferences("acme"))
    strangers = [
        sessions.of(EVE, session.id),
        sessions.of(ADA, session.id + "x"),
        sessions.of(ADA, session.id.upper()),
        sessions.of(ADA, f" {session.id}"),
        sessions.of(Caller("ada", "https://other.example.com"), session.id),
        sessions.of(Caller("ada@https://idp.example.com", ""), session.id),
        sessions.of(Caller("", "ada"), session.id),
        sessions.of(Caller(f"ada\x1f{session.id}", "https://idp.example.com"), session.id),
    ]
    for stranger in strangers:
        assert await stranger.token() == ""
        assert await stranger.preferences() == Preferences()
        await stranger.set_token("mine")
    assert await session.token() == SECRET


async def test_without_a_session_id_there_is_no_session(sessions):
    assert sessions.of(ADA, "") is None


async def test_many_at_once_get_their_own(sessions):
    run = os.urandom(8).hex()
    found = [sessions.of(Caller(f"user-{n % 5}", "i"), f"{run}-{n}") for n in range(25)]
    await asyncio.gather(*(each.set_token(f"token-{n}") for n, each in enumerate(found)))
    assert await asyncio.gather(*(each.token() for each in found)) == [f"token-{n}" for n in range(25)]


@pytest.mark.behaviour("TF-APPROVAL-ONCE")
async def test_a_confirmation_is_spent_once(sessions, clock):
    approval = os.urandom(8).hex()
    assert await sessions.spend(ADA, approval) is True
    assert await sessions.spend(EVE, approval) is True
    clock.advance(1000)
    assert await asyncio.gather(*(sessions.spend(ADA, approval) for _ in range(5))) == [False] * 5
    other = os.urandom(8).hex()
    assert sorted(await asyncio.gather(*(sessions.spend(ADA, other) for _ in range(5)))) == [False] * 4 + [
        True
    ]


PARTS = st.text(max_size=12) | st.sampled_from(
    ["", "a", "ab", "|", ":", '"', "a|b", '","', "\x00", "ada@x", "é", "é"]
)


@given(st.lists(st.tuples(PARTS, PARTS, PARTS), min_size=2, max_size=8, unique=True))
def test_no_two_sessions_share_a_key(callers):
    keys = {
        Session(Sessions(None, None, 1, [b""]), Caller(subject, issuer), session)._key(TOKEN)
        for issuer, subject, session in callers
    }
    assert len(keys) == len(callers)


@given(PARTS, PARTS, PARTS)
def test_a_key_says_nothing_of_what_it_is_made_of(issuer, subject, session):
    key = Session(Sessions(None, None, 1, [b""]), Caller(subject, issuer), session)._key(TOKEN)
    assert len(key) == 64
    assert set(key) <= set("0123456789abcdef")


def test_a_principal_is_shown_as_a_digest():
    assert principal_digest(ADA) != principal_digest(EVE)
    assert "ada" not in principal_digest(ADA)
    assert principal_digest(Caller("a", "b|c")) != principal_digest(Caller("a|b", "c"))


async def everything(settings):
    """All that is in a store, as text."""
    if settings.state.startswith("redis"):
        client = Redis.from_url(settings.state, decode_responses=True)
        try:
            return "\n".join([f"{key} {await client.get(key)}" for key in await client.keys("*")])
        finally:
            await client.aclose()
    import boto3

    url = settings.state.partition("endpoint_url=")[2].partition("&")[0]
    client = boto3.client("dynamodb", "us-east-1", endpoint_url=url)
    found = client.scan(TableName="sessions")["Items"]
    client.close()
    return json.dumps(found)


@pytest.mark.behaviour("TF-ENCRYPTED")
@pytest.mark.parametrize("settings", ["redis", "dynamodb"], indirect=True)
async def test_what_leaves_the_process_is_encrypted(session, settings):
    await session.set_token(SECRET)
    await session.set_preferences(Preferences("acme-of-ada"))
    found = await everything(settings)
    assert "__encrypted_data__" in found
    for text in (SECRET, "acme-of-ada", session.id, KEY):
        assert text not in found


@pytest.mark.behaviour("TF-ENCRYPTED")
@pytest.mark.parametrize("state", ["redis://127.0.0.1:1/0", "rediss://127.0.0.1:1/0", "dynamodb://sessions"])
def test_a_store_that_outlives_the_process_needs_a_key(state, clock):
    with pytest.raises(ConfigurationError, match="Set SKERRY_TERRAFORM_STATE_KEY"):
        open_sessions(TerraformSettings(state=state), clock)
    with pytest.raises(ConfigurationError, match="at least 32 characters"):
        open_sessions(TerraformSettings(state=state, state_key=("short",)), clock)


@pytest.mark.parametrize(
    "state",
    ["disk", "http://127.0.0.1", "redis://127.0.0.1:port/0", "dynamodb://", "dynamodb://t?colour=red", ""],
)
def test_an_address_that_is_none_is_told_without_showing_it(state, clock):
    with pytest.raises(ConfigurationError) as caught:
        open_sessions(TerraformSettings(state=state, state_key=(KEY,)), clock)
    assert "SKERRY_TERRAFORM_STATE" in str(caught.value)
    assert "secret-in-the-url" not in str(caught.value)


@pytest.mark.behaviour("TF-ENCRYPTED")
@pytest.mark.parametrize("settings", ["redis", "dynamodb"], indirect=True)
async def test_keys_can_be_changed_and_a_lost_one_is_told(session, settings, clock):
    await session.set_token(SECRET)

    async def with_keys(*keys):
        opened = open_sessions(replace(settings, state_key=keys), clock)
        try:
            return await opened.sessions.of(ADA, session.id).token()
        finally:
            await opened.close()

    new = "another-made-up-secret-of-more-than-32-characters"
    assert await with_keys(new, KEY) == SECRET
    with pytest.raises(StateError, match=r"cannot be read with this server's key\. Set it again"):
        await with_keys(new)


@pytest.mark.behaviour("TF-SEALED")
@pytest.mark.parametrize("settings", ["redis", "dynamodb"], indirect=True)
async def test_a_value_that_was_moved_or_written_by_somebody_else_is_not_believed(session, sessions):
    await session.set_token(SECRET)
    eve = sessions.of(EVE, session.id)
    store, collection = sessions.store.key_value, "skerry-terraform-token"
    stolen = await store.get(session._key(TOKEN), collection=collection)
    await store.put(eve._key(TOKEN), stolen, collection=collection, ttl=60)
    with pytest.raises(StateError, match="cannot be read"):
        await eve.token()
    for forged in (
        {"value": {"token": "evil"}},
        {"value": {"token": "evil"}, "seal": "0" * 64, "expires": 9e9},
        {},
    ):
        await store.put(session._key(TOKEN), forged, collection=collection, ttl=60)
        with pytest.raises(StateError, match="cannot be read"):
            await session.token()
    await session.set_token(SECRET)
    assert await session.token() == SECRET


@pytest.mark.parametrize(
    "state",
    ["redis://:secret-in-the-url@127.0.0.1:{port}/0",
     "dynamodb://sessions?region=us-east-1&endpoint_url=http://127.0.0.1:{port}"],
)  # fmt: skip
async def test_a_store_that_does_not_answer_is_told_without_its_address(state, clock, addresses):
    import socket

    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        state = state.format(port=nobody.getsockname()[1])
        opened = open_sessions(TerraformSettings(state=state, state_key=(KEY,)), clock)
        with pytest.raises(StateError, match=r"does not answer .* Check SKERRY_TERRAFORM_STATE") as caught:
            await opened.sessions.of(ADA, ONE).token()
        await opened.close()
    assert "secret-in-the-url" not in str(caught.value)


async def test_a_table_that_is_missing_is_told(clock, addresses):
    url = addresses("dynamodb").partition("endpoint_url=")[2].partition("&")[0]
    settings = TerraformSettings(
        state=f"dynamodb://missing?region=us-east-1&endpoint_url={url}", state_key=(KEY,)
    )
    opened = open_sessions(settings, clock)
    with pytest.raises(StateError, match="StoreConnectionError"):
        await opened.sessions.of(ADA, ONE).token()
    await opened.close()


@pytest.fixture
async def table(addresses, clock):
    url = addresses("dynamodb").partition("endpoint_url=")[2].partition("&")[0]
    store = DynamoDBState("sessions", clock=clock, region="us-east-1", endpoint_url=url, create=True)
    yield store
    await store.close()


@pytest.mark.behaviour("TF-DYNAMODB")
async def test_the_port_over_dynamodb(table, clock):
    here, name = "of-this-test", os.urandom(8).hex()
    await table.put(name, {"a": 1, "b": [None, "✓"]}, collection=here, ttl=10)
    assert await table.get(name, collection=here) == {"a": 1, "b": [None, "✓"]}
    assert await table.get(name) is None
    assert await table.get(name, collection="elsewhere") is None
    value, left = await table.ttl(name, collection=here)
    assert (value, round(left)) == ({"a": 1, "b": [None, "✓"]}, 10)
    clock.advance(9.5)
    assert await table.get(name, collection=here) is not None
    clock.advance(0.5)
    assert await table.ttl(name, collection=here) == (None, None), "moto still has it: DynamoDB deletes late"
    await table.put(name, {"for": "ever"})
    assert await table.ttl(name) == ({"for": "ever"}, None)
    clock.advance(1e6)
    assert await table.delete(name) is True
    assert await table.delete(name) is False
    keys = [f"{name}-{n}" for n in range(3)]
    await table.put_many(keys[:2], [{"n": 0}, {"n": 1}], collection=here, ttl=5)
    assert await table.get_many(keys, collection=here) == [{"n": 0}, {"n": 1}, None]
    assert (await table.ttl_many(keys, collection=here))[2] == (None, None)
    assert await table.delete_many(keys, collection=here) == 2
    for ttl in (0, -1, True):
        with pytest.raises(InvalidTTLError):
            await table.put(name, {}, ttl=ttl)
    with pytest.raises(ValueError, match="zip"):
        await table.put_many(keys, [{}], collection=here)


@pytest.mark.behaviour("TF-DYNAMODB")
async def test_the_table_is_encrypted_and_deletes_by_itself(table, addresses):
    import boto3

    await table.put("a", {})
    url = addresses("dynamodb").partition("endpoint_url=")[2].partition("&")[0]
    client = boto3.client("dynamodb", "us-east-1", endpoint_url=url)
    described = client.describe_table(TableName="sessions")["Table"]
    assert [key["AttributeName"] for key in described["KeySchema"]] == ["collection", "key"]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    lifetime = client.describe_time_to_live(TableName="sessions")["TimeToLiveDescription"]
    assert (lifetime["TimeToLiveStatus"], lifetime["AttributeName"]) == ("ENABLED", "ttl")
    client.close()


async def test_what_the_port_says_of_redis_and_memory_holds_for_dynamodb_too(opened, settings):
    from key_value.aio.protocols.key_value import AsyncKeyValue

    assert isinstance(opened.sessions.store, AsyncKeyValue)
    name = os.urandom(8).hex()
    store = opened.sessions.store
    for key in (name, f"{name}::x", f"{name} ✓", "k" * 300 + name):
        await store.put(key, {"key": key}, collection=f"c::{name}", ttl=60)
    for key in (name, f"{name}::x", f"{name} ✓", "k" * 300 + name):
        value, left = await store.ttl(key, collection=f"c::{name}")
        assert value == {"key": key}
        assert left is None or left > 0
    assert await store.delete(name, collection=f"c::{name}") is True
    assert await store.delete(name, collection=f"c::{name}") is False
